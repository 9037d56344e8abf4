//! Dropout masks: a pure function of (key, length, rate), the same on every device.
//!
//! libtorch's own dropout draws from one generator of the whole process, so that two replicas, or a run and its
//! resumption, would not see the same masks. A counter passed through a hash needs no state.

use exp_consistency::rng::{SPLIT_STEP, split_mix};
use exp_consistency::tensor::Key;

use crate::shim::Mask;

/// The mask of (key, rate) in numbers, as the kernels on a GPU draw it too.
pub(crate) fn numbers(key: Key, rate: f64) -> Mask {
    // A number of 32 bits lies below this with probability `rate`.
    let bound = (rate * (1u64 << 32) as f64) as u64;
    Mask { key, bound, kept: (1.0 / (1.0 - rate)) as f32 }
}

/// `len` factors: 0 with probability `rate`, else 1/(1-rate).
pub(crate) fn mask(key: Key, len: usize, rate: f64) -> Vec<f32> {
    let Mask { key, bound, kept } = numbers(key, rate);
    let start = split_mix(key.number() ^ SPLIT_STEP);
    let factor = |bits: u64| if bits < bound { 0.0 } else { kept };
    let mut factors = Vec::with_capacity(len + 1);
    for pair in 0..len.div_ceil(2) as u64 {
        let bits = split_mix(start.wrapping_add(pair.wrapping_mul(SPLIT_STEP)));
        factors.extend([factor(bits >> 32), factor(bits & 0xffff_ffff)]);
    }
    factors.truncate(len);
    factors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_independent() {
        let mask = mask(Key::new(5), 100_001, 0.3);
        let dropped = |i: usize| mask[i] == 0.0;
        for lag in [1, 2, 3, 16, 64, 1024] {
            let n = mask.len() - lag;
            let both = (0..n).filter(|&i| dropped(i) && dropped(i + lag)).count() as f64;
            let (mean, deviation) = (0.09 * n as f64, (0.09 * 0.91 * n as f64).sqrt());
            assert!((both - mean).abs() < 5.0 * deviation, "lag {lag}: {both} pairs, expected {mean}");
        }
    }
}
