//! Precision and recall of drawn images (Kynkaanniemi et al. 2019): how many drawn ones lie among the real ones, and how many
//! real ones among the drawn.
//!
//! A set's region is the union of balls around its vectors, each as wide as the distance to its third nearest neighbour.

use faer::MatRef;

/// The neighbour that decides how wide a ball is.
const K: usize = 3;
/// Vectors compared with all others at once.
const BLOCK: usize = 512;

/// What part of the drawn vectors lies in the region of the real ones, and the other way round. Vectors of `dimensions` entries,
/// one after the other, more than three of each.
pub fn precision_recall(real: &[f64], drawn: &[f64], dimensions: usize) -> (f64, f64) {
    let [real, drawn] = [real, drawn].map(|set| Set::new(set, dimensions));
    (drawn.share_within(&real, &real.radii()), real.share_within(&drawn, &drawn.radii()))
}

/// Vectors as columns, with their squared lengths.
struct Set<'a> {
    columns: MatRef<'a, f64>,
    squares: Vec<f64>,
}

impl<'a> Set<'a> {
    fn new(values: &'a [f64], dimensions: usize) -> Set<'a> {
        let columns = MatRef::from_column_major_slice(values, dimensions, values.len() / dimensions);
        let squares = (0..columns.ncols()).map(|i| columns.col(i).squared_norm_l2()).collect();
        Set { columns, squares }
    }

    fn count(&self) -> usize {
        self.squares.len()
    }

    /// Hands the squared distances of every vector to all of `others` to `take`, with the vector's number.
    fn distances(&self, others: &Set<'_>, mut take: impl FnMut(usize, &mut [f64])) {
        for first in (0..self.count()).step_by(BLOCK) {
            let block = self.columns.subcols(first, BLOCK.min(self.count() - first));
            let products = others.columns.transpose() * block;
            for j in 0..block.ncols() {
                let of = |i: usize| (self.squares[first + j] + others.squares[i] - 2.0 * products[(i, j)]).max(0.0);
                let mut found: Vec<f64> = (0..others.count()).map(of).collect();
                take(first + j, &mut found);
            }
        }
    }

    /// The squared distance of every vector to its third nearest other.
    fn radii(&self) -> Vec<f64> {
        let mut radii = vec![0.0; self.count()];
        self.distances(self, |i, found| {
            // It is its own nearest, which rounding must not hide.
            found[i] = f64::NEG_INFINITY;
            let at = K.min(found.len() - 1);
            radii[i] = *found.select_nth_unstable_by(at, f64::total_cmp).1;
        });
        radii
    }

    fn share_within(&self, others: &Set<'_>, radii: &[f64]) -> f64 {
        let mut within = 0;
        self.distances(others, |_, found| {
            within += usize::from(found.iter().zip(radii).any(|(distance, radius)| distance <= radius));
        });
        within as f64 / self.count() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a line, real ones at 0, 1, 2, 3, 10: radii are 3, 2, 2, 3, 9, so the region is [-3, 19].
    #[test]
    fn points_on_a_line_are_counted_by_hand() {
        let real = [0.0, 1.0, 2.0, 3.0, 10.0];
        // Radii of the drawn: 150, 100, 80, 150: all real ones lie in the ball around -20, which reaches 130.
        let drawn = [-20.0, 18.0, 20.0, 130.0];
        let (precision, recall) = precision_recall(&real, &drawn, 1);
        assert_eq!((precision, recall), (0.25, 1.0));
        let far = [1000.0, 1001.0, 1002.0, 1003.0];
        assert_eq!(precision_recall(&real, &far, 1), (0.0, 0.0));
        assert_eq!(precision_recall(&real, &real, 1), (1.0, 1.0));
    }

    #[test]
    fn blocks_do_not_matter() {
        let values: Vec<f64> = (0..2 * 1200).map(|i| (f64::from(i) * 0.7).sin() * (1.0 + f64::from(i % 7))).collect();
        let (real, drawn) = values.split_at(2 * 600);
        let (precision, recall) = precision_recall(real, drawn, 2);
        let pairs = |set: &[f64]| set.chunks(2).map(|pair| [pair[0], pair[1]]).collect::<Vec<_>>();
        let apart = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        let share = |ours: &[[f64; 2]], theirs: &[[f64; 2]]| {
            let radius = |a: &[f64; 2]| {
                let mut found: Vec<f64> = theirs.iter().map(|b| apart(a, b)).collect();
                found.sort_by(f64::total_cmp);
                found[K]
            };
            let within = |a: &&[f64; 2]| theirs.iter().any(|b| apart(a, b) <= radius(b) + 1e-12);
            ours.iter().filter(within).count() as f64 / ours.len() as f64
        };
        assert_eq!(precision, share(&pairs(drawn), &pairs(real)));
        assert_eq!(recall, share(&pairs(real), &pairs(drawn)));
    }
}
