//! The Frechet distance between two Gaussians, in f64.
//!
//! Owns the formula (Dowson and Landau 1982), for whatever features the moments were taken over. As is the custom of
//! FID, the number is the square of the distance.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Col, Mat, Side};
use thiserror::Error;

use crate::data::Shape;

/// A mean and a covariance, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    mean: Col<f64>,
    covariance: Mat<f64>,
}

/// How far two Gaussians lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frechet {
    /// The squared distance, at least 0.
    pub distance: f64,
    /// The part of it that is due to the means: |mu1 - mu2|^2.
    pub of_means: f64,
}

/// Why samples cannot be judged.
#[derive(Debug, Error)]
pub enum EvalError {
    /// Values that make no whole number of vectors or images.
    #[error("{values} values do not make vectors of {dimensions}")]
    Extent {
        /// How many values there are.
        values: usize,
        /// The length of a vector.
        dimensions: usize,
    },
    /// Two sets of vectors that differ in length.
    #[error("vectors of {0} and of {1} entries have no distance")]
    Dimensions(usize, usize),
    /// No covariance without two vectors.
    #[error("a covariance needs two vectors or more, not {0}")]
    TooFew(usize),
    /// NaN or an infinity among the features.
    #[error("the features are not all finite numbers")]
    NotFinite,
    /// The eigenvalues were not found.
    #[error("the eigenvalues of a covariance of {0} dimensions do not converge")]
    NoConvergence(usize),
    /// Images that cannot be pooled to 8 x 8.
    #[error("fd_pixel pools to 8x8 and so needs sides that are multiples of 8, not {0}")]
    Sides(Shape),
}

impl Gaussian {
    /// The Gaussian with this `mean` of d entries and `covariance` of d x d, which is taken to be symmetric.
    ///
    /// # Errors
    /// [`EvalError::Extent`] when the two do not fit; [`EvalError::NotFinite`].
    pub fn new(mean: &[f64], covariance: &[f64]) -> Result<Gaussian, EvalError> {
        let dimensions = mean.len();
        if dimensions == 0 || covariance.len() != dimensions * dimensions {
            return Err(EvalError::Extent { values: covariance.len(), dimensions });
        }
        if !mean.iter().chain(covariance).all(|value| value.is_finite()) {
            return Err(EvalError::NotFinite);
        }
        let covariance = Mat::from_fn(dimensions, dimensions, |row, column| covariance[row * dimensions + column]);
        Ok(Gaussian { mean: Col::from_fn(dimensions, |i| mean[i]), covariance })
    }

    /// The mean.
    pub fn mean(&self) -> Vec<f64> {
        self.mean.iter().copied().collect()
    }

    /// The covariance, row by row.
    pub fn covariance(&self) -> Vec<f64> {
        let dimensions = self.mean.nrows();
        (0..dimensions * dimensions).map(|at| self.covariance[(at / dimensions, at % dimensions)]).collect()
    }
}

