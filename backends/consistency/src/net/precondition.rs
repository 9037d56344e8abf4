//! Preconditioning: the scales that make a bare network a denoiser of unit-variance inputs and targets.
//!
//! EDM's (Karras et al. 2022, table 1), shifted by `sigma_min` as consistency models need it (Song et al. 2023,
//! appendix C): D(x, `sigma_min`) = x exactly. With `sigma_min` = 0 it is EDM's own.

use exp_api::spec::Precondition;

use crate::tensor::Tensor;

/// Standard deviation of the data; part of the method, not of the configuration.
pub(crate) const SIGMA_DATA: f64 = 0.5;

/// How a network is preconditioned, with the noise level at which it is the identity.
#[derive(Debug, Clone, Copy)]
pub struct Wrapper {
    kind: Precondition,
    identity_at: f64,
}

impl Wrapper {
    /// The wrapper of this kind for noise levels from `sigma_min`.
    pub fn new(kind: Precondition, sigma_min: f64) -> Wrapper {
        Wrapper { kind, identity_at: if kind == Precondition::Edm { 0.0 } else { sigma_min } }
    }

    /// The scales for noise levels `sigma` `[B]`.
    pub fn scales<T: Tensor>(self, sigma: &T) -> Scales<T> {
        Scales::at(sigma, self.identity_at)
    }

    /// What the torso sees of `x`.
    pub fn input<T: Tensor>(self, scales: &Scales<T>, x: &T) -> T {
        let scaled = scales.input.mul(x);
        if self.kind == Precondition::CmSquared { scaled.mul(x) } else { scaled }
    }
}

/// The scales of a batch.
pub struct Scales<T> {
    /// sigma, `[B,1,1,1]`.
    pub level: T,
    /// c_in = 1 / sqrt(sigma^2 + s^2), `[B,1,1,1]`.
    pub input: T,
    /// c_noise = ln(sigma) / 4, `[B]`.
    pub noise: T,
    skip: T,
    output: T,
}

impl<T: Tensor> Scales<T> {
    /// The scales for noise levels `sigma` `[B]`.
    fn at(sigma: &T, sigma_min: f64) -> Scales<T> {
        let level = sigma.reshape(&[sigma.shape()[0], 1, 1, 1]);
        let above = level.offset(-sigma_min);
        let input = level.square().offset(SIGMA_DATA * SIGMA_DATA).sqrt().recip();
        let skip = above.square().offset(SIGMA_DATA * SIGMA_DATA).recip().scale(SIGMA_DATA * SIGMA_DATA);
        Scales { noise: sigma.log().scale(0.25), skip, output: above.mul(&input).scale(SIGMA_DATA), input, level }
    }

    /// D = c_skip x + c_out F, with c_skip = s^2 / ((sigma - min)^2 + s^2) and
    /// c_out = (sigma - min) s / sqrt(sigma^2 + s^2).
    pub fn denoised(&self, x: &T, raw: &T) -> T {
        self.skip.mul(x).add(&self.output.mul(raw))
    }
}
