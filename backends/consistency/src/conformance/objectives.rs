//! Whether the gradients of whole objectives are right, for every kind of network, head and loss.
//!
//! What is differentiated has parts that are held fixed: the target, and what the head sees of the torso. So the slopes
//! are not those of [`joint`]'s value: the objective is written out once more with these parts as numbers, on the oracle
//! in `f64`, and followed along random directions by central differences.

use exp_api::spec::{HuberNorm, HuberSpec, LossKind, LossSpec, ModelSpec};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::loss::{Clean, HUBER, Images, Noised, Objective, consistency, dsm, joint};
use crate::net::{Denoised, Network, Pass};
use crate::oracle::{Doubles, OracleEngine};
use crate::params::{ParamSpec, Params};
use crate::rng::{Draw, Purpose};
use crate::tensor::{Key, Tensor};

/// Step of the differences.
const STEP: f64 = 1.0 / 65536.0;
/// Share of the gradient's norm by which a slope along a direction of unit normal numbers may be off.
const TOLERANCE: f64 = 1e-4;
/// Side of the images.
const SIDE: usize = 4;
/// Classes of the images.
const CLASSES: u16 = 3;
/// Nothing is dropped: no network here has a rate above 0.
const PASS: Pass = Pass::Train { dropout: Key { drawn: 0, place: 0 } };

/// A network and what it minimises.
struct Case {
    name: String,
    model: ModelSpec,
    loss: LossSpec,
}

/// Gradients of every case.
pub(super) fn agree<E: Engine>(engine: &E) -> Result<(), String> {
    let faults: Vec<String> = cases()?
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, slopes_agree(engine, case).err()?)))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

fn slopes_agree<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let network = Network::plan(&case.model, 2, SIDE, 0.002).map_err(|problems| format!("{problems:?}"))?;
    let start = Params::build(network.params(), |(i, spec)| normals(Purpose::Init, i as u64, spec.len()));
    let theta = start.zip(&shapes(&network), |values, shape| engine.upload(shape, values));
    let objective = Objective::open(engine, &case.loss).map_err(|error| error.to_string())?;
    let batch = batch(engine, &network);
    let (value, (), gradients) =
        engine.value_and_grad(&theta, |theta| (joint(&network, &objective, theta, &batch).total, ()));
    let gradients = gradients.map(|tensor| tensor.to_host());

    let surrogate = Surrogate::new(&network, case, &start);
    let exact = surrogate.value(&surrogate.start);
    let found = f64::from(value.to_host()[0]);
    if (found - exact).abs() > TOLERANCE * exact.abs() {
        return Err(format!("the value is {found}, expected {exact}"));
    }
    for part in ["torso/", "head/"] {
        if network.params().count(part) == 0 {
            continue;
        }
        let own = |spec: &ParamSpec| spec.trained && spec.name.starts_with(part);
        let norm: f64 = gradients
            .iter()
            .filter(|(spec, _)| own(spec))
            .flat_map(|(_, values)| values.iter().map(|&g| f64::from(g) * f64::from(g)))
            .sum::<f64>()
            .sqrt();
        for turn in 0..2 {
            let direction = Params::build(network.params(), |(i, spec)| match own(spec) {
                true => normals(Purpose::Eval, 1000 * turn + i as u64, spec.len()),
                false => vec![0.0; spec.len()],
            });
            let slope = surrogate.slope(&direction);
            let terms = gradients.tensors().iter().flatten().zip(direction.tensors().iter().flatten());
            let found: f64 = terms.map(|(&g, &d)| f64::from(g) * f64::from(d)).sum();
            if (found - slope).abs() > TOLERANCE * norm.max(slope.abs()) || norm == 0.0 {
                return Err(format!("{part} falls by {found} along a direction, expected {slope} (norm {norm})"));
            }
        }
    }
    let still = gradients.iter().filter(|(spec, _)| !spec.trained).all(|(_, g)| g.iter().all(|&g| g == 0.0));
    if still { Ok(()) } else { Err("a parameter that is not trained has a gradient".to_owned()) }
}

