//! Queues of other machines: jobs are handed in, and done when the queue's turn comes.
//!
//! What the queue knows a job by, its ticket, is kept in the run directory. How far a job came is read from its `status.json`;
//! the queue is asked only about those that have not come to an end there. [`Slurm`] is known by name, any other queue by
//! the commands of a [`Template`]; `script` is what both hand in, `requeue` what a job does there when its time is up.

mod queued;
pub mod requeue;
mod script;
mod slurm;
mod template;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use queued::Queued;
pub use slurm::Slurm;
pub use template::Template;

use crate::files::write_durably;
use crate::lock::{Lock, LockError};
use crate::status::{State, Status};

/// The folder for scripts and logs, in the directory of a sweep or of a run.
pub const FOLDER: &str = ".queue";
/// The file with the ticket of a job, in its run directory.
const TICKET: &str = ".ticket";

/// A queue.
pub trait Queue: Send + Sync {
    /// How many jobs can be handed in at a time.
    fn at_once(&self) -> usize;

    /// Hands in the jobs of run directories, at most [`Queue::at_once`], with scripts and logs in `folder`, and gives back a
    /// ticket for each.
    ///
    /// # Errors
    /// The queue takes none of them.
    fn submit(&self, folder: &Path, dirs: &[PathBuf]) -> Result<Vec<String>, QueueError>;

    /// What the queue knows of tickets; nothing of those that it has forgotten. None if it cannot be asked at all.
    ///
    /// # Errors
    /// It does not answer.
    fn ask(&self, tickets: &[String]) -> Result<Option<BTreeMap<String, Known>>, QueueError>;

    /// Takes jobs out of the queue; those that run are asked to stop.
    ///
    /// # Errors
    /// It does not answer.
    fn cancel(&self, tickets: &[String]) -> Result<(), QueueError>;
}

/// What a queue knows of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It will run, or runs; with what it waits for, if the queue says so.
    Pending(Option<String>),
    /// It is over, in the queue's words.
    Over(String),
    /// Somebody took it out, in the queue's words.
    Cancelled(String),
    /// Nothing, or nothing any more.
    Forgotten,
}

