//! Karras' grid of noise levels, rising for training and falling for sampling (EDM, Karras et al. 2022, equation 5).

use exp_api::spec::ScheduleSpec;

/// `n` levels from `sigma_min` up to `sigma_max`, both exact; level i is
/// (sigma_min^(1/rho) + i/(n-1) (sigma_max^(1/rho) - sigma_min^(1/rho)))^rho.
pub fn rising(spec: &ScheduleSpec, n: usize) -> Vec<f64> {
    let root = |sigma: f64| libm::pow(sigma, spec.rho.recip());
    let (low, high) = (root(spec.sigma_min), root(spec.sigma_max));
    let level = |i: usize| libm::pow(low + i as f64 / (n - 1) as f64 * (high - low), spec.rho);
    let mut levels: Vec<f64> = (0..n).map(level).collect();
    // The root and its power do not cancel to the last bit, and a denoiser is the identity at sigma_min only.
    if let [first, .., last] = levels.as_mut_slice() {
        (*first, *last) = (spec.sigma_min, spec.sigma_max);
    }
    levels
}

/// `n` levels from `sigma_max` down to `sigma_min`, and 0 after them.
pub fn falling(spec: &ScheduleSpec, n: usize) -> Vec<f64> {
    let mut levels = rising(spec, n);
    levels.reverse();
    levels.push(0.0);
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::ict::tests::{close, ict};

    #[test]
    fn eleven_levels_have_the_worked_values() {
        let expected = [
            0.002,
            0.0167207532,
            0.0850872027,
            0.318283289,
            0.965416926,
            2.51521898,
            5.83894763,
            12.3815761,
            24.4083418,
            45.3137341,
            80.0,
        ];
        close(&rising(&ict(), 11), &expected, 1e-8);
    }

    #[test]
    fn eighteen_sampling_levels_have_the_worked_values() {
        let expected = [
            80.0,
            57.585985,
            40.785574,
            28.374585,
            19.352453,
            12.910082,
            8.4009353,
            5.3151945,
            3.2568215,
            1.9233398,
            1.0881706,
            0.58534812,
            0.29644228,
            0.13951647,
            0.059947311,
            0.022934518,
            0.00752802,
            0.002,
            0.0,
        ];
        close(&falling(&ict(), 18), &expected, 5e-8);
    }

    #[test]
    fn levels_rise_between_exact_ends() {
        for n in [2, 3, 41, 1281] {
            let levels = rising(&ict(), n);
            assert_eq!((levels.len(), levels[0], levels[n - 1]), (n, 0.002, 80.0));
            assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
