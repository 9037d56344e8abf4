//! What the two files of a sweep hold: its manifest, and the lines of its journal.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::launch::Choice;
use crate::status::State;
use crate::sweep::Search;

/// The content of `sweep.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What brings the jobs to their outcome.
    pub launcher: Choice,
    /// What chooses jobs; none: all are in the list.
    pub search: Option<Search>,
    /// What the jobs are composed of.
    pub recipe: Recipe,
    /// The jobs that were known at the start; the place in the list is a job's number, for ever.
    pub jobs: Vec<Entry>,
}

/// What the jobs of a sweep are composed of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The overrides of the command line.
    pub overrides: Vec<String>,
    /// The directory in which it was typed.
    pub cwd: PathBuf,
    /// The flag `--config-name`.
    pub config_name: Option<String>,
    /// The flag `--config-path`.
    pub config_path: Option<PathBuf>,
    /// The flag `--config-dir`.
    pub config_dir: Option<PathBuf>,
    /// The flag `--skip-done`.
    #[serde(default)]
    pub skip_done: bool,
    /// The configuration files that were read, each with the sha256 of what it says.
    pub files: BTreeMap<String, String>,
}

/// A job of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its run directory, as seen from the sweep's.
    pub dir: PathBuf,
    /// Its overrides.
    pub words: String,
    /// Where in the space of a search it lies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub point: Vec<f64>,
}

/// A line of `journal.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    /// A job that a search added; its number follows that of the one before it.
    Added(Entry),
    /// A job came to an outcome.
    Ended(Outcome),
}

/// The outcome of a job.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The job.
    pub job: usize,
    /// Where it came to.
    pub state: State,
    /// The figure that a search looks at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Whether it was given up because others did better: it is not to go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_up: bool,
}

impl Outcome {
    /// A plain one.
    pub fn of(job: usize, state: State) -> Outcome {
        Outcome { job, state, value: None, given_up: false }
    }
}
