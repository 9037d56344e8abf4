//! Conditions on runs: `state=done`, `train.lr>=1e-4`, `tag=baseline`, `date>2026-11-01`.

use std::cmp::Ordering;

use serde_json::Value;

use super::column::{Column, keys, known_as};
use super::find::History;
use super::run::Run;
use crate::compose::{Problem, Problems};
use crate::status::State;

/// A condition on a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    key: String,
    relation: Relation,
    value: String,
}

/// How a value must stand to that of the condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// The signs; of two that begin alike, the longer comes first.
const SIGNS: [(&str, Relation); 7] = [
    ("==", Relation::Equal),
    ("!=", Relation::Unequal),
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("<", Relation::Below),
    (">", Relation::Above),
    ("=", Relation::Equal),
];

impl Filter {
    /// Reads a condition.
    ///
    /// # Errors
    /// There is no sign in it, or nothing before it.
    pub fn parse(word: &str) -> Result<Filter, String> {
        let sign =
            |at: usize| SIGNS.into_iter().find(|(sign, _)| word[at..].starts_with(sign)).map(|found| (at, found));
        let found = word.char_indices().find_map(|(at, _)| sign(at));
        match found {
            Some((at, (sign, relation))) if at > 0 => {
                let key = known_as(&word[..at]).to_owned();
                Ok(Filter { key, relation, value: word[at + sign.len()..].to_owned() })
            }
            _ => Err(format!("`{word}` is no condition: write KEY=VALUE, with =, !=, <, <=, > or >=")),
        }
    }

    /// Whether a value fulfils it. A year, a month or a day is equal to all its times; a list is equal to each of its values.
    fn holds(&self, value: Option<&Value>) -> bool {
        let equal = |value: &Value| match (value.as_f64(), self.value.parse::<f64>()) {
            (Some(a), Ok(b)) => a == b,
            (None, Ok(b)) if b.is_nan() => text(value).eq_ignore_ascii_case(&self.value),
            _ if self.key == "date" => self.of_time(value) == Ordering::Equal,
            _ => text(value) == self.value,
        };
        let among = |value: &Value| match value {
            Value::Array(items) => items.iter().any(equal) || equal(value),
            _ => equal(value),
        };
        let order = |value: &Value| match (value.as_f64(), self.value.parse::<f64>()) {
            _ if self.key == "date" => Some(self.of_time(value)),
            (Some(a), Ok(b)) => a.partial_cmp(&b),
            // Texts have an order among themselves, numbers and texts have none.
            (None, Err(_)) if !value.is_null() => Some(text(value).as_str().cmp(&self.value)),
            _ => None,
        };
        let Some(value) = value else { return self.relation == Relation::Unequal };
        match self.relation {
            Relation::Equal => among(value),
            Relation::Unequal => !among(value),
            Relation::Below => order(value) == Some(Ordering::Less),
            Relation::AtMost => order(value).is_some_and(Ordering::is_le),
            Relation::Above => order(value) == Some(Ordering::Greater),
            Relation::AtLeast => order(value).is_some_and(Ordering::is_ge),
        }
    }

    /// Refuses what no run can fulfil, or every one would, whatever it is.
    fn check(&self, history: &History, column: &Column) -> Result<(), Problem> {
        let wanted = &self.value;
        let problem = |message: String| Problem::new(message).key(self.key.as_str());
        let is_number = |value: &Value| value.is_number() || value == "NaN";
        let of_numbers = || {
            let mut values = history.runs.iter().filter_map(|run| column.value(run)).peekable();
            values.peek().is_some() && values.all(|value| is_number(&value))
        };
        match self.key.as_str() {
            "state" if State::of(wanted).is_none() => {
                let words = State::ALL.map(State::word);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                Err(problem(format!("no run is `{wanted}`")).nearest(wanted, words))
            }
            "date" if !is_time(wanted) => {
                let message = format!("`{wanted}` is no date, which is YYYY-MM-DD HH:MM:SS or the beginning of that");
                Err(problem(message).hint("date>=2026-11, date=2026-11-27, 'date<2026-11-27 08:30'"))
            }
            _ if self.orders() && wanted.parse::<f64>().is_err() && of_numbers() => {
                Err(problem(format!("`{wanted}` is no number, as all its values are")))
            }
            _ => Ok(()),
        }
    }

    /// Whether it asks for more or less.
    fn orders(&self) -> bool {
        !matches!(self.relation, Relation::Equal | Relation::Unequal)
    }

    /// How a time lies to the wanted one, which may be no more than its beginning, such as a day.
    fn of_time(&self, value: &Value) -> Ordering {
        let wanted = self.value.replace('T', " ");
        let time: String = text(value).chars().take(wanted.chars().count()).collect();
        time.cmp(&wanted)
    }
}

/// Whether a text is a time, or its beginning up to the end of one of its parts.
fn is_time(text: &str) -> bool {
    const FIRST: &str = "0000-01-01 00:00:00";
    // Up to the year, the month, the day, the hour, the minute and the second.
    [4, 7, 10, 13, 16, 19].contains(&text.len())
        && format!("{text}{}", &FIRST[text.len()..]).parse::<jiff::civil::DateTime>().is_ok()
}

/// The runs that fulfil all conditions.
///
/// # Errors
/// Keys that no run has, if there are runs; a state that there is not, a date that is none, a word compared with numbers.
pub fn select<'a>(history: &'a History, filters: &[Filter]) -> Result<Vec<&'a Run>, Problems> {
    known(history, filters.iter().map(|filter| filter.key.as_str()))?;
    let columns: Vec<(&Filter, Column)> =
        filters.iter().map(|filter| (filter, Column::new(history, &filter.key))).collect();
    let wrong = columns.iter().filter_map(|(filter, column)| filter.check(history, column).err());
    Problems(wrong.collect()).or_ok(())?;
    let fits = |run: &&Run| columns.iter().all(|(filter, column)| filter.holds(column.value(run).as_ref()));
    Ok(history.runs.iter().filter(fits).collect())
}

/// # Errors
/// Keys that no run has, if there are runs.
pub fn known<'k>(history: &History, wanted: impl IntoIterator<Item = &'k str>) -> Result<(), Problems> {
    let here = if history.runs.is_empty() { return Ok(()) } else { std::cell::LazyCell::new(|| keys(history)) };
    let mut problems = Problems::default();
    for key in wanted {
        let somewhere = super::column::OWN.contains(&known_as(key)) || here.contains(key);
        if !somewhere {
            let problem = Problem::new("no run has such a key").key(key);
            problems.0.push(problem.nearest(key, here.iter().map(String::as_str)));
        }
    }
    problems.or_ok(())
}

/// A value as it is typed: texts without quotes.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_whole_up_to_one_of_its_parts() {
        for text in ["2026", "2026-11", "2026-11-27", "2026-11-27 08", "2026-11-27T08:30", "2026-11-27 08:30:59"] {
            assert!(is_time(text), "{text}");
        }
        for text in ["", "yesterday", "27.11.2026", "11-27", "11", "2026-1", "2026-13", "2026-11-31", "2026-11-27 8:30"]
        {
            assert!(!is_time(text), "{text}");
        }
    }
}
