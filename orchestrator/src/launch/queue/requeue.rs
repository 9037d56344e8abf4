//! A job whose time is nearly up, or whose place somebody else gets: it has written its checkpoint, and is queued again.
//!
//! Slurm tells a job by SIGUSR1, `signal_delay_s` before the end of its time or at the beginning of the grace of a preemption. Only
//! the former counts: a file in the run directory says how often it came, and how far the job was then.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{QueueError, Slurm, call};
use crate::files::{small, write_atomically};
use crate::recorder::METRICS;
use crate::rows;
use crate::screen::warn;
use crate::status::Status;

/// How often a job may be queued again because its time was up; it is there in a job of Slurm that may be.
const MOST: &str = "EXP_REQUEUE";
/// How many seconds before the end of its time a job is told.
const DELAY: &str = "EXP_SIGNAL_DELAY_S";
/// When its time is up, in seconds of Unix: to who asks Slurm at the moment of a preemption it says another time.
const END: &str = "EXP_TIME_UP";
/// Slurm tells a job up to so many seconds before it should.
const EARLY: u64 = 60;
/// The file of [`Stops`], in a run directory.
const FILE: &str = ".requeued";

/// How often the time of a job was up since it was handed in.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stops {
    times: u64,
    /// How far it was the last time; unknown of a program that does not say.
    step: Option<u64>,
}

impl Stops {
    /// Those with one more at this step, if the job may be queued again after it.
    ///
    /// # Errors
    /// Why it may not.
    fn again(&self, step: Option<u64>, most: u64) -> Result<Stops, String> {
        if self.times >= most {
            return Err(format!(
                "its time was up {} times before, and hydra.launcher.max_num_timeout is {most}",
                self.times
            ));
        }
        match step {
            Some(step) if self.times > 0 && self.step == Some(step) => Err(format!(
                "its time was up twice at step {step}: it needs more of it (hydra.launcher.timeout_min) to come to a checkpoint"
            )),
            step => Ok(Stops { times: self.times + 1, step }),
        }
    }
}

/// What the script of a job says to it.
pub(super) fn lines(slurm: &Slurm) -> Option<String> {
    let most = slurm.max_num_timeout.unwrap_or(u64::MAX);
    let (delay, time) = (slurm.signal_delay_s, slurm.timeout_min.saturating_mul(60));
    Some(format!("export {MOST}={most} {DELAY}={delay} {END}=${{SLURM_JOB_END_TIME:-$(($(date +%s) + {time}))}}"))
}

/// Counts anew in a run directory, whose job is handed in.
///
/// # Errors
/// The directory cannot be written.
pub(super) fn forget(dir: &Path) -> io::Result<()> {
    match fs::remove_file(dir.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Queues the job of a run directory, which this process is, again; whether it did. It does not, where this process is no job of a
/// queue; nor where its time was up as often as it may be, or twice without a step in between, which it says.
///
/// # Errors
/// The queue does not answer, or the directory cannot be written.
pub fn requeue(dir: &Path) -> Result<bool, QueueError> {
    let text = |name: &str| std::env::var(name).ok();
    let Some(most) = number(MOST) else { return Ok(false) };
    let job = match (text("SLURM_ARRAY_JOB_ID"), text("SLURM_ARRAY_TASK_ID"), text("SLURM_JOB_ID")) {
        (Some(array), Some(task), _) => format!("{array}_{task}"),
        (_, _, Some(job)) => job,
        _ => return Ok(false),
    };
    if is_time_up(number(END), number(DELAY), Timestamp::now()) {
        let file = dir.join(FILE);
        let stops: Stops = small(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        match stops.again(step(dir), most) {
            Err(reason) => {
                warn(format_args!("not queued again: {reason}"));
                return Ok(false);
            }
            // Before it is queued again, which may end this process.
            Ok(stops) => serde_json::to_vec(&stops)
                .map_err(io::Error::from)
                .and_then(|bytes| write_atomically(&file, &bytes))
                .map_err(|source| QueueError::Files { path: file.display().to_string(), source })?,
        }
    }
    call(Command::new("scontrol").args(["requeue", &job]))?;
    Ok(true)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Whether it is its time that ends a job which is told `delay` seconds before `end`; also if nobody knows.
fn is_time_up(end: Option<u64>, delay: Option<u64>, now: Timestamp) -> bool {
    let (Some(end), Some(delay)) = (end, delay) else { return true };
    u64::try_from(now.as_second()).unwrap_or(0).saturating_add(delay).saturating_add(EARLY) >= end
}

/// How far a job came: a program, by its metrics.
fn step(dir: &Path) -> Option<u64> {
    let written = Status::read(dir).and_then(|status| status.step);
    written.or_else(|| rows::read(&dir.join(METRICS)).last().map(|(step, _)| step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_preempted_has_time_left() {
        let now = Timestamp::from_second(1_000).unwrap();
        let up = |end, delay| is_time_up(end, delay, now);
        // Told 120 seconds before the end, and up to a minute early.
        assert_eq!([1_120, 1_180, 1_181, 9_000].map(|end| up(Some(end), Some(120))), [true, true, false, false]);
        assert!(up(None, Some(120)) && up(Some(9_000), None));
    }

    #[test]
    fn a_job_is_queued_again_as_often_as_it_may_and_gets_on() {
        let stops = Stops::default().again(Some(5), 2).unwrap();
        assert_eq!(stops, Stops { times: 1, step: Some(5) });
        assert!(stops.again(Some(5), 2).unwrap_err().contains("twice at step 5"));
        let stops = stops.again(Some(6), 2).unwrap();
        assert!(stops.again(Some(7), 2).unwrap_err().contains("max_num_timeout is 2"));
        assert!(Stops::default().again(Some(1), 0).is_err());
        // Of a program that tells no step nothing is known.
        assert_eq!(Stops { times: 1, step: None }.again(None, 9), Ok(Stops { times: 2, step: None }));
    }
}
