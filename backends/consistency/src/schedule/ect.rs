//! Pairs of noise levels of easy consistency tuning (ECT, Geng et al. 2024, "Consistency Models Made Easy"): a level of a
//! lognormal, and a share of it below, which starts at 0 (plain denoising) and grows towards the level itself.

use exp_api::spec::ScheduleSpec;

/// The least gap, as a share of the level: `f32` tells the ends of a pair apart, and what a network makes of them.
const LEAST: f64 = 1.0 / 4096.0;

/// The pair that the standard normal `z` selects after `k` steps:
/// r = t max(0, 1 - n(t) / q^(s+1)) in stage s, with n(t) = 1 + k sigmoid(-b t).
pub(super) fn pair(spec: &ScheduleSpec, k: u64, z: f64) -> (f64, f64) {
    let ect = &spec.ect;
    let t = libm::exp(spec.p_mean + spec.p_std * z);
    let stage = ect.double_every.map_or(0, |steps| k / steps);
    let wider = 1.0 + ect.k / (1.0 + libm::exp(ect.b * t));
    let gap = (wider / libm::pow(ect.q, (stage + 1) as f64)).max(LEAST);
    (t, t * (1.0 - gap).max(0.0))
}

#[cfg(test)]
mod tests {
    use exp_api::spec::EctPairsSpec;

    use super::*;
    use crate::schedule::PAPER;

    fn spec() -> ScheduleSpec {
        let ect = EctPairsSpec { q: 2.0, k: 8.0, b: 1.0, double_every: Some(100) };
        ScheduleSpec { p_mean: 0.0, p_std: 1.0, ect, ..PAPER }
    }

    /// At t = 1: n = 1 + 8 / (1 + e) = 3.15153; the share is 0 in stage 0 and 1 - n/4, 1 - n/8 after it.
    #[test]
    fn the_gap_halves_from_stage_to_stage() {
        let share = |k| pair(&spec(), k, 0.0).1;
        assert_eq!((share(0), share(99)), (0.0, 0.0));
        assert!((share(100) - (1.0 - 3.151_531_368_1 / 4.0)).abs() < 1e-9);
        assert!((share(200) - (1.0 - 3.151_531_368_1 / 8.0)).abs() < 1e-9);
        assert_eq!((share(10_000), share(u64::MAX)), (1.0 - LEAST, 1.0 - LEAST));
    }

    #[test]
    fn the_lower_level_never_passes_the_upper() {
        for (k, z) in (0..20).flat_map(|k| (-4..5).map(move |z| (100 * k, f64::from(z)))) {
            let (t, r) = pair(&spec(), k, z);
            assert!((0.0..=t).contains(&r) && (t - z.exp()).abs() < 1e-12 * t);
        }
    }
}
