//! The metrics among what a program prints.
//!
//! A line that is a JSON object with a whole number `step` is a row of `metrics.jsonl`: the numbers in it, those of objects within
//! it as `acc/top1`. Several of one step, one after another, are one row. An object without `step` holds final figures, those of
//! `report.json`. All other lines are for a person. NaN and Infinity, which Python writes and JSON does not know, are numbers,
//! also as `nan` and `inf`.
//!
//! The log is the truth: opened again, from its beginning, it gives the same rows, also of a time when nobody watched. A mark in
//! it says where the program was started again: what it then repeats takes the place of the rows that it had written.

mod line;
pub(crate) mod python;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::line::Said;
use crate::files::{lines, write_atomically};
use crate::recorder::METRICS;
use crate::rows::{self, Rows};
use crate::screen;
use crate::track::tensorboard::Board;

/// What stands in the log where a program is started again.
const AGAIN: &str = "--- started again";

/// The longest line that is looked at, in bytes.
pub const LONGEST: usize = 1 << 20;

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
        if line.is_empty() || std::mem::take(&mut self.overlong) { Ok(()) } else { self.line(&line) }
    }

    /// Notes what the program came to.
    pub fn close(&mut self, well: bool) {
        self.board.iter_mut().for_each(|board| board.end(self.step, well, &self.figures));
    }

    /// Adds to the line that has begun. Of a progress bar what it writes over is dropped at once: it may be longer than any line.
    fn extend(&mut self, bytes: &[u8]) {
        self.begun.extend_from_slice(bytes);
        // A carriage return with nothing behind it may be part of the end of the line.
        let seen = self.begun.trim_ascii_end().len();
        if let Some(bar) = self.begun[..seen].iter().rposition(|byte| *byte == b'\r') {
            self.begun.drain(..bar);
            self.overlong = false;
        }
        if self.begun.len() > LONGEST {
            let returned = self.begun[self.begun.trim_ascii_end().len()..].contains(&b'\r');
            self.overlong = true;
            self.begun.clear();
            self.begun.extend(returned.then_some(b'\r'));
        }
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
            "{\"step\":3.0,\"a\":{\"x\":3,\"y\":{\"z\":4}}}",
            "{\"step\":2,\"a\":4}",
            "{\"step\":2,\"a\":5}",
            "{\"step\":2.5,\"a\":5}",
        ];
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let output = Output::open(dir.path(), &path, false, false).unwrap();
        let metrics = std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
        let wanted = [
            "{\"step\":1,\"a\":1.0,\"b\":2.0}\n",
            "{\"step\":3,\"a/x\":3.0,\"a/y/z\":4.0}\n",
            "{\"step\":2,\"a\":5.0}\n",
        ];
        assert_eq!((metrics, output.step), (wanted.concat(), Some(3)));
    }

    #[test]
    fn a_program_that_is_started_again_repeats_what_it_likes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exp.log");
        let metrics = || std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
        let rows = |steps: &[u64]| steps.iter().map(|step| format!("{{\"step\":{step}}}\n")).collect::<String>();
        std::fs::write(&path, rows(&[1, 2]) + "{\"step\":3}").unwrap();
        start_again(dir.path(), &path).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + &rows(&[2, 4])).unwrap();
        Output::open(dir.path(), &path, false, false).unwrap();
        assert_eq!(metrics(), rows(&[1, 2, 4]));
        // Somebody has made room.
        std::fs::write(&path, metrics() + "{\"step\":4,\"loss\":NaN}\n").unwrap();
        Output::open(dir.path(), &path, false, false).unwrap();
        std::fs::remove_file(&path).unwrap();
        start_again(dir.path(), &path).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + &rows(&[5])).unwrap();
        Output::open(dir.path(), &path, false, false).unwrap();
        assert_eq!(metrics(), rows(&[1, 2]) + "{\"step\":4,\"loss\":null}\n{\"step\":5}\n");
    }

    #[test]
    fn final_figures_add_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exp.log");
        std::fs::write(&path, "{\"fd\":1.5}\n{\"fd\":2,\"kid\":0.5}\n{\"event\":\"saved\"}\n").unwrap();
        let output = Output::open(dir.path(), &path, false, false).unwrap();
        assert_eq!(output.figures, [("fd".to_owned(), 2.0), ("kid".to_owned(), 0.5)]);
    }

    #[test]
    fn what_is_no_number_is_in_its_row_and_the_last_line_needs_no_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exp.log");
        let lines = [
            r#"{"step": 1, "loss": 0.5}"#,
            r#"{"step": 2, "loss": NaN, "lr": -Infinity, "note": "a \"NaN\" {"}"#,
            r#"{"step": 3, "loss": NaN, }"#,
            r#"{"step": 4, "loss": nan, "lr": -inf, "name": "inf", "acc": {"top1":inf}}"#,
            r#"{"step": 5, "loss": -nan}"#,
            r#"{"step": 6, "loss": info}"#,
            r#"{"fd": Infinity, "kid": 2}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let mut output = Output::open(dir.path(), &path, false, false).unwrap();
        output.finish().unwrap();
        let metrics = std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
        let wanted = [
            "{\"step\":1,\"loss\":0.5}\n",
            "{\"step\":2,\"loss\":null,\"lr\":null}\n",
            "{\"step\":4,\"loss\":null,\"lr\":null,\"acc/top1\":null}\n",
            "{\"step\":5,\"loss\":null}\n",
        ];
        assert_eq!(metrics, wanted.concat());
        assert!(output.figures[0].1.is_nan());
        assert_eq!(output.figures[1], ("kid".to_owned(), 2.0));
    }

    #[test]
    fn a_progress_bar_hides_no_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exp.log");
        let lines = [
            // As tqdm writes it on standard error while rows come on standard output.
            "\r  0%|          | 0/3 [00:00<?, ?it/s]{\"step\": 1, \"loss\": 1.0}",
            "\r 33%|###3      | 1/3 [00:00<00:01]\r 66%|######6   | 2/3 {it}{\"step\": 2, \"acc\": {\"top1\": NaN}}",
            "  {\"step\": 3}\r",
            "\r100%|##########| 3/3\r                      \r{\"fd\": 1.5}",
            // Words, in which an object is none of ours.
            "saved {\"step\": 4}",
            "\rsaved {\"lr\": 0.1}",
            "\rsaved {\"step\": 5} and more",
        ];
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let output = Output::open(dir.path(), &path, false, false).unwrap();
        let metrics = std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
        let wanted = ["{\"step\":1,\"loss\":1.0}\n", "{\"step\":2,\"acc/top1\":null}\n", "{\"step\":3}\n"];
        assert_eq!(metrics, wanted.concat());
        assert_eq!(output.figures, [("fd".to_owned(), 1.5)]);
    }

    #[test]
    fn a_bar_may_be_longer_than_any_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exp.log");
        let bar = "\r 33%|###3      | 1/3 [00:00<00:01]".repeat(LONGEST / 20);
        let words = "y".repeat(2 * LONGEST);
        // The return is the last byte of the block with which the line is too long, or the first of the next.
        let [last, first] = [8191, 8192].map(|more| "z".repeat(LONGEST + more));
        let lines = [
            format!("{bar}{{\"step\": 1}}"),
            format!("{words}{{\"step\": 2}}"),
            format!("{words}\r{{\"step\": 3}}"),
            format!("\r{words}{{\"step\": 4}}"),
            format!("{bar}{{\"step\": 5}}\r"),
            format!("{words}\r"),
        ];
        let text = lines.join("\n") + "\n";
        let metrics = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Output::open(dir.path(), &path, false, false).unwrap().finish().unwrap();
            let steps = rows::read(&dir.path().join(METRICS)).map(|(step, _)| step);
            steps.collect::<Vec<_>>()
        };
        assert_eq!(metrics(&text), [1, 3, 5]);
        for words in [last, first] {
            assert_eq!(metrics(&format!("{words}\r{{\"step\": 6}}")), [6], "its last line has no end");
            assert_eq!(
                metrics(&format!("{{\"step\": 7}}\n{words}{{\"step\": 8}}")),
                [7],
                "nor has one that is too long"
            );
        }
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
