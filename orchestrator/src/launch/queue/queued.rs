//! Jobs in a queue, one by one, each waited for: for a search, which learns from each before it makes the next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use exp_api::Report;

use super::{FOLDER, Known, Queue, hand_in, settle, ticket};
use crate::launch::{Asked, Launcher, Pace, end};
use crate::screen::warn;
use crate::worker::WorkerError;

/// How often a job's status is read.
const READ: Duration = Duration::from_millis(500);
/// How often the queue is asked at most, about all jobs at once: it serves others too.
const ASK: Duration = Duration::from_secs(5);
/// For how long a queue that took jobs before may take none.
const OUTAGE: Duration = Duration::from_secs(15 * 60);

/// A queue as a launcher.
pub struct Queued {
    queue: Arc<dyn Queue>,
    seen: Mutex<Seen>,
    /// Whether the queue has taken a job: what is wrong then is not how it is called.
    works: AtomicBool,
    /// The time between two attempts.
    pause: Duration,
}

/// What the queue said last.
struct Seen {
    waiting: BTreeSet<String>,
    known: Option<BTreeMap<String, Known>>,
    at: Option<Instant>,
}

impl Queued {
    /// Over a queue.
    pub fn new(queue: Arc<dyn Queue>) -> Queued {
        let seen = Mutex::new(Seen { waiting: BTreeSet::new(), known: None, at: None });
        Queued { queue, seen, works: AtomicBool::new(false), pause: ASK }
    }

    /// What the queue knows of a job: asked about all of them, if that is long ago. None if it does not say.
    fn known(&self, ticket: &str) -> Option<Known> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let new = seen.waiting.insert(ticket.to_owned());
        if new || seen.at.is_none_or(|at| at.elapsed() >= ASK) {
            let tickets: Vec<String> = seen.waiting.iter().cloned().collect();
            seen.at = Some(Instant::now());
            match self.queue.ask(&tickets) {
                Ok(known) => seen.known = known,
                // It may be down for a while.
                Err(error) => {
                    warn(format_args!("warning: {error}"));
                    seen.known = None;
                }
            }
        }
        seen.known.as_ref().map(|known| known.get(ticket).cloned().unwrap_or(Known::Forgotten))
    }

    /// Hands in a job, and gives back its ticket; none if it was asked to stop before the queue took it.
    ///
    /// # Errors
    /// The queue does not take it, and has taken none before, or none for long.
    fn hand_in(&self, dir: &Path, asked: &Asked) -> Result<Option<String>, WorkerError> {
        let (start, mut told) = (Instant::now(), String::new());
        loop {
            let error = match hand_in(&*self.queue, &dir.join(FOLDER), &[PathBuf::from(dir)]) {
                Ok(mut tickets) => {
                    self.works.store(true, Ordering::Relaxed);
                    return Ok(tickets.pop());
                }
                Err(error) => error.to_string(),
            };
            if !self.works.load(Ordering::Relaxed) || start.elapsed() >= OUTAGE {
                return Err(WorkerError::NotStarted(error));
            }
            if told != error {
                warn(format_args!("warning: {error}; it is tried again"));
                told = error;
            }
            let failed = Instant::now();
            while failed.elapsed() < self.pause {
                if is_over(asked) {
                    return Ok(None);
                }
                std::thread::sleep(READ.min(self.pause));
            }
        }
    }
}

/// Whether a job is asked to end.
fn is_over(asked: &Asked) -> bool {
    asked.stop.asked() || asked.kill.asked()
}

impl Launcher for Queued {
    fn pace(&self) -> Pace {
        Pace { stagger: Duration::ZERO, fail_fast: false }
    }

