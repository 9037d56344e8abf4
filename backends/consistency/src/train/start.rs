//! Where training begins: at the last checkpoint, at the weights that `init_from` names, or at weights as drawn.

use std::path::Path;

use exp_api::BackendError;
use exp_api::spec::RunSpec;

use super::init;
use super::state::TrainState;
use crate::checkpoint::{self, CheckpointError};
use crate::engine::Engine;
use crate::net::Network;

/// The state that a run in `dir` begins or goes on with, and which checkpoints were passed over and why.
pub(super) fn state<E: Engine>(
    engine: &E,
    network: &Network,
    spec: &RunSpec,
    dir: &Path,
) -> Result<(TrainState<E::T>, Vec<String>), BackendError> {
    let (loaded, rejected) = checkpoint::latest(dir, "").map_err(failed)?;
    let passed_over = rejected.iter().map(|bad| format!("{} is passed over: {}", bad.path.display(), bad.reason));
    let state = match loaded {
        Some(loaded) => {
            let step = loaded.manifest.step;
            let state = TrainState::restored(engine, network.params(), step, loaded.tensors)
                .map_err(|reason| failed(CheckpointError::Mismatch { path: loaded.path, reason }))?;
            // A kill between the last save and its thinning leaves one too many, which no later save may come to remove.
            checkpoint::prune(dir, step, spec.train.keep).map_err(failed)?;
            state
        }
        None => first(engine, network, spec)?,
    };
    Ok((state, passed_over.collect()))
}

/// Weights as drawn, or those that `init_from` names.
fn first<E: Engine>(engine: &E, network: &Network, spec: &RunSpec) -> Result<TrainState<E::T>, BackendError> {
    init::state(engine, network, spec, TrainState::fresh(engine, network.params(), spec.seed))
}

fn failed(error: CheckpointError) -> BackendError {
    BackendError::Checkpoint(error.to_string())
}
