//! How images are drawn.

use crate::schema::{COUNT, Kind, POSITIVE, choice, group, levels};

choice! {
    /// A sampling method.
    pub enum Method {
        /// The consistency function at the largest noise.
        OneStep = "one_step",
        /// Once more after adding noise of level `mid_sigma`.
        TwoStep = "two_step",
        /// The consistency function along `steps` falling noise levels.
        Multistep = "multistep",
        /// Heun's method on the probability flow (EDM), with the head's denoiser or a diffusion model.
        Heun = "heun",
        /// Images of the data set, noised to `start_sigma` and denoised at once.
        Intermediate = "intermediate",
    }
}

choice! {
    /// How drawn images are kept.
    pub enum Save {
        /// One PNG an image, and a grid.
        Png = "png",
        /// `images.npz` with `arr_0` `[N,H,W,C]` in 8 bits, and a grid.
        Npz = "npz",
        /// A grid of the first 1,024.
        Grid = "grid",
    }
}

group! {
    /// The sample group.
    pub struct SampleSpec {
        /// Images; in the grid at the end of training at most 64 a method. 0: none, and no such grid.
        n: u64 => COUNT;
        /// The method.
        method: Method => Kind::Choice(Method::WORDS);
        /// Noise level of the second step.
        mid_sigma: f64 => POSITIVE;
        /// Noise levels of `heun` and of `multistep`.
        steps: u64 => levels(2);
        /// The noise levels of `multistep` after the largest, falling. Null: a grid of `steps`.
        sigmas: Option<Vec<f64>> => Kind::List { item: &POSITIVE, min: 0 }, nullable;
        /// Noise level of `intermediate`.
        start_sigma: f64 => POSITIVE;
        /// Classes that images get in turn, from a network that sees classes. Null: all of the data set's.
        classes: Option<Vec<u64>> => Kind::List { item: &COUNT, min: 1 }, nullable;
        /// How `exp sample` keeps the images.
        save: Save => Kind::Choice(Save::WORDS);
        /// Seed of the noise; image i is the same for every n.
        seed: u64 => COUNT;
    }
}

impl SampleSpec {
    /// Whether its images begin with those of the data set.
    pub fn reads_data(&self) -> bool {
        self.method == Method::Intermediate
    }
}
