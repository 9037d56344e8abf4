//! The jobs of a sweep directory, from those that are left to the outcome of the whole: for a sweep that begins and for
//! one that goes on.

use std::collections::VecDeque;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use exp_api::Report;
use indicatif::MultiProgress;

use super::jobs::Maker;
use super::run::composed;
use super::{Failure, library, queue, search};
use crate::cli::{Cli, Flags};
use crate::compose::{Mode, Problem, World};
use crate::dispatch::{Cut, Jobs};
use crate::process::Process;
use crate::screen::{tell, warn};
use crate::status::{State, Status};
use crate::sweep::{Search, Space};
use crate::sweep_dir::{Outcome, SweepDir, SweepError};
use crate::tally::Tally;
use crate::worker::WorkerError;
use crate::{callbacks, dispatch, log, report};

/// Goes on with a sweep as it was frozen: what is done stays, what was cut short goes on, what has not started starts.
pub(super) fn resume(dir: &Path, cli: &Cli, world: &World) -> Result<(), Failure> {
    if let Some(word) = cli.overrides.first() {
        let message = format!("`{word}`: a sweep goes on as it was frozen; overrides are for one run");
        let hint = "of one of its runs: exp resume RUN key=value; more jobs: exp -m ... --skip-done";
        return Err(Problem::new(message).hint(hint).into());
    }
    let sweep = SweepDir::open(dir)?;
    sweep.manifest().launcher.get_ready();
    let left = sweep.left(cli.flags.retry_failed);
    let search = sweep.manifest().search.clone();
    let missing = search.as_ref().map_or(0, |search| search.missing(sweep.len()));
    tell(format_args!("{}: {} of {} jobs are left", dir.display(), left.len() + missing, sweep.len() + missing));
    let changed = changed(&sweep, world);
    match search {
        Some(search) if changed.is_empty() || missing == 0 => {
            changed.iter().for_each(|file| go_on_frozen(file));
            resume_search(sweep, &left, &search, world)
        }
        Some(_) => {
            let changed = changed.join(", ");
            let message = format!("since the search began, {changed} changed: its jobs could not be compared");
            Err(Problem::new(message).hint("start a search anew").into())
        }
        None => {
            changed.iter().for_each(|file| go_on_frozen(file));
            begin(sweep, &left)
        }
    }
}

/// Says that a configuration file is not what the jobs were made of.
fn go_on_frozen(file: &str) {
    warn(format_args!("warning: {file} has changed since; the jobs go on as they were frozen"));
}

/// Goes on with a search: its jobs are composed as the first ones were.
fn resume_search(sweep: SweepDir, left: &[usize], search: &Search, world: &World) -> Result<(), Failure> {
    let world = World { cwd: sweep.manifest().recipe.cwd.clone(), ..world.clone() };
    let cli = typed(&sweep);
    let library = library(&cli.flags, &world)?;
    let mut master = composed(&cli, &library, &world, &cli.overrides, Mode::Multirun)?;
    master.begin("MULTIRUN");
    let launcher = sweep.manifest().launcher.clone();
    let slots = search.slots(launcher.slots());
    let maker = Maker::new(&cli.flags, &library, &world, &master, search.filter.as_deref(), launcher.share(slots))?;
    let space = Space::asked(&master, &library)?;
    library.read_all();
    search::run(sweep, left, &maker, &space, search)
}

/// The command line that began a sweep.
fn typed(sweep: &SweepDir) -> Cli {
    let recipe = &sweep.manifest().recipe;
    let [path, dir] = [&recipe.config_path, &recipe.config_dir].map(Option::as_deref);
    let mut flags = Flags::of_configuration(recipe.config_name.as_deref(), path, dir);
    flags.skip_done = recipe.skip_done;
    Cli { command: crate::cli::Command::Run, overrides: recipe.overrides.clone(), flags }
}

/// The configuration files that have changed since a sweep began.
fn changed(sweep: &SweepDir, world: &World) -> Vec<String> {
    let recipe = &sweep.manifest().recipe;
    let world = World { cwd: recipe.cwd.clone(), ..world.clone() };
    let cli = typed(sweep);
    match library(&cli.flags, &world) {
        Ok(library) => {
            // Composing finds the places that the configuration adds, if it still does: what it lacks has changed.
            let _ = composed(&cli, &library, &world, &cli.overrides, Mode::Multirun);
            library.changed(&recipe.files)
        }
        Err(_) => vec!["the configuration directory".to_owned()],
    }
}

/// Starts the jobs of `left`: here, to their outcome; or hands them in to the queue of other machines.
pub(super) fn begin(sweep: SweepDir, left: &[usize]) -> Result<(), Failure> {
    match sweep.manifest().launcher.queue() {
        None => run(sweep, left),
        Some(_) if left.is_empty() => summary(&sweep, 0, None),
        Some(queue) => {
            let dirs: Vec<PathBuf> = left.iter().map(|&n| sweep.dir(n)).collect();
            queue::hand_in(queue, sweep.path(), &dirs)
        }
    }
}

