//! The seam's tensor over libtorch.
//!
//! libtorch's tensors carry no rank in their type and mix taped with constant operands, so an operation is one call.
//! A composite that libtorch has a kernel for is that kernel.
//!
//! In mixed precision ([`TchEngine::with_precision`](crate::TchEngine::with_precision)) the weights that a pass sees are
//! bf16, and the rest follows: a product with a bf16 operand is computed in bf16, sums and means come out in f32, and
//! anything that meets an f32 value becomes f32, as preconditioning and losses do.

use exp_consistency::tensor::{Key, LineMap, Mask, NormSilu, Tensor, image_shape, reference};
use tch::{Device, Kind, TchError};

use crate::failure::done;
use crate::handle::Handle;
use crate::paths::Paths;
use crate::shim;

/// A tensor on one of libtorch's devices: `f32`, or bf16 within a pass of mixed precision.
#[derive(Debug, Clone)]
pub struct TchTensor {
    pub(crate) value: Handle,
    /// What is still to be added to each channel of an image: the bias of a convolution. Whoever reads the image next does
    /// that along with its own work.
    pub(crate) bias: Option<Handle>,
    pub(crate) paths: Paths,
}

impl TchTensor {
    pub(crate) fn of(tensor: tch::Tensor, paths: Paths) -> TchTensor {
        TchTensor { value: Handle::new(tensor), bias: None, paths }
    }

    /// The tensor of libtorch.
    pub(crate) fn get(&self) -> tch::Tensor {
        let value = self.value.get();
        match &self.bias {
            Some(bias) => done(value.f_add(&done(bias.get().f_view([1, -1, 1, 1])))),
            None => value,
        }
    }

    /// The tensor of libtorch, and what is to be added to its channels, `[C]`.
    pub(crate) fn apart(&self) -> (tch::Tensor, Option<tch::Tensor>) {
        (self.value.get(), self.bias.as_ref().map(Handle::get))
    }

    /// Another one of the same engine.
    pub(crate) fn like(&self, tensor: tch::Tensor) -> TchTensor {
        TchTensor::of(tensor, self.paths)
    }

    pub(crate) fn map(&self, op: impl FnOnce(&tch::Tensor) -> Result<tch::Tensor, TchError>) -> TchTensor {
        self.like(done(op(&self.get())))
    }

    fn join(&self, other: &Self, op: fn(&tch::Tensor, &tch::Tensor) -> Result<tch::Tensor, TchError>) -> TchTensor {
        self.like(done(op(&self.get(), &other.get())))
    }
}

/// Values in row-major order, on a device.
pub(crate) fn upload(shape: &[usize], values: &[f32], device: Device) -> tch::Tensor {
    match device {
        Device::Cuda(gpu) => done(shim::upload(values, &sizes(shape), gpu)),
        _ => done(done(tch::Tensor::f_from_slice(values)).f_reshape(sizes(shape))),
    }
}

/// Both operands of a product in one format: the lower of the two.
pub(crate) fn lowered(a: tch::Tensor, b: tch::Tensor) -> (tch::Tensor, tch::Tensor) {
    if a.kind() == b.kind() {
        return (a, b);
    }
    let low = |x: tch::Tensor| done(x.f_to_kind(Kind::BFloat16));
    (low(a), low(b))
}

pub(crate) fn sizes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&size| size as i64).collect()
}

impl Tensor for TchTensor {
    fn shape(&self) -> Vec<usize> {
        self.value.get().size().into_iter().map(|size| size as usize).collect()
    }

    fn to_host(&self) -> Vec<f32> {
        let flat = done(done(self.get().f_detach()).f_to_device(Device::Cpu));
        let flat = done(done(flat.f_to_kind(Kind::Float)).f_contiguous());
        let mut values = vec![0.0; flat.numel()];
        done(flat.f_copy_data(&mut values, flat.numel()));
        values
    }

    fn constant(&self, shape: &[usize], values: &[f32]) -> Self {
        self.like(upload(shape, values, self.get().device()))
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
        let tensors: Vec<tch::Tensor> = parts.iter().map(|part| part.get()).collect();
        parts[0].like(done(tch::Tensor::f_cat(&tensors, axis as i64)))
    }

    fn matmul(&self, other: &Self) -> Self {
        let (a, b) = lowered(self.get(), other.get());
        self.like(done(a.f_matmul(&b)))
    }

