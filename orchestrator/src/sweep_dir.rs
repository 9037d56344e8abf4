//! The directory of a sweep: which jobs there are, and which of them are over.
//!
//! `sweep.json`, the manifest, is written once, when the directories of all jobs are frozen and before the first job
//! starts. `journal.jsonl` gets a line for each job that comes to an outcome. The `status.json` of a job is the truth; the
//! journal spares a sweep of ten thousand jobs the reading of each. Nothing is launched here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::files::write_durably;
use crate::launch::Choice;
use crate::status::{Lock, LockError, State, Status};

/// How often the journal is flushed to the device at most: what is lost of it is read from the jobs again.
const FLUSH: Duration = Duration::from_secs(1);

/// The content of `sweep.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What brings the jobs to their outcome.
    pub launcher: Choice,
    /// The jobs; the place in the list is a job's number, for ever.
    pub jobs: Vec<Entry>,
}

/// A job of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its run directory, as seen from the sweep's.
    pub dir: PathBuf,
    /// Its overrides.
    pub words: String,
}

/// A line of `journal.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    job: usize,
    state: State,
}

/// Why a directory cannot be taken up as a sweep.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Another process runs it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// It ends before its first job.
    #[error("{0} was cut short before its first job: start the sweep anew")]
    Unfinished(String),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Files {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// A sweep that this process alone runs.
pub struct SweepDir {
    path: PathBuf,
    manifest: Manifest,
    /// What is known of each job; nothing of one that has not started.
    states: Vec<Option<State>>,
    journal: File,
    flushed: Instant,
    _lock: Lock,
}

impl SweepDir {
    /// The manifest's name.
    pub const FILE: &'static str = "sweep.json";
    /// The journal's name.
    pub const JOURNAL: &'static str = "journal.jsonl";

    /// Whether a directory is one of a sweep rather than of a run.
    pub fn is_one(dir: &Path) -> bool {
        dir.join(SweepDir::FILE).is_file() || dir.join("multirun.yaml").is_file()
    }

    /// Writes the manifest of a sweep whose jobs are all frozen.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn create(path: &Path, manifest: &Manifest) -> Result<SweepDir, SweepError> {
        let file = path.join(SweepDir::FILE);
        let failed = |source| SweepError::Files { path: file.display().to_string(), source };
        let text = serde_json::to_vec(manifest).map_err(|error| failed(error.into()))?;
        write_durably(&file, &text).map_err(failed)?;
        SweepDir::open(path)
    }

    /// Takes up a sweep, and learns from the journal and the status of the jobs how far it came.
    ///
    /// # Errors
    /// Another process runs it, or its files cannot be read.
    pub fn open(path: &Path) -> Result<SweepDir, SweepError> {
        let manifest = path.join(SweepDir::FILE);
        if !manifest.exists() {
            return Err(SweepError::Unfinished(path.display().to_string()));
        }
        let lock = Lock::take(path)?;
        let failed = |file: &Path| {
            let path = file.display().to_string();
            move |source| SweepError::Files { path, source }
        };
        let bytes = std::fs::read(&manifest).map_err(failed(&manifest))?;
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| failed(&manifest)(error.into()))?;
        let file = path.join(SweepDir::JOURNAL);
        let mut journal = OpenOptions::new().create(true).append(true).open(&file).map_err(failed(&file))?;
        let text = std::fs::read_to_string(&file).map_err(failed(&file))?;
        if !text.is_empty() && !text.ends_with('\n') {
            // A kill or a full disk cut the last line off.
            journal.write_all(b"\n").map_err(failed(&file))?;
        }
        let mut states = vec![None; manifest.jobs.len()];
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            if let Some(state) = states.get_mut(line.job) {
                *state = Some(line.state);
            }
        }
        let path = path.to_owned();
        let mut sweep = SweepDir { path, manifest, states, journal, flushed: Instant::now(), _lock: lock };
        for n in 0..sweep.states.len() {
            if sweep.states[n] != Some(State::Done) {
                let status = Status::read(&sweep.dir(n)).map(|status| status.state);
                sweep.states[n] = status.filter(|state| *state != State::Created);
            }
        }
        Ok(sweep)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its jobs.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The run directory of a job.
    pub fn dir(&self, n: usize) -> PathBuf {
        self.path.join(&self.manifest.jobs[n].dir)
    }

    /// How many jobs are in a state; `None` counts those that have not started.
    pub fn count(&self, state: Option<State>) -> usize {
        self.states.iter().filter(|found| **found == state).count()
    }

    /// The jobs that are in a state.
    pub fn jobs_in(&self, state: State) -> impl Iterator<Item = usize> + '_ {
        (0..self.states.len()).filter(move |&n| self.states[n] == Some(state))
    }

    /// The jobs that are still to be brought to an outcome: those that have not started or were cut short, and with
    /// `failed` those that failed.
    pub fn left(&self, failed: bool) -> Vec<usize> {
        let over = |n: &usize| match self.states[*n] {
            Some(State::Done) => true,
            Some(State::Failed) => !failed,
            _ => false,
        };
        (0..self.states.len()).filter(|n| !over(n)).collect()
    }

    /// Notes the outcome of a job.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn note(&mut self, job: usize, state: State) -> io::Result<()> {
        self.states[job] = Some(state);
        let mut line = serde_json::to_vec(&Line { job, state })?;
        line.push(b'\n');
        self.journal.write_all(&line)?;
        if self.flushed.elapsed() >= FLUSH {
            self.flushed = Instant::now();
            self.journal.sync_data()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::Local;

    fn sweep(root: &Path, jobs: usize) -> SweepDir {
        let entry = |n: usize| Entry { dir: n.to_string().into(), words: format!("seed={n}") };
        let launcher = Choice::Local(Local::default());
        for n in 0..jobs {
            std::fs::create_dir(root.join(n.to_string())).unwrap();
        }
        SweepDir::create(root, &Manifest { launcher, jobs: (0..jobs).map(entry).collect() }).unwrap()
    }

    #[test]
    fn what_is_left_follows_from_journal_and_status() {
        let root = tempfile::tempdir().unwrap();
        let mut first = sweep(root.path(), 5);
        assert_eq!(first.left(false), [0, 1, 2, 3, 4]);
        assert!(matches!(SweepDir::open(root.path()), Err(SweepError::Locked(_))), "two run one sweep");
        first.note(1, State::Done).unwrap();
        first.note(2, State::Failed).unwrap();
        drop(first);
        // Ended after the sweep did, and a status that its job alone wrote down.
        for (n, state) in [(0, State::Done), (2, State::Failed), (3, State::Running), (4, State::Created)] {
            Status::here(state).write(&root.path().join(n.to_string())).unwrap();
        }
        let again = SweepDir::open(root.path()).unwrap();
        assert_eq!((again.left(false), again.left(true)), (vec![3, 4], vec![2, 3, 4]));
        assert_eq!((again.count(Some(State::Done)), again.count(None)), (2, 1));
    }

    #[test]
    fn a_line_that_was_cut_off_costs_that_line_alone() {
        let root = tempfile::tempdir().unwrap();
        drop(sweep(root.path(), 3));
        let file = root.path().join(SweepDir::JOURNAL);
        std::fs::write(&file, "{\"job\":0,\"state\":\"done\"}\n{\"job\":1,\"sta").unwrap();
        let mut again = SweepDir::open(root.path()).unwrap();
        assert_eq!(again.left(false), [1, 2]);
        again.note(2, State::Done).unwrap();
        drop(again);
        assert_eq!(SweepDir::open(root.path()).unwrap().left(false), [1]);
    }
}
