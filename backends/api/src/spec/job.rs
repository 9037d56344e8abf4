//! `spec.json`: a task and its run spec, the one file a worker reads.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RunSpec;

/// What a worker is asked to do in a job directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Train from the last checkpoint, or from the start.
    Train,
    /// Draw images from the last checkpoint of a run.
    Sample {
        /// The run directory, relative to the job directory.
        run: String,
    },
}

/// The content of `spec.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What to do.
    pub task: Task,
    /// The run.
    pub spec: RunSpec,
}

/// Why `spec.json` could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JobFileError {
    /// The file is missing or unreadable.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is no spec of this version.
    #[error("{path} is not a run spec: {source}")]
    Parse {
        /// The file.
        path: String,
        /// The cause, with its line and column.
        source: serde_json::Error,
    },
}

impl Job {
    /// The file's name in a job directory.
    pub const FILE: &'static str = "spec.json";

    /// Reads the job of a directory.
    pub fn open(dir: &Path) -> Result<Job, JobFileError> {
        let file = dir.join(Job::FILE);
        let path = file.display().to_string();
        let text =
            std::fs::read_to_string(&file).map_err(|source| JobFileError::Read { path: path.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| JobFileError::Parse { path, source })
    }

    /// The file's text.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}
