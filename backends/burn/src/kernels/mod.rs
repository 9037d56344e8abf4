//! Fast CPU kernels for the composites in which small networks spend their time, with their gradients on burn's tape.
//!
//! [`conv`] and [`norm`] are plain arithmetic on slices; [`on_tensors`] makes operations of them. Each call answers `None`
//! where it does not apply (another device, another kernel size), and the caller takes burn's own operation.

pub(crate) mod conv;
pub(crate) mod norm;
mod on_tensors;
pub(crate) mod step;

pub(crate) use on_tensors::{conv2d, group_norm, sum_squares, update};
