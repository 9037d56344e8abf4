//! Where training begins: at the last checkpoint, at the weights that `init_from` names, or at weights as drawn.

use std::path::Path;

use exp_api::BackendError;
use exp_api::spec::RunSpec;

use super::init;
use super::state::TrainState;
use super::vouched::Vouched;
use crate::checkpoint::{self, CheckpointError};
use crate::engine::Engine;
use crate::net::Network;

/// How a run begins.
pub(super) struct Start<T> {
    pub(super) state: TrainState<T>,
    /// Whether its figures are known, if any are due.
    pub(super) measured: bool,
    /// What is odd: which checkpoints were passed over, and why; data that the run was not trained on so far.
    pub(super) warnings: Vec<String>,
}

/// What a run in `dir` begins or goes on with.
///
/// # Errors
/// A checkpoint that cannot be used, or one that was trained on other data.
pub(super) fn state<E: Engine>(
    engine: &E,
    network: &Network,
    spec: &RunSpec,
    dir: &Path,
    data: &Vouched,
) -> Result<Start<E::T>, BackendError> {
    let (loaded, rejected) = checkpoint::latest(dir, "").map_err(failed)?;
    let mut warnings: Vec<String> = rejected.iter().map(ToString::to_string).collect();
    match loaded {
        Some(loaded) => {
            warnings.extend(data.held(&loaded.manifest)?);
            let (step, measured) =
                (loaded.manifest.step, !loaded.manifest.figures.is_empty() || spec.eval.metrics.is_empty());
            let state = TrainState::restored(engine, network.params(), step, loaded.tensors)
                .map_err(|reason| failed(CheckpointError::Mismatch { path: loaded.path, reason }))?;
            // A kill between the last save and its thinning leaves one too many, which no later save may come to remove.
            checkpoint::prune(dir, step, spec.train.keep).map_err(failed)?;
            Ok(Start { state, measured, warnings })
        }
        None => Ok(Start { state: first(engine, network, spec)?, measured: true, warnings }),
    }
}

/// Weights as drawn, or those that `init_from` names.
fn first<E: Engine>(engine: &E, network: &Network, spec: &RunSpec) -> Result<TrainState<E::T>, BackendError> {
    init::state(engine, network, spec, TrainState::fresh(engine, network.params(), spec.seed))
}

fn failed(error: CheckpointError) -> BackendError {
    BackendError::Checkpoint(error.to_string())
}
