//! How the process of a job is to be: its environment, its directory, its log, the commands beside it.
//!
//! This is what the `hydra` node says beyond names of directories. It is frozen with the run, as `process.json`, so that a
//! resumed run gets the same. Variables of `hydra.job.env_copy` are not in it: a job inherits them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::compose::{Composed, Node, Problem, Problems, Value, secret};
use crate::files::small_if_there;
use crate::worker::WorkerError;

/// The log of a run, if its configuration does not say another.
pub const LOG: &str = "exp.log";

/// The process of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Whether it works in the run directory (`hydra.job.chdir`).
    pub chdir: bool,
    /// Variables that it gets (`hydra.job.env_set`).
    pub env_set: BTreeMap<String, String>,
    /// What it writes down of what happens.
    pub logging: Logging,
    /// Shell commands by event (`hydra.callbacks.NAME.on_job_start` and so on), in order.
    pub callbacks: BTreeMap<String, Vec<String>>,
}

/// What a job writes down: `hydra.job_logging` and `hydra.verbose`, as far as they mean something here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// The least level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
    pub level: String,
    /// Crates of which debug messages are kept too.
    pub debug: Vec<String>,
    /// Whether the terminal shows messages.
    pub console: bool,
    /// The log, as seen from the run directory.
    pub file: Option<String>,
    /// The form of its lines, with `%(asctime)s`, `%(name)s`, `%(levelname)s` and `%(message)s`.
    pub format: String,
}

impl Default for Logging {
    fn default() -> Logging {
        Logging {
            level: "INFO".to_owned(),
            debug: Vec::new(),
            console: true,
            file: Some(LOG.to_owned()),
            format: "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s".to_owned(),
        }
    }
}

/// The levels of Python's logging.
pub const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

/// What a callback may be called at.
pub const EVENTS: [&str; 6] =
    ["on_run_start", "on_run_end", "on_multirun_start", "on_multirun_end", "on_job_start", "on_job_end"];

impl Process {
    /// The file's name in a run directory.
    pub const FILE: &'static str = "process.json";

    /// What the `hydra` node of a composed configuration asks for, in which the directory of the run is known.
    ///
    /// # Errors
    /// All that has no value or no meaning.
    pub fn of(composed: &Composed) -> Result<Process, Problems> {
        let mut problems = Problems::default();
        let mut read = |path: &str| {
            let found = problems.collect(composed.resolve(&format!("hydra.{path}"))).flatten();
            found.filter(|node| !node.value.is_missing()).unwrap_or_else(|| Node::builtin(Value::Null))
        };
        let [chdir, env_set, env_copy, verbose, callbacks, logging, dir] =
            ["job.chdir", "job.env_set", "job.env_copy", "verbose", "callbacks", "job_logging", "runtime.output_dir"]
                .map(&mut read);
        for (name, node) in entries(&env_set).filter(|(_, node)| secret::is_in(&text(node))) {
            let problem = Problem::new("would be written down; a job inherits the variable that holds the secret");
            problems.0.push(problem.key(format!("hydra.job.env_set.{name}")).trail(&node.trail));
        }
        let process = Process {
            chdir: chdir.value == Value::Bool(true),
            // What is copied from the environment is there anyway.
            env_set: entries(&env_set)
                .filter(|(name, _)| !strings(&env_copy).contains(name))
                .map(|(name, node)| (name, text(node)))
                .collect(),
            logging: Logging::of(&logging, &verbose, &text(&dir), &mut problems),
            callbacks: commands(&callbacks, &mut problems),
        };
        problems.or_ok(process)
    }

    /// Whether the job needs a process of its own.
    pub fn is_apart(&self) -> bool {
        self.chdir || !self.env_set.is_empty()
    }

    /// What was frozen with a run; the default if nothing was.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(dir: &Path) -> Result<Process, WorkerError> {
        let path = dir.join(Process::FILE);
        let read = || Ok(small_if_there(&path)?.map(|bytes| serde_json::from_slice(&bytes)).transpose()?);
        let process = read().map_err(|source| WorkerError::Files { path: path.clone(), source })?;
        Ok(process.unwrap_or_default())
    }
}

impl Logging {
    fn of(node: &Node, verbose: &Node, dir: &str, problems: &mut Problems) -> Logging {
        let default = Logging::default();
        if node.value == Value::Null {
            return default;
        }
        let handler = |name: &str| node.at(&format!("handlers.{name}"));
        let ends =
            |name: &str, end: &str| handler(name).and_then(|h| h.at("class")).is_some_and(|c| text(c).ends_with(end));
        let named = node.at("root.handlers").map(strings).unwrap_or_default();
        let to_file = named.iter().find(|name| ends(name, "FileHandler"));
        let format = to_file
            .and_then(|name| handler(name)?.at("formatter"))
            .and_then(|name| node.at(&format!("formatters.{}.format", text(name))));
        let written = node.at("root.level").map(text);
        if let Some(level) = written.iter().find(|level| !LEVELS.contains(&level.as_str())) {
            let trail = node.at("root.level").map(|node| node.trail.clone()).unwrap_or_default();
            let problem = Problem::new(format!("there is no level `{level}`")).key("hydra.job_logging.root.level");
            problems.0.push(problem.trail(&trail).nearest(level, LEVELS));
        }
        let all = verbose.value == Value::Bool(true);
        Logging {
            // Without a root logger Python shows warnings.
            level: if all { "DEBUG".to_owned() } else { written.unwrap_or_else(|| "WARNING".to_owned()) },
            debug: match &verbose.value {
                Value::Str(name) => vec![name.clone()],
                _ => strings(verbose),
            },
            console: named.iter().any(|name| ends(name, "StreamHandler")),
            file: to_file.and_then(|name| handler(name)?.at("filename")).map(|name| {
                let name = text(name);
                let inside = name.strip_prefix(dir).and_then(|rest| rest.strip_prefix('/'));
                inside.map_or(name.clone(), str::to_owned)
            }),
            format: format.map_or(default.format, text),
        }
    }
}

/// The commands of each event, in the order of the callbacks.
fn commands(callbacks: &Node, problems: &mut Problems) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, callback) in entries(callbacks) {
        let key = format!("hydra.callbacks.{name}");
        // A class in Python cannot be called from here; `exp doctor` names it.
        if callback.at("_target_").is_some() {
            continue;
        }
        for (event, node) in entries(callback) {
            let problem = |message: String| Problem::new(message).key(format!("{key}.{event}")).trail(&node.trail);
            match &node.value {
                _ if !EVENTS.contains(&event.as_str()) => {
                    problems.0.push(problem(format!("there is no event `{event}`")).nearest(&event, EVENTS));
                }
                Value::Str(command) => found.entry(event).or_default().push(command.clone()),
                other => problems.0.push(problem(format!("expected a shell command, found {}", other.kind()))),
            }
        }
    }
    found
}

fn entries(node: &Node) -> impl Iterator<Item = (String, &Node)> {
    node.as_map().into_iter().flatten().map(|(key, node)| (key.to_string(), node))
}

fn text(node: &Node) -> String {
    crate::compose::text(&node.value)
}

fn strings(node: &Node) -> Vec<String> {
    match &node.value {
        Value::List(items) => items.iter().map(text).collect(),
        _ => Vec::new(),
    }
}
