//! The kernels as operations on burn's CPU tensors.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{BackendTensor, DispatchTensor, DispatchTensorKind, Flex, TensorData, TensorMetadata};
use exp_consistency::engine::Update;

use super::{conv, norm, step};
use crate::on_tape::{Dispatched, Operation, all, as_plain, plain, record};

type Plain = FloatTensor<Flex>;

impl Dispatched for Flex {
    fn kind(tensor: BackendTensor<Flex>) -> DispatchTensorKind {
        DispatchTensorKind::Flex(tensor)
    }

    fn of(kind: &DispatchTensorKind) -> Option<&BackendTensor<Flex>> {
        match kind {
            DispatchTensorKind::Flex(tensor) => Some(tensor),
            _ => None,
        }
    }
}

/// Convolution with stride 1 and "same" zero padding: `[n,c,h,w]` x `[o,c,k,k]` + `[o]`, k of 1 or 3.
pub(crate) fn conv2d(
    x: &DispatchTensor,
    kernel: &DispatchTensor,
    bias: Option<&DispatchTensor>,
    stride: usize,
    padding: usize,
) -> Option<DispatchTensor> {
    let (image, taps) = (x.shape(), kernel.shape());
    let g = conv::Geometry { n: image[0], c: image[1], h: image[2], w: image[3], o: taps[0], k: taps[2] };
    let fits = stride == 1 && matches!(g.k, 1 | 3) && taps[3] == g.k && padding == g.k / 2;
    if !fits {
        return None;
    }
    let shape = [g.n, g.o, g.h, g.w];
    match bias {
        Some(bias) => record(OnSlices(Convolution(g), shape), [x, kernel, bias]),
        None => record(OnSlices(PlainConvolution(g), shape), [x, kernel]),
    }
}

/// Group normalisation of `[n,c,h,w]`, then SiLU where asked for.
pub(crate) fn group_norm(
    x: &DispatchTensor,
    groups: usize,
    scale: &DispatchTensor,
    bias: &DispatchTensor,
    eps: f64,
    silu: bool,
) -> Option<DispatchTensor> {
    let shape = x.shape();
    let area = shape[2] * shape[3];
    let g = norm::Geometry { n: shape[0], c: shape[1], area, groups, eps: eps as f32, silu };
    record(OnSlices(Normalisation(g), [shape[0], shape[1], shape[2], shape[3]]), [x, scale, bias])
}

/// Sum of squares of a CPU tensor without a tape, as `[1]`.
pub(crate) fn sum_squares(x: &DispatchTensor) -> Option<DispatchTensor> {
    let x = contiguous(as_plain::<Flex>(x)?);
    Some(plain::<Flex>(tensor(vec![step::sum_squares(values(&x))], &[1])))
}

/// One optimiser update on CPU tensors without a tape: parameter, average, first and second moment, gradient in; the
/// first four out.
pub(crate) fn update(rule: &Update, old: [&DispatchTensor; 5]) -> Option<[DispatchTensor; 4]> {
    let inputs = all(old.map(as_plain::<Flex>))?.map(contiguous);
    let [param, ema, m, v, gradient] = std::array::from_fn(|i| values(&inputs[i]));
    let new = step::update(rule, step::Old { param, ema, m, v, gradient });
    let shape = old[0].shape();
    Some(new.map(|values| plain::<Flex>(tensor(values, &shape))))
}

/// An operation of N inputs on slices.
trait Kernel<const N: usize>: Copy + std::fmt::Debug + Send + 'static {
    /// Kept from the forward to the backward pass, besides the inputs.
    type Kept: Clone + std::fmt::Debug + Send + 'static;

    /// The output, and what to keep.
    fn forward(self, inputs: [&[f32]; N]) -> (Vec<f32>, Self::Kept);

    /// Gradients of the inputs that are `wanted`.
    fn backward(
        self,
        inputs: [&[f32]; N],
        kept: &Self::Kept,
        gradient: &[f32],
        wanted: [bool; N],
    ) -> [Option<Vec<f32>>; N];
}

