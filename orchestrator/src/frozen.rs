//! A frozen spec as a tree that overrides can edit: the `spec.json` of a run, each value with its line.

use std::path::Path;

use exp_api::Job;
use exp_api::spec::{JobFileError, RunSpec};
use serde::Deserialize;
use serde_json::Value;

use crate::command::Command;
use crate::compose::overrides::{self, Kind};
use crate::compose::{Library, Node, Origin, Override, Problem, Problems, World, extract, load_yaml};
use crate::files::open;
use crate::history::{first_row, read_json};
use crate::machine::ENVIRONMENT;
use crate::run_path::PLACEHOLDER;
use crate::work::Work;

/// This version of the program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Which version worked on a run, as `environment.jsonl` has it.
#[derive(Deserialize)]
struct Frozen {
    exp: String,
}

/// The text of the `spec.json` in `dir`.
///
/// # Errors
/// There is none that can be read.
pub fn text(dir: &Path) -> Result<String, Problem> {
    let path = dir.join(Job::FILE);
    open(&path).and_then(std::io::read_to_string).map_err(|error| {
        Problem::new(format!("{} is no run directory: cannot read {}: {error}", dir.display(), path.display()))
    })
}

/// The spec of the job in `dir`, as a tree.
///
/// # Errors
/// There is no readable `spec.json`.
pub fn load(dir: &Path) -> Result<Node, Problems> {
    let shown = dir.join(Job::FILE).display().to_string();
    // JSON is YAML: one reader serves, and every value knows its line.
    let root = load_yaml(&shown.as_str().into(), &text(dir)?)?;
    root.child("spec").cloned().ok_or_else(|| Problem::new(format!("{shown} holds no spec")).into())
}

/// The configuration of the program frozen in `dir`, as a tree that refers to the directory of its run, as Hydra's idiom does, so
/// that it can be that of another run.
///
/// # Errors
/// None that is known.
pub fn program(dir: &Path, command: &Command) -> Result<Node, Problems> {
    let shown = dir.join(Job::FILE).display().to_string();
    let anywhere = Work::Command(command.moved(PLACEHOLDER));
    let text = anywhere.to_text().map_err(|error| Problem::new(format!("{shown}: {error}")))?;
    let root = load_yaml(&shown.as_str().into(), &text)?;
    root.at("command.config").cloned().ok_or_else(|| Problem::new(format!("{shown} holds no configuration")).into())
}

/// The job in `dir`, which another version may have frozen: a key that its spec lacks counts as it is `wanted` now, and one that
/// is no longer there not at all.
///
/// # Errors
/// There is no readable `spec.json`, or one of another shape.
pub fn job(dir: &Path, wanted: &RunSpec) -> Result<Job, JobFileError> {
    let wanted = || serde_json::to_value(wanted).ok();
    let older = || {
        let mut file = read_json(&dir.join(Job::FILE))?;
        let spec = file.get_mut("spec")?;
        *spec = fitted(spec.take(), wanted()?);
        serde_json::from_value(file.into()).ok()
    };
    Job::open(dir).or_else(|error| match error {
        JobFileError::Parse { .. } => older().ok_or(error),
        JobFileError::Read { .. } => Err(error),
    })
}

/// The values of `old` under the keys of `new`.
fn fitted(old: Value, new: Value) -> Value {
    match (old, new) {
        (Value::Object(mut old), Value::Object(new)) => {
            let fit = |(key, new)| match old.remove(&key) {
                Some(old) => (key, fitted(old, new)),
                None => (key, new),
            };
            Value::Object(new.into_iter().map(fit).collect())
        }
        (old, _) => old,
    }
}

/// What is wrong with a spec that was frozen in `dir`: where it was so before a word was said, another version froze it.
pub fn explained(dir: &Path, frozen: &Node, mut problems: Problems) -> Problems {
    let Err(before) = extract::run_spec(frozen) else { return problems };
    let is_old = |problem: &Problem| before.0.iter().any(|old| old.key == problem.key);
    if problems.0.iter().any(is_old) {
        let first = first_row::<Frozen>(&dir.join(ENVIRONMENT)).map(|row| format!(" ({}, not {VERSION})", row.exp));
        let first = first.filter(|words| !words.starts_with(&format!(" ({VERSION},"))).unwrap_or_default();
        let message = format!("{} was frozen by another version of exp{first}, which had other keys", dir.display());
        let way = "add what is missing as +KEY=VALUE, and take what is no longer there away as ~KEY";
        problems.0.insert(0, Problem::new(message).hint(way));
    }
    problems
}

/// Carries out overrides of `words` on a frozen spec: values, and choices of whole groups such as `backend=tch`.
///
/// # Errors
/// What is wrong with them.
pub fn edit(spec: &mut Node, words: &[String], library: &Library, world: &World) -> Result<(), Problems> {
    let parsed = Override::parse_all(words)?;
    let mut problems = Problems::default();
    let mut values = Vec::new();
    for word in parsed {
        let chosen = (word.kind == Kind::Change && library.search.is_group(&word.key)).then(|| option(&word)).flatten();
        match chosen {
            Some(option) => drop(problems.collect(choose(spec, &word, &option, library))),
            None if word.sweep().is_some() => {
                let problem = Problem::new("one run takes one value").key(&word.key);
                problems.0.push(problem.origin(&Origin::Override { text: word.text.clone() }));
            }
            None => values.push(word),
        }
    }
    problems.or_ok(())?;
    overrides::apply(spec, &values, world)
}

/// The option that a word chooses for a group, if it is a plain text.
fn option(word: &Override) -> Option<String> {
    let node = word.element()?.to_node(&Origin::Builtin).ok()?;
    node.value.as_str().map(str::to_owned)
}

fn choose(spec: &mut Node, word: &Override, option: &str, library: &Library) -> Result<(), Problem> {
    let origin = Origin::Override { text: word.text.clone() };
    let fragment = library.load(&format!("{}/{option}", word.key))?.ok_or_else(|| {
        let options = library.search.options(&word.key);
        Problem::new(format!("`{}` has no option `{option}`", word.key))
            .key(&word.key)
            .origin(&origin)
            .nearest(option, options.iter().map(String::as_str))
    })?;
    if !fragment.defaults.is_empty() {
        let message = "an option with a defaults list cannot be put into a frozen spec";
        return Err(Problem::new(message).key(&word.key).origin(&origin));
    }
    let place = spec.as_map_mut().and_then(|map| map.get_mut(word.key.as_str()));
    match place {
        Some(node) => *node = Node { trail: fragment.body.trail.clone(), value: fragment.body.value.clone() },
        None => return Err(Problem::new("a frozen spec has no such group").key(&word.key).origin(&origin)),
    }
    Ok(())
}
