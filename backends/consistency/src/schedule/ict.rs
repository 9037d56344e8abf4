//! The curriculum of improved consistency training (iCT, Song & Dhariwal 2023): a grid of N(k) levels that doubles as
//! training goes on, and neighbours on it drawn by a discretised lognormal.

use std::sync::OnceLock;

use exp_api::Problem;
use exp_api::spec::ScheduleSpec;

use super::grid;

/// Draws pairs of neighbouring noise levels.
#[derive(Debug, Clone)]
pub struct Ict {
    spec: ScheduleSpec,
    period: u64,
    /// The table of each stage, made when training first reaches it.
    stages: Vec<OnceLock<Levels>>,
}

/// The levels of one stage and the distribution over their pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// N levels, rising.
    pub sigmas: Vec<f64>,
    /// Entry i is the probability that the lower level of a pair is level i or below; N-1 entries, the last is 1.
    pub cumulative: Vec<f64>,
}

impl Ict {
    /// The curriculum of a run of `steps` steps; `schedule.horizon` takes precedence over them.
    pub fn new(spec: &ScheduleSpec, steps: u64) -> Ict {
        let doublings = libm::log2((spec.s1 / spec.s0).max(1) as f64);
        let period = (spec.horizon.unwrap_or(steps) as f64 / (doublings + 1.0)) as u64;
        let growing = (0..).take_while(|&stage| intervals(spec, stage) < spec.s1).count();
        Ict { spec: spec.clone(), period: period.max(1), stages: vec![OnceLock::new(); growing + 1] }
    }

    /// Levels of the grid after `k` steps: N(k) = min(s0 2^floor(k/K'), s1) + 1 with
    /// K' = max(1, floor(horizon / (log2(floor(s1/s0)) + 1))).
    pub fn count(&self, k: u64) -> u64 {
        intervals(&self.spec, k / self.period) + 1
    }

    /// The table after `k` steps.
    pub fn at(&self, k: u64) -> &Levels {
        let stage = (k / self.period).min(self.stages.len() as u64 - 1);
        self.stages[stage as usize].get_or_init(|| Levels::new(&self.spec, self.count(k) as usize))
    }

    /// The pair (sigma, the level below it) that `u`, uniform in [0, 1), selects after `k` steps.
    pub fn pair(&self, k: u64, u: f64) -> (f64, f64) {
        self.at(k).pair(u)
    }
}

/// Intervals of the grid in a stage: min(s0 2^stage, s1).
fn intervals(spec: &ScheduleSpec, stage: u64) -> u64 {
    let factor = u32::try_from(stage).ok().and_then(|stage| 1u64.checked_shl(stage));
    factor.and_then(|factor| spec.s0.checked_mul(factor)).map_or(spec.s1, |grown| grown.min(spec.s1))
}

impl Levels {
    /// `n` levels, or all but the lowest of them; the pair of levels i and i+1 has a probability proportional to
    /// erf((ln sigma_(i+1) - p_mean) / (sqrt(2) p_std)) - erf((ln sigma_i - p_mean) / (sqrt(2) p_std)).
    fn new(spec: &ScheduleSpec, n: usize) -> Levels {
        let sigmas = grid::rising(spec, n).split_off(usize::from(spec.skip_lowest));
        let below: Vec<f64> = sigmas.iter().map(|&sigma| lognormal(spec, sigma)).collect();
        let (low, high) = (below[0], below[below.len() - 1]);
        let cumulative = below[1..].iter().map(|value| (value - low) / (high - low)).collect();
        Levels { sigmas, cumulative }
    }

    /// The pair (sigma, the level below it) that `u`, uniform in [0, 1), selects.
    pub fn pair(&self, u: f64) -> (f64, f64) {
        let lower = self.cumulative.partition_point(|&c| c <= u).min(self.cumulative.len() - 1);
        (self.sigmas[lower + 1], self.sigmas[lower])
    }
}

/// The lognormal distribution function, on the scale of erf: from -1 to 1.
fn lognormal(spec: &ScheduleSpec, sigma: f64) -> f64 {
    libm::erf((libm::log(sigma) - spec.p_mean) / (std::f64::consts::SQRT_2 * spec.p_std))
}

