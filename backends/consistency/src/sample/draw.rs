//! From a network and a seed to images.

use std::ops::Range;

use exp_api::Problem;
use exp_api::spec::{LossKind, Method, RunSpec, SampleSpec, ScheduleSpec};

use super::{heun, intermediate, multistep, one_step};
use crate::data::{Dataset, Shape};
use crate::engine::Engine;
use crate::net::{Network, Noisy, Pass, one_hot};
use crate::params::Params;
use crate::rng::{Draw, Purpose};
use crate::tensor::Tensor;

/// A trained network as a source of images.
#[derive(Debug, Clone, Copy)]
pub struct Sampler<'a, T> {
    /// The network.
    pub network: &'a Network,
    /// Its weights.
    pub theta: &'a Params<T>,
    /// The extent of an image.
    pub shape: Shape,
    /// The noise levels that it was trained on.
    pub schedule: &'a ScheduleSpec,
    /// The images that [`Method::Intermediate`] starts from.
    pub data: Option<&'a Dataset>,
    /// How many classes the data set has, which may be fewer than the network can tell apart: of the others it has seen
    /// nothing.
    pub classes: u64,
}

/// What is given of the images to draw, beside noise.
#[derive(Debug, Clone)]
pub(crate) struct Drawn<T> {
    /// `[B,classes]`, 1 at the class of each image; for a network that sees classes.
    pub(crate) labels: Option<T>,
    /// Clean images `[B,C,H,W]`, for [`Method::Intermediate`].
    pub(crate) clean: Option<T>,
}

impl<T> Default for Drawn<T> {
    fn default() -> Self {
        Drawn { labels: None, clean: None }
    }
}

impl<T: Tensor> Sampler<'_, T> {
    /// The images with these numbers, NCHW. Image i is the same whatever else is drawn, up to how an engine rounds
    /// batches of different sizes; the caller splits long ranges.
    pub fn draw<E: Engine<T = T>>(&self, engine: &E, spec: &SampleSpec, images: Range<u64>) -> Vec<f32> {
        let shape = self.shape.batch((images.end - images.start) as usize);
        let noise = |stage| engine.upload(&shape, &normals(spec.seed, stage, images.clone(), self.shape.values()));
        let drawn = Drawn {
            labels: self.labels(engine, spec, images.clone()),
            clean: self.clean(engine, spec, images.clone()),
        };
        self.images_of(spec, &drawn, noise).to_host()
    }

    /// The classes of images with these numbers, for a network that sees classes.
    pub(super) fn labels<E: Engine<T = T>>(
        &self,
        engine: &E,
        spec: &SampleSpec,
        images: impl Iterator<Item = u64>,
    ) -> Option<T> {
        let count = self.network.classes()?;
        let class = |image: u64| match &spec.classes {
            Some(classes) => classes[(image % classes.len() as u64) as usize],
            None => image % self.classes,
        };
        let classes: Vec<u64> = images.map(class).collect();
        Some(one_hot(engine, classes.into_iter(), count))
    }

    /// The images of the data set that `intermediate` starts from.
    pub(super) fn clean<E: Engine<T = T>>(
        &self,
        engine: &E,
        spec: &SampleSpec,
        images: impl Iterator<Item = u64>,
    ) -> Option<T> {
        let data = self.data.filter(|_| spec.method == Method::Intermediate)?;
        let start: Vec<f32> = images.flat_map(|i| data.signed((i % data.len() as u64) as usize)).collect();
        Some(engine.upload(&self.shape.batch(start.len() / self.shape.values()), &start))
    }

    /// One image for each that standard normal `noise(stage)` `[B,C,H,W]` holds.
    pub(crate) fn images_of(&self, spec: &SampleSpec, drawn: &Drawn<T>, noise: impl FnMut(u64) -> T) -> T {
        let schedule = self.schedule;
        let labels = drawn.labels.as_ref();
        let torso = |x: &T, sigma: f64| self.torso(x, sigma, labels);
        match spec.method {
            Method::OneStep => one_step::images(schedule, torso, noise),
            Method::TwoStep => multistep::images(schedule, &[spec.mid_sigma], torso, noise),
            Method::Multistep => {
                let grid = || multistep::levels(schedule, spec.steps);
                multistep::images(schedule, &spec.sigmas.clone().unwrap_or_else(grid), torso, noise)
            }
            Method::Heun => heun::images(schedule, spec.steps, |x, sigma| self.score(x, sigma, labels), noise),
            Method::Intermediate => intermediate::images(spec.start_sigma, drawn.clean.as_ref(), torso, noise),
        }
    }

    /// The torso's denoised images.
    pub(crate) fn torso(&self, x: &T, sigma: f64, labels: Option<&T>) -> T {
        self.network.denoise(self.theta, &Noisy { x, sigma: &alike(x, sigma), labels }, Pass::Eval).image
    }

    /// The denoised images of the head, or of a torso without one, which is a diffusion model itself.
    pub(crate) fn score(&self, x: &T, sigma: f64, labels: Option<&T>) -> T {
        let noisy = Noisy { x, sigma: &alike(x, sigma), labels };
        let torso = self.network.denoise(self.theta, &noisy, Pass::Eval);
        let denoised = self.network.score(self.theta, &noisy, &torso, Pass::Eval);
        denoised.unwrap_or(torso.image)
    }
}