/// Why a queue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// A command failed.
    #[error("`{command}`: {reason}")]
    Command {
        /// What was called.
        command: String,
        /// What it said.
        reason: String,
    },
    /// A file cannot be written.
    #[error("{path}: {source}")]
    Files {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Hands in jobs, and keeps their tickets.
///
/// # Errors
/// As [`Queue::submit`]; what was handed in before has its tickets.
pub fn hand_in(queue: &dyn Queue, folder: &Path, dirs: &[PathBuf]) -> Result<Vec<String>, QueueError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| QueueError::Files { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut tickets = Vec::new();
    for dirs in dirs.chunks(queue.at_once()) {
        // What failed is about to be tried again, and may fail before `submit` is back.
        for dir in dirs {
            requeue::forget(dir).map_err(failed(dir))?;
            if let Some(mut status) = Status::read(dir).filter(|status| status.state == State::Failed) {
                status.state = State::Interrupted;
                status.write(dir).map_err(failed(dir))?;
            }
        }
        let new = queue.submit(folder, dirs)?;
        for (dir, ticket) in dirs.iter().zip(&new) {
            let file = dir.join(TICKET);
            write_durably(&file, ticket.as_bytes()).map_err(failed(&file))?;
        }
        tickets.extend(new);
    }
    Ok(tickets)
}

/// The ticket of a job; none if it was not handed in.
pub fn ticket(dir: &Path) -> Option<String> {
    fs::read_to_string(dir.join(TICKET)).ok()
}

/// Brings the status of a job in line with what its queue knows, if that is known for sure: whether it is over. A job that ended
/// without a word gets a status that says so.
///
/// # Errors
/// The status cannot be written.
pub fn settle(dir: &Path, known: Option<&Known>) -> io::Result<bool> {
    let Some(status) = Status::read(dir) else { return Ok(false) };
    match (status.state, known) {
        (State::Done, _) => Ok(true),
        // Also one that failed, by what made its queue start it again.
        (_, Some(Known::Pending(_))) => Ok(false),
        (State::Failed, _) => Ok(true),
        (_, None) => Ok(false),
        // It stopped, and the queue does not start it again.
        (State::Interrupted, _) => Ok(true),
        (State::Created | State::Running, Some(known)) => end(dir, known),
    }
}

/// Writes into the status of a job how it ended without a word; whether it did. While somebody works on it, what is over is
/// another try at it, which found it in use.
fn end(dir: &Path, known: &Known) -> io::Result<bool> {
    let _lock = match Lock::take(dir) {
        Ok(lock) => lock,
        Err(LockError::Held { .. }) => return Ok(false),
        Err(LockError::Files { source, .. }) => return Err(source),
    };
    // It may have been written meanwhile, or have been on its way from another machine.
    let unsettled = |status: &Status| matches!(status.state, State::Created | State::Running);
    let Some(mut status) = Status::read(dir).filter(unsettled) else { return Ok(false) };
    let ended = |words: &str| format!("the queue ended it: {words}");
    let cause = match known {
        Known::Pending(_) => return Ok(false),
        Known::Over(words) | Known::Cancelled(words) => ended(words),
        Known::Forgotten => "the queue knows nothing of it any more, and it came to no end".to_owned(),
    };
    // What was taken out before its turn has not failed. Of one among many Slurm forgets at once that it was.
    let taken_out = status.state == State::Created && !matches!(known, Known::Over(_));
    let state = if taken_out { State::Interrupted } else { State::Failed };
    (status.state, status.cause) = (state, Some(cause));
    status.ended = Some(jiff::Timestamp::now().to_string());
    status.write(dir)?;
    Ok(true)
}

/// Runs a command with nothing to read, and gives back what it printed.
fn call(command: &mut Command) -> Result<String, QueueError> {
    let output = command.stdin(Stdio::null()).output();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let shown = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let failed = |reason: String| QueueError::Command { command: shown, reason };
    match output {
        Err(error) => Err(failed(error.to_string())),
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(failed(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_job_counts_before_that_of_its_queue() {
        let [over, cancelled] = [Known::Over, Known::Cancelled].map(|known| known("SO".to_owned()));
        let pending = Known::Pending(None);
        let dir = tempfile::tempdir().unwrap();
        for (state, known, is_over, then) in [
            (State::Done, Some(&pending), true, State::Done),
            (State::Failed, Some(&over), true, State::Failed),
            (State::Failed, None, true, State::Failed),
            (State::Failed, Some(&pending), false, State::Failed),
            (State::Running, Some(&pending), false, State::Running),
            (State::Running, None, false, State::Running),
            (State::Interrupted, Some(&pending), false, State::Interrupted),
            (State::Interrupted, None, false, State::Interrupted),
            (State::Interrupted, Some(&over), true, State::Interrupted),
            (State::Running, Some(&over), true, State::Failed),
            (State::Running, Some(&cancelled), true, State::Failed),
            (State::Created, Some(&cancelled), true, State::Interrupted),
            (State::Created, Some(&Known::Forgotten), true, State::Interrupted),
            (State::Running, Some(&Known::Forgotten), true, State::Failed),
            (State::Created, Some(&over), true, State::Failed),
        ] {
            Status::here(state).write(dir.path()).unwrap();
            assert_eq!(settle(dir.path(), known).unwrap(), is_over, "{state:?} {known:?}");
            assert_eq!(Status::read(dir.path()).unwrap().state, then);
        }
        assert!(!settle(&dir.path().join("nowhere"), Some(&Known::Forgotten)).unwrap());
    }

    #[test]
    fn a_job_that_somebody_works_on_is_not_over() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        Status::here(State::Running).write(dir.path()).unwrap();
        let over = Known::Over("FAILED".to_owned());
        assert!(!settle(dir.path(), Some(&over)).unwrap());
        assert_eq!(Status::read(dir.path()).unwrap().state, State::Running);
        drop(lock);
        assert!(settle(dir.path(), Some(&over)).unwrap());
        assert_eq!(Status::read(dir.path()).unwrap().cause.unwrap(), "the queue ended it: FAILED");
    }

    /// Takes two jobs at a time, which fail at once; it has no room for the third one.
    struct Short;

    impl Queue for Short {
        fn at_once(&self) -> usize {
            2
        }

        fn submit(&self, _: &Path, dirs: &[PathBuf]) -> Result<Vec<String>, QueueError> {
            if dirs[0].ends_with("2") {
                return Err(QueueError::Command { command: "submit".to_owned(), reason: "it is full".to_owned() });
            }
            dirs.iter().for_each(|dir| Status::here(State::Failed).write(dir).unwrap());
            Ok(dirs.iter().map(|dir| dir.display().to_string()).collect())
        }

        fn ask(&self, _: &[String]) -> Result<Option<BTreeMap<String, Known>>, QueueError> {
            Ok(None)
        }

        fn cancel(&self, _: &[String]) -> Result<(), QueueError> {
            Ok(())
        }
    }

    #[test]
    fn what_was_handed_in_before_an_error_has_its_ticket() {
        let root = tempfile::tempdir().unwrap();
        let dirs: Vec<PathBuf> = (0..4).map(|n| root.path().join(n.to_string())).collect();
        for dir in &dirs {
            fs::create_dir(dir).unwrap();
            Status::here(State::Failed).write(dir).unwrap();
        }
        assert!(hand_in(&Short, &root.path().join(FOLDER), &dirs).is_err());
        assert_eq!(dirs.iter().map(|dir| ticket(dir).is_some()).collect::<Vec<_>>(), [true, true, false, false]);
        assert_eq!(Status::read(&dirs[0]).unwrap().state, State::Failed, "it failed again before it had its ticket");
    }
}
