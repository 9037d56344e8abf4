//! The kernels as operations on burn's CPU tensors, recorded on the tape where an input is.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind, Flex,
    TensorData, TensorMetadata,
};
use exp_consistency::engine::Update;

use super::{conv, norm, step};

type Plain = FloatTensor<Flex>;
type Taped = FloatTensor<Autodiff<Flex>>;

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
        Some(bias) => record(Convolution(g), [x, kernel, bias], shape),
        None => record(PlainConvolution(g), [x, kernel], shape),
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
    record(Normalisation(g), [x, scale, bias], [shape[0], shape[1], shape[2], shape[3]])
}

/// Sum of squares of a CPU tensor without a tape, as `[1]`.
pub(crate) fn sum_squares(x: &DispatchTensor) -> Option<DispatchTensor> {
    let x = contiguous(as_plain(x)?);
    Some(plain(tensor(vec![step::sum_squares(values(&x))], &[1])))
}

/// One optimiser update on CPU tensors without a tape: parameter, average, first and second moment, gradient in; the
/// first four out.
pub(crate) fn update(rule: &Update, old: [&DispatchTensor; 5]) -> Option<[DispatchTensor; 4]> {
    let mut inputs = Vec::with_capacity(5);
    for tensor in old {
        inputs.push(contiguous(as_plain(tensor)?));
    }
    let [param, ema, m, v, gradient] = std::array::from_fn(|i| values(&inputs[i]));
    let new = step::update(rule, step::Old { param, ema, m, v, gradient });
    let shape = old[0].shape();
    Some(new.map(|values| plain(tensor(values, &shape))))
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

/// Runs a kernel whose output has this shape; none where an input is not on the CPU.
fn record<const N: usize, K: Kernel<N>>(
    kernel: K,
    inputs: [&DispatchTensor; N],
    shape: [usize; 4],
) -> Option<DispatchTensor> {
    let taped = inputs.iter().any(|input| input.autodiff != DispatchAutodiffContext::Disabled);
    if !taped {
        let mut known = Vec::with_capacity(N);
        for input in inputs {
            known.push(contiguous(as_plain(input)?));
        }
        let (out, _) = kernel.forward(std::array::from_fn(|i| values(&known[i])));
        return Some(plain(tensor(out, &shape)));
    }
    let mut tapes = Vec::with_capacity(N);
    for input in inputs {
        tapes.push(as_taped(input)?);
    }
    let context = inputs.iter().map(|input| input.autodiff).find(|c| *c != DispatchAutodiffContext::Disabled)?;
    let plain: Vec<Plain> = tapes.iter().map(|tape| contiguous(tape.primitive().clone())).collect();
    let (out, kept) = kernel.forward(std::array::from_fn(|i| values(&plain[i])));
    let out = tensor(out, &shape);
    let nodes = std::array::from_fn(|i| tapes[i].node());
    let out: Taped = match OnTape(kernel).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish((plain, kept), out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    };
    let kind = DispatchTensorKind::Autodiff(Box::new(DispatchTensorKind::Flex(BackendTensor::Autodiff(out))));
    Some(DispatchTensor { kind, autodiff: context })
}

/// A kernel's place on the tape.
#[derive(Debug)]
struct OnTape<K>(K);

impl<const N: usize, K: Kernel<N>> Backward<Flex, N> for OnTape<K> {
    type State = (Vec<Plain>, K::Kept);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (inputs, kept) = ops.state;
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let wanted = std::array::from_fn(|i| ops.parents[i].is_some());
        let slices = std::array::from_fn(|i| values(&inputs[i]));
        let found = self.0.backward(slices, &kept, values(&gradient), wanted);
        for ((parent, input), found) in ops.parents.into_iter().zip(&inputs).zip(found) {
            if let (Some(parent), Some(found)) = (parent, found) {
                grads.register::<Flex>(parent.id, tensor(found, &input.shape()));
            }
        }
    }
}

fn plain(tensor: Plain) -> DispatchTensor {
    let kind = DispatchTensorKind::Flex(BackendTensor::Float(tensor));
    DispatchTensor { kind, autodiff: DispatchAutodiffContext::Disabled }
}

fn as_plain(input: &DispatchTensor) -> Option<Plain> {
    match &input.kind {
        DispatchTensorKind::Flex(BackendTensor::Float(tensor)) => Some(tensor.clone()),
        _ => None,
    }
}

/// The tensor on the tape; one without a tape joins as a constant.
fn as_taped(input: &DispatchTensor) -> Option<Taped> {
    match &input.kind {
        DispatchTensorKind::Autodiff(inner) => match &**inner {
            DispatchTensorKind::Flex(BackendTensor::Autodiff(tensor)) => Some(tensor.clone()),
            _ => None,
        },
        _ => as_plain(input).map(<Autodiff<Flex> as AutodiffBackend>::from_inner),
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
