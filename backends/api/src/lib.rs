//! The contract between the orchestrator and a training backend.
//!
//! Owns the typed run spec ([`RunSpec`], one file per configuration group), the schema that every configuration
//! is checked against ([`schema`]), the [`Backend`] trait, what a running backend reports ([`Event`], and what
//! names of figures mean, [`figure`]) and the protocol by which an executable serves as a backend ([`protocol`]).
//! Knows neither tensors nor configuration files.

mod backend;
mod event;
pub mod figure;
pub mod limits;
pub mod protocol;
pub mod schema;
pub mod spec;

pub use backend::{Backend, BackendError, DeviceInfo, Problem, Report, Stop};
pub use event::{Event, EventSink, Level};
pub use spec::{Job, RunSpec, Task};
