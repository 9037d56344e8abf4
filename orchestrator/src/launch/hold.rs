//! A job that a process is still doing which outlived the sweep that had started it: it is waited for, and what is asked is passed
//! on to it.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

use super::Asked;
use crate::lock::{Lock, LockError};
use crate::status::{Owner, Status};
use crate::worker::WorkerError;

/// How often it is looked at.
const ADOPTION: Duration = Duration::from_millis(100);

/// Takes the lock of a run, after the end of a process that has it; whether there was one.
///
/// # Errors
/// The lock cannot be taken.
pub fn hold(dir: &Path, asked: &Asked) -> Result<(Lock, bool), WorkerError> {
    let (mut adopted, mut stopped, mut killed, mut lost) = (false, false, false, false);
    loop {
        match Lock::take(dir) {
            Ok(lock) => return Ok((lock, adopted)),
            // Whoever started it was killed before it wrote down whom: nobody can be asked to end.
            Err(error @ LockError::Held { .. }) if lost => return Err(error.into()),
            Err(LockError::Held { .. }) => adopted = true,
            Err(error) => return Err(error.into()),
        }
        if asked.stop.asked() && !std::mem::replace(&mut stopped, true) {
            lost = !tell(dir, Signal::INT);
        }
        if asked.kill.asked() && !std::mem::replace(&mut killed, true) {
            tell(dir, Signal::KILL);
            kill_holder(dir);
        }
        std::thread::sleep(ADOPTION);
    }
}

/// Sends a signal to the process that works on a run, if it is one of this machine that is known and there.
fn tell(dir: &Path, signal: Signal) -> bool {
    let Some(owner) = Status::read(dir).map(|status| status.owner) else { return false };
    let there = owner.host == Owner::here().host && !owner.is_gone();
    if there {
        send(owner.pid, signal);
    }
    there
}

/// Kills the process that has the lock of a run, if it is another one of this machine: an engine, which outlives the process that
/// was to wait for it if it does not hear that its input has ended.
pub fn kill_holder(dir: &Path) {
    if let Some(pid) = Lock::holder(dir).filter(|&pid| pid != std::process::id()) {
        send(pid, Signal::KILL);
    }
}

/// Sends a signal to a process and to those of its group, if it leads one. It may have ended meanwhile, which is as well.
fn send(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    // A program and the shell that keeps its exit code are a group; a process that is no leader of one is alone in this.
    let _ = match getpgid(Some(pid)) {
        Ok(group) if group == pid => kill_process_group(pid, signal),
        _ => kill_process(pid, signal),
    };
}
