//! A sweep whose jobs are chosen one after another, from the outcomes so far: a free slot gets the next one at once.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use exp_api::Report;
use indicatif::MultiProgress;

use super::Failure;
use super::found;
use super::jobs::Maker;
use super::sweep::{around, state, summary, tell_ended, tell_started};
use crate::compose::{Composed, Problem};
use crate::dispatch::Jobs;
use crate::launch::end;
use crate::recorder::METRICS;
use crate::screen::{tell, warn};
use crate::status::{State, Status};
use crate::sweep::{Halving, Sampler, Search, Space};
use crate::sweep_dir::{Outcome, SweepDir};
use crate::tally::Tally;
use crate::worker::WorkerError;
use crate::{dispatch, log, report, rows};

/// How often a point that the filter leaves out is chosen anew.
const ATTEMPTS: u64 = 1_000;

/// Tries whether a point of the space makes a job that could be run, so that nothing begins that cannot.
pub(super) fn probe(maker: &Maker, search: &Search, space: &Space, sweep: &Path) -> Result<(), Failure> {
    let mut job = first(maker, search, space)?;
    Ok(maker.check(sweep, &mut job)?)
}

/// The first job of a search.
pub(super) fn first(maker: &Maker, search: &Search, space: &Space) -> Result<Composed, Failure> {
    Ok(choose(maker, &mut *search.sampler(space), space, 0)?.1)
}

/// The next point that the filter accepts, and its job.
fn choose(
    maker: &Maker,
    sampler: &mut dyn Sampler,
    space: &Space,
    number: usize,
) -> Result<(Vec<f64>, Composed), Failure> {
    for attempt in 0..ATTEMPTS {
        let point = sampler.ask(number as u64, attempt);
        if let Some(job) = maker.compose(space.words(&point), number)? {
            return Ok((point, job));
        }
    }
    let message = format!("it is true of none of {ATTEMPTS} points that were tried");
    Err(Problem::new(message).key("hydra.sweeper.where").into())
}

/// Brings a search to its end: what was begun first, then new jobs.
pub(super) fn run(
    mut sweep: SweepDir,
    left: &[usize],
    maker: &Maker,
    space: &Space,
    search: &Search,
) -> Result<(), Failure> {
    let place = sweep.path().to_owned();
    around(&place, || {
        let bars = MultiProgress::new();
        let slots = search.slots(sweep.manifest().launcher.slots());
        let launcher = sweep.manifest().launcher.launcher(slots, &bars);
        let counts = [
            sweep.len() + search.missing(sweep.len()),
            sweep.count(Some(State::Done)),
            sweep.jobs_in(State::Failed).filter(|job| !left.contains(job)).count(),
        ];
        let mut trials = Trials::new(&mut sweep, left, maker, space, search);
        let figure = Some((search.metric.clone(), search.direction));
        let mut tally = Tally::new(&mut trials, &bars, counts, figure);
        let cut = tracing::dispatcher::with_default(&log::terminal(&bars), || {
            dispatch::run_all(&mut tally, slots, &*launcher, &bars)
        })?;
        tally.close();
        let trouble = trials.trouble.take();
        found::write(&sweep, space, search)?;
        let best = found::best(&sweep, search.direction);
        if best.is_none() && sweep.count(Some(State::Done)) > 0 {
            let metric = &search.metric;
            warn(format_args!(
                "warning: no job came to a number as its `{metric}` (hydra.sweeper.metric): none is the best"
            ));
        }
        if let Some(best) = best {
            let value = best.value.unwrap_or(f64::NAN);
            tell(format_args!(
                "best {}: {} of #{} : {}",
                search.metric,
                report::number(value),
                best.job,
                sweep.entry(best.job).words
            ));
        }
        let told = summary(&sweep, search.missing(sweep.len()), cut);
        match trouble {
            Some(trouble) => {
                told.unwrap_or_else(warn);
                Err(trouble)
            }
            None => told,
        }
    })
}

/// The jobs of a search.
struct Trials<'a> {
    sweep: &'a mut SweepDir,
    /// Those that were begun and not brought to an end.
    left: VecDeque<usize>,
    maker: &'a Maker<'a>,
    space: &'a Space,
    search: &'a Search,
    sampler: Box<dyn Sampler>,
    halving: Option<Halving>,
    /// The jobs that run, with how far their metrics have been read.
    running: HashMap<usize, u64>,
    /// Those that were asked to stop because they fall behind: the step, and the value there.
    behind: HashMap<usize, (u64, f64)>,
    /// Why no more jobs are made.
    trouble: Option<Failure>,
}

