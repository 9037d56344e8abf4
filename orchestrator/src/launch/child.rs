//! A job in a process of its own, with the environment and directory that its configuration asks for: `exp worker DIR`, or
//! the program that is its work.
//!
//! The child gets the lock of its run directory as its standard input. So the lock is held from before the process
//! exists until its end, also if the process that started it dies: nothing else can begin the same job in between.

use std::env::current_exe;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use exp_api::Report;

use super::end::{End, follow, last_line, outcome, settle};
use super::{Asked, pages};
use crate::command::{self, Command as Program};
use crate::machine;
use crate::output::Output;
use crate::process::{LOG, Process};
use crate::status::{Lock, Owner, State, Status};
use crate::track::live::Live;
use crate::work::Work;
use crate::worker::{WorkerError, write_report};

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
    let work = Work::open(dir)?;
    let failed = |source| WorkerError::Files { path: dir.to_owned(), source };
    let absolute = dir.canonicalize().map_err(failed)?;
    let status = match work {
        Work::Job(_) => job(&absolute, lock, process, conditions, asked),
        Work::Command(program) => self::program(&absolute, &program, lock, process, conditions, asked),
    };
    outcome(dir, status.map_err(failed)?)
}

/// Does a job of a backend by `exp worker`.
fn job(dir: &Path, lock: &Lock, process: &Process, conditions: &Conditions, asked: &Asked) -> io::Result<Status> {
    // Its very file, also if another one has taken its place meanwhile.
    let mut command = Command::new(if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { current_exe()? });
    command.arg0("exp").arg("worker").arg(dir).stdin(lock.share()?).stdout(Stdio::null());
    // In a group of its own, a signal from the terminal reaches it once, through here.
    command.process_group(0).envs(&process.env_set).envs(conditions.env.iter().cloned());
    command.env(MARK, if conditions.quiet { QUIET } else { "1" });
    if process.chdir {
        command.current_dir(dir);
    }
    let log = process.logging.file.as_ref().map(|name| dir.join(name));
    let mut said = 0;
    if conditions.quiet {
        command.stderr(Stdio::null());
        if let Some(path) = &log {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            said = file.metadata()?.len();
            command.stderr(file);
        }
    }
    let child = pages::starting(|| command.spawn())?;
    let owner = Owner::child(child.id());
    let end = follow(child, conditions.timeout, asked, || Ok(()))?;
    let written = Status::read(dir).filter(|status| status.owner == owner);
    let status = written.unwrap_or_else(|| Status { owner, ..Status::here(State::Running) });
    settle(dir, status, &end, || log.and_then(|path| last_line(&path, said)))
}

/// Runs a program that is a job, and keeps what it reports.
fn program(
    dir: &Path,
    program: &Program,
    lock: &Lock,
    process: &Process,
    conditions: &Conditions,
    asked: &Asked,
) -> io::Result<Status> {
    if let Some(lack) = program.lacks() {
        let ended = Some(jiff::Timestamp::now().to_string());
        let status = Status { cause: Some(lack), ended, ..Status::here(State::Failed) };
        return status.write(dir).map(|()| status);
    }
    let resumed = Status::read(dir).is_some_and(|status| status.state != State::Created);
    let mut command = program.prepare(dir, resumed)?;
    // Its metrics are read from the log, so it has one.
    let log = dir.join(process.logging.file.as_deref().unwrap_or(LOG));
    let file = OpenOptions::new().create(true).append(true).open(&log)?;
    let said = file.metadata()?.len();
    command.stdin(lock.share()?).stdout(file.try_clone()?).stderr(file);
    command.envs(&process.env_set).envs(conditions.env.iter().cloned());
    if process.chdir {
        command.current_dir(dir);
    }
    let mut output = Output::open(dir, &log, !conditions.quiet && process.logging.console, program.wants_board())?;
    let child = pages::starting(|| command.spawn())?;
    let (owner, started) = (Owner::child(child.id()), jiff::Timestamp::now().to_string());
    // It is there now: what goes wrong ends it, and does not leave it behind.
    let recorded = machine::record(dir, &started, &[]);
    let status = Status { owner, started: Some(started), ..Status::here(State::Running) };
    let mut written = recorded.and_then(|()| status.write(dir));
    let live = program.mlflow().and_then(|mlflow| Live::begin(dir, &mlflow));
    let end = follow(child, conditions.timeout, asked, || {
        std::mem::replace(&mut written, Ok(())).and_then(|()| output.read())
    })?;
    let status = settle_program(dir, &mut output, status, end, &log, said)?;
    if let Some(live) = live {
        live.end();
    }
    Ok(status)
}

/// Writes down the outcome of a program that ended while nobody watched: whoever had started it was killed. Gives back the status
/// of the run.
///
/// # Errors
/// The directory cannot be read or written.
pub fn adopt(dir: &Path, process: &Process) -> io::Result<Option<Status>> {
    let before = Status::read(dir);
    let status = match &before {
        Some(status) if matches!(status.state, State::Created | State::Running) => status.clone(),
        _ => return Ok(before),
    };
    let Some(code) = command::exit_code(dir) else { return Ok(before) };
    let log = dir.join(process.logging.file.as_deref().unwrap_or(LOG));
    let end =
        End { status: ExitStatus::from_raw(code << 8), peak_rss_mib: None, stopped: false, late: None, done: None };
    let board = matches!(Work::open(dir), Ok(Work::Command(program)) if program.wants_board());
    settle_program(dir, &mut Output::open(dir, &log, false, board)?, status, end, &log, 0).map(Some)
}

/// Writes down how a program ended, and its figures.
fn settle_program(
    dir: &Path,
    output: &mut Output,
    status: Status,
    mut end: End,
    log: &Path,
    said: u64,
) -> io::Result<Status> {
    output.read()?;
    // The shell that keeps the exit code says so when a signal ended the program.
    if let Some(signal) = end.status.code().map(|code| code - 128).filter(|signal| (1..=64).contains(signal)) {
        end.status = ExitStatus::from_raw(signal);
    }
    if !output.figures.is_empty() {
        write_report(dir, &output.figures)?;
    }
    output.close(end.status.success());
    end.done = end.status.success().then_some(output.step);
    settle(dir, status, &end, || last_line(log, said))
}
