//! A job in a process of its own, with the environment and directory that its configuration asks for: `exp worker DIR`, or
//! the program that is its work.
//!
//! The child gets the lock of its run directory as its standard input. So the lock is held from before the process
//! exists until its end, also if the process that started it dies: nothing else can begin the same job in between.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use exp_api::Report;

use super::end::{End, follow, last_line, outcome, settle};
use super::{Asked, kill_holder, pages, this_binary};
use crate::command::{self, Command as Program};
use crate::files::clear;
use crate::history::PICTURES;
use crate::lock::Lock;
use crate::machine;
use crate::output::{self, Output};
use crate::process::{LOG, Process};
use crate::run_path::in_text;
use crate::status::{Owner, State, Status};
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

/// A run directory that this process has the lock of, and what is to be done there.
pub struct Held<'a> {
    dir: &'a Path,
    lock: Lock,
    process: Process,
    /// What is to be done.
    pub work: Work,
    /// How the run was left; none if nothing readable says so.
    pub status: Option<Status>,
}

impl<'a> Held<'a> {
    /// Reads what is there, and takes away what a process that was killed has half written. The outcome of a program that ended
    /// while nobody watched is written down first: whoever had started it was killed. `stopped` says whether it was asked to stop
    /// meanwhile.
    ///
    /// # Errors
    /// The directory cannot be read or written, or there is no job in it.
    pub fn new(dir: &'a Path, lock: Lock, stopped: bool) -> Result<Held<'a>, WorkerError> {
        let (process, work) = (Process::open(dir)?, Work::open(dir)?);
        let mut held = Held { dir, lock, process, work, status: Status::read(dir) };
        if held.started().is_some() {
            [""].iter().chain(&PICTURES).for_each(|folder| clear(&dir.join(folder)));
        }
        held.adopt(stopped).map_err(|source| WorkerError::Files { path: dir.to_owned(), source })?;
        Ok(held)
    }

    /// Whether nothing is left to be done, since another process did it: one that was waited for, if it was `adopted`.
    pub fn is_over(&self, adopted: bool, asked: &Asked) -> bool {
        match self.status.as_ref().map(|status| status.state) {
            Some(State::Done) => true,
            Some(State::Failed) => adopted,
            Some(State::Interrupted) => asked.stop.asked(),
            _ => false,
        }
    }

    /// Whether the job needs a process of its own.
    pub fn is_apart(&self) -> bool {
        matches!(self.work, Work::Command(_)) || self.process.is_apart()
    }

    /// The right to work there.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Does the job in a child process, to its end, to what is asked, or to an error, and writes into its status how the
    /// process ended. What the job started and left running ends with it.
    ///
    /// # Errors
    /// As [`crate::worker::work`], by what the child wrote down or by how it died.
    pub fn work(&mut self, conditions: &Conditions, asked: &Asked) -> Result<Report, WorkerError> {
        let failed = |source| WorkerError::Files { path: self.dir.to_owned(), source };
        let absolute = self.dir.canonicalize().map_err(failed)?;
        let status = match &self.work {
            Work::Job(_) => self.job(&absolute, conditions, asked),
            Work::Command(program) => self.program(&absolute, &program.here(&absolute), conditions, asked),
        };
        // Also what could not be followed to its end may have begun.
        self.status = status.as_ref().ok().cloned().or_else(|| Status::read(self.dir));
        outcome(self.dir, status.map_err(failed)?)
    }

    /// When it was started last, if it ever was: then it is resumed.
    fn started(&self) -> Option<String> {
        self.status.as_ref().and_then(|status| status.started.clone())
    }

    /// Does a job of a backend by `exp worker`.
    fn job(&self, dir: &Path, conditions: &Conditions, asked: &Asked) -> io::Result<Status> {
        let mut command = Command::new(this_binary()?);
        command.arg0("exp").arg("worker").arg(dir).stdin(self.lock.share()?).stdout(Stdio::null());
        // In a group of its own, a signal from the terminal reaches it once, through here.
        command.process_group(0);
        self.furnish(&mut command, dir, conditions);
        command.env(MARK, if conditions.quiet { QUIET } else { "1" });
        let log = self.process.logging.file.as_ref().map(|name| dir.join(name));
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
        if end.killed {
            kill_holder(dir);
        }
        self.lock.guards()?;
        let written = Status::read(dir).filter(|status| status.owner == owner);
        let status =
            written.unwrap_or_else(|| Status { owner, started: self.started(), ..Status::here(State::Running) });
        settle(dir, status, &end, || log.and_then(|path| last_line(&path, said)))
    }

    /// Runs a program that is a job, and keeps what it reports.
    fn program(&self, dir: &Path, program: &Program, conditions: &Conditions, asked: &Asked) -> io::Result<Status> {
        if let Some(lack) = program.lacks(self.process.chdir) {
            let ended = Some(jiff::Timestamp::now().to_string());
            let status = Status { started: self.started(), cause: Some(lack), ended, ..Status::here(State::Failed) };
            return status.write(dir).map(|()| status);
        }
        let resumed = self.started().is_some();
        let mut command = program.prepare(dir, resumed)?;
        let log = self.log(dir);
        if resumed {
            output::start_again(dir, &log)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let said = file.metadata()?.len();
        command.stdin(self.lock.share()?).stdout(file.try_clone()?).stderr(file);
        self.furnish(&mut command, dir, conditions);
        let shown = !conditions.quiet && self.process.logging.console;
        let mut output = Output::open(dir, &log, shown, program.wants_board())?;
        if resumed {
            // Until it is written down who does the work: how it ended before is not how it ends now.
            Status { started: self.started(), ..Status::here(State::Created) }.write(dir)?;
        }
        let child = pages::starting(|| command.spawn())?;
        let (owner, started) = (Owner::child(child.id()), jiff::Timestamp::now().to_string());
        // It is there now: what goes wrong ends it, and does not leave it behind.
        let passed = self.lock.pass(&owner);
        let status = Status { owner, started: Some(started.clone()), ..Status::here(State::Running) };
        let mut recorded = passed.and_then(|()| status.write(dir)).and_then(|()| machine::record(dir, &started, &[]));
        let live = program.mlflow().and_then(|mlflow| Live::begin(dir, &mlflow));
        let end = follow(child, conditions.timeout, asked, || {
            std::mem::replace(&mut recorded, Ok(())).and_then(|()| output.read())
        })?;
        self.lock.guards()?;
        let status = settle_program(dir, &mut output, status, end, &log, said)?;
        if let Some(live) = live {
            live.end();
        }
        Ok(status)
    }

    /// Gives a process the environment and the directory that the job asks for.
    fn furnish(&self, command: &mut Command, dir: &Path, conditions: &Conditions) {
        let moved = match &self.work {
            Work::Command(program) => program.moved_from(dir),
            Work::Job(_) => None,
        };
        let here =
            |text: &String| moved.map_or_else(|| text.clone(), |from| in_text(text, from, &dir.to_string_lossy()));
        command.envs(self.process.env_set.iter().map(|(name, text)| (name, here(text))));
        command.envs(conditions.env.iter().cloned());
        if self.process.chdir {
            command.current_dir(dir);
        }
    }

    /// The log of a program: its metrics are read from there, so it has one.
    fn log(&self, dir: &Path) -> PathBuf {
        dir.join(self.process.logging.file.as_deref().unwrap_or(LOG))
    }

    fn adopt(&mut self, stopped: bool) -> io::Result<()> {
        let unsettled = |status: &&Status| matches!(status.state, State::Created | State::Running);
        let (Work::Command(program), Some(status)) = (&self.work, self.status.as_ref().filter(unsettled)) else {
            return Ok(());
        };
        let Some(code) = command::exit_code(self.dir) else { return Ok(()) };
        let log = self.log(self.dir);
        let ended = command::ended(code);
        let end = End { status: ended, peak_rss_mib: None, stopped, killed: false, late: None, done: None };
        let mut output = Output::open(self.dir, &log, false, program.wants_board())?;
        self.status = Some(settle_program(self.dir, &mut output, status.clone(), end, &log, 0)?);
        Ok(())
    }
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
    output.finish()?;
    if let Some(code) = end.status.code() {
        end.status = command::ended(code);
    }
    if !output.figures.is_empty() {
        write_report(dir, &output.figures)?;
    }
    output.close(end.status.success());
    end.done = end.status.success().then_some(output.step);
    settle(dir, status, &end, || last_line(log, said))
}
