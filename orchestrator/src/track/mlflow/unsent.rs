//! What is new in a file of metrics since it was looked at: rows behind the last one, what was added to that one, and, where rows
//! were done anew, all.

use crc::{CRC_64_XZ, Crc, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// How far a file of metrics is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where the last row that is known begins, in bytes.
    begin: usize,
    /// The checksum of what stands before it.
    before: u64,
    /// That row, as it was.
    row: Map<String, Value>,
}

/// A row with something new in it.
pub struct Unsent {
    /// Its step.
    pub step: u64,
    /// Its numbers that are new.
    pub numbers: Vec<(String, Value)>,
    /// How far the file is known with it.
    pub mark: Mark,
}

/// What is new in these bytes of a file of metrics, of which `known` was known. All of them are where what stood before the mark has
/// changed: the file was cut by a run that goes on from an earlier step.
pub fn unsent(bytes: &[u8], known: Option<Mark>) -> impl Iterator<Item = Unsent> {
    let same = |mark: &Mark| bytes.get(..mark.begin).is_some_and(|before| CRC.checksum(before) == mark.before);
    let known = known.filter(same);
    let mut at = known.as_ref().map_or(0, |mark| mark.begin);
    let mut digest = CRC.digest();
    digest.update(&bytes[..at]);
    let mut last = known.map(|mark| mark.row);
    // The last one may be on its way.
    let lines = bytes[at..].split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.filter_map(move |line| {
        let (begin, before) = (at, digest.clone().finalize());
        at += line.len();
        digest.update(line);
        let row: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let step = row.get("step")?.as_u64()?;
        // It is the one that is known with something added, or another in its place.
        let last = last.take().filter(|last| last.get("step") == row.get("step")).unwrap_or_default();
        let new =
            |(name, value): &(&String, &Value)| *name != "step" && value.is_number() && last.get(*name) != Some(value);
        let numbers = row.iter().filter(new).map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(Unsent { step, numbers, mark: Mark { begin, before, row } })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a file after each of its changes: what was new, as `STEP NAME=VALUE ...`.
    fn looks(files: &[&str]) -> Vec<Vec<String>> {
        let mut known = None;
        let look = |file: &&str| {
            let words = |(name, value): (String, Value)| format!(" {name}={value}");
            let mut found = Vec::new();
            for new in unsent(file.as_bytes(), known.take()) {
                found.push(new.step.to_string() + &new.numbers.into_iter().map(words).collect::<String>());
                known = Some(new.mark);
            }
            found
        };
        files.iter().map(look).collect()
    }

    #[test]
    fn only_what_is_new_is_new() {
        let first = "{\"step\":1,\"a\":1}\n{\"step\":2,\"a\":2}\n";
        let grown = format!("{first}{{\"step\":2,\"b\":3}}\n");
        let added = format!("{first}{{\"step\":2,\"b\":3,\"c\":4}}\n{{\"step\":3,\"a\":null}}\n{{\"step\":4,\"a\"");
        assert_eq!(
            looks(&["", first, first, &grown, &added]),
            [&[][..], &["1 a=1", "2 a=2"], &["2"], &["2", "2 b=3"], &["2 c=4", "3"]]
        );
    }

    #[test]
    fn rows_that_were_done_anew_are_new() {
        let rows = |values: &[u64]| -> String {
            values.iter().enumerate().map(|(step, value)| format!("{{\"step\":{step},\"a\":{value}}}\n")).collect()
        };
        let [long, other, short, last] = [&[5, 6, 7, 8][..], &[5, 6, 1, 8, 9], &[5, 6], &[5, 4]].map(rows);
        assert_eq!(looks(&[&long, &other])[1], ["0 a=5", "1 a=6", "2 a=1", "3 a=8", "4 a=9"], "of the same length");
        assert_eq!(looks(&[&long, &short])[1], ["0 a=5", "1 a=6"], "shorter");
        assert_eq!(looks(&[&short, &last])[1], ["1 a=4"], "the last row alone");
        let step = last.replace("\"step\":1", "\"step\":7");
        assert_eq!(looks(&[&last, &step])[1], ["7 a=4"], "another step in its place");
    }
}
