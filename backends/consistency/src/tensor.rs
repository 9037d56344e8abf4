//! The seam's lower half: what the science asks of a tensor.
//!
//! One layout everywhere above the kernels: images and features are NCHW, convolution kernels OIHW, dense weights
//! (in, out). Binary operations broadcast axes of size 1 between tensors of equal rank; ranks are 1 to 4. Composites
//! have a reference body in terms of primitives; an engine may override one with a faster equal one, and
//! [`crate::conformance`] holds it equal.

mod key;
mod mask;
pub mod reference;

pub use key::Key;
pub use mask::Mask;

/// An n-dimensional array of `f32` on some device, possibly recorded on a tape.
pub trait Tensor: Clone + Send + Sync + 'static {
    /// Sizes of the axes.
    fn shape(&self) -> Vec<usize>;
    /// The values in row-major order, on the host. Waits for the device.
    fn to_host(&self) -> Vec<f32>;
    /// A constant on this tensor's device; `values` in row-major order.
    fn constant(&self, shape: &[usize], values: &[f32]) -> Self;
    /// The same values, with no tape.
    fn detach(&self) -> Self;

    /// a + b.
    fn add(&self, other: &Self) -> Self;
    /// a - b.
    fn sub(&self, other: &Self) -> Self;
    /// a b, elementwise.
    fn mul(&self, other: &Self) -> Self;
    /// a / b, elementwise.
    fn div(&self, other: &Self) -> Self;
    /// k a.
    fn scale(&self, factor: f64) -> Self;
    /// a + k.
    fn offset(&self, term: f64) -> Self;
    /// e^a.
    fn exp(&self) -> Self;
    /// ln a.
    fn log(&self) -> Self;
    /// Square root.
    fn sqrt(&self) -> Self;
    /// 1 / a.
    fn recip(&self) -> Self;
    /// a^2.
    fn square(&self) -> Self;
    /// Sine.
    fn sin(&self) -> Self;
    /// Cosine.
    fn cos(&self) -> Self;
    /// 1 / (1 + e^-a).
    fn sigmoid(&self) -> Self;
    /// The value limited to [low, high]; no gradient outside.
    fn clamp(&self, low: f64, high: f64) -> Self;

    /// Sum over `axes`, which stay as size 1.
    fn sum(&self, axes: &[usize]) -> Self;
    /// Mean over `axes`, which stay as size 1.
    fn mean(&self, axes: &[usize]) -> Self;
    /// Softmax over the last axis.
    fn softmax(&self) -> Self;

    /// The same values under another shape.
    fn reshape(&self, shape: &[usize]) -> Self;
    /// Axes in another order.
    fn permute(&self, order: &[usize]) -> Self;
    /// `len` entries of an axis from `start`.
    fn narrow(&self, axis: usize, start: usize, len: usize) -> Self;
    /// Tensors joined along an axis.
    fn cat(parts: &[&Self], axis: usize) -> Self;

    /// Matrix product over the last two axes; leading axes are equal.
    fn matmul(&self, other: &Self) -> Self;
    /// Cross-correlation of `[N,C,H,W]` with `[O,C,h,w]`, zero padding on all sides, and a bias `[O]`.
    fn conv2d(&self, kernel: &Self, bias: Option<&Self>, stride: usize, padding: usize) -> Self;

    // Composites.

    /// max(a, 0).
    fn relu(&self) -> Self {
        self.clamp(0.0, f64::INFINITY)
    }

    /// a sigmoid(a), also called swish.
    fn silu(&self) -> Self {
        self.mul(&self.sigmoid())
    }

    /// Mean over all values, as shape `[1]`.
    fn mean_all(&self) -> Self {
        let axes: Vec<usize> = (0..self.shape().len()).collect();
        self.mean(&axes).reshape(&[1])
    }

    /// Sum over all values, as shape `[1]`.
    fn sum_all(&self) -> Self {
        let axes: Vec<usize> = (0..self.shape().len()).collect();
        self.sum(&axes).reshape(&[1])
    }

    /// Sum of squares over all values, as shape `[1]`.
    fn sum_squares(&self) -> Self {
        self.square().sum_all()
    }

    /// Sum of squares over all values of all of `parts`, of which there is at least one, as shape `[1]`.
    fn sum_squares_of(parts: &[&Self]) -> Self {
        reference::sum_squares_of(parts)
    }

    /// (a + b) k of equal shapes: how a residual block ends.
    fn add_scaled(&self, other: &Self, factor: f64) -> Self {
        self.add(other).scale(factor)
    }

    /// Dense layer: `[N,in]` with weight `[in,out]` and bias `[out]`.
    fn linear(&self, weight: &Self, bias: &Self) -> Self {
        let out = bias.shape()[0];
        self.matmul(weight).add(&bias.reshape(&[1, out]))
    }

    /// Group normalisation of `[N,C,H,W]`: zero mean and unit (biased) variance over each of `groups` runs of
    /// consecutive channels, then `scale` and `bias` of shape `[C]` (Wu & He 2018).
    fn group_norm(&self, groups: usize, scale: &Self, bias: &Self, eps: f64) -> Self {
        reference::group_norm(self, groups, scale, bias, eps)
    }

    /// What stands before each convolution of a residual block; see [`NormSilu`].
    fn norm_silu(&self, norm: &NormSilu<Self>) -> Self {
        let [_, branch] = self.parted(norm);
        branch
    }

    /// Where a residual block parts: x for its trunk, and [`Tensor::norm_silu`] of x for its branch. This is what an engine
    /// has a kernel for, which can then join the gradients that come back by the two.
    fn parted(&self, norm: &NormSilu<Self>) -> [Self; 2] {
        [self.clone(), reference::norm_silu(self, norm)]
    }

    /// Layer normalisation of `[N,C]` or `[N,C,H,W]` over axis 1 (biased variance), then `scale`, `bias` `[C]`.
    fn layer_norm(&self, scale: &Self, bias: &Self, eps: f64) -> Self {
        reference::layer_norm(self, scale, bias, eps)
    }

    /// Scaled dot-product attention: softmax(k^T q / sqrt(C)) over the keys, for `[N,C,L]` queries, keys, values.
    fn attention(&self, keys: &Self, values: &Self) -> Self {
        reference::attention(self, keys, values)
    }

    /// Zeros around an image `[N,C,H,W]`.
    fn pad(&self, top: usize, bottom: usize, left: usize, right: usize) -> Self {
        let zeros = |shape: &[usize]| self.constant(shape, &vec![0.0; shape.iter().product()]);
        let mut image = self.clone();
        for (axis, before, after) in [(2, top, bottom), (3, left, right)] {
            let mut shape = image.shape();
            shape[axis] = before;
            let head = (before > 0).then(|| zeros(&shape));
            shape[axis] = after;
            let tail = (after > 0).then(|| zeros(&shape));
            let parts: Vec<&Self> = head.iter().chain([&image]).chain(&tail).collect();
            image = if parts.len() == 1 { image.clone() } else { Self::cat(&parts, axis) };
        }
        image
    }

    /// A square image `[N,C,from,from]` through a fixed map of its lines, to `[N,C,to,to]`; see [`LineMap`].
    fn along_lines(&self, map: &LineMap) -> Self {
        reference::along_lines(self, map)
    }

    /// Each pixel of `[N,C,H,W]` four times: `[N,C,2H,2W]`.
    fn upsample_nearest(&self) -> Self {
        let [n, c, h, w] = image_shape(&self.shape());
        let column = self.reshape(&[n * c * h, w, 1]);
        let rows = Self::cat(&[&column, &column], 2).reshape(&[n * c * h, 1, 2 * w]);
        Self::cat(&[&rows, &rows], 1).reshape(&[n, c, 2 * h, 2 * w])
    }

    /// Means of 2x2 pixels of `[N,C,H,W]`: `[N,C,H/2,W/2]`.
    fn average_pool(&self) -> Self {
        let [n, c, h, w] = image_shape(&self.shape());
        let columns = self.reshape(&[n * c * h, w / 2, 2]).mean(&[2]);
        columns.reshape(&[n * c * h / 2, 2, w / 2]).mean(&[1]).reshape(&[n, c, h / 2, w / 2])
    }

    /// The larger of a and b, elementwise.
    fn maximum(&self, other: &Self) -> Self {
        self.add(&other.sub(self).relu())
    }

    /// Largest of 2x2 pixels of `[N,C,H,W]`: `[N,C,H/2,W/2]`.
    fn max_pool(&self) -> Self {
        let [n, c, h, w] = image_shape(&self.shape());
        let larger = |x: &Self, axis: usize| x.narrow(axis, 0, 1).maximum(&x.narrow(axis, 1, 1));
        let columns = larger(&self.reshape(&[n * c * h, w / 2, 2]), 2);
        larger(&columns.reshape(&[n * c * h / 2, 2, w / 2]), 1).reshape(&[n, c, h / 2, w / 2])
    }

    /// Inverted dropout: each value kept with probability 1 - `rate` and divided by it. The mask is a pure function
    /// of (`key`, shape), so that two passes with one key drop the same values.
    fn dropout(&self, rate: f64, key: Key) -> Self {
        if rate == 0.0 {
            return self.clone();
        }
        self.mul(&self.factors(&Mask::new(rate, key)))
    }

    /// The factors of a dropout mask for this tensor, a constant.
    fn factors(&self, mask: &Mask) -> Self {
        reference::factors(self, mask)
    }
}

