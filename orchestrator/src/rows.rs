//! Files of figures: JSON objects, one a line, each with its `step`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::files::write_durably;

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

    /// Appends a row. One write each: a reader never sees half of one, unless the disk fills up.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, step: u64, values: &[(String, f64)]) -> io::Result<()> {
        let mut row = Map::new();
        row.insert("step".to_owned(), step.into());
        row.extend(values.iter().map(|(name, value)| (name.clone(), Value::from(*value))));
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

    /// Removes the first row whose step is not one of those `kept`, and all behind it; also one that was cut off.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn cut(&mut self, kept: impl Fn(u64) -> bool) -> io::Result<()> {
        let text = std::fs::read_to_string(&self.path)?;
        let rest: String = text.split_inclusive('\n').take_while(|line| step(line).is_some_and(&kept)).collect();
        if rest.len() < text.len() {
            write_durably(&self.path, rest.as_bytes())?;
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
pub fn read(path: &Path) -> impl Iterator<Item = (u64, Map<String, Value>)> + use<> {
    let lines = File::open(path).map(|file| BufReader::new(file).lines());
    lines.into_iter().flatten().map_while(Result::ok).filter_map(|line| {
        let row: Map<String, Value> = serde_json::from_str(&line).ok()?;
        Some((row.get("step")?.as_u64()?, row))
    })
}

/// The step of a whole row.
fn step(line: &str) -> Option<u64> {
    let row: Option<Map<String, Value>> = serde_json::from_str(line).ok().filter(|_| line.ends_with('\n'));
    row?.get("step")?.as_u64()
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
        rows.file.write_all(b"{\"step\":40,\"lo").unwrap();
        rows.cut(|of| of <= 20).unwrap();
        rows.append(30, &[]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
        assert_eq!(text, "{\"step\":10,\"loss\":0.5}\n{\"step\":20,\"loss\":0.5}\n{\"step\":30}\n");
    }
}
