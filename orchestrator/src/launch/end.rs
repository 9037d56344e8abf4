//! How a child came to its end: waiting for it, what is written down of it, and what that means for its job.

use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use exp_api::{Report, Stop};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value};
use wait4::Wait4;

use super::Asked;
use super::watched::Watched;
use crate::files::{open, small};
use crate::rows;
use crate::status::{Exit, State, Status};
use crate::worker::{REPORT, WorkerError};

/// How often a running job looks whether it is asked to stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// What this process needs at most to hear of a signal that its children got too.
const MOMENT: Duration = Duration::from_secs(1);
/// What a job that has had its time gets to write a checkpoint.
const GRACE: Duration = Duration::from_secs(20);
/// What a program in Rust says behind the cause of its end.
const HINT: &str = "note: run with `RUST_BACKTRACE=";
/// The signals that ask a whole process group or machine to stop: by their numbers.
const STOPS: [i32; 3] = [Signal::HUP.as_raw(), Signal::INT.as_raw(), Signal::TERM.as_raw()];
/// How much of the end of a log is searched for what a process said last.
const TAIL: u64 = 4096;

/// How a child came to its end.
pub struct End {
    /// By a code or a signal.
    pub status: ExitStatus,
    /// Unknown of one that nobody waited for.
    pub peak_rss_mib: Option<u64>,
    /// It was asked to stop, or made to.
    pub stopped: bool,
    /// It was made to.
    pub killed: bool,
    /// It had taken longer than this.
    pub late: Option<Duration>,
    /// That this is the end of its work, at this step; known of a program by its exit code alone.
    pub done: Option<Option<u64>>,
}

/// Waits for a child, passes on what it is asked for, and calls `beat` now and then. What the child left running ends with it.
///
/// # Errors
/// It cannot be waited for, or `beat` failed, for which it was killed.
pub fn follow(
    child: Child,
    timeout: Option<Duration>,
    asked: &Asked,
    mut beat: impl FnMut() -> io::Result<()>,
) -> io::Result<End> {
    let (pid, start) = (Pid::from_child(&child), Instant::now());
    let (mut stopped, mut killed, mut late, mut beating) = (false, false, None, Ok(()));
    // A process that is gone already is as well.
    let signal = |signal| {
        let _ = kill_process_group(pid, signal);
    };
    let watched = Watched::new(pid).inspect_err(|_| signal(Signal::KILL))?;
    while !watched.ends_within(PATIENCE).inspect_err(|_| signal(Signal::KILL))? {
        if beating.is_ok() {
            beating = beat();
        }
        if asked.kill.asked() || beating.is_err() {
            (stopped, killed) = (true, true);
            signal(Signal::KILL);
        } else if asked.stop.asked() && !stopped {
            stopped = true;
            signal(Signal::INT);
        }
        match timeout {
            Some(timeout) if late.is_none() && start.elapsed() >= timeout => {
                late = Some(timeout);
                signal(Signal::INT);
            }
            Some(timeout) if late.is_some() && start.elapsed() >= timeout.saturating_add(GRACE) => {
                killed = true;
                signal(Signal::KILL);
            }
            _ => {}
        }
    }
    // It is not reaped yet, so its number is still that of its group and of no other.
    signal(Signal::KILL);
    let used = child.wait4()?;
    beating?;
    stopped = stopped || was_stopped(used.status, &asked.stop);
    Ok(End { status: used.status, peak_rss_mib: Some(used.rusage.maxrss >> 20), stopped, killed, late, done: None })
}

/// Whether a process ended by a signal that asked it to stop, as this one is asked too: what asks all processes of a machine may
/// have reached it a moment before it is heard of here.
pub fn was_stopped(status: ExitStatus, stop: &Stop) -> bool {
    let ended_by = status.signal().or(status.code().map(|code| code - 128));
    if !ended_by.is_some_and(|signal| STOPS.contains(&signal)) {
        return false;
    }
    let start = Instant::now();
    while !stop.asked() && start.elapsed() < MOMENT {
        std::thread::sleep(PATIENCE);
    }
    stop.asked()
}

/// Writes into the status of a run how its process ended; and what that means, if the process did not say it itself.
///
/// # Errors
/// The directory cannot be written.
pub fn settle(
    dir: &Path,
    mut status: Status,
    end: &End,
    last_words: impl FnOnce() -> Option<String>,
) -> io::Result<Status> {
    let said_nothing = matches!(status.state, State::Created | State::Running);
    if let Some(timeout) = end.late.filter(|_| status.state != State::Done) {
        status.state = State::Failed;
        status.cause = Some(format!("it was not done after {} s", timeout.as_secs_f64()));
    } else if let Some(step) = end.done {
        status.state = State::Done;
        status.step = step;
    } else if said_nothing && end.stopped && !end.status.success() {
        status.state = State::Interrupted;
    } else if said_nothing {
        status.state = State::Failed;
        status.cause = Some(unsaid(end.status, last_words()));
    }
    if status.ended.is_none() {
        status.ended = Some(jiff::Timestamp::now().to_string());
    }
    status.exit = Some(Exit { code: end.status.code(), signal: end.status.signal(), peak_rss_mib: end.peak_rss_mib });
    status.write(dir).map(|()| status)
}

/// Why a job failed whose process did not say it, in words.
pub fn unsaid(status: ExitStatus, last_words: Option<String>) -> String {
    let words = last_words.map(|line| format!(": {line}")).unwrap_or_default();
    format!("its process ended with {status} and no result{words}")
}

/// The last line of a log, of what was written to it from byte `from` on.
pub fn last_line(path: &Path, from: u64) -> Option<String> {
    let mut file = open(path).ok()?;
    let end = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(from.max(end.saturating_sub(TAIL)))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    last_words(&String::from_utf8_lossy(&bytes))
}

/// The last line of a text that says something.
pub fn last_words(text: &str) -> Option<String> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with(HINT)).map(str::to_owned)
}

/// The outcome that is written down in a run directory.
///
/// # Errors
/// The job failed, or nothing is written down.
pub fn told(dir: &Path) -> Result<Report, WorkerError> {
    let unreadable = || WorkerError::Apart("it has no readable status.json".to_owned());
    outcome(dir, Status::read(dir).ok_or_else(unreadable)?)
}

/// What a status means, with the figures and the picture beside it.
///
/// # Errors
/// The job failed.
pub fn outcome(dir: &Path, status: Status) -> Result<Report, WorkerError> {
    let interrupted = match status.now() {
        State::Done => false,
        // Also what was stopped before it began.
        State::Interrupted | State::Created => true,
        state => return Err(WorkerError::Apart(status.cause.unwrap_or_else(|| format!("it is {state:?}")))),
    };
    let report = small(&dir.join(REPORT)).ok();
    let figures: Map<String, Value> = report.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let grid = "samples/grid.png";
    Ok(Report {
        step: status.step.unwrap_or(0),
        interrupted,
        figures: figures.into_iter().filter_map(|(name, value)| Some((name, rows::number(&value)?))).collect(),
        grid: dir.join(grid).is_file().then(|| grid.to_owned()),
    })
}
