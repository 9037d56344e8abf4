//! Golden steps of the joint training: losses, gradients, weights and averages, with given noise and levels.

use std::collections::BTreeMap;

use exp_api::spec::{EdmPairsSpec, EmaSpec, HuberNorm, HuberSpec, LossKind, LossSpec, ScheduleSpec, TrainSpec};
use serde_json::Value;

use super::optimizer::{double, start, train};
use super::{Case, number};
use crate::engine::{Engine, Slot};
use crate::loss::{Clean, HUBER, Images, Noised, Objective, Terms, joint};
use crate::optim;
use crate::params::Params;
use crate::schedule::{Ict, PAPER, edm};
use crate::tensor::Tensor;

/// The two networks, as parameter names and the case's tensors call them.
const NETWORKS: [&str; 2] = ["torso", "head"];

/// Follows the steps of the case from its initial weights; every loss, norm and tensor that it lists must agree.
pub(super) fn case<E: Engine>(engine: &E, case: &Case, weights: &Case) -> Result<(), String> {
    let setup = Setup::read(case)?;
    let network = super::network(case)?;
    let objective = Objective::open(engine, &setup.loss).map_err(|error| error.to_string())?;
    let mut state = start(&super::params(engine, &network, weights)?);
    let mut sum: Option<Params<E::T>> = None;
    for call in (1..).take_while(|call| case.has(&format!("step{call}/out/gradient_step"))) {
        let (done, after) = ((call - 1) / setup.parts, call / setup.parts);
        let batch = setup.batch(engine, case, call, done)?;
        let before = state.map(|slot| slot.param.clone());
        let (_, terms, gradients) = engine.value_and_grad(&before, |theta| {
            let terms = joint(&network, &objective, theta, &batch);
            (terms.total.clone(), terms)
        });
        let mut found = Found { case, outputs: BTreeMap::new() };
        found.losses(&terms, &setup.logged);
        found.gradients(&gradients)?;

        let share = gradients.map(|gradient| gradient.scale((setup.parts as f64).recip()));
        let mean = sum.take().map_or_else(|| share.clone(), |sum| sum.zip(&share, |a, b| a.add(b)));
        if after > done {
            state = setup.update(engine, done, &state, mean);
        } else {
            sum = Some(mean);
        }
        found.state(&before, &state)?;
        found.outputs.insert("gradient_step".to_owned(), vec![after as f64]);
        found.compare(call)?;
    }
    Ok(())
}

/// The configuration of the case, in our words.
struct Setup {
    loss: LossSpec,
    /// What the reference calls the distance where it logs it.
    logged: String,
    train: TrainSpec,
    ema: EmaSpec,
    levels: Levels,
    /// Calls of one update.
    parts: u64,
}

/// How the case's numbers become pairs of noise levels.
enum Levels {
    /// Indices of the lower level on the grid of the curriculum.
    Index(Ict),
    /// Standard normal numbers, and the levels of a grid on which the lower level is one place below.
    Normal(ScheduleSpec),
}

impl Setup {
    fn read(case: &Case) -> Result<Setup, String> {
        let config = &case.config["framework"]["diffusion"];
        let train = train(&config["train"])?;
        let whole = |path: &str| number(config, path).map(|n| n as u64);
        let schedule = ScheduleSpec {
            s0: whole("/params_ema_for_training/1")?,
            s1: whole("/params_ema_for_training/2")?,
            sigma_min: number(config, "/sigma_min")?,
            sigma_max: number(config, "/sigma_max")?,
            rho: number(config, "/rho")?,
            ..PAPER
        };
        let levels = match config["sigma_sampling_joint"].as_str() {
            Some("iCT") => Levels::Index(Ict::new(&schedule, train.steps)),
            Some("EDM") => Levels::Normal(edm_pairs(&schedule, whole("/n_timestep")?)),
            other => return Err(format!("no test draws noise levels by {other:?}")),
        };
        Ok(Setup {
            loss: loss(config)?,
            logged: config["loss"].as_str().unwrap_or_default().to_owned(),
            parts: train.batch / train.micro_batch.unwrap_or(train.batch),
            train,
            ema: super::ema::read(&case.config["ema"])?,
            levels,
        })
    }

    /// The batch of a call that comes after `done` updates.
    fn batch<E: Engine>(&self, engine: &E, case: &Case, call: u64, done: u64) -> Result<Noised<E::T>, String> {
        let input = |name: &str| format!("step{call}/in/{name}");
        let (shape, y) = case.image(&input("y"))?;
        let (_, noise) = case.image(&input("noise"))?;
        let pairs: Vec<(f64, f64)> = match &self.levels {
            Levels::Index(schedule) => {
                let sigmas = &schedule.at(done).sigmas;
                let indices = case.values(&input("sigma_index"))?;
                indices.iter().map(|&i| (sigmas[i as usize + 1], sigmas[i as usize])).collect()
            }
            Levels::Normal(schedule) => {
                case.values(&input("sigma_z"))?.iter().map(|&z| edm::pair(schedule, z)).collect()
            }
        };
        Ok(Noised::with(engine, &Clean { images: Images::Here(&y), shape, first: 0, classes: None }, &noise, &pairs, 0))
    }

