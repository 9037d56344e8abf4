//! Drawing images from a set of weights, over all replicas, and showing them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use exp_api::spec::{Method, SampleSpec, ScheduleSpec};
use exp_api::{BackendError, Stop};

use super::Replicas;
use crate::data::{Dataset, Shape};
use crate::engine::Engine;
use crate::net::Network;
use crate::params::Params;
use crate::picture::{Picture, PictureError, legible_scale, panels, quantised};
use crate::sample::{Sampler, strips};
use crate::tensor::Tensor;

/// Images of one forward pass. Fixed, since an engine may round batches of different sizes differently.
const BATCH: u64 = 64;
/// Most images of a panel.
pub(super) const PANEL: u64 = 64;
/// Columns of a strip.
const COLUMNS_OF_STRIPS: usize = strips::COLUMNS as usize;
/// Columns of a panel.
const COLUMNS: usize = 8;

/// A network as a source of pictures.
pub(super) struct Gallery<'a, E> {
    pub(super) network: &'a Network,
    pub(super) shape: Shape,
    pub(super) schedule: &'a ScheduleSpec,
    pub(super) replicas: &'a Replicas<E>,
    pub(super) data: Option<&'a Dataset>,
    /// How many classes the data set has.
    pub(super) classes: u64,
}

impl<E: Engine> Gallery<'_, E> {
    /// The images with these numbers by `spec.method` with weights `theta`, NCHW.
    pub(super) fn draw(&self, theta: &Params<E::T>, spec: &SampleSpec, numbers: Range<u64>) -> Vec<f32> {
        let batches = (numbers.end - numbers.start).div_ceil(BATCH) as usize;
        let theta = self.replicas.spread(theta, batches);
        let parts = self.replicas.split(batches, |place, engine, range| {
            let sampler = self.sampler(&theta[place]);
            let mut images = Vec::new();
            for batch in range {
                let first = numbers.start + batch as u64 * BATCH;
                images.extend(sampler.draw(engine, spec, first..(first + BATCH).min(numbers.end)));
            }
            images
        });
        parts.concat()
    }

    /// The torso's denoised images of `x` at one noise level.
    pub(super) fn denoised(&self, theta: &Params<E::T>, x: &[f32], sigma: f64) -> Vec<f32> {
        let batches: Vec<&[f32]> = x.chunks(BATCH as usize * self.shape.values()).collect();
        let theta = self.replicas.spread(theta, batches.len());
        let parts = self.replicas.split(batches.len(), |place, engine, range| {
            let sampler = self.sampler(&theta[place]);
            let one = |batch: &&[f32]| {
                let x = engine.upload(&self.shape.batch(batch.len() / self.shape.values()), batch);
                sampler.torso(&x, sigma, None).to_host()
            };
            batches[range].iter().flat_map(one).collect::<Vec<f32>>()
        });
        parts.concat()
    }

    /// How images come about level by level, if they are those of a consistency function, and what lies between images:
    /// `trajectory.png` and `interpolation.png` in `dir`.
    pub(super) fn show_strips(&self, theta: &Params<E::T>, spec: &SampleSpec, dir: &Path) -> Result<(), BackendError> {
        let engine = self.replicas.first();
        let sampler = self.sampler(theta);
        let strip = |name: &str, images: &[f32]| {
            let scale = legible_scale(self.shape);
            save(Picture::grid(&quantised(images), self.shape, COLUMNS_OF_STRIPS, scale), &dir.join(name))
        };
        engine.scope(|| strip("interpolation.png", &sampler.interpolations(engine, spec)))?;
        match spec.method {
            Method::OneStep | Method::TwoStep | Method::Multistep => {
                engine.scope(|| strip("trajectory.png", &sampler.trajectories(engine, spec)))
            }
            Method::Heun | Method::Intermediate => Ok(()),
        }
    }

    fn sampler<'b>(&'b self, theta: &'b Params<E::T>) -> Sampler<'b, E::T> {
        Sampler {
            network: self.network,
            theta,
            shape: self.shape,
            schedule: self.schedule,
            data: self.data,
            classes: self.classes,
        }
    }

    /// One panel a method, side by side, each of the first `spec.n` images, as a PNG where `path` says when they are drawn.
    /// Whether it came to that: a stop is heeded before each panel, and leaves no picture.
    pub(super) fn show(
        &self,
        theta: &Params<E::T>,
        spec: &SampleSpec,
        methods: &[Method],
        path: impl FnOnce() -> Result<PathBuf, BackendError>,
        stop: &Stop,
    ) -> Result<bool, BackendError> {
        let mut shown = Vec::new();
        for &method in methods {
            if stop.asked() {
                return Ok(false);
            }
            let images = self.draw(theta, &SampleSpec { method, ..spec.clone() }, 0..spec.n);
            let picture = Picture::grid(&quantised(&images), self.shape, COLUMNS, legible_scale(self.shape))
                .map_err(|error| BackendError::Files(error.to_string()))?;
            shown.push((caption(method, self.network.has_head()), picture));
        }
        save(Ok(panels(&shown)), &path()?).map(|()| true)
    }
}

