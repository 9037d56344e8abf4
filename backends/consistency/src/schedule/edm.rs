//! Pairs of noise levels around EDM's lognormal (Karras et al. 2022, table 1): a level, and the one a place below it on a
//! grid of few levels, between whose places it may lie.

use exp_api::spec::ScheduleSpec;

/// The pair that the standard normal `z` selects.
pub(crate) fn pair(spec: &ScheduleSpec, z: f64) -> (f64, f64) {
    let sigma = libm::exp(spec.p_mean + spec.p_std * z);
    let sigma = if spec.edm.floor { sigma.max(level(spec, place(spec))) } else { sigma };
    (sigma, one_place_below(spec, sigma))
}

/// The level one place below `sigma`, and `sigma_min` where there is none.
fn one_place_below(spec: &ScheduleSpec, sigma: f64) -> f64 {
    let [low, high, own] = [spec.sigma_min, spec.sigma_max, sigma].map(|sigma| libm::pow(sigma, spec.rho.recip()));
    level(spec, ((own - low) / (high - low) - place(spec)).max(0.0))
}

/// The level at a place between 0, the smallest, and 1, the largest (EDM, equation 5).
fn level(spec: &ScheduleSpec, place: f64) -> f64 {
    let [low, high] = [spec.sigma_min, spec.sigma_max].map(|sigma| libm::pow(sigma, spec.rho.recip()));
    libm::pow(low + place * (high - low), spec.rho)
}

/// What lies between two places of the grid.
fn place(spec: &ScheduleSpec) -> f64 {
    ((spec.edm.levels - 1) as f64).recip()
}

#[cfg(test)]
mod tests {
    use exp_api::spec::EdmPairsSpec;

    use super::*;
    use crate::schedule::{PAPER, grid};

    fn spec(floor: bool) -> ScheduleSpec {
        ScheduleSpec { p_mean: -1.2, p_std: 1.2, edm: EdmPairsSpec { levels: 18, floor }, ..PAPER }
    }

    #[test]
    fn a_level_of_the_grid_is_followed_by_its_neighbour() {
        let grid = grid::rising(&spec(true), 18);
        for pair in grid.windows(2) {
            let found = one_place_below(&spec(true), pair[1]);
            assert!((found / pair[0] - 1.0).abs() < 1e-9, "{found} is not {}", pair[0]);
        }
    }

    #[test]
    fn the_median_is_the_exponential_of_the_mean() {
        assert!((pair(&spec(true), 0.0).0 - (-1.2f64).exp()).abs() < 1e-15);
    }

    /// As coded, a level below the grid has a higher one below it, and the weight of the pair is negative.
    #[test]
    fn the_floor_keeps_pairs_in_order() {
        let (sigma, lower) = pair(&spec(false), -5.0);
        assert!(sigma < lower && lower == libm::pow(libm::pow(0.002, 1.0 / 7.0), 7.0));
        let (sigma, lower) = pair(&spec(true), -5.0);
        assert!(lower < sigma && (sigma / grid::rising(&spec(true), 18)[1] - 1.0).abs() < 1e-12);
    }
}
