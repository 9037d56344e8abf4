//! A program of any kind as a run: `backend=command backend.argv='["python3","train.py"]'`.
//!
//! The configuration may be any tree; the program finds it, with its interpolations resolved, in the file that
//! EXP_CONFIG names, and its run directory in EXP_OUTPUT_DIR. What it prints goes to the log of the run; `output` says
//! which lines are metrics. It keeps its own checkpoints there: a run that is resumed is the same program started again, with
//! EXP_RESUMED=1. A secret stands there by reference, `${secret:NAME}`; the program finds it in its environment. It ends
//! with 0 if it did all its work, with anything else if not.

use std::borrow::Cow;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus};

use exp_api::spec::MlflowSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::compose::{Node, Problem, Problems, Value, secret, text, to_json};
use crate::files::write_atomically;
use crate::run_path::{in_text, replaced};
use crate::track::PROJECT;

/// Its configuration, in the run directory.
pub const CONFIG: &str = "config.json";
/// The exit code, in the run directory: it is there also if whoever started the program has ended before it.
pub const CODE: &str = ".exit-code";
/// Runs the program and keeps its exit code. Signals are for the program alone, which is in the same process group.
const KEEPER: &str =
    r#"trap : INT TERM HUP USR1; "$@"; code=$?; echo $code > "$EXP_OUTPUT_DIR/.exit-code"; exit $code"#;

/// A program and what it is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where it is started: the directory in which the run was composed.
    pub cwd: PathBuf,
    /// Its configuration.
    pub config: Map<String, Json>,
    /// The run directory, as arguments and configuration name it since the run was frozen; not in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<String>,
}

impl Command {
    /// The value of `backend.name`.
    pub const NAME: &str = "command";
    /// The keys of the group `backend`.
    const KEYS: [&str; 2] = ["name", "argv"];

    /// Whether a configuration asks for a program.
    pub fn is_wanted(tree: &Node) -> bool {
        tree.at("backend.name").is_some_and(|name| name.value.as_str() == Some(Command::NAME))
    }

    /// The program that a configuration without interpolations asks for, in a run whose directory is not known.
    ///
    /// # Errors
    /// What is wrong with `backend`, and a program that is not there.
    pub fn of(tree: &Node, cwd: &Path) -> Result<Command, Problems> {
        let mut problems = Problems::default();
        for (key, node) in tree.child("backend").and_then(Node::as_map).into_iter().flatten() {
            let key = key.to_string();
            if !Command::KEYS.contains(&key.as_str()) {
                let problem = Problem::new("there is no such key").key(format!("backend.{key}")).trail(&node.trail);
                problems.0.push(problem.nearest(&key, Command::KEYS));
            }
        }
        let argv = problems.collect(argv(tree, cwd));
        let config = match to_json(tree) {
            Json::Object(config) => config,
            _ => Map::new(),
        };
        let command = Command { argv: argv.unwrap_or_default(), cwd: cwd.to_owned(), config, output_dir: None };
        problems.or_ok(command)
    }

    /// The same to work in its run directory (`hydra.job.chdir`): the program and its script, the first word behind it that names
    /// a file where the run was composed, are found all the same, as Hydra finds them. Other words are as seen from the run
    /// directory: a file that is to be written there may have a namesake here.
    pub fn anchored(mut self) -> Command {
        let cwd = &self.cwd;
        let absolute = |word: &mut String| *word = cwd.join(&*word).display().to_string();
        if let Some((program, words)) = self.argv.split_first_mut() {
            if program.contains('/') {
                absolute(program);
            }
            words.iter_mut().find(|word| cwd.join(&**word).is_file()).into_iter().for_each(absolute);
        }
        self
    }

    /// The same for a run in the directory `to`.
    pub fn moved(&self, to: &str) -> Command {
        let Some(from) = &self.output_dir else { return Command { output_dir: Some(to.to_owned()), ..self.clone() } };
        let entry = |(key, value): (&String, &Json)| (key.clone(), replaced(value, from, to));
        Command {
            argv: self.argv.iter().map(|word| in_text(word, from, to)).collect(),
            cwd: self.cwd.clone(),
            config: self.config.iter().map(entry).collect(),
            output_dir: Some(to.to_owned()),
        }
    }

    /// The directory that arguments and configuration name, if its run is in `dir` now, and was moved or copied there.
    pub fn moved_from(&self, dir: &Path) -> Option<&str> {
        // A link may lead from where it was to where it is.
        let is_there = |from: &&str| Path::new(from).canonicalize().is_ok_and(|from| from == dir);
        self.output_dir.as_deref().filter(|from| !is_there(from))
    }

