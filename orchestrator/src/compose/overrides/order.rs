//! The order of values: `sort(...)` of values and of the numbers of a range, `shuffle(...)`.

use super::value::{Element, Number, SweepValues};
use crate::compose::node::Value;

/// Sorts numbers, or texts; equal values keep their order in both directions, as in Python.
pub fn sorted(mut items: Vec<Element>, reverse: bool) -> Result<Vec<Element>, String> {
    let number = |element: &Element| match element {
        Element::Plain(Value::Int(n)) => Some(*n as f64),
        Element::Plain(Value::Float(x)) => Some(*x),
        Element::Plain(Value::Bool(b)) => Some(f64::from(u8::from(*b))),
        _ => None,
    };
    let text = |element: &Element| match element {
        Element::Plain(Value::Str(text)) => Some(text.clone()),
        _ => None,
    };
    if items.len() > 1 && !items.iter().all(|x| number(x).is_some()) && !items.iter().all(|x| text(x).is_some()) {
        return Err("values of different types have no order".to_owned());
    }
    items.sort_by(|a, b| {
        let order = match (number(a), number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => text(a).cmp(&text(b)),
        };
        if reverse { order.reverse() } else { order }
    });
    Ok(items)
}

/// Turns a range around if need be. Hydra recomputes the bounds, which misses the values of a range whose step does not divide it.
pub fn sorted_range(start: Number, stop: Number, step: Number, reverse: bool) -> SweepValues {
    let backwards = if reverse { start.as_f64() < stop.as_f64() } else { start.as_f64() > stop.as_f64() };
    if !backwards {
        return SweepValues::Range { start, stop, step };
    }
    let shift = |n: Number, by: Number, sign: i128| match (n, by) {
        (Number::Int(n), Number::Int(by)) => Number::Int(n.saturating_add(sign * by.saturating_abs())),
        (n, by) => Number::Float(n.as_f64() + sign as f64 * by.as_f64().abs()),
    };
    let sign = if reverse { -1 } else { 1 };
    let negated = match step {
        Number::Int(n) => Number::Int(n.saturating_neg()),
        Number::Float(x) => Number::Float(-x),
    };
    SweepValues::Range { start: shift(stop, step, sign), stop: shift(start, step, sign), step: negated }
}

/// Fisher and Yates, driven by the SplitMix64 generator: the same seed gives the same order.
pub fn shuffled<T>(values: &mut [T], seed: u64) {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    for n in (1..values.len()).rev() {
        values.swap(n, (random() % (n as u64 + 1)) as usize);
    }
}
