//! The consistency function along falling noise levels (Song et al. 2023, algorithm 1).

use exp_api::spec::ScheduleSpec;

use super::one_step;
use crate::schedule::grid;
use crate::tensor::Tensor;

/// One evaluation at `sigma_max`, then for each further level tau of `levels`: noise back up to it, and denoise.
///
/// x <- D(x + sqrt(tau^2 - sigma_min^2) z, tau), for standard normal `noise(i)` at level i.
pub(crate) fn images<T: Tensor>(
    schedule: &ScheduleSpec,
    levels: &[f64],
    denoise: impl Fn(&T, f64) -> T,
    mut noise: impl FnMut(u64) -> T,
) -> T {
    let first = one_step::images(schedule, &denoise, &mut noise);
    levels.iter().zip(1..).fold(first, |x, (&tau, stage)| {
        let spread = (tau * tau - schedule.sigma_min * schedule.sigma_min).sqrt();
        denoise(&x.add(&noise(stage).scale(spread)), tau)
    })
}

/// The levels below `sigma_max` of `steps` evaluations: Karras' grid without `sigma_min`, where the consistency function
/// changes nothing.
pub(crate) fn levels(schedule: &ScheduleSpec, steps: u64) -> Vec<f64> {
    let mut levels = grid::rising(schedule, steps as usize + 1);
    levels.reverse();
    levels[1..steps as usize].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::draw::tests::{MEAN, Z, consistency, noise, schedule, spread};

    /// In units of the data's spread at sigma_min, re-noising and denoising keep the distribution: coefficients of the
    /// noises are those of a sum of unit variance.
    #[test]
    fn each_level_mixes_in_its_noise_and_keeps_the_variance() {
        let found = images(&schedule(), &[3.0, 0.6], consistency, noise);
        let mut expected = (80.0 * Z[0] - MEAN) / spread(80.0);
        for (tau, z) in [(3.0, Z[1]), (0.6, Z[2])] {
            let kept = spread(0.002) / spread(tau);
            assert!((kept * kept + (tau * tau - 4e-6) / spread(tau).powi(2) - 1.0).abs() < 1e-12);
            expected = kept * expected + (1.0 - kept * kept).sqrt() * z;
        }
        assert!((found.values[0] - (MEAN + expected * spread(0.002))).abs() < 1e-12);
    }

    #[test]
    fn levels_fall_between_the_ends() {
        let found = levels(&schedule(), 4);
        assert_eq!(found.len(), 3);
        assert!(found.windows(2).all(|pair| pair[0] > pair[1]) && found[0] < 80.0 && found[2] > 0.002);
    }
}
