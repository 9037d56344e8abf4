//! A job whose time is nearly up, or whose place somebody else gets: it has written its checkpoint, and is queued again.
//!
//! Slurm tells a job by SIGUSR1, `signal_delay_s` before the end of its time or at the beginning of the grace of a preemption.

use std::process::Command;

use super::{QueueError, Slurm, call};

/// How often a job may be queued again; it is there in a job of Slurm that may be.
const MOST: &str = "EXP_REQUEUE";

/// What the script of a job says to it.
pub(super) fn lines(slurm: &Slurm) -> Option<String> {
    Some(format!("export {MOST}={}", slurm.max_num_timeout.unwrap_or(u64::MAX)))
}

/// Queues the job that this process is again; whether it did. It does not, where this process is no job of a queue, or has been
/// queued again as often as it may.
///
/// # Errors
/// The queue does not answer.
pub fn requeue() -> Result<bool, QueueError> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let text = |name: &str| std::env::var(name).ok();
    let Some(most) = number(MOST) else { return Ok(false) };
    if number("SLURM_RESTART_COUNT").unwrap_or(0) >= most {
        return Ok(false);
    }
    let job = match (text("SLURM_ARRAY_JOB_ID"), text("SLURM_ARRAY_TASK_ID"), text("SLURM_JOB_ID")) {
        (Some(array), Some(task), _) => format!("{array}_{task}"),
        (_, _, Some(job)) => job,
        _ => return Ok(false),
    };
    call(Command::new("scontrol").args(["requeue", &job]))?;
    Ok(true)
}
