//! Training: the state, one step of it, the loop around the step, and the judging of its images.
//!
//! Reading order: [`run`] (what a job is), `trainer` (the loop), `step` (one update), `state` (what a checkpoint
//! holds), `start` and `init` (where it begins), `finish`, `judge`, `looker` and `gallery` (figures and pictures of drawn images);
//! `draw` and `measure` do the same for a run that is over.

mod ahead;
mod draw;
mod fid_log;
mod figures;
mod finish;
mod gallery;
mod init;
mod job;
mod judge;
mod looker;
mod measure;
mod pace;
mod replicas;
mod start;
mod state;
mod step;
mod trainer;
mod vouched;

pub use job::{check, run};
pub use replicas::{Replicas, available_threads, named_devices, usual_devices};
