//! The whole of what a checkpoint holds.

use std::collections::HashMap;
use std::sync::Arc;

use crate::checkpoint::HostTensor;
use crate::engine::{Engine, Slot};
use crate::params::{ParamSpec, Params, Plan};
use crate::tensor::Tensor;

/// Steps done, and for every parameter its weights, their average and the optimiser's moments.
#[derive(Debug, Clone)]
pub(super) struct TrainState<T> {
    pub(super) step: u64,
    pub(super) slots: Params<Slot<T>>,
}

/// The parts of a slot by their names on disk.
const PARTS: [&str; 4] = ["param", "ema", "m", "v"];

impl<T: Tensor> TrainState<T> {
    /// The state before the first step; weights drawn from `seed`.
    pub(super) fn fresh<E: Engine<T = T>>(engine: &E, plan: &Arc<Plan>, seed: u64) -> TrainState<T> {
        let slots = Params::build(plan, |(id, spec)| {
            let param = engine.upload(&spec.shape, &plan.initial(id, seed));
            let zeros = engine.upload(&spec.shape, &vec![0.0; spec.len()]);
            Slot { ema: param.clone(), param, m: zeros.clone(), v: zeros }
        });
        TrainState { step: 0, slots }
    }

    /// The state that [`TrainState::tensors`] wrote.
    ///
    /// # Errors
    /// The first tensor that is missing or of another shape, in words.
    pub(super) fn restored<E: Engine<T = T>>(
        engine: &E,
        plan: &Arc<Plan>,
        step: u64,
        tensors: Vec<HostTensor>,
    ) -> Result<TrainState<T>, String> {
        let [params, emas, ms, vs] = PARTS.map(|part| place(engine, plan, &format!("{part}/"), &tensors));
        let (params, emas) = (params?, emas?);
        let (ms, vs) = (ms?, vs?);
        let weights = params.zip(&emas, |param, ema| (param.clone(), ema.clone()));
        let moments = ms.zip(&vs, |m, v| (m.clone(), v.clone()));
        let slots = weights.zip(&moments, |(param, ema), (m, v)| Slot {
            param: param.clone(),
            ema: ema.clone(),
            m: m.clone(),
            v: v.clone(),
        });
        Ok(TrainState { step, slots })
    }

    /// Everything as named tensors on the host.
    pub(super) fn tensors(&self) -> Vec<HostTensor> {
        let host = |part: &str, name: &str, tensor: &T| HostTensor {
            name: format!("{part}/{name}"),
            shape: tensor.shape(),
            values: tensor.to_host(),
        };
        self.slots
            .iter()
            .flat_map(|(spec, slot)| {
                let parts = [&slot.param, &slot.ema, &slot.m, &slot.v];
                PARTS.into_iter().zip(parts).map(|(part, tensor)| host(part, &spec.name, tensor)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The weights.
    pub(super) fn theta(&self) -> Params<T> {
        self.slots.map(|slot| slot.param.clone())
    }

    /// Their moving average.
    pub(super) fn ema(&self) -> Params<T> {
        self.slots.map(|slot| slot.ema.clone())
    }
}

/// The parameters of a plan among named tensors, each under `prefix`.
///
/// # Errors
/// The first one that is missing or of another shape, in words.
pub(super) fn place<E: Engine>(
    engine: &E,
    plan: &Arc<Plan>,
    prefix: &str,
    tensors: &[HostTensor],
) -> Result<Params<E::T>, String> {
    let by_name = fits(plan.specs().iter(), prefix, tensors)?;
    Ok(Params::build(plan, |(_, spec)| {
        engine.upload(&spec.shape, &by_name[format!("{prefix}{}", spec.name).as_str()].values)
    }))
}

/// The named tensors, if all of `specs` are among them under `prefix`.
///
/// # Errors
/// The first one that is missing or of another shape, in words.
pub(super) fn fits<'a, 'b>(
    specs: impl Iterator<Item = &'a ParamSpec>,
    prefix: &str,
    tensors: &'b [HostTensor],
) -> Result<HashMap<&'b str, &'b HostTensor>, String> {
    let by_name: HashMap<&str, &HostTensor> = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    for spec in specs {
        match by_name.get(format!("{prefix}{}", spec.name).as_str()) {
            None => return Err(format!("it has no {prefix}{}", spec.name)),
            Some(tensor) if tensor.shape != spec.shape => {
                return Err(format!("{} has the shape {:?}, expected {:?}", tensor.name, tensor.shape, spec.shape));
            }
            Some(_) => {}
        }
    }
    Ok(by_name)
}
