//! Noise levels and their curriculum.

use crate::schema::{Bounds, Kind, NON_NEGATIVE, NUMBER, POSITIVE, at_least, choice, group, levels};

choice! {
    /// How pairs of noise levels are drawn.
    pub enum ScheduleKind {
        /// Neighbours on a grid of N(k) levels, by a discretised lognormal (improved consistency training).
        Ict = "ict",
        /// sigma lognormal, and the level one place below it on a grid of `edm.levels` (real-valued places).
        Edm = "edm",
        /// sigma lognormal, and a share of it that grows with training (easy consistency tuning, Geng et al. 2024).
        Ect = "ect",
    }
}

group! {
    /// Parameters of the kind `edm`.
    pub struct EdmPairsSpec {
        /// Levels of the grid.
        levels: u64 => levels(2);
        /// Raise sigma to the second level of the grid at least: below it the weight of a pair has no sense. A diffusion model,
        /// which uses no pairs, is left as it is.
        floor: bool => Kind::Bool;
    }
}

group! {
    /// Parameters of the kind `ect`: r = t max(0, 1 - (1 + k sigmoid(-b t)) / q^(stage + 1)).
    pub struct EctPairsSpec {
        /// Factor by which the gap shrinks from stage to stage.
        q: f64 => Kind::Float(Bounds { min: 1.0, max: f64::INFINITY, above: true });
        /// How much wider the gap is at low noise.
        k: f64 => NON_NEGATIVE;
        /// How fast that falls with the noise level.
        b: f64 => NON_NEGATIVE;
        /// Steps of a stage. Null: one stage.
        double_every: Option<u64> => at_least(1), nullable;
    }
}

group! {
    /// The schedule group.
    pub struct ScheduleSpec {
        /// How pairs of noise levels are drawn.
        kind: ScheduleKind => Kind::Choice(ScheduleKind::WORDS);
        /// Intervals of the grid at the start.
        s0: u64 => levels(1);
        /// Intervals of the grid at most.
        s1: u64 => levels(1);
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
        /// Leave `sigma_min` out of the grid (a slip of the small iCT trainer, for comparison).
        skip_lowest: bool => Kind::Bool;
        /// Parameters of the kind `edm`.
        edm: EdmPairsSpec => Kind::Group(EdmPairsSpec::FIELDS);
        /// Parameters of the kind `ect`.
        ect: EctPairsSpec => Kind::Group(EctPairsSpec::FIELDS);
    }
}
