//! Files of figures: JSON objects, one a line, each with its `step`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::files::{open, write_durably};
use crate::screen;

/// A file of JSON objects, one a line, each with its `step`.
pub struct Rows {
    path: PathBuf,
    file: File,
    /// The length of the row that was appended last.
    last: u64,
}

impl Rows {
    /// Opens the file, which grows.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: PathBuf) -> io::Result<Rows> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(Rows { path, file, last: 0 })
    }

    /// Appends a row, in which no value can be called `step`. One write each: a reader never sees half of one, unless the disk
    /// fills up.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, step: u64, values: &[(String, f64)]) -> io::Result<()> {
        let mut row = Map::new();
        row.insert("step".to_owned(), step.into());
        let values = values.iter().filter(|(name, _)| name != "step");
        row.extend(values.map(|(name, value)| (name.clone(), Value::from(*value))));
        let mut line = serde_json::to_vec(&row)?;
        line.push(b'\n');
        self.last = line.len() as u64;
        self.file.write_all(&line)
    }

    /// Puts a row in the place of the one that was appended last.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn amend(&mut self, step: u64, values: &[(String, f64)]) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        self.file.set_len(size.saturating_sub(self.last))?;
        self.append(step, values)
    }

    /// Removes the rows whose step is not one of those `kept`; also what is no row, such as one that was cut off.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn cut(&mut self, kept: impl Fn(u64) -> bool) -> io::Result<()> {
        let bytes = std::fs::read(&self.path)?;
        let mut rest = Vec::new();
        for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match step(line) {
                Some(step) if kept(step) => rest.extend_from_slice(line),
                Some(_) => {}
                // The end of a file may have been cut off by whatever ended its run.
                None if !line.ends_with(b"\n") => {}
                None => screen::warn(format_args!(
                    "warning: {}:{} is damaged, and left out",
                    self.path.display(),
                    number + 1
                )),
            }
        }
        if rest.len() < bytes.len() {
            write_durably(&self.path, &rest)?;
            self.file = OpenOptions::new().append(true).open(&self.path)?;
        }
        Ok(())
    }

    /// Waits until all rows are on the device.
    ///
    /// # Errors
    /// The device refuses.
    pub fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The whole rows of a file, with their steps; none of a file that cannot be read.
pub fn read(path: &Path) -> Reader {
    read_from(path, 0)
}

/// The rows from a byte of the file on, at which one begins; of a file that has become shorter meanwhile, all.
pub fn read_from(path: &Path, from: u64) -> Reader {
    let begun = || {
        let mut file = open(path)?;
        let from = if file.metadata()?.len() < from { 0 } else { from };
        file.seek(SeekFrom::Start(from))?;
        Ok::<_, io::Error>((BufReader::new(file), from))
    };
    let (lines, at) = begun().map_or((None, 0), |(lines, at)| (Some(lines), at));
    Reader { lines, at, last: at, line: Vec::new() }
}

/// Reads rows, one after another.
pub struct Reader {
    lines: Option<BufReader<File>>,
    at: u64,
    last: u64,
    line: Vec<u8>,
}

impl Reader {
    /// Where the row begins that was read last: it may still be added to.
    pub fn last_begin(&self) -> u64 {
        self.last
    }
}

impl Iterator for Reader {
    type Item = (u64, Map<String, Value>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            self.lines.as_mut()?.read_until(b'\n', &mut self.line).ok()?;
            // The last one may be on its way.
            if !self.line.ends_with(b"\n") {
                return None;
            }
            self.last = self.at;
            self.at += self.line.len() as u64;
            if let Some(row) = row(&self.line) {
                return Some(row);
            }
        }
    }
}

/// A number as it is written down: what is not finite is null.
pub fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.is_null().then_some(f64::NAN))
}

/// A row, with its step.
fn row(line: &[u8]) -> Option<(u64, Map<String, Value>)> {
    let row: Map<String, Value> = serde_json::from_slice(line).ok()?;
    Some((row.get("step")?.as_u64()?, row))
}

/// The step of a whole row.
fn step(line: &[u8]) -> Option<u64> {
    row(line.strip_suffix(b"\n")?).map(|(step, _)| step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_after_the_checkpoint_are_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut rows = Rows::open(dir.path().join("metrics.jsonl")).unwrap();
        for step in [10, 20, 30] {
            rows.append(step, &[("loss".to_owned(), 0.5)]).unwrap();
        }
        rows.file.write_all(b"\xff\0\n").unwrap();
        rows.append(15, &[]).unwrap();
        rows.file.write_all(b"{\"step\":40,\"lo\xff").unwrap();
        rows.cut(|of| of <= 20).unwrap();
        rows.append(30, &[]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
        assert_eq!(text, "{\"step\":10,\"loss\":0.5}\n{\"step\":20,\"loss\":0.5}\n{\"step\":15}\n{\"step\":30}\n");
    }

    #[test]
    fn a_row_that_is_added_to_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut rows = Rows::open(path.clone()).unwrap();
        let [loss, acc] = ["loss", "acc"].map(|name| (name.to_owned(), 0.5));
        rows.append(1, std::slice::from_ref(&loss)).unwrap();
        rows.append(2, std::slice::from_ref(&loss)).unwrap();
        let mut reader = read(&path);
        assert_eq!(reader.by_ref().map(|(step, _)| step).collect::<Vec<_>>(), [1, 2]);
        rows.amend(2, &[loss, acc]).unwrap();
        rows.append(3, &[]).unwrap();
        let more: Vec<_> = read_from(&path, reader.last_begin()).map(|(step, row)| (step, row.len())).collect();
        assert_eq!(more, [(2, 3), (3, 1)]);
    }
}
