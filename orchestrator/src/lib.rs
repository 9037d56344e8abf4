//! `exp`: composes, freezes, runs and resumes experiments.
//!
//! Reading order, which is that of a run: [`cli`], [`compose`], [`run_dir`], [`process`], [`dispatch`], [`launch`], [`work`], [`worker`], [`registry`];
//! [`commands`] strings them together. A sweep is many runs: [`sweep`], [`sweep_dir`].
//! What runs have left behind: [`history`], then what shows it: [`plot`], [`page`], [`ui`], [`track`].

pub mod callbacks;
pub mod cli;
pub mod command;
pub mod commands;
pub mod compose;
pub mod conf;
pub mod dispatch;
pub mod export;
pub mod files;
pub mod finished;
pub mod frozen;
pub mod git;
pub mod gpu;
pub mod history;
pub mod launch;
pub mod lock;
pub mod log;
pub mod machine;
pub mod meaning;
pub mod outlived;
pub mod output;
pub mod page;
pub mod plot;
pub mod process;
pub mod process_backend;
pub mod recorder;
pub mod registry;
pub mod report;
pub mod resume;
pub mod rows;
pub mod run_dir;
pub mod run_path;
pub mod screen;
pub mod status;
pub mod sweep;
pub mod sweep_dir;
pub mod table;
pub mod tally;
pub mod track;
pub mod ui;
pub mod usage;
pub mod work;
pub mod worker;

pub use commands::Failure;
