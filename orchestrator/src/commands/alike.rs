//! `exp ls --over KEY`: runs that differ in a setting alone as one row, with the mean and the deviation of what they came to.

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value, json};

use super::list::{config, frequent, short};
use crate::history::{Column, History, Run, Spread, overrides};
use crate::meaning::meanings;
use crate::table::table;

/// Runs that are one row.
pub(super) type Alike<'a> = Vec<&'a Run>;

/// What a key is in runs.
pub(super) enum Found {
    /// What they came to.
    Spread(Spread),
    /// What they were, once each.
    Values(IndexSet<String>),
}

/// What their rows are sorted by: the mean of what they came to, or the value that the first of them has.
pub(super) fn value(column: &Column, runs: &Alike) -> Option<Value> {
    match found(column, runs) {
        Found::Spread(spread) => Some(spread.mean.into()),
        Found::Values(_) => runs.iter().find_map(|run| column.value(run)),
    }
}

/// What runs came to has a mean; settings, states and texts have none, whatever they look like.
pub(super) fn found(column: &Column, runs: &Alike) -> Found {
    let values: Vec<Value> = runs.iter().filter_map(|run| column.value(run)).collect();
    let measured = !column.is_setting() && values.iter().all(|value| value.is_number() || value == "NaN");
    let spread = Spread::of(values.iter().filter(|_| measured).filter_map(Value::as_f64));
    spread.map_or_else(|| Found::Values(values.iter().map(short).collect()), Found::Spread)
}

/// A table with a row for each of `rows`.
pub(super) fn rows(rows: &[Alike], history: &History, asked: &[String]) -> String {
    let figures = if asked.is_empty() { frequent(&rows.concat()) } else { Vec::new() };
    let keys = || ["state"].into_iter().chain(asked.iter().chain(&figures).map(String::as_str));
    let columns: Vec<Column> = keys().map(|key| Column::new(history, key)).collect();
    let heading: Vec<&str> = ["runs"].into_iter().chain(keys()).chain(["overrides"]).collect();
    let row = |runs: &Alike| {
        let cell = |column: &Column| match found(column, runs) {
            Found::Spread(spread) => spread.text(runs.len()),
            Found::Values(values) => values.into_iter().collect::<Vec<_>>().join(","),
        };
        let cells = columns.iter().map(cell);
        [runs.len().to_string()].into_iter().chain(cells).chain([shared(runs).join(" ")]).collect()
    };
    table(&heading, &rows.iter().map(row).collect::<Vec<_>>())
}

/// The overrides that all of them were made with.
fn shared(runs: &Alike) -> Vec<String> {
    let mut words = runs.iter().map(|run| overrides(&run.dir));
    let first = words.next().unwrap_or_default();
    words.fold(first, |shared, words| shared.into_iter().filter(|word| words.contains(word)).collect())
}

/// All that is known of them, as JSON: what each of them was in the order of `runs`, and what all came to.
pub(super) fn everything(runs: &Alike, history: &History, over: &[String]) -> Value {
    let each = |key: &str| {
        let column = Column::new(history, key);
        runs.iter().map(|run| column.value(run)).collect::<Vec<_>>()
    };
    let said = |run: &&Run| meanings(config(run, history), run.program.as_ref());
    let mut settings = runs.first().map(said).unwrap_or_default();
    over.iter().for_each(|key| remove(&mut settings, key));
    json!({
        "runs": runs.iter().map(|run| run.dir.display().to_string()).collect::<Vec<_>>(),
        "state": each("state"),
        "over": over.iter().map(|key| (key.clone(), each(key).into())).collect::<Map<String, Value>>(),
        "overrides": shared(runs),
        "figures": spreads(runs.iter().map(|run| &run.figures)),
        "metrics": spreads(runs.iter().map(|run| &run.last)),
        "config": settings,
    })
}

fn spreads<'a>(maps: impl Iterator<Item = &'a IndexMap<String, f64>>) -> IndexMap<&'a String, Option<Spread>> {
    let mut values: IndexMap<&String, Vec<f64>> = IndexMap::new();
    for (name, value) in maps.flatten() {
        values.entry(name).or_default().push(*value);
    }
    values.into_iter().map(|(name, values)| (name, Spread::of(values))).collect()
}

/// Takes the setting of a dotted key away.
fn remove(settings: &mut Map<String, Value>, key: &str) {
    match key.split_once('.') {
        None => drop(settings.shift_remove(key)),
        Some((head, rest)) => {
            if let Some(below) = settings.get_mut(head).and_then(Value::as_object_mut) {
                remove(below, rest);
            }
        }
    }
}
