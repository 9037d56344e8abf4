//! KID, the kernel distance between two sets of features (Binkowski et al. 2018): the unbiased estimate of the squared maximum
//! mean discrepancy under k(x, y) = (x.y / d + 1)^3, averaged over subsets.

use faer::{Mat, MatRef};

use crate::rng::permutation;

/// Subsets, and the most images of one, as is the custom.
const SUBSETS: u64 = 100;
const SIZE: usize = 1000;
/// Seed of the subsets.
const SEED: u64 = 0;

/// The distance of two sets of at least two vectors of `dimensions` entries, one after the other. Around 0 for equal
/// distributions, and below it half of the time.
pub fn kid(one: &[f64], two: &[f64], dimensions: usize) -> f64 {
    let counts = [one, two].map(|set| set.len() / dimensions);
    let size = SIZE.min(counts[0]).min(counts[1]);
    let sum: f64 = (0..SUBSETS)
        .map(|subset| {
            let pick = |set: &[f64], count: usize, epoch: u64| {
                let order = permutation(SEED, epoch, count as u32);
                Mat::from_fn(size, dimensions, |row, column| set[order[row] as usize * dimensions + column])
            };
            discrepancy(pick(one, counts[0], 2 * subset).as_ref(), pick(two, counts[1], 2 * subset + 1).as_ref())
        })
        .sum();
    sum / SUBSETS as f64
}

/// Of two sets of equally many rows; the diagonal of a set with itself does not count.
fn discrepancy(x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> f64 {
    let (n, d) = (x.nrows() as f64, x.ncols() as f64);
    let kernel = |a: MatRef<'_, f64>, b: MatRef<'_, f64>| {
        let products = a * b.transpose();
        let value = |i: usize, j: usize| (products[(i, j)] / d + 1.0).powi(3);
        let all: f64 = (0..a.nrows()).flat_map(|i| (0..b.nrows()).map(move |j| (i, j))).map(|(i, j)| value(i, j)).sum();
        let diagonal: f64 = (0..a.nrows()).map(|i| value(i, i)).sum();
        (all, diagonal)
    };
    let within = |a| {
        let (all, diagonal) = kernel(a, a);
        (all - diagonal) / (n * (n - 1.0))
    };
    within(x) + within(y) - 2.0 * kernel(x, y).0 / (n * n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draw, Purpose};

    fn normals(index: u64, count: usize, mean: f64) -> Vec<f64> {
        let mut stream = Draw::new(5, Purpose::Eval, 0).image(index);
        (0..count).map(|_| stream.normal() + mean).collect()
    }

    /// The points (1,0), (0,1) and (1,0), (1,1).
    #[test]
    fn two_pairs_of_points_have_a_value_by_hand() {
        let found = kid(&[1.0, 0.0, 0.0, 1.0], &[1.0, 0.0, 1.0, 1.0], 2);
        let between = [1.5f64.powi(3), 1.5f64.powi(3), 1.0, 1.5f64.powi(3)];
        let expected = 1.0 + 1.5f64.powi(3) - 2.0 * between.iter().sum::<f64>() / 4.0;
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    /// Of normals of variance 1 in one dimension the kernel's mean follows from their first three moments.
    #[test]
    fn shifted_normals_are_apart_by_their_moments() {
        let m: f64 = 0.5;
        // E (ab + 1)^3 = E a^3 E b^3 + 3 E a^2 E b^2 + 3 E a E b + 1.
        let expected = (m.powi(3) + 3.0 * m).powi(2) + 3.0 * (1.0 + m * m).powi(2) + 3.0 * m * m
            - 3.0
            - 2.0 * (3.0 * (1.0 + m * m) - 3.0);
        let found = kid(&normals(0, 20_000, 0.0), &normals(1, 20_000, m), 1);
        assert!((found - expected).abs() < 0.15 * expected, "{found}, expected {expected}");
        let same = kid(&normals(2, 20_000, 0.0), &normals(3, 20_000, 0.0), 1);
        assert!(same.abs() < 0.05 * expected, "{same}");
    }
}
