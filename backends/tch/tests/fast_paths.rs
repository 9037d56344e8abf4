//! Each faster way computes what the plain one computes, to within rounding: a step of training on the device of the suite.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

#[path = "support/device.rs"]
mod device;
#[path = "../../burn/tests/support/kept.rs"]
mod kept;
#[path = "support/step.rs"]
mod one;

use std::collections::BTreeMap;
use std::sync::Arc;

use exp_api::Backend;
use exp_api::spec::{BackendSpec, FastPath, Precision, RunSpec};
use exp_consistency::data::{Dataset, Picks, Shape};
use exp_consistency::engine::{Engine, Given};
use exp_consistency::params::{Init, Params, Plan};
use exp_consistency::tensor::Tensor;
use exp_tch::{Recorded, TchBackend, TchEngine};
use kept::{Kept, folder_with};
use one::{Step, last_of};
use serde_json::{Value, json};

/// A step of a network wide enough for every kernel, with dropout, attention, and groups of 4 and 8 channels; on one replica.
fn spec() -> RunSpec {
    let mut spec: Value = serde_json::from_str(include_str!("../benches/step/score_guided.json")).unwrap();
    spec["dataset"] = json!({"name": "digits8", "flip": true});
    spec["backend"]["device"] = json!(device::device());
    spec["backend"]["devices"] = json!([device::device()]);
    spec["backend"]["threads"] = json!(2);
    let changes = [
        ("/model/torso", json!({"nf": 32, "ch_mult": [1, 2], "num_res_blocks": 1, "attn_resolutions": [4]})),
        ("/model/head", json!({"n_channels": 32, "ch_mults": [1, 1], "is_atten": [false, true], "n_groups": 8})),
        ("/train", json!({"steps": 1, "batch": 12, "log_every": 1, "preview_every": null, "checkpoint_every": 1})),
        ("/train", json!({"eval_every": null, "keep": 1})),
        ("/schedule", json!({"horizon": 5, "sigma_max": 20.0})),
        ("/eval", json!({"n": 16, "metrics": []})),
    ];
    for (place, values) in changes {
        for (key, value) in values.as_object().unwrap() {
            spec.pointer_mut(place).unwrap()[key] = value.clone();
        }
    }
    serde_json::from_value(spec).unwrap()
}

fn step(precision: Precision, paths: &[FastPath]) -> Step {
    let mut spec = spec();
    (spec.backend.precision, spec.backend.fast_paths) = (precision, Some(paths.to_vec()));
    last_of(spec)
}

/// The ways that the device takes by itself, and one more.
fn all() -> Vec<FastPath> {
    let backend = BackendSpec { fast_paths: None, ..spec().backend };
    let usual = TchBackend.resolve(RunSpec { backend, ..spec() }).backend.fast_paths.unwrap();
    // The CPU takes none, and has two.
    let usual = if usual.is_empty() { vec![FastPath::Attention] } else { usual };
    usual.into_iter().chain([FastPath::ResidentData]).collect()
}

