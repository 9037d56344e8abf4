//! What the orchestrator sees of a training backend.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::protocol::Checked;
use crate::{EventSink, Job, RunSpec};

/// Trains what a frozen spec describes. Sees its job, a channel out and a flag in; never reads `conf/`, argv or the
/// environment.
pub trait Backend: Send + Sync {
    /// The name in `backend.name`.
    fn name(&self) -> &str;

    /// The devices it can use here.
    fn devices(&self) -> Vec<DeviceInfo>;

    /// Fills in what depends on the machine (threads, devices), so that it is frozen with the spec.
    fn resolve(&self, spec: RunSpec) -> RunSpec;

    /// Everything wrong with this spec on this machine, found before anything is written.
    fn check(&self, spec: &RunSpec) -> Vec<Problem>;

    /// Both for many specs: [`Backend::resolve`], then [`Backend::check`].
    fn prepare(&self, specs: Vec<RunSpec>) -> Vec<Checked> {
        let prepared = specs.into_iter().map(|spec| self.resolve(spec));
        prepared.map(|spec| Checked { problems: self.check(&spec), spec }).collect()
    }

    /// Takes the right to work in the directory of a job, as an open file, before the job is done. One that starts another process
    /// for it hands this on, so that the right is held until the end of both.
    fn lend(&mut self, _lock: File) {}

    /// Does the job in directory `dir`: to completion, to `stop`, or to the first error. Blocking.
    fn run(&self, dir: &Path, job: &Job, events: &mut dyn EventSink, stop: &Stop) -> Result<Report, BackendError>;
}

/// A device, as `exp doctor` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The name in `backend.device`.
    pub name: String,
    /// What it is.
    pub description: String,
}

/// One thing wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The key at fault, such as `model.head.n_channels`.
    pub key: String,
    /// What is wrong: what was expected, what was found.
    pub message: String,
}

impl Problem {
    /// A problem with the value of a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { key: key.into(), message: message.into() }
    }
}

/// How a job ended, when it did not fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Optimiser steps done.
    pub step: u64,
    /// Whether it was stopped before its end; it can be resumed.
    pub interrupted: bool,
    /// Figures by name, such as `fd_pixel`; the content of `report.json`. One that is no number is null.
    #[serde(deserialize_with = "crate::event::numbers")]
    pub figures: Vec<(String, f64)>,
    /// The grid of images worth showing, relative to the job directory.
    pub grid: Option<String>,
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A loss or gradient is no longer finite.
    #[error("{term} is not finite at step {step}; {kept}")]
    NonFinite {
        /// The step whose value it is.
        step: u64,
        /// The loss term or gradient.
        term: String,
        /// Which checkpoint is still good, in words.
        kept: String,
    },
    /// The data set cannot be used.
    #[error("{0}")]
    Data(String),
    /// A checkpoint or a weights file cannot be used.
    #[error("{0}")]
    Checkpoint(String),
    /// The device or its library failed.
    #[error("{0}")]
    Device(String),
    /// A file of the job directory cannot be written.
    #[error("{0}")]
    Files(String),
    /// The other side of the event channel is gone.
    #[error("cannot report progress: {0}")]
    Events(#[from] std::io::Error),
}

/// Asks a running job to stop at its next step. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Asks when this process gets a signal, which does nothing else any more.
    ///
    /// # Errors
    /// Nobody may listen to this signal.
    pub fn ask_by(&self, signal: i32) -> std::io::Result<()> {
        signal_hook::flag::register(signal, Arc::clone(&self.0)).map(drop)
    }

    /// Whether it was asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
