//! `status.json` and the lock of a run directory: who works in it, and how it ended.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use exp_consistency::home::Home;
use serde::{Deserialize, Serialize};

use crate::files::{small, write_atomically};

/// What a process needs at most to write its name into a lock that it took.
const MOMENT: Duration = Duration::from_millis(50);

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Made, not started.
    Created,
    /// A process works on it.
    Running,
    /// It reached its end.
    Done,
    /// It ended by an error.
    Failed,
    /// It was stopped; it can be resumed.
    Interrupted,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] = [State::Created, State::Running, State::Done, State::Failed, State::Interrupted];

    /// The one of this word.
    pub fn of(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The word for it, as in `status.json`.
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// The content of `status.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Where the run is in its life.
    pub state: State,
    /// Who works, or worked, on it.
    pub owner: Owner,
    /// When the last process started, RFC 3339.
    pub started: Option<String>,
    /// When it ended.
    pub ended: Option<String>,
    /// Optimiser steps done at its end.
    pub step: Option<u64>,
    /// Why it ended, if not by reaching its end.
    pub cause: Option<String>,
    /// How its process ended, if it was one of its own.
    pub exit: Option<Exit>,
}

/// How a process ended, as the one that started it saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The most memory that it had at a time; unknown if nobody was there at its end.
    pub peak_rss_mib: Option<u64>,
}

/// A process on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// The machine's boot, since which the number may have been another's.
    pub boot_id: String,
    /// When it began, in ticks since that boot; not in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<u64>,
}

impl Owner {
    /// This process.
    pub fn here() -> Owner {
        static HERE: OnceLock<Owner> = OnceLock::new();
        let line = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        HERE.get_or_init(|| Owner {
            pid: std::process::id(),
            host: line("/proc/sys/kernel/hostname"),
            boot_id: line("/proc/sys/kernel/random/boot_id"),
            began: listed(std::process::id()).map(|(_, began)| began),
        })
        .clone()
    }

    /// A process that this one has started.
    pub fn child(pid: u32) -> Owner {
        Owner { pid, began: listed(pid).map(|(_, began)| began), ..Owner::here() }
    }

    /// Whether it was a process of this machine that is no more. Of other machines nothing is known.
    pub fn is_gone(&self) -> bool {
        let here = Owner::here();
        let alive = || {
            // One that nobody has waited for yet is still there, as a zombie. Its number may be that of another one now.
            let is_it = |(state, began)| state != 'Z' && self.began.is_none_or(|time| time == began);
            listed(self.pid).is_some_and(is_it)
        };
        self.host == here.host && (self.boot_id != here.boot_id || !alive())
    }
}

/// The state of a process and when it began, fields 3 and 22 of what the kernel lists of it; nothing of one that is no more.
fn listed(pid: u32) -> Option<(char, u64)> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(") ")?;
    Some((rest.chars().next()?, rest.split(' ').nth(19)?.parse().ok()?))
}

impl Status {
    /// The file's name.
    pub const FILE: &'static str = "status.json";

    /// The status of this process in a state.
    pub fn here(state: State) -> Status {
        Status { state, owner: Owner::here(), started: None, ended: None, step: None, cause: None, exit: None }
    }

    /// Where the run is now; one whose process is gone without a word was interrupted.
    pub fn now(&self) -> State {
        match self.state {
            State::Running if self.owner.is_gone() => State::Interrupted,
            state => state,
        }
    }

    /// The status of a run directory; none if it cannot be read.
    pub fn read(dir: &Path) -> Option<Status> {
        serde_json::from_slice(&small(&dir.join(Status::FILE)).ok()?).ok()
    }

    /// Whether the run of a directory reached its end.
    pub fn is_done(dir: &Path) -> bool {
        Status::read(dir).is_some_and(|status| status.state == State::Done)
    }

    /// The content of the file.
    ///
    /// # Errors
    /// None that is known.
    pub fn text(&self) -> io::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Writes it into a run directory.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        write_atomically(&dir.join(Status::FILE), self.text()?.as_bytes())
    }
}

/// The right to work in a run directory, held as long as it lives. The kernel takes it back when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    home: Home,
}

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{dir} is in use by {holder}")]
    Held {
        /// The run directory.
        dir: String,
        /// The other process, in words.
        holder: String,
    },
    /// The lock file cannot be opened.
    #[error("cannot lock {dir}: {source}")]
    Files {
        /// The run directory.
        dir: String,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// The file's name.
    pub const FILE: &'static str = ".lock";

    /// Takes the lock of a run directory.
    ///
    /// # Errors
    /// It is held, or cannot be.
    pub fn take(dir: &Path) -> Result<Lock, LockError> {
        let shown = || dir.display().to_string();
        let failed = |source| LockError::Files { dir: shown(), source };
        let path = dir.join(Lock::FILE);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(MOMENT);
                let mut text = String::new();
                let read = file.read_to_string(&mut text).map_err(failed)?;
                let holder = if read > 0 { text.trim().to_owned() } else { "another process".to_owned() };
                return Err(LockError::Held { dir: shown(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        sign(&file, &Owner::here()).map_err(failed)?;
        Ok(Lock { file, home: Home::find(dir).map_err(failed)? })
    }

    /// The lock of a run directory that this process was started with, as its standard input.
    ///
    /// # Errors
    /// The file cannot be written, or the directory opened.
    pub fn inherited(dir: &Path) -> io::Result<Lock> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        sign(&file, &Owner::here())?;
        Ok(Lock { file, home: Home::find(dir)? })
    }

    /// Holds that the directory is still where it was: it may be moved or removed, and another run begun under its name.
    ///
    /// # Errors
    /// See [`Home::path`].
    pub fn guards(&self) -> io::Result<()> {
        self.home.path().map(drop)
    }

    /// Says to others what this process does that has it, such as `exp watch`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn say(&self, doing: &str) -> io::Result<()> {
        write_holder(&self.file, &format!("{}, {doing}", named(&Owner::here())))
    }

    /// The same right for a process that is about to be started, which has it beside this one.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// Writes into a lock who has it.
///
/// # Errors
/// The file cannot be written.
pub fn sign(file: &File, owner: &Owner) -> io::Result<()> {
    write_holder(file, &named(owner))
}

fn named(owner: &Owner) -> String {
    format!("process {} on {} (boot {})", owner.pid, owner.host, owner.boot_id)
}

fn write_holder(mut file: &File, holder: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{holder}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_its_beginning() {
        let here = Owner::here();
        assert!(here.began.is_some() && !here.is_gone());
        let other = Owner { began: here.began.map(|began| began + 1), ..here.clone() };
        assert!(other.is_gone(), "another process has its number");
        let dir = tempfile::tempdir().unwrap();
        let old = Status { owner: Owner { began: None, ..here }, ..Status::here(State::Running) };
        old.write(dir.path()).unwrap();
        assert!(!Status::read(dir.path()).unwrap().owner.is_gone(), "files were written without it");
    }
}
