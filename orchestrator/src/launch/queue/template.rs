//! Any other queue, by the shell commands that it has: `hydra/launcher=template 'hydra.launcher.submit="qsub {script}"'`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use exp_api::schema::{Kind, group};

use super::script::{self, quoted};
use super::{Known, Queue, QueueError, call};

group! {
    /// The options of `hydra/launcher=template`: commands for `sh -c`.
    pub struct Template {
        /// Hands in `{script}`, whose output is to go to `{log}`; the last line that it prints is the queue's name for the job.
        submit: String => Kind::Text;
        /// Takes jobs `{ids}` out of the queue. Null: that cannot be done.
        cancel: Option<String> => Kind::Text, nullable;
        /// Prints the names of those of `{ids}` that wait or run, one a line. Null: the queue cannot be asked.
        query: Option<String> => Kind::Text, nullable;
        /// Shell lines before the job.
        setup: Vec<String> => Kind::List { item: &Kind::Text, min: 0 };
    }
}

impl Queue for Template {
    fn at_once(&self) -> usize {
        1
    }

    fn submit(&self, folder: &Path, dirs: &[PathBuf]) -> Result<Vec<String>, QueueError> {
        let failed = |source| QueueError::Files { path: folder.display().to_string(), source };
        let folder = folder.canonicalize().map_err(failed)?;
        let name = jiff::Timestamp::now().as_nanosecond().to_string();
        let script =
            script::write(&folder, &name, &["#!/bin/sh".to_owned()], &self.setup, "0", dirs).map_err(failed)?;
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
            true => Known::Pending(None),
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
