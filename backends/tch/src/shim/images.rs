//! Kernels between the convolutions: the shim's `cuda/images.cpp`.

use std::ptr::{null, null_mut};

use exp_consistency::tensor::{Key, Mask};
use tch::{TchError, Tensor};
use torch_sys::C_tensor;

use super::{Words, call, made};

unsafe extern "C" {
    fn exp_tch_has_kernels(x: *const C_tensor, groups: i64, error: Words) -> bool;
    fn exp_tch_norm(
        x: *const C_tensor,
        shift: *const C_tensor,
        scale: *const C_tensor,
        bias: *const C_tensor,
        groups: i64,
        eps: f64,
        silu: bool,
        drawn: u64,
        place: u64,
        bound: u64,
        kept: f64,
        trunk: *mut *mut C_tensor,
        error: Words,
    ) -> *mut C_tensor;
    fn exp_tch_add_scaled(
        a: *const C_tensor,
        b: *const C_tensor,
        bias: *const C_tensor,
        factor: f64,
        error: Words,
    ) -> *mut C_tensor;
    fn exp_tch_along_lines(
        x: *const C_tensor,
        there: *const C_tensor,
        back: *const C_tensor,
        from: i64,
        to: i64,
        error: Words,
    ) -> *mut C_tensor;
    fn exp_tch_mask(x: *const C_tensor, drawn: u64, place: u64, bound: u64, kept: f64, error: Words) -> *mut C_tensor;
}

/// Whether [`norm`] and [`add_scaled`] work on such an image tensor.
pub(crate) fn has_kernels(x: &Tensor, groups: usize) -> Result<bool, TchError> {
    // SAFETY: as the module says.
    call(|error| unsafe { exp_tch_has_kernels(x.as_ptr(), groups as i64, error) })
}

/// For [`norm`], which then drops nothing.
pub(crate) const NO_MASK: Mask = Mask { key: Key { drawn: 0, place: 0 }, bound: 0, kept: 0.0 };

/// What [`norm`] does around a group normalisation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub(crate) shift: Option<&'a Tensor>,
    pub(crate) scale: &'a Tensor,
    pub(crate) bias: &'a Tensor,
    pub(crate) groups: usize,
    pub(crate) eps: f64,
    pub(crate) silu: bool,
    pub(crate) mask: Mask,
}

/// x as it is; and group normalisation of x + shift, perhaps SiLU, and dropout unless the mask is none. Recorded on the tape
/// as one, which adds up their gradients.
pub(crate) fn norm(x: &Tensor, norm: &Norm) -> Result<[Tensor; 2], TchError> {
    let Norm { shift, scale, bias, groups, eps, silu, mask } = *norm;
    let (shift, groups) = (shift.map_or(null(), Tensor::as_ptr), groups as i64);
    let Mask { key: Key { drawn, place }, bound, kept } = mask;
    let kept = f64::from(kept);
    let [x, scale, bias] = [x, scale, bias].map(Tensor::as_ptr);
    let mut trunk = null_mut();
    // SAFETY: as the module says; the shim takes null for no shift, and fills the place of the trunk unless it fails.
    let branch = made(|error| unsafe {
        exp_tch_norm(x, shift, scale, bias, groups, eps, silu, drawn, place, bound, kept, &mut trunk, error)
    })?;
    // SAFETY: without an error the place holds a new tensor, owned by nobody else.
    Ok([unsafe { Tensor::from_ptr(trunk) }, branch])
}

/// (a + b + bias) `factor`, of images of equal shapes and a bias of their channels; recorded on the tape.
pub(crate) fn add_scaled(a: &Tensor, b: &Tensor, bias: Option<&Tensor>, factor: f64) -> Result<Tensor, TchError> {
    let bias = bias.map_or(null(), Tensor::as_ptr);
    // SAFETY: as the module says; the shim takes null for no bias.
    made(|error| unsafe { exp_tch_add_scaled(a.as_ptr(), b.as_ptr(), bias, factor, error) })
}

/// An image through a map of lines, by the table of the map and that of its transpose; recorded on the tape.
pub(crate) fn along_lines(x: &Tensor, tables: [&Tensor; 2], from: usize, to: usize) -> Result<Tensor, TchError> {
    let ([there, back], from, to) = (tables.map(Tensor::as_ptr), from as i64, to as i64);
    // SAFETY: as the module says.
    made(|error| unsafe { exp_tch_along_lines(x.as_ptr(), there, back, from, to, error) })
}

/// The factors of a mask, in the shape and format of a tensor on a GPU.
pub(crate) fn mask(x: &Tensor, mask: Mask) -> Result<Tensor, TchError> {
    let Mask { key: Key { drawn, place }, bound, kept } = mask;
    // SAFETY: as the module says.
    made(|error| unsafe { exp_tch_mask(x.as_ptr(), drawn, place, bound, f64::from(kept), error) })
}
