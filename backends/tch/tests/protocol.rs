//! `exp-tch` over its standard streams does what [`TchBackend`] does within a process, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

#[path = "support/job.rs"]
mod support;
#[path = "../../burn/tests/support/worker.rs"]
mod worker;

use exp_tch::TchBackend;
use support::{Kept, folder_with, job};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_exp-tch");
const BACKEND: TchBackend = TchBackend;
