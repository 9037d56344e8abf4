//! Direct convolution on the CPU: odd square kernels, stride 1, an output as large as its input.
//!
//! Each padded plane is one row of memory, in which a kernel tap is a constant shift. A tile of outputs then stays in
//! registers while all input channels and taps pass over it; no matrix of patches is ever written. The two border
//! columns between image rows are computed too and thrown away.

use pulp::{Arch, Simd, WithSimd};

/// Output channels that share each load of the input.
const BLOCK: usize = 4;
/// Registers of outputs a channel.
const VECTORS: usize = 2;
/// Widest register, in `f32`: planes are padded so that a tile may run over.
const SLACK: usize = 16 * VECTORS;

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
        (self.h + self.k - 1) * self.row() + SLACK
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
        let g = self.g;
        let (taps, area) = (g.k * g.k, g.h * g.w);
        let shifts = g.shifts();
        let tile = VECTORS * S::F32_LANES;
        let mut line = vec![0.0_f32; BLOCK * (g.span() + SLACK)];
        for image in 0..g.n {
            let planes = &self.input[image * g.c * g.plane()..][..g.c * g.plane()];
            for (block, weights) in self.pack.chunks_exact(g.c * taps * BLOCK).enumerate() {
                let mut start = 0;
                while start < g.span() {
                    let sums = tile_sums(simd, g, planes, weights, &shifts, start);
                    for (lane, sums) in sums.iter().enumerate() {
                        let at = lane * (g.span() + SLACK) + start;
                        let (vectors, _) = S::as_mut_simd_f32s(&mut line[at..at + tile]);
                        vectors.copy_from_slice(sums);
                    }
                    start += tile;
                }
                for o in block * BLOCK..g.o.min((block + 1) * BLOCK) {
                    let sums = &line[(o % BLOCK) * (g.span() + SLACK)..];
                    let bias = self.bias.map_or(0.0, |bias| bias[o]);
                    let plane = &mut self.out[(image * g.o + o) * area..][..area];
                    for (row, sums) in plane.chunks_exact_mut(g.w).zip(sums.chunks(g.row())) {
                        row.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum + bias);
                    }
                }
            }
        }
    }
}

/// One tile of outputs for a block of channels.
#[inline(always)]
fn tile_sums<S: Simd>(
    simd: S,
    g: Geometry,
    planes: &[f32],
    weights: &[f32],
    shifts: &[usize],
    start: usize,
) -> [[S::f32s; VECTORS]; BLOCK] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; BLOCK];
    for (plane, weights) in planes.chunks_exact(g.plane()).zip(weights.chunks_exact(shifts.len() * BLOCK)) {
        for (shift, weights) in shifts.iter().zip(weights.chunks_exact(BLOCK)) {
            let window = &plane[start + shift..start + shift + VECTORS * S::F32_LANES];
            let (inputs, _) = S::as_simd_f32s(window);
            for lane in 0..BLOCK {
                let weight = simd.splat_f32s(weights[lane]);
                for v in 0..VECTORS {
                    sums[lane][v] = simd.mul_add_f32s(weight, inputs[v], sums[lane][v]);
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
        match self.g.k {
            1 => kernel_products::<S, 1>(simd, self),
            3 => kernel_products::<S, 9>(simd, self),
            _ => unreachable!("only kernels of 1 and 3 come here"),
        }
    }
}

#[inline(always)]
fn kernel_products<S: Simd, const TAPS: usize>(simd: S, job: KernelGradient<'_>) {
    let g = job.g;
    let shifts = g.shifts();
    let length = g.span().next_multiple_of(S::F32_LANES);
    for o in 0..g.o {
        for c in 0..g.c {
            let mut sums = [simd.splat_f32s(0.0); TAPS];
            for image in 0..g.n {
                let gradient = &job.gradient[(image * g.o + o) * g.plane()..][..length];
                let input = &job.input[(image * g.c + c) * g.plane()..][..g.plane()];
                let (gradient, _) = S::as_simd_f32s(gradient);
                let inputs: [&[S::f32s]; TAPS] =
                    std::array::from_fn(|tap| S::as_simd_f32s(&input[shifts[tap]..][..length]).0);
                for (step, &gradient) in gradient.iter().enumerate() {
                    for tap in 0..TAPS {
                        sums[tap] = simd.mul_add_f32s(gradient, inputs[tap][step], sums[tap]);
                    }
                }
            }
            for (tap, sum) in sums.into_iter().enumerate() {
                job.out[(o * g.c + c) * TAPS + tap] = simd.reduce_sum_f32s(sum);
            }
        }
    }
}