    fn conv2d(&self, kernel: &Self, bias: Option<&Self>, stride: usize, padding: usize) -> Self {
        let (x, kernel) = lowered(self.get(), kernel.get());
        let mut bias = bias.map(|bias| done(bias.get().f_to_kind(x.kind())));
        let later = self.paths.fused_blocks && kernel.size()[0] % 8 == 0 && x.device().is_cuda();
        let later = later.then(|| bias.take()).flatten().map(Handle::new);
        let value = done(x.f_conv2d(&kernel, bias, [stride as i64; 2], [padding as i64; 2], [1; 2], 1));
        TchTensor { bias: later, ..self.like(value) }
    }

    fn silu(&self) -> Self {
        self.map(tch::Tensor::f_silu)
    }

    fn linear(&self, weight: &Self, bias: &Self) -> Self {
        let (x, weight) = lowered(self.get(), weight.get());
        let bias = done(bias.get().f_to_kind(x.kind()));
        self.like(done(bias.f_addmm(&x, &weight)))
    }

    fn group_norm(&self, groups: usize, scale: &Self, bias: &Self, eps: f64) -> Self {
        self.group_normalised(groups, scale, bias, eps)
    }

    fn parted(&self, norm: &NormSilu<Self>) -> [Self; 2] {
        self.fused(norm, true).unwrap_or_else(|| [self.clone(), reference::norm_silu(self, norm)])
    }

    fn layer_norm(&self, scale: &Self, bias: &Self, eps: f64) -> Self {
        self.layer_normalised(scale, bias, eps)
    }

    fn add_scaled(&self, other: &Self, factor: f64) -> Self {
        let ((a, first), (b, second)) = (self.apart(), other.apart());
        let alike = a.kind() == b.kind() && a.size() == b.size();
        if !(self.paths.fused_blocks && alike && done(shim::has_kernels(&a, 1))) {
            return self.add(other).scale(factor);
        }
        let bias = match (first, second) {
            (Some(first), Some(second)) => Some(done(first.f_add(&second))),
            (first, second) => first.or(second),
        };
        self.like(done(shim::add_scaled(&a, &b, bias.as_ref(), factor)))
    }

    fn along_lines(&self, map: &LineMap) -> Self {
        self.mapped(map).unwrap_or_else(|| reference::along_lines(self, map))
    }

    fn sum_squares_of(parts: &[&Self]) -> Self {
        let tensors: Vec<tch::Tensor> = parts.iter().map(|part| part.get()).collect();
        // The kernel is on no tape.
        let plain = tensors.iter().all(|tensor| tensor.device().is_cuda() && !tensor.requires_grad());
        if parts[0].paths.fused_update && plain {
            return parts[0].like(done(shim::sum_squares(&tensors)));
        }
        reference::sum_squares_of(parts)
    }

    fn attention(&self, keys: &Self, values: &Self) -> Self {
        match self.paths.attention {
            true => self.attended(keys, values),
            false => reference::attention(self, keys, values),
        }
    }

    fn pad(&self, top: usize, bottom: usize, left: usize, right: usize) -> Self {
        // The last axis comes first.
        self.map(|x| x.f_constant_pad_nd(sizes(&[left, right, top, bottom])))
    }

    fn upsample_nearest(&self) -> Self {
        let [_, _, h, w] = image_shape(&self.shape());
        if let Some(found) = self.along_square(h, w, 2 * h, |i, o| f32::from(u8::from(o / 2 == i))) {
            return found;
        }
        self.map(|x| x.f_upsample_nearest2d(sizes(&[2 * h, 2 * w]), None, None))
    }

    fn average_pool(&self) -> Self {
        let [_, _, h, w] = image_shape(&self.shape());
        if let Some(found) = self.along_square(h, w, h / 2, |i, o| if i / 2 == o { 0.5 } else { 0.0 }) {
            return found;
        }
        self.map(|x| x.f_avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None))
    }

    fn max_pool(&self) -> Self {
        self.map(|x| x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false))
    }

    fn dropout(&self, rate: f64, key: Key) -> Self {
        if rate == 0.0 {
            return self.clone();
        }
        let shape = self.shape();
        self.map(|x| match x.device() {
            Device::Cuda(_) => x.f_mul(&shim::mask(x, Mask::new(rate, key))?),
            _ => {
                let mask = upload(&shape, &Mask::new(rate, key).factors(shape.iter().product()), x.device());
                x.f_mul(&mask.f_to_kind(x.kind())?)
            }
        })
    }
}
