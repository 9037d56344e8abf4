//! The tch engine: libtorch's tensors, autograd and devices behind the seam of `exp-consistency`.
//!
//! Holds no science; what is `unsafe` is the module of foreign functions. [`TchEngine`] computes; [`TchBackend`] is what the
//! orchestrator sees.

mod backend;
mod composites;
mod device;
mod engine;
mod failure;
mod fused;
mod handle;
mod paths;
mod recorded;
mod resident;
mod shim;
mod tensor;

pub use backend::{TchBackend, replicas};
pub use device::OpenError;
pub use engine::TchEngine;
pub use failure::say_failures_once;
pub use recorded::Recorded;
pub use tensor::TchTensor;

/// The most bytes that tensors of this process have taken on a GPU, if there is one.
#[must_use]
pub fn peak_bytes(gpu: usize) -> Option<u64> {
    (gpu < device::gpus()).then(|| shim::peak_bytes(gpu).ok()).flatten()
}
