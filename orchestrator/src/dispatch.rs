//! The one asynchronous loop: jobs on threads of their own, signals beside them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use exp_api::{Report, Stop};
use indicatif::MultiProgress;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::callbacks;
use crate::launch::{Asked, Launcher};
use crate::process::Process;
use crate::screen;
use crate::worker::WorkerError;

/// Exit code of a run that was stopped.
const INTERRUPTED: i32 = 130;
/// What the processes of jobs get to be killed in before this one ends.
const MOMENT: Duration = Duration::from_millis(200);
/// How often the jobs that run are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Where jobs come from and their outcomes go. A job is known by its number.
pub trait Jobs {
    /// The next job, which starts now, and its run directory; none if there is no other.
    fn next(&mut self) -> Option<(usize, PathBuf)>;

    /// A job came to its outcome.
    fn ended(&mut self, job: usize, outcome: Result<Report, WorkerError>);

    /// Those of the running jobs that are not worth going on.
    fn hopeless(&mut self) -> Vec<usize> {
        Vec::new()
    }
}

/// Does jobs in order, `slots` at a time. The first signal asks the jobs that run to stop at their next step and leaves
/// the others; the second one ends all at once. Gives back which signal came first, if one did.
///
/// # Errors
/// The signals cannot be listened to.
pub fn run_all(
    jobs: &mut dyn Jobs,
    slots: usize,
    launcher: &Arc<dyn Launcher>,
    bars: &MultiProgress,
) -> std::io::Result<Option<SignalKind>> {
    let pace = launcher.pace();
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(slots).build()?;
    let (kill, mut stopping, mut signalled) = (Stop::default(), false, None);
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut free: Vec<usize> = (0..slots).rev().collect();
        let mut running = JoinSet::new();
        let mut stops: BTreeMap<usize, Stop> = BTreeMap::new();
        let (mut gate, mut over) = (Instant::now(), false);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while !stopping && !over && !free.is_empty() && Instant::now() >= gate {
                let (Some((job, dir)), Some(slot)) = (jobs.next(), free.pop()) else {
                    over = true;
                    break;
                };
                let asked = Asked { stop: Stop::default(), kill: kill.clone() };
                stops.insert(job, asked.stop.clone());
                let launcher = Arc::clone(launcher);
                running.spawn_blocking(move || (job, slot, run(&dir, slot, &*launcher, &asked)));
                gate += pace.stagger;
            }
            let more = !stopping && !over;
            if running.is_empty() && !more {
                return Ok(signalled);
            }
            tokio::select! {
                Some(ended) = running.join_next() => match ended {
                    Ok((job, slot, outcome)) => {
                        stops.remove(&job);
                        if pace.fail_fast && outcome.is_err() {
                            stopping = true;
                            stops.values().for_each(Stop::ask);
                        }
                        free.push(slot);
                        jobs.ended(job, outcome);
                    }
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                },
                kind = signals.next() => {
                    if signalled.is_some() {
                        kill.ask();
                        tokio::time::sleep(MOMENT).await;
                        std::process::exit(INTERRUPTED);
                    }
                    (signalled, stopping) = (Some(kind), true);
                    stops.values().for_each(Stop::ask);
                    bars.suspend(|| screen::warn("stopping after this step; once more to stop at once"));
                }
                _ = looks.tick(), if !running.is_empty() => {
                    jobs.hopeless().iter().filter_map(|job| stops.get(job)).for_each(Stop::ask);
                }
                () = sleep_until(gate), if more && !free.is_empty() => {}
            }
        }
    })
}

/// Does one job, with the commands around it that its configuration wants.
fn run(dir: &Path, slot: usize, launcher: &dyn Launcher, asked: &Asked) -> Result<Report, WorkerError> {
    let process = Process::open(dir).map_err(|source| WorkerError::Files { path: dir.to_owned(), source })?;
    callbacks::run(&process, "on_job_start", dir, "running");
    let outcome = launcher.run(dir, slot, asked);
    callbacks::run(&process, "on_job_end", dir, callbacks::state(&outcome));
    outcome
}

/// The signals that ask to stop: from a terminal, a scheduler, or a lost connection.
struct Signals([(SignalKind, Signal); 4]);

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        let one = |kind: SignalKind| signal(kind).map(|signal| (kind, signal));
        let [int, term, hup, usr1] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::user_defined1()];
        Ok(Signals([one(int)?, one(term)?, one(hup)?, one(usr1)?]))
    }

    async fn next(&mut self) -> SignalKind {
        let [int, term, hup, usr1] = &mut self.0;
        tokio::select! {
            _ = int.1.recv() => int.0,
            _ = term.1.recv() => term.0,
            _ = hup.1.recv() => hup.0,
            _ = usr1.1.recv() => usr1.0,
        }
    }
}
