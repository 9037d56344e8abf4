//! The one asynchronous loop: jobs on a thread of their own, signals beside them.

use std::path::Path;

use exp_api::{Report, Stop};
use indicatif::MultiProgress;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::process::Process;
use crate::worker::{self, WorkerError};
use crate::{callbacks, child, screen};

/// Exit code of a run that was stopped.
const INTERRUPTED: i32 = 130;

/// Does the jobs of `dirs` one after another, each to its end; the first signal asks the job at hand to stop at its
/// next step and leaves the others, the second one ends the process at once. `done` gets the outcome of each job that
/// was started, in order.
///
/// # Errors
/// The signals cannot be listened to.
pub fn run_all<'a>(
    dirs: impl IntoIterator<Item = &'a Path>,
    bars: &MultiProgress,
    mut done: impl FnMut(&Path, Result<Report, WorkerError>),
) -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let stop = Stop::default();
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        for dir in dirs {
            if stop.asked() {
                break;
            }
            let (path, own, flag) = (dir.to_owned(), bars.clone(), stop.clone());
            let mut job = tokio::task::spawn_blocking(move || job(&path, &own, &flag));
            let outcome = loop {
                tokio::select! {
                    outcome = &mut job => break outcome,
                    () = signals.next() => {
                        if stop.asked() {
                            std::process::exit(INTERRUPTED);
                        }
                        stop.ask();
                        bars.suspend(|| screen::warn("stopping after this step; once more to stop at once"));
                    }
                }
            };
            match outcome {
                Ok(outcome) => done(dir, outcome),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
        Ok(())
    })
}

/// Does one job, in a process of its own if it needs one, with the commands around it that its configuration wants.
fn job(dir: &Path, bars: &MultiProgress, stop: &Stop) -> Result<Report, WorkerError> {
    let process = Process::open(dir).map_err(|source| WorkerError::Files { path: dir.to_owned(), source })?;
    callbacks::run(&process, "on_job_start", dir, "running");
    let outcome = match process.is_apart() && std::env::var_os(child::MARK).is_none() {
        true => child::work(dir, &process, stop),
        false => worker::work(dir, bars, stop),
    };
    callbacks::run(&process, "on_job_end", dir, callbacks::state(&outcome));
    outcome
}

/// The signals that ask to stop: from a terminal, a scheduler, or a lost connection.
struct Signals([Signal; 4]);

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        let [int, term, hup, usr1] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::user_defined1()];
        Ok(Signals([signal(int)?, signal(term)?, signal(hup)?, signal(usr1)?]))
    }

    async fn next(&mut self) {
        let [int, term, hup, usr1] = &mut self.0;
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
            _ = usr1.recv() => {}
        }
    }
}
