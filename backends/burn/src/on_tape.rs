//! Operations of our own on the tensors of one of burn's backends, recorded on burn's tape where an input is.

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
};

/// A backend among those that a dispatch tensor can be of.
pub(crate) trait Dispatched: Backend {
    /// A tensor of this backend.
    fn kind(tensor: BackendTensor<Self>) -> DispatchTensorKind;

    /// The tensor, if it is of this backend.
    fn of(kind: &DispatchTensorKind) -> Option<&BackendTensor<Self>>;
}

/// An operation of N inputs on tensors of backend B.
pub(crate) trait Operation<B: Backend, const N: usize>: Clone + Debug + Send + 'static {
    /// Kept from the forward to the backward pass.
    type Kept: Clone + Debug + Send + 'static;

    /// The output, and what to keep.
    fn forward(&self, inputs: [FloatTensor<B>; N]) -> (FloatTensor<B>, Self::Kept);

    /// Gradients of the inputs that are `wanted`.
    fn backward(&self, kept: Self::Kept, gradient: FloatTensor<B>, wanted: [bool; N]) -> [Option<FloatTensor<B>>; N];
}

/// Does an operation; none where an input is of another backend.
pub(crate) fn record<B: Dispatched, const N: usize>(
    operation: impl Operation<B, N>,
    inputs: [&DispatchTensor; N],
) -> Option<DispatchTensor> {
    let context = inputs.iter().map(|input| input.autodiff).find(|tape| *tape != DispatchAutodiffContext::Disabled);
    let Some(autodiff) = context else {
        return Some(plain::<B>(operation.forward(all(inputs.map(as_plain::<B>))?).0));
    };
    let tapes = all(inputs.map(as_taped::<B>))?;
    let nodes = std::array::from_fn(|i| tapes[i].node());
    let (out, kept) = operation.forward(std::array::from_fn(|i| tapes[i].primitive().clone()));
    let out = match OnTape(PhantomData).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish((operation, kept), out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    };
    let kind = DispatchTensorKind::Autodiff(Box::new(B::kind(BackendTensor::Autodiff(out))));
    Some(DispatchTensor { kind, autodiff })
}

/// An operation's place on the tape.
#[derive(Debug)]
struct OnTape<O>(PhantomData<O>);

impl<B: Backend, const N: usize, O: Operation<B, N>> Backward<B, N> for OnTape<O> {
    type State = (O, O::Kept);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (operation, kept) = ops.state;
        let gradient = grads.consume::<B>(&ops.node);
        let wanted = std::array::from_fn(|i| ops.parents[i].is_some());
        let found = operation.backward(kept, gradient, wanted);
        for (parent, found) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(found)) = (parent, found) {
                grads.register::<B>(parent.id, found);
            }
        }
    }
}

/// A tensor without a tape.
pub(crate) fn plain<B: Dispatched>(tensor: FloatTensor<B>) -> DispatchTensor {
    DispatchTensor { kind: B::kind(BackendTensor::Float(tensor)), autodiff: DispatchAutodiffContext::Disabled }
}

/// The tensor of this backend, if it is one without a tape.
pub(crate) fn as_plain<B: Dispatched>(input: &DispatchTensor) -> Option<FloatTensor<B>> {
    match B::of(&input.kind) {
        Some(BackendTensor::Float(tensor)) => Some(tensor.clone()),
        _ => None,
    }
}

/// The tensor on the tape; one without a tape joins as a constant.
fn as_taped<B: Dispatched>(input: &DispatchTensor) -> Option<FloatTensor<Autodiff<B>>> {
    match &input.kind {
        DispatchTensorKind::Autodiff(inner) => match B::of(inner) {
            Some(BackendTensor::Autodiff(tensor)) => Some(tensor.clone()),
            _ => None,
        },
        _ => as_plain::<B>(input).map(<Autodiff<B> as AutodiffBackend>::from_inner),
    }
}

/// All of them, if each is there.
pub(crate) fn all<T, const N: usize>(found: [Option<T>; N]) -> Option<[T; N]> {
    let found: Vec<T> = found.into_iter().collect::<Option<_>>()?;
    found.try_into().ok()
}
