//! The metrics among what a program prints.
//!
//! A line that is a JSON object with a whole number `step` is a row of `metrics.jsonl`: the numbers in it. Several of one step,
//! one after another, are one row. One whose step lies before the last one's begins anew from there, as after a resumption. An
//! object without `step` holds final figures, those of `report.json`. All other lines are for a person. NaN and Infinity, which
//! Python writes and JSON does not know, are numbers.
//!
//! The log is the truth: opened again, from its beginning, it gives the same rows, also of a time when nobody watched.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::files::write_atomically;
use crate::recorder::METRICS;
use crate::rows::Rows;
use crate::screen;
use crate::track::tensorboard::Board;

/// What Python writes for numbers that are none, or not finite: a loss that came to one of them is no number to compare.
const NO_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// The longest line that is looked at.
const LONGEST: usize = 1 << 20;

/// The output of a program, read as it grows.
pub struct Output {
    log: File,
    /// The beginning of a line whose end is not there yet.
    begun: Vec<u8>,
    /// Whether that line is too long to be one of ours.
    overlong: bool,
    metrics: PathBuf,
    /// The file of metrics, which is made for the first row.
    rows: Option<Rows>,
    /// Events for TensorBoard, from the first row on.
    board: Option<Board>,
    wants_board: bool,
    /// The step of the last row.
    pub step: Option<u64>,
    /// The numbers of the last row.
    last: Vec<(String, f64)>,
    /// The final figures.
    pub figures: Vec<(String, f64)>,
    /// Whether lines are shown on the terminal.
    shown: bool,
}

impl Output {
    /// The output of the program in `dir`, which goes to `log`; new lines are shown if `shown`, and metrics kept for
    /// TensorBoard too if `board`.
    ///
    /// # Errors
    /// The log cannot be read, or the directory not be written.
    pub fn open(dir: &Path, log: &Path, shown: bool, board: bool) -> io::Result<Output> {
        let metrics = dir.join(METRICS);
        if metrics.exists() {
            write_atomically(&metrics, b"")?;
        }
        let (log, begun, figures) = (File::open(log)?, Vec::new(), Vec::new());
        let mut output = Output {
            log,
            begun,
            overlong: false,
            metrics,
            rows: None,
            board: None,
            wants_board: board,
            step: None,
            last: Vec::new(),
            figures,
            shown: false,
        };
        output.read()?;
        output.shown = shown;
        Ok(output)
    }

    /// Reads what is new.
    ///
    /// # Errors
    /// The log cannot be read, or the metrics not be written.
    pub fn read(&mut self) -> io::Result<()> {
        let mut block = [0; 8192];
        loop {
            let read = self.log.read(&mut block)?;
            if read == 0 {
                return Ok(());
            }
            let mut rest = &block[..read];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                self.extend(&rest[..end]);
                rest = &rest[end + 1..];
                let line = std::mem::take(&mut self.begun);
                if !std::mem::take(&mut self.overlong) {
                    self.line(&line)?;
                }
            }
            self.extend(rest);
        }
    }

    /// Reads what is new of a program that has ended: what it said last is a line also without an end.
    ///
    /// # Errors
    /// As [`Output::read`].
    pub fn finish(&mut self) -> io::Result<()> {
        self.read()?;
        let line = std::mem::take(&mut self.begun);
        if line.is_empty() { Ok(()) } else { self.line(&line) }
    }

    /// Notes what the program came to.
    pub fn close(&mut self, well: bool) {
        self.board.iter_mut().for_each(|board| board.end(self.step, well, &self.figures));
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.overlong |= self.begun.len() + bytes.len() > LONGEST;
        match self.overlong {
            true => self.begun.clear(),
            false => self.begun.extend_from_slice(bytes),
        }
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.shown {
            screen::tell(String::from_utf8_lossy(line));
        }
        if !line.starts_with(b"{") {
            return Ok(());
        }
        let row = serde_json::from_slice::<Map<String, Value>>(line);
        let Ok(row) = row.or_else(|_| serde_json::from_slice(&quoted(line))) else { return Ok(()) };
        let number =
            |value: &Value| value.as_f64().or_else(|| NO_NUMBERS.contains(&value.as_str()?).then_some(f64::NAN));
        let numbers = row.iter().filter(|(name, _)| *name != "step");
        let numbers: Vec<(String, f64)> =
            numbers.filter_map(|(name, value)| Some((name.clone(), number(value)?))).collect();
        match row.get("step") {
            None => {
                self.figures = numbers;
                Ok(())
            }
            Some(step) => {
                let Some(step) = step.as_u64() else { return Ok(()) };
                let before = self.step.replace(step);
                let rows = match &mut self.rows {
                    Some(rows) => rows,
                    None => self.rows.insert(Rows::open(self.metrics.clone())?),
                };
                if before == Some(step) {
                    join(&mut self.last, &numbers);
                    rows.amend(step, &self.last)?;
                } else {
                    if before.is_some_and(|before| step < before) {
                        rows.cut(|of| of < step)?;
                        self.board = None;
                    }
                    rows.append(step, &numbers)?;
                    self.last.clone_from(&numbers);
                }
                match &mut self.board {
                    Some(board) => board.metrics(step, &numbers),
                    // This row is in the file already.
                    None if self.wants_board => self.board = self.metrics.parent().map(Board::begin),
                    None => {}
                }
                Ok(())
            }
        }
    }
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

