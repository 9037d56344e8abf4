//! Where training begins: at the last checkpoint, at another run's weights, or at weights as drawn.

use std::path::Path;

use exp_api::BackendError;
use exp_api::spec::RunSpec;

use super::state::{TrainState, place};
use crate::checkpoint::{self, CheckpointError};
use crate::engine::{Engine, Slot};
use crate::net::Network;
use crate::params::Params;

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
        Some(loaded) => TrainState::restored(engine, network.params(), loaded.manifest.step, loaded.tensors)
            .map_err(|reason| failed(CheckpointError::Mismatch { path: loaded.path, reason }))?,
        None => first(engine, network, spec)?,
    };
    Ok((state, passed_over.collect()))
}

/// Weights as drawn, or the average of another run's.
fn first<E: Engine>(engine: &E, network: &Network, spec: &RunSpec) -> Result<TrainState<E::T>, BackendError> {
    let mut state = TrainState::fresh(engine, network.params(), spec.seed);
    if let Some(run) = &spec.init_from {
        let weights = last_average(engine, network, Path::new(run))?;
        state.slots = state.slots.zip(&weights, |slot, weight| Slot {
            param: weight.clone(),
            ema: weight.clone(),
            ..slot.clone()
        });
    }
    Ok(state)
}

/// The averaged weights of a run's last checkpoint.
pub(super) fn last_average<E: Engine>(engine: &E, network: &Network, run: &Path) -> Result<Params<E::T>, BackendError> {
    let (loaded, _) = checkpoint::latest(run, "ema/").map_err(failed)?;
    let Some(loaded) = loaded else {
        return Err(BackendError::Checkpoint(format!("{} has no sound checkpoint", run.display())));
    };
    place(engine, network.params(), "ema/", &loaded.tensors)
        .map_err(|reason| failed(CheckpointError::Mismatch { path: loaded.path, reason }))
}

fn failed(error: CheckpointError) -> BackendError {
    BackendError::Checkpoint(error.to_string())
}
