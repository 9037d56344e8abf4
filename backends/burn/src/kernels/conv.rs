//! Direct convolution on the CPU: odd square kernels, stride 1, an output as large as its input.
//!
//! Each padded plane is one row of memory, in which a kernel tap is a constant shift. A tile of outputs then stays in
//! registers while all input channels and taps pass over it; no matrix of patches is ever written. Where rows do not
//! fill registers, a tile runs on across the border columns between them, whose sums are thrown away.

use pulp::{Arch, Simd, WithSimd};

/// Output channels that share each load of the input.
const BLOCK: usize = 4;
/// Registers of outputs a channel.
const VECTORS: usize = 2;
/// Widest register, in `f32`: planes are padded so that the last one may run over, also where a kernel tap shifts it.
const SLACK: usize = 16;

/// Sizes of a convolution `[n,c,h,w]` x `[o,c,k,k]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub n: usize,
    pub c: usize,
    pub o: usize,
    pub h: usize,
    pub w: usize,
    pub k: usize,
}

impl Geometry {
    /// The convolution that takes gradients of the output to gradients of the input.
    pub(crate) fn transposed(self) -> Geometry {
        Geometry { c: self.o, o: self.c, ..self }
    }

    fn row(self) -> usize {
        self.w + self.k - 1
    }

    /// Outputs of a plane, border columns included.
    fn span(self) -> usize {
        self.h * self.row()
    }

    /// Memory of a padded plane.
    fn plane(self) -> usize {
        (self.h + self.k - 1) * self.row() + SLACK + self.k - 1
    }

    /// Where each register of outputs begins in the padded plane, a whole number of tiles of them, and how far apart
    /// the rows of outputs then are.
    fn segments(self, lanes: usize) -> (Vec<usize>, usize) {
        let (mut starts, stride): (Vec<usize>, usize) = if self.w.is_multiple_of(lanes) {
            let row = |y| (0..self.w).step_by(lanes).map(move |x| y * self.row() + x);
            ((0..self.h).flat_map(row).collect(), self.w)
        } else {
            ((0..self.span()).step_by(lanes).collect(), self.row())
        };
        starts.resize(starts.len().next_multiple_of(VECTORS), 0);
        (starts, stride)
    }

    /// Shift of each kernel tap.
    fn shifts(self) -> Vec<usize> {
        (0..self.k * self.k).map(|tap| tap / self.k * self.row() + tap % self.k).collect()
    }
}

/// out = x * kernel + bias.
pub(crate) fn forward(g: Geometry, x: &[f32], kernel: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let taps = g.k * g.k;
    let weight = |o: usize, c: usize, tap: usize| kernel[(o * g.c + c) * taps + tap];
    correlate(g, x, &packed(g, weight), bias)
}

/// Gradient of the input: the output's gradient under the kernel turned by half a turn.
pub(crate) fn input_gradient(g: Geometry, gradient: &[f32], kernel: &[f32]) -> Vec<f32> {
    let taps = g.k * g.k;
    let weight = |o: usize, c: usize, tap: usize| kernel[(c * g.c + o) * taps + taps - 1 - tap];
    let turned = g.transposed();
    correlate(turned, gradient, &packed(turned, weight), None)
}

/// Gradient of the kernel: each tap's product of the output's gradient with the shifted input.
pub(crate) fn kernel_gradient(g: Geometry, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; g.o * g.c * g.k * g.k];
    let input = padded(g, x, g.c, g.k / 2);
    let spread = padded(g, gradient, g.o, 0);
    Arch::new().dispatch(KernelGradient { g, input: &input, gradient: &spread, out: &mut out });
    out
}

/// Gradient of the bias: sums over images and pixels.
pub(crate) fn bias_gradient(g: Geometry, gradient: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; g.o];
    for (index, plane) in gradient.chunks_exact(g.h * g.w).enumerate() {
        out[index % g.o] += plane.iter().sum::<f32>();
    }
    out
}

/// Weights in the order of use: block of outputs, input, tap, output within the block; missing outputs are zeros.
fn packed(g: Geometry, weight: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
    let taps = g.k * g.k;
    let mut pack = vec![0.0; g.o.div_ceil(BLOCK) * g.c * taps * BLOCK];
    for o in 0..g.o {
        for c in 0..g.c {
            for tap in 0..taps {
                pack[((o / BLOCK * g.c + c) * taps + tap) * BLOCK + o % BLOCK] = weight(o, c, tap);
            }
        }
    }
    pack
}

/// Planes with `border` zeros above and to the left, and rows of the padded length.
fn padded(g: Geometry, planes: &[f32], channels: usize, border: usize) -> Vec<f32> {
    let mut out = vec![0.0; g.n * channels * g.plane()];
    for (plane, source) in out.chunks_exact_mut(g.plane()).zip(planes.chunks_exact(g.h * g.w)) {
        for (y, row) in source.chunks_exact(g.w).enumerate() {
            let start = (y + border) * g.row() + border;
            plane[start..start + g.w].copy_from_slice(row);
        }
    }
    out
}

fn correlate(g: Geometry, x: &[f32], pack: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let mut out = vec![0.0; g.n * g.o * g.h * g.w];
    let input = padded(g, x, g.c, g.k / 2);
    Arch::new().dispatch(Correlate { g, input: &input, pack, bias, out: &mut out });
    out
}

