//! Who does what when: a thread for each slot, which does one job after another, and one asynchronous loop beside them for
//! signals.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::{self, Scope, scope};
use std::time::{Duration, Instant};

use exp_api::{Report, Stop};
use indicatif::MultiProgress;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};
use tracing::Dispatch;

use crate::callbacks;
use crate::launch::{Asked, Launcher, Pace, child, end, kill_holder};
use crate::process::Process;
use crate::screen;
use crate::status::{State, Status};
use crate::worker::WorkerError;

/// Exit code of a run that was stopped.
const INTERRUPTED: i32 = 130;
/// What the processes of jobs get to be killed in before this one ends.
const MOMENT: Duration = Duration::from_millis(200);
/// How often the jobs that run are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Where jobs come from and their outcomes go. A job is known by its number.
pub trait Jobs: Send {
    /// The next job, which starts now, and its run directory; none if there is no other.
    fn next(&mut self) -> Option<(usize, PathBuf)>;

    /// Whether there may be a next job: if not, nobody waits for the moment at which it could start.
    fn more(&self) -> bool;

    /// A job came to its outcome.
    fn ended(&mut self, job: usize, outcome: Result<Report, WorkerError>);

    /// Those of the running jobs that are not worth going on.
    fn hopeless(&mut self) -> Vec<usize> {
        Vec::new()
    }
}

/// Why jobs were left that could have been started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// This signal came first.
    Signal(SignalKind),
    /// A job could not be started where it should be.
    NotStarted,
}

/// Does jobs in order, `slots` at a time. The first signal asks the jobs that run to stop at their next step and leaves
/// the others; the second one ends all at once. Gives back what kept others from being started, if something did.
///
/// # Errors
/// The signals cannot be listened to.
pub fn run_all(
    jobs: &mut dyn Jobs,
    slots: usize,
    launcher: &dyn Launcher,
    bars: &MultiProgress,
) -> std::io::Result<Option<Cut>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let mut signals = Signals::listen()?;
    drop(guard);
    let slots = Slots {
        launcher,
        pace: launcher.pace(),
        count: slots,
        log: tracing::dispatcher::get_default(Clone::clone),
        kill: Stop::default(),
        jobs: Mutex::new(Running {
            jobs,
            asked: BTreeMap::new(),
            gate: Some(Instant::now()),
            over: false,
            refused: false,
        }),
        stopped: Condvar::new(),
    };
    scope(|threads| {
        // Closed when the last slot has no more to do.
        let (busy, mut idle) = unbounded_channel::<()>();
        slots.start(0, threads, busy)?;
        runtime.block_on(async {
            let mut signalled = None;
            let mut looks = interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = idle.recv() => {
                        let refused = slots.running().refused.then_some(Cut::NotStarted);
                        return Ok(signalled.map(Cut::Signal).or(refused));
                    }
                    kind = signals.next() => {
                        // What asks all processes of a machine to stop reaches this one from there and by its launcher, which
                        // kills it where that is meant.
                        if signalled.is_some() && child::is_one() {
                            continue;
                        }
                        if signalled.is_some() {
                            slots.kill.ask();
                            tokio::time::sleep(MOMENT).await;
                            slots.running().asked.values().for_each(|(_, dir)| kill_holder(dir));
                            std::process::exit(INTERRUPTED);
                        }
                        signalled = Some(kind);
                        slots.stop(&mut slots.running());
                        bars.suspend(|| screen::warn("stopping after this step; once more to stop at once"));
                    }
                    _ = looks.tick() => {
                        let mut running = slots.running();
                        let hopeless = running.jobs.hopeless();
                        hopeless.iter().filter_map(|job| running.asked.get(job)).for_each(|(stop, _)| stop.ask());
                    }
                }
            }
        })
    })
}

/// The slots and what they share.
struct Slots<'a> {
    launcher: &'a dyn Launcher,
    pace: Pace,
    count: usize,
    log: Dispatch,
    kill: Stop,
    jobs: Mutex<Running<'a>>,
    /// Wakes those that wait to start a job: there is none to start.
    stopped: Condvar,
}

/// The jobs, as far as they have come.
struct Running<'a> {
    jobs: &'a mut dyn Jobs,
    /// What asks a running job to stop, and its run directory.
    asked: BTreeMap<usize, (Stop, PathBuf)>,
    /// Before this no other job starts; none if never.
    gate: Option<Instant>,
    /// No other job starts any more.
    over: bool,
    /// A job could not be started.
    refused: bool,
}

