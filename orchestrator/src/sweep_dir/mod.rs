//! The directory of a sweep: which jobs there are, and which of them are over.
//!
//! `sweep.json`, the manifest, is written once, before the first job starts; the jobs of a grid are in it, all frozen.
//! `journal.jsonl` gets a line for each job that a search adds, and for each that comes to an outcome. The `status.json` of a
//! job is the truth; the journal spares a sweep of ten thousand jobs the reading of each.
//! Nothing is launched here.

mod journal;
mod lines;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::{clear, small, write_durably};
use crate::lock::{Lock, LockError};
use crate::status::{State, Status};

use journal::Journal;
use lines::Line;
pub use lines::{Entry, Manifest, Outcome, Recipe};

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
    entries: Vec<Entry>,
    /// What is known of each job; nothing of one that has not started.
    states: Vec<Option<State>>,
    /// The outcomes that were noted, in their order.
    outcomes: Vec<Outcome>,
    /// Why jobs failed while this process saw to them: one that could not begin has it in no file.
    causes: BTreeMap<usize, String>,
    journal: Journal,
    lock: Lock,
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
        // First of all: whoever sees the manifest may take the sweep up.
        let lock = Lock::take(path)?;
        let file = path.join(SweepDir::FILE);
        let written =
            serde_json::to_vec(manifest).map_err(io::Error::from).and_then(|text| write_durably(&file, &text));
        written.map_err(failed(&file))?;
        SweepDir::held(path, lock)
    }

    /// Takes up a sweep, and learns from the journal and the status of the jobs how far it came.
    ///
    /// # Errors
    /// Another process runs it, or its files cannot be read.
    pub fn open(path: &Path) -> Result<SweepDir, SweepError> {
        if !path.join(SweepDir::FILE).exists() {
            return Err(SweepError::Unfinished(path.display().to_string()));
        }
        SweepDir::held(path, Lock::take(path)?)
    }

    /// As [`SweepDir::open`], with the lock.
    fn held(path: &Path, lock: Lock) -> Result<SweepDir, SweepError> {
        clear(path);
        let manifest = path.join(SweepDir::FILE);
        let bytes = small(&manifest).map_err(failed(&manifest))?;
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| failed(&manifest)(error.into()))?;
        let (journal, lines) = Journal::open(&path.join(SweepDir::JOURNAL))?;
        let (entries, states) = (manifest.jobs.clone(), vec![None; manifest.jobs.len()]);
        let (path, outcomes, causes) = (path.to_owned(), Vec::new(), BTreeMap::new());
        let mut sweep = SweepDir { path, manifest, entries, states, outcomes, causes, journal, lock };
        lines.into_iter().for_each(|line| sweep.learn(line));
        for n in 0..sweep.states.len() {
            if sweep.states[n] != Some(State::Done) {
                let status = Status::read(&sweep.dir(n)).map(|status| status.state);
                sweep.states[n] = status.filter(|state| *state != State::Created);
            }
        }
        Ok(sweep)
    }

    fn learn(&mut self, line: Line) {
        match line {
            Line::Added(entry) => {
                self.entries.push(entry);
                self.states.push(None);
            }
            Line::Ended(outcome) => {
                if let Some(state) = self.states.get_mut(outcome.job) {
                    *state = Some(outcome.state);
                    self.outcomes.push(outcome);
                }
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says to others who want to take it up what this process does.
    ///
    /// # Errors
    /// The lock cannot be written.
    pub fn say(&self, doing: &str) -> io::Result<()> {
        self.lock.say(doing)
    }

    /// What was written down before its first job.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many jobs there are so far.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no job.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A job.
    pub fn entry(&self, n: usize) -> &Entry {
        &self.entries[n]
    }

    /// The run directory of a job.
    pub fn dir(&self, n: usize) -> PathBuf {
        self.path.join(&self.entries[n].dir)
    }

    /// How many jobs are in a state; `None` counts those that have not started.
    pub fn count(&self, state: Option<State>) -> usize {
        self.states.iter().filter(|found| **found == state).count()
    }

    /// The jobs that are in a state.
    pub fn jobs_in(&self, state: State) -> impl Iterator<Item = usize> + '_ {
        (0..self.states.len()).filter(move |&n| self.states[n] == Some(state))
    }

    /// The outcomes that were noted, in their order.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// The jobs that were given up.
    pub fn given_up(&self) -> impl Iterator<Item = usize> + '_ {
        self.outcomes.iter().filter(|outcome| outcome.given_up).map(|outcome| outcome.job)
    }

    /// The jobs that are still to be brought to an outcome: those that have not started or were cut short, and with
    /// `failed` those that failed.
    pub fn left(&self, failed: bool) -> Vec<usize> {
        let given_up: Vec<usize> = self.given_up().collect();
        let over = |n: &usize| match self.states[*n] {
            Some(State::Done) => true,
            Some(State::Failed) => !failed,
            _ => given_up.contains(n),
        };
        (0..self.states.len()).filter(|n| !over(n)).collect()
    }

    /// Adds a job, and gives back its number.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn add(&mut self, entry: Entry) -> Result<usize, SweepError> {
        self.write(Line::Added(entry), true)?;
        Ok(self.entries.len() - 1)
    }

    /// Notes an outcome.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn note(&mut self, outcome: Outcome) -> Result<(), SweepError> {
        let durably = outcome.given_up;
        self.write(Line::Ended(outcome), durably)
    }

    /// Keeps in mind why a job failed.
    pub fn blame(&mut self, n: usize, cause: String) {
        self.causes.insert(n, cause);
    }

    /// Why a job failed, if this process saw it.
    pub fn cause(&self, n: usize) -> Option<&str> {
        self.causes.get(&n).map(String::as_str)
    }

    fn write(&mut self, line: Line, durably: bool) -> Result<(), SweepError> {
        self.journal.add(&line, durably)?;
        self.learn(line);
        Ok(())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> SweepError + use<> {
    let path = path.display().to_string();
    move |source| SweepError::Files { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::{Choice, Local};

    fn sweep(root: &Path, jobs: usize) -> SweepDir {
        let entry = |n: usize| Entry { dir: n.to_string().into(), words: format!("seed={n}"), point: Vec::new() };
        let launcher = Choice::Local(Local::basic());
        for n in 0..jobs {
            std::fs::create_dir(root.join(n.to_string())).unwrap();
        }
        let jobs = (0..jobs).map(entry).collect();
        SweepDir::create(root, &Manifest { launcher, search: None, recipe: Recipe::default(), jobs }).unwrap()
    }

    #[test]
    fn what_is_left_follows_from_journal_and_status() {
        let root = tempfile::tempdir().unwrap();
        let mut first = sweep(root.path(), 5);
        assert_eq!(first.left(false), [0, 1, 2, 3, 4]);
        assert!(matches!(SweepDir::open(root.path()), Err(SweepError::Locked(_))), "two run one sweep");
        first.note(Outcome::of(1, State::Done)).unwrap();
        first.note(Outcome::of(2, State::Failed)).unwrap();
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
        std::fs::write(&file, "{\"ended\":{\"job\":0,\"state\":\"done\"}}\n{\"ended\":{\"job\":1,\"sta").unwrap();
        let mut again = SweepDir::open(root.path()).unwrap();
        assert_eq!(again.left(false), [1, 2]);
        again.note(Outcome::of(2, State::Done)).unwrap();
        drop(again);
        assert_eq!(SweepDir::open(root.path()).unwrap().left(false), [1]);
    }

    #[test]
    fn a_search_is_taken_up_with_its_whole_history() {
        let root = tempfile::tempdir().unwrap();
        let mut first = sweep(root.path(), 0);
        for n in 0..3 {
            let entry = Entry { dir: n.to_string().into(), words: format!("x={n}"), point: vec![0.1 * f64::from(n)] };
            std::fs::create_dir(root.path().join(&entry.dir)).unwrap();
            assert_eq!(first.add(entry).unwrap(), n as usize);
        }
        let done = Outcome { value: Some(0.25), ..Outcome::of(2, State::Done) };
        let behind = Outcome { value: Some(0.5), given_up: true, ..Outcome::of(0, State::Interrupted) };
        first.note(done).unwrap();
        first.note(behind).unwrap();
        drop(first);
        let again = SweepDir::open(root.path()).unwrap();
        assert_eq!((again.outcomes(), again.left(true)), (&[done, behind][..], vec![1]));
        assert_eq!(again.entry(2).point[0], 0.2);
    }
}