    /// The state after one more than `done` updates, each network at its own rate.
    fn update<E: Engine>(
        &self,
        engine: &E,
        done: u64,
        state: &Params<Slot<E::T>>,
        gradients: Params<E::T>,
    ) -> Params<Slot<E::T>> {
        optim::update(engine, &self.train, &self.ema, done, state, gradients)
    }
}

fn loss(config: &Value) -> Result<LossSpec, String> {
    let kind = match config["loss"].as_str() {
        Some("huber") => LossKind::Huber,
        Some("pseudo_huber") => LossKind::Huber,
        Some("l2") => LossKind::L2,
        other => return Err(format!("no loss is called {other:?}")),
    };
    Ok(LossSpec {
        kind,
        lambda: config["joint_training_weight"].as_f64().unwrap_or(1.0),
        gradient_flow: config["gradient_flow_from_head"].as_bool().ok_or("gradient_flow_from_head is missing")?,
        huber: HuberSpec { c: config["pseudo_huber_loss_c"].as_f64(), norm: HuberNorm::Element },
        ..HUBER
    })
}

/// EDM's pairs as the reference codes them, on a grid of `levels`.
pub(super) fn edm_pairs(schedule: &ScheduleSpec, levels: u64) -> ScheduleSpec {
    ScheduleSpec { p_mean: -1.2, p_std: 1.2, edm: EdmPairsSpec { levels, floor: false }, ..schedule.clone() }
}

/// What one call gives, by the names under which the case may list it.
struct Found<'a> {
    case: &'a Case,
    outputs: BTreeMap<String, Vec<f64>>,
}

impl Found<'_> {
    fn put<T: Tensor>(&mut self, name: impl Into<String>, value: &T) {
        self.outputs.insert(name.into(), double(value));
    }

    fn losses<T: Tensor>(&mut self, terms: &Terms<T>, distance: &str) {
        self.put("total_loss", &terms.total);
        for (part, value) in &terms.parts {
            let logged = if *part == "dsm" { "head_dsm_loss" } else { distance };
            self.put(format!("log/train/{logged}"), value);
        }
    }

    fn gradients<T: Tensor>(&mut self, gradients: &Params<T>) -> Result<(), String> {
        self.put("log/train/grad_l2_norms", &optim::global_norm(gradients, NETWORKS[0]));
        for network in NETWORKS {
            self.put(format!("{network}_grad_norm"), &optim::global_norm(gradients, network));
        }
        self.tensors("grad", gradients)
    }

    fn state<T: Tensor>(&mut self, before: &Params<T>, after: &Params<Slot<T>>) -> Result<(), String> {
        let weights = after.map(|slot| slot.param.clone());
        let moved = weights.zip(before, |new, old| new.sub(old));
        self.put("log/train/weight_update_distance", &optim::global_norm(&moved, NETWORKS[0]));
        self.tensors("param", &weights)?;
        self.tensors("ema", &after.map(|slot| slot.ema.clone()))
    }

    /// The values of all tensors, and their norms in the order of the manifest's lists; `what` is `grad`, `param` or
    /// `ema`.
    fn tensors<T: Tensor>(&mut self, what: &str, tensors: &Params<T>) -> Result<(), String> {
        for (spec, tensor) in tensors.iter() {
            let (network, path) = spec.name.split_once('/').ok_or("a parameter belongs to no network")?;
            let values = reference_order(&double(tensor), &spec.shape);
            self.outputs.insert(format!("{network}_{what}/{path}"), values);
        }
        for network in NETWORKS {
            let listed = self.case.entry[format!("{network}_param_names")].as_array().ok_or("no list of parameters")?;
            let norm = |path: &Value| {
                let values = self.outputs.get(&format!("{network}_{what}/{}", path.as_str()?))?;
                Some(values.iter().map(|value| value * value).sum::<f64>().sqrt())
            };
            let norms: Option<Vec<f64>> = listed.iter().map(norm).collect();
            let norms = norms.ok_or_else(|| format!("a listed parameter of the {network} is missing"))?;
            self.outputs.insert(format!("{network}_{what}_norms"), norms);
        }
        Ok(())
    }

    /// Compares with all that the case lists for the call.
    fn compare(&self, call: u64) -> Result<(), String> {
        let prefix = format!("step{call}/out/");
        self.case.names().filter(|name| name.starts_with(&prefix)).try_for_each(|name| {
            let found = self.outputs.get(&name[prefix.len()..]).ok_or_else(|| format!("nothing makes {name}"))?;
            self.case.close(name, found)
        })
    }
}

/// Values of a kernel `[O,I,H,W]` in the reference's order `[H,W,I,O]`; others as they are.
fn reference_order(values: &[f64], shape: &[usize]) -> Vec<f64> {
    let [outputs, inputs, h, w] = *shape else { return values.to_vec() };
    let places = (0..h * w).flat_map(|pixel| (0..inputs).flat_map(move |i| (0..outputs).map(move |o| (o, i, pixel))));
    places.map(|(o, i, pixel)| values[(o * inputs + i) * h * w + pixel]).collect()
}
