//! The Frechet distance between two Gaussians, in f64.
//!
//! Owns the formula (Dowson and Landau 1982), for whatever features the moments were taken over. As is the custom of
//! FID, the number is the square of the distance.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use thiserror::Error;

use crate::data::Shape;

/// Sweeps allowed an eigenvalue; a symmetric matrix takes two or three.
const SWEEPS: usize = 100;

/// A mean and a covariance, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
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
        let covariance = DMatrix::from_row_slice(dimensions, dimensions, covariance);
        Ok(Gaussian { mean: DVector::from_column_slice(mean), covariance })
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
    if one.mean.len() != two.mean.len() {
        return Err(EvalError::Dimensions(one.mean.len(), two.mean.len()));
    }
    let root = square_root(&one.covariance)?;
    let product = &root * &two.covariance * &root;
    let cross: f64 = eigen(product)?.eigenvalues.iter().map(|&value| clamped_root(value)).sum();
    let of_means = (&one.mean - &two.mean).norm_squared();
    let distance = of_means + one.covariance.trace() + two.covariance.trace() - 2.0 * cross;
    // Equal Gaussians end within a rounding error of 0, on either side.
    Ok(Frechet { distance: distance.max(0.0), of_means })
}

/// The symmetric square root of a covariance.
fn square_root(covariance: &DMatrix<f64>) -> Result<DMatrix<f64>, EvalError> {
    let eigen = eigen(covariance.clone())?;
    let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(clamped_root));
    Ok(&eigen.eigenvectors * roots * eigen.eigenvectors.transpose())
}

fn eigen(matrix: DMatrix<f64>) -> Result<SymmetricEigen<f64, nalgebra::Dyn>, EvalError> {
    let dimensions = matrix.nrows();
    SymmetricEigen::try_new(matrix, f64::EPSILON, SWEEPS * dimensions).ok_or(EvalError::NoConvergence(dimensions))
}

/// A covariance has no negative eigenvalues: one that is, is a rounding error of 0.
fn clamped_root(eigenvalue: f64) -> f64 {
    eigenvalue.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draw, Purpose};

    fn random(d: usize, rank: usize, index: u64) -> DMatrix<f64> {
        let mut stream = Draw::new(9, Purpose::Eval, 0).image(index);
        let factor = DMatrix::from_fn(d, rank, |_, _| stream.normal());
        &factor * factor.transpose()
    }

    fn gaussian(mean: f64, covariance: &DMatrix<f64>) -> Gaussian {
        Gaussian::new(&vec![mean; covariance.nrows()], covariance.as_slice()).unwrap()
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
        let diagonal = |v: &[f64]| DMatrix::from_diagonal(&DVector::from_column_slice(v));
        let expected = 1.0 + 0.0 + 2.25 + 2.0;
        assert_distance(&gaussian(0.0, &diagonal(&a)), &gaussian(0.0, &diagonal(&b)), expected, 1e-12);
        let q = random(4, 4, 2).qr().q();
        let rotated = |v: &[f64]| &q * diagonal(v) * q.transpose();
        assert_distance(&gaussian(0.0, &rotated(&a)), &gaussian(0.0, &rotated(&b)), expected, 1e-6);
    }

    #[test]
    fn two_dimensions_have_a_closed_form() {
        // tr (AB)^1/2 = sqrt(tr AB + 2 sqrt(det AB)) for 2 x 2; these two do not commute.
        let [a, b] = [[2.0, 1.0, 1.0, 3.0], [5.0, -1.0, -1.0, 1.0_f64]].map(|v| DMatrix::from_row_slice(2, 2, &v));
        let cross: f64 = ((&a * &b).trace() + 2.0 * (a.determinant() * b.determinant()).sqrt()).sqrt();
        assert_distance(&gaussian(0.0, &a), &gaussian(0.0, &b), 5.0 + 6.0 - 2.0 * cross, 1e-12);
    }

    #[test]
    fn deficient_ranks_are_no_obstacle() {
        // Rank one against rank one: (u u^T, v v^T) have cross = |u.v|.
        let (u, v) = (DVector::from_column_slice(&[1.0, 2.0, 2.0]), DVector::from_column_slice(&[0.0, 3.0, 4.0]));
        let expected = 9.0 + 25.0 - 2.0 * 14.0;
        assert_distance(&gaussian(0.0, &(&u * u.transpose())), &gaussian(0.0, &(&v * v.transpose())), expected, 1e-6);
        let thin = random(30, 5, 3);
        assert_distance(&gaussian(0.0, &thin), &gaussian(0.0, &thin), 0.0, 1e-5);
        assert_distance(&gaussian(0.0, &thin), &gaussian(0.0, &DMatrix::zeros(30, 30)), thin.trace(), 1e-9);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(matches!(Gaussian::new(&[0.0; 2], &[0.0; 3]), Err(EvalError::Extent { values: 3, dimensions: 2 })));
        assert!(matches!(Gaussian::new(&[f64::NAN], &[0.0]), Err(EvalError::NotFinite)));
        let (two, three) = (gaussian(0.0, &random(2, 2, 4)), gaussian(0.0, &random(3, 3, 4)));
        assert!(matches!(frechet(&two, &three), Err(EvalError::Dimensions(2, 3))));
    }
}
