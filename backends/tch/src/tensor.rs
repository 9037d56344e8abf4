//! The seam's tensor over libtorch.
//!
//! libtorch's tensors carry no rank in their type and mix taped with constant operands, so an operation is one call.
//! A composite that libtorch has a kernel for is that kernel.
//!
//! In mixed precision ([`TchEngine::with_precision`](crate::TchEngine::with_precision)) the weights that a pass sees are
//! bf16, and the rest follows: a product with a bf16 operand is computed in bf16, sums and means come out in f32, and
//! anything that meets an f32 value becomes f32, as preconditioning and losses do.

use exp_consistency::tensor::{Tensor, image_shape, reference};
use tch::{Device, Kind, TchError};

use crate::failure::done;
use crate::handle::Handle;
use crate::mask::mask;

/// A tensor on one of libtorch's devices: `f32`, or bf16 within a pass of mixed precision.
#[derive(Debug, Clone)]
pub struct TchTensor(Handle);

impl TchTensor {
    pub(crate) fn of(tensor: tch::Tensor) -> TchTensor {
        TchTensor(Handle::new(tensor))
    }

    pub(crate) fn get(&self) -> tch::Tensor {
        self.0.get()
    }

    fn map(&self, op: impl FnOnce(&tch::Tensor) -> Result<tch::Tensor, TchError>) -> TchTensor {
        TchTensor::of(done(op(&self.get())))
    }

    fn join(&self, other: &Self, op: fn(&tch::Tensor, &tch::Tensor) -> Result<tch::Tensor, TchError>) -> TchTensor {
        TchTensor::of(done(op(&self.get(), &other.get())))
    }
}

/// Values in row-major order, on a device.
pub(crate) fn upload(shape: &[usize], values: &[f32], device: Device) -> tch::Tensor {
    let flat = done(tch::Tensor::f_from_slice(values));
    done(done(flat.f_reshape(sizes(shape))).f_to_device(device))
}

/// Both operands of a product in one format: the lower of the two.
fn lowered(a: tch::Tensor, b: tch::Tensor) -> (tch::Tensor, tch::Tensor) {
    if a.kind() == b.kind() {
        return (a, b);
    }
    let low = |x: tch::Tensor| done(x.f_to_kind(Kind::BFloat16));
    (low(a), low(b))
}

fn sizes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&size| size as i64).collect()
}

impl Tensor for TchTensor {
    fn shape(&self) -> Vec<usize> {
        self.get().size().into_iter().map(|size| size as usize).collect()
    }

    fn to_host(&self) -> Vec<f32> {
        let flat = done(done(self.get().f_detach()).f_to_device(Device::Cpu));
        let flat = done(done(flat.f_to_kind(Kind::Float)).f_contiguous());
        let mut values = vec![0.0; flat.numel()];
        done(flat.f_copy_data(&mut values, flat.numel()));
        values
    }

    fn constant(&self, shape: &[usize], values: &[f32]) -> Self {
        TchTensor::of(upload(shape, values, self.get().device()))
    }

    fn detach(&self) -> Self {
        self.map(tch::Tensor::f_detach)
    }

    fn add(&self, other: &Self) -> Self {
        self.join(other, tch::Tensor::f_add)
    }

    fn sub(&self, other: &Self) -> Self {
        self.join(other, tch::Tensor::f_sub)
    }

    fn mul(&self, other: &Self) -> Self {
        self.join(other, tch::Tensor::f_mul)
    }

    fn div(&self, other: &Self) -> Self {
        self.join(other, tch::Tensor::f_div)
    }

    fn scale(&self, factor: f64) -> Self {
        self.map(|x| x.f_mul_scalar(factor))
    }

    fn offset(&self, term: f64) -> Self {
        self.map(|x| x.f_add_scalar(term))
    }

    fn exp(&self) -> Self {
        self.map(tch::Tensor::f_exp)
    }

    fn log(&self) -> Self {
        self.map(tch::Tensor::f_log)
    }

    fn sqrt(&self) -> Self {
        self.map(tch::Tensor::f_sqrt)
    }

    fn recip(&self) -> Self {
        self.map(tch::Tensor::f_reciprocal)
    }

    fn square(&self) -> Self {
        self.map(tch::Tensor::f_square)
    }

    fn sin(&self) -> Self {
        self.map(tch::Tensor::f_sin)
    }

    fn cos(&self) -> Self {
        self.map(tch::Tensor::f_cos)
    }

    fn sigmoid(&self) -> Self {
        self.map(tch::Tensor::f_sigmoid)
    }

