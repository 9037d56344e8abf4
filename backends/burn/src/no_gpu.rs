//! GPUs in a build that has none: no name is one, and no tensor is on one.

use burn::backend::{DispatchDevice, DispatchTensor};
use exp_consistency::engine::Update;
use exp_consistency::tensor::Mask;

use crate::OpenError;

type Answer<T = DispatchTensor> = Option<T>;

pub(crate) fn find(name: &str) -> Result<usize, OpenError> {
    Err(OpenError::NoDevice(name.to_owned()))
}

pub(crate) fn open(name: &str) -> Result<DispatchDevice, OpenError> {
    Err(OpenError::NoDevice(name.to_owned()))
}

pub(crate) fn matmul(_: &DispatchTensor, _: &DispatchTensor) -> Answer {
    None
}

pub(crate) fn conv2d(_: &DispatchTensor, _: &DispatchTensor, _: Option<&DispatchTensor>, _: usize, _: usize) -> Answer {
    None
}

pub(crate) fn group_norm(
    _: &DispatchTensor,
    _: usize,
    _: &DispatchTensor,
    _: &DispatchTensor,
    _: f64,
    _: bool,
) -> Answer {
    None
}

pub(crate) fn sum(_: &DispatchTensor, _: &[usize]) -> Answer {
    None
}

pub(crate) fn mask(_: &DispatchTensor, _: &Mask) -> Answer {
    None
}

pub(crate) fn update(_: &Update, _: [&DispatchTensor; 5]) -> Answer<[DispatchTensor; 4]> {
    None
}
