//! Training in mixed precision: near to what f32 computes, and with weights that keep f32's digits.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

#[path = "support/step.rs"]
mod one;
#[path = "support/job.rs"]
mod support;

use std::collections::BTreeMap;

use exp_api::spec::Precision;
use one::{Step, last_of};
use support::{Kept, folder_with, job};

fn step(precision: Precision) -> Step {
    let mut job = job();
    job.spec.backend.precision = precision;
    (job.spec.train.steps, job.spec.train.checkpoint_every) = (1, Some(1));
    job.spec.eval.metrics.clear();
    last_of(job.spec)
}

fn flat(values: &BTreeMap<String, Vec<f32>>) -> Vec<f32> {
    values.values().flatten().copied().collect()
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
    let [exact, low] = [&exact, &low].map(|step| flat(&step.moments));
    let cosine = dot(&exact, &low) / (dot(&exact, &exact) * dot(&low, &low)).sqrt();
    println!("gradients: cosine {cosine}");
    assert!(cosine > 0.999 && cosine < 1.0 - 1e-9, "{cosine}");
}

/// A weight of bf16 has 16 zero bits at its end.
#[test]
fn weights_keep_the_digits_of_f32() {
    let weights = flat(&step(Precision::Bf16).weights);
    let long = weights.iter().filter(|weight| weight.to_bits() & 0xffff != 0).count();
    assert!(2 * long > weights.len(), "{long} of {}", weights.len());
}
