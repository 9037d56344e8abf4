//! Golden tables of the schedule: counts of levels, grids, probabilities, sampling levels, and the head's weight.

use exp_api::spec::{Precondition, ScheduleSpec};
use serde_json::Value;

use super::losses::dsm_weights;
use super::optimizer::double;
use super::train::edm_pairs;
use super::{Case, number};
use crate::engine::Engine;
use crate::net::precondition::Wrapper;
use crate::schedule::{Ict, PAPER, edm, grid};
use crate::tensor::Tensor;

/// The tables that a case may hold, beside `schedule<i>`.
const TABLES: [&str; 12] = [
    "sigma_grid",
    "sigma_grid_f64",
    "t_steps_ascending",
    "edm_steps",
    "pae_steps",
    "prob",
    "prob_f64",
    "mincy_levels",
    "mincy_prob_neg",
    "mincy_prob_pos",
    "edm_joint",
    "precond",
];
/// Noise level at which the evaluation of paths ends.
const PATHS_END: f64 = 0.02;

/// Compares every table of the case.
pub(super) fn case<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let spec = schedule(&case.config)?;
    let paths = ScheduleSpec { sigma_min: PATHS_END, ..spec.clone() };
    for name in case.names() {
        let table = name.split('/').next().unwrap_or(name);
        if !TABLES.contains(&table) && !table.starts_with("schedule") {
            return Err(format!("nothing makes {name}"));
        }
    }
    each_size(case, "sigma_grid/N", |n| grid::rising(&spec, n))?;
    each_size(case, "sigma_grid_f64/N", |n| grid::rising(&spec, n))?;
    each_size(case, "t_steps_ascending/n", |n| grid::rising(&spec, n))?;
    each_size(case, "edm_steps/n", |n| grid::falling(&spec, n))?;
    each_size(case, "pae_steps/n", |n| grid::falling(&paths, n)[..n].to_vec())?;
    each_size(case, "prob/N", |n| probabilities(&spec, n))?;
    each_size(case, "prob_f64/N", |n| probabilities(&spec, n))?;
    let skipping = ScheduleSpec { skip_lowest: true, ..spec.clone() };
    each_size(case, "mincy_levels/N", |n| Ict::new(&of_size(&skipping, n), 1).at(0).sigmas.clone())?;
    each_size(case, "mincy_prob_neg/N", |n| probabilities(&skipping, n))?;
    let lost = ScheduleSpec { p_mean: -skipping.p_mean, ..skipping.clone() };
    each_size(case, "mincy_prob_pos/N", |n| probabilities(&lost, n))?;
    counts(case, &spec)?;
    preconditions(engine, case, spec.sigma_min)?;
    let z = case.values("edm_joint/z")?;
    let (sigma, previous): (Vec<f64>, Vec<f64>) = z.iter().map(|&z| edm::pair(&edm_pairs(&spec, 18), z)).unzip();
    case.close("edm_joint/sigma", &sigma)?;
    case.close("edm_joint/prev_sigma", &previous)?;
    let levels: Vec<f32> = case.values("precond/sigma")?.iter().map(|&sigma| sigma as f32).collect();
    let weights: Vec<f64> = dsm_weights(engine, &levels).into_iter().map(f64::from).collect();
    case.close("precond/dsm_weight", &weights)
}

/// The schedule of a configuration in the reference's words.
fn schedule(config: &Value) -> Result<ScheduleSpec, String> {
    Ok(ScheduleSpec {
        sigma_min: number(config, "/sigma_min")?,
        sigma_max: number(config, "/sigma_max")?,
        rho: number(config, "/rho")?,
        p_mean: number(config, "/p_mean")?,
        p_std: number(config, "/p_std")?,
        ..PAPER
    })
}

/// Compares all tables called `prefix` and a size; double precision has a bound of its own.
fn each_size(case: &Case, prefix: &str, table: impl Fn(usize) -> Vec<f64>) -> Result<(), String> {
    let mut sizes = case.names().filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).peekable();
    sizes.peek().ok_or_else(|| format!("the case has no table {prefix}.."))?;
    sizes.try_for_each(|n| {
        let name = format!("{prefix}{n}");
        if prefix.contains("f64") { case.within(&name, &table(n), 0.0, 1e-9) } else { case.close(&name, &table(n)) }
    })
}

/// The probability of each pair of neighbours among `n` levels.
fn probabilities(spec: &ScheduleSpec, n: usize) -> Vec<f64> {
    let schedule = Ict::new(&of_size(spec, n), 1);
    let cumulative = &schedule.at(0).cumulative;
    let below = std::iter::once(&0.0).chain(cumulative);
    cumulative.iter().zip(below).map(|(c, below)| c - below).collect()
}

/// The schedule with a grid of `n` levels.
fn of_size(spec: &ScheduleSpec, n: usize) -> ScheduleSpec {
    let intervals = n as u64 - 1;
    ScheduleSpec { s0: intervals, s1: intervals, ..spec.clone() }
}

/// Compares the scales of both preconditioners.
fn preconditions<E: Engine>(engine: &E, case: &Case, sigma_min: f64) -> Result<(), String> {
    let sigma: Vec<f32> = case.values("precond/sigma")?.iter().map(|&sigma| sigma as f32).collect();
    let sigma = engine.upload(&[sigma.len()], &sigma);
    for (kind, name) in [(Precondition::Cm, "cm"), (Precondition::Edm, "edm")] {
        let scales = Wrapper::new(kind, sigma_min).scales(&sigma);
        case.close("precond/c_in", &double(&scales.input))?;
        case.close("precond/c_noise", &double(&scales.noise))?;
        // D = c_skip x + c_out F: the scales are its values at (1, 0) and (0, 1).
        let (one, zero) = (scales.level.scale(0.0).offset(1.0), scales.level.scale(0.0));
        case.close(&format!("precond/{name}_c_skip"), &double(&scales.denoised(&one, &zero)))?;
        case.close(&format!("precond/{name}_c_out"), &double(&scales.denoised(&zero, &one)))?;
    }
    Ok(())
}

/// Compares the number of levels at the listed steps of each curriculum.
fn counts(case: &Case, spec: &ScheduleSpec) -> Result<(), String> {
    let curricula = case.config["schedules"].as_array().ok_or("the case lists no schedules")?;
    for (i, curriculum) in curricula.iter().enumerate() {
        let whole = |key: &str| curriculum[key].as_u64().ok_or_else(|| format!("schedule {i} has no {key}"));
        let spec = ScheduleSpec { s0: whole("s0")?, s1: whole("s1")?, ..spec.clone() };
        let schedule = Ict::new(&spec, whole("total_step")?);
        let steps = case.values(&format!("schedule{i}/k"))?;
        let found: Vec<f64> = steps.iter().map(|&k| schedule.count(k as u64) as f64).collect();
        case.within(&format!("schedule{i}/N"), &found, 0.0, 0.0)?;
    }
    Ok(())
}