/// The objective with the parts that it holds fixed as numbers.
struct Surrogate<'a> {
    network: &'a Network,
    objective: Objective<Doubles>,
    batch: Noised<Doubles>,
    start: Params<Doubles>,
    target: Doubles,
    seen: Denoised<Doubles>,
}

impl<'a> Surrogate<'a> {
    fn new(network: &'a Network, case: &Case, start: &Params<Vec<f32>>) -> Surrogate<'a> {
        let start = start.zip(&shapes(network), |values, shape| OracleEngine.upload(shape, values));
        let batch = batch(&OracleEngine, network);
        let target = batch.followed(|noisy| network.denoise(&start, noisy, PASS).image);
        let seen = network.denoise(&start, &batch.upper(), PASS);
        let objective = Objective::open(&OracleEngine, &case.loss).expect("opened before on the engine");
        Surrogate { network, objective, batch, start, target, seen }
    }

    fn value(&self, theta: &Params<Doubles>) -> f64 {
        let student = self.network.denoise(theta, &self.batch.upper(), PASS);
        let torso = match &self.objective.distance {
            Some(distance) => consistency::term(distance, &student.image, &self.target, &self.batch),
            None => dsm::term(1.0, &student.image, &self.batch),
        };
        let through = if self.objective.spec.gradient_flow { &student } else { &self.seen };
        let seen = Denoised {
            image: self.seen.image.clone(),
            embedding: through.embedding.clone(),
            features: through.features.clone(),
        };
        let head = self.network.score(theta, &self.batch.upper(), &seen, PASS);
        let head = head.map_or(0.0, |image| dsm::term(self.objective.spec.lambda, &image, &self.batch).values()[0]);
        torso.values()[0] + head
    }

    fn slope(&self, direction: &Params<Vec<f32>>) -> f64 {
        let at = |step: f64| {
            let moved = self.start.zip(direction, |start, direction| {
                let values = start.values().iter().zip(direction).map(|(a, &d)| a + step * f64::from(d));
                Doubles::new(&start.shape(), values.collect::<Vec<_>>())
            });
            self.value(&moved)
        };
        (at(STEP) - at(-STEP)) / (2.0 * STEP)
    }
}

fn shapes(network: &Network) -> Params<Vec<usize>> {
    Params::build(network.params(), |(_, spec)| spec.shape.clone())
}

fn normals(purpose: Purpose, index: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Draw::new(5, purpose, 0).image(index).fill_normal(&mut values);
    values.iter().map(|value| 0.4 * value).collect()
}

/// Two images at levels of their own, the second of which is followed at level 0.
fn batch<E: Engine>(engine: &E, network: &Network) -> Noised<E::T> {
    let shape = crate::data::Shape { channels: 2, height: SIDE, width: SIDE };
    let (images, noise) =
        (normals(Purpose::Order, 0, 2 * shape.values()), normals(Purpose::Noise, 0, 2 * shape.values()));
    let classes = network.classes().map(|count| (&[CLASSES - 1, 0][..], count));
    Noised::with(
        engine,
        &Clean { images: Images::Here(&images), shape, first: 0, classes },
        &noise,
        &[(0.7, 0.3), (1.5, 0.0)],
        0,
    )
}

/// Every torso, head, loss and wrapper at least once.
fn cases() -> Result<Vec<Case>, String> {
    let element = HuberSpec { c: Some(0.03), norm: HuberNorm::Element };
    let image = HuberSpec { c: None, norm: HuberNorm::Image };
    let huber = |huber: &HuberSpec| LossSpec { huber: huber.clone(), lambda: 0.3, ..HUBER };
    let kind = |kind| LossSpec { kind, lambda: 0.3, ..HUBER };
    let stopped = |loss: LossSpec| LossSpec { gradient_flow: false, ..loss };
    let residual = json!({ "encoder_type": "residual", "resample_filter": [1, 3, 3, 1], "embedding_type": "fourier" });
    let skip = json!({ "encoder_type": "skip", "decoder_type": "skip", "resblock_type": "biggan" });
    let ddpm = json!({ "resblock_type": "ddpm", "fir": false, "progressive": "residual", "nonlinearity": "elu" });
    let grown = json!({ "progressive": "output_skip", "progressive_input": "input_skip", "conditional": false });
    let coded = json!({ "attention_type": "rows", "attention_sites": "encoder", "pos_emb_type": "positional" });
    let pde = |factor: Value| json!({ "name": "score_pde", "factor": factor });
    [
        ("ncsnpp, unetpp", "cm", ncsnpp(json!({})), unetpp_head(), huber(&element)),
        ("ncsnpp ddpm, baseline", "cm", ncsnpp(ddpm), baseline(), stopped(huber(&image))),
        ("ncsnpp grown", "cm", ncsnpp(grown), Value::Null, kind(LossKind::L1)),
        ("unetpp, conv", "cm", unetpp(json!({})), conv(), kind(LossKind::L2)),
        ("unetpp residual, score_pde of unetpp", "edm", unetpp(residual), pde(unetpp_head()), huber(&image)),
        ("unetpp skip biggan", "edm", unetpp(skip), Value::Null, kind(LossKind::Edm)),
        ("unet, baseline", "cm", unet(), baseline(), stopped(kind(LossKind::Edm))),
        ("unet, score_pde of baseline", "cm", unet(), pde(baseline()), huber(&element)),
        ("mincy, conv", "cm", mincy(json!({})), conv(), huber(&image)),
        ("mincy as coded", "cm_squared", mincy(coded), Value::Null, huber(&element)),
    ]
    .into_iter()
    .map(|(name, precondition, torso, head, loss)| {
        let model = json!({ "precondition": precondition, "torso": torso, "head": head });
        let model = serde_json::from_value(model).map_err(|error| format!("{name}: {error}"))?;
        Ok(Case { name: name.to_owned(), model, loss })
    })
    .collect()
}

fn with(mut spec: Value, changes: Value) -> Value {
    changes.as_object().into_iter().flatten().for_each(|(key, value)| spec[key] = value.clone());
    spec
}

fn ncsnpp(changes: Value) -> Value {
    let spec = json!({
        "name": "ncsnpp", "nf": 4, "ch_mult": [1, 2], "num_res_blocks": 1, "attn_resolutions": [2],
        "resblock_type": "biggan", "resamp_with_conv": true, "fir": true, "fir_kernel": [1, 3, 3, 1],
        "skip_rescale": true, "progressive": "none", "progressive_input": "residual", "progressive_combine": "cat",
        "embedding_type": "fourier", "fourier_scale": 1.0, "conditional": true, "double_heads": false,
        "nonlinearity": "swish", "init_scale": 1.0, "dropout": 0.0,
    });
    with(spec, changes)
}

fn unetpp(changes: Value) -> Value {
    with(unetpp_head(), changes)
}

fn unetpp_head() -> Value {
    json!({
        "name": "unetpp", "n_channels": 4, "ch_mults": [1, 2], "is_atten": [false, true], "n_blocks": 1, "n_heads": 2,
        "n_groups": 2, "dropout_rate": 0.0, "embedding_type": "positional", "fourier_layer_scale": 1.0,
        "resblock_type": "standard", "encoder_type": "standard", "decoder_type": "standard", "resample_filter": [1, 1],
    })
}

fn unet() -> Value {
    json!({
        "name": "unet", "n_channels": 4, "ch_mults": [1, 2], "is_atten": [false, true], "n_blocks": 1, "n_groups": 2,
        "dropout_rate": 0.0, "learn_sigma": false,
    })
}

fn mincy(changes: Value) -> Value {
    let spec = json!({
        "name": "mincy", "num_init_channels": 4, "channel_mults": [1, 2], "attention_mults": [2], "kernel_size": 3,
        "num_res_blocks": 1, "pos_emb_type": "fourier", "pos_emb_dim": 5, "fourier_scale": 1.0,
        "rescale_skip_conns": true, "dropout": 0.0, "class_cond": true, "num_classes": CLASSES,
        "nonlinearity": "lrelu", "downsample_last_dim": false, "attention_type": "full", "attention_sites": "both",
    });
    with(spec, changes)
}

fn conv() -> Value {
    json!({ "name": "conv", "n_groups": 2 })
}

fn baseline() -> Value {
    json!({ "name": "baseline", "n_channels": 4, "n_blocks": 1, "n_heads": 2, "n_groups": 2, "dropout_rate": 0.0 })
}
