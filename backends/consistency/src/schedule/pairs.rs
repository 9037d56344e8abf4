//! How training draws pairs of noise levels, whichever way that is.

use exp_api::Problem;
use exp_api::spec::{ScheduleKind, ScheduleSpec};

use super::{Ict, ect, edm, ict};
use crate::rng::Stream;

/// Draws pairs of noise levels.
#[derive(Debug, Clone)]
pub enum Pairs {
    /// Neighbours on the grid of a curriculum.
    Ict(Ict),
    /// A lognormal level, and the one a place below it.
    Edm(ScheduleSpec),
    /// A lognormal level, and a growing share of it.
    Ect(ScheduleSpec),
}

impl Pairs {
    /// The pairs of a run of `steps` steps; `schedule.horizon` takes precedence over them.
    pub fn new(spec: &ScheduleSpec, steps: u64) -> Pairs {
        match spec.kind {
            ScheduleKind::Ict => Pairs::Ict(Ict::new(spec, steps)),
            ScheduleKind::Edm => Pairs::Edm(spec.clone()),
            ScheduleKind::Ect => Pairs::Ect(spec.clone()),
        }
    }

    /// Whether the level below can be 0.
    pub fn may_end(&self) -> bool {
        matches!(self, Pairs::Ect(_))
    }

    /// The pair (sigma, the level below it) that an image draws from its stream after `k` steps.
    pub fn draw(&self, k: u64, stream: &mut Stream) -> (f64, f64) {
        match self {
            Pairs::Ict(ict) => ict.pair(k, stream.uniform()),
            Pairs::Edm(spec) => edm::pair(spec, stream.normal()),
            Pairs::Ect(spec) => ect::pair(spec, k, stream.normal()),
        }
    }
}

/// What is wrong with a schedule beyond the range of each value.
pub fn check(spec: &ScheduleSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if spec.sigma_min >= spec.sigma_max {
        let message =
            format!("expected a number below schedule.sigma_max = {}, found {}", spec.sigma_max, spec.sigma_min);
        problems.push(Problem::new("schedule.sigma_min", message));
    } else if spec.kind == ScheduleKind::Ict {
        problems.extend(ict::check(spec));
    }
    problems
}
