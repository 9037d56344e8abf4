//! Noise levels and their curriculum.
//!
//! Owns the grids of noise levels ([`grid`]) and how training draws pairs from them ([`Pairs`]): by a curriculum ([`Ict`]),
//! or around a lognormal (`edm`, `ect`). Works in f64 and knows no tensors. In: [`ScheduleSpec`]. Out: levels, to be
//! rounded once by whoever needs f32.

mod ect;
pub(crate) mod edm;
pub mod grid;
mod ict;
mod pairs;
mod range;

use exp_api::spec::{EctPairsSpec, EdmPairsSpec, ScheduleKind, ScheduleSpec};

pub use ict::{Ict, Levels};
pub use pairs::{Pairs, check};

/// The schedule of improved consistency training (Song & Dhariwal 2023); the start of what tests and golden cases need.
pub(crate) const PAPER: ScheduleSpec = ScheduleSpec {
    kind: ScheduleKind::Ict,
    s0: 10,
    s1: 1280,
    sigma_min: 0.002,
    sigma_max: 80.0,
    rho: 7.0,
    p_mean: -1.1,
    p_std: 2.0,
    horizon: None,
    skip_lowest: false,
    edm: EdmPairsSpec { levels: 18, floor: true },
    ect: EctPairsSpec { q: 2.0, k: 8.0, b: 1.0, double_every: None },
};
