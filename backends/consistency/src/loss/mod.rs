//! The training objective: a consistency distance, and denoising score matching of the head.
//!
//! Owns how clean images become noised pairs ([`Drawn`], [`Noised`]) and what is minimised on them ([`joint`]). Knows neither data
//! sets nor optimisers. In: a batch and the parameters. Out: [`Terms`], the total that is differentiated and its parts.

pub(crate) mod consistency;
mod drawn;
pub(crate) mod dsm;
mod joint;
pub(crate) mod lpips;
mod noised;
mod objective;

use exp_api::spec::{HuberNorm, HuberSpec, LossKind, LossSpec, LpipsSpec};

pub use drawn::{Clean, Drawn, Images};
pub use joint::{Terms, joint, parts};
pub use noised::Noised;
pub use objective::{Objective, check};

/// Pseudo-Huber on each element; the start of what tests and golden cases need.
pub(crate) const HUBER: LossSpec = LossSpec {
    kind: LossKind::Huber,
    lambda: 1.0,
    gradient_flow: true,
    shared_dropout: true,
    huber: HuberSpec { c: None, norm: HuberNorm::Element },
    lpips: LpipsSpec { weights: None },
};
