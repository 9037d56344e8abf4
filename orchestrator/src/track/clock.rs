//! When a run began, and when its steps were taken.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::history::Detail;
use crate::machine::ENVIRONMENT;
use crate::recorder::SYSTEM;
use crate::rows;

/// The times of steps, as the rows about the machine tell them.
#[derive(Debug)]
pub struct Clock(Vec<(u64, f64)>);

impl Clock {
    /// The clock of a run directory.
    pub fn of(dir: &Path) -> Clock {
        let times = rows::read(&dir.join(SYSTEM)).filter_map(|(step, row)| Some((step, row.get("time")?.as_f64()?)));
        Clock(times.collect())
    }

    /// When a step was taken, in seconds since 1970: the time of the next row, else of the last one, else now.
    pub fn time(&self, step: u64) -> f64 {
        let next = self.0.partition_point(|(of, _)| *of < step);
        self.0.get(next).or(self.0.last()).map_or_else(now, |(_, time)| *time)
    }
}

/// When the first process of a run started; where that was not written down, the last one.
pub fn start(dir: &Path, detail: &Detail) -> Option<jiff::Timestamp> {
    let first = || -> Option<jiff::Timestamp> {
        let mut line = String::new();
        BufReader::new(File::open(dir.join(ENVIRONMENT)).ok()?).read_line(&mut line).ok()?;
        serde_json::from_str::<Value>(&line).ok()?["started"].as_str()?.parse().ok()
    };
    first().or_else(|| detail.run.status.started.as_deref()?.parse().ok())
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
