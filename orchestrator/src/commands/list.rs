//! `exp ls`: the runs that there are, as a table, as JSON or as comma-separated values.

use std::cmp::Ordering;
use std::io::ErrorKind;
use std::mem::ManuallyDrop;
use std::path::PathBuf;

use exp_api::figure::explains;
use exp_consistency::data::cache_directory;
use serde_json::{Map, Value, json};

use super::Failure;
use super::alike::{self, Alike};
use super::run::composed;
use super::spreadsheet;
use crate::cli::{Cli, Ls};
use crate::compose::{Library, Mode, Problem, Problems, World};
use crate::finished::roots;
use crate::history::{Column, Filter, History, Run, known, outermost, seconds, select, started, text, together};
use crate::report::number;
use crate::screen::{answer, warn};
use crate::table::table;

/// Figures that a table shows unasked, at most.
const FIGURES: usize = 2;

/// Prints the runs that fulfil the conditions.
pub(super) fn list(ls: &Ls, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let (folders, conditions): (Vec<&String>, Vec<&String>) = ls.words.iter().partition(|word| {
        let named = Filter::parse(word).is_err();
        named || world.cwd.join(word).is_dir()
    });
    let mut problems = Problems::default();
    let parsed = conditions.into_iter().map(|word| Filter::parse(word).map_err(Problem::new));
    let filters: Vec<Filter> = parsed.filter_map(|filter| problems.collect(filter)).collect();
    // The program ends with the list: taking ten thousand runs apart would take longer than finding them.
    let history =
        ManuallyDrop::new(histories(&folders.iter().map(PathBuf::from).collect::<Vec<_>>(), cli, library, world)?);
    problems.or_ok(())?;
    let mut runs = select(&history, &filters)?;
    known(&history, ls.sort.iter().chain(&ls.column).map(String::as_str))?;
    // The newest first, also of those that are equal by another key.
    runs.sort_by(|a, b| (&b.begun, b.dir.as_os_str()).cmp(&(&a.begun, a.dir.as_os_str())));
    if runs.is_empty() && !ls.json {
        warn(if history.runs.is_empty() { "there are no runs" } else { "no run fulfils all conditions" });
        return Ok(());
    }
    if ls.over.is_empty() {
        let sorted = sorted(runs, &history, ls, |column, run| column.value(run));
        if ls.csv {
            return Ok(answer(spreadsheet::of_runs(&sorted, &history, &ls.column)?)?);
        }
        let whole = |run: &&Run| everything(run, &history);
        return print(&sorted, ls, "runs", whole, |shown| rows(shown, &history, &ls.column));
    }
    let groups = together(&history, &runs, &ls.over)?;
    let sorted = sorted(groups, &history, ls, alike::value);
    if ls.csv {
        return Ok(answer(spreadsheet::of_alike(&sorted, &history, &ls.column, &ls.over)?)?);
    }
    let whole = |runs: &Alike| alike::everything(runs, &history, &ls.over);
    print(&sorted, ls, "rows", whole, |shown| alike::rows(shown, &history, &ls.column))
}

/// Prints what is listed, which is so `called`: as many as are asked for in a table, or all as JSON.
fn print<T>(
    listed: &[T],
    ls: &Ls,
    called: &str,
    json: impl Fn(&T) -> Value,
    table: impl Fn(&[T]) -> String,
) -> Result<(), Failure> {
    if ls.json {
        let all: Vec<Value> = listed.iter().map(json).collect();
        return Ok(answer(format_args!("{:#}\n", Value::Array(all)))?);
    }
    let shown = if ls.all { listed.len() } else { listed.len().min(ls.limit) };
    answer(table(&listed[..shown]))?;
    if shown < listed.len() {
        warn(format_args!("{shown} of {} {called}; all of them: --all", listed.len()));
    }
    Ok(())
}

/// The runs below folders; without any, below those in which the configuration puts runs and sweeps.
///
/// # Errors
/// A folder that was asked for cannot be read.
pub(super) fn histories(folders: &[PathBuf], cli: &Cli, library: &Library, world: &World) -> Result<History, Failure> {
    let cache = cache_directory();
    let mut history = History::default();
    let asked = !folders.is_empty();
    let folders = if asked { folders.to_vec() } else { usual(cli, library, world)? };
    for folder in outermost(&folders) {
        match History::of(&folder, cache.as_deref()) {
            Ok(found) => history = history.and(found),
            Err(error) if asked || error.kind() != ErrorKind::NotFound => {
                return Err(Failure::Look(format!("cannot read {}: {error}", folder.display())));
            }
            // The first run makes the folder.
            Err(_) => {}
        }
    }
    for dir in &history.unreadable {
        warn(format_args!("warning: {} cannot be read", dir.display()));
    }
    Ok(history)
}

