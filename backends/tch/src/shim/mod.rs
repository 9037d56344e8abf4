//! What tch's bindings lack, by a C++ shim of our own over the same libtorch: switches, memory layout, and kernels.
//!
//! The only unsafe code of this crate. A function of the shim takes pointers to live tensors, which it neither keeps nor changes
//! unless it says so, and gives back a new tensor that the caller owns, or null and words that the caller frees; it lets no
//! exception out. So each call below is sound when its pointers come from borrowed tensors, and what it returns is wrapped
//! once.
#![allow(unsafe_code, reason = "the one module of foreign functions")]

mod images;
mod record;

pub(crate) use images::{NO_MASK, Norm, add_scaled, along_lines, has_kernels, mask, norm};
pub(crate) use record::Recording;

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;

use exp_consistency::engine::Update;
use tch::{Device, TchError, Tensor};
use torch_sys::C_tensor;

/// An optimiser's rule as `cuda/params.cu` reads it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rule {
    b1: f32,
    b2: f32,
    eps: f32,
    root: f32,
    rate: f32,
    keep: f32,
    give: f32,
    adapts: c_int,
}

type Words = *mut *mut c_char;

unsafe extern "C" {
    fn exp_tch_settings(tf32: bool, deterministic: bool, error: Words);
    fn exp_tch_work_on(index: c_int, error: Words);
    fn exp_tch_channels_last(tensor: *const C_tensor, error: Words) -> *mut C_tensor;
    fn exp_tch_peak_bytes(index: c_int, error: Words) -> u64;
    fn exp_tch_sum_squares(tensors: *const *const C_tensor, count: usize, error: Words) -> *mut C_tensor;
    fn exp_tch_lowered(tensors: *const *const C_tensor, count: usize, out: *mut *mut C_tensor, error: Words);
    fn exp_tch_upload(values: *const f32, sizes: *const i64, dims: usize, index: c_int, error: Words) -> *mut C_tensor;
    fn exp_tch_update(
        slots: *const *const C_tensor,
        rule_of: *const c_int,
        count: usize,
        rules: *const Rule,
        kinds: usize,
        out: *mut *mut C_tensor,
        error: Words,
    );
    fn free(words: *mut c_char);
}

/// Calls a function of the shim, and turns its words into an error.
fn call<R>(function: impl FnOnce(Words) -> R) -> Result<R, TchError> {
    let mut words: *mut c_char = null_mut();
    let value = function(&raw mut words);
    if words.is_null() {
        return Ok(value);
    }
    // SAFETY: the shim wrote a string of its own making, which nobody else frees.
    let text = unsafe {
        let text = CStr::from_ptr(words).to_string_lossy().into_owned();
        free(words);
        text
    };
    Err(TchError::Torch(text))
}

/// A function of the shim that makes one tensor for each of many.
type Each = unsafe extern "C" fn(*const *const C_tensor, usize, *mut *mut C_tensor, Words);

fn each(tensors: &[Tensor], function: Each) -> Result<Vec<Tensor>, TchError> {
    let pointers: Vec<*const C_tensor> = tensors.iter().map(Tensor::as_ptr).collect();
    let mut out: Vec<*mut C_tensor> = vec![null_mut(); tensors.len()];
    // SAFETY: as the module says; there are as many places as tensors.
    call(|error| unsafe { function(pointers.as_ptr(), pointers.len(), out.as_mut_ptr(), error) })?;
    // SAFETY: without an error every place holds a new tensor, owned by nobody else.
    Ok(out.into_iter().map(|tensor| unsafe { Tensor::from_ptr(tensor) }).collect())
}

/// The same for a function that makes a tensor.
fn made(function: impl FnOnce(Words) -> *mut C_tensor) -> Result<Tensor, TchError> {
    // SAFETY: without an error the shim gives a new tensor, owned by nobody else.
    call(function).map(|tensor| unsafe { Tensor::from_ptr(tensor) })
}

/// Sets how the process multiplies `f32` on GPUs, and whether GPUs only use what repeats bit for bit.
pub(crate) fn settings(tf32: bool, deterministic: bool) -> Result<(), TchError> {
    // SAFETY: no pointer but that of `call`.
    call(|error| unsafe { exp_tch_settings(tf32, deterministic, error) })
}

/// Makes a GPU the current one of this thread; the CPU always is.
pub(crate) fn work_on(device: Device) -> Result<(), TchError> {
    let Device::Cuda(gpu) = device else { return Ok(()) };
    let index = c_int::try_from(gpu).unwrap_or(c_int::MAX);
    // SAFETY: no pointer but that of `call`.
    call(|error| unsafe { exp_tch_work_on(index, error) })
}