/// What is wrong with the curriculum beyond the range of each value, given levels in order.
pub(super) fn check(spec: &ScheduleSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if lognormal(spec, spec.sigma_min) >= lognormal(spec, spec.sigma_max) {
        let message =
            "ln(sigma) never falls between schedule.sigma_min and schedule.sigma_max with this p_mean and p_std";
        problems.push(Problem::new("schedule.p_mean", message));
    }
    if spec.s0 > spec.s1 {
        let message = format!("expected a whole number of at most schedule.s1 = {}, found {}", spec.s1, spec.s0);
        problems.push(Problem::new("schedule.s0", message));
    }
    if spec.skip_lowest && spec.s0 < 2 {
        let message = "expected at least 2: without the lowest level, one interval leaves no pair";
        problems.push(Problem::new("schedule.s0", message));
    }
    problems
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::PAPER;

    /// The schedule of the paper at the scale of 32 x 32 images.
    pub(in crate::schedule) fn ict() -> ScheduleSpec {
        ScheduleSpec { horizon: Some(400_000), ..PAPER }
    }

    pub(in crate::schedule) fn close(found: &[f64], expected: &[f64], relative: f64) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= relative * expected.abs(), "{found} is not {expected}");
        }
    }

    #[test]
    fn the_count_doubles_at_the_worked_steps() {
        let schedule = Ict::new(&ict(), 1);
        let stages = [11, 21, 41, 81, 161, 321, 641, 1281, 1281, 1281];
        for (stage, n) in stages.into_iter().enumerate() {
            let first = 50_000 * stage as u64;
            assert_eq!((schedule.count(first), schedule.count(first + 49_999)), (n, n));
            assert_eq!(schedule.at(first).sigmas.len() as u64, n);
        }
        assert_eq!(schedule.count(u64::MAX), 1281);
    }

    #[test]
    fn the_horizon_defaults_to_the_steps() {
        let open = ScheduleSpec { horizon: None, ..ict() };
        assert_eq!(Ict::new(&open, 1_000).count(125), 21);
        assert_eq!(Ict::new(&open, 1_000).count(124), 11);
        assert_eq!(Ict::new(&open, 1).count(3), 81);
    }

    #[test]
    fn a_last_stage_that_is_no_power_of_two_has_its_table() {
        for (s0, s1) in [(2, 150), (4, 64), (7, 7), (3, 8)] {
            let schedule = Ict::new(&ScheduleSpec { s0, s1, ..ict() }, 1);
            for k in (0..500_000).step_by(10_000) {
                assert_eq!(schedule.at(k).sigmas.len() as u64, schedule.count(k), "s0 {s0}, s1 {s1}, k {k}");
            }
            assert_eq!(schedule.count(500_000), s1 + 1);
        }
    }

    #[test]
    fn eleven_levels_have_the_worked_probabilities() {
        let schedule = Ict::new(&ict(), 1);
        let mut before = 0.0;
        let found: Vec<f64> =
            schedule.at(0).cumulative.iter().map(|c| c - std::mem::replace(&mut before, *c)).collect();
        let expected = [
            0.06263299, 0.18173698, 0.24550142, 0.21349445, 0.14244606, 0.08060462, 0.04107991, 0.01958009, 0.00894387,
            0.00397961,
        ];
        close(&found, &expected, 2e-6);
    }

    #[test]
    fn a_uniform_number_selects_by_probability() {
        let schedule = Ict::new(&ict(), 1);
        let levels = schedule.at(200_000);
        let mut seen = vec![0.0; levels.cumulative.len()];
        let draws = 200_000;
        for i in 0..draws {
            let (sigma, previous) = schedule.pair(200_000, (f64::from(i) + 0.5) / f64::from(draws));
            let lower = levels.sigmas.iter().position(|&level| level == previous).expect("a level of the grid");
            assert_eq!(sigma, levels.sigmas[lower + 1]);
            seen[lower] += 1.0 / f64::from(draws);
        }
        let mut sum = 0.0;
        for (share, c) in seen.iter().zip(&levels.cumulative) {
            sum += share;
            assert!((sum - c).abs() < 1e-5, "{sum} is not {c}");
        }
        assert_eq!(schedule.pair(0, 0.0).1, 0.002);
        assert_eq!(schedule.pair(0, 1.0f64.next_down()).0, 80.0);
    }

    /// As a small trainer coded it: one level and one interval fewer, the others as they were.
    #[test]
    fn the_lowest_level_can_be_left_out() {
        let (all, fewer) = (Ict::new(&ict(), 1), Ict::new(&ScheduleSpec { skip_lowest: true, ..ict() }, 1));
        assert_eq!(fewer.at(0).sigmas, all.at(0).sigmas[1..]);
        let first = all.at(0).cumulative[0];
        let expected: Vec<f64> = all.at(0).cumulative[1..].iter().map(|c| (c - first) / (1.0 - first)).collect();
        close(&fewer.at(0).cumulative, &expected, 1e-12);
    }

    #[test]
    fn checks_name_the_key() {
        let keys = |spec: ScheduleSpec| check(&spec).into_iter().map(|p| p.key).collect::<Vec<_>>();
        assert!(keys(ict()).is_empty());
        assert_eq!(keys(ScheduleSpec { s0: 1, skip_lowest: true, ..ict() }), ["schedule.s0"]);
        assert_eq!(keys(ScheduleSpec { p_mean: 400.0, ..ict() }), ["schedule.p_mean"]);
        assert_eq!(keys(ScheduleSpec { s0: 2000, ..ict() }), ["schedule.s0"]);
    }

    proptest! {
        /// Whatever the curriculum: N(k) never falls, starts at s0 + 1, ends at s1 + 1 by the horizon, and doubles its
        /// intervals until it is cut.
        #[test]
        fn the_count_only_rises(s0 in 1..40u64, more in 0..400u64, horizon in 1..5000u64) {
            let s1 = s0 + more;
            let schedule = Ict::new(&ScheduleSpec { s0, s1, horizon: Some(horizon), ..PAPER }, 1);
            let counts: Vec<u64> = (0..=horizon + 1000).map(|k| schedule.count(k)).collect();
            prop_assert_eq!(counts[0], s0 + 1);
            prop_assert_eq!(counts[counts.len() - 1], s1 + 1);
            for pair in counts.windows(2) {
                let doubled = (2 * (pair[0] - 1)).min(s1) + 1;
                prop_assert!(pair[1] == pair[0] || pair[1] == doubled, "{:?}", pair);
            }
        }
    }
}
