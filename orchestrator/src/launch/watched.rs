//! Waiting for the end of a child for a while, without reaping it: until then its number is that of no other process.

use std::io;
use std::time::Duration;

use rustix::process::Pid;

/// A child whose end is waited for.
pub struct Watched {
    #[cfg(target_os = "linux")]
    process: rustix::fd::OwnedFd,
    #[cfg(not(target_os = "linux"))]
    process: Pid,
}

#[cfg(target_os = "linux")]
impl Watched {
    /// A child of this process.
    ///
    /// # Errors
    /// There is no such process, or too many files are open.
    pub fn new(pid: Pid) -> io::Result<Watched> {
        use rustix::process::{PidfdFlags, pidfd_open};
        Ok(Watched { process: pidfd_open(pid, PidfdFlags::empty())? })
    }

    /// Whether it ends within this time; returns when it does.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn ends_within(&self, time: Duration) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let time = Timespec::try_from(time).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.process, PollFlags::IN)], Some(&time)) {
            Ok(ready) => Ok(ready > 0),
            // A signal, which is for others.
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Where processes are no files, it is asked for now and then.
#[cfg(not(target_os = "linux"))]
impl Watched {
    /// A child of this process.
    ///
    /// # Errors
    /// None.
    pub fn new(pid: Pid) -> io::Result<Watched> {
        Ok(Watched { process: pid })
    }

    /// Whether it ends within this time; returns when it does.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn ends_within(&self, time: Duration) -> io::Result<bool> {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let asked = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let start = std::time::Instant::now();
        loop {
            if waitid(WaitId::Pid(self.process), asked)?.is_some() {
                return Ok(true);
            }
            if start.elapsed() >= time {
                return Ok(false);
            }
            std::thread::sleep(time / 10);
        }
    }
}
