//! Convolution as a product with patches of the image, in `f32`: odd square kernels, stride 1, an output as large as its
//! input.
//!
//! Left to itself, burn convolves with a thread for each few outputs and no memory shared between them; its gradient of a
//! kernel is a convolution whose kernel is the whole image. The patches are made anew for the gradient: kept on the tape,
//! they would take nine times the memory of the image.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, DispatchTensor, Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;

use super::patches::patches;
use super::product::product;
use super::sum::sum_of;
use crate::on_tape::{Operation, record};

/// Convolution with stride 1 and "same" zero padding, `[n,c,h,w]` x `[o,c,k,k]` + `[o]`; none where a tensor is not on a GPU,
/// for other strides and paddings, and where the patches would be too many to count.
pub(crate) fn conv2d(
    x: &DispatchTensor,
    kernel: &DispatchTensor,
    bias: Option<&DispatchTensor>,
    stride: usize,
    padding: usize,
) -> Option<DispatchTensor> {
    let (image, taps) = (x.shape(), kernel.shape());
    if stride != 1 || taps[2] != taps[3] || taps[2] != 2 * padding + 1 {
        return None;
    }
    // Kernels of ours count values in 32 bits, burn's in as many as it takes. The gradient has patches of its own.
    let patches = taps[2] * taps[3] * taps[0].max(taps[1]) * image[0] * image[2] * image[3];
    u32::try_from(patches).ok()?;
    match bias {
        Some(bias) => record(Convolution, [x, kernel, bias]),
        None => record(PlainConvolution, [x, kernel]),
    }
}

/// `[o,c,k,k]` as `[n,o,k*k*c]`, in memory once for all images.
fn rows(kernel: CubeTensor, n: usize) -> CubeTensor {
    let [o, c, k, _] = kernel.shape().dims();
    let rows = Cube::float_reshape(Cube::float_permute(kernel, &[0, 2, 3, 1]), Shape::from([1, o, k * k * c]));
    Cube::float_expand(rows, Shape::from([n, o, k * k * c]))
}

fn convolved(x: CubeTensor, kernel: CubeTensor) -> CubeTensor {
    let ([n, _, h, w], [o, _, k, _]) = (x.shape().dims(), kernel.shape().dims());
    Cube::float_reshape(product(rows(kernel, n), patches(x, k)), Shape::from([n, o, h, w]))
}

/// The output's gradient under the kernel turned by half a turn.
fn input_gradient(gradient: CubeTensor, kernel: CubeTensor) -> CubeTensor {
    convolved(gradient, Cube::float_permute(Cube::float_flip(kernel, &[2, 3]), &[1, 0, 2, 3]))
}

/// The product of the output's gradient with the patches, added up over images.
fn kernel_gradient(x: CubeTensor, gradient: CubeTensor, k: usize) -> CubeTensor {
    let ([n, c, h, w], [_, o, _, _]) = (x.shape().dims(), gradient.shape().dims());
    let gradient = Cube::float_reshape(gradient, Shape::from([n, o, h * w]));
    let each = product(gradient, Cube::float_transpose(patches(x, k)));
    Cube::float_permute(Cube::float_reshape(sum_of(each, &[0]), Shape::from([o, k, k, c])), &[0, 3, 1, 2])
}

#[derive(Debug, Clone, Copy)]
struct PlainConvolution;

impl Operation<Cube, 2> for PlainConvolution {
    type Kept = [CubeTensor; 2];

    fn forward(&self, inputs: [CubeTensor; 2]) -> (CubeTensor, Self::Kept) {
        let [x, kernel] = inputs.clone();
        (convolved(x, kernel), inputs)
    }

    fn backward(&self, [x, kernel]: Self::Kept, gradient: CubeTensor, wanted: [bool; 2]) -> [Option<CubeTensor>; 2] {
        let [_, _, k, _] = kernel.shape().dims();
        [
            wanted[0].then(|| input_gradient(gradient.clone(), kernel)),
            wanted[1].then(|| kernel_gradient(x, gradient, k)),
        ]
    }
}

#[derive(Debug, Clone, Copy)]
struct Convolution;

impl Operation<Cube, 3> for Convolution {
    type Kept = [CubeTensor; 3];

    fn forward(&self, inputs: [CubeTensor; 3]) -> (CubeTensor, Self::Kept) {
        let [x, kernel, bias] = inputs.clone();
        let [o] = bias.shape().dims();
        let bias = Cube::float_reshape(bias, Shape::from([1, o, 1, 1]));
        (Cube::float_add(convolved(x, kernel), bias), inputs)
    }

    fn backward(
        &self,
        [x, kernel, bias]: Self::Kept,
        gradient: CubeTensor,
        wanted: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let of_bias = wanted[2].then(|| Cube::float_reshape(sum_of(gradient.clone(), &[0, 2, 3]), bias.shape()));
        let [of_x, of_kernel] = PlainConvolution.backward([x, kernel], gradient, [wanted[0], wanted[1]]);
        [of_x, of_kernel, of_bias]
    }
}