/// Writes a picture, if it could be made, to `path`.
pub(super) fn save(picture: Result<Picture, PictureError>, path: &Path) -> Result<(), BackendError> {
    picture.and_then(|picture| picture.save(path)).map_err(|error| failed(path, error))
}

/// What is wrong with a file that is to be written.
pub(super) fn failed(path: &Path, error: impl std::fmt::Display) -> BackendError {
    BackendError::Files(format!("{}: {error}", path.display()))
}

fn caption(method: Method, head: bool) -> &'static str {
    match method {
        Method::OneStep => "one step",
        Method::TwoStep => "two steps",
        Method::Multistep => "several steps",
        Method::Heun if head => "Heun with the head",
        Method::Heun => "Heun",
        Method::Intermediate => "from noised data",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oracle::OracleEngine;
    use crate::sample::ONE_STEP;
    use crate::schedule::PAPER;
    use crate::train::state::TrainState;

    #[test]
    fn a_picture_has_as_many_images_as_are_asked_for_and_none_after_a_stop() {
        let torso = json!({
            "name": "ncsnpp", "nf": 4, "ch_mult": [1], "num_res_blocks": 1, "attn_resolutions": [],
            "resblock_type": "biggan", "resamp_with_conv": true, "fir": false, "fir_kernel": [1, 3, 3, 1],
            "skip_rescale": true, "progressive": "none", "progressive_input": "none",
            "progressive_combine": "sum", "embedding_type": "fourier", "fourier_scale": 1.0, "conditional": true,
            "double_heads": false, "nonlinearity": "swish", "init_scale": 0.0, "dropout": 0.0,
        });
        let model = serde_json::from_value(json!({ "precondition": "cm", "torso": torso, "head": null })).unwrap();
        let network = Network::plan(&model, 1, 8, 0.002).unwrap();
        let replicas = Replicas::open(&["cpu".to_owned()], |_| Ok::<_, String>(OracleEngine)).unwrap();
        let theta = TrainState::fresh(&OracleEngine, network.params(), 1).theta();
        let shape = Shape { channels: 1, height: 8, width: 8 };
        let gallery =
            Gallery { network: &network, shape, schedule: &PAPER, replicas: &replicas, data: None, classes: 1 };
        let dir = tempfile::tempdir().unwrap();
        let (path, stop) = (dir.path().join("grid.png"), Stop::default());
        let methods = [Method::OneStep, Method::TwoStep];
        let height = |n: u64| {
            assert!(gallery.show(&theta, &SampleSpec { n, ..ONE_STEP }, &methods, || Ok(path.clone()), &stop).unwrap());
            image::open(&path).unwrap().height()
        };
        // A row of the panel is a tile of 40 pixels and the 4 to the next.
        let (one, twelve) = (height(1), height(12));
        assert_eq!(twelve - one, 44, "a row more");
        std::fs::remove_file(&path).unwrap();
        stop.ask();
        assert!(!gallery.show(&theta, &ONE_STEP, &methods, || Ok(path.clone()), &stop).unwrap() && !path.exists());
    }
}
