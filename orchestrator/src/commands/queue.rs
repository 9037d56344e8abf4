//! Jobs on other machines: handed in to a queue, watched from here, worked on there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::SignalKind;

use super::Failure;
use super::run::{run_with, told};
use super::show::open;
use super::sweep::{around, state, summary, tell_ended, tell_started};
use crate::files::{small, write_atomically};
use crate::launch::child::Held;
use crate::launch::queue::requeue::requeue;
use crate::launch::queue::{self, FOLDER, Known, Queue, settle, ticket};
use crate::launch::{Choice, end};
use crate::lock::Lock;
use crate::outlived::known;
use crate::screen::{tell, warn};
use crate::status::{State, Status};
use crate::sweep_dir::{Outcome, SweepDir};

/// How often the jobs are looked at. One look asks the queue once.
const LOOK: Duration = Duration::from_secs(2);
/// What one run was handed in to, in its directory.
const LAUNCHER: &str = "launcher.json";

/// Keeps in the directory of one run which queue it is handed in to.
pub(super) fn keep(run: &Path, launcher: &Choice) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(launcher).map_err(std::io::Error::from)?;
    Ok(write_atomically(&run.join(LAUNCHER), (text + "\n").as_bytes())?)
}

/// Hands in the jobs of `dirs`, which are those of `whole`, a sweep or a run; those that wait or run already stay where they are.
pub(super) fn hand_in(queue: &dyn Queue, whole: &Path, dirs: &[PathBuf]) -> Result<(), Failure> {
    let tickets: Vec<String> = dirs.iter().filter_map(|dir| ticket(dir)).collect();
    let known = if tickets.is_empty() { None } else { queue.ask(&tickets)? };
    let there = |dir: &PathBuf| {
        ticket(dir).is_some_and(|ticket| known.as_ref().and_then(|known| known.get(&ticket)).is_some_and(is_pending))
    };
    let (waiting, new): (Vec<PathBuf>, Vec<PathBuf>) = dirs.iter().cloned().partition(there);
    if !waiting.is_empty() {
        tell(format_args!("{} are in the queue already", waiting.len()));
    }
    let folder = whole.join(FOLDER);
    if !new.is_empty() {
        let tickets = queue::hand_in(queue, &folder, &new).inspect_err(|_| {
            warn(format_args!(
                "not all jobs were handed in; to hand in those that are left: exp resume {}",
                whole.display()
            ));
        })?;
        let (first, last) = (&tickets[0], &tickets[tickets.len() - 1]);
        let range = if tickets.len() > 1 { format!("{first} to {last}") } else { first.clone() };
        tell(format_args!("{} handed in: {range}", tickets.len()));
        tell(format_args!("  logs:   {}", folder.display()));
    }
    tell(format_args!("  to wait for the end: exp watch {}", whole.display()));
    Ok(())
}

/// Waits until all jobs of a sweep, or a run, have come to their outcome, and tells it.
pub(super) fn watch(dir: &Path) -> Result<(), Failure> {
    if SweepDir::is_one(dir) {
        let sweep = SweepDir::open(dir)?;
        let place = sweep.path().to_owned();
        return around(&place, || watch_sweep(sweep));
    }
    open(dir)?;
    let read = small(&dir.join(LAUNCHER)).and_then(|bytes| Ok(serde_json::from_slice::<Choice>(&bytes)?));
    let launcher = read.ok();
    tell(format_args!("{}: Ctrl-C leaves it alone", dir.display()));
    let mut looks = Looks::default();
    let one = [dir.to_owned()];
    while looks.over(launcher.as_ref().and_then(Choice::queue), &one)?.is_empty() {
        std::thread::sleep(LOOK);
    }
    told(dir, end::told(dir))
}

