//! What is to be done in a run directory: the content of `spec.json`.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use exp_api::Job;
use exp_api::spec::JobFileError;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::files::open;

/// The two kinds of work.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// A job of a training backend.
    Job(Box<Job>),
    /// A program of any kind.
    Command(Command),
}

/// `spec.json` of a program.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandFile<'a> {
    command: Cow<'a, Command>,
}

impl Work {
    /// Reads the work of a directory.
    ///
    /// # Errors
    /// The file is missing, or no spec of this version.
    pub fn open(dir: &Path) -> Result<Work, JobFileError> {
        let file = dir.join(Job::FILE);
        let path = file.display().to_string();
        let text = open(&file)
            .and_then(io::read_to_string)
            .map_err(|source| JobFileError::Read { path: path.clone(), source })?;
        // A job begins with its task: a program alone begins with the word.
        let read = match text.trim_start_matches(['{', ' ', '\n']).starts_with("\"command\"") {
            true => serde_json::from_str(&text).map(|CommandFile { command }| Work::Command(command.into_owned())),
            false => serde_json::from_str(&text).map(|job| Work::Job(Box::new(job))),
        };
        read.map_err(|source| JobFileError::Parse { path, source })
    }

    /// The file's text.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        match self {
            Work::Job(job) => job.to_text(),
            Work::Command(command) => {
                serde_json::to_string_pretty(&CommandFile { command: Cow::Borrowed(command) }).map(|text| text + "\n")
            }
        }
    }
}

impl From<Job> for Work {
    fn from(job: Job) -> Work {
        Work::Job(Box::new(job))
    }
}
