//! Heun's method on the probability flow, without churn (EDM, Karras et al. 2022, algorithm 1).

use exp_api::spec::ScheduleSpec;

use crate::schedule::grid;
use crate::tensor::Tensor;

/// Follows dx/dt = (x - D(x, t)) / t from `sigma_max` over `steps` levels to 0, from standard normal `noise(0)`.
/// 2 `steps` - 1 evaluations.
pub(crate) fn images<T: Tensor>(
    schedule: &ScheduleSpec,
    steps: u64,
    denoise: impl Fn(&T, f64) -> T,
    mut noise: impl FnMut(u64) -> T,
) -> T {
    let levels = grid::falling(schedule, steps as usize);
    let start = noise(0).scale(levels[0]);
    levels.windows(2).fold(start, |x, pair| step(&x, pair[0], pair[1], &denoise))
}

/// One step from level `t` to `next`: Euler, then the trapezoid, unless `next` is 0, where the slope has a pole.
pub(crate) fn step<T: Tensor>(x: &T, t: f64, next: f64, denoise: impl Fn(&T, f64) -> T) -> T {
    let slope = |x: &T, t: f64| x.sub(&denoise(x, t)).scale(t.recip());
    let d = slope(x, t);
    let euler = x.add(&d.scale(next - t));
    if next == 0.0 {
        return euler;
    }
    x.add(&d.add(&slope(&euler, next)).scale(0.5 * (next - t)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::oracle::Doubles;
    use crate::sample::draw::tests::{MEAN, VARIANCE, Z, noise, schedule, spread};

    /// E[y | x] for y normal with MEAN and VARIANCE.
    fn normal(x: &Doubles, sigma: f64) -> Doubles {
        x.offset(-MEAN).scale(VARIANCE / (VARIANCE + sigma * sigma)).offset(MEAN)
    }

    #[test]
    fn the_error_falls_with_the_square_of_the_steps() {
        let exact = MEAN + (80.0 * Z[0] - MEAN) * VARIANCE.sqrt() / spread(80.0);
        let error = |steps| (images(&schedule(), steps, normal, noise).values[0] - exact).abs();
        let order = (error(64) / error(128)).log2();
        assert!((1.8..2.2).contains(&order), "order {order}");
        assert!(error(128) < 1e-3);
    }

    #[test]
    fn a_single_image_is_found_at_once() {
        let found = images(&schedule(), 2, |x, _| x.scale(0.0).offset(0.3), noise);
        assert!((found.values[0] - 0.3).abs() < 1e-12);
    }

    #[test]
    fn it_takes_two_evaluations_a_level_but_one_at_the_last() {
        let count = Cell::new(0);
        images(
            &schedule(),
            18,
            |x, sigma| {
                count.set(count.get() + 1);
                normal(x, sigma)
            },
            noise,
        );
        assert_eq!(count.get(), 35);
    }

    /// The ideal denoiser of a data set, sum of y_i softmax_i(-|x - y_i|^2 / (2 t^2)), leads to one of its images.
    #[test]
    fn the_flow_of_a_data_set_ends_on_one_of_its_images() {
        let data = [[-0.8, 0.1], [0.5, -0.4], [0.7, 0.9]];
        let ideal = |x: &Doubles, t: f64| {
            let squares = |y: &[f64; 2]| y.iter().zip(&x.values).map(|(y, x)| (x - y).powi(2)).sum::<f64>();
            let nearest = data.iter().map(squares).fold(f64::INFINITY, f64::min);
            let weights = data.each_ref().map(|y| ((nearest - squares(y)) / (2.0 * t * t)).exp());
            let sum: f64 = weights.iter().sum();
            let mean = |axis: usize| data.iter().zip(weights).map(|(y, w)| y[axis] * w / sum).sum();
            Doubles::new(&[1, 1, 1, 2], [mean(0), mean(1)])
        };
        let mut ends = [false; 3];
        for angle in 0..12 {
            let (sin, cos) = (f64::from(angle) * std::f64::consts::FRAC_PI_6).sin_cos();
            let found = images(&schedule(), 40, ideal, |_| Doubles::new(&[1, 1, 1, 2], [cos, sin]));
            let hit = data.iter().position(|y| y.iter().zip(&found.values).all(|(y, x)| (x - y).abs() < 1e-3));
            ends[hit.expect("an image of the data set")] = true;
        }
        assert_eq!(ends, [true; 3]);
    }
}
