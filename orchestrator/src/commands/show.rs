//! `exp show` and `exp diff`: all that is known of one run, and in what two differ.

use std::fmt::Write;
use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Failure;
use super::list::took;
use crate::cli::{Diff, Show};
use crate::compose::Problem;
use crate::history::{Detail, Evaluation, flat, text};
use crate::report::{apart, number};
use crate::screen::answer;
use crate::sweep_dir::SweepDir;
use crate::table::table;

/// What each process has of its own, whatever the machine.
const OWN: [&str; 2] = ["started", "command"];

/// A value of each of two runs, as they are compared; none where a run has no such key.
type Pair<'a> = [Option<&'a Value>; 2];

/// Prints all that is known of a run.
pub(super) fn show(show: &Show) -> Result<(), Failure> {
    let detail = open(&show.dir)?;
    if let Some(key) = &show.key {
        return Ok(answer(settings(&below(&detail.config, key)?, &detail.origins))?);
    }
    let mut out = format!("{}\n", show.dir.display());
    for (label, fact) in facts(&detail) {
        let _ = writeln!(out, "  {label:10}{fact}");
    }
    let mut section = |title: &str, text: String| {
        if !text.is_empty() {
            let _ = write!(out, "\n{title}\n{text}");
        }
    };
    section("Figures", values(&detail.run.figures));
    section("Newest metrics", values(&detail.run.last));
    section("Evaluations", evaluations(&detail.evaluations));
    section("Pictures", detail.pictures.iter().map(|path| format!("  {}\n", path.display())).collect());
    let steps: Vec<String> = detail.checkpoints.iter().map(u64::to_string).collect();
    section("Checkpoints", if steps.is_empty() { String::new() } else { format!("  {}\n", steps.join(", ")) });
    section("Configuration", settings(&detail.config, &detail.origins));
    Ok(answer(out)?)
}

/// Prints in what two runs differ.
pub(super) fn diff(diff: &Diff) -> Result<(), Failure> {
    let sides = [open(&diff.a)?, open(&diff.b)?];
    let numbers = |figures: &IndexMap<String, f64>| -> IndexMap<String, Value> {
        figures.iter().map(|(name, value)| (name.clone(), (*value).into())).collect()
    };
    let leaves = |map: &Map<String, Value>| {
        let mut found = IndexMap::new();
        flat("", &Value::Object(map.clone()), &mut found);
        OWN.iter().for_each(|key| drop(found.shift_remove(*key)));
        found
    };
    // Where each of them lies is no setting.
    let config = |side: &Detail| -> IndexMap<String, Value> {
        let program = side.run.program.clone().unwrap_or_default();
        side.config.iter().map(|(key, value)| (key.clone(), program.anywhere(value))).collect()
    };
    let shown: [fn(Pair) -> [String; 2]; 3] = [settings_apart, words_apart, figures_apart];
    let [as_json, as_words, as_figures] = shown;
    let parts = [
        ("Configuration", sides.each_ref().map(config), as_json),
        ("Code", sides.each_ref().map(|side| leaves(&side.code)), as_words),
        ("Machine", sides.each_ref().map(|side| leaves(&side.machine)), as_words),
        ("Figures", sides.each_ref().map(|side| numbers(&side.run.figures)), as_figures),
        ("Newest metrics", sides.each_ref().map(|side| numbers(&side.run.last)), as_figures),
    ];
    let mut tables = vec![format!("A  {}\nB  {}\n", diff.a.display(), diff.b.display())];
    for (title, [a, b], show) in parts {
        let keys: IndexMap<&String, ()> = a.keys().chain(b.keys()).map(|key| (key, ())).collect();
        let differing = keys.into_keys().filter(|key| a.get(*key) != b.get(*key));
        let row = |key: &String| [key.clone()].into_iter().chain(show([a.get(key), b.get(key)])).collect();
        let rows: Vec<Vec<String>> = differing.map(row).collect();
        if !rows.is_empty() {
            // Their directories would be wider than their values.
            tables.push(table(&[title, "A", "B"], &rows));
        }
    }
    if tables.len() == 1 {
        tables = vec!["no difference in configuration, code, machine, figures and metrics\n".to_owned()];
    }
    Ok(answer(tables.join("\n"))?)
}

/// In full and as JSON: `1` is another setting than `"1"`.
fn settings_apart(pair: Pair) -> [String; 2] {
    pair.map(|value| value.map_or("-".to_owned(), Value::to_string))
}

fn words_apart(pair: Pair) -> [String; 2] {
    pair.map(|value| value.map_or("-".to_owned(), text))
}

