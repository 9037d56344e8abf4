//! The lock of a run directory: who may work in it.

use std::fs::{File, OpenOptions, TryLockError, metadata, read_dir, read_to_string};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use exp_consistency::home::Home;

use crate::status::Owner;

/// What a process needs at most to write its name into a lock that it took, or to look whether a run is at work.
const MOMENT: Duration = Duration::from_millis(50);

/// The right to work in a run directory, held as long as it lives. The kernel takes it back when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    home: Home,
    /// Whether another process has the same right, now or once.
    shared: AtomicBool,
}

impl Drop for Lock {
    /// Gives it back also where a process that another thread is just starting has a copy of the file, before its `exec`.
    fn drop(&mut self) {
        if !*self.shared.get_mut() {
            // What it does not do, closing the file does.
            let _ = self.file.unlock();
        }
    }
}

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{dir} is in use by {holder}")]
    Held {
        /// The run directory.
        dir: String,
        /// The other process, in words.
        holder: String,
    },
    /// The lock file cannot be opened.
    #[error("cannot lock {dir}: {source}")]
    Files {
        /// The run directory.
        dir: String,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// The file's name.
    pub const FILE: &'static str = ".lock";

    /// Takes the lock of a run directory.
    ///
    /// # Errors
    /// It is held, or cannot be.
    pub fn take(dir: &Path) -> Result<Lock, LockError> {
        let shown = || dir.display().to_string();
        let failed = |source| LockError::Files { dir: shown(), source };
        let path = dir.join(Lock::FILE);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let patiently = |error| match error {
            TryLockError::WouldBlock => {
                std::thread::sleep(MOMENT);
                file.try_lock()
            }
            error => Err(error),
        };
        match file.try_lock().or_else(patiently) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(failed)?;
                let holder = match unnamed(dir, &text) {
                    Some(pid) => named(&Owner { pid, ..Owner::here() }),
                    None if text.is_empty() => "another process".to_owned(),
                    None => text.trim().to_owned(),
                };
                return Err(LockError::Held { dir: shown(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        sign(&file, &Owner::here()).map_err(failed)?;
        Ok(Lock { file, home: Home::find(dir).map_err(failed)?, shared: false.into() })
    }

    /// The lock of a run directory that this process was started with, as its standard input.
    ///
    /// # Errors
    /// The file cannot be written, or the directory opened.
    pub fn inherited(dir: &Path) -> io::Result<Lock> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        sign(&file, &Owner::here())?;
        Ok(Lock { file, home: Home::find(dir)?, shared: true.into() })
    }

    /// Holds that the directory is still where it was: it may be moved or removed, and another run begun under its name.
    ///
    /// # Errors
    /// See [`Home::path`].
    pub fn guards(&self) -> io::Result<()> {
        self.home.path().map(drop)
    }

    /// The process of this machine that was the last to sign the lock of a run directory, if it still has it.
    pub fn holder(dir: &Path) -> Option<u32> {
        let pid = signatory(&read_to_string(dir.join(Lock::FILE)).ok()?)?;
        // Its number may be that of another one by now, which has not locked the file.
        has_locked(pid, &dir.join(Lock::FILE)).then_some(pid)
    }

    /// Says to others what this process does that has it, such as `exp watch`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn say(&self, doing: &str) -> io::Result<()> {
        write_holder(&self.file, &format!("{}, {doing}", named(&Owner::here())))
    }

    /// Says to others that a program does the work, which this process has started as the leader of a group.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn pass(&self, program: &Owner) -> io::Result<()> {
        write_holder(&self.file, &format!("{}, its program; to end it: kill -INT -{}", named(program), program.pid))
    }

    /// The same right for a process that is about to be started, which has it beside this one.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn share(&self) -> io::Result<File> {
        self.shared.store(true, Ordering::Relaxed);
        self.file.try_clone()
    }
}

/// The right to change what is said about a run, its labels and what trackers know it by, until this is dropped: whoever else is
/// about to waits for it. It is a lock on the directory itself, beside that of the work. Some file systems have none.
pub fn alone(dir: &Path) -> Option<File> {
    File::open(dir).and_then(|folder| folder.lock().map(|()| folder)).ok()
}