/// The largest difference of a tensor, as a share of its largest value, or of a small share of the largest of all.
fn apart(a: &BTreeMap<String, Vec<f32>>, b: &BTreeMap<String, Vec<f32>>) -> (f64, String) {
    assert!(a.len() > 50 && a.keys().eq(b.keys()));
    let size = |values: &[f32]| values.iter().fold(0.0f64, |most, value| most.max(f64::from(value.abs())));
    let largest = a.values().map(|values| size(values)).fold(0.0, f64::max);
    assert!(largest > 0.0);
    let difference = |(name, a): (&String, &Vec<f32>)| {
        let off = a.iter().zip(&b[name]).fold(0.0f64, |most, (a, b)| most.max(f64::from((a - b).abs())));
        (off / size(a).max(1e-3 * largest), name.clone())
    };
    a.iter().map(difference).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn each_way_equals_the_plain_one() {
    let exact = step(Precision::F32, &[]);
    for paths in all().into_iter().map(|path| vec![path]).chain([all()]) {
        let fast = step(Precision::F32, &paths);
        let words: Vec<&str> = paths.iter().map(|path| path.word()).collect();
        let values =
            exact.row.iter().map(|(name, value)| (value - fast.row[name]).abs() / value.abs()).fold(0.0, f64::max);
        let ((moments, worst), (weights, _)) =
            (apart(&exact.moments, &fast.moments), apart(&exact.weights, &fast.weights));
        println!(
            "{words:?}: values apart by {values:.1e}, gradients by {moments:.1e} ({worst}), weights by {weights:.1e}"
        );
        assert!(values < 1e-5 && moments < 1e-4 && weights < 1e-5, "{words:?}");
    }
}

/// Bit for bit, where that is asked for: the images are the same.
#[test]
fn images_on_the_device_train_as_those_of_the_host() {
    let run = |paths: &[FastPath]| {
        let mut spec = spec();
        (spec.backend.deterministic, spec.backend.fast_paths) = (true, Some(paths.to_vec()));
        last_of(spec)
    };
    let (host, resident) = (run(&[]), run(&[FastPath::ResidentData]));
    assert!(host.row == resident.row && host.weights == resident.weights);
}

/// bf16 rounds to 1 part in 512, some dozen times on the way, and not at the same places.
#[test]
fn all_ways_together_are_as_near_to_f32_in_bf16_as_the_plain_one() {
    let exact = step(Precision::F32, &[]);
    let cosine = |step: &Step| {
        let dot = |a: &Step, b: &Step| -> f64 {
            let pairs = a.moments.iter().flat_map(|(name, a)| a.iter().zip(&b.moments[name]));
            pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        dot(&exact, step) / (dot(&exact, &exact) * dot(step, step)).sqrt()
    };
    let (plain, fast) = (step(Precision::Bf16, &[]), step(Precision::Bf16, &all()));
    let [plain_off, fast_off] = [&plain, &fast].map(|step| 1.0 - cosine(step));
    println!("1 - cosine of the gradients with those of f32: {plain_off:.1e} plain, {fast_off:.1e} fast");
    assert!(plain_off > 0.0 && fast_off < 2.0 * plain_off + 1e-5);
    for (name, value) in &exact.row {
        let off = (value - fast.row[name]).abs() / value.abs();
        assert!(off < 2e-2, "{name}: apart by {off:.1e}");
    }
}

/// tf32 keeps eleven bits of the operands of products, bf16 eight of every value.
#[test]
fn tf32_is_nearer_to_f32_than_bf16() {
    if device::device() == "cpu" {
        println!("the CPU has no tf32");
        return;
    }
    let [exact, tf32, bf16] = [Precision::F32, Precision::Tf32, Precision::Bf16].map(|precision| step(precision, &[]));
    let distance = |step: &Step| {
        let pairs = || exact.moments.iter().flat_map(|(name, a)| a.iter().zip(&step.moments[name]));
        let sum = |value: fn(f64, f64) -> f64| pairs().map(|(&a, &b)| value(a.into(), b.into())).sum::<f64>();
        (sum(|a, b| (a - b).powi(2)) / sum(|a, _| a.powi(2))).sqrt()
    };
    let [tf32, bf16] = [distance(&tf32), distance(&bf16)];
    println!("gradients apart from those of f32 by {tf32:.1e} in tf32, {bf16:.1e} in bf16");
    assert!(0.0 < tf32 && tf32 < bf16 / 4.0);
}

/// Five steps of three micro-batches each, of two sizes: each size is done kernel by kernel twice, then recorded, then repeated,
/// with other images and masks each time. Bit for bit where that is asked for; else some kernels do not repeat. One step
/// more would be adaptive, and make much of the noise of rounding in gradients that are zero.
#[test]
fn what_is_repeated_is_what_was_done_before() {
    if !all().contains(&FastPath::Graph) {
        println!("{} records nothing", device::device());
        return;
    }
    for (precision, deterministic) in
        [Precision::F32, Precision::Bf16].into_iter().flat_map(|precision| [(precision, true), (precision, false)])
    {
        let run = |recorded: bool| {
            let mut spec = spec();
            (spec.train.steps, spec.train.batch, spec.train.micro_batch) = (5, 12, Some(5));
            (spec.backend.precision, spec.backend.deterministic) = (precision, deterministic);
            let paths = all().into_iter().filter(|path| recorded || *path != FastPath::Graph);
            spec.backend.fast_paths = Some(paths.collect());
            last_of(spec)
        };
        let (with, without) = (run(true), run(false));
        let (off, worst) = apart(&without.weights, &with.weights);
        println!("{precision:?}, deterministic {deterministic}: weights apart by {off:.1e} ({worst}) after 5 steps");
        match deterministic {
            true => assert!(without.row == with.row && without.weights == with.weights),
            false => assert!(off < if precision == Precision::F32 { 1e-5 } else { 1e-3 }),
        }
    }
}

/// On a GPU, after it was done twice; one recording for each shape.
#[test]
fn a_step_that_recurs_is_recorded() {
    let plan = Arc::new({
        let mut plan = Plan::default();
        plan.param("a", &[3], Init::Zeros);
        plan
    });
    let engine = TchEngine::open(&device::device(), 1).unwrap().with_fast_paths(&[FastPath::Graph]);
    let recorded = Recorded::default();
    let theta = Params::build(&plan, |_| engine.upload(&[3], &[1.0, 2.0, 3.0]));
    let expected = if device::device() == "cpu" { [0; 8] } else { [0, 0, 0, 0, 1, 2, 2, 2] };
    let counts: Vec<usize> = (0..8usize)
        .map(|time| {
            let tensors = [engine.upload(&[1 + time % 2], &[time as f32, 5.0][..1 + time % 2])];
            let given = Given { tensors: &tensors, drawn: 0 };
            let (row, gradients) = engine.recurring_grad(&recorded, &theta, given, |theta, given| {
                let loss = theta.tensors()[0].square().sum_all().mul(&given[0].sum_all());
                (loss.clone(), loss.detach())
            });
            let factor = time as f32 + 5.0 * (time % 2) as f32;
            assert_eq!((row.to_host(), gradients.tensors()[0].to_host()[2]), (vec![14.0 * factor], 6.0 * factor));
            recorded.count()
        })
        .collect();
    assert_eq!(counts, expected);
}

#[test]
fn images_on_the_device_are_those_of_the_data_set() {
    let shape = Shape { channels: 2, height: 4, width: 8 };
    let pixels: Vec<u8> = (0..320u32).map(|i| (i * 7 % 256) as u8).collect();
    let data = Dataset::new(shape, pixels.clone(), vec![0; 5]).unwrap();
    let engine = TchEngine::open(&device::device(), 1).unwrap();
    assert!(engine.resident(shape.batch(5), &pixels).is_none());
    let resident = engine.with_fast_paths(&[FastPath::ResidentData]).resident(shape.batch(5), &pixels).unwrap();
    for flipped in [[true, false, true, false], [false; 4]] {
        let picks = Picks { numbers: &[4, 0, 0, 2], flipped: &flipped };
        assert_eq!(resident.pick(picks).to_host(), data.picked(picks).images);
    }
}

#[test]
fn what_a_device_lacks_is_refused() {
    let mut spec = spec();
    (spec.backend.device, spec.backend.devices) = ("cpu".to_owned(), Some(vec!["cpu".to_owned()]));
    spec.backend.fast_paths = Some(vec![FastPath::Attention, FastPath::FusedUpdate]);
    spec.backend.precision = Precision::Tf32;
    let problems = TchBackend.check(&spec);
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["backend.fast_paths", "backend.precision"], "{problems:?}");
    assert!(problems[0].message.starts_with("`fused_update` needs a GPU"), "{problems:?}");
    (spec.backend.devices, spec.backend.precision) = (Some(vec!["cpu".to_owned(); 2]), Precision::F32);
    spec.backend.fast_paths = Some(vec![FastPath::Graph]);
    let messages: Vec<String> = TchBackend.check(&spec).into_iter().map(|problem| problem.message).collect();
    assert_eq!(messages.len(), 2);
    assert!(messages[1].contains("of one replica: backend.devices has 2"), "{messages:?}");
}
