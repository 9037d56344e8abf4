//! What a kernel sees of an image around each of its pixels, in one pass; by slices it would take two for each tap.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, DType, Shape, TensorMetadata};
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use super::one_for_each;

/// `[n,c,h,w]` as `[n,k*k*c,h*w]`: for each pixel what each tap of a kernel sees of each channel, zero beyond the border.
pub(super) fn patches(x: CubeTensor, k: usize) -> CubeTensor {
    let [n, c, h, w] = x.shape().dims();
    if k == 1 {
        return Cube::float_reshape(x, Shape::from([n, c, h * w]));
    }
    let x = into_contiguous(x);
    let shape = Shape::from([n, k * k * c, h * w]);
    let out = empty_device_contiguous_dtype(x.client.clone(), x.device.clone(), shape, DType::F32);
    let (blocks, threads) = one_for_each(&out);
    seen::launch(&out.client, blocks, threads, x.into_buffer_arg(), out.clone().into_buffer_arg(), k, c, h, w);
    out
}

#[cube(launch)]
fn seen(x: &[f32], out: &mut [f32], k: usize, c: usize, h: usize, w: usize) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let (column, rest) = (ABSOLUTE_POS % w, ABSOLUTE_POS / w);
    let (row, rest) = (rest % h, rest / h);
    let (channel, rest) = (rest % c, rest / c);
    let (tap, image) = (rest % (k * k), rest / (k * k));
    // Both are by half a kernel larger than the places that they stand for, so that none is below zero.
    let (row, column) = (row + tap / k, column + tap % k);
    let half = k / 2;
    let mut value = 0.0f32;
    if row >= half && row < h + half && column >= half && column < w + half {
        value = x[((image * c + channel) * h + row - half) * w + column - half];
    }
    out[ABSOLUTE_POS] = value;
}
