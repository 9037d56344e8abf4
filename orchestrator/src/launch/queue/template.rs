//! Any other queue, by the shell commands that it has: `hydra/launcher=template 'hydra.launcher.submit="qsub {script}"'`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use exp_api::schema::{Field, Kind};
use serde::{Deserialize, Serialize};

use super::script::{self, quoted};
use super::{Known, Queue, QueueError, call};

/// The options of `hydra/launcher=template`: commands for `sh -c`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Hands in `{script}`, whose output is to go to `{log}`; the last line that it prints is the queue's name for the job.
    pub submit: String,
    /// Takes jobs `{ids}` out of the queue; null: that cannot be done.
    pub cancel: Option<String>,
    /// Prints the names of those of `{ids}` that wait or run, one a line; null: the queue cannot be asked.
    pub query: Option<String>,
    /// Shell lines before the job.
    pub setup: Vec<String>,
}

impl Template {
    /// Its keys beside `name`.
    pub const FIELDS: &[Field] = &[
        command("submit", false, "Hands in {script}, with its output to {log}; prints the name of the job."),
        command("cancel", true, "Takes {ids} out of the queue."),
        command("query", true, "Prints those of {ids} that wait or run."),
        Field {
            name: "setup",
            kind: Kind::List { item: &Kind::Text, min: 0 },
            nullable: false,
            doc: "Shell lines before the job.",
        },
    ];
}

const fn command(name: &'static str, nullable: bool, doc: &'static str) -> Field {
    Field { name, kind: Kind::Text, nullable, doc }
}

impl Queue for Template {
    fn at_once(&self) -> usize {
        1
    }

    fn submit(&self, folder: &Path, dirs: &[PathBuf]) -> Result<Vec<String>, QueueError> {
        let failed = |source| QueueError::Files { path: folder.display().to_string(), source };
        let folder = folder.canonicalize().map_err(failed)?;
        let name = jiff::Timestamp::now().as_nanosecond().to_string();
        let script = script::write(&folder, &name, &[], &self.setup, "0", dirs).map_err(failed)?;
        let log = folder.join(format!("{name}.out"));
        let [script, log] = [script, log].map(|path| quoted(&path.display().to_string()));
        let line = self.submit.replace("{script}", &script).replace("{log}", &log);
        let printed = call(Command::new("sh").args(["-c", &line]))?;
        match printed.lines().map(str::trim).rfind(|line| !line.is_empty()) {
            Some(ticket) => Ok(vec![ticket.to_owned()]),
            None => {
                let reason = "it printed no name for the job".to_owned();
                Err(QueueError::Command { command: line, reason })
            }
        }
    }

    fn ask(&self, tickets: &[String]) -> Result<Option<BTreeMap<String, Known>>, QueueError> {
        let Some(query) = &self.query else { return Ok(None) };
        let printed = call(Command::new("sh").args(["-c", &filled(query, tickets)]))?;
        let there: Vec<&str> = printed.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let known = |ticket: &String| match there.contains(&ticket.as_str()) {
            true => Known::Pending,
            false => Known::Over("it is no longer in the queue".to_owned()),
        };
        Ok(Some(tickets.iter().map(|ticket| (ticket.clone(), known(ticket))).collect()))
    }

    fn cancel(&self, tickets: &[String]) -> Result<(), QueueError> {
        match &self.cancel {
            Some(cancel) => call(Command::new("sh").args(["-c", &filled(cancel, tickets)])).map(drop),
            None => Ok(()),
        }
    }
}

fn filled(command: &str, tickets: &[String]) -> String {
    let ids: Vec<String> = tickets.iter().map(|ticket| quoted(ticket)).collect();
    command.replace("{ids}", &ids.join(" "))
}
