//! A job in a process of its own: `exp worker DIR`, with the environment and directory that its configuration asks for.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use exp_api::{Report, Stop};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value};

use crate::process::Process;
use crate::status::{State, Status};
use crate::worker::{REPORT, WorkerError};

/// How often a running job looks whether it is asked to stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// Says to the child that its process is already as it should be.
pub const MARK: &str = "EXP_WORKER";

/// Does the job of `dir` in a child process, to its end, to `stop`, or to an error.
///
/// # Errors
/// As [`crate::worker::work`], by what the child wrote down.
pub fn work(dir: &Path, process: &Process, stop: &Stop) -> Result<Report, WorkerError> {
    let failed = |source| WorkerError::Files { path: dir.to_owned(), source };
    let absolute = dir.canonicalize().map_err(failed)?;
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    // In a group of its own, a signal from the terminal reaches it once, through here.
    command.arg("worker").arg(&absolute).envs(&process.env_set).env(MARK, "1").stdout(Stdio::null()).process_group(0);
    if process.chdir {
        command.current_dir(&absolute);
    }
    let mut child = command.spawn().map_err(failed)?;
    let mut asked = false;
    let ended = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if stop.asked() && !asked {
            asked = true;
            // It may have ended meanwhile, which is as well.
            let _ = kill_process(Pid::from_child(&child), Signal::INT);
        }
        std::thread::sleep(PATIENCE);
    };
    outcome(&absolute)
        .unwrap_or_else(|| Err(WorkerError::Apart(format!("its process ended with {ended} and no result"))))
}

/// What a child wrote down; nothing if it did not come to its end.
fn outcome(dir: &Path) -> Option<Result<Report, WorkerError>> {
    let status = Status::read(dir)?;
    let interrupted = status.state == State::Interrupted;
    match status.state {
        State::Done | State::Interrupted => {}
        State::Failed => return Some(Err(WorkerError::Apart(status.cause.unwrap_or_default()))),
        State::Created | State::Running => return None,
    }
    let report = std::fs::read(dir.join(REPORT)).ok();
    let figures: Map<String, Value> = report.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let grid = "samples/grid.png";
    Some(Ok(Report {
        step: status.step.unwrap_or(0),
        interrupted,
        figures: figures.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect(),
        grid: dir.join(grid).is_file().then(|| grid.to_owned()),
    }))
}
