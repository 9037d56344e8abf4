//! Drawing images from a trained network.
//!
//! Owns the sampling methods, as functions of a denoiser and of noise, and [`Sampler`], which gives them a network's.
//! Values are neither clipped nor rounded: see [`crate::picture`]. In: parameters (usually the moving average) and a
//! [`SampleSpec`](exp_api::spec::SampleSpec). Out: images on the host.

mod draw;
pub(crate) mod heun;
mod multistep;
mod one_step;

pub use draw::{Sampler, check};
