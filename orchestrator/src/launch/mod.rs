//! Launchers: how a job gets a process.
//!
//! In: the directory of a run and a slot. Out: the outcome of its job. A launcher never composes, and it does not choose
//! what comes next: that is [`crate::dispatch`]. The trait is open; what `hydra/launcher` can name stands in [`Choice`].

pub mod child;
mod choice;
pub mod end;
mod hold;
mod inline;
mod local;
mod pages;
mod plugins;
pub mod queue;
mod watched;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use exp_api::{Report, Stop};

pub use choice::Choice;
pub use hold::kill_holder;
pub use inline::{InProcess, Inline};
pub use local::{Children, Local};

use crate::worker::WorkerError;

/// Brings jobs to their outcome.
pub trait Launcher: Send + Sync {
    /// How its jobs follow one another.
    fn pace(&self) -> Pace;

    /// Does the job of `dir` to its end, to what is asked, or to an error. Blocking, on a thread of its own; of the jobs
    /// that run at one time each has another `slot`, counted from 0.
    ///
    /// # Errors
    /// See [`WorkerError`].
    fn run(&self, dir: &Path, slot: usize, asked: &Asked) -> Result<Report, WorkerError>;
}

/// How jobs follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The least time between two starts.
    pub stagger: Duration,
    /// Whether the first failure stops the others.
    pub fail_fast: bool,
}

/// What a job gets of a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// The threads of a job that does not say how many it wants; none: as its backend thinks best.
    pub threads: Option<u64>,
    /// Whether it is another machine than this one, with other devices.
    pub elsewhere: bool,
    /// Whether it sees one GPU of those that are here, as `cuda:0`.
    pub one_gpu: bool,
}

/// The very file of this program, also if another one has taken its place meanwhile.
fn this_binary() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// What the jobs that run are asked for. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// To stop at the next step, with a checkpoint.
    pub stop: Stop,
    /// To end at once.
    pub kill: Stop,
}
