//! Golden values of the moving average of the weights.

use exp_api::spec::EmaSpec;
use serde_json::Value;

use super::optimizer::{double, single, train};
use super::{Case, number};
use crate::engine::{Engine, Slot};
use crate::optim;
use crate::tensor::Tensor;

/// Follows given weights; the learning rate is 0, so that an update moves the average alone.
pub(super) fn case<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let ema = read(&case.config)?;
    let read = |name: &str| case.values(name).map(|values| engine.upload(&[values.len()], &single(&values)));
    let mut average = read("ema0")?;
    for step in (0u64..).take_while(|step| case.has(&format!("step{step}/param"))) {
        let param = read(&format!("step{step}/param"))?;
        let zeros = param.scale(0.0);
        let slot = Slot { param, ema: average, m: zeros.clone(), v: zeros.clone() };
        // The case counts updates after they are done; its first, of number 0, copies as the one after it does.
        let rule = optim::rule(&train(&any_optimizer())?, &ema, step.saturating_sub(1), 0.0);
        case.close(&format!("step{step}/decay"), &[rule.ema])?;
        average = engine.update(&rule, &slot, &zeros).ema;
        case.close(&format!("step{step}/ema"), &double(&average))?;
    }
    Ok(())
}

/// The moving average of a configuration in the reference's words.
pub(super) fn read(config: &Value) -> Result<EmaSpec, String> {
    let usual = optim::constant(number(config, "/beta")?);
    Ok(EmaSpec { update_after: config["update_after_step"].as_u64().unwrap_or(usual.update_after), ..usual })
}

/// Its rule is not looked at.
fn any_optimizer() -> Value {
    serde_json::json!({
        "optimizer": { "type": "adam" }, "total_batch_size": 1, "batch_size_per_rounds": 1,
        "torso_learning_rate": 0.0, "head_learning_rate": 0.0,
    })
}
