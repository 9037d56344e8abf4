//! One update of all parameters: gradients bounded, each network at its own rate, what training leaves alone left alone.

use exp_api::spec::{EmaSpec, TrainSpec};

use super::{clip, rule};
use crate::engine::{Engine, Pending, Slot};
use crate::params::Params;

/// The state after the update that follows `k` others.
pub fn update<E: Engine>(
    engine: &E,
    train: &TrainSpec,
    ema: &EmaSpec,
    k: u64,
    state: &Params<Slot<E::T>>,
    gradients: Params<E::T>,
) -> Params<Slot<E::T>> {
    let gradients = clip(train, gradients);
    let rule = |lr| rule(train, ema, k, lr);
    let (torso, head) = (rule(train.lr), rule(train.head_lr.unwrap_or(train.lr)));
    let work: Vec<Pending<E::T>> = state
        .iter()
        .zip(gradients.tensors())
        .filter(|((spec, _), _)| spec.trained)
        .map(|((spec, slot), gradient)| (if spec.name.starts_with("head/") { &head } else { &torso }, slot, gradient))
        .collect();
    let mut updated = engine.update_all(&work).into_iter();
    Params::build(state.plan(), |(i, spec)| {
        spec.trained.then(|| updated.next()).flatten().unwrap_or_else(|| state.tensors()[i].clone())
    })
}
