//! The metrics among what a program prints.
//!
//! A line that is a JSON object with a whole number `step` is a row of `metrics.jsonl`: the numbers in it, those of objects within
//! it as `acc/top1`. Several of one step, one after another, are one row. An object without `step` holds final figures, those of
//! `report.json`. All other lines are for a person. NaN and Infinity, which Python writes and JSON does not know, are numbers,
//! also as `nan` and `inf`.
//!
//! The log is the truth: opened again, from its beginning, it gives the same rows, also of a time when nobody watched. A mark in
//! it says where the program was started again: what it then repeats takes the place of the rows that it had written.

mod begun;
mod line;
pub(crate) mod python;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::begun::Begun;
pub use self::begun::LONGEST;
use self::line::Said;
use crate::files::{lines, write_atomically};
use crate::recorder::METRICS;
use crate::rows::{self, Rows};
use crate::screen;
use crate::track::tensorboard::Board;

/// What stands in the log where a program is started again.
const AGAIN: &str = "--- started again";

/// The output of a program, read as it grows.
pub struct Output {
    log: File,
    /// The line whose end is not there yet.
    begun: Begun,
    metrics: PathBuf,
    /// The file of metrics, which is made for the first row.
    rows: Option<Rows>,
    /// Events for TensorBoard, from the first row on.
    board: Option<Board>,
    wants_board: bool,
    /// The furthest step of a row.
    pub step: Option<u64>,
    /// The step of the last row.
    row: Option<u64>,
    /// Whether the program was started again and has written no row since.
    again: bool,
    /// Whether it was said that a line looks like a row and is none.
    warned: bool,
    /// The numbers of the last row.
    last: Vec<(String, f64)>,
    /// The final figures.
    pub figures: Vec<(String, f64)>,
    /// Whether lines are shown on the terminal.
    shown: bool,
}

/// Prepares the log at `path` of a program that is started again in `dir`. Where somebody has deleted it, the metrics that it gave
/// are its beginning.
///
/// # Errors
/// It cannot be read or written.
pub fn start_again(dir: &Path, path: &Path) -> io::Result<()> {
    let metrics = dir.join(METRICS);
    if metrics.exists() && std::fs::metadata(path).map_or(0, |log| log.len()) == 0 {
        let field = |(name, value): (String, Value)| {
            let value = if value.is_null() { "NaN".to_owned() } else { value.to_string() };
            format!("{}:{value}", Value::from(name))
        };
        let line = |row: Map<String, Value>| row.into_iter().map(field).collect::<Vec<_>>().join(",");
        let lines: String = rows::read(&metrics).map(|(_, row)| format!("{{{}}}\n", line(row))).collect();
        std::fs::write(path, lines)?;
    }
    lines(path)?.write_all(format!("{AGAIN}\n").as_bytes())
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
        let (log, begun, figures) = (File::open(log)?, Begun::default(), Vec::new());
        let mut output = Output {
            log,
            begun,
            metrics,
            rows: None,
            board: None,
            wants_board: board,
            step: None,
            row: None,
            again: false,
            warned: false,
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
                self.begun.extend(&rest[..end]);
                rest = &rest[end + 1..];
                if let Some(line) = self.begun.take() {
                    self.line(&line)?;
                }
            }
            self.begun.extend(rest);
        }
    }

    /// Reads what is new of a program that has ended: what it said last is a line also without an end.
    ///
    /// # Errors
    /// As [`Output::read`].
    pub fn finish(&mut self) -> io::Result<()> {
        self.read()?;
        match self.begun.take().filter(|line| !line.is_empty()) {
            Some(line) => self.line(&line),
            None => Ok(()),
        }
    }

    /// Notes what the program came to.
    pub fn close(&mut self, well: bool) {
        self.board.iter_mut().for_each(|board| board.end(self.step, well, &self.figures));
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.shown {
            screen::tell(String::from_utf8_lossy(line));
        }
        if line == AGAIN.as_bytes() {
            self.again = true;
        }
        match line::read(line) {
            Said::Words => {}
            Said::Figures(numbers) => join(&mut self.figures, &numbers),
            Said::Row(step, numbers) => self.row(step, &numbers)?,
            Said::Stray => self.warn("`step` is no whole number", line),
            Said::Broken => self.warn("it is no JSON", line),
        }
        Ok(())
    }

    /// Says, of the first such line, why it is no row.
    fn warn(&mut self, why: &str, line: &[u8]) {
        if !std::mem::replace(&mut self.warned, true) {
            let line = String::from_utf8_lossy(line);
            screen::warn(format_args!("warning: {why}, so this is no row of metrics: {}", line.trim()));
        }
    }

    fn row(&mut self, step: u64, numbers: &[(String, f64)]) -> io::Result<()> {
        let rows = match &mut self.rows {
            Some(rows) => rows,
            None => self.rows.insert(Rows::open(self.metrics.clone())?),
        };
        let again = std::mem::take(&mut self.again);
        if again && self.step.is_some_and(|furthest| step <= furthest) {
            rows.cut(|of| of < step)?;
            (self.row, self.step, self.board) = (None, None, None);
        }
        if self.row == Some(step) {
            join(&mut self.last, numbers);
            rows.amend(step, &self.last)?;
        } else {
            rows.append(step, numbers)?;
            self.last = numbers.to_vec();
        }
        (self.row, self.step) = (Some(step), self.step.max(Some(step)));
        match &mut self.board {
            Some(board) => board.metrics(step, numbers),
            // This row is in the file already.
            None if self.wants_board => self.board = self.metrics.parent().map(Board::begin),
            None => {}
        }
        Ok(())
    }
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
mod tests;