impl<'a> Trials<'a> {
    fn new(
        sweep: &'a mut SweepDir,
        left: &[usize],
        maker: &'a Maker<'a>,
        space: &'a Space,
        search: &'a Search,
    ) -> Trials<'a> {
        let mut sampler = search.sampler(space);
        // A job that was tried again counts by its last outcome, one that is to be tried again by the next one.
        let outcomes = || sweep.outcomes().iter().enumerate();
        let last: HashMap<usize, usize> = outcomes().map(|(at, outcome)| (outcome.job, at)).collect();
        // A process may have come to its end while nobody noted it.
        let noted = |job: usize, state| last.get(&job).is_some_and(|&at| sweep.outcomes()[at].state == state);
        let ended = |state| sweep.jobs_in(state).filter(move |&job| !noted(job, state) && !left.contains(&job));
        let unknown: Vec<usize> = ended(State::Done).chain(ended(State::Failed)).collect();
        let counts = |at: usize, job: usize| last[&job] == at && !left.contains(&job) && !unknown.contains(&job);
        let mut halving = search.prune_from.map(|from| Halving::new(from, search.prune_factor));
        for (_, outcome) in outcomes().filter(|(at, outcome)| counts(*at, outcome.job)) {
            if let Some(cost) = cost(outcome, search) {
                sampler.tell(&sweep.entry(outcome.job).point, cost);
            }
        }
        if let Some(halving) = &mut halving {
            for job in 0..sweep.len() {
                take_in(halving, sweep, search, job, 0);
            }
            // What has been judged, or ended before it was, is not judged again.
            halving.behind();
        }
        let left = left.iter().copied().collect();
        let (running, behind) = (HashMap::new(), HashMap::new());
        let mut trials = Trials { sweep, left, maker, space, search, sampler, halving, running, behind, trouble: None };
        for job in unknown {
            let told = end::told(&trials.sweep.dir(job));
            trials.ended(job, told);
        }
        trials
    }

    /// Makes the next job.
    fn add(&mut self) -> Result<usize, Failure> {
        let number = self.sweep.len();
        let (point, job) = choose(self.maker, &mut *self.sampler, self.space, number)?;
        let mut entry = self.maker.place(self.sweep.path(), vec![job])?.freeze()?.remove(0);
        entry.point = point;
        let dir = self.sweep.path().join(&entry.dir);
        Ok(self.sweep.add(entry).inspect_err(|_| {
            // A new run that no line of the journal names would lie there for ever.
            if Status::read(&dir).is_some_and(|status| status.state == State::Created) {
                let _ = std::fs::remove_dir_all(&dir);
            }
        })?)
    }

    /// Notes an outcome, and lets the sampler learn of it.
    fn learn(&mut self, outcome: Outcome) {
        if let Some(cost) = cost(&outcome, self.search) {
            self.sampler.tell(&self.sweep.entry(outcome.job).point, cost);
        }
        if let Err(error) = self.sweep.note(outcome) {
            self.trouble.get_or_insert(error.into());
        }
    }
}

