//! Jobs in a queue, one by one, each waited for: for a search, which learns from each before it makes the next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
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

/// A queue as a launcher.
pub struct Queued {
    queue: Arc<dyn Queue>,
    seen: Mutex<Seen>,
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
        Queued { queue, seen: Mutex::new(Seen { waiting: BTreeSet::new(), known: None, at: None }) }
    }

    /// What the queue knows of a job: asked about all of them, if that is long ago. None if it does not say.
    fn known(&self, ticket: &str) -> Option<Option<Known>> {
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
        seen.known.as_ref().map(|known| known.get(ticket).cloned())
    }
}

impl Launcher for Queued {
    fn pace(&self) -> Pace {
        Pace { stagger: Duration::ZERO, fail_fast: false }
    }

    fn run(&self, dir: &Path, _: usize, asked: &Asked) -> Result<Report, WorkerError> {
        let failed = |source| WorkerError::Files { path: dir.to_owned(), source };
        let apart = |error: super::QueueError| WorkerError::Apart(error.to_string());
        let before = ticket(dir).filter(|ticket| matches!(self.known(ticket), Some(Some(Known::Pending))));
        let ticket = match before {
            Some(ticket) => ticket,
            None => hand_in(&*self.queue, &dir.join(FOLDER), &[PathBuf::from(dir)]).map_err(apart)?.remove(0),
        };
        let mut cancelled = false;
        // What is over in the queue and has no status of its own may be on its way to this machine.
        let mut over = false;
        loop {
            if (asked.stop.asked() || asked.kill.asked()) && !cancelled {
                cancelled = true;
                self.queue.cancel(std::slice::from_ref(&ticket)).map_err(apart)?;
            }
            let known = self.known(&ticket);
            let pending = matches!(known, None | Some(Some(Known::Pending)));
            let told = if pending || !over { Some(&Known::Pending) } else { known.as_ref().and_then(Option::as_ref) };
            if settle(dir, told).map_err(failed)? {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).waiting.remove(&ticket);
                return end::told(dir);
            }
            over = !pending;
            std::thread::sleep(READ);
        }
    }
}
