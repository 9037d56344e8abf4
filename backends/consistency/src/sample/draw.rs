//! From a network and a seed to images.

use std::ops::Range;

use exp_api::Problem;
use exp_api::spec::{Method, SampleSpec, ScheduleSpec};

use super::{heun, multistep, one_step};
use crate::data::Shape;
use crate::engine::Engine;
use crate::net::{Network, Pass};
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
}

impl<T: Tensor> Sampler<'_, T> {
    /// The images with these numbers, NCHW. Image i is the same whatever else is drawn, up to how an engine rounds
    /// batches of different sizes; the caller splits long ranges.
    ///
    /// # Panics
    /// With [`Method::Heun`] and a network without a head, which [`check`] finds.
    pub fn draw<E: Engine<T = T>>(&self, engine: &E, spec: &SampleSpec, images: Range<u64>) -> Vec<f32> {
        let Shape { channels, height, width } = self.shape;
        let shape = [(images.end - images.start) as usize, channels, height, width];
        let noise = |stage| engine.upload(&shape, &normals(spec.seed, stage, images.clone(), self.shape.values()));
        self.images_of(spec, noise).to_host()
    }

    /// One image for each that standard normal `noise(stage)` `[B,C,H,W]` holds.
    pub(crate) fn images_of(&self, spec: &SampleSpec, noise: impl FnMut(u64) -> T) -> T {
        let schedule = self.schedule;
        let torso = |x: &T, sigma: f64| self.torso(x, sigma);
        match spec.method {
            Method::OneStep => one_step::images(schedule, torso, noise),
            Method::TwoStep => multistep::images(schedule, &[spec.mid_sigma], torso, noise),
            Method::Multistep => multistep::images(schedule, &multistep::levels(schedule, spec.steps), torso, noise),
            Method::Heun => heun::images(schedule, spec.steps, |x, sigma| self.head(x, sigma), noise),
        }
    }

    /// The torso's denoised images.
    pub(crate) fn torso(&self, x: &T, sigma: f64) -> T {
        self.network.denoise(self.theta, x, &alike(x, sigma), Pass::Eval).image
    }

    /// The head's denoised images.
    pub(crate) fn head(&self, x: &T, sigma: f64) -> T {
        let sigma = alike(x, sigma);
        let torso = self.network.denoise(self.theta, x, &sigma, Pass::Eval);
        let denoised = self.network.score(self.theta, x, &sigma, &torso, Pass::Eval);
        denoised.expect("a network that passed the check has a head")
    }
}

/// Whether a network can be sampled so; `has_head` tells whether it has a score head.
pub fn check(spec: &SampleSpec, schedule: &ScheduleSpec, has_head: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    if spec.method == Method::Heun && !has_head {
        problems.push(Problem::new("sample.method", "heun needs a score head, and model.head is null"));
    }
    let (low, high) = (schedule.sigma_min, schedule.sigma_max);
    if spec.method == Method::TwoStep && !(low..=high).contains(&spec.mid_sigma) {
        let message = format!("expected a noise level from {low} to {high}, found {}", spec.mid_sigma);
        problems.push(Problem::new("sample.mid_sigma", message));
    }
    problems
}

/// Standard normal values for each image, `size` an image: a function of (seed, stage, number of the image).
fn normals(seed: u64, stage: u64, images: Range<u64>, size: usize) -> Vec<f32> {
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
    use exp_api::spec::ScheduleKind;

    use super::*;
    use crate::oracle::Doubles;

    /// Mean and variance of normal data, for which flow and denoiser are known in closed form.
    pub(in crate::sample) const MEAN: f64 = 0.2;
    pub(in crate::sample) const VARIANCE: f64 = 0.09;
    /// The noise of each stage.
    pub(in crate::sample) const Z: [f64; 3] = [1.3, -0.4, 0.7];

    pub(in crate::sample) fn schedule() -> ScheduleSpec {
        ScheduleSpec {
            kind: ScheduleKind::Ict,
            s0: 10,
            s1: 1280,
            sigma_min: 0.002,
            sigma_max: 80.0,
            rho: 7.0,
            p_mean: -1.1,
            p_std: 2.0,
            horizon: None,
        }
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

    #[test]
    fn checks_name_the_key() {
        let spec = |method| SampleSpec { n: 1, method, mid_sigma: 0.8, steps: 18, seed: 0 };
        let keys = |spec: SampleSpec, head| {
            check(&spec, &schedule(), head).into_iter().map(|problem| problem.key).collect::<Vec<_>>()
        };
        assert_eq!(keys(spec(Method::Heun), false), ["sample.method"]);
        assert!(keys(spec(Method::Heun), true).is_empty());
        assert!(keys(spec(Method::TwoStep), false).is_empty());
        assert_eq!(keys(SampleSpec { mid_sigma: 90.0, ..spec(Method::TwoStep) }, false), ["sample.mid_sigma"]);
        assert!(keys(SampleSpec { mid_sigma: 90.0, ..spec(Method::OneStep) }, false).is_empty());
    }
}
