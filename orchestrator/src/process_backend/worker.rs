//! A worker, from its start to its end: what it reports is passed on, and what it is asked for reaches it.
//!
//! It gets the lock of its run directory, so that this is held until its end also if this process dies.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use exp_api::protocol::{FromWorker, ToWorker};
use exp_api::{BackendError, Event, EventSink, Report, Stop};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

use super::ProcessBackend;
use super::streams::{Lines, Words};
use crate::launch::end::was_stopped;
use crate::lock::sign;
use crate::recorder::METRICS;
use crate::rows;
use crate::status::Owner;
use crate::usage::usage;

/// How often a running job looks whether it is asked to stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// What a worker gets to end in after its last line.
const GRACE: Duration = Duration::from_secs(5);
/// Whose turn it is to start one: what a child inherits is up to the process, whichever thread starts it.
static STARTS: Mutex<()> = Mutex::new(());

impl ProcessBackend {
    /// Starts a worker and takes its events until its last line; it, and what it started, has ended when this is back.
    pub(super) async fn follow(
        &self,
        dir: &Path,
        events: &mut dyn EventSink,
        stop: &Stop,
    ) -> Result<Report, BackendError> {
        let mut command = Command::new(&self.path);
        command.arg("worker").arg(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C at the terminal reaches `exp`, which asks the worker to stop; the worker itself must not get it.
        command.process_group(0);
        let mut child = self.start(command)?;
        let group = Group::of(&child);
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(self.failed("its streams are not there"));
        };
        let mut words = Words::new(errors);
        let talk = async {
            let (last, asked) = self.talk(&mut child, (Lines::new(output), input), events, stop).await?;
            Ok::<_, BackendError>((last, ends(&mut child, stop, asked).await?))
        };
        let talked = tokio::select! {
            talked = talk => talked,
            never = words.follow() => match never {},
        };
        drop(group);
        let status = child.wait().await?;
        // A process that has left its group may keep this open.
        let _ = timeout(PATIENCE, words.finish()).await;
        match talked? {
            (Some(FromWorker::Done(report)), _) => Ok(report),
            (Some(FromWorker::Failed(reason)), _) => Err(self.failed(&reason)),
            // Also if what it started, which dies later, held its output.
            _ if was_stopped(status, stop) => {
                let step = rows::read(&dir.join(METRICS)).last().map_or(0, |(step, _)| step);
                Ok(Report { step, interrupted: true, figures: Vec::new(), grid: None })
            }
            (_, true) => Err(self.failed(&format!("it ended with {status} and no report{}", words.last()))),
            (_, false) => {
                Err(self.failed(&format!("it closed its output without a report, and did not end{}", words.last())))
            }
        }
    }

    /// Starts a process that has the lock beside this one.
    fn start(&self, mut command: Command) -> Result<Child, BackendError> {
        let failed = |error: std::io::Error| self.failed(&error.to_string());
        let flag = |flags| self.lock.iter().try_for_each(|lock| Ok(fcntl_setfd(lock, flags)?)).map_err(failed);
        // What another thread starts at this very moment has it too, which holds it for longer, but never for less. Engines, which
        // live long, are started one at a time.
        let _turn = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
        flag(FdFlags::empty())?;
        let started = command.spawn();
        flag(FdFlags::CLOEXEC)?;
        let child = started.map_err(failed)?;
        if let (Some(lock), Some(pid)) = (&self.lock, child.id()) {
            sign(lock, &Owner::child(pid)).map_err(failed)?;
        }
        Ok(child)
    }

    /// Takes events until the last line: that line, if the worker came to one, and whether it was asked to stop. Its input ends
    /// with this: a worker that waits for more has nothing left to wait for.
    async fn talk(
        &self,
        child: &mut Child,
        (mut lines, mut input): (Lines, ChildStdin),
        events: &mut dyn EventSink,
        stop: &Stop,
    ) -> Result<(Option<FromWorker>, bool), BackendError> {
        let (mut asked, mut ended) = (false, false);
        loop {
            if stop.asked() && !asked {
                asked = true;
                tell(&mut input, ToWorker::Stop).await;
            }
            let line = tokio::select! {
                line = lines.next() => line.map_err(|reason| self.failed(&reason))?,
                _ = child.wait(), if !ended => {
                    ended = true;
                    continue;
                }
                // A process that it left behind may keep its output open: after its own end, silence is the end.
                () = sleep(PATIENCE) => match ended {
                    true => return Ok((None, asked)),
                    false => continue,
                },
            };
            match line {
                Some(FromWorker::Event(Event::System { step, mut values })) => {
                    values.extend(usage(child.id()));
                    events.emit(Event::System { step, values })?;
                }
                Some(FromWorker::Event(event)) => events.emit(event)?,
                Some(FromWorker::Flush) => {
                    events.flush()?;
                    tell(&mut input, ToWorker::Flushed).await;
                }
                last => return Ok((last, asked)),
            }
        }
    }

    fn failed(&self, reason: &str) -> BackendError {
        BackendError::Device(format!("{}: {reason}", self.path.display()))
    }
}

/// Whether a worker that has said its last ends by itself: in a while, or before it is asked to stop if it was not `asked` yet.
async fn ends(child: &mut Child, stop: &Stop, asked: bool) -> std::io::Result<bool> {
    let start = Instant::now();
    while start.elapsed() < GRACE && (asked || !stop.asked()) {
        if let Ok(ended) = timeout(PATIENCE, child.wait()).await {
            return ended.map(|_| true);
        }
    }
    Ok(false)
}

/// Writes a line to a worker. One that is gone closes its output too, which is noticed there.
async fn tell(input: &mut ChildStdin, message: ToWorker) {
    let mut line = serde_json::to_vec(&message).unwrap_or_default();
    line.push(b'\n');
    let _ = input.write_all(&line).await;
}

/// A worker and all that it has started and left running, which ends with this. Its number is nobody else's as long as its group
/// has a member.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}
