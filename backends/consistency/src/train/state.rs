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

    /// The first parameter, or average of one, that holds a value which is not finite, in words.
    pub(super) fn not_finite(&self) -> Option<String> {
        let all: Vec<&T> = self.slots.iter().flat_map(|(_, slot)| [&slot.param, &slot.ema]).collect();
        // One number for all of them; only where that is none they are looked at one by one, since squares overflow first.
        if T::sum_squares_of(&all).to_host().iter().all(|sum| sum.is_finite()) {
            return None;
        }
        let faulty = |tensor: &T| tensor.to_host().iter().any(|value| !value.is_finite());
        self.slots.iter().find_map(|(spec, slot)| match (faulty(&slot.param), faulty(&slot.ema)) {
            (true, _) => Some(format!("the parameter {}", spec.name)),
            (false, true) => Some(format!("the average of {}", spec.name)),
            (false, false) => None,
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{Doubles, OracleEngine};
    use crate::params::Init;

    #[test]
    fn a_value_that_is_not_finite_is_named_and_a_large_one_is_none() {
        let mut plan = Plan::default();
        plan.param("torso/a", &[2], Init::Ones);
        plan.param("head/b", &[2], Init::Ones);
        let sound = TrainState::fresh(&OracleEngine, &Arc::new(plan), 0);
        assert_eq!(sound.not_finite(), None);
        let with = |value: f64, set: fn(&mut Slot<Doubles>, Doubles)| {
            let slots = Params::build(sound.slots.plan(), |(i, _)| {
                let mut slot = sound.slots.tensors()[i].clone();
                if i == 1 {
                    set(&mut slot, Doubles::new(&[2], [1.0, value]));
                }
                slot
            });
            TrainState { step: 1, slots }.not_finite()
        };
        let param = |slot: &mut Slot<Doubles>, value| slot.param = value;
        let ema = |slot: &mut Slot<Doubles>, value| slot.ema = value;
        assert_eq!(with(f64::NAN, param).as_deref(), Some("the parameter head/b"));
        assert_eq!(with(f64::INFINITY, ema).as_deref(), Some("the average of head/b"));
        assert_eq!(with(1e30, param), None, "its square is none that f32 holds");
    }
}