impl Jobs for Trials<'_> {
    fn next(&mut self) -> Option<(usize, PathBuf)> {
        let job = loop {
            let job = match self.left.pop_front() {
                Some(job) => job,
                None if self.trouble.is_some() || self.search.missing(self.sweep.len()) == 0 => return None,
                None => match self.add() {
                    Ok(job) => job,
                    Err(trouble) => {
                        self.trouble = Some(trouble);
                        return None;
                    }
                },
            };
            // A job that another run has done needs none of its own.
            let dir = self.sweep.dir(job);
            if Status::is_done(&dir) {
                tell_started(self.sweep, job);
                self.ended(job, end::told(&dir));
                continue;
            }
            break job;
        };
        tell_started(self.sweep, job);
        self.running.insert(job, 0);
        Some((job, self.sweep.dir(job)))
    }

    fn more(&self) -> bool {
        !self.left.is_empty() || (self.trouble.is_none() && self.search.missing(self.sweep.len()) > 0)
    }

    fn ended(&mut self, job: usize, outcome: Result<Report, WorkerError>) {
        // The others are held against it also where it was quicker than any look.
        if let (Some(read), Some(halving)) = (self.running.remove(&job), &mut self.halving) {
            take_in(halving, self.sweep, self.search, job, read);
        }
        let dir = self.sweep.dir(job);
        let (mut noted, metric) = (Outcome::of(job, state(&outcome)), &self.search.metric);
        match (&outcome, self.behind.remove(&job)) {
            (Ok(report), Some((step, value))) if report.interrupted => {
                noted = Outcome { value: Some(value), given_up: true, ..noted };
                tell(format_args!("#{job} given up at step {step}: {metric} {}", report::number(value)));
                give_up(&dir, &format!("given up at step {step}: {metric} {value} is not among the best"));
            }
            (Ok(report), _) if !report.interrupted => {
                let figure = report.figures.iter().find(|(name, _)| name == metric).map(|(_, value)| *value);
                noted.value = figure.or_else(|| rows(&dir, metric, 0).0.last().map(|(_, value)| *value));
                if noted.value.is_none() {
                    // The others would come to no more than this one did.
                    match self.sweep.outcomes().iter().all(|outcome| outcome.value.is_none()) {
                        true => drop(self.trouble.get_or_insert(unknown_metric(job, metric, report, &dir).into())),
                        false => warn(format_args!("warning: #{job} has no figure `{metric}` (hydra.sweeper.metric)")),
                    }
                }
                tell_ended(self.sweep, job, outcome);
            }
            _ => tell_ended(self.sweep, job, outcome),
        }
        noted.value = noted.value.filter(|value| !value.is_nan());
        self.learn(noted);
    }

    fn hopeless(&mut self) -> Vec<usize> {
        let Some(halving) = &mut self.halving else { return Vec::new() };
        let mut latest = HashMap::new();
        for (job, read) in &mut self.running {
            let (last, end) = take_in(halving, self.sweep, self.search, *job, *read);
            *read = end;
            latest.extend(last.map(|row| (*job, row)));
        }
        let mut found = halving.behind();
        found.retain(|job| self.running.contains_key(job) && !self.behind.contains_key(job));
        self.behind.extend(found.iter().filter_map(|job| Some((*job, *latest.get(job)?))));
        found.into_iter().collect()
    }
}

/// What a sampler learns of a job, less being better: one that failed, or came to no number, is worse than all others. None of
/// one that goes on later.
fn cost(outcome: &Outcome, search: &Search) -> Option<f64> {
    match outcome.value {
        Some(value) => Some(search.direction.cost(value)),
        None => (outcome.given_up || matches!(outcome.state, State::Done | State::Failed)).then_some(f64::INFINITY),
    }
}

/// That a job came to its end without the figure that is looked at, with those that it has.
fn unknown_metric(job: usize, metric: &str, report: &Report, dir: &Path) -> Problem {
    let (_, row) = rows::read(&dir.join(METRICS)).last().unwrap_or_default();
    let known = report.figures.iter().map(|(name, _)| name).chain(row.keys().filter(|name| *name != "step"));
    let problem =
        Problem::new(format!("job #{job} has no figure `{metric}`, and none before it had: no other one is made"));
    problem.key("hydra.sweeper.metric").nearest(metric, known.map(String::as_str))
}

/// Lets the rungs know what a job came to, by its rows from byte `from` of the file on; the last of them, and where to read on.
fn take_in(
    halving: &mut Halving,
    sweep: &SweepDir,
    search: &Search,
    job: usize,
    from: u64,
) -> (Option<(u64, f64)>, u64) {
    let (rows, end) = rows(&sweep.dir(job), &search.metric, from);
    rows.iter().for_each(|&(step, value)| halving.tell(job, step, search.direction.cost(value)));
    (rows.last().copied(), end)
}

/// The values of a metric in the rows of a run, from byte `from` of the file on, each with its step; and where to read on.
fn rows(dir: &Path, metric: &str, from: u64) -> (Vec<(u64, f64)>, u64) {
    let mut rows = rows::read_from(&dir.join(METRICS), from);
    let values = rows.by_ref().filter_map(|(step, row)| Some((step, rows::number(row.get(metric)?)?))).collect();
    (values, rows.last_begin())
}

/// Writes into the status of a job why it does not go on.
fn give_up(dir: &Path, cause: &str) {
    if let Some(mut status) = Status::read(dir).filter(|status| status.state == State::Interrupted) {
        status.cause = Some(cause.to_owned());
        if let Err(error) = status.write(dir) {
            warn(format_args!("warning: {}: {error}", dir.display()));
        }
    }
}
