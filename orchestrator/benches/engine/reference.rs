//! The burn engine without its own kernels: norms and updates by their reference bodies, and 3x3 convolutions by burn.
//!
//! A 3x3 convolution is padded beforehand, a case that the engine's kernel leaves to burn; this adds one copy of the
//! input. Convolutions of 1x1 have no such way around and stay as they are.

use exp_burn::{BurnEngine, BurnTensor};
use exp_consistency::engine::Engine;
use exp_consistency::params::Params;
use exp_consistency::tensor::Tensor;

/// An engine that overrides nothing.
#[derive(Debug, Clone)]
pub struct Reference(pub BurnEngine);

/// Its tensors.
#[derive(Debug, Clone)]
pub struct Primitive(BurnTensor);

impl Engine for Reference {
    type T = Primitive;
    type Recorded = ();

    fn upload(&self, shape: &[usize], values: &[f32]) -> Primitive {
        Primitive(self.0.upload(shape, values))
    }

    fn adopt(&self, tensor: &Primitive) -> Primitive {
        Primitive(self.0.adopt(&tensor.0))
    }

    fn scope<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.scope(work)
    }

    fn value_and_grad<A>(
        &self,
        theta: &Params<Primitive>,
        loss: impl FnOnce(&Params<Primitive>) -> (Primitive, A),
    ) -> (Primitive, A, Params<Primitive>) {
        let (value, kept, gradients) = self.0.value_and_grad(&theta.map(|tensor| tensor.0.clone()), |leaves| {
            let (value, kept) = loss(&leaves.map(|leaf| Primitive(leaf.clone())));
            (value.0, kept)
        });
        (Primitive(value), kept, gradients.map(|gradient| Primitive(gradient.clone())))
    }
}

/// Operations as burn has them.
macro_rules! forwarded {
    ($($name:ident($($argument:ident: $kind:ty),*)),*) => {
        $(fn $name(&self $(, $argument: $kind)*) -> Primitive {
            Primitive(self.0.$name($($argument),*))
        })*
    };
}

/// Operations of two tensors as burn has them.
macro_rules! joined {
    ($($name:ident),*) => {
        $(fn $name(&self, other: &Primitive) -> Primitive {
            Primitive(self.0.$name(&other.0))
        })*
    };
}

impl Tensor for Primitive {
    forwarded!(detach(), exp(), log(), sqrt(), recip(), square(), sin(), cos(), sigmoid(), softmax());
    forwarded!(scale(factor: f64), offset(term: f64), clamp(low: f64, high: f64), sum(axes: &[usize]));
    forwarded!(mean(axes: &[usize]), reshape(shape: &[usize]), permute(order: &[usize]));
    forwarded!(narrow(axis: usize, start: usize, len: usize), constant(shape: &[usize], values: &[f32]));
    joined!(add, sub, mul, div, matmul);

    fn shape(&self) -> Vec<usize> {
        self.0.shape()
    }

    fn to_host(&self) -> Vec<f32> {
        self.0.to_host()
    }

    fn cat(parts: &[&Primitive], axis: usize) -> Primitive {
        Primitive(BurnTensor::cat(&parts.iter().map(|part| &part.0).collect::<Vec<_>>(), axis))
    }

    fn conv2d(&self, kernel: &Primitive, bias: Option<&Primitive>, stride: usize, padding: usize) -> Primitive {
        let padded = self.pad(padding, padding, padding, padding);
        Primitive(padded.0.conv2d(&kernel.0, bias.map(|bias| &bias.0), stride, 0))
    }
}
