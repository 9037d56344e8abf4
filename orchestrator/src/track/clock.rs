//! When the steps of a run were taken.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

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

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
