//! Dropout masks drawn by the GPU itself: those of [`Mask::factors`].

use burn::backend::{Cube, DispatchTensor};
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use exp_consistency::tensor::Mask;

use super::{like, one_for_each};
use crate::on_tape::{as_plain, plain};

/// The mask's factors in the shape of a tensor without a tape; none where that is not on a GPU.
pub(crate) fn mask(x: &DispatchTensor, mask: &Mask) -> Option<DispatchTensor> {
    let x = as_plain::<Cube>(x)?;
    let out = like(&x);
    let (blocks, threads) = one_for_each(&out);
    factors::launch(&out.client, blocks, threads, out.clone().into_buffer_arg(), mask.start(), mask.bound, mask.kept);
    Some(plain::<Cube>(out))
}

#[cube(launch)]
fn factors(out: &mut [f32], start: u64, bound: u64, kept: f32) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let pair = (ABSOLUTE_POS / 2) as u64;
    let bits = split_mix(start + pair * 0x9e37_79b9_7f4a_7c15u64);
    let half = if ABSOLUTE_POS % 2 == 1 { bits & 0xffff_ffffu64 } else { bits >> 32u64 };
    out[ABSOLUTE_POS] = if half < bound { 0.0f32 } else { kept };
}

/// As [`exp_consistency::rng::split_mix`]; products of a GPU wrap around.
#[cube]
fn split_mix(counter: u64) -> u64 {
    let x = (counter ^ (counter >> 30u64)) * 0xbf58_476d_1ce4_e5b9u64;
    let x = (x ^ (x >> 27u64)) * 0x94d0_49bb_1331_11ebu64;
    x ^ (x >> 31u64)
}