/// Where the configuration puts runs and sweeps; what it puts there by default, if it cannot be composed as it stands.
pub(super) fn usual(cli: &Cli, library: &Library, world: &World) -> Result<Vec<PathBuf>, Failure> {
    let composed = composed(cli, library, world, &[], Mode::Multirun);
    let folders = composed.ok().and_then(|composed| roots(&composed).ok());
    Ok(folders.unwrap_or_else(|| ["outputs", "multirun"].map(PathBuf::from).to_vec()))
}

/// As they come, or by the `value` of a key, those without it, or with what is no number, last.
fn sorted<T>(mut listed: Vec<T>, history: &History, ls: &Ls, value: impl Fn(&Column, &T) -> Option<Value>) -> Vec<T> {
    let Some(key) = &ls.sort else {
        if ls.reverse {
            listed.reverse();
        }
        return listed;
    };
    let column = Column::new(history, key);
    let valued = |one: T| (value(&column, &one).filter(|value| value != "NaN"), one);
    let mut valued: Vec<(Option<Value>, T)> = listed.into_iter().map(valued).collect();
    valued.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) => {
            let order = order(a, b);
            if ls.reverse { order.reverse() } else { order }
        }
        _ => b.is_some().cmp(&a.is_some()),
    });
    valued.into_iter().map(|(_, one)| one).collect()
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text(a).cmp(&text(b)),
    }
}

/// What is asked for comes first: a terminal may have no room for more.
fn rows(runs: &[&Run], history: &History, asked: &[String]) -> String {
    let figures = if asked.is_empty() { frequent(runs) } else { Vec::new() };
    let asked_columns: Vec<Column> = asked.iter().map(|key| Column::new(history, key)).collect();
    let figure_columns: Vec<Column> = figures.iter().map(|key| Column::new(history, key)).collect();
    let tagged = runs.iter().any(|run| !run.labels.tags.is_empty());
    let mut heading = vec!["run", "state"];
    heading.extend(asked.iter().map(String::as_str));
    heading.extend(["started", "took", "step"]);
    heading.extend(figures.iter().map(String::as_str));
    heading.extend(tagged.then_some("tags"));
    heading.push("overrides");
    let row = |run: &&Run| {
        let value = |column: &Column| column.value(run).map(|value| short(&value)).unwrap_or_default();
        let mut cells = vec![run.dir.display().to_string(), run.state().word()];
        cells.extend(asked_columns.iter().map(value));
        cells.extend([
            started(run).map(|time| time.strftime("%m-%d %H:%M").to_string()).unwrap_or_default(),
            seconds(run).map(took).unwrap_or_default(),
            run.step().map(|step| step.to_string()).unwrap_or_default(),
        ]);
        cells.extend(figure_columns.iter().map(value));
        cells.extend(tagged.then(|| run.labels.tags.join(",")));
        cells.push(run.words.clone());
        cells
    };
    table(&heading, &runs.iter().map(row).collect::<Vec<_>>())
}

/// The figures that most of the runs have, as their reports order them. Those that only explain others are left out.
pub(super) fn frequent(runs: &[&Run]) -> Vec<String> {
    let mut counts: indexmap::IndexMap<&str, usize> = indexmap::IndexMap::new();
    for name in runs.iter().flat_map(|run| run.figures.keys()).filter(|name| !explains(name)) {
        *counts.entry(name).or_default() += 1;
    }
    // Stable: of equally frequent ones the first stays the first.
    counts.sort_by(|_, a, _, b| b.cmp(a));
    counts.into_keys().take(FIGURES).map(str::to_owned).collect()
}

/// A value in a table: numbers with the digits that one compares by, and quotes around a text that looks like another value.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::Number(size) if size.is_f64() => number(size.as_f64().unwrap_or(f64::NAN)),
        Value::String(word) if serde_json::from_str::<Value>(word).is_ok() => value.to_string(),
        _ => text(value),
    }
}

/// A time in the two units that matter.
pub(super) fn took(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1}s"),
        10..60 => format!("{whole}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3600..86400 => format!("{}h{:02}m", whole / 3600, whole % 3600 / 60),
        _ => format!("{}d{:02}h", whole / 86400, whole % 86400 / 3600),
    }
}

/// The configuration of a run by its top-level keys.
pub(super) fn config(run: &Run, history: &History) -> Map<String, Value> {
    let parts = run.config.iter().filter_map(|&number| history.parts.get(number as usize));
    parts.filter_map(|part| Some((part.key.clone(), serde_json::from_str(&part.json).ok()?))).collect()
}

fn everything(run: &Run, history: &History) -> Value {
    json!({
        "dir": run.dir.display().to_string(),
        "state": run.state(),
        "started": run.begun,
        "ended": run.status.ended,
        "seconds": seconds(run),
        "step": run.step(),
        "cause": run.status.cause,
        "tags": run.labels.tags,
        "note": run.labels.notes,
        "overrides": run.words,
        "figures": run.figures,
        "metrics": run.last,
        "config": config(run, history),
    })
}
