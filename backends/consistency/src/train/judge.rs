//! Figures of drawn images against the data.

use std::sync::Arc;

use exp_api::figure::{PAE_AT, PAE_VARIANCE};
use exp_api::spec::{Method, Metric, PaeSpec, RunSpec, SampleSpec};
use exp_api::{BackendError, Stop};

use super::Replicas;
use super::gallery::Gallery;
use super::looker::{Looker, Seen, failed};
use crate::data::{Dataset, Shape};
use crate::engine::Engine;
use crate::eval::{FdPixel, pae};
use crate::params::Params;
use crate::picture::quantised;

/// Most images drawn for `fd_pixel`: with 64 to 192 features, more say no more.
const MOST: u64 = 2000;
/// Images drawn and looked at together.
const DRAWN: u64 = 1024;
/// Images added to the moments of pixels at once. Fixed: streaming sums depend on it in their last bits.
const ADDED: usize = 256;

/// Figures by their names; none after a stop.
pub(super) type Figures = Option<Vec<(String, f64)>>;

/// Compares drawn images with a data set.
pub(super) struct Judge<T> {
    /// With how many images it wants.
    pixels: Option<(FdPixel, u64)>,
    lookers: Vec<Looker<T>>,
    pae: Option<(PaeSpec, Arc<Dataset>)>,
    /// Images for the networks.
    images: u64,
    shape: Shape,
    stop: Stop,
}

impl<T: crate::tensor::Tensor> Judge<T> {
    /// Takes the moments of the data for every metric of `spec`.
    pub(super) fn new<E: Engine<T = T>>(
        replicas: &Replicas<E>,
        data: &Arc<Dataset>,
        spec: &RunSpec,
        stop: &Stop,
    ) -> Result<Judge<T>, BackendError> {
        let (eval, shape, stop) = (&spec.eval, data.shape(), stop.clone());
        let mut judge = Judge { pixels: None, lookers: Vec::new(), pae: None, images: eval.n, shape, stop };
        for &metric in &eval.metrics {
            match Looker::open(replicas, data, metric, eval)? {
                None if metric == Metric::Pae => judge.pae = Some((eval.pae.clone(), Arc::clone(data))),
                None => {
                    let pixels = FdPixel::new(data).map_err(failed)?;
                    judge.pixels = Some((pixels, eval.n.min(data.len() as u64).min(MOST)));
                }
                Some(looker) => judge.lookers.push(looker),
            }
        }
        Ok(judge)
    }

    /// How many images it draws for a set of weights and a method.
    pub(super) fn images(&self) -> u64 {
        self.wanted(&self.lookers)
    }

    fn wanted(&self, lookers: &[Looker<T>]) -> u64 {
        let pixels = self.pixels.as_ref().map_or(0, |(_, images)| *images);
        if lookers.is_empty() { pixels } else { self.images.max(pixels) }
    }

    /// Every figure of images drawn by `method` with weights `theta`, by its name.
    pub(super) fn figures<E: Engine<T = T>>(
        &self,
        gallery: &Gallery<E>,
        theta: &Params<T>,
        sample: &SampleSpec,
        method: Method,
    ) -> Result<Figures, BackendError> {
        self.measured(gallery, theta, &judged(sample, method), &self.lookers)
    }

    /// `fd_pixel` alone, if it is asked for: what an untrained network is compared by.
    pub(super) fn fd_pixel<E: Engine<T = T>>(
        &self,
        gallery: &Gallery<E>,
        theta: &Params<T>,
        sample: &SampleSpec,
        method: Method,
    ) -> Result<Option<f64>, BackendError> {
        let figures = self.measured(gallery, theta, &judged(sample, method), &[])?;
        Ok(figures.and_then(|figures| Some(figures.first()?.1)))
    }

    /// `pae`, its variance over the noise levels, and its value at each, if it is asked for. No images are drawn for it.
    ///
    /// # Errors
    /// One that is no number.
    pub(super) fn pae<E: Engine<T = T>>(
        &self,
        gallery: &Gallery<E>,
        theta: &Params<T>,
    ) -> Result<Figures, BackendError> {
        let Some((spec, data)) = &self.pae else { return Ok(Some(Vec::new())) };
        let denoise = |x: &[f32], sigma: f64| gallery.denoised(theta, x, sigma);
        let errors = pae::errors(spec, gallery.schedule, data, || self.stop.asked(), denoise);
        let errors: Option<Vec<(f64, f64)>> = errors.collect();
        let Some(errors) = errors else { return Ok(None) };
        let (mean, variance) = pae::summary(&errors);
        let whole = [("pae".to_owned(), mean), (PAE_VARIANCE.to_owned(), variance)];
        let levels: Vec<f64> = errors.iter().map(|(sigma, _)| *sigma).collect();
        let each =
            pae::names(&levels).into_iter().zip(errors).map(|(level, (_, error))| (PAE_AT.to_owned() + &level, error));
        finite(whole.into_iter().chain(each).collect())
    }

    fn measured<E: Engine<T = T>>(
        &self,
        gallery: &Gallery<E>,
        theta: &Params<T>,
        sample: &SampleSpec,
        lookers: &[Looker<T>],
    ) -> Result<Figures, BackendError> {
        let mut pixels = self.pixels.as_ref().map(|(judge, images)| (judge, *images, judge.samples()));
        let mut seen: Vec<Seen> = lookers.iter().map(Looker::nothing).collect();
        let wanted = self.wanted(lookers);
        for first in (0..wanted).step_by(DRAWN as usize) {
            if self.stop.asked() {
                return Ok(None);
            }
            let images = gallery.draw(theta, sample, first..(first + DRAWN).min(wanted));
            let up_to = |count: u64| (count.saturating_sub(first) as usize * self.shape.values()).min(images.len());
            if let Some((judge, count, samples)) = &mut pixels {
                for block in images[..up_to(*count)].chunks(ADDED * self.shape.values()) {
                    judge.add(samples, block).map_err(failed)?;
                }
            }
            let drawn = quantised(&images[..up_to(self.images)]);
            for (looker, seen) in lookers.iter().zip(&mut seen) {
                looker.look(gallery.replicas, seen, &drawn)?;
            }
        }
        let mut figures = Vec::new();
        if let Some((judge, _, samples)) = &pixels {
            figures.push((Metric::FdPixel.word().to_owned(), judge.distance(samples).map_err(failed)?.distance));
        }
        for (looker, seen) in lookers.iter().zip(&seen) {
            figures.extend(looker.figures(seen)?);
        }
        finite(figures)
    }
}

/// How the images that are judged are drawn: of all the data's classes in turn, since they are compared with all the data.
fn judged(sample: &SampleSpec, method: Method) -> SampleSpec {
    SampleSpec { method, classes: None, ..sample.clone() }
}

/// All of them, if all are numbers: nothing else could be kept beside a checkpoint.
fn finite(figures: Vec<(String, f64)>) -> Result<Figures, BackendError> {
    match figures.iter().find(|(_, value)| !value.is_finite()) {
        Some((name, value)) => Err(BackendError::Data(format!("the figure {name} is no number: {value}"))),
        None => Ok(Some(figures)),
    }
}
