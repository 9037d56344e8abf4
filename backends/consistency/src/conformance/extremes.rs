//! Where careless arithmetic overflows or cancels, and what must not be hidden.

use super::case::Case;
use super::operation::Operation;
use super::{composites, values};
use crate::engine::Engine;
use crate::tensor::Tensor;

/// Large arguments, far means and constant groups, each within the operation's tolerance.
pub(super) fn agree<E: Engine>(engine: &E) -> Result<(), String> {
    let wide = vec![-200.0, -88.0, -87.0, -40.0, 0.0, 20.0, 87.0, 88.0, 200.0];
    let mut cases: Vec<Case> = [Operation::Sigmoid, Operation::Silu, Operation::Relu, Operation::Softmax]
        .map(|operation| Case::given(operation, &[(&[1, 9], wide.clone())]))
        .into();
    cases.push(Case::given(Operation::Softmax, &[(&[2, 2], vec![1000.0, 1001.0, -1000.0, -1000.0])]));
    cases.push(Case::given(Operation::Exp, &[(&[3], vec![-200.0, 88.0, 200.0])]));
    cases.push(Case::given(Operation::SumSquares, &[(&[20_001], vec![0.5; 20_001])]));
    for operation in [Operation::GroupNorm { groups: 2 }, Operation::NormSilu { groups: 2 }] {
        // Four channels; and eight, in the same groups, for kernels that take several at once.
        let mut norm = |x: Vec<f32>, scale: f32, bias: f32| {
            for (channels, side) in [(4, 2), (8, 1)] {
                let (shape, each) = ([1, channels, side, 16 / channels / side], [channels]);
                let weights = |value| (&each[..], vec![value; channels]);
                cases.push(Case::given(operation.clone(), &[(&shape, x.clone()), weights(scale), weights(bias)]));
            }
        };
        let steps = |step: f32, start: f32| (0..16).map(|i| start + step * ((i * 5) % 16) as f32).collect::<Vec<_>>();
        // Constant groups, whose variance is 0, give the bias; f32 holds their sums and means exactly.
        norm(vec![0.75; 16], 2.0, 0.3);
        norm(vec![-13.0; 16], 2.0, -1.0);
        // A mean of many deviations, as exact.
        norm(steps(0.25, 64.0), 1.0, 0.0);
        // Normal values times 100: SiLU's exponential must not overflow.
        norm(steps(1.0, -8.0), 100.0, 0.0);
    }
    let far: Vec<f32> = (0..32).map(|i| 64.0 + 0.25 * ((i * 5) % 16) as f32).collect();
    cases.push(Case::given(Operation::LayerNorm, &[(&[2, 16], far), (&[16], vec![1.0; 16]), (&[16], vec![0.0; 16])]));
    cases.iter().try_for_each(|case| values::agree(engine, case).map_err(|fault| format!("{case}: {fault}")))
}

/// Where the exact value is no number, the engine's is none either: else training would not see that it has failed.
pub(super) fn shown<E: Engine>(engine: &E) -> Result<(), String> {
    // A map of lines need not look at pixels whose weight is 0, where a matrix product multiplies them by it.
    let looks = |case: &Case| !matches!(case.operation, Operation::AlongLines { .. });
    for mut case in composites::cases().into_iter().filter(looks) {
        for input in 0..case.inputs.len() {
            let place = case.inputs[input].values.len() / 2;
            let old = std::mem::replace(&mut case.inputs[input].values[place], f32::NAN);
            let (expected, found) = (case.exact(), case.apply(&case.upload(engine)).to_host());
            if let Some(at) = expected.values().iter().zip(&found).position(|(e, f)| e.is_nan() && !f.is_nan()) {
                return Err(format!("{case}: input {input} has a NaN at {place}, yet [{at}] is {}", found[at]));
            }
            case.inputs[input].values[place] = old;
        }
    }
    Ok(())
}