/// A kernel as an operation on tensors, and the shape of its output.
#[derive(Debug, Clone, Copy)]
struct OnSlices<K>(K, [usize; 4]);

impl<const N: usize, K: Kernel<N>> Operation<Flex, N> for OnSlices<K> {
    type Kept = ([Plain; N], K::Kept);

    fn forward(&self, inputs: [Plain; N]) -> (Plain, Self::Kept) {
        let inputs = inputs.map(contiguous);
        let (out, kept) = self.0.forward(std::array::from_fn(|i| values(&inputs[i])));
        (tensor(out, &self.1), (inputs, kept))
    }

    fn backward(&self, (inputs, kept): Self::Kept, gradient: Plain, wanted: [bool; N]) -> [Option<Plain>; N] {
        let gradient = contiguous(gradient);
        let slices = std::array::from_fn(|i| values(&inputs[i]));
        let mut found = self.0.backward(slices, &kept, values(&gradient), wanted);
        std::array::from_fn(|i| found[i].take().map(|found| tensor(found, &inputs[i].shape())))
    }
}

fn contiguous(tensor: Plain) -> Plain {
    if tensor.is_contiguous() && tensor.layout().start_offset() == 0 { tensor } else { tensor.to_contiguous() }
}

/// Values of a contiguous tensor.
fn values(tensor: &Plain) -> &[f32] {
    let len = tensor.shape().num_elements();
    &tensor.storage::<f32>()[..len]
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> Plain {
    Flex::float_from_data(TensorData::new(values, shape.to_vec()), &Default::default())
}

#[derive(Debug, Clone, Copy)]
struct Convolution(conv::Geometry);

impl Kernel<3> for Convolution {
    type Kept = ();

    fn forward(self, [x, kernel, bias]: [&[f32]; 3]) -> (Vec<f32>, ()) {
        (conv::forward(self.0, x, kernel, Some(bias)), ())
    }

    fn backward(
        self,
        [x, kernel, _]: [&[f32]; 3],
        (): &(),
        gradient: &[f32],
        wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let g = self.0;
        let [of_x, of_kernel] = PlainConvolution(g).backward([x, kernel], &(), gradient, [wanted[0], wanted[1]]);
        [of_x, of_kernel, wanted[2].then(|| conv::bias_gradient(g, gradient))]
    }
}

#[derive(Debug, Clone, Copy)]
struct PlainConvolution(conv::Geometry);

impl Kernel<2> for PlainConvolution {
    type Kept = ();

    fn forward(self, [x, kernel]: [&[f32]; 2]) -> (Vec<f32>, ()) {
        (conv::forward(self.0, x, kernel, None), ())
    }

    fn backward(self, [x, kernel]: [&[f32]; 2], (): &(), gradient: &[f32], wanted: [bool; 2]) -> [Option<Vec<f32>>; 2] {
        let g = self.0;
        [
            wanted[0].then(|| conv::input_gradient(g, gradient, kernel)),
            wanted[1].then(|| conv::kernel_gradient(g, x, gradient)),
        ]
    }
}

#[derive(Debug, Clone, Copy)]
struct Normalisation(norm::Geometry);

impl Kernel<3> for Normalisation {
    type Kept = norm::Statistics;

    fn forward(self, [x, scale, bias]: [&[f32]; 3]) -> (Vec<f32>, norm::Statistics) {
        norm::forward(self.0, x, scale, bias)
    }

    fn backward(
        self,
        [x, scale, bias]: [&[f32]; 3],
        statistics: &norm::Statistics,
        gradient: &[f32],
        wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let found = norm::backward(self.0, x, scale, bias, statistics, gradient);
        [wanted[0].then_some(found.x), wanted[1].then_some(found.scale), wanted[2].then_some(found.bias)]
    }
}
