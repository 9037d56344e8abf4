//! Group normalisation followed by an optional SiLU on the CPU, in one pass forward and one backward.

use pulp::{Arch, Simd, WithSimd};

/// Sizes of a normalisation of `[n,c,area]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Geometry {
    pub n: usize,
    pub c: usize,
    pub area: usize,
    pub groups: usize,
    pub eps: f32,
    /// Whether SiLU follows.
    pub silu: bool,
}

/// What the backward pass needs of the forward pass: mean and reciprocal deviation of each group.
pub(crate) type Statistics = Vec<(f32, f32)>;

/// Gradients of input, scale and bias.
pub(crate) struct Gradients {
    pub x: Vec<f32>,
    pub scale: Vec<f32>,
    pub bias: Vec<f32>,
}

/// The normalised values and their statistics.
pub(crate) fn forward(g: Geometry, x: &[f32], scale: &[f32], bias: &[f32]) -> (Vec<f32>, Statistics) {
    let mut out = vec![0.0; x.len()];
    let mut statistics = Vec::with_capacity(g.n * g.groups);
    Arch::new().dispatch(Forward { g, x, scale, bias, out: &mut out, statistics: &mut statistics });
    (out, statistics)
}

/// The gradients, given that of the output.
pub(crate) fn backward(
    g: Geometry,
    x: &[f32],
    scale: &[f32],
    bias: &[f32],
    statistics: &Statistics,
    gradient: &[f32],
) -> Gradients {
    let mut out = Gradients { x: vec![0.0; x.len()], scale: vec![0.0; g.c], bias: vec![0.0; g.c] };
    Arch::new().dispatch(Backward { g, x, scale, bias, statistics, gradient, out: &mut out });
    out
}

struct Forward<'a> {
    g: Geometry,
    x: &'a [f32],
    scale: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
    statistics: &'a mut Statistics,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let g = self.g;
        let channels = g.c / g.groups;
        let size = channels * g.area;
        for (index, (x, out)) in self.x.chunks_exact(size).zip(self.out.chunks_exact_mut(size)).enumerate() {
            let mean = lane_sum(x, |x| x) / size as f32;
            let variance = lane_sum(x, |x| (x - mean) * (x - mean)) / size as f32;
            let rate = 1.0 / (variance + g.eps).sqrt();
            self.statistics.push((mean, rate));
            let first = index % g.groups * channels;
            for (channel, (x, out)) in x.chunks_exact(g.area).zip(out.chunks_exact_mut(g.area)).enumerate() {
                let (factor, term) = (self.scale[first + channel] * rate, self.bias[first + channel]);
                for (out, &x) in out.iter_mut().zip(x) {
                    // The mean goes first: folded into the term, it would cost the digits it shares with x.
                    let z = (x - mean) * factor + term;
                    *out = if g.silu { z * sigmoid(z) } else { z };
                }
            }
        }
    }
}

struct Backward<'a> {
    g: Geometry,
    x: &'a [f32],
    scale: &'a [f32],
    bias: &'a [f32],
    statistics: &'a Statistics,
    gradient: &'a [f32],
    out: &'a mut Gradients,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let g = self.g;
        let channels = g.c / g.groups;
        let size = channels * g.area;
        // Gradient of the normalised, scaled value z, before its SiLU.
        let mut inner = vec![0.0_f32; size];
        for (index, &(mean, rate)) in self.statistics.iter().enumerate() {
            let range = index * size..(index + 1) * size;
            let (x, gradient) = (&self.x[range.clone()], &self.gradient[range.clone()]);
            let first = index % g.groups * channels;
            let (mut sum, mut product) = (0.0, 0.0);
            for channel in 0..channels {
                let pixels = channel * g.area..(channel + 1) * g.area;
                let (x, inner) = (&x[pixels.clone()], &mut inner[pixels.clone()]);
                let (scale, bias) = (self.scale[first + channel], self.bias[first + channel]);
                for ((inner, &x), &gradient) in inner.iter_mut().zip(x).zip(&gradient[pixels]) {
                    *inner = gradient;
                    if g.silu {
                        let z = (x - mean) * rate * scale + bias;
                        let s = sigmoid(z);
                        *inner *= s * (1.0 + z * (1.0 - s));
                    }
                }
                let along = lane_dot(inner, x, |x| (x - mean) * rate);
                let total = lane_sum(inner, |inner| inner);
                self.out.scale[first + channel] += along;
                self.out.bias[first + channel] += total;
                sum += total * scale;
                product += along * scale;
            }
            let (sum, product) = (sum / size as f32, product / size as f32);
            for channel in 0..channels {
                let pixels = channel * g.area..(channel + 1) * g.area;
                let scale = self.scale[first + channel];
                let out = &mut self.out.x[range.clone()][pixels.clone()];
                for ((out, &inner), &x) in out.iter_mut().zip(&inner[pixels.clone()]).zip(&x[pixels]) {
                    *out = rate * (inner * scale - sum - (x - mean) * rate * product);
                }
            }
        }
    }
}

/// Partial sums, one a lane, so that the compiler may keep them in a register.
const LANES: usize = 16;

#[inline(always)]
fn lane_sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|&value| of(value)).sum();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += of(chunk[lane]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[inline(always)]
fn lane_dot(a: &[f32], b: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(&a, &b)| a * of(b)).sum();
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * of(b[lane]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// 1 / (1 + e^-z), to about one unit in the last place.
///
/// The library's `exp` is a call a value. This one is arithmetic alone, so that it runs on whole registers:
/// e^y = 2^n e^r with |r| <= ln(2)/2, e^r by its Taylor polynomial of degree 7 (error below 6e-9).
#[inline(always)]
pub(crate) fn sigmoid(z: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the nearest whole number in the low bits.
    const LN2_HIGH: f32 = 0.693_359_4; // ln(2) in two parts, the first with few bits, so that n * LN2_HIGH is exact.
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let y = (-z).clamp(-87.0, 87.0);
    let shifted = y * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = y - n * LN2_HIGH - n * LN2_LOW;
    let series = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let power = series.into_iter().fold(0.0, |sum, term: f32| sum * r + term);
    let two_to_n = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    1.0 / (1.0 + power * two_to_n)
}
