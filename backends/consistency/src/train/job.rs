//! What a job asks of an engine: train a run, or draw images from one. The whole of an engine's `Backend::run` and
//! `Backend::check`.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use exp_api::spec::{DatasetSpec, Method, RunSpec};
use exp_api::{BackendError, Event, EventSink, Job, Level, Problem, Report, Stop, Task};

use super::Replicas;
use super::gallery::Gallery;
use super::init::{self, last_average};
use super::replicas::guarded;
use super::trainer::Trainer;
use crate::data::{self, Dataset, Shape};
use crate::engine::Engine;
use crate::net::Network;
use crate::picture::{Picture, PictureError, legible_scale};
use crate::weights::Weights;
use crate::{loss, optim, sample, schedule};

/// Everything wrong with a spec that no engine could train.
pub fn check(spec: &RunSpec) -> Vec<Problem> {
    let (channels, side) = spec.dataset.shape();
    let mut problems = data::check(&spec.dataset);
    match Network::plan(&spec.model, channels, side, spec.schedule.sigma_min) {
        Ok(network) => problems.extend(init::check(&network, spec)),
        Err(found) => problems.extend(found),
    }
    problems.extend(schedule::check(&spec.schedule));
    problems.extend(optim::check(&spec.train));
    problems.extend(loss::check(&spec.loss, channels));
    problems.extend(sample::check(spec));
    problems.extend(classes(spec));
    problems.extend(inception(spec));
    problems
}

/// Whether a network that sees classes knows all of the data set's.
fn classes(spec: &RunSpec) -> Option<Problem> {
    let (known, there) = (spec.model.torso.classes()?, spec.dataset.classes());
    let message = format!("expected at least {there}, the classes of the data set, found {known}");
    (known < there).then(|| Problem::new("model.torso.num_classes", message))
}

/// Whether the weights of FID's network are there, if a metric needs them.
fn inception(spec: &RunSpec) -> Option<Problem> {
    let needed = spec.eval.metrics.iter().find(|metric| metric.word().starts_with("fid_"))?;
    let fault = match &spec.eval.inception.weights {
        None => {
            format!("{} needs a safetensors file with the weights of FID's Inception-v3, found null", needed.word())
        }
        Some(path) => Weights::check(path.as_ref()).err()?.to_string(),
    };
    Some(Problem::new("eval.inception.weights", fault))
}

/// Does a job in directory `dir` on the devices of `replicas`.
///
/// # Errors
/// What stopped it; see [`BackendError`].
pub fn run<E: Engine>(
    replicas: &Replicas<E>,
    dir: &Path,
    job: &Job,
    events: &mut dyn EventSink,
    stop: &Stop,
) -> Result<Report, BackendError> {
    let spec = &job.spec;
    let (channels, side) = spec.dataset.shape();
    let network = Network::plan(&spec.model, channels, side, spec.schedule.sigma_min).map_err(|problems| {
        BackendError::Checkpoint(problems.iter().map(|p| format!("{}: {}\n", p.key, p.message)).collect())
    })?;
    guarded(|| match &job.task {
        Task::Train => {
            let data = opened(&spec.dataset, events)?;
            Trainer {
                dir,
                spec,
                data: Arc::new(data),
                network: &network,
                replicas,
                events,
                stop,
                judge: OnceCell::new(),
            }
            .run()
        }
        Task::Sample { run } => {
            let shape = Shape { channels, height: side, width: side };
            let data = match spec.sample.method {
                Method::Intermediate => Some(opened(&spec.dataset, events)?),
                _ => None,
            };
            let gallery = Gallery { network: &network, shape, schedule: &spec.schedule, replicas, data: data.as_ref() };
            draw(&gallery, dir, &dir.join(run), spec, events)
        }
    })
}

/// The data set, with the news of what was left out of it.
fn opened(spec: &DatasetSpec, events: &mut dyn EventSink) -> Result<Dataset, BackendError> {
    let data = data::open(spec).map_err(|error| BackendError::Data(error.to_string()))?;
    if let Some(first) = data.skipped().first() {
        let (skipped, all) = (data.skipped().len(), data.len() + data.skipped().len());
        let message = format!("{skipped} of {all} pictures are skipped; the first: {first}");
        events.emit(Event::Log { level: Level::Warn, message })?;
    }
    Ok(data)
}

/// Draws the images of `spec.sample` from the averaged weights of `run`, one PNG each and a grid.
fn draw<E: Engine>(
    gallery: &Gallery<E>,
    dir: &Path,
    run: &Path,
    spec: &RunSpec,
    events: &mut dyn EventSink,
) -> Result<Report, BackendError> {
    let sample = &spec.sample;
    if sample.n == 0 {
        return Ok(Report { step: 0, interrupted: false, figures: Vec::new(), grid: None });
    }
    let theta = last_average(gallery.replicas.first(), gallery.network, run)?;
    events.emit(Event::Log {
        level: Level::Info,
        message: format!("drawing {} images by {}", sample.n, sample.method.word()),
    })?;
    let images = gallery.draw(&theta, sample, 0..sample.n);
    let written = |path: &Path, picture: Result<Picture, PictureError>| {
        picture
            .and_then(|picture| picture.save(path))
            .map_err(|error| BackendError::Files(format!("{}: {error}", path.display())))
    };
    for (i, image) in images.chunks(gallery.shape.values()).enumerate() {
        written(&dir.join(format!("{i:06}.png")), Picture::grid(image, gallery.shape, 1, 1))?;
    }
    let columns = (sample.n as f64).sqrt().ceil() as usize;
    let grid = "grid.png";
    written(&dir.join(grid), Picture::grid(&images, gallery.shape, columns, legible_scale(gallery.shape)))?;
    Ok(Report { step: 0, interrupted: false, figures: Vec::new(), grid: Some(grid.to_owned()) })
}
