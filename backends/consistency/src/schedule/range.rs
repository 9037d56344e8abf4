//! Whether noise levels are ones that `f32` holds: training and sampling work with them and their squares there, and out of its
//! range no loss is finite, or none has a sense.

use exp_api::Problem;
use exp_api::spec::{ScheduleKind, ScheduleSpec};

use super::grid;

/// The farthest from 0 that a normal number is ever drawn, by Box and Muller from uniform numbers of 53 bits:
/// sqrt(-2 ln 2^-53) = 8.57.
const FARTHEST: f64 = 8.6;

/// What is wrong with the ends of the grid, with its finest levels (`sampled` of them where training has fewer), and with
/// the levels that are drawn around no grid.
pub(super) fn check(spec: &ScheduleSpec, sampled: u64) -> Vec<Problem> {
    if let Some(problem) = ends(spec) {
        return vec![problem];
    }
    curve(spec, sampled).into_iter().chain(drawn(spec)).collect()
}

fn ends(spec: &ScheduleSpec) -> Option<Problem> {
    let (low, high) = (spec.sigma_min, spec.sigma_max);
    for (key, sigma) in [("schedule.sigma_min", low), ("schedule.sigma_max", high)] {
        if !held(sigma) {
            return Some(Problem::new(key, format!("expected a number whose square f32 holds, found {sigma:e}")));
        }
    }
    let message = format!("expected a number below schedule.sigma_max = {high}, found {low}");
    (low >= high).then(|| Problem::new("schedule.sigma_min", message))
}

/// Between sound ends, only the curvature can bring levels of the grid together or out of range.
fn curve(spec: &ScheduleSpec, sampled: u64) -> Option<Problem> {
    let trained = match spec.kind {
        ScheduleKind::Ict => spec.s1 + 1,
        ScheduleKind::Edm => spec.edm.levels,
        ScheduleKind::Ect => 0,
    };
    let levels = grid::rising(spec, trained.max(sampled) as usize);
    let pair = levels.windows(2).find(|pair| !((pair[0] as f32) < pair[1] as f32 && pair[1].is_finite()))?;
    let message = format!(
        "of {} levels from {} to {}, {:e} is followed by {:e} with the curvature {:e}: they do not rise in f32",
        levels.len(),
        spec.sigma_min,
        spec.sigma_max,
        pair[0],
        pair[1],
        spec.rho
    );
    Some(Problem::new("schedule.rho", message))
}

/// The lognormal of [`super::edm`] and [`super::ect`] has no ends but those of the normal numbers that are drawn.
fn drawn(spec: &ScheduleSpec) -> Option<Problem> {
    let level = |z: f64| libm::exp(spec.p_mean + spec.p_std * z);
    let fault = |key, value: f64, sigma: f64| {
        Problem::new(key, format!("{value:e} can draw a noise level of {sigma:e}, whose square f32 does not hold"))
    };
    let outside = |z: &f64| !held(level(*z));
    match spec.kind {
        ScheduleKind::Ict => None,
        _ if outside(&0.0) => Some(fault("schedule.p_mean", spec.p_mean, level(0.0))),
        _ => {
            let z = [-FARTHEST, FARTHEST].into_iter().find(outside)?;
            Some(fault("schedule.p_std", spec.p_std, level(z)))
        }
    }
}

/// Whether `f32` holds a noise level and its square as normal numbers.
fn held(sigma: f64) -> bool {
    let sigma = sigma as f32;
    sigma.is_normal() && (sigma * sigma).is_normal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draw, Purpose};
    use crate::schedule::PAPER;

    fn told(spec: &ScheduleSpec) -> Vec<String> {
        check(spec, 18).into_iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn what_f32_does_not_hold_is_told_with_its_key() {
        let of = |kind, p_mean, p_std| ScheduleSpec { kind, p_mean, p_std, ..PAPER };
        for (spec, expected) in [
            (
                ScheduleSpec { sigma_max: 1e30, ..PAPER },
                "schedule.sigma_max: expected a number whose square f32 holds, found 1e30",
            ),
            (ScheduleSpec { sigma_max: 1e300, ..PAPER }, "schedule.sigma_max: expected a number whose square"),
            (ScheduleSpec { sigma_min: 1e-25, ..PAPER }, "schedule.sigma_min: expected a number whose square"),
            (ScheduleSpec { sigma_min: 80.0, ..PAPER }, "schedule.sigma_min: expected a number below"),
            (ScheduleSpec { rho: 1e17, ..PAPER }, "schedule.rho: of 1281 levels from 0.002 to 80, "),
            (ScheduleSpec { rho: 0.001, ..PAPER }, "schedule.rho: of 1281 levels"),
            (ScheduleSpec { rho: 0.001, ..of(ScheduleKind::Ect, 0.0, 1.0) }, "schedule.rho: of 18 levels"),
            (of(ScheduleKind::Edm, 200.0, 1.2), "schedule.p_mean: 2e2 can draw a noise level of 7.2"),
            (of(ScheduleKind::Ect, -1.2, 50.0), "schedule.p_std: 5e1 can draw a noise level of 5.39"),
            (of(ScheduleKind::Edm, -1.2, 6.0), "schedule.p_std: 6e0 can draw a noise level of "),
        ] {
            let found = told(&spec);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?} instead of {expected}");
        }
        for kind in [ScheduleKind::Ict, ScheduleKind::Edm, ScheduleKind::Ect] {
            assert!(told(&of(kind, -1.2, 1.2)).is_empty());
            let coarse = ScheduleSpec { s1: 1, rho: 200.0, ..of(kind, -1.1, 2.0) };
            assert!(told(&coarse).is_empty(), "{:?}", told(&coarse));
        }
    }

    /// The least and the greatest of many are near what theory says, and none is beyond.
    #[test]
    fn no_normal_number_lies_farther_out() {
        let mut stream = Draw::new(3, Purpose::Sigma, 0).image(0);
        let most = (0..1_000_000).map(|_| stream.normal().abs()).fold(0.0, f64::max);
        assert!((4.0..FARTHEST).contains(&most), "{most}");
        assert!((2.0 * 53.0 * std::f64::consts::LN_2).sqrt() < FARTHEST);
    }
}
