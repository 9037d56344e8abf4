//! The consistency term: the distance of the student's image to that of its stopped self at the level below
//! (iCT, Song & Dhariwal 2023), weighted by 1/(t - r).

use exp_api::spec::{HuberNorm, HuberSpec};

use crate::loss::Noised;
use crate::loss::lpips::Lpips;
use crate::tensor::Tensor;

/// The axes of one image.
const IMAGE: [usize; 3] = [1, 2, 3];

/// A distance between images.
#[derive(Debug, Clone)]
pub(crate) enum Distance<T> {
    /// Pseudo-Huber, of each element or of the whole image.
    Huber(HuberSpec),
    /// Mean square.
    L2,
    /// Mean size.
    L1,
    /// That of a network's features.
    Lpips(Lpips<T>),
}

/// The mean over the batch of distance / (t - r), `[1]`; `student` and `target` are `[B,C,H,W]`.
pub(crate) fn term<T: Tensor>(distance: &Distance<T>, student: &T, target: &T, batch: &Noised<T>) -> T {
    let size = batch.t.shape()[0];
    let weight = batch.t.sub(&batch.r).recip().reshape(&[size, 1, 1, 1]);
    distance.between(student, target).mul(&weight).mean_all()
}

impl<T: Tensor> Distance<T> {
    /// The distance of each pair of images, `[B,1,1,1]`.
    pub(crate) fn between(&self, student: &T, target: &T) -> T {
        let difference = || student.sub(target);
        match self {
            Distance::L2 => difference().square().mean(&IMAGE),
            Distance::L1 => {
                let difference = difference();
                difference.relu().add(&difference.scale(-1.0).relu()).mean(&IMAGE)
            }
            Distance::Huber(spec) => {
                let squares = difference().square();
                let dimensions: usize = squares.shape()[1..].iter().product();
                let c = spec.c.unwrap_or(0.00054 * (dimensions as f64).sqrt());
                match spec.norm {
                    HuberNorm::Element => huber(&squares, c).mean(&IMAGE),
                    HuberNorm::Image => huber(&squares.sum(&IMAGE), c),
                }
            }
            Distance::Lpips(lpips) => lpips.distance(student, target),
        }
    }
}

/// sqrt(d^2 + c^2) - c for given d^2, as d^2 / (sqrt(d^2 + c^2) + c): late in training d is far below c, where the
/// difference of the two would keep no digit.
fn huber<T: Tensor>(squares: &T, c: f64) -> T {
    squares.div(&squares.offset(c * c).sqrt().offset(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Doubles;

    fn huber_of(norm: HuberNorm, c: Option<f64>) -> Distance<Doubles> {
        Distance::Huber(HuberSpec { c, norm })
    }

    /// Two images of two pixels, at levels 1 and 0.5, and 4 and 2.
    fn value(distance: &Distance<Doubles>, difference: [f64; 4]) -> f64 {
        let shape = [2, 1, 1, 2];
        let y = Doubles::new(&shape, [0.1, 0.2, 0.3, 0.4]);
        let (t, r) = (Doubles::new(&[2], [1.0, 4.0]), Doubles::new(&[2], [0.5, 2.0]));
        let batch = Noised::still(&y, t, r);
        let student = y.add(&Doubles::new(&shape, difference));
        term(distance, &student, &y, &batch).values[0]
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} is not {expected}");
    }

    #[test]
    fn huber_of_an_element_is_a_mean_over_pixels() {
        // sqrt(d^2 + c^2) - c with c = 3: d = 4 gives 2, d = 0 gives 0; weights 2 and 1/2.
        let distance = huber_of(HuberNorm::Element, Some(3.0));
        close(value(&distance, [4.0, 0.0, 0.0, -4.0]), (2.0 * 2.0 + 0.5 * 2.0) / 4.0);
    }

    #[test]
    fn huber_of_an_image_takes_its_norm() {
        // Both differences have norm 4, so with c = 3 both distances are 2.
        let distance = huber_of(HuberNorm::Image, Some(3.0));
        close(value(&distance, [2.4, 3.2, 0.0, 4.0]), (2.0 * 2.0 + 0.5 * 2.0) / 2.0);
    }

    #[test]
    fn l2_is_a_weighted_mean_of_squares() {
        close(value(&Distance::L2, [1.0, 2.0, 0.0, -4.0]), (2.0 * 5.0 + 0.5 * 16.0) / 4.0);
    }

    #[test]
    fn l1_is_a_weighted_mean_of_sizes() {
        close(value(&Distance::L1, [1.0, -2.0, 0.0, -4.0]), (2.0 * 3.0 + 0.5 * 4.0) / 4.0);
    }

    #[test]
    fn c_defaults_to_the_formula() {
        let c = 0.00054 * 2.0f64.sqrt();
        let formula = value(&huber_of(HuberNorm::Image, None), [1e-3, 0.0, 0.0, 1e-4]);
        close(formula, value(&huber_of(HuberNorm::Image, Some(c)), [1e-3, 0.0, 0.0, 1e-4]));
    }

    #[test]
    fn a_small_difference_keeps_its_digits() {
        // d^2 / 2c to first order; the next is smaller by (d/2c)^2.
        let distance = huber_of(HuberNorm::Element, Some(0.03));
        close(value(&distance, [1e-6, 0.0, 0.0, 0.0]), 2.0 * (1e-12 / 0.06) / 4.0);
    }
}
