//! Golden updates of the optimisers.

use std::sync::Arc;

use exp_api::spec::{Clip, EmaSpec, OptimizerKind, TrainSpec};
use serde_json::Value;

use super::{Case, number};
use crate::engine::{Engine, Slot};
use crate::optim;
use crate::params::{Init, Params, Plan};
use crate::tensor::Tensor;

/// The average is another case's matter.
const NO_EMA: EmaSpec = optim::constant(0.0);

/// Gives the optimiser each call's gradients; with accumulation it updates on the mean of every n of them only.
pub(super) fn case<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let train = train(&case.config["train"])?;
    let parts = train.batch / train.micro_batch.unwrap_or(train.batch);
    let plan = plan(case)?;
    let read = |group: &str| -> Result<Params<E::T>, String> {
        let values = plan.specs().iter().map(|spec| case.values(&format!("{group}/{}", spec.name)));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        Ok(Params::build(&plan, |(i, spec)| engine.upload(&spec.shape, &single(&values[i]))))
    };
    let mut state = start(&read("param0")?);
    let mut sum: Option<Params<E::T>> = None;
    for call in (1..).take_while(|call| case.has(&format!("step{call}/gradient_step"))) {
        let share = read(&format!("step{call}/grad"))?.map(|gradient| gradient.scale((parts as f64).recip()));
        let gradients = sum.take().map_or_else(|| share.clone(), |sum| sum.zip(&share, |a, b| a.add(b)));
        let still = state.map(|slot| Slot { param: slot.param.scale(0.0), ..slot.clone() });
        let mut moved = still.map(|slot| slot.param.clone());
        if call % parts == 0 {
            let rule = optim::rule(&train, &NO_EMA, call / parts - 1, train.lr);
            let clipped = optim::clip(&train, gradients);
            // From weights of 0 the new weights are the update itself, without the rounding of a sum.
            moved = still.zip(&clipped, |slot, gradient| engine.update(&rule, slot, gradient).param);
            state = state.zip(&clipped, |slot, gradient| engine.update(&rule, slot, gradient));
        } else {
            sum = Some(gradients);
        }
        for ((spec, slot), moved) in state.iter().zip(moved.tensors()) {
            case.close(&format!("step{call}/param/{}", spec.name), &double(&slot.param))?;
            case.close(&format!("step{call}/update/{}", spec.name), &double(moved))?;
        }
        case.close(&format!("step{call}/gradient_step"), &[(call / parts) as f64])?;
    }
    Ok(())
}

/// The optimiser of a configuration in the reference's words.
pub(super) fn train(config: &Value) -> Result<TrainSpec, String> {
    let optimizer = &config["optimizer"];
    let kind = match optimizer["type"].as_str() {
        Some(word) if word.eq_ignore_ascii_case("radam") => OptimizerKind::Radam,
        Some(word) if word.eq_ignore_ascii_case("adam") => OptimizerKind::Adam,
        other => return Err(format!("no optimiser is called {other:?}")),
    };
    // The reference reads them for Adam alone.
    let own = optimizer["betas"].as_array().filter(|_| kind == OptimizerKind::Adam);
    let beta = |i: usize, usual: f64| own.and_then(|betas| betas.get(i)?.as_f64()).unwrap_or(usual);
    let whole = |key: &str| config[key].as_u64().ok_or_else(|| format!("the configuration has no {key}"));
    Ok(TrainSpec {
        steps: config["total_step"].as_u64().unwrap_or(u64::MAX),
        batch: whole("total_batch_size")?,
        micro_batch: Some(whole("batch_size_per_rounds")?),
        lr: number(config, "/torso_learning_rate")?,
        head_lr: Some(number(config, "/head_learning_rate")?),
        lr_decay: 0.0,
        horizon: None,
        warmup: config["warmup"].as_u64().unwrap_or(0),
        optimizer: kind,
        betas: [beta(0, 0.9), beta(1, 0.999)],
        eps: 1e-8,
        clip: config["gradient_clip"].as_f64(),
        clip_by: Clip::Element,
        log_every: 1,
        preview_every: None,
        checkpoint_every: None,
        eval_every: None,
        keep: 1,
    })
}

/// Parameters as the case names them, under any order.
fn plan(case: &Case) -> Result<Arc<Plan>, String> {
    let mut plan = Plan::default();
    for name in case.names().filter_map(|name| name.strip_prefix("param0/")) {
        plan.param(name, &case.shape(&format!("param0/{name}"))?, Init::Zeros);
    }
    Ok(Arc::new(plan))
}

/// The state before the first update.
pub(super) fn start<T: Tensor>(theta: &Params<T>) -> Params<Slot<T>> {
    theta.map(|param| {
        let zeros = param.scale(0.0);
        Slot { param: param.clone(), ema: param.clone(), m: zeros.clone(), v: zeros }
    })
}

pub(super) fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

pub(super) fn double<T: Tensor>(tensor: &T) -> Vec<f64> {
    tensor.to_host().into_iter().map(f64::from).collect()
}
