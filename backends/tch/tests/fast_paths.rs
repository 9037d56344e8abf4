//! Each faster way computes what the plain one computes, to within rounding: a step of training on the device of the suite.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

#[path = "support/device.rs"]
mod device;
#[path = "../../burn/tests/support/kept.rs"]
mod kept;
#[path = "support/step.rs"]
mod one;

use std::collections::BTreeMap;

use exp_api::Backend;
use exp_api::spec::{BackendSpec, FastPath, Precision, RunSpec};
use exp_tch::TchBackend;
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
        if paths == [FastPath::ResidentData] {
            assert!(exact.row == fast.row && exact.weights == fast.weights, "other images");
        }
    }
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

/// Six steps of three micro-batches each, of two sizes: so each size is done by itself twice, then recorded, then repeated,
/// with other images and masks each time.
#[test]
fn what_is_repeated_is_what_was_done_before() {
    if !all().contains(&FastPath::Graph) {
        println!("{} records nothing", device::device());
        return;
    }
    let run = |paths: Vec<FastPath>| {
        let mut spec = spec();
        (spec.train.steps, spec.train.batch, spec.train.micro_batch) = (6, 12, Some(5));
        (spec.backend.deterministic, spec.backend.fast_paths) = (true, Some(paths));
        last_of(spec)
    };
    let without = run(all().into_iter().filter(|path| *path != FastPath::Graph).collect());
    for paths in [all(), vec![FastPath::Graph]] {
        let with = run(paths.clone());
        if paths.len() > 1 {
            assert_eq!(without.row, with.row);
            assert!(without.weights == with.weights && without.moments == with.moments);
        }
        let (off, worst) = apart(&without.weights, &with.weights);
        println!("{} ways, recorded: weights apart by {off:.1e} ({worst}) after 6 steps", paths.len());
        assert!(off < 1e-4);
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
}
