//! The first training step as a trace, on the images of noise that `Training` takes.

use std::error::Error;
use std::path::Path;

use exp_api::spec::RunSpec;
use exp_consistency::loss::{Clean, Drawn, Images, Objective, joint};
use exp_consistency::params::Params;
use exp_consistency::schedule::Pairs;
use serde_json::json;

use crate::on_request::planned;
use crate::traced::{Trace, Written};
use crate::training::noise;

/// Writes the first step for another library into a folder: `trace.json` (lines, the line of the loss, the optimiser's
/// numbers) and `values.f32` (parameters and data, little-endian). Returns the floating-point operations of the step.
pub fn write(spec: &RunSpec, folder: &Path) -> Result<f64, Box<dyn Error>> {
    let data = noise(spec);
    let images = data.range(0..data.len()).images;
    let network = planned(spec)?;
    let trace = Trace::default();
    let clean = Clean { images: Images::Here(&images), shape: data.shape(), first: 0, classes: None };
    let drawn = Drawn::new(&Pairs::of_loss(spec.loss.kind, &spec.schedule, spec.train.steps), &clean, spec.seed, 0);
    let noised = drawn.part(&trace, None, 0..drawn.count());
    let objective = Objective::open(&trace, &spec.loss)?;
    let plan = network.params();
    let theta = Params::build(plan, |(id, param)| trace.param(&param.shape, &plan.initial(id, spec.seed)));
    let loss = joint(&network, &objective, &theta, &noised).total.line;
    let Written { lines, values, flop } = trace.written();
    let train = json!({
        "lr": spec.train.lr, "betas": spec.train.betas, "eps": spec.train.eps, "ema": spec.ema.beta,
    });
    let text = json!({ "lines": lines, "loss": loss, "train": train }).to_string();
    std::fs::write(folder.join("trace.json"), text)?;
    std::fs::write(folder.join("values.f32"), values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())?;
    Ok(flop)
}
