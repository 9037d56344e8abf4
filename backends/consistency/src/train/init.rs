//! Weights to start from: another run's average, or a file of EDM's SongUNet.
//!
//! Owns `init_from`. A source without a head leaves the head as drawn; everything else must fit. In: a fresh state.
//! Out: the state with the source's weights, their average being the weights themselves.

use std::path::{Path, PathBuf};

use exp_api::spec::{RunSpec, TorsoSpec, Which};
use exp_api::{BackendError, Event, EventSink, Level, Problem};

use super::state::{TrainState, fits, place};
use crate::checkpoint::{self, CheckpointError, HostTensor, Manifest};
use crate::engine::{Engine, Slot};
use crate::net::Network;
use crate::net::unetpp::songunet;
use crate::params::{ParamSpec, Params, Plan};
use crate::weights::Weights;

/// SongUNet alone, and inside its preconditioner.
const PREFIXES: [&str; 2] = ["", "model."];

/// The weights of a checkpoint, averaged, of all networks, and its manifest. `run` is the directory of the run. What is passed over
/// is told.
pub(super) fn average<E: Engine>(
    engine: &E,
    network: &Network,
    run: &Path,
    which: &Which,
    events: &mut dyn EventSink,
) -> Result<(Params<E::T>, Manifest), BackendError> {
    let run = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    let (found, rejected) = checkpoint::chosen(&run, which, "ema/").map_err(BackendError::Checkpoint)?;
    for bad in rejected {
        events.emit(Event::Log { level: Level::Warn, message: bad.to_string() })?;
    }
    let theta = place(engine, network.params(), "ema/", &found.tensors);
    Ok((theta.map_err(|reason| mismatch(found.path, reason))?, found.manifest))
}

/// The state that starts from `init_from`.
pub(super) fn state<E: Engine>(
    engine: &E,
    network: &Network,
    spec: &RunSpec,
    fresh: TrainState<E::T>,
) -> Result<TrainState<E::T>, BackendError> {
    let Some(source) = spec.init_from.as_ref().map(Path::new) else { return Ok(fresh) };
    let (path, mut tensors) =
        if source.is_dir() { averages(source)? } else { songunet_tensors(network, spec, source)? };
    if !tensors.iter().any(|tensor| tensor.name.starts_with("ema/head/")) {
        tensors.extend(fresh.tensors().into_iter().filter(|tensor| tensor.name.starts_with("ema/head/")));
    }
    let weights = place(engine, network.params(), "ema/", &tensors).map_err(|reason| mismatch(path, reason))?;
    let slots =
        fresh.slots.zip(&weights, |slot, weight| Slot { param: weight.clone(), ema: weight.clone(), ..slot.clone() });
    Ok(TrainState { slots, ..fresh })
}

/// What can be seen to be wrong with `init_from` before anything is written.
pub(super) fn check(network: &Network, spec: &RunSpec) -> Option<Problem> {
    let source = Path::new(spec.init_from.as_ref()?);
    let found = if source.is_dir() { averages(source) } else { songunet_tensors(network, spec, source) };
    let fault = match found {
        Err(error) => error.to_string(),
        Ok((path, tensors)) => {
            let headless = !tensors.iter().any(|tensor| tensor.name.starts_with("ema/head/"));
            let own = |spec: &&ParamSpec| !(headless && spec.name.starts_with("head/"));
            let specs = network.params().specs().iter().filter(own);
            mismatch(path, fits(specs, "ema/", &tensors).err()?).to_string()
        }
    };
    Some(Problem::new("init_from", format!("cannot start from {}: {fault}", source.display())))
}

fn averages(run: &Path) -> Result<(PathBuf, Vec<HostTensor>), BackendError> {
    let (loaded, _) = checkpoint::latest(run, "ema/").map_err(|error| BackendError::Checkpoint(error.to_string()))?;
    let loaded =
        loaded.ok_or_else(|| BackendError::Checkpoint(format!("{} has no sound checkpoint", run.display())))?;
    Ok((loaded.path, loaded.tensors))
}

/// The torso's weights in a file of SongUNet's, under our names.
fn songunet_tensors(
    network: &Network,
    spec: &RunSpec,
    path: &Path,
) -> Result<(PathBuf, Vec<HostTensor>), BackendError> {
    let file = Weights::open(path, None).map_err(|error| BackendError::Checkpoint(error.to_string()))?;
    if !matches!(spec.model.torso, TorsoSpec::Unetpp(_)) {
        let reason = "a file of weights is EDM's SongUNet, which model.torso.name=unetpp alone can take";
        return Err(mismatch(path.to_owned(), reason.to_owned()));
    }
    let read = read(&file, network.params(), spec.dataset.shape().1);
    read.map(|tensors| (path.to_owned(), tensors)).map_err(|reason| mismatch(path.to_owned(), reason))
}

/// Every parameter of the torso in `plan`, read from `file`.
fn read(file: &Weights, plan: &Plan, side: usize) -> Result<Vec<HostTensor>, String> {
    if PREFIXES.iter().any(|prefix| file.has(&format!("{prefix}map_label.weight"))) {
        return Err("it sees classes (map_label), and a UNet++ sees none".to_owned());
    }
    let torso = |spec: &&ParamSpec| spec.name.starts_with("torso/");
    plan.specs().iter().filter(torso).map(|spec| one(file, spec, side)).collect()
}

fn one(file: &Weights, spec: &ParamSpec, side: usize) -> Result<HostTensor, String> {
    let path = spec.name.trim_start_matches("torso/UNetpp_0/");
    let stored = songunet::stored(path, side).ok_or_else(|| format!("SongUNet has no layer {path}"))?;
    let names = PREFIXES.map(|prefix| format!("{prefix}{}", stored.name));
    let name = names.iter().find(|name| file.has(name)).unwrap_or(&names[0]);
    let mut shape = spec.shape.clone();
    if stored.turned {
        shape.reverse();
    }
    let values = file.tensor(name, &shape).map_err(|error| error.to_string())?;
    let values = match spec.shape[..] {
        [inputs, outputs] if stored.turned => {
            (0..inputs * outputs).map(|at| values[at % outputs * inputs + at / outputs]).collect()
        }
        _ => values,
    };
    Ok(HostTensor { name: format!("ema/{}", spec.name), shape: spec.shape.clone(), values })
}

fn mismatch(path: PathBuf, reason: String) -> BackendError {
    BackendError::Checkpoint(CheckpointError::Mismatch { path, reason }.to_string())
}
