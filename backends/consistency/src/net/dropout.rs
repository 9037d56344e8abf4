//! Dropout, and how a forward pass knows whether and what to drop.

use super::scope::Scope;
use crate::tensor::Tensor;

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Training: features are dropped, each mask a pure function of this key, the place in the network and the shape.
    Train {
        /// Two passes with one key drop the same features.
        dropout: u64,
    },
    /// Evaluation: nothing is dropped.
    Eval,
}

/// One place that drops features.
#[derive(Debug, Clone)]
pub struct Dropout {
    rate: f64,
    site: u64,
}

impl Dropout {
    /// Drops a share `rate` of the values.
    pub fn plan(scope: &Scope, rate: f64) -> Dropout {
        Dropout { rate, site: scope.site() }
    }

    /// Rate and key of what a pass drops here, if it drops.
    pub fn of(&self, pass: Pass) -> Option<(f64, u64)> {
        match pass {
            Pass::Train { dropout } if self.rate > 0.0 => Some((self.rate, mix(dropout, self.site))),
            _ => None,
        }
    }

    /// The values with some of them dropped.
    pub fn apply<T: Tensor>(&self, x: &T, pass: Pass) -> T {
        self.of(pass).map_or_else(|| x.clone(), |(rate, key)| x.dropout(rate, key))
    }
}

/// A key for each site, by the finaliser of SplitMix64 (Steele et al. 2014).
fn mix(key: u64, site: u64) -> u64 {
    let mut z = key.wrapping_add((site + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_splitmix64() {
        // The first outputs of the reference generator seeded with 1234567.
        assert_eq!([mix(1_234_567, 0), mix(1_234_567, 1)], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }
}
