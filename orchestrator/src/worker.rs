//! Does the job of a training backend: from `spec.json` to `report.json`, and nothing of how it came to be.

use std::path::{Path, PathBuf};

use exp_api::{BackendError, Job, Report, Stop, Task};
use indicatif::MultiProgress;
use serde_json::{Map, Value};

use crate::files::write_atomically;
use crate::gpu::Gpus;
use crate::process::Process;
use crate::recorder::Recorder;
use crate::registry::{self, RegistryError};
use crate::status::{Lock, LockError, State, Status};
use crate::track::live::Live;
use crate::{log, machine};

/// Figures of a finished job, within its directory.
pub const REPORT: &str = "report.json";

/// Why a job did not end well.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Another process works on it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// There is no job to do.
    #[error(transparent)]
    NoJob(#[from] exp_api::spec::JobFileError),
    /// There is no such backend.
    #[error(transparent)]
    NoBackend(#[from] RegistryError),
    /// The job failed.
    #[error(transparent)]
    Failed(#[from] BackendError),
    /// The job failed in a process of its own.
    #[error("{0}")]
    Apart(String),
    /// The directory cannot be written.
    #[error("cannot write {path}: {source}")]
    Files {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Does the job of `dir`, whose lock the caller has, to its end, to `stop`, or to an error; `status.json` says which.
/// Progress is shown on `screen`.
///
/// # Errors
/// See [`WorkerError`]; the first three leave the directory as it was.
pub fn work(dir: &Path, _: &Lock, screen: Option<&MultiProgress>, stop: &Stop) -> Result<Report, WorkerError> {
    let job = Job::open(dir)?;
    let backend = registry::find(&job.spec.backend.name)?;
    let failed = |source| WorkerError::Files { path: dir.to_owned(), source };
    let again = Status::read(dir).is_some_and(|status| status.state != State::Created);
    let mut status = Status { started: Some(now()), ..Status::here(State::Running) };
    status.write(dir).map_err(failed)?;
    let logging = Process::open(dir).map_err(failed)?.logging;
    let dispatch = log::of_job(screen, dir, &logging).map_err(failed)?;
    // Images and figures of a run that is there are no run of their own to others.
    let live = matches!(job.task, Task::Train).then_some(&job.spec.track.mlflow);
    let live = tracing::dispatcher::with_default(&dispatch, || live.and_then(|mlflow| Live::begin(dir, mlflow)));
    let outcome = tracing::dispatcher::with_default(&dispatch, || {
        if let Some(started) = &status.started {
            machine::record(dir, started, &backend.devices()).map_err(failed)?;
        }
        let (compute, board) = (&job.spec.backend, job.spec.track.tensorboard);
        let gpus = Gpus::of(compute.devices.as_deref().unwrap_or(std::slice::from_ref(&compute.device)));
        let mut recorder = Recorder::open(dir, screen, again, board, gpus).map_err(failed)?;
        let outcome = backend.run(dir, &job, &mut recorder, stop).map_err(WorkerError::from);
        let outcome = outcome.and_then(|report| {
            if !report.interrupted {
                write_report(dir, &report.figures).map_err(failed)?;
            }
            Ok(report)
        });
        recorder.close(outcome.as_ref().ok());
        match &outcome {
            Ok(report) if report.interrupted => tracing::warn!("interrupted at step {}", report.step),
            Ok(_) => {}
            Err(error) => tracing::error!("{error}"),
        }
        outcome
    });
    status.ended = Some(now());
    match &outcome {
        Ok(report) => {
            status.state = if report.interrupted { State::Interrupted } else { State::Done };
            status.step = Some(report.step);
        }
        Err(error) => {
            status.state = State::Failed;
            status.cause = Some(error.to_string());
        }
    }
    status.write(dir).map_err(failed)?;
    if let Some(live) = live {
        tracing::dispatcher::with_default(&dispatch, || live.end());
    }
    outcome
}

/// Writes the figures of a job as one flat object.
///
/// # Errors
/// The directory cannot be written.
pub fn write_report(dir: &Path, figures: &[(String, f64)]) -> std::io::Result<()> {
    let figures: Map<String, Value> = figures.iter().map(|(name, value)| (name.clone(), Value::from(*value))).collect();
    let text = serde_json::to_string_pretty(&figures)? + "\n";
    write_atomically(&dir.join(REPORT), text.as_bytes())
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}
