//! Embedding of the noise level.
//!
//! In: c_noise = ln(sigma) / 4, `[B]`. Out: sines, then cosines of it at several frequencies, `[B, width]`.

use std::f64::consts::TAU;

use exp_api::spec::Embedding;

use super::scope::Scope;
use crate::params::{Init, ParamId, Params};
use crate::tensor::Tensor;

/// The frequencies.
#[derive(Debug, Clone)]
pub enum Frequencies {
    /// Drawn once, in cycles (Tancik et al. 2020).
    Fourier(ParamId),
    /// Geometric from 1 to 1/10000, in radians (Vaswani et al. 2017).
    Positional(Vec<f32>),
}

impl Frequencies {
    /// Plans `count` frequencies: the parameter `name` with standard deviation `std`, or constants.
    pub fn plan(scope: &mut Scope, kind: Embedding, name: &str, count: usize, std: f64) -> Frequencies {
        match kind {
            Embedding::Fourier => Frequencies::Fourier(scope.fixed(name, &[count], Init::Normal(std))),
            Embedding::Positional => Frequencies::Positional(geometric(count)),
        }
    }

    /// `[B]` to `[B, 2 count]`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, noise: &T) -> T {
        let column = noise.reshape(&[noise.shape()[0], 1]);
        let phase = match self {
            Frequencies::Fourier(id) => {
                let drawn = &theta[*id];
                column.scale(TAU).mul(&drawn.reshape(&[1, drawn.shape()[0]]))
            }
            Frequencies::Positional(values) => column.mul(&noise.constant(&[1, values.len()], values)),
        };
        T::cat(&[&phase.sin(), &phase.cos()], 1)
    }
}

/// 10000^(-i/(count-1)).
fn geometric(count: usize) -> Vec<f32> {
    let last = count.saturating_sub(1).max(1) as f64;
    (0..count).map(|i| 10_000f64.powf(-(i as f64) / last) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positional_frequencies_span_four_decades() {
        assert_eq!(geometric(5), [1.0, 0.1, 0.01, 0.001, 0.0001]);
        assert_eq!(geometric(1), [1.0]);
    }
}
