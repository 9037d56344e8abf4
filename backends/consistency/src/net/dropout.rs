//! Dropout, and how a forward pass knows whether and what to drop.

use super::scope::Scope;
use crate::tensor::{Key, Tensor};

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Training: features are dropped, each mask a pure function of this key, the place in the network and the shape.
    Train {
        /// Two passes with one key drop the same features.
        dropout: Key,
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
    pub fn of(&self, pass: Pass) -> Option<(f64, Key)> {
        match pass {
            Pass::Train { dropout } if self.rate > 0.0 => Some((self.rate, dropout.at(self.site))),
            _ => None,
        }
    }

    /// The values with some of them dropped.
    pub fn apply<T: Tensor>(&self, x: &T, pass: Pass) -> T {
        self.of(pass).map_or_else(|| x.clone(), |(rate, key)| x.dropout(rate, key))
    }
}