/// Brings the jobs of `left` to their outcome, and tells that of the sweep.
fn run(mut sweep: SweepDir, left: &[usize]) -> Result<(), Failure> {
    let place = sweep.path().to_owned();
    around(&place, || {
        let bars = MultiProgress::new();
        let slots = sweep.manifest().launcher.slots();
        let launcher = sweep.manifest().launcher.launcher(slots, &bars);
        let counts =
            [sweep.len(), sweep.count(Some(State::Done)), sweep.len() - left.len() - sweep.count(Some(State::Done))];
        let mut listed = Listed { sweep: &mut sweep, left: left.iter().copied().collect(), noted: Ok(()) };
        let mut tally = Tally::new(&mut listed, &bars, counts, None);
        let cut = tracing::dispatcher::with_default(&log::terminal(&bars), || {
            dispatch::run_all(&mut tally, slots, &*launcher, &bars)
        })?;
        tally.close();
        listed.noted?;
        summary(&sweep, 0, cut)
    })
}

/// Does what a sweep does, with the commands around it that its configuration wants.
pub(super) fn around(dir: &Path, sweep: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let process = Process::open(dir)?;
    callbacks::run(&process, "on_multirun_start", dir, "running");
    let ended = sweep();
    callbacks::run(&process, "on_multirun_end", dir, if ended.is_ok() { "done" } else { "failed" });
    ended
}

/// The jobs that are left of a list.
struct Listed<'a> {
    sweep: &'a mut SweepDir,
    left: VecDeque<usize>,
    noted: Result<(), SweepError>,
}

impl Jobs for Listed<'_> {
    fn next(&mut self) -> Option<(usize, PathBuf)> {
        let job = self.left.pop_front()?;
        tell_started(self.sweep, job);
        Some((job, self.sweep.dir(job)))
    }

    fn more(&self) -> bool {
        !self.left.is_empty()
    }

    fn ended(&mut self, job: usize, outcome: Result<Report, WorkerError>) {
        let noted = self.sweep.note(Outcome::of(job, state(&outcome)));
        self.noted = std::mem::replace(&mut self.noted, Ok(())).and(noted);
        tell_ended(self.sweep, job, outcome);
    }
}

/// The state in which an outcome leaves a job.
pub(super) fn state(outcome: &Result<Report, WorkerError>) -> State {
    match outcome {
        Ok(report) if report.interrupted => State::Interrupted,
        Ok(_) => State::Done,
        Err(_) => State::Failed,
    }
}

/// Says that a job starts.
pub(super) fn tell_started(sweep: &SweepDir, job: usize) {
    tell(format_args!("#{job} : {}", sweep.entry(job).words));
}

/// Says how a job ended, and keeps in mind why it failed.
pub(super) fn tell_ended(sweep: &mut SweepDir, job: usize, outcome: Result<Report, WorkerError>) {
    let dir = sweep.dir(job);
    match outcome {
        Ok(report) if report.interrupted => {}
        Ok(report) => tell(format_args!("#{job} {}", report::summary(&dir, &report))),
        Err(error) => {
            warn(format_args!("#{job} failed: {error}\n  {}", dir.display()));
            sweep.blame(job, error.to_string());
        }
    }
}

/// Says how a sweep ended, of which `missing` jobs were not made, and which was perhaps `cut` short. What failed is said once
/// more: a sweep is long, and this is where it is looked for.
pub(super) fn summary(sweep: &SweepDir, missing: usize, cut: Option<Cut>) -> Result<(), Failure> {
    let total = sweep.len() + missing;
    let (done, failed) = (sweep.count(Some(State::Done)), sweep.count(Some(State::Failed)));
    let given_up = sweep.given_up().count();
    let left = total.saturating_sub(done + failed + given_up);
    let mut text = format!("{total} jobs: {done} done");
    for (count, word) in [(given_up, "given up"), (failed, "failed"), (left, "not done")] {
        if count > 0 {
            let _ = write!(text, ", {count} {word}");
        }
    }
    for n in sweep.jobs_in(State::Failed) {
        let _ = write!(text, "\n{}", failure(sweep, n));
    }
    let place = sweep.path().display();
    if left > 0 {
        let _ = write!(text, "\nto go on: exp resume {place}");
    }
    if failed > 0 {
        let _ = write!(text, "\nto try the failed ones again: exp resume {place} --retry-failed");
    }
    match (cut, failed + left) {
        (Some(Cut::Signal(_)), _) => Err(Failure::Interrupted(text)),
        (Some(Cut::NotStarted), _) => Err(Failure::NotStarted(text)),
        (None, 0) => {
            tell(format_args!("{text}\n  sweep:  {place}"));
            Ok(())
        }
        (None, _) => Err(Failure::Sweep(text)),
    }
}

/// A job that failed: its number and words, its cause, its memory and its log.
fn failure(sweep: &SweepDir, n: usize) -> String {
    let dir = sweep.dir(n);
    let status = Status::read(&dir);
    let written = status.as_ref().and_then(|status| status.cause.as_deref());
    let cause = sweep.cause(n).or(written).unwrap_or("no cause is known").to_owned();
    let peak = status.and_then(|status| status.exit?.peak_rss_mib).map(|peak| format!(" (at most {peak} MiB)"));
    let words = &sweep.entry(n).words;
    format!("#{n} : {words}\n  failed: {cause}{}\n  run:    {}", peak.unwrap_or_default(), dir.display())
}
