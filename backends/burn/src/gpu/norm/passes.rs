//! The passes over an image of `[n,channels,pixels]` of which a normalisation and its gradient are made: a thread for each
//! value. `total` and `squares` are sums over groups of `values`, of which each has the `share` of 1 / `values`.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// Squares of what differs from the mean of its group.
#[cube(launch)]
pub(super) fn squared(x: &[f32], total: &[f32], out: &mut [f32], values: usize, share: f32) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let apart = x[ABSOLUTE_POS] - total[ABSOLUTE_POS / values] * share;
    out[ABSOLUTE_POS] = apart * apart;
}

/// Values normalised, scaled and shifted, then SiLU of them if `silu` is 1.
#[cube(launch)]
pub(super) fn normalised(
    x: &[f32],
    total: &[f32],
    squares: &[f32],
    scale: &[f32],
    bias: &[f32],
    out: &mut [f32],
    pixels: usize,
    channels: usize,
    values: usize,
    share: f32,
    eps: f32,
    silu: u32,
) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let (group, channel) = (ABSOLUTE_POS / values, ABSOLUTE_POS / pixels % channels);
    let y = normal(x[ABSOLUTE_POS], total[group], squares[group], share, eps);
    let value = y * scale[channel] + bias[channel];
    out[ABSOLUTE_POS] = if silu == 1u32 { value * sigmoid(value) } else { value };
}

/// The gradient before SiLU, its product with the normalised values, and that of the scaled values.
#[cube(launch)]
pub(super) fn sloped(
    x: &[f32],
    total: &[f32],
    squares: &[f32],
    scale: &[f32],
    bias: &[f32],
    gradient: &[f32],
    to_g: &mut [f32],
    to_gy: &mut [f32],
    to_scaled: &mut [f32],
    pixels: usize,
    channels: usize,
    values: usize,
    share: f32,
    eps: f32,
    silu: u32,
) {
    if ABSOLUTE_POS >= to_g.len() {
        terminate!();
    }
    let (group, channel) = (ABSOLUTE_POS / values, ABSOLUTE_POS / pixels % channels);
    let y = normal(x[ABSOLUTE_POS], total[group], squares[group], share, eps);
    let value = y * scale[channel] + bias[channel];
    let s = sigmoid(value);
    // The slope of SiLU is s (1 + value (1 - s)).
    let slope = if silu == 1u32 { s * (1.0f32 + value * (1.0f32 - s)) } else { 1.0f32 };
    let g = gradient[ABSOLUTE_POS] * slope;
    to_g[ABSOLUTE_POS] = g;
    to_gy[ABSOLUTE_POS] = g * y;
    to_scaled[ABSOLUTE_POS] = g * scale[channel];
}

/// The gradient of the image, from that of the scaled values and its sums over groups.
///
/// The gradient of the scaled values is read from memory, rounded: CUDA would multiply and subtract in one, and what is left of a
/// group of one value would not be zero.
#[cube(launch)]
pub(super) fn centred(
    x: &[f32],
    total: &[f32],
    squares: &[f32],
    scaled: &[f32],
    of_g: &[f32],
    of_gy: &[f32],
    out: &mut [f32],
    values: usize,
    share: f32,
    eps: f32,
) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let group = ABSOLUTE_POS / values;
    let y = normal(x[ABSOLUTE_POS], total[group], squares[group], share, eps);
    let rest = scaled[ABSOLUTE_POS] - of_g[group] * share - y * of_gy[group] * share;
    out[ABSOLUTE_POS] = rest * over_deviation(squares[group], share, eps);
}

/// A value less the mean of its group, over the group's standard deviation.
#[cube]
fn normal(x: f32, total: f32, squares: f32, share: f32, eps: f32) -> f32 {
    (x - total * share) * over_deviation(squares, share, eps)
}

/// One over the standard deviation of a group.
#[cube]
fn over_deviation(squares: f32, share: f32, eps: f32) -> f32 {
    1.0f32 / (squares * share + eps).sqrt()
}

#[cube]
fn sigmoid(x: f32) -> f32 {
    1.0f32 / (1.0f32 + (-x).exp())
}
