//! Noise levels and their curriculum.
//!
//! Owns the grids of noise levels ([`grid`]) and how training draws pairs from them ([`Ict`]). Works in f64 and knows no
//! tensors. In: [`ScheduleSpec`](exp_api::spec::ScheduleSpec). Out: levels, to be rounded once by whoever needs f32.

pub mod grid;
mod ict;

pub use ict::{Ict, Levels, check};
