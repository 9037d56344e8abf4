//! `exp-burn`: the burn backend as an executable of its own, for the orchestrator's protocol.

use std::process::ExitCode;

use exp_burn::BurnBackend;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(exp_api::protocol::serve(&BurnBackend))
}
