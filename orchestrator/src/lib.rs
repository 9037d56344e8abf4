//! `exp`: composes, freezes, runs and resumes experiments.
//!
//! Reading order, which is that of a run: [`cli`], [`compose`], [`run_dir`], [`process`], [`dispatch`], [`worker`], [`registry`];
//! [`commands`] strings them together.

pub mod callbacks;
pub mod child;
pub mod cli;
pub mod commands;
pub mod compose;
pub mod conf;
pub mod dispatch;
pub mod files;
pub mod frozen;
pub mod git;
pub mod log;
pub mod process;
pub mod process_backend;
pub mod recorder;
pub mod registry;
pub mod report;
pub mod resume;
pub mod run_dir;
pub mod screen;
pub mod status;
pub mod worker;

pub use commands::Failure;
