//! The journal of a sweep: what became of it, line by line.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lines::Line;
use super::{SweepError, failed};
use crate::files::lines;

/// How often it is flushed to the device at most: what is lost of outcomes is read from the jobs again, but for which were
/// given up.
const FLUSH: Duration = Duration::from_secs(1);

/// A journal that this process alone writes.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    flushed: Instant,
}

impl Journal {
    /// Opens a journal, or begins one, and reads it; a line that was cut off costs that line alone.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub(super) fn open(path: &Path) -> Result<(Journal, Vec<Line>), SweepError> {
        let open = || Ok((lines(path)?, fs::read(path)?));
        let (file, text) = open().map_err(failed(path))?;
        let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Ok((Journal { path: path.to_owned(), file, flushed: Instant::now() }, lines))
    }

    /// Adds a line, which survives a power cut from now on, or at least this process.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn add(&mut self, line: &Line, durably: bool) -> Result<(), SweepError> {
        let text = serde_json::to_string(line).map_err(|error| failed(&self.path)(error.into()))? + "\n";
        let size = self.file.metadata().map_err(failed(&self.path))?.len();
        let mut write = || {
            self.file.write_all(text.as_bytes())?;
            if durably || self.flushed.elapsed() >= FLUSH {
                self.flushed = Instant::now();
                self.file.sync_data()?;
            }
            Ok(())
        };
        write().map_err(|error| {
            // What was told to have failed must not be found there later, and half a line would spoil the next one.
            let _ = self.file.set_len(size);
            failed(&self.path)(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use crate::status::State;

    #[test]
    fn a_line_that_could_not_be_added_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let line = |job| Line::Ended(Outcome::of(job, State::Done));
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.add(&line(0), false).unwrap();
        let before = fs::read(&path).unwrap();
        let disk = std::mem::replace(&mut journal.file, File::options().write(true).open("/dev/full").unwrap());
        assert!(journal.add(&line(1), true).unwrap_err().to_string().contains("journal: No space left"));
        journal.file = disk;
        assert_eq!(fs::read(&path).unwrap(), before);
        journal.add(&line(2), true).unwrap();
        drop(journal);
        let jobs = Journal::open(&path).unwrap().1.into_iter().map(|line| match line {
            Line::Ended(outcome) => outcome.job,
            Line::Added(entry) => panic!("{entry:?}"),
        });
        assert!(jobs.eq([0, 2]));
    }
}