    /// The same for the run in `dir`, wherever that was when it was frozen.
    pub fn here(&self, dir: &Path) -> Cow<'_, Command> {
        match self.moved_from(dir) {
            Some(_) => Cow::Owned(self.moved(&dir.to_string_lossy())),
            None => Cow::Borrowed(self),
        }
    }

    /// What this process does not have that it takes to start it, in words: a secret of its configuration, or the directory in
    /// which it is started, unless it works in its run directory. None if all is there.
    pub fn lacks(&self, chdir: bool) -> Option<String> {
        let gone = || {
            let there = "it goes on when that, or a link of its name, is there again";
            let cwd = self.cwd.display();
            (!chdir && !self.cwd.is_dir()).then(|| format!("the directory it was composed in, {cwd}, is gone; {there}"))
        };
        self.config.iter().find_map(|(key, value)| lacks(key, value)).or_else(gone)
    }

    /// Whether its metrics are kept for TensorBoard too: unless `track.tensorboard` says no.
    pub fn wants_board(&self) -> bool {
        self.track("tensorboard") != Some(&Json::Bool(false))
    }

    /// The server that it is sent to, if `track.mlflow` names its address. Other keys there are the program's own.
    pub fn mlflow(&self) -> Option<MlflowSpec> {
        let text = |key: &str| self.track("mlflow")?.get(key)?.as_str().map(str::to_owned);
        let url = Some(text("url")?);
        Some(MlflowSpec { url, experiment: text("experiment").unwrap_or_else(|| PROJECT.to_owned()) })
    }

    fn track(&self, key: &str) -> Option<&Json> {
        self.config.get("track")?.get(key)
    }

    /// The text of its configuration file.
    ///
    /// # Errors
    /// None that is known.
    pub fn config_text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&self.config).map(|text| text + "\n")
    }

    /// Makes the process for a run directory, in a group of its own, and writes its configuration there.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn prepare(&self, dir: &Path, resumed: bool) -> std::io::Result<process::Command> {
        let config = dir.join(CONFIG);
        let code = dir.join(CODE);
        if code.exists() {
            std::fs::remove_file(code)?;
        }
        write_atomically(&config, self.config_text()?.as_bytes())?;
        let mut process = process::Command::new("/bin/sh");
        process.args(["-c", KEEPER, "exp"]).args(&self.argv).current_dir(&self.cwd).process_group(0);
        process.env("EXP_OUTPUT_DIR", dir).env("EXP_CONFIG", config);
        // What Python prints would stay in its memory until there is much of it.
        process.env("PYTHONUNBUFFERED", "1").env("EXP_RESUMED", if resumed { "1" } else { "0" });
        Ok(process)
    }
}

fn lacks(key: &str, value: &Json) -> Option<String> {
    match value {
        Json::Object(map) => map.iter().find_map(|(name, value)| lacks(&format!("{key}.{name}"), value)),
        Json::Array(items) => items.iter().find_map(|item| lacks(key, item)),
        Json::String(text) => {
            let name = secret::named_in(text).find(|name| std::env::var_os(name).is_none())?;
            Some(format!("{key} refers to a secret, but the environment variable {name} is not set"))
        }
        _ => None,
    }
}

/// The exit code of the last program that ran in a directory to its end; none if there is none.
pub fn exit_code(dir: &Path) -> Option<i32> {
    std::fs::read_to_string(dir.join(CODE)).ok()?.trim().parse().ok()
}

/// How a program ended, by the exit code that its shell kept or ended with: that tells too which signal ended it.
pub fn ended(code: i32) -> ExitStatus {
    let signal = code.saturating_sub(128);
    ExitStatus::from_raw(if (1..=64).contains(&signal) { signal } else { code << 8 })
}

/// The words of `backend.argv`, of which the first is a program that is there.
fn argv(tree: &Node, cwd: &Path) -> Result<Vec<String>, Problem> {
    let key = "backend.argv";
    let missing = || Problem::new("missing; expected a program and its arguments").key(key);
    let node = tree.at(key).ok_or_else(missing)?;
    let problem = |message: String| Err(Problem::new(message).key(key).trail(&node.trail));
    let items = match &node.value {
        Value::List(items) if !items.iter().any(|item| item.value.is_container()) => items,
        _ => return problem("expected a list of words: a program and its arguments".to_owned()),
    };
    let words: Vec<String> = items.iter().map(|item| text(&item.value)).collect();
    match words.first() {
        None => problem("expected a program and its arguments, found an empty list".to_owned()),
        Some(_) if words.iter().any(|word| secret::is_in(word)) => problem(
            "arguments can be read by everybody on the machine; a program finds secrets in its environment".to_owned(),
        ),
        Some(program) if !is_there(program, cwd) => problem(format!("there is no program `{program}`")),
        Some(_) => Ok(words),
    }
}

/// Whether the system would find a program.
fn is_there(program: &str, cwd: &Path) -> bool {
    if program.contains('/') {
        return cwd.join(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
