//! Whether an engine gives the same bits again: alone, beside another computation, and on a tensor that moved.

use super::case::Case;
use super::gradients::{gradients, weights};
use super::values::same;
use crate::engine::Engine;
use crate::tensor::Tensor;

/// What one case gives: values, and the gradients of all inputs.
fn outcome<E: Engine>(engine: &E, case: &Case) -> Vec<f32> {
    let mut outcome = case.apply(&case.upload(engine)).to_host();
    let all: Vec<usize> = (0..case.inputs.len()).collect();
    let (value, gradients) = gradients(engine, case, &all, &weights(outcome.len()));
    outcome.extend(value);
    outcome.extend(gradients.into_iter().flatten());
    outcome
}

/// A second time, the same bits.
pub(super) fn agree<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    same(&outcome(engine, case), &outcome(engine, case))
}

/// Two engines that work at the same time, as replicas do, give what each gives alone. Not to be called from within a
/// scope, which both open for themselves.
pub(super) fn side_by_side<E: Engine>(engine: &E, other: &E, cases: &[Case]) -> Result<(), String> {
    let work = |engine: &E| engine.scope(|| cases.iter().map(|case| outcome(engine, case)).collect::<Vec<_>>());
    let alone = work(engine);
    let found: Vec<_> = std::thread::scope(|threads| {
        let handles: Vec<_> = [engine, other].into_iter().map(|own| threads.spawn(move || work(own))).collect();
        handles.into_iter().map(|handle| handle.join()).collect()
    });
    for found in found {
        let found = found.map_err(|_| "a thread panicked".to_owned())?;
        for ((found, alone), case) in found.iter().zip(&alone).zip(cases) {
            same(found, alone).map_err(|fault| format!("{case}: {fault}"))?;
        }
    }
    Ok(())
}

/// Values survive the way to the device and back, and the way to another engine, to the bit.
pub(super) fn moved<E: Engine>(engine: &E, other: &E) -> Result<(), String> {
    let values = [0.0, -0.0, 1.0, -1.5, f32::MIN_POSITIVE, f32::MAX, 1.0e-40, f32::INFINITY, 0.1, -7.25e9, 3.0, 4.0];
    for shape in [[12].as_slice(), &[3, 4], &[2, 3, 2], &[1, 3, 2, 2]] {
        let tensor = engine.upload(shape, &values);
        for (name, copy) in [
            ("upload", tensor.clone()),
            ("adopt", other.adopt(&tensor)),
            ("detach", tensor.detach()),
            ("constant", tensor.constant(shape, &values)),
        ] {
            if copy.shape() != shape {
                return Err(format!("{name} of {shape:?} has shape {:?}", copy.shape()));
            }
            same(&copy.to_host(), &values).map_err(|fault| format!("{name} of {shape:?}: {fault}"))?;
        }
    }
    match engine.scope(|| 7) {
        7 => Ok(()),
        other => Err(format!("scope gives {other}, expected what its work gives")),
    }
}
