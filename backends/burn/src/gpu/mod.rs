//! GPUs by name, and the operations for which burn alone takes few threads, or rounds to tf32.
//!
//! Each module is one of them. Each call answers `None` for tensors that are not on a GPU.

mod conv;
mod driver;
mod mask;
mod norm;
mod patches;
mod product;
mod step;
mod sum;

use burn::backend::ops::FloatTensorOps;
use burn::backend::{
    BackendTensor, Cube, CudaDevice, DType, Dispatch, DispatchDevice, DispatchTensorKind, TensorData, TensorMetadata,
};
use burn_cubecl::cubecl::calculate_cube_count_elemwise;
use burn_cubecl::cubecl::prelude::{CubeCount, CubeDim};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use exp_consistency::tensor::{Key, Mask, Tensor};

pub(crate) use self::{conv::conv2d, mask::mask, norm::group_norm, product::matmul, step::update, sum::sum};
use crate::on_tape::Dispatched;
use crate::{BurnTensor, OpenError};

impl Dispatched for Cube {
    fn kind(tensor: BackendTensor<Cube>) -> DispatchTensorKind {
        DispatchTensorKind::Cube(tensor)
    }

    fn of(kind: &DispatchTensorKind) -> Option<&BackendTensor<Cube>> {
        match kind {
            DispatchTensorKind::Cube(tensor) => Some(tensor),
            _ => None,
        }
    }
}

/// The number of the GPU of this name, if it can be used. It is left alone: who only asks would keep memory on it.
///
/// # Errors
/// There is none of this number, or something that it needs is missing.
pub(crate) fn find(name: &str) -> Result<usize, OpenError> {
    let index = match name {
        "cuda" => Some(0),
        other => other.strip_prefix("cuda:").and_then(|index| index.parse().ok()),
    };
    let Some(index) = index else { return Err(OpenError::NoDevice(name.to_owned())) };
    match driver::missing(index) {
        Some(missing) => Err(OpenError::NoGpu(name.to_owned(), missing)),
        None => Ok(index),
    }
}

/// The GPU of this name, once a kernel of ours has run there.
///
/// # Errors
/// As [`find`], or its driver fails.
pub(crate) fn open(name: &str) -> Result<DispatchDevice, OpenError> {
    let index = find(name)?;
    // Burn panics where the GPU fails.
    let opened = std::panic::catch_unwind(|| {
        let device = DispatchDevice::from(CudaDevice::new(index));
        let one = Dispatch::float_from_data(TensorData::new(vec![1.0f32], [1]), &device);
        // Burn tells that it cannot compile, load or start a kernel once what that computes is read.
        let _ = mask(&one, &Mask::new(0.5, Key::new(0))).map(|drawn| BurnTensor(drawn).to_host());
        device
    });
    opened.map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        OpenError::NoGpu(name.to_owned(), words.unwrap_or_else(|| "its driver failed".to_owned()))
    })
}

/// A tensor of the same shape, with nothing in it yet.
fn like(x: &CubeTensor) -> CubeTensor {
    empty_device_contiguous_dtype(x.client.clone(), x.device.clone(), x.shape(), DType::F32)
}

/// A thread for each value of a tensor.
fn one_for_each(x: &CubeTensor) -> (CubeCount, CubeDim) {
    let len = x.shape().num_elements();
    let threads = CubeDim::new(&x.client, len);
    (calculate_cube_count_elemwise(&x.client, len, threads), threads)
}
