//! A job that a process is still doing which outlived the sweep that had started it: it is waited for, and what is asked is passed
//! on to it.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

use super::Asked;
use crate::status::{Lock, LockError, Owner, Status};
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
        }
        std::thread::sleep(ADOPTION);
    }
}

/// Sends a signal to the process that works on a run, if it is one of this machine that is known and there.
fn tell(dir: &Path, signal: Signal) -> bool {
    let Some(owner) = Status::read(dir).map(|status| status.owner) else { return false };
    let pid = i32::try_from(owner.pid).ok().and_then(Pid::from_raw);
    let pid = pid.filter(|_| owner.host == Owner::here().host && !owner.is_gone());
    if let Some(pid) = pid {
        // A program and the shell that keeps its exit code are a group; a process that is no leader of one is alone in this.
        // It may have ended meanwhile, which is as well.
        let _ = match getpgid(Some(pid)) {
            Ok(group) if group == pid => kill_process_group(pid, signal),
            _ => kill_process(pid, signal),
        };
    }
    pid.is_some()
}
