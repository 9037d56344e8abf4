//! Figures of drawn images against the data.

use std::path::Path;
use std::sync::Arc;

use exp_api::BackendError;
use exp_api::spec::{InceptionSpec, Method, Metric, PaeSpec, RunSpec, SampleSpec};

use super::Replicas;
use super::gallery::Gallery;
use crate::data::{Dataset, Shape};
use crate::engine::Engine;
use crate::eval::{EvalError, FdPixel, Features, Gaussian, Moments, frechet, pae, statistics};
use crate::params::Params;
use crate::picture::quantised;

/// Most images drawn for `fd_pixel`: with 64 to 192 features, more say no more.
const MOST: u64 = 2000;
/// Images drawn and looked at together.
const DRAWN: u64 = 1024;
/// Images added to moments at once. Fixed: streaming sums depend on it in their last bits.
const ADDED: usize = 256;
/// Behind the name of a distance, the part of it that is due to the means.
const OF_MEANS: &str = "_mu_diff";
/// Images that a network looks at in one pass.
const SEEN: usize = 16;

/// Compares drawn images with a data set.
pub(super) struct Judge<T> {
    /// With how many images it wants.
    pixels: Option<(FdPixel, u64)>,
    networks: Vec<Network<T>>,
    pae: Option<(PaeSpec, Arc<Dataset>)>,
    /// Images for the networks.
    images: u64,
    shape: Shape,
}

/// One distance in the features of a network.
struct Network<T> {
    name: String,
    features: Features<T>,
    reference: Gaussian,
}

impl<T: crate::tensor::Tensor> Judge<T> {
    /// Takes the moments of the data for every metric of `spec`.
    pub(super) fn new<E: Engine<T = T>>(
        replicas: &Replicas<E>,
        data: &Arc<Dataset>,
        spec: &RunSpec,
    ) -> Result<Judge<T>, BackendError> {
        let (eval, shape) = (&spec.eval, data.shape());
        let mut judge = Judge { pixels: None, networks: Vec::new(), pae: None, images: eval.n, shape };
        for &metric in &eval.metrics {
            let features = Features::open(replicas.first(), metric, &eval.inception, shape)
                .map_err(|error| BackendError::Files(error.to_string()))?;
            match features {
                None if metric == Metric::Pae => judge.pae = Some((eval.pae.clone(), Arc::clone(data))),
                None => {
                    let pixels = FdPixel::new(data).map_err(failed)?;
                    judge.pixels = Some((pixels, eval.n.min(data.len() as u64).min(MOST)));
                }
                Some(features) => {
                    let reference = reference(replicas, &features, metric, data, &eval.inception)?;
                    judge.networks.push(Network { name: named(metric, eval.n), features, reference });
                }
            }
        }
        Ok(judge)
    }

    /// How many images it draws for a set of weights and a method.
    pub(super) fn images(&self) -> u64 {
        self.wanted(&self.networks)
    }

    fn wanted(&self, networks: &[Network<T>]) -> u64 {
        let pixels = self.pixels.as_ref().map_or(0, |(_, images)| *images);
        if networks.is_empty() { pixels } else { self.images.max(pixels) }
    }

    /// Every figure of images drawn by `method` with weights `theta`, by its name.
    pub(super) fn figures<E: Engine<T = T>>(
        &self,
        gallery: &Gallery<E>,
        theta: &Params<T>,
        sample: &SampleSpec,
        method: Method,
    ) -> Result<Vec<(String, f64)>, BackendError> {
        self.measured(gallery, theta, &SampleSpec { method, ..sample.clone() }, &self.networks)
    }

    /// `fd_pixel` alone, if it is asked for: what an untrained network is compared by.
    pub(super) fn fd_pixel<E: Engine<T = T>>(
        &self,
        gallery: &Gallery<E>,
        theta: &Params<T>,
        sample: &SampleSpec,
        method: Method,
    ) -> Result<Option<f64>, BackendError> {
        let figures = self.measured(gallery, theta, &SampleSpec { method, ..sample.clone() }, &[])?;
        Ok(figures.first().map(|(_, value)| *value))
    }

    /// `pae`, its variance over the noise levels, and its value at each, if it is asked for. No images are drawn for it.
    pub(super) fn pae<E: Engine<T = T>>(&self, gallery: &Gallery<E>, theta: &Params<T>) -> Vec<(String, f64)> {
        let Some((spec, data)) = &self.pae else { return Vec::new() };
        let errors = pae::errors(spec, gallery.schedule, data, |x, sigma| gallery.denoised(theta, x, sigma));
        let (mean, variance) = pae::summary(&errors);
        let whole = [("pae".to_owned(), mean), ("pae_variance".to_owned(), variance)];
        whole.into_iter().chain(errors.into_iter().map(|(sigma, error)| (format!("pae/{sigma:.3}"), error))).collect()
    }

