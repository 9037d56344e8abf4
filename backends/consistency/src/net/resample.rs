//! Resampling of feature maps by fixed filters: to half or twice the side, and the odd sizes between a filter and a
//! strided convolution.
//!
//! A filter is separable and acts on every channel alike, so a line of pixels goes through one small matrix that is
//! planned with the network: filtering is then one matrix product for a small image, two for a large one. Filters
//! with two equal taps are the mean of 2x2 pixels and the repetition of a pixel, which engines do faster.
//!
//! Taps are those of a cross-correlation; whoever defines a filter as a convolution hands them over reversed.

use crate::tensor::{LineMap, Tensor};

/// Above this many entries, the matrix over all pixels costs more than two over rows and columns.
const DENSE_LIMIT: usize = 1 << 16;

/// A fixed linear map of an image, channel by channel.
#[derive(Debug, Clone)]
pub enum Resample {
    /// Each pixel four times.
    Nearest,
    /// Means of 2x2 pixels.
    Average,
    /// Through a matrix over the pixels of a row, then of a column.
    Lines(LineMap),
}

impl Resample {
    /// To half the side: filtered, then every other pixel (Karras et al. 2020, `upfirdn_2d`).
    pub fn halve(taps: &[f64], side: usize) -> Resample {
        if equal_pair(taps) {
            return Resample::Average;
        }
        let line = Line { spread: 1, before: (taps.len() - 1) / 2, stride: 2, taps: normalised(taps, 1.0) };
        line.over(side, side / 2)
    }

    /// To twice the side: a zero after each pixel, then filtered.
    pub fn double(taps: &[f64], side: usize) -> Resample {
        if equal_pair(taps) {
            return Resample::Nearest;
        }
        let line = Line { spread: 2, before: (taps.len() - 1) / 2 + 1, stride: 1, taps: normalised(taps, 2.0) };
        line.over(side, 2 * side)
    }

    /// Filtered to `side` + 1, ready for a 3x3 convolution with stride 2 and no padding.
    pub fn before_stride(taps: &[f64], side: usize) -> Resample {
        let line = Line { spread: 1, before: taps.len().div_ceil(2), stride: 1, taps: normalised(taps, 1.0) };
        line.over(side, side + 1)
    }

    /// Zeros between pixels and two around them: the input of a 3x3 transposed convolution with stride 2.
    pub fn spread(side: usize) -> Resample {
        Line { spread: 2, before: 2, stride: 1, taps: vec![1.0] }.over(side, 2 * side + 3)
    }

    /// Filtered from 2 `side` + 1, which a transposed convolution of [`spread`](Resample::spread) makes, to 2 `side`.
    pub fn after_spread(taps: &[f64], side: usize) -> Resample {
        let line = Line { spread: 1, before: (taps.len() - 1) / 2, stride: 1, taps: normalised(taps, 2.0) };
        line.over(2 * side + 1, 2 * side)
    }

    /// To half of `side`, where a convolution has already added the margin that the filter needs.
    pub fn halve_padded(taps: &[f64], side: usize) -> Resample {
        let line = Line { spread: 1, before: 0, stride: 2, taps: normalised(taps, 1.0) };
        line.over(side + 2 * ((taps.len() - 1) / 2), side / 2)
    }

