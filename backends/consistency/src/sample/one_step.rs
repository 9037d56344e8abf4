//! One evaluation of the consistency function, at the largest noise level (Song et al. 2023).

use exp_api::spec::ScheduleSpec;

use crate::tensor::Tensor;

/// D(sigma_max z, sigma_max), for standard normal `noise(0)`.
pub(crate) fn images<T: Tensor>(
    schedule: &ScheduleSpec,
    denoise: impl Fn(&T, f64) -> T,
    mut noise: impl FnMut(u64) -> T,
) -> T {
    denoise(&noise(0).scale(schedule.sigma_max), schedule.sigma_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::draw::tests::{MEAN, Z, consistency, noise, schedule, spread};

    #[test]
    fn an_exact_consistency_function_gives_the_end_of_the_flow() {
        let found = images(&schedule(), consistency, noise);
        let far = (80.0 * Z[0] - MEAN) / spread(80.0);
        assert!((found.values[0] - (MEAN + far * spread(0.002))).abs() < 1e-12);
    }
}
