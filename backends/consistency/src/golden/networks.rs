//! Golden forward passes of torsos and heads, and the network that other kinds of cases start from.

use std::sync::Arc;

use exp_api::Problem;
use exp_api::spec::{ModelSpec, Precondition};

use super::case::{Case, number};
use super::config;
use crate::engine::Engine;
use crate::net::head::{Given, Head};
use crate::net::precondition::Wrapper;
use crate::net::scope::Scope;
use crate::net::torso::Torso;
use crate::net::{Denoised, Network, Noisy, Pass, one_hot};
use crate::params::{Params, Plan};
use crate::tensor::Tensor;

/// The reference's smallest noise level, where a case names none.
const SIGMA_MIN: f64 = 0.002;

/// A torso inside its preconditioner, with every output that the case lists.
pub(super) fn preconditioned<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let (shape, _) = case.image("in/x")?;
    let torso = config::torso(&case.kind, &case.config)?;
    let sigma_min = number(&case.config, "/sigma_min").unwrap_or(SIGMA_MIN);
    let (x, sigma) = (case.tensor(engine, "in/x")?, levels(engine, case)?);
    let denoise = |precondition| -> Result<Denoised<E::T>, String> {
        let spec = ModelSpec { precondition, torso: torso.clone(), head: None };
        let network = Network::plan(&spec, shape.channels, shape.width, sigma_min).map_err(in_words)?;
        let theta = own_params(engine, network.params(), case)?;
        Ok(network.denoise(&theta, &Noisy { x: &x, sigma: &sigma, labels: None }, Pass::Eval))
    };
    let denoised = denoise(Precondition::Cm)?;
    for name in case.names().filter_map(|name| name.strip_prefix("out/")) {
        let stored = format!("out/{name}");
        match name {
            "D_x" => case.close_tensor(&stored, &denoised.image)?,
            "D_x_edm" => case.close_tensor(&stored, &denoise(Precondition::Edm)?.image)?,
            "F_x" => {
                let scales = Wrapper::new(Precondition::Cm, sigma_min).scales(&sigma);
                let (torso, theta) = bare_torso(engine, case)?;
                let raw = torso.apply(&theta, &scales.input.mul(&x), &scales.noise, None, Pass::Eval);
                case.close_tensor(&stored, &raw.image)?;
            }
            "t_emb" => case.close_tensor(&stored, &denoised.embedding)?,
            "last_x_emb" => case.close_tensor(&stored, &denoised.features)?,
            _ => return Err(format!("nothing makes {stored}")),
        }
    }
    Ok(())
}

/// A torso alone, given ln(sigma) / 4 where it asks for it.
pub(super) fn bare<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let (torso, theta) = bare_torso(engine, case)?;
    let noise = if case.has("in/t") { "in/t" } else { "in/time_cond" };
    let (x, noise) = (case.tensor(engine, "in/x")?, case.tensor(engine, noise)?);
    let output = torso.apply(&theta, &x, &noise, None, Pass::Eval);
    for name in case.names().filter(|name| name.starts_with("out/")) {
        match name {
            "out/F_x" => case.close_tensor(name, &output.image)?,
            "out/t_emb" => case.close_tensor(name, &output.embedding)?,
            "out/last_x_emb" => case.close_tensor(name, &output.features)?,
            _ => return Err(format!("nothing makes {name}")),
        }
    }
    Ok(())
}

/// mincy's network alone, and inside its preconditioner as coded and as meant.
pub(super) fn mincy<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let (shape, _) = case.image("in/x")?;
    let (torso, theta) = bare_torso(engine, case)?;
    let spec = config::torso(&case.kind, &case.config)?;
    let labels = match spec.classes() {
        Some(count) => {
            let classes: Vec<u64> = case.values("in/labels")?.iter().map(|&class| class as u64).collect();
            Some(one_hot(engine, classes.into_iter(), count as usize))
        }
        None => None,
    };
    let labels = labels.as_ref();
    let raw = |x: &E::T, noise: &E::T| torso.apply(&theta, x, noise, labels, Pass::Eval).image;
    for name in case.names().filter(|name| name.starts_with("out/") || name.starts_with("cf/")) {
        let (what, precondition) = match name {
            "cf/xt" | "cf/sigma" => continue,
            "out/F" => {
                case.close_tensor(name, &raw(&case.tensor(engine, "in/x")?, &case.tensor(engine, "in/t")?))?;
                continue;
            }
            "cf/raw_as_coded" | "cf/out_as_coded" => (&name[3..6], Precondition::CmSquared),
            "cf/raw_fixed" | "cf/out_fixed" => (&name[3..6], Precondition::Cm),
            _ => return Err(format!("nothing makes {name}")),
        };
        let (x, sigma) = (case.tensor(engine, "cf/xt")?, case.tensor(engine, "cf/sigma")?);
        let wrapper = Wrapper::new(precondition, SIGMA_MIN);
        let scales = wrapper.scales(&sigma);
        if what == "raw" {
            case.close_tensor(name, &raw(&wrapper.input(&scales, &x), &scales.noise))?;
            continue;
        }
        let spec = ModelSpec { precondition, torso: spec.clone(), head: None };
        let network = Network::plan(&spec, shape.channels, shape.width, SIGMA_MIN).map_err(in_words)?;
        let theta = own_params(engine, network.params(), case)?;
        let denoised = network.denoise(&theta, &Noisy { x: &x, sigma: &sigma, labels }, Pass::Eval);
        case.close_tensor(name, &denoised.image)?;
    }
    Ok(())
}

