//! The optimiser's update on a GPU: one pass over each parameter instead of a dozen.

use burn::backend::{Cube, DispatchTensor};
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use exp_consistency::engine::Update;

use super::{like, one_for_each};
use crate::kernels::step::Numbers;
use crate::on_tape::{all, as_plain, plain};

/// One optimiser update on tensors of a GPU without a tape: parameter, average, first and second moment, gradient in; the first
/// four out.
pub(crate) fn update(rule: &Update, old: [&DispatchTensor; 5]) -> Option<[DispatchTensor; 4]> {
    let old = all(old.map(as_plain::<Cube>))?.map(into_contiguous);
    let new = [like(&old[0]), like(&old[0]), like(&old[0]), like(&old[0])];
    let (client, (blocks, threads)) = (old[0].client.clone(), one_for_each(&old[0]));
    let [param, ema, m, v, gradient] = old.map(|tensor| tensor.into_buffer_arg());
    let [to_param, to_ema, to_m, to_v] = new.clone().map(|tensor| tensor.into_buffer_arg());
    let Numbers { b1, c1, b2, c2, rate, v_hat, eps, adapt, lr, keep, give } = Numbers::of(rule);
    updated::launch(
        &client,
        blocks,
        threads,
        param,
        ema,
        m,
        v,
        gradient,
        to_param,
        to_ema,
        to_m,
        to_v,
        b1,
        c1,
        b2,
        c2,
        rate,
        v_hat,
        eps,
        u32::from(adapt),
        lr,
        keep,
        give,
    );
    Some(new.map(plain::<Cube>))
}

/// The formula of [`Update`], at one place of each tensor; without `adapt` it divides by nothing.
#[cube(launch)]
fn updated(
    param: &[f32],
    ema: &[f32],
    m: &[f32],
    v: &[f32],
    gradient: &[f32],
    to_param: &mut [f32],
    to_ema: &mut [f32],
    to_m: &mut [f32],
    to_v: &mut [f32],
    b1: f32,
    c1: f32,
    b2: f32,
    c2: f32,
    rate: f32,
    v_hat: f32,
    eps: f32,
    adapt: u32,
    lr: f32,
    keep: f32,
    give: f32,
) {
    if ABSOLUTE_POS >= param.len() {
        terminate!();
    }
    let g = gradient[ABSOLUTE_POS];
    let first = m[ABSOLUTE_POS] * b1 + g * c1;
    let second = v[ABSOLUTE_POS] * b2 + g * g * c2;
    let size = if adapt == 1u32 { (second * v_hat).sqrt() + eps } else { 1.0f32 };
    let new = param[ABSOLUTE_POS] - first * rate / size * lr;
    to_m[ABSOLUTE_POS] = first;
    to_v[ABSOLUTE_POS] = second;
    to_param[ABSOLUTE_POS] = new;
    // From the nearer end: in f32, `keep` and `give` do not sum to 1.
    let old = ema[ABSOLUTE_POS];
    to_ema[ABSOLUTE_POS] = if give < 0.5f32 { old + (new - old) * give } else { new + (old - new) * keep };
}
