//! Consistency training, written once over a narrow tensor seam.
//!
//! Never names an engine: an engine crate implements [`tensor::Tensor`] and [`engine::Engine`] and calls
//! [`train::run`].

pub mod checkpoint;
pub mod conformance;
pub mod data;
pub mod engine;
pub mod eval;
pub mod files;
pub mod golden;
pub mod hash;
pub mod home;
pub mod loss;
pub mod net;
mod npz;
pub mod optim;
mod oracle;
pub mod params;
pub mod picture;
pub mod pool;
pub mod rng;
pub mod sample;
pub mod schedule;
pub mod tensor;
pub mod train;
pub mod weights;