fn watch_sweep(mut sweep: SweepDir) -> Result<(), Failure> {
    sweep.say("which waits for its end: exp watch")?;
    let mut left = sweep.left(false);
    tell(format_args!(
        "{}: {} of {} jobs are left; Ctrl-C leaves them alone",
        sweep.path().display(),
        left.len(),
        sweep.len()
    ));
    let launcher = sweep.manifest().launcher.clone();
    let (mut looks, mut started) = (Looks::default(), vec![false; sweep.len()]);
    while !left.is_empty() {
        let dirs: Vec<PathBuf> = left.iter().map(|&n| sweep.dir(n)).collect();
        let over = looks.over(launcher.queue(), &dirs)?;
        for (&n, dir) in left.iter().zip(&dirs) {
            let begun = Status::read(dir).is_some_and(|status| status.state != State::Created);
            if begun && !std::mem::replace(&mut started[n], true) {
                tell_started(&sweep, n);
            }
            if over.contains(dir) {
                let outcome = end::told(dir);
                sweep.note(Outcome::of(n, state(&outcome)))?;
                tell_ended(&mut sweep, n, outcome);
            }
        }
        left = left.into_iter().zip(dirs).filter(|(_, dir)| !over.contains(dir)).map(|(n, _)| n).collect();
        if !left.is_empty() {
            std::thread::sleep(LOOK);
        }
    }
    summary(&sweep, 0, None)
}

/// Looks at jobs again and again.
#[derive(Default)]
struct Looks {
    /// Those that the queue called over the last time, while their status did not: it may have been on its way. Also those
    /// that no queue has and nobody worked on.
    doubtful: Vec<PathBuf>,
    /// What jobs waited for the last time, in the queue's words.
    reasons: BTreeSet<String>,
}

impl Looks {
    /// The jobs that have come to their outcome.
    fn over(&mut self, queue: Option<&dyn Queue>, dirs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let tickets: Vec<Option<String>> = dirs.iter().map(|dir| ticket(dir)).collect();
        let asked: Vec<String> = tickets.iter().flatten().cloned().collect();
        let known = match queue.filter(|_| !asked.is_empty()).map(|queue| queue.ask(&asked)) {
            None => None,
            Some(Ok(known)) => known,
            // It may be down for a while; what the jobs themselves say is there.
            Some(Err(error)) => {
                warn(format_args!("warning: {error}"));
                None
            }
        };
        if let Some(known) = &known {
            self.tell_reasons(known.values());
        }
        let (mut over, mut doubtful) = (Vec::new(), Vec::new());
        for (dir, ticket) in dirs.iter().zip(&tickets) {
            let left = ticket.is_none() && is_left(dir)?;
            let of_queue = match (&known, ticket) {
                (Some(known), Some(ticket)) => Some(known.get(ticket).unwrap_or(&Known::Forgotten)),
                // Nobody knows more than its status says.
                _ => None,
            };
            let sure = (of_queue.is_none_or(is_pending) && !left) || self.doubtful.contains(dir);
            match settle(dir, of_queue.filter(|_| sure))? || (left && sure) {
                true => over.push(dir.clone()),
                false if !sure => doubtful.push(dir.clone()),
                false => {}
            }
        }
        self.doubtful = doubtful;
        Ok(over)
    }

    /// Says what jobs wait for, when that is something new.
    fn tell_reasons<'a>(&mut self, known: impl Iterator<Item = &'a Known>) {
        let reason = |known: &Known| if let Known::Pending(reason) = known { reason.clone() } else { None };
        let reasons: BTreeSet<String> = known.filter_map(reason).collect();
        if !reasons.is_subset(&self.reasons) {
            let words: Vec<&str> = reasons.iter().map(String::as_str).collect();
            tell(format_args!("waiting in the queue: {}", words.join(", ")));
        }
        self.reasons = reasons;
    }
}

fn is_pending(known: &Known) -> bool {
    matches!(known, Known::Pending(_))
}

/// Whether a job of this machine was left before its end: its process is gone, or has never been. How a program ended that
/// outlived whoever had started it is written down here.
///
/// # Errors
/// What such a program left cannot be read, or its directory not be written.
fn is_left(dir: &Path) -> Result<bool, Failure> {
    let Some(status) = Status::read(dir) else { return Ok(false) };
    if !matches!(status.now(), State::Created | State::Interrupted) {
        return Ok(false);
    }
    let Ok(lock) = Lock::take(dir) else { return Ok(false) };
    if known(dir).is_some_and(|known| known.state != status.state) {
        Held::new(dir, lock, false)?;
    }
    Ok(true)
}

/// Does the job of a directory where a launcher or a queue has started this process. What is done is not done again.
pub(super) fn work(dir: &Path) -> Result<(), Failure> {
    if Status::is_done(dir) {
        tell(format_args!("{} is done", dir.display()));
        return Ok(());
    }
    run_with(dir, None, |signal| {
        if signal == SignalKind::user_defined1() && requeue(dir)? {
            tell("queued again, to go on from its checkpoint");
        }
        Ok(())
    })
}
