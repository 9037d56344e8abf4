//! Golden samples of every method, with given noise and weights.

use exp_api::spec::{Method, SampleSpec, ScheduleSpec};

use super::{Case, number};
use crate::engine::Engine;
use crate::sample::{Drawn, ONE_STEP, Sampler, heun};
use crate::schedule::{PAPER, grid};
use crate::tensor::Tensor;

/// Compares what each method draws, Heun's method level by level, and images denoised from other levels.
pub(super) fn case<E: Engine>(engine: &E, case: &Case, weights: &Case) -> Result<(), String> {
    let network = super::network(case)?;
    let theta = super::params(engine, &network, weights)?;
    let schedule = schedule(case)?;
    let (shape, _) = case.image("in/noise0")?;
    let sampler = Sampler { network: &network, theta: &theta, shape, schedule: &schedule, data: None, classes: 1 };
    let steps = number(&case.config, "/framework/diffusion/n_timestep")? as u64;
    let noise = [case.tensor(engine, "in/noise0")?, case.tensor(engine, "in/noise1")?];
    let end = format!("edm/x{steps}");
    let methods = [(Method::OneStep, "out/one_step"), (Method::TwoStep, "out/two_step"), (Method::Heun, end.as_str())];
    for (method, name) in methods {
        let spec = SampleSpec { method, mid_sigma: 0.661, steps, ..ONE_STEP };
        case.close_tensor(name, &sampler.images_of(&spec, &Drawn::default(), |stage| noise[stage as usize].clone()))?;
    }

    let levels = grid::falling(&schedule, steps as usize);
    case.close("edm/t_steps", &levels)?;
    let mut x = noise[0].scale(levels[0]);
    for (j, pair) in levels.windows(2).enumerate() {
        case.close_tensor(&format!("edm/x{j}"), &x)?;
        case.close_tensor(&format!("edm/D_x{j}"), &sampler.torso(&x, pair[0], None))?;
        x = heun::step(&x, pair[0], pair[1], |x, sigma| sampler.score(x, sigma, None));
    }

    for name in case.names() {
        let Some(sigma) = name.strip_prefix("out/intermediate_sigma") else { continue };
        let sigma: f64 = sigma.parse().map_err(|_| format!("{name} does not tell its noise level"))?;
        let drawn = Drawn { labels: None, clean: Some(case.tensor(engine, "in/original_data")?) };
        let spec = SampleSpec { method: Method::Intermediate, start_sigma: sigma, ..ONE_STEP };
        case.close_tensor(name, &sampler.images_of(&spec, &drawn, |_| noise[0].clone()))?;
    }
    Ok(())
}

/// The noise levels of the case; it trains nothing, so the curriculum does not matter.
fn schedule(case: &Case) -> Result<ScheduleSpec, String> {
    let config = &case.config["framework"]["diffusion"];
    Ok(ScheduleSpec {
        sigma_min: number(config, "/sigma_min")?,
        sigma_max: number(config, "/sigma_max")?,
        rho: number(config, "/rho")?,
        ..PAPER
    })
}
