//! Does the job of a training backend: from `spec.json` to `report.json`, and nothing of how it came to be.

use std::fs::File;
use std::path::{Path, PathBuf};

use exp_api::{BackendError, Job, Report, Stop, Task};
use indicatif::MultiProgress;
use serde_json::{Map, Value};
use tracing::Dispatch;

use crate::files::write_atomically;
use crate::gpu::Gpus;
use crate::lock::{Lock, LockError};
use crate::machine::ENVIRONMENT;
use crate::process::Process;
use crate::recorder::Recorder;
use crate::registry::{self, RegistryError};
use crate::status::{State, Status};
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
    /// The job could not be started where it should be, which is no fault of its own: no other is tried there.
    #[error("{0}")]
    NotStarted(String),
    /// The job failed in a process of its own.
    #[error("{0}")]
    Apart(String),
    /// A file or the directory cannot be read or written.
    #[error("{path}: {source}")]
    Files {
        /// The file, or the directory.
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
pub fn work(dir: &Path, lock: &Lock, screen: Option<&MultiProgress>, stop: &Stop) -> Result<Report, WorkerError> {
    let job = Job::open(dir)?;
    let mut backend = registry::find(&job.spec.backend.name)?;
    let failed = |path: PathBuf| |source| WorkerError::Files { path, source };
    backend.lend(lock.share().map_err(failed(dir.join(Lock::FILE)))?);
    let again = Status::read(dir).is_some_and(|status| status.started.is_some());
    let started = now();
    let mut status = Status { started: Some(started.clone()), ..Status::here(State::Running) };
    status.write(dir).map_err(failed(dir.join(Status::FILE)))?;
    let logged = logged(dir, screen);
    // Without a log its status alone says why.
    let dispatch = logged.as_ref().map_or_else(|_| Dispatch::none(), Dispatch::clone);
    let work = || {
        machine::record(dir, &started, &backend.devices()).map_err(failed(dir.join(ENVIRONMENT)))?;
        let (compute, board) = (&job.spec.backend, job.spec.track.tensorboard);
        let gpus = Gpus::of(compute.working());
        let recorder = Recorder::open(dir, screen, again, board, gpus);
        let mut recorder = recorder.map_err(failed(dir.to_owned()))?;
        // No checkpoint is of use without it.
        let spec = dir.join(Job::FILE);
        File::open(&spec).and_then(|file| file.sync_all()).map_err(failed(spec))?;
        let outcome = backend.run(dir, &job, &mut recorder, stop).map_err(WorkerError::from);
        let outcome = outcome.and_then(|report| {
            if !report.interrupted {
                lock.guards().map_err(failed(dir.to_owned()))?;
                write_report(dir, &report.figures).map_err(failed(dir.join(REPORT)))?;
            }
            Ok(report)
        });
        recorder.close(outcome.as_ref().ok());
        outcome
    };
    tracing::dispatcher::with_default(&dispatch, || {
        // Images and figures of a run that is there are no run of their own to others.
        let live = matches!(job.task, Task::Train).then_some(&job.spec.track.mlflow);
        let live = live.and_then(|mlflow| Live::begin(dir, mlflow));
        let outcome = logged.and_then(|_| work());
        status.ended = Some(now());
        match &outcome {
            Ok(report) => {
                if report.interrupted {
                    tracing::warn!("interrupted at step {}", report.step);
                }
                status.state = if report.interrupted { State::Interrupted } else { State::Done };
                status.step = Some(report.step);
            }
            Err(error) => {
                tracing::error!("{error}");
                status.state = State::Failed;
                status.cause = Some(error.to_string());
            }
        }
        let noted = lock.guards().map_err(failed(dir.to_owned()));
        let noted = noted.and_then(|()| status.write(dir).map_err(failed(dir.join(Status::FILE))));
        if let Some(live) = live {
            live.end();
        }
        // Why a job failed may also be why that cannot be written down.
        outcome.and_then(|report| noted.map(|()| report))
    })
}

/// Where the messages of a job go, as it was frozen with it.
fn logged(dir: &Path, screen: Option<&MultiProgress>) -> Result<Dispatch, WorkerError> {
    let logging = Process::open(dir)?.logging;
    let file = dir.join(logging.file.as_deref().unwrap_or_default());
    log::of_job(screen, dir, &logging).map_err(|source| WorkerError::Files { path: file, source })
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
