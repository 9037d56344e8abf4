//! How training draws pairs of noise levels, whichever way that is.

use exp_api::Problem;
use exp_api::spec::{EdmPairsSpec, LossKind, ScheduleKind, ScheduleSpec};

use super::{Ict, ect, edm, ict, range};
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
    /// The pairs that a loss trains on. A diffusion model uses the upper levels alone, and those as they are drawn: a floor
    /// would keep it from the lowest.
    pub fn of_loss(loss: LossKind, spec: &ScheduleSpec, steps: u64) -> Pairs {
        match loss {
            LossKind::Edm => {
                let edm = EdmPairsSpec { floor: false, ..spec.edm.clone() };
                Pairs::new(&ScheduleSpec { edm, ..spec.clone() }, steps)
            }
            _ => Pairs::new(spec, steps),
        }
    }

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

/// What is wrong with a schedule beyond the range of each value; `sampled` is the number of levels along which images are
/// drawn.
pub fn check(spec: &ScheduleSpec, sampled: u64) -> Vec<Problem> {
    let mut problems = range::check(spec, sampled);
    // Of levels in no order a curriculum makes no sense either.
    if problems.is_empty() && spec.kind == ScheduleKind::Ict {
        problems.extend(ict::check(spec));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draw, Purpose};
    use crate::schedule::{PAPER, grid};

    /// A narrow lognormal far below the grid: all that is drawn lies under the second level.
    #[test]
    fn the_floor_is_for_pairs_and_not_for_a_diffusion_model() {
        let low = ScheduleSpec { kind: ScheduleKind::Edm, p_mean: -7.0, p_std: 0.1, ..PAPER };
        let drawn = |loss, spec: &ScheduleSpec| {
            let pairs = Pairs::of_loss(loss, spec, 10);
            (0..50).map(|image| pairs.draw(0, &mut Draw::new(1, Purpose::Sigma, 0).image(image))).collect::<Vec<_>>()
        };
        let second = grid::rising(&low, 18)[1];
        let consistency = drawn(LossKind::Huber, &low);
        assert!(consistency.iter().all(|(sigma, below)| (sigma / second - 1.0).abs() < 1e-12 && below < sigma));
        assert!(drawn(LossKind::Edm, &low).iter().all(|(sigma, _)| (0.0006..0.0014).contains(sigma)));
        let as_coded = ScheduleSpec { edm: EdmPairsSpec { levels: 18, floor: false }, ..low };
        assert!(drawn(LossKind::Huber, &as_coded).iter().all(|(sigma, below)| sigma < below), "weights are negative");
    }
}