/// Writes into a lock who has it.
///
/// # Errors
/// The file cannot be written.
pub fn sign(file: &File, owner: &Owner) -> io::Result<()> {
    write_holder(file, &named(owner))
}

/// The number of the process of this machine, since it was started, that a lock's text names.
fn signatory(text: &str) -> Option<u32> {
    let pid = text.strip_prefix("process ")?.split(' ').next()?.parse().ok()?;
    text.starts_with(&named(&Owner { pid, ..Owner::here() })).then_some(pid)
}

/// The process of this machine that has the lock of a run directory, where it cannot be the one that the lock's `text` names: that
/// one was killed before it had written down what it had just started, or the one that has it did not come to writing yet.
fn unnamed(dir: &Path, text: &str) -> Option<u32> {
    let path = dir.join(Lock::FILE);
    let wrong = text.is_empty() || signatory(text).is_some_and(|pid| !has_locked(pid, &path));
    if !wrong {
        return None;
    }
    let pids = read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // What it started in turn may have the lock too.
    pids.filter(|&pid| has_locked(pid, &path)).min()
}

/// Whether a process has this file open, and locked: the kernel shows a lock beside the open files that have it.
fn has_locked(pid: u32, path: &Path) -> bool {
    let place = |path: &Path| metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let (Some(wanted), Ok(open)) = (place(path), read_dir(format!("/proc/{pid}/fd"))) else { return false };
    open.flatten().filter(|file| place(&file.path()) == Some(wanted)).any(|file| {
        let about = format!("/proc/{pid}/fdinfo/{}", file.file_name().display());
        read_to_string(about).is_ok_and(|text| text.lines().any(|line| line.starts_with("lock:")))
    })
}

fn named(owner: &Owner) -> String {
    format!("process {} on {} (boot {})", owner.pid, owner.host, owner.boot_id)
}

fn write_holder(mut file: &File, holder: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{holder}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn who_holds_a_lock_is_who_signed_it_and_has_it_open() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(dir.path()), None);
        let lock = Lock::take(dir.path()).unwrap();
        assert_eq!(Lock::holder(dir.path()), Some(std::process::id()));
        lock.say("which watches").unwrap();
        assert_eq!(Lock::holder(dir.path()), Some(std::process::id()));
        // The first process of the machine is there, and is not the one that holds it.
        sign(&lock.file, &Owner { pid: 1, ..Owner::here() }).unwrap();
        assert_eq!(Lock::holder(dir.path()), None);
        sign(&lock.file, &Owner { host: "elsewhere".to_owned(), ..Owner::here() }).unwrap();
        assert_eq!(Lock::holder(dir.path()), None);
        sign(&lock.file, &Owner::here()).unwrap();
        drop(lock);
        assert_eq!(Lock::holder(dir.path()), None, "it is there and has closed it");
    }

    #[test]
    fn one_that_has_not_signed_is_found_among_those_that_only_look() {
        let dir = tempfile::tempdir().unwrap();
        let sleep = |file: File| Command::new("sleep").arg("60").stdin(file).spawn().unwrap();
        let looks = sleep(File::create(dir.path().join(Lock::FILE)).unwrap());
        let lock = Lock::take(dir.path()).unwrap();
        let has = sleep(lock.share().unwrap());
        let mut dead = Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        sign(&lock.file, &Owner { pid: dead.id(), ..Owner::here() }).unwrap();
        drop(lock);
        let beside_a_wrong_name = Lock::take(dir.path());
        File::options().write(true).truncate(true).open(dir.path().join(Lock::FILE)).unwrap();
        let beside_none = Lock::take(dir.path());
        let has_its_name = named(&Owner { pid: has.id(), ..Owner::here() });
        for mut process in [looks, has] {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        for refused in [beside_a_wrong_name, beside_none] {
            let Err(LockError::Held { holder, .. }) = refused else { panic!("{refused:?}") };
            assert_eq!(holder, has_its_name);
        }
    }
}
