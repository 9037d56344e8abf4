//! The seam's tensor over burn.
//!
//! burn's own `Tensor<D>` carries its rank in the type; the dispatch tensor below it does not, and routes every call
//! to the device's backend, with or without a tape. A tensor without a tape counts as a constant beside one with it.

use burn::backend::ops::{ActivationOps, ConvOptions, FloatTensorOps, ModuleOps};
use burn::backend::{
    AutodiffBackend, Dispatch, DispatchAutodiffContext, DispatchTensor, Shape, Slice, TensorData, TensorMetadata,
};
use exp_consistency::tensor::{Mask, NormSilu, Tensor, reference};

use crate::failure::fail;
use crate::{gpu, kernels};

/// An `f32` tensor on one of burn's devices.
#[derive(Debug, Clone)]
pub struct BurnTensor(pub(crate) DispatchTensor);

impl BurnTensor {
    fn map(&self, op: impl FnOnce(DispatchTensor) -> DispatchTensor) -> BurnTensor {
        BurnTensor(op(self.0.clone()))
    }

    fn join(&self, other: &BurnTensor, op: fn(DispatchTensor, DispatchTensor) -> DispatchTensor) -> BurnTensor {
        BurnTensor(op(self.0.clone(), other.0.clone()))
    }
}

impl Tensor for BurnTensor {
    fn shape(&self) -> Vec<usize> {
        self.0.shape().to_vec()
    }

    fn to_host(&self) -> Vec<f32> {
        burn::tensor::Tensor::<1>::from_dispatch(self.reshape(&[self.shape().iter().product()]).0)
            .try_into_data()
            .unwrap_or_else(|error| fail(error.reason()))
            .try_into_vec()
            .expect("an f32 tensor holds f32 values")
    }

    fn constant(&self, shape: &[usize], values: &[f32]) -> Self {
        let device = without_tape(self.0.clone()).device();
        BurnTensor(Dispatch::float_from_data(TensorData::new(values.to_vec(), shape.to_vec()), &device))
    }

    fn detach(&self) -> Self {
        self.map(without_tape)
    }

    fn add(&self, other: &Self) -> Self {
        self.join(other, Dispatch::float_add)
    }

    fn sub(&self, other: &Self) -> Self {
        self.join(other, Dispatch::float_sub)
    }

    fn mul(&self, other: &Self) -> Self {
        self.join(other, Dispatch::float_mul)
    }

    fn div(&self, other: &Self) -> Self {
        self.join(other, Dispatch::float_div)
    }

    fn scale(&self, factor: f64) -> Self {
        self.map(|x| Dispatch::float_mul_scalar(x, factor.into()))
    }

    fn offset(&self, term: f64) -> Self {
        self.map(|x| Dispatch::float_add_scalar(x, term.into()))
    }

    fn exp(&self) -> Self {
        self.map(Dispatch::float_exp)
    }

    fn log(&self) -> Self {
        self.map(Dispatch::float_log)
    }

    fn sqrt(&self) -> Self {
        self.map(Dispatch::float_sqrt)
    }

    fn recip(&self) -> Self {
        self.map(Dispatch::float_recip)
    }

    fn square(&self) -> Self {
        self.mul(self)
    }

    fn sin(&self) -> Self {
        self.map(Dispatch::float_sin)
    }

    fn cos(&self) -> Self {
        self.map(Dispatch::float_cos)
    }

    fn sigmoid(&self) -> Self {
        self.map(Dispatch::sigmoid)
    }

    fn clamp(&self, low: f64, high: f64) -> Self {
        self.map(|x| Dispatch::float_clamp(x, low.into(), high.into()))
    }

    fn sum(&self, axes: &[usize]) -> Self {
        match gpu::sum(&self.0, axes) {
            Some(sum) => BurnTensor(sum),
            None => self.map(|x| axes.iter().fold(x, |x, &axis| Dispatch::float_sum_dim(x, axis))),
        }
    }