/// Whether the network of a run can be sampled and judged as it asks.
pub fn check(run: &RunSpec) -> Vec<Problem> {
    let (spec, schedule) = (&run.sample, &run.schedule);
    let mut problems = Vec::new();
    let mut problem = |key: &str, message: String| problems.push(Problem::new(key, message));
    let scores = run.model.head.is_some() || run.loss.kind == LossKind::Edm;
    for (key, heun) in
        [("sample.method", spec.method == Method::Heun), ("eval.methods", run.eval.methods.contains(&Method::Heun))]
    {
        if heun && !scores {
            problem(key, "heun needs a score head or a diffusion model, and model.head is null".to_owned());
        }
    }
    let (low, high) = (schedule.sigma_min, schedule.sigma_max);
    // Two steps stand in every picture of a consistency model.
    let asked = spec.method == Method::TwoStep || run.eval.methods.contains(&Method::TwoStep);
    let two_steps = run.loss.kind != LossKind::Edm || asked;
    // Of an empty range the schedule tells.
    if two_steps && low < high && !(low..=high).contains(&spec.mid_sigma) {
        problem("sample.mid_sigma", format!("expected a noise level from {low} to {high}, found {}", spec.mid_sigma));
    }
    let from_data = spec.method == Method::Intermediate || run.eval.methods.contains(&Method::Intermediate);
    if from_data && low < high && !(low..=high).contains(&spec.start_sigma) {
        let message = format!("expected a noise level from {low} to {high}, found {}", spec.start_sigma);
        problem("sample.start_sigma", message);
    }
    let sigmas = spec.sigmas.as_deref().unwrap_or_default();
    let falling = std::iter::once(&high).chain(sigmas).is_sorted_by(|above, below| above > below);
    if !falling || sigmas.iter().any(|sigma| *sigma < low) {
        problem("sample.sigmas", format!("expected falling noise levels between {high} and {low}, found {sigmas:?}"));
    }
    if run.loss.kind == LossKind::Edm && run.model.head.is_some() {
        problem("model.head", "expected null: a diffusion model (loss.kind=edm) is its own score".to_owned());
    }
    match (&spec.classes, run.model.torso.classes()) {
        (Some(_), None) => problem("sample.classes", "the torso sees no classes; expected null".to_owned()),
        (Some(classes), Some(count)) => {
            if let Some(unknown) = classes.iter().find(|class| **class >= count) {
                let message = format!("expected classes below model.torso.num_classes = {count}, found {unknown}");
                problem("sample.classes", message);
            }
        }
        (None, _) => {}
    }
    problems
}

/// Standard normal values for each image, `size` an image: a function of (seed, stage, number of the image).
pub(super) fn normals(seed: u64, stage: u64, images: Range<u64>, size: usize) -> Vec<f32> {
    let draw = Draw::new(seed, Purpose::Sample, stage);
    let mut values = vec![0.0; (images.end - images.start) as usize * size];
    for (image, number) in values.chunks_mut(size).zip(images) {
        draw.image(number).fill_normal(image);
    }
    values
}

/// One noise level for each image of `x`, `[B]`.
fn alike<T: Tensor>(x: &T, sigma: f64) -> T {
    let batch = x.shape()[0];
    x.constant(&[batch], &vec![sigma as f32; batch])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::oracle::Doubles;
    use crate::schedule::PAPER;

    /// Mean and variance of normal data, for which flow and denoiser are known in closed form.
    pub(in crate::sample) const MEAN: f64 = 0.2;
    pub(in crate::sample) const VARIANCE: f64 = 0.09;
    /// The noise of each stage.
    pub(in crate::sample) const Z: [f64; 3] = [1.3, -0.4, 0.7];

    pub(in crate::sample) fn schedule() -> ScheduleSpec {
        PAPER
    }

    pub(in crate::sample) fn noise(stage: u64) -> Doubles {
        Doubles::new(&[1, 1, 1, 1], [Z[stage as usize]])
    }

    /// Standard deviation of noised data.
    pub(in crate::sample) fn spread(sigma: f64) -> f64 {
        (VARIANCE + sigma * sigma).sqrt()
    }

    /// The flow of normal data from sigma down to sigma_min.
    pub(in crate::sample) fn consistency(x: &Doubles, sigma: f64) -> Doubles {
        x.offset(-MEAN).scale(spread(0.002) / spread(sigma)).offset(MEAN)
    }

    #[test]
    fn an_image_does_not_know_its_batch() {
        assert_eq!(normals(1, 0, 0..6, 5), [normals(1, 0, 0..2, 5), normals(1, 0, 2..6, 5)].concat());
        assert_ne!(normals(1, 0, 0..1, 5), normals(1, 1, 0..1, 5));
        assert_ne!(normals(1, 0, 0..1, 5), normals(2, 0, 0..1, 5));
    }
}
