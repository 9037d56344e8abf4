//! Drawing images from a trained network.
//!
//! Owns the sampling methods, as functions of a denoiser and of noise, and [`Sampler`], which gives them a network's.
//! Values are neither clipped nor rounded: see [`crate::picture`]. In: parameters (usually the moving average) and a
//! [`SampleSpec`](exp_api::spec::SampleSpec). Out: images on the host.

mod draw;
pub(crate) mod heun;
mod intermediate;
mod multistep;
mod one_step;
pub mod strips;

use exp_api::spec::{Method, SampleSpec, Save};

pub(crate) use draw::Drawn;
pub use draw::{Sampler, check};

/// One image in one step; the start of what tests and golden cases need.
pub(crate) const ONE_STEP: SampleSpec = SampleSpec {
    n: 1,
    method: Method::OneStep,
    mid_sigma: 0.821,
    steps: 18,
    sigmas: None,
    start_sigma: 17.0,
    save: Save::Png,
    classes: None,
    seed: 0,
};