impl<'a> Slots<'a> {
    /// Starts a slot, which starts the next one when it has got a job.
    fn start<'s>(&'s self, slot: usize, threads: &'s Scope<'s, '_>, busy: UnboundedSender<()>) -> std::io::Result<()> {
        let work = move || {
            tracing::dispatcher::with_default(&self.log, || {
                let mut another = slot + 1 < self.count;
                while let Some((job, dir, asked)) = self.begin() {
                    if std::mem::take(&mut another)
                        && let Err(error) = self.start(slot + 1, threads, busy.clone())
                    {
                        screen::warn(format_args!("warning: no more than {} jobs at a time: {error}", slot + 1));
                    }
                    let outcome = run(&dir, slot, self.launcher, &asked);
                    self.end(job, &dir, outcome);
                }
            });
        };
        thread::Builder::new().spawn_scoped(threads, work).map(drop)
    }

    /// The next job, when it may start.
    fn begin(&self) -> Option<(usize, PathBuf, Asked)> {
        let mut running = self.running();
        let early = |gate: Option<Instant>| match gate {
            Some(gate) => gate.checked_duration_since(Instant::now()),
            None => Some(Duration::MAX),
        };
        while let Some(early) = early(running.gate).filter(|_| !running.over) {
            let woken = self.stopped.wait_timeout(running, early);
            running = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        if running.over {
            return None;
        }
        let next = running.jobs.next();
        if next.is_none() || !running.jobs.more() {
            running.over = true;
            self.stopped.notify_all();
        }
        let (job, dir) = next?;
        running.gate = Instant::now().checked_add(self.pace.stagger);
        let asked = Asked { stop: Stop::default(), kill: self.kill.clone() };
        running.asked.insert(job, (asked.stop.clone(), dir.clone()));
        Some((job, dir, asked))
    }

    fn end(&self, job: usize, dir: &Path, outcome: Result<Report, WorkerError>) {
        let mut running = self.running();
        running.asked.remove(&job);
        if let Err(WorkerError::NotStarted(reason)) = &outcome {
            // That of one slot is that of the others.
            if !std::mem::replace(&mut running.refused, true) {
                tracing::warn!("no other job is started: {reason}");
            }
            running.over = true;
            self.stopped.notify_all();
            return running.jobs.ended(job, as_before(dir));
        }
        if self.pace.fail_fast && outcome.is_err() {
            self.stop(&mut running);
        }
        running.jobs.ended(job, outcome);
    }

    /// Asks the jobs that run to stop, and starts no other.
    fn stop(&self, running: &mut Running) {
        running.over = true;
        running.asked.values().for_each(|(stop, _)| stop.ask());
        self.stopped.notify_all();
    }

    fn running(&self) -> MutexGuard<'_, Running<'a>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of a job that was not started: one that had failed before still has, any other can go on.
fn as_before(dir: &Path) -> Result<Report, WorkerError> {
    let failed = Status::read(dir).filter(|status| status.state == State::Failed);
    let left = Report { step: 0, interrupted: true, figures: Vec::new(), grid: None };
    failed.map_or(Ok(left), |status| end::outcome(dir, status))
}

/// Does one job, with the commands around it that its configuration wants.
fn run(dir: &Path, slot: usize, launcher: &dyn Launcher, asked: &Asked) -> Result<Report, WorkerError> {
    let process = Process::open(dir)?;
    callbacks::run(&process, "on_job_start", dir, "running");
    let outcome = launcher.run(dir, slot, asked);
    callbacks::run(&process, "on_job_end", dir, callbacks::state(&outcome));
    outcome
}

/// The signals that ask to stop: from a terminal, a scheduler, or a lost connection.
struct Signals(Vec<(SignalKind, Signal)>);

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate(), SignalKind::user_defined1()];
        // With `nohup` it was started to outlive its connection.
        if !hangups_are_ignored() {
            kinds.push(SignalKind::hangup());
        }
        let one = |kind: SignalKind| signal(kind).map(|signal| (kind, signal));
        kinds.into_iter().map(one).collect::<Result<_, _>>().map(Signals)
    }

    async fn next(&mut self) -> SignalKind {
        poll_fn(|context| {
            let came =
                self.0.iter_mut().find_map(|(kind, signal)| signal.poll_recv(context).is_ready().then_some(*kind));
            came.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Whether this process was started with SIGHUP ignored, as the kernel lists it; no where it does not.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored & 1 << (SignalKind::hangup().as_raw_value() - 1) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many jobs, and how many have ended.
    struct Few(usize, usize);

    impl Jobs for Few {
        fn next(&mut self) -> Option<(usize, PathBuf)> {
            self.0 = self.0.checked_sub(1)?;
            Some((self.0, PathBuf::from("nowhere")))
        }

        fn more(&self) -> bool {
            self.0 > 0
        }

        fn ended(&mut self, _: usize, _: Result<Report, WorkerError>) {
            self.1 += 1;
        }
    }

    /// Jobs that end at once, of which the next one may start after this.
    struct Late(Duration);

    impl Launcher for Late {
        fn pace(&self) -> Pace {
            Pace { stagger: self.0, fail_fast: true }
        }

        fn run(&self, _: &Path, _: usize, _: &Asked) -> Result<Report, WorkerError> {
            Err(WorkerError::Apart("a bad day".to_owned()))
        }
    }

    #[test]
    fn nobody_waits_for_a_start_that_will_not_be() {
        // The first is the last; or its failure stops the others.
        for (jobs, days) in [(1, 1), (3, 1), (3, u64::MAX / 86_400)] {
            let (mut few, late) = (Few(jobs, 0), Late(Duration::from_secs(86_400 * days)));
            assert_eq!(run_all(&mut few, 2, &late, &MultiProgress::new()).unwrap(), None);
            assert_eq!(few.1, 1);
        }
    }
}