    fn clamp(&self, low: f64, high: f64) -> Self {
        self.map(|x| x.f_clamp(low, high))
    }

    fn sum(&self, axes: &[usize]) -> Self {
        self.map(|x| x.f_sum_dim_intlist(&sizes(axes)[..], true, Kind::Float))
    }

    fn mean(&self, axes: &[usize]) -> Self {
        self.map(|x| x.f_mean_dim(&sizes(axes)[..], true, Kind::Float))
    }

    fn softmax(&self) -> Self {
        self.map(|x| x.f_softmax(-1, Kind::Float))
    }

    fn reshape(&self, shape: &[usize]) -> Self {
        self.map(|x| x.f_reshape(sizes(shape)))
    }

    fn permute(&self, order: &[usize]) -> Self {
        self.map(|x| x.f_permute(sizes(order)))
    }

    fn narrow(&self, axis: usize, start: usize, len: usize) -> Self {
        self.map(|x| x.f_narrow(axis as i64, start as i64, len as i64))
    }

    fn cat(parts: &[&Self], axis: usize) -> Self {
        let parts: Vec<tch::Tensor> = parts.iter().map(|part| part.get()).collect();
        TchTensor::of(done(tch::Tensor::f_cat(&parts, axis as i64)))
    }

    fn matmul(&self, other: &Self) -> Self {
        let (a, b) = lowered(self.get(), other.get());
        TchTensor::of(done(a.f_matmul(&b)))
    }

    fn conv2d(&self, kernel: &Self, bias: Option<&Self>, stride: usize, padding: usize) -> Self {
        let (x, kernel) = lowered(self.get(), kernel.get());
        let bias = bias.map(|bias| done(bias.get().f_to_kind(x.kind())));
        TchTensor::of(done(x.f_conv2d(&kernel, bias, [stride as i64; 2], [padding as i64; 2], [1; 2], 1)))
    }

    fn silu(&self) -> Self {
        self.map(tch::Tensor::f_silu)
    }

    fn linear(&self, weight: &Self, bias: &Self) -> Self {
        let (x, weight) = lowered(self.get(), weight.get());
        let bias = done(bias.get().f_to_kind(x.kind()));
        TchTensor::of(done(bias.f_addmm(&x, &weight)))
    }

    /// libtorch's kernel folds mean and scale into one product, which loses the digits that a large mean hides. So its
    /// input is centred before; the norm does not see such a shift, nor do gradients, and the shift needs no tape. bf16
    /// has no such digits to lose. Statistics are f32 either way.
    fn group_norm(&self, groups: usize, scale: &Self, bias: &Self, eps: f64) -> Self {
        let [n, c, h, w] = image_shape(&self.shape());
        if c * h * w == groups {
            // Alone in its group a value is its own mean; the kernel's gradient is then a difference of large numbers.
            return reference::group_norm(self, groups, scale, bias, eps);
        }
        let centre = |x: &tch::Tensor| -> Result<tch::Tensor, TchError> {
            let grouped = x.f_reshape(sizes(&[n, groups, c / groups * h * w]))?;
            let mean = grouped.f_detach()?.f_mean_dim(&[2i64][..], true, Kind::Float)?;
            grouped.f_sub(&mean)?.f_reshape(sizes(&[n, c, h, w]))
        };
        self.map(|x| {
            let input = if x.kind() == Kind::Float { centre(x)? } else { x.shallow_clone() };
            let [scale, bias] = [scale, bias].map(|weight| weight.get().f_to_kind(x.kind()));
            input.f_group_norm(groups as i64, Some(scale?), Some(bias?), eps, true)
        })
    }

    fn pad(&self, top: usize, bottom: usize, left: usize, right: usize) -> Self {
        // The last axis comes first.
        self.map(|x| x.f_constant_pad_nd(sizes(&[left, right, top, bottom])))
    }

    fn upsample_nearest(&self) -> Self {
        let [_, _, h, w] = image_shape(&self.shape());
        self.map(|x| x.f_upsample_nearest2d(sizes(&[2 * h, 2 * w]), None, None))
    }

    fn average_pool(&self) -> Self {
        self.map(|x| x.f_avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None))
    }

    fn max_pool(&self) -> Self {
        self.map(|x| x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false))
    }

    fn dropout(&self, rate: f64, key: u64) -> Self {
        if rate == 0.0 {
            return self.clone();
        }
        let shape = self.shape();
        let mask = self.constant(&shape, &mask(key, shape.iter().product(), rate));
        self.map(|x| x.f_mul(&mask.get().f_to_kind(x.kind())?))
    }
}