/// A head on the torso's given output.
pub(super) fn head<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let (shape, _) = case.image("in/x")?;
    let torso = Denoised {
        image: case.tensor(engine, "in/D_x")?,
        embedding: case.tensor(engine, "in/t_emb")?,
        features: case.tensor(engine, "in/last_x_emb")?,
    };
    let given = Given {
        channels: shape.channels,
        side: shape.width,
        features: torso.features.shape()[1],
        embedding: torso.embedding.shape()[1],
    };
    let spec = config::head(&case.config)?;
    let (head, plan) = planned("head", |scope| Head::plan(scope, &spec, given))?;
    let theta = own_params(engine, &plan, case)?;
    let sigma_min = number(&case.config, "/sigma_min").unwrap_or(SIGMA_MIN);
    let scales = Wrapper::new(Precondition::Cm, sigma_min).scales(&levels(engine, case)?);
    let scored = head.apply(&theta, &scales, &case.tensor(engine, "in/x")?, &torso, Pass::Eval);
    case.names().filter(|name| name.starts_with("out/")).try_for_each(|name| match name {
        "out/denoised" => case.close_tensor(name, &scored.image),
        "out/dh_dx_inv" | "out/dh_dt" => {
            let factors = scored.factors.as_ref().ok_or("the head has no factors")?;
            case.close_tensor(name, &factors[usize::from(name == "out/dh_dt")])
        }
        _ => Err(format!("nothing makes {name}")),
    })
}

/// The network that a whole configuration describes, for images as large as the case's inputs.
pub(super) fn network(case: &Case) -> Result<Network, String> {
    let model = &case.config["model"];
    let kind = model["diffusion"]["type"].as_str().ok_or("the configuration names no torso")?;
    let torso = config::torso(kind, &model["diffusion"])?;
    let spec = ModelSpec { precondition: Precondition::Cm, torso, head: Some(config::head(&model["head"])?) };
    let image = |name: &&str| name.starts_with("in/") || name.contains("/in/");
    let shape = case.names().filter(image).find_map(|name| case.image(name).ok()).ok_or("the case has no image")?.0;
    let sigma_min = number(&case.config, "/framework/diffusion/sigma_min")?;
    Network::plan(&spec, shape.channels, shape.width, sigma_min).map_err(in_words)
}

/// Parameters of torso and head, which `weights` calls as we do.
pub(super) fn params<E: Engine>(engine: &E, network: &Network, weights: &Case) -> Result<Params<E::T>, String> {
    read_params(engine, network.params(), weights, str::to_owned)
}

/// The torso without its preconditioner, and its parameters.
fn bare_torso<E: Engine>(engine: &E, case: &Case) -> Result<(Torso, Params<E::T>), String> {
    let (shape, _) = case.image("in/x")?;
    let spec = config::torso(&case.kind, &case.config)?;
    let (torso, plan) = planned("torso", |scope| Torso::plan(scope, &spec, shape.channels, shape.width))?;
    let theta = own_params(engine, &plan, case)?;
    Ok((torso, theta))
}

/// Something planned by itself.
pub(super) fn planned<R>(root: &str, build: impl FnOnce(&mut Scope) -> R) -> Result<(R, Arc<Plan>), String> {
    let (mut plan, mut problems) = (Plan::default(), Vec::new());
    let built = Scope::new(&mut plan, &mut problems, "config", "width").child(root, build);
    if problems.is_empty() { Ok((built, Arc::new(plan))) } else { Err(in_words(problems)) }
}

/// The parameters of a case of one network, stored below `param` whichever network it is.
fn own_params<E: Engine>(engine: &E, plan: &Arc<Plan>, case: &Case) -> Result<Params<E::T>, String> {
    read_params(engine, plan, case, |name| format!("param{}", &name[name.find('/').unwrap_or(0)..]))
}

/// All parameters of a plan, kernels turned to OIHW; every stored parameter must have its place.
fn read_params<E: Engine>(
    engine: &E,
    plan: &Arc<Plan>,
    case: &Case,
    stored: impl Fn(&str) -> String,
) -> Result<Params<E::T>, String> {
    let mut tensors = Vec::new();
    for spec in plan.specs() {
        let name = stored(&spec.name);
        let array = case.tensors.get(&name)?;
        let kernel = (array.shape.len() == 4).then(|| array.permuted(&[3, 2, 0, 1]));
        let array = kernel.as_ref().unwrap_or(array);
        if array.shape != spec.shape {
            return Err(format!("{name} has shape {:?}, the plan says {:?}", array.shape, spec.shape));
        }
        tensors.push(engine.upload(&array.shape, &array.single()));
    }
    let root = |name: &&str| ["param/", "torso/", "head/"].iter().any(|root| name.starts_with(root));
    let held = case.names().filter(root).count();
    if held != tensors.len() {
        return Err(format!("the plan has {} parameters, the file {held}", tensors.len()));
    }
    Ok(Params::build(plan, |(i, _)| tensors[i].clone()))
}

/// The noise levels `[B]`.
fn levels<E: Engine>(engine: &E, case: &Case) -> Result<E::T, String> {
    let sigma: Vec<f32> = case.values("in/sigma")?.iter().map(|&sigma| sigma as f32).collect();
    Ok(engine.upload(&[sigma.len()], &sigma))
}

fn in_words(problems: Vec<Problem>) -> String {
    let lines: Vec<String> = problems.into_iter().map(|p| format!("{}: {}", p.key, p.message)).collect();
    lines.join("; ")
}
