//! Training in mixed precision: near to what f32 computes, and with weights that keep f32's digits.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

#[path = "support/job.rs"]
mod support;

use std::collections::BTreeMap;

use exp_api::spec::Precision;
use exp_api::{Backend, Event, Stop};
use exp_consistency::checkpoint::decode;
use exp_tch::TchBackend;
use support::{Kept, folder_with, job};

/// What one step computes: its row of metrics, and by parameter the first moment, which is its gradient times 1 - b1,
/// and the weights after it.
struct Step {
    row: BTreeMap<String, f64>,
    moments: Vec<f32>,
    weights: Vec<f32>,
}

fn step(precision: Precision) -> Step {
    let mut job = job();
    job.spec.backend.precision = precision;
    (job.spec.train.steps, job.spec.train.checkpoint_every) = (1, Some(1));
    job.spec.eval.metrics.clear();
    assert!(TchBackend.check(&job.spec).is_empty());
    let (dir, mut kept) = (folder_with(&job), Kept::default());
    TchBackend.run(dir.path(), &job, &mut kept, &Stop::default()).unwrap();
    let row = kept.events.into_iter().find_map(|event| match event {
        Event::Metrics { step: 1, values } => Some(values.into_iter().collect()),
        _ => None,
    });
    let bytes = std::fs::read(dir.path().join("checkpoints/1/state.safetensors")).unwrap();
    let part = |name: &str| {
        let mut tensors = decode(&bytes, name).unwrap();
        // A file's tensors come in any order.
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        tensors.into_iter().flat_map(|tensor| tensor.values).collect()
    };
    Step { row: row.unwrap(), moments: part("m/"), weights: part("param/") }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[test]
fn bf16_is_near_f32() {
    let [exact, low] = [Precision::F32, Precision::Bf16].map(step);
    assert!(exact.row.keys().eq(low.row.keys()) && exact.row.len() >= 5, "{:?}", exact.row);
    for (name, exact) in &exact.row {
        let apart = (exact - low.row[name]).abs() / exact.abs();
        println!("{name}: {exact} in f32, {} in bf16, apart by {apart:.1e}", low.row[name]);
        // bf16 rounds to 1 part in 512, some dozen times on the way.
        assert!(apart < 2e-2, "{name}");
    }
    let cosine = dot(&exact.moments, &low.moments)
        / (dot(&exact.moments, &exact.moments) * dot(&low.moments, &low.moments)).sqrt();
    println!("gradients: cosine {cosine}");
    assert!(cosine > 0.999 && cosine < 1.0 - 1e-9, "{cosine}");
}

/// A weight of bf16 has 16 zero bits at its end.
#[test]
fn weights_keep_the_digits_of_f32() {
    let low = step(Precision::Bf16);
    let long = low.weights.iter().filter(|weight| weight.to_bits() & 0xffff != 0).count();
    assert!(2 * long > low.weights.len(), "{long} of {}", low.weights.len());
}
