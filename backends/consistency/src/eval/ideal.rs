//! The exact denoiser of a finite data set, against which a trained one can be held.
//!
//! E[y | x] = sum of y_i softmax_i(-|x - y_i|^2 / (2 t^2)), in f64, the data set passing by in blocks: memory does not grow
//! with it. In: noisy images on the host. Out: their denoised images.

use faer::{Mat, MatRef};

/// The denoised images of `noisy` at noise level `sigma`: images of `size` values one after the other, `blocks` holding
/// the data set.
pub(crate) fn of_blocks(blocks: impl Iterator<Item = Vec<f32>>, noisy: &[f32], size: usize, sigma: f64) -> Vec<f32> {
    let count = noisy.len() / size;
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let x = wide(noisy);
    let x = MatRef::from_column_major_slice(&x, size, count);
    // The largest logit so far, and sums relative to it, as in an online softmax (Milakov & Gimelshein 2018).
    let mut largest = vec![f64::NEG_INFINITY; count];
    let mut total = vec![0.0; count];
    let mut mean = Mat::<f64>::zeros(size, count);
    for block in blocks {
        let block = wide(&block);
        let y = MatRef::from_column_major_slice(&block, size, block.len() / size);
        // |x - y|^2 less |x|^2, which is the same for every y.
        let products = y.transpose() * x;
        let squares: Vec<f64> = (0..y.ncols()).map(|i| y.col(i).squared_norm_l2()).collect();
        let logit = |i: usize, j: usize| (2.0 * products[(i, j)] - squares[i]) / (2.0 * sigma * sigma);
        let mut weights = Mat::<f64>::zeros(y.ncols(), count);
        for j in 0..count {
            let most = (0..y.ncols()).map(|i| logit(i, j)).fold(largest[j], f64::max);
            let kept = (largest[j] - most).exp();
            largest[j] = most;
            (0..y.ncols()).for_each(|i| weights[(i, j)] = (logit(i, j) - most).exp());
            total[j] = total[j] * kept + weights.col(j).iter().sum::<f64>();
            mean.col_mut(j).iter_mut().for_each(|value| *value *= kept);
        }
        mean += y * weights;
    }
    let places = (0..count).flat_map(|j| (0..size).map(move |i| (i, j)));
    places.map(|(i, j)| (mean[(i, j)] / total[j]) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draw, Purpose};

    fn normals(index: u64, len: usize) -> Vec<f32> {
        let mut values = vec![0.0; len];
        Draw::new(3, Purpose::Eval, 0).image(index).fill_normal(&mut values);
        values
    }

    #[test]
    fn blocks_do_not_matter() {
        let (data, noisy) = (normals(0, 60), normals(1, 12));
        for sigma in [0.02, 1.0, 80.0] {
            let whole = of_blocks([data.clone()].into_iter(), &noisy, 6, sigma);
            let parts = of_blocks(data.chunks(18).map(<[f32]>::to_vec), &noisy, 6, sigma);
            assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < 1e-6), "sigma {sigma}");
        }
    }

    #[test]
    fn the_limits_are_the_nearest_image_and_the_mean() {
        let data = [vec![0.0, 0.0, 1.0, 1.0, -3.0, 2.0]];
        let found = of_blocks(data.clone().into_iter(), &[0.8, 0.9], 2, 1e-3);
        assert_eq!(found, [1.0, 1.0]);
        let found = of_blocks(data.into_iter(), &[0.8, 0.9], 2, 1e6);
        assert!((found[0] + 2.0 / 3.0).abs() < 1e-5 && (found[1] - 1.0).abs() < 1e-5, "{found:?}");
    }

    /// Two points: a logistic function of the distance to their middle.
    #[test]
    fn two_images_have_a_closed_form() {
        let found = of_blocks([vec![-1.0, 1.0]].into_iter(), &[0.3], 1, 0.7);
        let right = 1.0 / (1.0 + (-2.0 * 0.3 / (0.7f64 * 0.7)).exp());
        assert!((f64::from(found[0]) - (2.0 * right - 1.0)).abs() < 1e-6);
    }
}