/// With as many digits as it takes.
fn figures_apart(pair: Pair) -> [String; 2] {
    // What is not finite is null in JSON.
    match pair.map(|value| value.map(|value| value.as_f64().unwrap_or(f64::NAN))) {
        [Some(a), Some(b)] => apart([a, b]),
        pair => pair.map(|value| value.map_or("-".to_owned(), number)),
    }
}

/// A run that is looked at.
///
/// # Errors
/// There is none.
pub(super) fn open(dir: &Path) -> Result<Detail, Failure> {
    no_sweep(dir)?;
    Detail::read(dir).map_err(Failure::Look)
}

/// # Errors
/// The directory is a whole sweep, where one run is asked for.
pub(super) fn no_sweep(dir: &Path) -> Result<(), Failure> {
    if SweepDir::is_one(dir) {
        let message = format!("{} is a sweep: name one of its runs, which `exp ls {0}` lists", dir.display());
        return Err(Failure::Look(message));
    }
    Ok(())
}

/// What a run is and was, in words.
pub(super) fn facts(detail: &Detail) -> Vec<(&'static str, String)> {
    let run = &detail.run;
    let facts = [
        ("state", state(detail)),
        ("cause", run.status.cause.clone().unwrap_or_default()),
        ("overrides", run.words.clone()),
        ("command", words(&detail.machine, "command")),
        ("tags", run.labels.tags.join(" ")),
        ("note", run.labels.notes.clone().unwrap_or_default()),
        ("code", code(&detail.code)),
        ("machine", machine(&detail.machine)),
    ];
    facts.into_iter().filter(|(_, fact)| !fact.is_empty()).collect()
}

/// # Errors
/// There is no such key, and none below it.
fn below(config: &IndexMap<String, Value>, key: &str) -> Result<IndexMap<String, Value>, Failure> {
    let inside = |name: &str| name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let found = config.iter().filter(|(name, _)| inside(name)).map(|(name, value)| (name.clone(), value.clone()));
    let found: IndexMap<String, Value> = found.collect();
    if found.is_empty() {
        let problem = Problem::new("the run has no such key").key(key);
        return Err(problem.nearest(key, config.keys().map(String::as_str)).into());
    }
    Ok(found)
}

/// The words of a list.
fn words(map: &Map<String, Value>, key: &str) -> String {
    let words = map.get(key).and_then(Value::as_array).into_iter().flatten().map(text);
    words.collect::<Vec<_>>().join(" ")
}

fn state(detail: &Detail) -> String {
    let mut words = vec![detail.state.word()];
    words.extend(detail.started.as_ref().map(|time| format!("started {time}")));
    words.extend(detail.seconds.map(took));
    words.extend(detail.run.step().map(|step| format!("step {step}")));
    words.join(", ")
}

fn code(git: &Map<String, Value>) -> String {
    let word = |key: &str| git.get(key).map(text).unwrap_or_default();
    match git.get("dirty") {
        None => String::new(),
        Some(Value::Bool(true)) => format!("{} ({}), with uncommitted changes", word("commit"), word("branch")),
        Some(_) => format!("{} ({})", word("commit"), word("branch")),
    }
}

fn machine(machine: &Map<String, Value>) -> String {
    let word = |key: &str| machine.get(key).filter(|value| !value.is_null()).map(text);
    let gpus = machine.get("gpus").and_then(Value::as_array).into_iter().flatten().map(text);
    let cores = word("cores").map(|cores| format!("{cores} cores"));
    let memory = word("memory_mib").map(|memory| format!("{memory} MiB"));
    let words: Vec<String> = [word("host"), word("cpu"), cores, memory].into_iter().flatten().chain(gpus).collect();
    words.join(", ")
}

fn values(map: &IndexMap<String, f64>) -> String {
    let width = map.keys().map(String::len).max().unwrap_or(0);
    map.iter().map(|(name, value)| format!("  {name:width$}  {}\n", number(*value))).collect()
}

fn evaluations(all: &[Evaluation]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let (heading, rows) = Evaluation::table(all);
    table(&heading, &rows).lines().map(|line| format!("  {line}\n")).collect()
}

fn settings(config: &IndexMap<String, Value>, origins: &Map<String, Value>) -> String {
    let rows: Vec<Vec<String>> = config
        .iter()
        .map(|(key, value)| vec![format!("  {key}"), text(value), origins.get(key).map(text).unwrap_or_default()])
        .collect();
    table(&["  key", "value", "set by"], &rows)
}
