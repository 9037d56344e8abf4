//! Noise levels and their curriculum.

use crate::schema::{Kind, NUMBER, POSITIVE, at_least, choice, group};

choice! {
    /// How pairs of noise levels are drawn.
    pub enum ScheduleKind {
        /// Neighbours on a grid of N(k) levels, by a discretised lognormal (improved consistency training).
        Ict = "ict",
    }
}

group! {
    /// The schedule group.
    pub struct ScheduleSpec {
        /// How pairs of noise levels are drawn.
        kind: ScheduleKind => Kind::Choice(ScheduleKind::WORDS);
        /// Intervals of the grid at the start.
        s0: u64 => at_least(1);
        /// Intervals of the grid at most.
        s1: u64 => at_least(1);
        /// Smallest noise level.
        sigma_min: f64 => POSITIVE;
        /// Largest noise level.
        sigma_max: f64 => POSITIVE;
        /// Curvature of the grid.
        rho: f64 => POSITIVE;
        /// Mean of ln(sigma).
        p_mean: f64 => NUMBER;
        /// Standard deviation of ln(sigma).
        p_std: f64 => POSITIVE;
        /// Steps over which the curriculum doubles the grid. Null: `train.steps`, frozen at the first start.
        horizon: Option<u64> => at_least(1), nullable;
    }
}