    /// From `from` to `to` by linear interpolation between the centres of pixels, the outermost ones going on for ever;
    /// a smaller image is not smoothed first.
    pub fn bilinear(from: usize, to: usize) -> Resample {
        let mut values = vec![0.0f32; from * to];
        for out in 0..to {
            let last = (from - 1) as f64;
            let place = ((out as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, last);
            let (left, share) = (place.floor(), place.fract());
            values[left as usize * to + out] += (1.0 - share) as f32;
            values[(left + 1.0).min(last) as usize * to + out] += share as f32;
        }
        Resample::Lines(LineMap { from, to, values, dense: None })
    }

    /// The mean of each pixel and its neighbours on all sides, as many as there are.
    pub fn mean_of_three(side: usize) -> Resample {
        let neighbours = |out: usize| out.saturating_sub(1)..(out + 2).min(side);
        let weight = |i, out| if neighbours(out).contains(&i) { 1.0 / neighbours(out).len() as f32 } else { 0.0 };
        let values = (0..side * side).map(|at| weight(at / side, at % side)).collect();
        Resample::Lines(LineMap { from: side, to: side, values, dense: None })
    }

    /// `[B,C,side,side]` to `[B,C,side',side']`.
    pub fn apply<T: Tensor>(&self, x: &T) -> T {
        match self {
            Resample::Nearest => x.upsample_nearest(),
            Resample::Average => x.average_pool(),
            Resample::Lines(map) => x.along_lines(map),
        }
    }
}

/// What happens to one line of pixels: pixel i goes to place `before + spread i` of a line of zeros, and output o is
/// the sum of that line from place `stride o`, weighted by the taps.
struct Line {
    spread: usize,
    before: usize,
    stride: usize,
    taps: Vec<f64>,
}

impl Line {
    fn over(&self, from: usize, to: usize) -> Resample {
        let weight = |i: usize, o: usize| -> f64 {
            let place = (self.before + self.spread * i).checked_sub(self.stride * o);
            place.and_then(|k| self.taps.get(k)).copied().unwrap_or(0.0)
        };
        let values = (0..from * to).map(|at| weight(at / to, at % to) as f32).collect();
        let [rows, columns] = [from * from, to * to];
        let dense = |row: usize, column: usize| weight(row / from, column / to) * weight(row % from, column % to);
        let dense = (rows * columns <= DENSE_LIMIT)
            .then(|| (0..rows * columns).map(|at| dense(at / columns, at % columns) as f32).collect());
        Resample::Lines(LineMap { from, to, values, dense })
    }
}

fn equal_pair(taps: &[f64]) -> bool {
    matches!(taps, [a, b] if a == b)
}

fn normalised(taps: &[f64], gain: f64) -> Vec<f64> {
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| gain * tap / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(resample: Resample) -> Vec<f32> {
        match resample {
            Resample::Lines(map) => map.values,
            other => panic!("{other:?} has no matrix over lines"),
        }
    }

    #[test]
    fn a_filter_weighs_neighbours() {
        let down = line(Resample::halve(&[1.0, 3.0, 3.0, 1.0], 32));
        let column: Vec<f32> = (0..32).map(|i| down[i * 16 + 1]).collect();
        assert_eq!(column[..6], [0.0, 0.125, 0.375, 0.375, 0.125, 0.0]);
        let up = line(Resample::double(&[1.0, 3.0, 3.0, 1.0], 32));
        assert_eq!(up[5 * 64 + 8..5 * 64 + 14], [0.0, 0.25, 0.75, 0.75, 0.25, 0.0]);
    }

    #[test]
    fn small_images_go_through_one_matrix() {
        let dense = |side| match Resample::halve(&[1.0, 3.0, 3.0, 1.0], side) {
            Resample::Lines(map) => map.dense,
            other => panic!("{other:?} has no matrix over lines"),
        };
        // Every pixel in the middle gives its whole weight to the outputs.
        let weight: f32 = dense(4).expect("4 is small")[5 * 4..6 * 4].iter().sum();
        assert_eq!(weight, 0.25);
        assert_eq!(dense(32), None);
    }

    #[test]
    fn interpolation_keeps_lines_straight() {
        assert_eq!(line(Resample::bilinear(2, 4)), [1.0, 0.75, 0.25, 0.0, 0.0, 0.25, 0.75, 1.0]);
        assert_eq!(line(Resample::bilinear(1, 3)), [1.0; 3]);
        assert_eq!(line(Resample::bilinear(2, 2)), [1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn two_equal_taps_need_no_matrix() {
        assert!(matches!(Resample::halve(&[2.0, 2.0], 8), Resample::Average));
        assert!(matches!(Resample::double(&[1.0, 1.0], 8), Resample::Nearest));
    }
}