/// |mu1 - mu2|^2 + tr S1 + tr S2 - 2 tr (S1^1/2 S2 S1^1/2)^1/2.
///
/// The product is symmetric, unlike S1 S2, so real eigenvalues suffice and nothing is added to covariances without full
/// rank.
///
/// # Errors
/// [`EvalError::Dimensions`], [`EvalError::NoConvergence`].
pub fn frechet(one: &Gaussian, two: &Gaussian) -> Result<Frechet, EvalError> {
    if one.mean.nrows() != two.mean.nrows() {
        return Err(EvalError::Dimensions(one.mean.nrows(), two.mean.nrows()));
    }
    let root = square_root(&one.covariance)?;
    let product = &root * &two.covariance * &root;
    let eigenvalues = product.self_adjoint_eigenvalues(Side::Lower).map_err(|_| unsolved(&product))?;
    let cross: f64 = eigenvalues.into_iter().map(clamped_root).sum();
    let of_means = (&one.mean - &two.mean).squared_norm_l2();
    let trace = |matrix: &Mat<f64>| (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum::<f64>();
    let distance = of_means + trace(&one.covariance) + trace(&two.covariance) - 2.0 * cross;
    Ok(Frechet { distance: distance.max(0.0), of_means })
}

/// The symmetric square root of a covariance.
fn square_root(covariance: &Mat<f64>) -> Result<Mat<f64>, EvalError> {
    let eigen = SelfAdjointEigen::new(covariance.as_ref(), Side::Lower).map_err(|_| unsolved(covariance))?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    // The fourth root on both sides: the product is symmetric to the last bit.
    let scaled =
        Mat::from_fn(vectors.nrows(), vectors.ncols(), |i, j| vectors[(i, j)] * clamped_root(values[j]).sqrt());
    Ok(&scaled * scaled.transpose())
}

fn unsolved(matrix: &Mat<f64>) -> EvalError {
    EvalError::NoConvergence(matrix.nrows())
}

/// A covariance has no negative eigenvalues: one that is, is a rounding error of 0.
fn clamped_root(eigenvalue: f64) -> f64 {
    eigenvalue.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draw, Purpose};

    fn normal(d: usize, columns: usize, index: u64) -> Mat<f64> {
        let mut stream = Draw::new(9, Purpose::Eval, 0).image(index);
        Mat::from_fn(d, columns, |_, _| stream.normal())
    }

    /// A random covariance of `d` dimensions, of the given rank.
    fn random(d: usize, rank: usize, index: u64) -> Mat<f64> {
        let factor = normal(d, rank, index);
        &factor * factor.transpose()
    }

    fn gaussian(mean: f64, covariance: &Mat<f64>) -> Gaussian {
        Gaussian { mean: Col::from_fn(covariance.nrows(), |_| mean), covariance: covariance.clone() }
    }

    fn diagonal(values: &[f64]) -> Mat<f64> {
        Mat::from_fn(values.len(), values.len(), |i, j| if i == j { values[i] } else { 0.0 })
    }

    fn outer(v: &[f64]) -> Mat<f64> {
        Mat::from_fn(v.len(), v.len(), |i, j| v[i] * v[j])
    }

    fn assert_distance(one: &Gaussian, two: &Gaussian, expected: f64, tolerance: f64) {
        for (a, b) in [(one, two), (two, one)] {
            let found = frechet(a, b).unwrap().distance;
            assert!((found - expected).abs() <= tolerance, "{found} is not {expected} within {tolerance}");
        }
    }

    #[test]
    fn equal_gaussians_are_at_zero_and_shifted_ones_at_the_shift() {
        let covariance = random(12, 20, 0);
        assert_distance(&gaussian(1.0, &covariance), &gaussian(1.0, &covariance), 0.0, 1e-10);
        assert_distance(&gaussian(1.0, &covariance), &gaussian(-2.0, &covariance), 12.0 * 9.0, 1e-10);
        let apart = frechet(&gaussian(1.0, &covariance), &gaussian(-2.0, &random(12, 20, 1))).unwrap();
        assert_eq!(apart.of_means, 108.0);
        assert!(apart.distance > 108.0);
    }

    #[test]
    fn commuting_covariances_have_a_closed_form() {
        // sum over the axes of (sqrt a - sqrt b)^2, in the axes themselves and in rotated ones.
        let (a, b) = ([4.0, 1.0, 0.25, 0.0], [9.0, 1.0, 4.0, 2.0]);
        let expected = 1.0 + 0.0 + 2.25 + 2.0;
        assert_distance(&gaussian(0.0, &diagonal(&a)), &gaussian(0.0, &diagonal(&b)), expected, 1e-12);
        let q = normal(4, 4, 2).qr().compute_thin_Q();
        let rotated = |v: &[f64]| &q * diagonal(v) * q.transpose();
        assert_distance(&gaussian(0.0, &rotated(&a)), &gaussian(0.0, &rotated(&b)), expected, 1e-6);
    }

    #[test]
    fn two_dimensions_have_a_closed_form() {
        // tr (AB)^1/2 = sqrt(tr AB + 2 sqrt(det AB)) for 2 x 2; these two do not commute.
        let [a, b] =
            [[2.0, 1.0, 1.0, 3.0], [5.0, -1.0, -1.0, 1.0_f64]].map(|v| Mat::from_fn(2, 2, |i, j| v[2 * i + j]));
        let product = &a * &b;
        let cross: f64 = (product[(0, 0)] + product[(1, 1)] + 2.0 * (5.0 * 4.0_f64).sqrt()).sqrt();
        assert_distance(&gaussian(0.0, &a), &gaussian(0.0, &b), 5.0 + 6.0 - 2.0 * cross, 1e-12);
    }

    #[test]
    fn deficient_ranks_are_no_obstacle() {
        // Rank one against rank one: (u u^T, v v^T) have cross = |u.v|.
        let (u, v) = ([1.0, 2.0, 2.0], [0.0, 3.0, 4.0]);
        let expected = 9.0 + 25.0 - 2.0 * 14.0;
        assert_distance(&gaussian(0.0, &outer(&u)), &gaussian(0.0, &outer(&v)), expected, 1e-6);
        let thin = random(30, 5, 3);
        let trace: f64 = (0..30).map(|i| thin[(i, i)]).sum();
        assert_distance(&gaussian(0.0, &thin), &gaussian(0.0, &thin), 0.0, 1e-5);
        assert_distance(&gaussian(0.0, &thin), &gaussian(0.0, &Mat::zeros(30, 30)), trace, 1e-9);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(matches!(Gaussian::new(&[0.0; 2], &[0.0; 3]), Err(EvalError::Extent { values: 3, dimensions: 2 })));
        assert!(matches!(Gaussian::new(&[f64::NAN], &[0.0]), Err(EvalError::NotFinite)));
        let (two, three) = (gaussian(0.0, &random(2, 2, 4)), gaussian(0.0, &random(3, 3, 4)));
        assert!(matches!(frechet(&two, &three), Err(EvalError::Dimensions(2, 3))));
    }
}
