//! Whether an engine's optimiser update is the one that [`reference_update`] writes out.

use super::values::{close, same};
use crate::engine::{Engine, Slot, Update, reference_update};
use crate::oracle::Doubles;
use crate::rng::{Draw, Purpose, Stream};
use crate::tensor::Tensor;

/// Share of 1, the size of all values here, by which an engine may be off.
const TOLERANCE: f64 = 1e-6;

/// Rules as they occur: Adam, RAdam before and after its variance is tractable, an average that copies, one that
/// stands still.
fn rules() -> [Update; 5] {
    let adam = Update { lr: 1e-2, b1: 0.9, b2: 0.99, eps: 1e-8, m_hat: 1.9, v_hat: 5.0, adapt: Some(1.0), ema: 0.999 };
    [
        adam,
        Update { adapt: Some(0.3), ..adam },
        Update { adapt: None, ..adam },
        Update { ema: 0.0, b1: 0.0, ..adam },
        Update { ema: 1.0, lr: 0.0, ..adam },
    ]
}

/// Updates of an average that is to stand still.
const STILL: usize = 20_000;

/// Weights that no update moves are their own average, however long it runs.
pub(super) fn still<E: Engine>(engine: &E) -> Result<(), String> {
    let weights: Vec<f32> = (0..33).map(|i| (i as f32 - 16.0) / 7.0).collect();
    let [weights_on, zeros] = [&weights, &vec![0.0; 33]].map(|values| engine.upload(&[33], values));
    for ema in [0.3, 0.99993, 0.999_999] {
        let rule = Update { lr: 0.0, ema, ..rules()[0] };
        let [param, average] = [weights_on.clone(), weights_on.clone()];
        let start = Slot { param, ema: average, m: zeros.clone(), v: zeros.clone() };
        let end = (0..STILL).fold(start, |slot, _| engine.update_all(&[(&rule, &slot, &zeros)]).swap_remove(0));
        let exact: Vec<f64> = weights.iter().map(|&value| f64::from(value)).collect();
        let bounds = vec![TOLERANCE; 33];
        close(&end.ema.to_host(), &exact, &bounds)
            .map_err(|fault| format!("after {STILL} updates at {ema}: {fault}"))?;
    }
    Ok(())
}

/// An average that keeps nothing is the weights, bit for bit, however far it was: none of its old digits are left.
pub(super) fn copied<E: Engine>(engine: &E) -> Result<(), String> {
    let weights: Vec<f32> = (0..33).map(|i| (i as f32 - 16.0) / 7e4).collect();
    let [param, m, v, gradient] =
        [&weights, &vec![0.1; 33], &vec![0.2; 33], &vec![0.3; 33]].map(|values| engine.upload(&[33], values));
    let ema = engine.upload(&[33], &weights.iter().map(|value| 1e3 + 7e5 * value).collect::<Vec<f32>>());
    let (slot, rule) = (Slot { param, ema, m, v }, Update { lr: 1e-6, ema: 0.0, ..rules()[0] });
    let alone = engine.update(&rule, &slot, &gradient);
    let among = engine.update_all(&[(&rule, &slot, &gradient)]).swap_remove(0);
    for (words, slot) in [("alone", alone), ("among others", among)] {
        same(&slot.ema.to_host(), &slot.param.to_host()).map_err(|fault| format!("{words}: {fault}"))?;
    }
    Ok(())
}

/// For each rule and every rank, with a plain gradient and with one that lies across memory.
pub(super) fn agree<E: Engine>(engine: &E) -> Result<(), String> {
    for (number, rule) in rules().iter().enumerate() {
        for shape in [[1].as_slice(), &[33], &[3, 5], &[2, 3, 4], &[5, 3, 3, 3]] {
            for across in [false, true] {
                let words = |fault| format!("rule {number}, shape {shape:?}, gradient across memory {across}: {fault}");
                one(engine, rule, shape, across).map_err(words)?;
            }
        }
    }
    Ok(())
}

fn one<E: Engine>(engine: &E, rule: &Update, shape: &[usize], across: bool) -> Result<(), String> {
    let draw = |index: u64, value: &dyn Fn(&mut Stream) -> f64| -> Vec<f32> {
        let mut stream = Draw::new(4, Purpose::Eval, 0).image(index);
        (0..shape.iter().product()).map(|_| value(&mut stream) as f32).collect()
    };
    let [param, ema, m] = [0, 1, 2].map(|index| draw(index, &|s| s.normal()));
    let mut v = draw(3, &|s| 0.1 + s.uniform());
    let mut gradient = draw(4, &|s| s.normal());
    // A weight that has never had a gradient: 0 / (0 + eps).
    let (mut m, last) = (m, v.len() - 1);
    (m[last], v[last], gradient[last]) = (0.0, 0.0, 0.0);

    let slot = Slot { param, ema, m, v };
    let on = |values: &Vec<f32>| engine.upload(shape, values);
    let slot_on = Slot { param: on(&slot.param), ema: on(&slot.ema), m: on(&slot.m), v: on(&slot.v) };
    let order: Vec<usize> = (0..shape.len()).rev().collect();
    let exact =
        |values: &[f32], shape: &[usize]| Doubles::new(shape, values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
    let (gradient_on, gradient) = if across {
        let turned: Vec<usize> = shape.iter().rev().copied().collect();
        (engine.upload(&turned, &gradient).permute(&order), exact(&gradient, &turned).permute(&order))
    } else {
        (on(&gradient), exact(&gradient, shape))
    };

    let alone = engine.update(rule, &slot_on, &gradient_on);
    // Among others by another rule, which must not be mixed up.
    let other = Update { lr: 0.5, ema: 0.5, ..*rule };
    let mut all = engine.update_all(&[
        (&other, &slot_on, &gradient_on),
        (rule, &slot_on, &gradient_on),
        (&other, &slot_on, &gradient_on),
    ]);
    if all.len() != 3 {
        return Err(format!("three updates at once made {}", all.len()));
    }
    let among = all.swap_remove(1);
    let slot = Slot {
        param: exact(&slot.param, shape),
        ema: exact(&slot.ema, shape),
        m: exact(&slot.m, shape),
        v: exact(&slot.v, shape),
    };
    let expected = reference_update(rule, &slot, &gradient);
    for (words, found) in [("alone", &alone), ("among others", &among)] {
        let parts = [
            ("param", &found.param, &expected.param),
            ("ema", &found.ema, &expected.ema),
            ("m", &found.m, &expected.m),
            ("v", &found.v, &expected.v),
        ];
        for (name, found, expected) in parts {
            if found.shape() != shape {
                return Err(format!("{words}: {name} has shape {:?}", found.shape()));
            }
            let bounds: Vec<f64> = expected.values().iter().map(|value| TOLERANCE * (1.0 + value.abs())).collect();
            close(&found.to_host(), expected.values(), &bounds).map_err(|fault| format!("{words}: {name}: {fault}"))?;
        }
    }
    Ok(())
}
