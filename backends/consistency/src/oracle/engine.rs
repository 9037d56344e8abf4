//! The oracle as an engine, for what runs on any engine. It has no tape.

use super::Doubles;
use crate::engine::Engine;
use crate::params::Params;

/// The engine of [`Doubles`], without gradients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OracleEngine;

impl Engine for OracleEngine {
    type T = Doubles;
    type Recorded = ();

    fn upload(&self, shape: &[usize], values: &[f32]) -> Doubles {
        Doubles::new(shape, values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>())
    }

    fn adopt(&self, tensor: &Doubles) -> Doubles {
        tensor.clone()
    }

    fn value_and_grad<A>(
        &self,
        _: &Params<Doubles>,
        _: impl FnOnce(&Params<Doubles>) -> (Doubles, A),
    ) -> (Doubles, A, Params<Doubles>) {
        unreachable!("the oracle has no tape; gradients are compared with its differences")
    }
}
