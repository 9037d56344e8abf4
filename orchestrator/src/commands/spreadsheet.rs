//! `exp ls --csv`: runs as comma-separated values, whole and for other programs.

use indexmap::IndexSet;
use serde_json::Value;

use super::Failure;
use super::alike::{Alike, Found, found};
use crate::history::{Column, History, Run, text, varied};

/// Words about a run, before what was set and measured and behind it, as they are called in a table.
const BEFORE: [&str; 2] = ["run", "state"];
const BEHIND: [&str; 6] = ["started", "seconds", "step", "tags", "note", "overrides"];

/// A row for each run: the keys that are `asked` for, or else the settings in which they differ, and all figures.
///
/// # Errors
/// None that is known.
pub(super) fn of_runs(runs: &[&Run], history: &History, asked: &[String]) -> Result<String, Failure> {
    let keys = if asked.is_empty() { telling(runs, runs, history, &[]) } else { asked.to_vec() };
    let keys = || BEFORE.into_iter().chain(keys.iter().map(String::as_str)).chain(BEHIND);
    let columns: Vec<Column> = keys().map(|key| Column::new(history, key)).collect();
    let cell = |run: &Run, column: &Column| column.value(run).map(|value| whole(&value)).unwrap_or_default();
    let row = |run: &&Run| columns.iter().map(|column| cell(run, column)).collect();
    written(keys().map(str::to_owned).collect(), runs.iter().map(row))
}

/// A row for runs that differ in the settings `over` alone: of what they came to the mean, the standard deviation, and how many
/// have it.
///
/// # Errors
/// None that is known.
pub(super) fn of_alike(
    rows: &[Alike],
    history: &History,
    asked: &[String],
    over: &[String],
) -> Result<String, Failure> {
    let first: Vec<&Run> = rows.iter().filter_map(|runs| runs.first().copied()).collect();
    let keys = if asked.is_empty() { telling(&first, &rows.concat(), history, over) } else { asked.to_vec() };
    let keys = || ["state"].into_iter().chain(keys.iter().map(String::as_str));
    let mut heading = vec!["runs".to_owned()];
    let mut cells: Vec<Vec<String>> = rows.iter().map(|runs| vec![runs.len().to_string()]).collect();
    for key in keys() {
        let column = Column::new(history, key);
        let values: Vec<Found> = rows.iter().map(|runs| found(&column, runs)).collect();
        let measured = values.iter().any(|found| matches!(found, Found::Spread(_)));
        heading.push(key.to_owned());
        heading.extend(["deviation", "runs"].iter().filter(|_| measured).map(|word| format!("{key} {word}")));
        for (cells, found) in cells.iter_mut().zip(values) {
            match found {
                Found::Spread(spread) => cells.extend([
                    Value::from(spread.mean).to_string(),
                    spread.deviation.map(|deviation| Value::from(deviation).to_string()).unwrap_or_default(),
                    spread.runs.to_string(),
                ]),
                Found::Values(values) => {
                    cells.push(values.into_iter().collect::<Vec<_>>().join(","));
                    cells.extend(["", "0"].iter().filter(|_| measured).map(|&word| word.to_owned()));
                }
            }
        }
    }
    written(heading, cells.into_iter())
}

/// The settings, but for those `over` which they are put together, in which `differing` runs differ, and the figures of `all`.
fn telling(differing: &[&Run], all: &[&Run], history: &History, over: &[String]) -> Vec<String> {
    let settings = varied(differing.iter().copied(), &history.parts).into_iter().filter(|key| !over.contains(key));
    let figures = all.iter().flat_map(|run| run.figures.keys().cloned());
    settings.chain(figures).collect::<IndexSet<String>>().into_iter().collect()
}

/// A value with all its digits; of a list of words, such as tags, the words.
fn whole(value: &Value) -> String {
    let words = || value.as_array()?.iter().map(|item| item.as_str()).collect::<Option<Vec<&str>>>();
    words().map_or_else(|| text(value), |words| words.join(","))
}

fn written(heading: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: &dyn std::fmt::Display| Failure::Look(error.to_string());
    for row in std::iter::once(heading).chain(rows) {
        writer.write_record(row).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}
