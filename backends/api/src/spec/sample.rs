//! How images are drawn.

use crate::schema::{COUNT, Kind, POSITIVE, at_least, choice, group};

choice! {
    /// A sampling method.
    pub enum Method {
        /// The consistency function at the largest noise.
        OneStep = "one_step",
        /// Once more after adding noise of level `mid_sigma`.
        TwoStep = "two_step",
        /// The consistency function along `steps` falling noise levels.
        Multistep = "multistep",
        /// Heun's method on the probability flow, with the head's denoiser (EDM).
        Heun = "heun",
    }
}

group! {
    /// The sample group.
    pub struct SampleSpec {
        /// Images.
        n: u64 => at_least(1);
        /// The method.
        method: Method => Kind::Choice(Method::WORDS);
        /// Noise level of the second step.
        mid_sigma: f64 => POSITIVE;
        /// Noise levels of `heun` and of `multistep`.
        steps: u64 => at_least(2);
        /// Seed of the noise; image i is the same for every n.
        seed: u64 => COUNT;
    }
}
