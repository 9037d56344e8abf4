//! Whether an engine computes what the oracle computes.

use super::case::Case;
use crate::engine::Engine;
use crate::tensor::Tensor;

/// The operation's value, with no tape, within its tolerance.
pub(super) fn agree<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let (expected, found) = (case.exact(), case.apply(&case.upload(engine)));
    if found.shape() != expected.shape() {
        return Err(format!("has shape {:?}, expected {:?}", found.shape(), expected.shape()));
    }
    let (absolute, relative) = case.tolerance();
    // A sum of many terms is mostly as large as the others like it; where it is not, it has lost digits by cancelling.
    let squares: f64 = expected.values().iter().filter(|value| value.is_finite()).map(|value| value * value).sum();
    let size = (squares / expected.values().len() as f64).sqrt().max(1.0);
    let bounds: Vec<f64> = expected.values().iter().map(|value| absolute * size + relative * value.abs()).collect();
    close(&found.to_host(), expected.values(), &bounds)
}

/// Each value within its bound of the expected one. A number that `f32` has not counts as the nearest it has.
pub(super) fn close(found: &[f32], expected: &[f64], bounds: &[f64]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} values, expected {}", found.len(), expected.len()));
    }
    let mut wrong = (0..found.len()).filter(|&i| {
        let (found, expected) = (f64::from(found[i]), f64::from(expected[i] as f32));
        let same = found == expected || found.is_nan() && expected.is_nan();
        // Written so that a found value that is no number is wrong.
        !(same || (found - expected).abs() <= bounds[i])
    });
    let Some(i) = wrong.next() else { return Ok(()) };
    let others = wrong.count();
    Err(format!("[{i}] is {}, expected {} within {:.1e} ({others} others wrong)", found[i], expected[i], bounds[i]))
}

/// The same bits.
pub(super) fn same(found: &[f32], expected: &[f32]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} values, expected {}", found.len(), expected.len()));
    }
    match (0..found.len()).find(|&i| found[i].to_bits() != expected[i].to_bits()) {
        Some(i) => Err(format!("[{i}] is {:e}, expected the same bits as {:e}", found[i], expected[i])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_is_seen() {
        let close = |found: f32, expected: f64| close(&[found], &[expected], &[1e-3]).is_ok();
        assert!(close(1.0, 1.0009) && close(f32::NAN, f64::NAN) && close(f32::INFINITY, 1e60));
        assert!(!close(1.0, 1.0011) && !close(f32::NAN, 1.0) && !close(1.0, f64::NAN) && !close(f32::INFINITY, 1.0));
        assert!(same(&[0.0], &[-0.0]).is_err() && same(&[1.0], &[1.0, 1.0]).is_err());
    }
}
