//! Dropout masks: a pure function of (key, rate, length), the same on every engine and device.
//!
//! The generators that come with tensor libraries are one for a whole process, so that two replicas, or a run and its
//! resumption, would not see the same masks. A counter passed through a hash needs no state, and any thread of a GPU
//! can draw any place of it.

use super::Key;
use crate::rng::{SPLIT_STEP, split_mix};

/// A mask of inverted dropout in numbers, from which its factors are drawn in pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    /// What it is a function of.
    pub key: Key,
    /// A number of 32 bits below this is a value dropped.
    pub bound: u64,
    /// The factor of a value that is kept.
    pub kept: f32,
}

impl Mask {
    /// Drops each value with probability `rate`, and divides the others by 1 - `rate`.
    pub fn new(rate: f64, key: Key) -> Mask {
        Mask { key, bound: (rate * (1u64 << 32) as f64) as u64, kept: (1.0 / (1.0 - rate)) as f32 }
    }

    /// The counter of the first pair; that of pair i is `start` + i [`SPLIT_STEP`].
    pub fn start(&self) -> u64 {
        split_mix(self.key.number() ^ SPLIT_STEP)
    }

    /// The factors of `len` values: of each pair's hash, the upper 32 bits and then the lower ones.
    pub fn factors(&self, len: usize) -> Vec<f32> {
        let &Mask { bound, kept, .. } = self;
        let start = self.start();
        let factor = |bits: u64| if bits < bound { 0.0 } else { kept };
        let mut factors = Vec::with_capacity(len + 1);
        for pair in 0..len.div_ceil(2) as u64 {
            let bits = split_mix(start.wrapping_add(pair.wrapping_mul(SPLIT_STEP)));
            factors.extend([factor(bits >> 32), factor(bits & 0xffff_ffff)]);
        }
        factors.truncate(len);
        factors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_independent() {
        let mask = Mask::new(0.3, Key::new(5)).factors(100_001);
        let dropped = |i: usize| mask[i] == 0.0;
        for lag in [1, 2, 3, 16, 64, 1024] {
            let n = mask.len() - lag;
            let both = (0..n).filter(|&i| dropped(i) && dropped(i + lag)).count() as f64;
            let (mean, deviation) = (0.09 * n as f64, (0.09 * 0.91 * n as f64).sqrt());
            assert!((both - mean).abs() < 5.0 * deviation, "lag {lag}: {both} pairs, expected {mean}");
        }
    }
}