/// The same values, `[N,C,H,W]`, with their channels innermost in memory.
pub(crate) fn channels_last(tensor: &Tensor) -> Result<Tensor, TchError> {
    // SAFETY: as the module says.
    made(|error| unsafe { exp_tch_channels_last(tensor.as_ptr(), error) })
}

/// The most bytes that tensors have taken on this GPU since the start.
pub(crate) fn peak_bytes(gpu: usize) -> Result<u64, TchError> {
    let index = c_int::try_from(gpu).unwrap_or(c_int::MAX);
    // SAFETY: no pointer but that of `call`.
    call(|error| unsafe { exp_tch_peak_bytes(index, error) })
}

/// The sum of squares of all values of at least one `f32` tensor on one GPU, `[1]`.
pub(crate) fn sum_squares(tensors: &[Tensor]) -> Result<Tensor, TchError> {
    let pointers: Vec<*const C_tensor> = tensors.iter().map(Tensor::as_ptr).collect();
    // SAFETY: as the module says; the list is as long as it says.
    made(|error| unsafe { exp_tch_sum_squares(pointers.as_ptr(), pointers.len(), error) })
}

/// `f32` tensors of one GPU in bf16; recorded on the tape.
pub(crate) fn lowered(tensors: &[Tensor]) -> Result<Vec<Tensor>, TchError> {
    each(tensors, exp_tch_lowered)
}

/// Values in row-major order, as many as the sizes say, brought to a GPU; nobody waits for it.
///
/// # Panics
/// Fewer or more values, which is an error of the caller's code.
pub(crate) fn upload(values: &[f32], sizes: &[i64], gpu: usize) -> Result<Tensor, TchError> {
    assert_eq!(values.len() as i64, sizes.iter().product::<i64>(), "the values of the shape {sizes:?}");
    let index = c_int::try_from(gpu).unwrap_or(c_int::MAX);
    // SAFETY: the shim reads as many values as the sizes say, which are there, before it returns.
    made(|error| unsafe { exp_tch_upload(values.as_ptr(), sizes.as_ptr(), sizes.len(), index, error) })
}

/// Updates many tensors on one GPU: of each its rule, and its weights, their average, both moments and the gradient. The
/// new weights, average and moments of each.
pub(crate) fn update(work: &[(&Update, [Tensor; 5])]) -> Result<Vec<[Tensor; 4]>, TchError> {
    let mut rules = Vec::new();
    let mut rule_of = Vec::new();
    for (rule, _) in work {
        let rule = Rule::of(rule);
        let known = rules.iter().position(|known| *known == rule);
        rule_of.push(known.unwrap_or(rules.len()) as c_int);
        if known.is_none() {
            rules.push(rule);
        }
    }
    let slots: Vec<*const C_tensor> = work.iter().flat_map(|(_, slot)| slot.iter().map(Tensor::as_ptr)).collect();
    let mut out: Vec<*mut C_tensor> = vec![null_mut(); 4 * work.len()];
    // SAFETY: five tensors and one rule for each of `work`, four places for what it makes, and rules as many as it says.
    call(|error| unsafe {
        let (count, kinds) = (work.len(), rules.len());
        exp_tch_update(slots.as_ptr(), rule_of.as_ptr(), count, rules.as_ptr(), kinds, out.as_mut_ptr(), error);
    })?;
    // SAFETY: without an error every place holds a new tensor, owned by nobody else.
    let made = |at: usize| unsafe { Tensor::from_ptr(out[at]) };
    Ok((0..work.len()).map(|i| [0, 1, 2, 3].map(|part| made(4 * i + part))).collect())
}

impl Rule {
    /// The coefficients folded: `b1` and `b2` are the shares of what is new, `root` the factor of the square root, `keep` and
    /// `give` what the average keeps and gets.
    fn of(rule: &Update) -> Rule {
        Rule {
            b1: (1.0 - rule.b1) as f32,
            b2: (1.0 - rule.b2) as f32,
            eps: rule.eps as f32,
            root: rule.v_hat.sqrt() as f32,
            rate: (rule.lr * rule.m_hat * rule.adapt.unwrap_or(1.0)) as f32,
            keep: rule.ema as f32,
            give: (1.0 - rule.ema) as f32,
            adapts: c_int::from(rule.adapt.is_some()),
        }
    }
}
