//! `spec.json`: a task and its run spec, the one file a worker reads.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RunSpec;

/// What a worker is asked to do in a job directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Train from the last checkpoint, or from the start.
    Train,
    /// Draw images from a checkpoint of a run.
    Sample(Source),
    /// Measure images drawn from a checkpoint of a run.
    Eval(Source),
}

/// Where weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The run directory, relative to the job directory.
    pub run: String,
    /// Which of its checkpoints.
    pub checkpoint: Which,
}

/// One of the checkpoints of a run; as a text `last`, `best`, `best:FIGURE` or a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Which {
    /// The newest sound one.
    #[default]
    Last,
    /// The one with the lowest figure of this name; without a name, of the first figure that any has.
    Best(Option<String>),
    /// The one of this step.
    Step(u64),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Which, String> {
        match text.split_once(':') {
            Some(("best", figure)) if !figure.is_empty() => Ok(Which::Best(Some(figure.to_owned()))),
            None if text == "last" => Ok(Which::Last),
            None if text == "best" => Ok(Which::Best(None)),
            _ => text
                .parse()
                .map(Which::Step)
                .map_err(|_| format!("expected last, best, best:FIGURE or a step, found `{text}`")),
        }
    }
}

impl TryFrom<String> for Which {
    type Error = String;

    fn try_from(text: String) -> Result<Which, String> {
        text.parse()
    }
}

impl From<Which> for String {
    fn from(which: Which) -> String {
        which.to_string()
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Last => f.write_str("last"),
            Which::Best(None) => f.write_str("best"),
            Which::Best(Some(figure)) => write!(f, "best:{figure}"),
            Which::Step(step) => write!(f, "{step}"),
        }
    }
}

/// The content of `spec.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What to do.
    pub task: Task,
    /// Keys of the spec, each with all below it, that may differ from what was done before, the data set itself among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
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

    /// A job in which nothing may differ from what was done before.
    pub fn new(task: Task, spec: RunSpec) -> Job {
        Job { task, allow: Vec::new(), spec }
    }

    /// Reads the job of a directory.
    pub fn open(dir: &Path) -> Result<Job, JobFileError> {
        let file = dir.join(Job::FILE);
        let path = file.display().to_string();
        let text =
            std::fs::read_to_string(&file).map_err(|source| JobFileError::Read { path: path.clone(), source })?;
        let mut job: Job = serde_json::from_str(&text).map_err(|source| JobFileError::Parse { path, source })?;
        // Before the rate had a horizon of its own it followed the curriculum's.
        job.spec.train.horizon = job.spec.train.horizon.or(job.spec.schedule.horizon);
        Ok(job)
    }

    /// The file's text.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_named_as_it_is_shown() {
        for text in ["last", "best", "best:fid50k_tf", "0", "400000"] {
            assert_eq!(text.parse::<Which>().map(|which| which.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "newest", "best:", "-1", "last:3"] {
            assert_eq!(
                text.parse::<Which>(),
                Err(format!("expected last, best, best:FIGURE or a step, found `{text}`"))
            );
        }
    }
}