/// Adds numbers to those of a row; what has a name that is there takes its place.
fn join(row: &mut Vec<(String, f64)>, numbers: &[(String, f64)]) {
    for (name, value) in numbers {
        match row.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = *value,
            None => row.push((name.clone(), *value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_of_one_step_are_one_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exp.log");
        let lines = [
            "{\"step\":1,\"a\":1}",
            "{\"step\":1,\"b\":2}",
            "{\"step\":3,\"a\":3}",
            "{\"step\":2,\"a\":4}",
            "{\"step\":2,\"a\":5}",
        ];
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        Output::open(dir.path(), &path, false, false).unwrap();
        let metrics = std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
        assert_eq!(metrics, "{\"step\":1,\"a\":1.0,\"b\":2.0}\n{\"step\":2,\"a\":5.0}\n");
    }

    #[test]
    fn what_is_no_number_is_in_its_row_and_the_last_line_needs_no_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exp.log");
        let lines = [
            r#"{"step": 1, "loss": 0.5}"#,
            r#"{"step": 2, "loss": NaN, "lr": -Infinity, "note": "a \"NaN\" {"}"#,
            r#"{"step": 3, "loss": NaN, }"#,
            r#"{"fd": Infinity, "kid": 2}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let mut output = Output::open(dir.path(), &path, false, false).unwrap();
        output.finish().unwrap();
        let metrics = std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
        assert_eq!(metrics, "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":null,\"lr\":null}\n");
        assert!(output.figures[0].1.is_nan());
        assert_eq!(output.figures[1], ("kid".to_owned(), 2.0));
    }

    #[test]
    fn rows_are_those_of_the_log_however_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exp.log");
        let mut log = File::create(&path).unwrap();
        let mut early = Output::open(dir.path(), &path, false, false).unwrap();
        let long = format!("{{\"step\":9,\"x\":\"{}\"}}\n", "y".repeat(LONGEST));
        let text = [
            "loading\n{\"step\":1,\"loss\":0.5,\"name\":\"a\"}\n{\"step\":2,\"lo",
            "ss\":0.25}\n{not json}\n",
            &long,
            "{\"step\":2,\"loss\":0.125}\n{\"fd\":3,\"good\":true}\nthe end",
        ];
        for part in text {
            log.write_all(part.as_bytes()).unwrap();
            early.read().unwrap();
        }
        let metrics = || std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
        let wanted = "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.125}\n";
        assert_eq!(metrics(), wanted);
        let late = Output::open(dir.path(), &path, false, false).unwrap();
        assert_eq!(metrics(), wanted);
        for output in [early, late] {
            assert_eq!((output.step, output.figures), (Some(2), vec![("fd".to_owned(), 3.0)]));
        }
    }
}