    fn run(&self, dir: &Path, _: usize, asked: &Asked) -> Result<Report, WorkerError> {
        let failed = |source| WorkerError::Files { path: dir.to_owned(), source };
        let before = ticket(dir).filter(|ticket| matches!(self.known(ticket), Some(Known::Pending(_))));
        let ticket = match before {
            Some(ticket) => Some(ticket),
            None => self.hand_in(dir, asked)?,
        };
        let Some(ticket) = ticket else { return end::told(dir) };
        let (mut cancelled, mut tried) = (false, None::<Instant>);
        // What is over in the queue and has no status of its own may be on its way to this machine.
        let mut over = false;
        loop {
            if is_over(asked) && !cancelled && tried.is_none_or(|at| at.elapsed() >= self.pause) {
                tried = Some(Instant::now());
                let cancel = self.queue.cancel(std::slice::from_ref(&ticket));
                cancelled = cancel.inspect_err(|error| warn(format_args!("warning: {error}"))).is_ok();
            }
            let known = self.known(&ticket);
            let pending = matches!(known, None | Some(Known::Pending(_)));
            if settle(dir, known.as_ref().filter(|_| pending || over)).map_err(failed)? {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).waiting.remove(&ticket);
                return end::told(dir);
            }
            over = !pending;
            std::thread::sleep(READ);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::queue::QueueError;
    use crate::status::{State, Status};

    /// Fails at some of its calls, counted over all; a job that it takes is done at once, and one that is cancelled is stopped.
    struct Moody {
        fails: fn(usize) -> bool,
        does: State,
        calls: Mutex<Vec<&'static str>>,
    }

    impl Moody {
        fn call(&self, name: &'static str) -> Result<(), QueueError> {
            let mut calls = self.calls.lock().unwrap();
            calls.push(name);
            let (command, reason) = (name.to_owned(), "Socket timed out".to_owned());
            if (self.fails)(calls.len() - 1) { Err(QueueError::Command { command, reason }) } else { Ok(()) }
        }
    }

    impl Queue for Moody {
        fn at_once(&self) -> usize {
            1
        }

        fn submit(&self, _: &Path, dirs: &[PathBuf]) -> Result<Vec<String>, QueueError> {
            self.call("submit")?;
            Status::here(self.does).write(&dirs[0]).unwrap();
            Ok(vec![dirs[0].display().to_string()])
        }

        fn ask(&self, _: &[String]) -> Result<Option<BTreeMap<String, Known>>, QueueError> {
            Ok(None)
        }

        fn cancel(&self, tickets: &[String]) -> Result<(), QueueError> {
            self.call("cancel")?;
            Status::here(State::Failed).write(Path::new(&tickets[0])).unwrap();
            Ok(())
        }
    }

    fn moody(does: State, fails: fn(usize) -> bool) -> (Arc<Moody>, Queued) {
        let queue = Arc::new(Moody { fails, does, calls: Mutex::new(Vec::new()) });
        let queued = Queued { pause: Duration::from_millis(5), ..Queued::new(queue.clone()) };
        (queue, queued)
    }

    fn job(root: &tempfile::TempDir, name: &str) -> PathBuf {
        let dir = root.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        Status::here(State::Created).write(&dir).unwrap();
        dir
    }

    #[test]
    fn a_queue_that_has_taken_a_job_is_tried_again() {
        let root = tempfile::tempdir().unwrap();
        let (queue, queued) = moody(State::Done, |call| (1..4).contains(&call));
        for name in ["0", "1"] {
            let report = queued.run(&job(&root, name), 0, &Asked::default()).unwrap();
            assert!(!report.interrupted);
        }
        assert_eq!(*queue.calls.lock().unwrap(), ["submit"; 5]);
    }

    #[test]
    fn what_is_not_taken_has_not_failed() {
        let root = tempfile::tempdir().unwrap();
        let (_, queued) = moody(State::Done, |_| true);
        let first = job(&root, "0");
        let error = queued.run(&first, 0, &Asked::default()).unwrap_err();
        assert!(matches!(error, WorkerError::NotStarted(_)), "how it is called may be wrong: {error}");
        assert_eq!(Status::read(&first).unwrap().state, State::Created);
        // Later it is down; who stops need not wait for it.
        let (_, queued) = moody(State::Done, |call| call > 0);
        queued.run(&job(&root, "1"), 0, &Asked::default()).unwrap();
        let asked = Asked::default();
        asked.stop.ask();
        assert!(queued.run(&job(&root, "2"), 0, &asked).unwrap().interrupted);
    }

    #[test]
    fn a_job_that_cannot_be_cancelled_at_once_is_cancelled_later() {
        let root = tempfile::tempdir().unwrap();
        let (queue, queued) = moody(State::Running, |call| call == 1);
        let asked = Asked::default();
        asked.stop.ask();
        queued.run(&job(&root, "0"), 0, &asked).unwrap_err();
        assert_eq!(*queue.calls.lock().unwrap(), ["submit", "cancel", "cancel"]);
    }
}
