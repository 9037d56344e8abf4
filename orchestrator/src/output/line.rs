//! What one line of a program's output says.

use serde_json::{Map, Value};

/// What Python writes for numbers that are none, or not finite: a loss that came to one of them is no number to compare.
const NO_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// What a line is.
pub(super) enum Said {
    /// For a person.
    Words,
    /// A row of metrics, with its step.
    Row(u64, Vec<(String, f64)>),
    /// One whose step is no whole number.
    Stray,
    /// Final figures.
    Figures(Vec<(String, f64)>),
}

/// Reads a line without its end.
pub(super) fn read(line: &[u8]) -> Said {
    if !line.starts_with(b"{") {
        return Said::Words;
    }
    let row = serde_json::from_slice::<Map<String, Value>>(line);
    let Ok(row) = row.or_else(|_| serde_json::from_slice(&quoted(line))) else { return Said::Words };
    let mut numbers = Vec::new();
    let fields = row.iter().filter(|(name, _)| *name != "step");
    fields.for_each(|(name, value)| collect(name, value, &mut numbers));
    match row.get("step").map(whole) {
        None => Said::Figures(numbers),
        Some(Some(step)) => Said::Row(step, numbers),
        Some(None) => Said::Stray,
    }
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

/// An object in JSON, in which the words for what is no finite number stand in quotes. Those in a text are left alone.
fn quoted(line: &[u8]) -> Vec<u8> {
    let (mut quoted, mut rest, mut in_text) = (Vec::new(), line, false);
    while let Some(&byte) = rest.first() {
        let word = NO_NUMBERS.iter().find(|word| !in_text && rest.starts_with(word.as_bytes()));
        if let Some(word) = word {
            quoted.extend([b"\"", word.as_bytes(), b"\""].concat());
            rest = &rest[word.len()..];
            continue;
        }
        let escaped = in_text && byte == b'\\';
        in_text ^= byte == b'"';
        let (taken, left) = rest.split_at(if escaped { 2.min(rest.len()) } else { 1 });
        quoted.extend(taken);
        rest = left;
    }
    quoted
}