    fn measured<E: Engine<T = T>>(
        &self,
        gallery: &Gallery<E>,
        theta: &Params<T>,
        sample: &SampleSpec,
        networks: &[Network<T>],
    ) -> Result<Vec<(String, f64)>, BackendError> {
        let mut pixels = self.pixels.as_ref().map(|(judge, images)| (judge, *images, judge.samples()));
        let mut moments: Vec<Moments> =
            networks.iter().map(|network| Moments::new(network.features.dimensions())).collect();
        let wanted = self.wanted(networks);
        for first in (0..wanted).step_by(DRAWN as usize) {
            let images = gallery.draw(theta, sample, first..(first + DRAWN).min(wanted));
            let up_to = |count: u64| (count.saturating_sub(first) as usize * self.shape.values()).min(images.len());
            if let Some((judge, count, samples)) = &mut pixels {
                for block in images[..up_to(*count)].chunks(ADDED * self.shape.values()) {
                    judge.add(samples, block).map_err(failed)?;
                }
            }
            let seen = quantised(&images[..up_to(self.images)]);
            for (network, moments) in networks.iter().zip(&mut moments) {
                add(gallery.replicas, &network.features, moments, &seen, self.shape)?;
            }
        }
        let mut figures = Vec::new();
        if let Some((judge, _, samples)) = &pixels {
            figures.push((Metric::FdPixel.word().to_owned(), judge.distance(samples).map_err(failed)?.distance));
        }
        for (network, moments) in networks.iter().zip(&moments) {
            let drawn = moments.gaussian().map_err(failed)?;
            let found = frechet(&drawn, &network.reference).map_err(failed)?;
            figures.push((network.name.clone(), found.distance));
            figures.push((format!("{}{OF_MEANS}", network.name), found.of_means));
        }
        Ok(figures)
    }
}

/// Whether checkpoints compare by a figure: parts of others only explain them.
pub(super) fn ranks(name: &str) -> bool {
    let plain = name.split('/').next().unwrap_or(name);
    name != "pae_variance" && !name.starts_with("pae/") && !plain.ends_with(OF_MEANS)
}

/// What drawn images are compared with: statistics that were given, that were kept, or of the data set.
fn reference<E: Engine>(
    replicas: &Replicas<E>,
    features: &Features<E::T>,
    metric: Metric,
    data: &Dataset,
    spec: &InceptionSpec,
) -> Result<Gaussian, BackendError> {
    if let Some(path) = spec.statistics.as_ref().filter(|_| metric != Metric::FdRandom) {
        return statistics::load(Path::new(path), features.dimensions()).map_err(BackendError::Files);
    }
    let identity = Features::<E::T>::identity(metric, spec).map_err(|error| BackendError::Files(error.to_string()))?;
    let kept = statistics::kept(data, &identity);
    if let Some(found) = kept.as_deref().and_then(|path| statistics::load(path, features.dimensions()).ok()) {
        return Ok(found);
    }
    let mut moments = Moments::new(features.dimensions());
    for first in (0..data.len()).step_by(DRAWN as usize) {
        let pixels = data.bytes(first..(first + DRAWN as usize).min(data.len()));
        add(replicas, features, &mut moments, pixels, data.shape())?;
    }
    let found = moments.gaussian().map_err(failed)?;
    if let Some(path) = kept {
        // Without a copy the next run computes them again; that is no reason to stop this one.
        let _ = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| statistics::store(&path, &found));
    }
    Ok(found)
}

/// Adds the features of images, `pixels` in NCHW, to `moments`, all replicas looking at once.
fn add<E: Engine>(
    replicas: &Replicas<E>,
    features: &Features<E::T>,
    moments: &mut Moments,
    pixels: &[u8],
    shape: Shape,
) -> Result<(), BackendError> {
    let batches: Vec<&[u8]> = pixels.chunks(SEEN * shape.values()).collect();
    let rows = replicas.split(batches.len(), |engine, range| {
        let features = features.on(engine);
        batches[range].iter().flat_map(|batch| features.of(engine, batch, shape)).collect::<Vec<f64>>()
    });
    for block in rows.concat().chunks(ADDED * features.dimensions()) {
        moments.extend(block).map_err(failed)?;
    }
    Ok(())
}

/// The name of a figure, with the number of images where that decides: `fid50k_tf`.
fn named(metric: Metric, images: u64) -> String {
    let count = if images.is_multiple_of(1000) { format!("{}k", images / 1000) } else { images.to_string() };
    match metric.word().strip_prefix("fid_") {
        Some(way) => format!("fid{count}_{way}"),
        None => metric.word().to_owned(),
    }
}

fn failed(error: EvalError) -> BackendError {
    BackendError::Data(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fid_carries_its_number_of_images() {
        assert_eq!(named(Metric::FidTf, 50_000), "fid50k_tf");
        assert_eq!(named(Metric::FidClean, 1_797), "fid1797_clean");
        assert_eq!(named(Metric::FdRandom, 50_000), "fd_random");
    }
}
