//! The burn engine: tensors, autograd and devices behind the seam of `exp-consistency`.
//!
//! Holds no science. [`BurnEngine`] computes; [`BurnBackend`] is what the orchestrator sees.

mod backend;
mod engine;
mod failure;
#[cfg(feature = "cuda")]
mod gpu;
#[cfg(not(feature = "cuda"))]
#[path = "no_gpu.rs"]
mod gpu;
mod kernels;
mod on_tape;
mod tensor;

pub use backend::BurnBackend;
pub use engine::{BurnEngine, OpenError};
pub use tensor::BurnTensor;
