//! How often a run tells how far it has come.

use std::time::{Duration, Instant};

/// Time between two reports of progress, and between two rows of `system.jsonl`.
pub(super) const PROGRESS: Duration = Duration::from_millis(100);
pub(super) const SYSTEM: Duration = Duration::from_secs(1);

/// When things were last reported.
pub(super) struct Pace {
    pub(super) start: Instant,
    pub(super) progress: Instant,
    pub(super) system: Instant,
    /// Steps done at the last row of `system.jsonl`.
    pub(super) step: u64,
}

impl Pace {
    /// At the start, after so many steps.
    pub(super) fn new(step: u64) -> Pace {
        let now = Instant::now();
        Pace { start: now, progress: now, system: now, step }
    }
}
