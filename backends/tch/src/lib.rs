//! The tch engine: libtorch's tensors, autograd and devices behind the seam of `exp-consistency`.
//!
//! Holds no science and no `unsafe`. [`TchEngine`] computes; [`TchBackend`] is what the orchestrator sees.

mod backend;
mod device;
mod engine;
mod failure;
mod handle;
mod mask;
mod tensor;

pub use backend::{TchBackend, replicas};
pub use device::OpenError;
pub use engine::TchEngine;
pub use tensor::TchTensor;
