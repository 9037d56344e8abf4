//! A job in a process of its own: `exp worker DIR`, with the environment and directory that its configuration asks for.
//!
//! The child gets the lock of its run directory as its standard input. So the lock is held from before the process
//! exists until its end, also if the process that started it dies: nothing else can begin the same job in between.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use exp_api::Report;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use serde_json::{Map, Value};
use wait4::Wait4;

use super::Asked;
use crate::process::Process;
use crate::status::{Exit, Lock, Owner, State, Status};
use crate::worker::{REPORT, WorkerError};

/// How often a running job looks whether it is asked to stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// What a job that has had its time gets to write a checkpoint.
const GRACE: Duration = Duration::from_secs(20);
/// How much of the end of a log is searched for what a process said last.
const TAIL: u64 = 4096;
/// Says to a child that it is one, and whether it has the terminal.
const MARK: &str = "EXP_WORKER";
/// The mark of a child without the terminal.
const QUIET: &str = "quiet";

/// Whether this process is the child of a launcher: it has its lock, its environment and its directory.
pub fn is_one() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Whether this process is such a child and its launcher alone speaks to the user.
pub fn is_quiet() -> bool {
    std::env::var_os(MARK).is_some_and(|mark| mark == QUIET)
}

/// Under which conditions a launcher starts a child.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// Whether what it says goes to its log alone.
    pub quiet: bool,
    /// Variables for its environment.
    pub env: Vec<(String, String)>,
    /// What it may take.
    pub timeout: Option<Duration>,
}

/// Does the job of `dir` in a child process, to its end, to what is asked, or to an error, and writes into its status how
/// the process ended. What the job started and left running ends with it.
///
/// # Errors
/// As [`crate::worker::work`], by what the child wrote down or by how it died.
pub fn work(
    dir: &Path,
    lock: &Lock,
    process: &Process,
    conditions: &Conditions,
    asked: &Asked,
) -> Result<Report, WorkerError> {
    let failed = |source| WorkerError::Files { path: dir.to_owned(), source };
    let absolute = dir.canonicalize().map_err(failed)?;
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    // In a group of its own, a signal from the terminal reaches it once, through here.
    command.arg("worker").arg(&absolute).stdin(lock.share().map_err(failed)?).stdout(Stdio::null()).process_group(0);
    command.envs(&process.env_set).envs(conditions.env.iter().cloned());
    command.env(MARK, if conditions.quiet { QUIET } else { "1" });
    if process.chdir {
        command.current_dir(&absolute);
    }
    let log = process.logging.file.as_ref().map(|name| absolute.join(name));
    let mut said = 0;
    if conditions.quiet {
        command.stderr(Stdio::null());
        if let Some(path) = &log {
            let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
            said = file.metadata().map_err(failed)?.len();
            command.stderr(file);
        }
    }
    let child = command.spawn().map_err(failed)?;
    let owner = Owner { pid: child.id(), ..Owner::here() };
    let end = follow(child, conditions.timeout, asked).map_err(failed)?;
    settle(dir, owner, &end, || log.and_then(|path| last_line(&path, said))).map_err(failed)?;
    told(dir)
}

/// How a child came to its end.
struct End {
    status: ExitStatus,
    peak_rss_mib: u64,
    /// It was asked to stop, or made to.
    stopped: bool,
    /// It had taken longer than this.
    late: Option<Duration>,
}

/// Waits for a child, and passes on what it is asked for.
fn follow(child: Child, timeout: Option<Duration>, asked: &Asked) -> std::io::Result<End> {
    let (pid, start) = (Pid::from_child(&child), Instant::now());
    let ended = watch(pid);
    let (mut stopped, mut late) = (false, None);
    // A process that is gone already is as well.
    let signal = |signal| {
        let _ = kill_process(pid, signal);
    };
    while ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        if asked.kill.asked() {
            stopped = true;
            let _ = kill_process_group(pid, Signal::KILL);
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
                let _ = kill_process_group(pid, Signal::KILL);
            }
            _ => {}
        }
    }
    // It is not reaped yet, so its number is still that of its group and of no other.
    let _ = kill_process_group(pid, Signal::KILL);
    let used = child.wait4()?;
    Ok(End { status: used.status, peak_rss_mib: used.rusage.maxrss >> 20, stopped, late })
}

/// Says when a child has ended, and leaves it to be reaped.
fn watch(pid: Pid) -> Receiver<()> {
    let (tell, ended) = channel();
    std::thread::spawn(move || {
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {
        }
        // Nobody listens any more only if this process ends.
        let _ = tell.send(());
    });
    ended
}

/// Writes into the status of a run how its process ended; and what that means, if the process did not say it itself.
fn settle(dir: &Path, owner: Owner, end: &End, last_words: impl FnOnce() -> Option<String>) -> std::io::Result<()> {
    let said = Status::read(dir).filter(|status| status.owner == owner);
    let mut status = said.unwrap_or_else(|| Status { owner, ..Status::here(State::Running) });
    let said_nothing = matches!(status.state, State::Created | State::Running);
    if let Some(timeout) = end.late.filter(|_| status.state != State::Done) {
        status.state = State::Failed;
        status.cause = Some(format!("it was not done after {} s", timeout.as_secs_f64()));
    } else if said_nothing && end.stopped && !end.status.success() {
        status.state = State::Interrupted;
    } else if said_nothing {
        let words = last_words().map(|line| format!(": {line}")).unwrap_or_default();
        status.state = State::Failed;
        status.cause = Some(format!("its process ended with {} and no result{words}", end.status));
    }
    if status.ended.is_none() {
        status.ended = Some(jiff::Timestamp::now().to_string());
    }
    status.exit = Some(Exit { code: end.status.code(), signal: end.status.signal(), peak_rss_mib: end.peak_rss_mib });
    status.write(dir)
}

/// The last line of a log, of what was written to it from byte `from` on.
fn last_line(path: &PathBuf, from: u64) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let end = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(from.max(end.saturating_sub(TAIL)))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

/// The outcome that is written down in a run directory.
///
/// # Errors
/// The job failed, or nothing is written down.
pub fn told(dir: &Path) -> Result<Report, WorkerError> {
    let status = Status::read(dir).ok_or_else(|| WorkerError::Apart("it has no readable status.json".to_owned()))?;
    let interrupted = match status.state {
        State::Done => false,
        State::Interrupted => true,
        state => return Err(WorkerError::Apart(status.cause.unwrap_or_else(|| format!("it is {state:?}")))),
    };
    let report = std::fs::read(dir.join(REPORT)).ok();
    let figures: Map<String, Value> = report.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let grid = "samples/grid.png";
    Ok(Report {
        step: status.step.unwrap_or(0),
        interrupted,
        figures: figures.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect(),
        grid: dir.join(grid).is_file().then(|| grid.to_owned()),
    })
}
