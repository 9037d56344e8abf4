//! The end of a file of rows: what is newest in it.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use indexmap::IndexMap;
use memchr::{memchr, memchr2, memrchr_iter};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::files::open;
use crate::rows::number;

/// How much of the end of a file is looked through: of most runs all of it.
const TAIL: u64 = 256 << 10;

/// How many kinds of rows are told apart before they are read: those of training, of figures and few more.
const KINDS: usize = 4;

/// The newest value of each name, as far as the end of a file of figures tells; what is not finite is NaN.
pub fn newest(path: &Path) -> IndexMap<String, f64> {
    let (mut found, mut read) = (IndexMap::new(), Vec::<&[u8]>::new());
    let tail = tail(path).unwrap_or_default();
    for row in from_last(&tail) {
        if read.iter().rev().take(KINDS).any(|newer| same_names(row, newer)) {
            continue;
        }
        let mut json = serde_json::Deserializer::from_slice(row);
        let older = Unknown(&found).deserialize(&mut json);
        // What is no row, such as the half of one where the tail begins, tells nothing.
        if let Some(values) = older.ok().filter(|_| json.end().is_ok()) {
            found.extend(values);
            read.push(row);
        }
    }
    found
}

/// The first row.
pub fn first_row<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let mut line = Vec::new();
    BufReader::new(open(path).ok()?.take(TAIL)).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}

/// The last whole row.
pub fn last_row(path: &Path) -> Option<Map<String, Value>> {
    let tail = tail(path)?;
    serde_json::from_slice(tail.rsplit(|&byte| byte == b'\n').next()?).ok()
}

/// The end of a file, up to its last whole line.
fn tail(path: &Path) -> Option<Vec<u8>> {
    let mut file = open(path).ok()?;
    let size = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::with_capacity(size.min(TAIL) as usize);
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    tail.truncate(tail.iter().rposition(|&byte| byte == b'\n')?);
    Some(tail)
}

/// Rows, the last one first.
fn from_last(rows: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = [rows.len()].into_iter().chain(memrchr_iter(b'\n', rows));
    let starts = memrchr_iter(b'\n', rows).map(|newline| newline + 1).chain([0]);
    starts.zip(ends).map(|(start, end)| &rows[start..end])
}

/// Whether two rows of numbers are seen at a glance to have the same names in the same order, as most rows of a run have.
fn same_names<'a>(mut one: &'a [u8], mut other: &'a [u8]) -> bool {
    loop {
        let Some(colon) = memchr(b':', one) else { return one == other };
        // Elsewhere it belongs to a name.
        let ends_name = one[..colon].ends_with(b"\"") && !one[..colon].contains(&b'\\');
        let is_number = |row: &[u8]| row.get(colon + 1).is_some_and(|&byte| byte == b'-' || byte.is_ascii_digit());
        if !ends_name || !other.starts_with(&one[..=colon]) || !is_number(one) || !is_number(other) {
            return false;
        }
        let after = |row: &'a [u8]| {
            let end = memchr2(b',', b'}', &row[colon..])?;
            Some(&row[colon + end..])
        };
        let (Some(rest), Some(other_rest)) = (after(one), after(other)) else { return false };
        (one, other) = (rest, other_rest);
    }
}

/// Reads of a row only the numbers whose names are not among those found: most rows say nothing new.
struct Unknown<'a>(&'a IndexMap<String, f64>);

/// A name in a row, which is seldom a copy.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Unknown<'_> {
    type Value = Vec<(String, f64)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Unknown<'_> {
    type Value = Vec<(String, f64)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut row: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Name(name)) = row.next_key()? {
            if self.0.contains_key(&*name) {
                row.next_value::<IgnoredAny>()?;
            } else if let Some(number) = number(&row.next_value()?) {
                values.push((name.into_owned(), number));
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn each_name_has_its_newest_value() {
        let (_dir, path) =
            of("{\"step\":20,\"fd\":3,\"loss\":9}\n{\"step\":40,\"fd\":2.5,\"l\\u0061te\":1}\nno row {\n\
             {\"step\":45,\"loss\":1}\n{\"step\":46,\"loss\":null,\"word\":\"x\"}\n{\"step\":47,\"fd\":1}");
        let found = newest(&path);
        assert_eq!((found["step"], found["fd"], found["late"]), (46.0, 2.5, 1.0), "{found:?}");
        assert!(found["loss"].is_nan() && found.len() == 4, "{found:?}");
        assert_eq!(last_row(&path).unwrap()["step"], 46);
        assert_eq!(first_row::<Map<String, Value>>(&path).unwrap()["step"], 20);
    }

    #[test]
    fn rows_of_the_same_names_are_told_by_all_but_their_numbers() {
        let same = |one: &str, other: &str| same_names(one.as_bytes(), other.as_bytes());
        let row = r#"{"step":1,"fd/10":-2.5}"#;
        assert!(same(row, r#"{"step":200,"fd/10":1e-9}"#));
        let others = [
            r#"{"step":1,"fd/20":2}"#,
            r#"{"step":1,"fd/10":null}"#,
            r#"{"step":1,"fd/10":"2"}"#,
            r#"{"step":1,"fd/10":2,"loss":1}"#,
            r#"{"step":1,"fd/10":{"a":1}}"#,
            r#"{"step":1,"fd/10":2"#,
            r#"0,"fd/10":2}"#,
            "",
        ];
        for other in others {
            assert!(!same(row, other) && !same(other, row), "{other}");
        }
        for (one, other) in [
            (r#"{"step":1,"top:1":0.5}"#, r#"{"step":2,"top:5":0.9}"#),
            (r#"{"step":1,"a:0,b":0.5}"#, r#"{"step":2,"a:1,b":0.5}"#),
            (r#"{"step":1,"a\":0,b":0.5}"#, r#"{"step":2,"a\":1,b":0.5}"#),
        ] {
            assert!(!same(one, other), "{one}");
        }
        // A row that cannot be read hides no older one.
        let (_dir, path) = of("{\"step\":1,\"fd\":3}\n{\"step\":1x,\"fd\":3}\n");
        assert_eq!(newest(&path)["fd"], 3.0);
    }

    #[test]
    fn a_long_row_is_read_and_a_long_file_to_its_bound() {
        let wide: String = (0..3000).map(|n| format!(",\"of/class/{n}\":0.5")).collect();
        let (_dir, path) = of(&format!("{{\"step\":1,\"loss\":2}}\n{{\"step\":2{wide}}}\n"));
        let found = newest(&path);
        assert_eq!((found.len(), found["step"], found["loss"]), (3002, 2.0, 2.0));
        let rows: String = (0..20_000).map(|n| format!("{{\"step\":{n},\"loss\":0.25}}\n")).collect();
        let (_dir, path) = of(&format!("{{\"step\":0,\"old\":1}}\n{rows}"));
        let found = newest(&path);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("step".to_owned(), 19_999.0), ("loss".to_owned(), 0.25)]);
    }
}
