//! What one line of a program's output says.

use serde_json::{Map, Value};

use super::python::{self, NO_NUMBERS};

/// What a line is.
pub(super) enum Said {
    /// For a person.
    Words,
    /// A row of metrics, with its step.
    Row(u64, Vec<(String, f64)>),
    /// One whose step is no whole number.
    Stray,
    /// One that is no JSON.
    Broken,
    /// Final figures.
    Figures(Vec<(String, f64)>),
}

/// Reads a line without its end, of which only what stands behind the last carriage return is left to be seen: a progress bar
/// writes over itself. A row may stand behind what the bar says there; an object without a step, in the midst of words, may be
/// part of them.
pub(super) fn read(line: &[u8]) -> Said {
    let line = line.trim_ascii_end();
    let bar = line.iter().rposition(|byte| *byte == b'\r');
    let seen = line[bar.map_or(0, |bar| bar + 1)..].trim_ascii_start();
    if seen.starts_with(b"{") {
        let is_meant = [b"{\"step\"", b"{'step'"].iter().any(|begin| seen.starts_with(*begin));
        return object(seen).unwrap_or(if is_meant { Said::Broken } else { Said::Words });
    }
    let begins = (0..seen.len()).filter(|&at| bar.is_some() && seen[at..].starts_with(b"{\""));
    let row = begins.filter_map(|at| object(&seen[at..])).find(|said| matches!(said, Said::Row(..)));
    row.unwrap_or(Said::Words)
}

/// What an object says; nothing of what is none.
fn object(line: &[u8]) -> Option<Said> {
    let row = serde_json::from_slice::<Map<String, Value>>(line);
    let quoted = || serde_json::from_slice(&python::with_words(line, "\"NaN\""));
    let row = row.or_else(|_| quoted()).ok()?;
    let mut numbers = Vec::new();
    let fields = row.iter().filter(|(name, _)| *name != "step");
    fields.for_each(|(name, value)| collect(name, value, &mut numbers));
    Some(match row.get("step").map(whole) {
        None => Said::Figures(numbers),
        Some(Some(step)) => Said::Row(step, numbers),
        Some(None) => Said::Stray,
    })
}

/// Adds the numbers of a field, those within an object by their path.
fn collect(name: &str, value: &Value, numbers: &mut Vec<(String, f64)>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| collect(&format!("{name}/{key}"), value, numbers))
        }
        Value::String(word) if NO_NUMBERS.contains(&word.as_str()) => numbers.push((name.to_owned(), f64::NAN)),
        value => numbers.extend(value.as_f64().map(|value| (name.to_owned(), value))),
    }
}

/// A step: libraries for numbers in Python write `7.0` as well.
fn whole(step: &Value) -> Option<u64> {
    const LARGEST: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    let float = || step.as_f64().filter(|step| step.fract() == 0.0 && (0.0..LARGEST).contains(step));
    step.as_u64().or_else(|| float().map(|step| step as u64))
}
