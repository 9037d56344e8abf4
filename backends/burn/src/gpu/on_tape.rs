//! Operations on tensors of a GPU, recorded on burn's tape where an input is.

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, BackendTensor, Cube, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
};
use burn_cubecl::tensor::CubeTensor;

type Taped = FloatTensor<Autodiff<Cube>>;

/// An operation of N inputs.
pub(super) trait Operation<const N: usize>: Clone + Debug + Send + 'static {
    /// The output.
    fn forward(&self, inputs: [CubeTensor; N]) -> CubeTensor;

    /// Gradients of the inputs that are `wanted`.
    fn backward(&self, inputs: [CubeTensor; N], gradient: CubeTensor, wanted: [bool; N]) -> [Option<CubeTensor>; N];
}

/// Does an operation; none where an input is not on a GPU.
pub(super) fn record<const N: usize>(
    operation: impl Operation<N>,
    inputs: [&DispatchTensor; N],
) -> Option<DispatchTensor> {
    let context = inputs.iter().map(|input| input.autodiff).find(|tape| *tape != DispatchAutodiffContext::Disabled);
    let Some(autodiff) = context else {
        let plains = all(inputs.map(as_plain))?;
        return Some(plain(operation.forward(plains)));
    };
    let tapes = all(inputs.map(as_taped))?;
    let plains = std::array::from_fn(|i| tapes[i].primitive().clone());
    let nodes = std::array::from_fn(|i| tapes[i].node());
    let (state, out) = ((operation.clone(), plains.clone()), operation.forward(plains));
    let out: Taped = match OnTape(PhantomData).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    };
    let kind = DispatchTensorKind::Autodiff(Box::new(DispatchTensorKind::Cube(BackendTensor::Autodiff(out))));
    Some(DispatchTensor { kind, autodiff })
}

/// An operation's place on the tape.
#[derive(Debug)]
struct OnTape<O>(PhantomData<O>);

impl<const N: usize, O: Operation<N>> Backward<Cube, N> for OnTape<O> {
    type State = (O, [CubeTensor; N]);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (operation, inputs) = ops.state;
        let gradient = grads.consume::<Cube>(&ops.node);
        let wanted = std::array::from_fn(|i| ops.parents[i].is_some());
        let found = operation.backward(inputs, gradient, wanted);
        for (parent, found) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(found)) = (parent, found) {
                grads.register::<Cube>(parent.id, found);
            }
        }
    }
}

/// A tensor without a tape.
pub(super) fn plain(tensor: CubeTensor) -> DispatchTensor {
    let kind = DispatchTensorKind::Cube(BackendTensor::Float(tensor));
    DispatchTensor { kind, autodiff: DispatchAutodiffContext::Disabled }
}

/// The tensor on a GPU, if it is one without a tape.
pub(super) fn as_plain(input: &DispatchTensor) -> Option<CubeTensor> {
    match &input.kind {
        DispatchTensorKind::Cube(BackendTensor::Float(tensor)) => Some(tensor.clone()),
        _ => None,
    }
}

/// The tensor on the tape; one without a tape joins as a constant.
fn as_taped(input: &DispatchTensor) -> Option<Taped> {
    match &input.kind {
        DispatchTensorKind::Autodiff(inner) => match &**inner {
            DispatchTensorKind::Cube(BackendTensor::Autodiff(tensor)) => Some(tensor.clone()),
            _ => None,
        },
        _ => as_plain(input).map(<Autodiff<Cube> as AutodiffBackend>::from_inner),
    }
}

/// All of them, if each is there.
pub(super) fn all<T, const N: usize>(found: [Option<T>; N]) -> Option<[T; N]> {
    let found: Vec<T> = found.into_iter().collect::<Option<_>>()?;
    found.try_into().ok()
}