struct Correlate<'a> {
    g: Geometry,
    input: &'a [f32],
    pack: &'a [f32],
    bias: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.g.k {
            1 => self.run::<S, 1>(simd),
            3 => self.run::<S, 3>(simd),
            _ => unreachable!("only kernels of 1 and 3 come here"),
        }
    }
}

impl Correlate<'_> {
    #[inline(always)]
    fn run<S: Simd, const K: usize>(self, simd: S) {
        let g = self.g;
        let area = g.h * g.w;
        let (starts, stride) = g.segments(S::F32_LANES);
        let mut lines: [Vec<f32>; BLOCK] = std::array::from_fn(|_| vec![0.0; starts.len() * S::F32_LANES]);
        for image in 0..g.n {
            let planes = &self.input[image * g.c * g.plane()..][..g.c * g.plane()];
            for (block, weights) in self.pack.chunks_exact(g.c * K * K * BLOCK).enumerate() {
                for (tile, starts) in starts.chunks_exact(VECTORS).enumerate() {
                    let sums = tile_sums::<S, K>(simd, g, planes, weights, [starts[0], starts[1]]);
                    for (line, sums) in lines.iter_mut().zip(sums) {
                        let (vectors, _) = S::as_mut_simd_f32s(line);
                        vectors[tile * VECTORS..][..VECTORS].copy_from_slice(&sums);
                    }
                }
                for (o, line) in (block * BLOCK..g.o).zip(lines.iter()) {
                    let bias = self.bias.map_or(0.0, |bias| bias[o]);
                    let plane = &mut self.out[(image * g.o + o) * area..][..area];
                    for (row, sums) in plane.chunks_exact_mut(g.w).zip(line.chunks(stride)) {
                        row.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum + bias);
                    }
                }
            }
        }
    }
}

/// One tile of outputs for a block of channels; its registers begin at `starts` in the padded plane.
#[inline(always)]
fn tile_sums<S: Simd, const K: usize>(
    simd: S,
    g: Geometry,
    planes: &[f32],
    weights: &[f32],
    starts: [usize; VECTORS],
) -> [[S::f32s; VECTORS]; BLOCK] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; BLOCK];
    for (plane, weights) in planes.chunks_exact(g.plane()).zip(weights.chunks_exact(K * K * BLOCK)) {
        for (ky, weights) in weights.chunks_exact(K * BLOCK).enumerate() {
            // Sliced to a length that the compiler knows, so that the taps of a row need no further checks.
            let rows = starts.map(|start| &plane[start + ky * g.row()..][..S::F32_LANES + K - 1]);
            for (kx, weights) in weights.chunks_exact(BLOCK).enumerate().take(K) {
                let inputs = rows.map(|row| S::as_simd_f32s(&row[kx..kx + S::F32_LANES]).0[0]);
                for lane in 0..BLOCK {
                    let weight = simd.splat_f32s(weights[lane]);
                    for v in 0..VECTORS {
                        sums[lane][v] = simd.mul_add_f32s(weight, inputs[v], sums[lane][v]);
                    }
                }
            }
        }
    }
    sums
}

struct KernelGradient<'a> {
    g: Geometry,
    input: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for KernelGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sums of two output channels fit the 32 registers that come with wide vectors, not the 16 of narrow ones.
        match (self.g.k, S::F32_LANES >= 16) {
            (1, _) => kernel_products::<S, 1, 1>(simd, self),
            (3, true) => kernel_products::<S, 9, 2>(simd, self),
            (3, false) => kernel_products::<S, 9, 1>(simd, self),
            _ => unreachable!("only kernels of 1 and 3 come here"),
        }
    }
}

#[inline(always)]
fn kernel_products<S: Simd, const TAPS: usize, const OUTPUTS: usize>(simd: S, job: KernelGradient<'_>) {
    let g = job.g;
    let shifts = g.shifts();
    let length = g.span().next_multiple_of(S::F32_LANES);
    for first in (0..g.o).step_by(OUTPUTS) {
        // Past the last output channel the last one is computed again, and dropped.
        let outputs: [usize; OUTPUTS] = std::array::from_fn(|i| (first + i).min(g.o - 1));
        for c in 0..g.c {
            let mut sums = [[simd.splat_f32s(0.0); TAPS]; OUTPUTS];
            for image in 0..g.n {
                let input = &job.input[(image * g.c + c) * g.plane()..][..g.plane()];
                let gradients: [&[S::f32s]; OUTPUTS] =
                    outputs.map(|o| S::as_simd_f32s(&job.gradient[(image * g.o + o) * g.plane()..][..length]).0);
                let inputs: [&[S::f32s]; TAPS] =
                    std::array::from_fn(|tap| S::as_simd_f32s(&input[shifts[tap]..][..length]).0);
                for step in 0..length / S::F32_LANES {
                    for tap in 0..TAPS {
                        let input = inputs[tap][step];
                        for i in 0..OUTPUTS {
                            sums[i][tap] = simd.mul_add_f32s(gradients[i][step], input, sums[i][tap]);
                        }
                    }
                }
            }
            for (o, sums) in (first..g.o).zip(sums) {
                for (tap, sum) in sums.into_iter().enumerate() {
                    job.out[(o * g.c + c) * TAPS + tap] = simd.reduce_sum_f32s(sum);
                }
            }
        }
    }
}
