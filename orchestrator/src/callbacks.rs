//! Shell commands that a configuration wants to be run beside its jobs: `hydra.callbacks.NAME.on_job_end: "..."`.

use std::path::Path;
use std::process::Command;

use exp_api::Report;

use crate::launch::child;
use crate::process::Process;
use crate::screen;
use crate::worker::WorkerError;

/// How a job ended, in the words of `status.json`.
pub fn state(outcome: &Result<Report, WorkerError>) -> &'static str {
    match outcome {
        Ok(report) if report.interrupted => "interrupted",
        Ok(_) => "done",
        // It can be started elsewhere, or later.
        Err(WorkerError::NotStarted(_)) => "interrupted",
        Err(_) => "failed",
    }
}

/// Runs the commands of an event, in order, in the directory where `exp` was started. They find the directory of the job or
/// sweep in EXP_OUTPUT_DIR, and in EXP_STATE how it ended. One that fails is warned of and changes nothing, as in Hydra.
/// In the process of a job that has one of its own nothing is run: its parent does that.
pub fn run(process: &Process, event: &str, dir: &Path, state: &str) {
    if child::is_one() {
        return;
    }
    for command in process.callbacks.get(event).into_iter().flatten() {
        let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("EXP_OUTPUT_DIR", absolute).env("EXP_STATE", state);
        match shell.status() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                screen::warn(format_args!("warning: hydra.callbacks: {event}: `{command}` ended with {status}"))
            }
            Err(error) => {
                screen::warn(format_args!("warning: hydra.callbacks: {event}: `{command}` cannot be run: {error}"))
            }
        }
    }
}
