//! What any engine's dropout promises.

use super::gradients::params;
use super::values::{close, same};
use crate::engine::Engine;
use crate::tensor::{Key, Mask, Tensor};

const SHAPE: [usize; 4] = [2, 3, 17, 41];
const LEN: usize = 2 * 3 * 17 * 41;
const RATE: f64 = 0.3;

/// The mask is that of [`Mask`], a pure function of (key, shape); kept values are divided by the share that is kept.
pub(super) fn masks<E: Engine>(engine: &E) -> Result<(), String> {
    let ones = engine.upload(&SHAPE, &[1.0; LEN]);
    let ramp: Vec<f32> = (0..LEN).map(|i| 1.0 + i as f32).collect();
    let x = engine.upload(&SHAPE, &ramp);
    let mask = ones.dropout(RATE, Key::new(11)).to_host();
    let kept = mask.iter().filter(|&&value| value != 0.0).count() as f64;

    // The number kept is binomial; five standard deviations.
    let (mean, deviation) = ((1.0 - RATE) * LEN as f64, (RATE * (1.0 - RATE) * LEN as f64).sqrt());
    if (kept - mean).abs() > 5.0 * deviation {
        return Err(format!("{kept} of {LEN} values kept, expected {mean} within {:.0}", 5.0 * deviation));
    }
    let expected: Vec<f64> =
        mask.iter().zip(&ramp).map(|(&m, &x)| if m == 0.0 { 0.0 } else { f64::from(x) / (1.0 - RATE) }).collect();
    let bounds: Vec<f64> = expected.iter().map(|value| 3e-7 * value).collect();
    close(&x.dropout(RATE, Key::new(11)).to_host(), &expected, &bounds)?;
    same(&ones.dropout(RATE, Key::new(11)).to_host(), &mask)?;
    same(&mask, &Mask::new(RATE, Key::new(11)).factors(LEN))?;
    same(&x.dropout(0.0, Key::new(11)).to_host(), &ramp)?;

    // Two keys agree on a value with probability 0.7^2 + 0.3^2.
    let other = ones.dropout(RATE, Key::new(12)).to_host();
    let agreeing = mask.iter().zip(&other).filter(|(a, b)| a == b).count() as f64;
    let share = (1.0 - RATE).powi(2) + RATE.powi(2);
    let bound = 5.0 * (share * (1.0 - share) * LEN as f64).sqrt();
    if (agreeing - share * LEN as f64).abs() > bound {
        return Err(format!("masks of two keys agree on {agreeing} of {LEN} values"));
    }
    Ok(())
}

/// With a tape the mask is the same, and it is the gradient too.
pub(super) fn taped<E: Engine>(engine: &E) -> Result<(), String> {
    let ones = engine.upload(&SHAPE, &[1.0; LEN]);
    let mask = ones.dropout(RATE, Key::new(11)).to_host();
    let theta = params([(SHAPE.to_vec(), ones)]);
    let (_, output, gradients) = engine.value_and_grad(&theta, |theta| {
        let output = theta.tensors()[0].dropout(RATE, Key::new(11));
        (output.sum_all(), output)
    });
    same(&output.to_host(), &mask)?;
    same(&gradients.tensors()[0].to_host(), &mask)
}
