//! What a job asks of an engine: train a run, or draw images from one. The whole of an engine's `Backend::run` and
//! `Backend::check`.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use exp_api::spec::{Beside, DatasetSpec, LossKind, Metric, RunSpec};
use exp_api::{BackendError, Event, EventSink, Job, Level, Problem, Report, Stop, Task};

use super::Replicas;
use super::draw::Drawing;
use super::gallery::Gallery;
use super::init;
use super::judge::Judge;
use super::measure::Measuring;
use super::replicas::guarded;
use super::trainer::Trainer;
use super::vouched::Vouched;
use crate::data::{self, Dataset, Shape};
use crate::engine::Engine;
use crate::eval::inception::FEATURES;
use crate::eval::{self, FdPixel, statistics};
use crate::home::Home;
use crate::net::Network;
use crate::pool;
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
    problems.extend(schedule::check(&spec.schedule, spec.sample.steps));
    problems.extend(optim::check(&spec.train));
    problems.extend(loss::check(&spec.loss, channels));
    problems.extend(sample::check(spec));
    problems.extend(classes(spec));
    problems.extend(inception(spec));
    problems.extend(network(spec));
    problems.extend(pixels(spec));
    problems.extend(pae_levels(spec));
    problems.extend(pae(spec));
    problems
}

/// Whether a network that sees classes knows all of the data set's.
fn classes(spec: &RunSpec) -> Option<Problem> {
    let (known, there) = (spec.model.torso.classes()?, spec.dataset.classes());
    let message = format!("expected at least {there}, the classes of the data set, found {known}");
    (known < there).then(|| Problem::new("model.torso.num_classes", message))
}

/// Whether `fd_pixel` can pool the images.
fn pixels(spec: &RunSpec) -> Option<Problem> {
    let asked = spec.eval.metrics.contains(&Metric::FdPixel);
    let fault = FdPixel::check(shape(&spec.dataset)).err().filter(|_| asked)?;
    Some(Problem::new("eval.metrics", fault.to_string()))
}

/// The exact denoiser that `pae` compares with is that of all images, not of a class; and what it is compared with is a
/// consistency function, which a diffusion model has not.
fn pae(spec: &RunSpec) -> Option<Problem> {
    let message = match spec.model.torso.classes() {
        Some(_) => "pae needs a network that sees no classes",
        None if spec.loss.kind == LossKind::Edm => {
            "pae needs a consistency model, and loss.kind=edm is a diffusion model"
        }
        None => return None,
    };
    spec.eval.metrics.contains(&Metric::Pae).then(|| Problem::new("eval.metrics", message))
}

/// The levels of `pae` fall from the schedule's largest.
fn pae_levels(spec: &RunSpec) -> Option<Problem> {
    let (low, high) = (spec.eval.pae.sigma_min, spec.schedule.sigma_max);
    let asked = spec.eval.metrics.contains(&Metric::Pae) && low >= high;
    let message = format!("expected a number below schedule.sigma_max = {high}, found {low}");
    asked.then(|| Problem::new("eval.pae.sigma_min", message))
}

/// Whether the network in a file can be used, if a metric looks by it.
fn network(spec: &RunSpec) -> Option<Problem> {
    if !spec.eval.metrics.contains(&Metric::FdNetwork) {
        return None;
    }
    let message = match &spec.eval.network.onnx {
        None => "fd_network needs an ONNX file with a network, found null".to_owned(),
        Some(_) => eval::Network::open(&spec.eval.network).err()?.to_string(),
    };
    Some(Problem::new("eval.network.onnx", message))
}

/// Whether the files that FID needs are there, if a metric is one.
fn inception(spec: &RunSpec) -> Vec<Problem> {
    let scored = spec.eval.beside.contains(&Beside::InceptionScore);
    let Some(needed) = spec.eval.metrics.iter().find(|metric| metric.word().starts_with("fid_")) else {
        let message = "inception_score goes beside a FID, and none is asked for";
        return scored.then(|| Problem::new("eval.beside", message)).into_iter().collect();
    };
    let files = &spec.eval.inception;
    let weights = match &files.weights {
        None => Some(format!(
            "{} needs a safetensors file with the weights of FID's Inception-v3, found null",
            needed.word()
        )),
        Some(_) if scored => eval::classifier(files).err().map(|error| error.to_string()),
        Some(path) => Weights::check(path.as_ref()).err().map(|error| error.to_string()),
    };
    let statistics = files.statistics.as_ref().and_then(|path| statistics::load(path.as_ref(), FEATURES).err());
    let faults = [("eval.inception.weights", weights), ("eval.inception.statistics", statistics)];
    faults.into_iter().filter_map(|(key, fault)| Some(Problem::new(key, fault?))).collect()
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
    pool::ready().map_err(|error| BackendError::Device(error.to_string()))?;
    let spec = &job.spec;
    let (channels, side) = spec.dataset.shape();
    let network = Network::plan(&spec.model, channels, side, spec.schedule.sigma_min).map_err(|problems| {
        BackendError::Checkpoint(problems.iter().map(|p| format!("{}: {}\n", p.key, p.message)).collect())
    })?;
    let shape = shape(&spec.dataset);
    let classes = spec.dataset.classes();
    guarded(|| match &job.task {
        Task::Train => {
            let home = Home::find(dir).map_err(|error| BackendError::Files(format!("{}: {error}", dir.display())))?;
            let (data, vouched) = opened(job, events)?;
            Trainer {
                home,
                spec,
                data: Arc::new(data),
                vouched,
                network: &network,
                replicas,
                events,
                stop,
                judge: OnceCell::new(),
            }
            .run()
        }
        Task::Sample(source) => {
            let (data, vouched) = match spec.sample.reads_data() {
                true => Some(opened(job, events)?).unzip(),
                false => (None, None),
            };
            let gallery =
                Gallery { network: &network, shape, schedule: &spec.schedule, replicas, data: data.as_ref(), classes };
            Drawing { gallery: &gallery, dir, spec, data: vouched.as_ref(), stop }.run(source, events)
        }
        Task::Eval(source) => {
            let (data, vouched) = opened(job, events)?;
            let data = Arc::new(data);
            let gallery =
                Gallery { network: &network, shape, schedule: &spec.schedule, replicas, data: Some(&data), classes };
            let judge = Judge::new(replicas, &data, spec, stop)?;
            Measuring { gallery: &gallery, judge: &judge, dir, spec, data: &vouched, stop }.run(source, events)
        }
    })
}

/// The shape of its images.
fn shape(spec: &DatasetSpec) -> Shape {
    let (channels, side) = spec.shape();
    Shape { channels, height: side, width: side }
}

/// The data set of a job, and what vouches for it, with the news of what was left out of it.
fn opened(job: &Job, events: &mut dyn EventSink) -> Result<(Dataset, Vouched), BackendError> {
    let data = data::open(&job.spec.dataset).map_err(|error| BackendError::Data(error.to_string()))?;
    let (shape, vouched) = (data.shape(), Vouched::of(&data, job));
    let scaled = data.scaled().map(|how| format!(", {how}")).unwrap_or_default();
    let extent = format!("{} images of {}x{}{scaled}", data.len(), shape.width, shape.height);
    let message = format!("data set: {extent}, sha256 {}", vouched.digest);
    events.emit(Event::Log { level: Level::Info, message })?;
    if let Some(first) = data.skipped().first() {
        let (skipped, all) = (data.skipped().len(), data.len() + data.skipped().len());
        let message = format!("{skipped} of {all} pictures are skipped; the first: {first}");
        events.emit(Event::Log { level: Level::Warn, message })?;
    }
    Ok((data, vouched))
}
