//! Mean and covariance of a stream of vectors, in f64, without keeping the vectors.
//!
//! Owns the accumulation. A block of rows is centred on its own mean before it is squared, and joined to what came
//! before by the formula of Chan, Golub and LeVeque (1979), so nothing cancels when the mean is large against the
//! spread. The last bits depend on where the blocks end; nothing else does.

use faer::{Col, Mat, MatRef};

use super::{EvalError, Gaussian};

/// Rows centred and squared at once: enough for a product of matrices to run at speed, little memory.
const BLOCK: usize = 256;

/// The moments of the vectors seen so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    count: usize,
    mean: Col<f64>,
    /// Sum of (x - mean)(x - mean)^T.
    scatter: Mat<f64>,
}

impl Moments {
    /// No vector yet; each will have `dimensions` entries.
    pub fn new(dimensions: usize) -> Moments {
        Moments { count: 0, mean: Col::zeros(dimensions), scatter: Mat::zeros(dimensions, dimensions) }
    }

    /// How many vectors were seen.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds vectors, one after the other in `rows`.
    ///
    /// # Errors
    /// [`EvalError::Extent`] when `rows` is no whole number of vectors.
    pub fn extend(&mut self, rows: &[f64]) -> Result<(), EvalError> {
        let dimensions = self.mean.nrows();
        if dimensions == 0 || !rows.len().is_multiple_of(dimensions) {
            return Err(EvalError::Extent { values: rows.len(), dimensions });
        }
        for block in rows.chunks(BLOCK * dimensions) {
            self.join(&Moments::of_block(MatRef::from_column_major_slice(block, dimensions, block.len() / dimensions)));
        }
        Ok(())
    }

    /// The Gaussian with this mean and the covariance over n - 1.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] below two vectors; [`EvalError::NotFinite`] when one held NaN or an infinity.
    pub fn gaussian(&self) -> Result<Gaussian, EvalError> {
        if self.count < 2 {
            return Err(EvalError::TooFew(self.count));
        }
        let (dimensions, share) = (self.mean.nrows(), (self.count - 1) as f64);
        let mean: Vec<f64> = self.mean.iter().copied().collect();
        let places = (0..dimensions * dimensions).map(|at| (at / dimensions, at % dimensions));
        Gaussian::new(&mean, &places.map(|place| self.scatter[place] / share).collect::<Vec<_>>())
    }

    /// The moments of the columns of `block`, at least one, in two passes.
    fn of_block(block: MatRef<'_, f64>) -> Moments {
        let (dimensions, count) = (block.nrows(), block.ncols());
        let mean = Col::from_fn(dimensions, |i| block.row(i).iter().sum::<f64>() / count as f64);
        let centred = Mat::from_fn(dimensions, count, |i, j| block[(i, j)] - mean[i]);
        Moments { count, scatter: &centred * centred.transpose(), mean }
    }

    fn join(&mut self, other: &Moments) {
        let total = self.count + other.count;
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let shift = &other.mean - &self.mean;
        let weight = mine * theirs / total as f64;
        self.scatter +=
            &other.scatter + Mat::from_fn(shift.nrows(), shift.nrows(), |i, j| weight * shift[i] * shift[j]);
        self.mean += shift * faer::Scale(theirs / total as f64);
        self.count = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draw, Purpose};

    fn rows(n: usize, dimensions: usize, offset: f64) -> Vec<f64> {
        let mut stream = Draw::new(1, Purpose::Eval, 0).image(0);
        (0..n * dimensions).map(|i| stream.normal() * (1 + i % dimensions) as f64 + offset).collect()
    }

    fn seen(rows: &[f64], pieces: usize) -> Moments {
        let mut moments = Moments::new(3);
        rows.chunks(pieces * 3).for_each(|piece| moments.extend(piece).unwrap());
        moments
    }

    fn assert_close(a: &Moments, b: &Moments, tolerance: f64) {
        assert_eq!(a.count, b.count);
        assert!((&a.mean - &b.mean).norm_max() <= tolerance * a.mean.norm_max(), "{:?} {:?}", a.mean, b.mean);
        assert!(
            (&a.scatter - &b.scatter).norm_max() <= tolerance * a.scatter.norm_max(),
            "{:?} {:?}",
            a.scatter,
            b.scatter
        );
    }

    #[test]
    fn a_hand_computed_case() {
        // (1,2), (3,2), (5,8): mean (3,4); deviations (-2,-2), (0,-2), (2,4).
        let mut moments = Moments::new(2);
        moments.extend(&[1.0, 2.0, 3.0, 2.0, 5.0, 8.0]).unwrap();
        let expected = Gaussian::new(&[3.0, 4.0], &[4.0, 6.0, 6.0, 12.0]).unwrap();
        assert_eq!((moments.count(), moments.gaussian().unwrap()), (3, expected));
    }

    #[test]
    fn a_stream_equals_its_whole() {
        let rows = rows(1000, 3, 2.0);
        let whole = seen(&rows, 1000);
        for pieces in [1, 7, 256, 999] {
            assert_close(&whole, &seen(&rows, pieces), 1e-13);
        }
    }

    #[test]
    fn a_large_mean_costs_no_digits_of_the_spread() {
        let near = seen(&rows(1000, 3, 0.0), 1);
        let far = seen(&rows(1000, 3, 1e8), 1);
        // The input itself is rounded to 1.5e-8 there; E[x^2] - E[x]^2 would be off by 1.
        assert!((&near.scatter - &far.scatter).norm_max() < 1e-7 * near.scatter.norm_max());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut moments = Moments::new(3);
        assert!(matches!(moments.extend(&[0.0; 4]), Err(EvalError::Extent { values: 4, dimensions: 3 })));
        moments.extend(&[0.0; 3]).unwrap();
        assert!(matches!(moments.gaussian(), Err(EvalError::TooFew(1))));
        moments.extend(&[0.0, f64::NAN, 0.0]).unwrap();
        assert!(matches!(moments.gaussian(), Err(EvalError::NotFinite)));
    }
}
