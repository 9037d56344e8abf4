//! `exp-tch`: the tch backend as an executable, for the orchestrator's protocol.

use std::process::ExitCode;

use exp_tch::TchBackend;

fn main() -> ExitCode {
    exp_tch::say_failures_once();
    ExitCode::from(exp_api::protocol::serve(&TchBackend))
}
