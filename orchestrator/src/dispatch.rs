//! The one asynchronous loop: jobs on threads of their own, signals beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use exp_api::Report;
use indicatif::MultiProgress;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::callbacks;
use crate::launch::{Asked, Launcher};
use crate::process::Process;
use crate::screen;
use crate::worker::WorkerError;

/// Exit code of a run that was stopped.
const INTERRUPTED: i32 = 130;
/// What the processes of jobs get to be killed in before this one ends.
const MOMENT: Duration = Duration::from_millis(200);

/// What happens to the jobs, each by its place in the list.
pub enum Moment {
    /// A job is about to start.
    Started(usize),
    /// It came to its outcome.
    Ended(usize, Result<Report, WorkerError>),
}

/// Does the jobs of `dirs` in order, as many at a time as the launcher has slots. The first signal asks the jobs that run
/// to stop at their next step and leaves the others; the second one ends all at once. `tell` gets what happens, as it
/// does. Gives back whether a signal came.
///
/// # Errors
/// The signals cannot be listened to.
pub fn run_all(
    dirs: &[PathBuf],
    launcher: &Arc<dyn Launcher>,
    bars: &MultiProgress,
    mut tell: impl FnMut(Moment),
) -> std::io::Result<bool> {
    let pace = launcher.pace();
    let slots = pace.slots.min(dirs.len().max(1));
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(slots).build()?;
    let (asked, mut signalled) = (Asked::default(), false);
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut waiting = dirs.iter().enumerate();
        let mut free: Vec<usize> = (0..slots).rev().collect();
        let mut running = JoinSet::new();
        let mut gate = Instant::now();
        loop {
            while !asked.stop.asked() && !free.is_empty() && Instant::now() >= gate {
                let (Some((n, dir)), Some(slot)) = (waiting.next(), free.pop()) else { break };
                tell(Moment::Started(n));
                let (dir, launcher, asked) = (dir.clone(), Arc::clone(launcher), asked.clone());
                running.spawn_blocking(move || (n, slot, job(&dir, slot, &*launcher, &asked)));
                gate += pace.stagger;
            }
            let more = !asked.stop.asked() && waiting.len() > 0;
            if running.is_empty() && !more {
                return Ok(signalled);
            }
            tokio::select! {
                Some(ended) = running.join_next() => match ended {
                    Ok((n, slot, outcome)) => {
                        if pace.fail_fast && outcome.is_err() {
                            asked.stop.ask();
                        }
                        free.push(slot);
                        tell(Moment::Ended(n, outcome));
                    }
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                },
                () = signals.next() => {
                    if signalled {
                        asked.kill.ask();
                        tokio::time::sleep(MOMENT).await;
                        std::process::exit(INTERRUPTED);
                    }
                    signalled = true;
                    asked.stop.ask();
                    bars.suspend(|| screen::warn("stopping after this step; once more to stop at once"));
                }
                () = sleep_until(gate), if more && !free.is_empty() => {}
            }
        }
    })
}

/// Does one job, with the commands around it that its configuration wants.
fn job(dir: &Path, slot: usize, launcher: &dyn Launcher, asked: &Asked) -> Result<Report, WorkerError> {
    let process = Process::open(dir).map_err(|source| WorkerError::Files { path: dir.to_owned(), source })?;
    callbacks::run(&process, "on_job_start", dir, "running");
    let outcome = launcher.run(dir, slot, asked);
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
