//! Figures of drawn images against the data.

use std::sync::Arc;

use exp_api::BackendError;
use exp_api::spec::{Method, RunSpec, SampleSpec};

use super::gallery::Gallery;
use crate::data::Dataset;
use crate::engine::Engine;
use crate::eval::{EvalError, FdPixel};
use crate::params::Params;

/// Most images drawn for `fd_pixel`: with 64 to 192 features, more say no more.
const MOST: u64 = 2000;

/// Compares drawn images with a data set.
pub(super) struct Judge {
    fd_pixel: FdPixel,
    images: u64,
    values: usize,
}

impl Judge {
    /// Takes the moments of the data.
    pub(super) fn new(data: &Arc<Dataset>, spec: &RunSpec) -> Result<Judge, BackendError> {
        let fd_pixel = FdPixel::new(data).map_err(failed)?;
        Ok(Judge { fd_pixel, images: spec.eval.n.min(data.len() as u64).min(MOST), values: data.shape().values() })
    }

    /// How many images it draws.
    pub(super) fn images(&self) -> u64 {
        self.images
    }

    /// The Frechet distance in pixels of images drawn by `method` with weights `theta`.
    pub(super) fn fd_pixel<E: Engine>(
        &self,
        gallery: &Gallery<E>,
        theta: &Params<E::T>,
        sample: &SampleSpec,
        method: Method,
    ) -> Result<f64, BackendError> {
        let images = gallery.draw(theta, &SampleSpec { n: self.images, method, ..sample.clone() });
        let mut moments = self.fd_pixel.samples();
        // In blocks of a fixed size: streaming sums depend on it in their last bits.
        for block in images.chunks(256 * self.values) {
            self.fd_pixel.add(&mut moments, block).map_err(failed)?;
        }
        Ok(self.fd_pixel.distance(&moments).map_err(failed)?.distance)
    }
}

fn failed(error: EvalError) -> BackendError {
    BackendError::Data(format!("fd_pixel: {error}"))
}
