//! What is minimised, with whatever weights the distance brings along.

use std::path::Path;

use exp_api::Problem;
use exp_api::spec::{LossKind, LossSpec};

use super::consistency::Distance;
use super::lpips::Lpips;
use crate::engine::Engine;
use crate::tensor::Tensor;
use crate::weights::{Weights, WeightsError};

/// The training objective on one device.
#[derive(Debug, Clone)]
pub struct Objective<T> {
    pub(crate) spec: LossSpec,
    /// Of student and target; none for a diffusion model, which has no target.
    pub(crate) distance: Option<Distance<T>>,
}

impl<T: Tensor> Objective<T> {
    /// The objective that `spec` describes; reads the weights of a perceptual distance.
    ///
    /// # Errors
    /// Weights that are missing, unreadable or of another shape.
    pub fn open<E: Engine<T = T>>(engine: &E, spec: &LossSpec) -> Result<Objective<T>, WeightsError> {
        match Objective::weightless(spec) {
            Some(objective) => Ok(objective),
            None => {
                let path = spec.lpips.weights.as_deref().unwrap_or_default();
                let lpips = Lpips::new(engine, &Weights::open(Path::new(path), None)?)?;
                Ok(Objective { spec: spec.clone(), distance: Some(Distance::Lpips(lpips)) })
            }
        }
    }

    /// The objective, if it needs no weights of its own.
    pub fn weightless(spec: &LossSpec) -> Option<Objective<T>> {
        let distance = match spec.kind {
            LossKind::Huber => Some(Distance::Huber(spec.huber.clone())),
            LossKind::L2 => Some(Distance::L2),
            LossKind::L1 => Some(Distance::L1),
            LossKind::Edm => None,
            LossKind::Lpips => return None,
        };
        Some(Objective { spec: spec.clone(), distance })
    }

    /// The same on the device of `engine`.
    pub fn on<E: Engine<T = T>>(&self, engine: &E) -> Objective<T> {
        let distance = match &self.distance {
            Some(Distance::Lpips(lpips)) => Some(Distance::Lpips(lpips.map(|tensor| engine.adopt(tensor)))),
            other => other.clone(),
        };
        Objective { spec: self.spec.clone(), distance }
    }
}

/// What can be seen to be wrong with an objective without reading weights.
pub fn check(spec: &LossSpec, channels: usize) -> Vec<Problem> {
    if spec.kind != LossKind::Lpips {
        return Vec::new();
    }
    let found = match &spec.lpips.weights {
        None => Some("expected a safetensors file with the weights of VGG16 and LPIPS, found null".to_owned()),
        Some(path) => Weights::check(Path::new(path)).err().map(|error| error.to_string()),
    };
    let mut problems: Vec<Problem> =
        found.into_iter().map(|message| Problem::new("loss.lpips.weights", message)).collect();
    if ![1, 3].contains(&channels) {
        let message = format!("lpips compares grey or colour images, and these have {channels} channels");
        problems.push(Problem::new("loss.kind", message));
    }
    problems
}
