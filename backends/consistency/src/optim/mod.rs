//! Optimisers, written once: the coefficients of each update, bounds on gradients, and their norms.
//!
//! Owns what an update is for a step ([`rule`]), in f64 on the host; the arithmetic on tensors is
//! [`Engine::update`](crate::engine::Engine::update). Keeps no state. In: `TrainSpec` and `EmaSpec`, and the number of
//! updates done. Out: an [`Update`](crate::engine::Update), clipped gradients.

mod clip;
mod ema;
mod rate;
mod rule;
mod update;

pub use clip::{clip, global_norm};
pub use rule::{check, rule};
pub use update::update;

/// A moving average with one decay; the start of what tests and golden cases need.
pub(crate) const fn constant(beta: f64) -> exp_api::spec::EmaSpec {
    exp_api::spec::EmaSpec { beta, warmup: false, update_after: 1, update_every: 1 }
}
