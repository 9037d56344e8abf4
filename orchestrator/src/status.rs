//! `status.json` of a run directory: who works in it, and how it ended.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::files::{small, write_atomically};

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