    fn mean(&self, axes: &[usize]) -> Self {
        let shape = self.shape();
        match gpu::sum(&self.0, axes) {
            Some(sum) => BurnTensor(sum).scale(1.0 / axes.iter().map(|&axis| shape[axis]).product::<usize>() as f64),
            None => self.map(|x| axes.iter().fold(x, |x, &axis| Dispatch::float_mean_dim(x, axis))),
        }
    }

    fn softmax(&self) -> Self {
        let last = self.shape().len() - 1;
        self.map(|x| Dispatch::softmax(x, last))
    }

    fn reshape(&self, shape: &[usize]) -> Self {
        self.map(|x| Dispatch::float_reshape(x, Shape::from(shape.to_vec())))
    }

    fn permute(&self, order: &[usize]) -> Self {
        self.map(|x| Dispatch::float_permute(x, order))
    }

    fn narrow(&self, axis: usize, start: usize, len: usize) -> Self {
        let mut slices = vec![Slice::full(); self.shape().len()];
        slices[axis] = Slice::from(start..start + len);
        self.map(|x| Dispatch::float_slice(x, &slices))
    }

    fn cat(parts: &[&Self], axis: usize) -> Self {
        BurnTensor(Dispatch::float_cat(parts.iter().map(|part| part.0.clone()).collect(), axis))
    }

    fn matmul(&self, other: &Self) -> Self {
        match gpu::matmul(&self.0, &other.0) {
            Some(product) => BurnTensor(product),
            None => self.join(other, Dispatch::float_matmul),
        }
    }

    fn conv2d(&self, kernel: &Self, bias: Option<&Self>, stride: usize, padding: usize) -> Self {
        let own = bias.map(|bias| &bias.0);
        let own = kernels::conv2d(&self.0, &kernel.0, own, stride, padding)
            .or_else(|| gpu::conv2d(&self.0, &kernel.0, own, stride, padding));
        if let Some(out) = own {
            return BurnTensor(out);
        }
        let bias = bias.map(|bias| bias.0.clone());
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        BurnTensor(Dispatch::conv2d(self.0.clone(), kernel.0.clone(), bias, options))
    }

    fn sum_squares(&self) -> Self {
        match kernels::sum_squares(&self.0) {
            Some(sum) => BurnTensor(sum),
            None => self.square().sum_all(),
        }
    }

    fn group_norm(&self, groups: usize, scale: &Self, bias: &Self, eps: f64) -> Self {
        match normalised(self, groups, scale, bias, eps, false) {
            Some(out) => out,
            None => reference::group_norm(self, groups, scale, bias, eps),
        }
    }

    fn factors(&self, mask: &Mask) -> Self {
        match gpu::mask(&without_tape(self.0.clone()), mask) {
            Some(factors) => BurnTensor(factors),
            None => reference::factors(self, mask),
        }
    }

    fn parted(&self, norm: &NormSilu<Self>) -> [Self; 2] {
        let (x, &NormSilu { groups, scale, bias, eps, .. }) = (norm.shifted(self), norm);
        let active = match normalised(&x, groups, scale, bias, eps, true) {
            Some(out) => out,
            None => reference::group_norm(&x, groups, scale, bias, eps).silu(),
        };
        [self.clone(), norm.dropped(&active)]
    }
}

/// Group normalisation, then SiLU if asked for, by a kernel of the device's; none where it has none.
fn normalised(
    x: &BurnTensor,
    groups: usize,
    scale: &BurnTensor,
    bias: &BurnTensor,
    eps: f64,
    silu: bool,
) -> Option<BurnTensor> {
    let (x, scale, bias) = (&x.0, &scale.0, &bias.0);
    kernels::group_norm(x, groups, scale, bias, eps, silu)
        .or_else(|| gpu::group_norm(x, groups, scale, bias, eps, silu))
        .map(BurnTensor)
}

/// The same values with no tape.
pub(crate) fn without_tape(tensor: DispatchTensor) -> DispatchTensor {
    if is_taped(&tensor) { Dispatch::inner(tensor) } else { tensor }
}

/// Whether it is recorded on a tape.
pub(crate) fn is_taped(tensor: &DispatchTensor) -> bool {
    tensor.autodiff != DispatchAutodiffContext::Disabled
}