/// Group normalisation of an image plus a shift of its channels, then SiLU, then dropout.
#[derive(Debug, Clone, Copy)]
pub struct NormSilu<'a, T> {
    /// `[N,C]`, added to every pixel before.
    pub shift: Option<&'a T>,
    /// As in [`Tensor::group_norm`].
    pub groups: usize,
    /// `[C]`.
    pub scale: &'a T,
    /// `[C]`.
    pub bias: &'a T,
    /// Added to the variance.
    pub eps: f64,
    /// Rate and key, as in [`Tensor::dropout`].
    pub dropout: Option<(f64, Key)>,
}

impl<T: Tensor> NormSilu<'_, T> {
    /// `x` with the shift.
    pub fn shifted(&self, x: &T) -> T {
        self.shift.map_or_else(
            || x.clone(),
            |shift| {
                let [n, c] = [shift.shape()[0], shift.shape()[1]];
                x.add(&shift.reshape(&[n, c, 1, 1]))
            },
        )
    }

    /// `x` after dropout.
    pub fn dropped(&self, x: &T) -> T {
        self.dropout.map_or_else(|| x.clone(), |(rate, key)| x.dropout(rate, key))
    }
}

/// A fixed linear map of lines of pixels, applied to rows and columns alike: how a separable filter resamples an image.
#[derive(Debug, Clone, PartialEq)]
pub struct LineMap {
    /// Pixels of a line before.
    pub from: usize,
    /// Pixels of a line after.
    pub to: usize,
    /// `[from,to]` in row-major order.
    pub values: Vec<f32>,
    /// The same for all pixels of an image at once, `[from^2,to^2]`, where one larger product is better than two.
    pub dense: Option<Vec<f32>>,
}

/// The four sizes of an image tensor.
///
/// # Panics
/// When the rank is not 4, which is an error of the caller's code.
pub fn image_shape(shape: &[usize]) -> [usize; 4] {
    match *shape {
        [n, c, h, w] => [n, c, h, w],
        _ => panic!("an image tensor has four axes, not {shape:?}"),
    }
}
