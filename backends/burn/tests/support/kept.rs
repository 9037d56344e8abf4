//! Who keeps the events of a job, and where it is done; the tests of every engine use it.

use std::fs;

use exp_api::{Event, EventSink, Job};

/// Keeps events.
#[derive(Default)]
pub struct Kept {
    pub events: Vec<Event>,
    pub flushes: usize,
}

impl EventSink for Kept {
    fn emit(&mut self, event: Event) -> std::io::Result<()> {
        self.events.push(event);
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.flushes += 1;
        Ok(())
    }
}

/// A directory that holds a job.
pub fn folder_with(job: &Job) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(Job::FILE), job.to_text().unwrap()).unwrap();
    dir
}
