//! UNet++, the SongUNet of EDM (Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative
//! Models"): a U-Net of residual blocks, with optional skips or a residual pyramid of its input.
//!
//! Owns the topology and the forward pass of the bare network, as a torso and inside a score head; scaling of its
//! input and output is the preconditioner's. In: features, and c_noise = ln(sigma) / 4 of each. Out: [`Output`].

mod attention;
pub(crate) mod block;
mod plan;
pub(crate) mod resample_conv;
pub(crate) mod songunet;

use std::f64::consts::FRAC_1_SQRT_2;

use exp_api::spec::{BlockType, Nonlinearity};

use self::block::{Block, condition};
use self::resample_conv::FusedDown;
use super::dropout::Pass;
use super::embedding::Frequencies;
use super::forward::Forward;
use super::layers::{Conv, Dense};
use super::norm::GroupNorm;
use super::resample::Resample;
use super::torso::Output;
use crate::params::Params;
use crate::tensor::Tensor;

/// The planned network.
#[derive(Debug, Clone)]
pub struct Unetpp {
    kind: BlockType,
    map: Map,
    encoder: Vec<Down>,
    decoder: Vec<Up>,
}

/// Channels and sizes at the network's edges.
#[derive(Debug, Clone, Copy)]
pub struct Edges {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Side of both.
    pub side: usize,
    /// Width of an embedding that is joined with the network's own, as a head does.
    pub joined: Option<usize>,
}

/// The embedding of the noise level.
#[derive(Debug, Clone)]
struct Map {
    frequencies: Frequencies,
    first: Dense,
    second: Dense,
    join: Option<Dense>,
}

/// One resolution of the encoder.
#[derive(Debug, Clone)]
struct Down {
    enter: Entrance,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
enum Entrance {
    Input(Conv),
    Halve(Box<Block>, Auxiliary),
}

/// How the input joins the trunk of a lower resolution.
#[derive(Debug, Clone)]
enum Auxiliary {
    None,
    Skip(Resample, Conv),
    Residual(FusedDown),
}

/// One resolution of the decoder.
#[derive(Debug, Clone)]
struct Up {
    enter: Vec<Block>,
    blocks: Vec<Block>,
    output: Option<ToImage>,
}

/// Features to an image, added to the doubled image of the resolution below.
#[derive(Debug, Clone)]
struct ToImage {
    double: Option<Resample>,
    norm: GroupNorm,
    conv: Conv,
}

impl Unetpp {
    /// The output for `x` `[B,inputs,side,side]` at `noise` `[B]`, which is ln(sigma) / 4; `joined` `[B,joined]`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T, noise: &T, joined: Option<&T>, pass: Pass) -> Output<T> {
        let embedding = self.map.apply(theta, noise, joined);
        let forward = Forward { theta, condition: condition(self.kind, &embedding), pass };

        let mut auxiliary = x.clone();
        let mut h = x.clone();
        let mut skips = Vec::new();
        for level in &self.encoder {
            (auxiliary, h) = level.enter.apply(&forward, auxiliary, h);
            skips.push(h.clone());
            for block in &level.blocks {
                h = block.apply(&forward, &h);
                skips.push(h.clone());
            }
        }

        // The lowest resolution replaces it.
        let mut image = x.clone();
        let mut skips = skips.into_iter().rev();
        for level in &self.decoder {
            for block in &level.enter {
                h = block.apply(&forward, &h);
            }
            for (block, skip) in level.blocks.iter().zip(skips.by_ref()) {
                h = block.apply(&forward, &T::cat(&[&h, &skip], 1));
            }
            if let Some(output) = &level.output {
                image = output.apply(theta, &image, &h);
            }
        }
        Output { image, embedding, features: h }
    }
}

impl Map {
    fn apply<T: Tensor>(&self, theta: &Params<T>, noise: &T, joined: Option<&T>) -> T {
        let h = self.first.apply(theta, &self.frequencies.apply(theta, noise)).silu();
        let own = self.second.apply(theta, &h).silu();
        match (&self.join, joined) {
            (Some(join), Some(joined)) => join.apply(theta, &T::cat(&[&own, joined], 1)),
            _ => own,
        }
    }
}

impl Entrance {
    fn apply<T: Tensor>(&self, forward: &Forward<T>, auxiliary: T, trunk: T) -> (T, T) {
        match self {
            Entrance::Input(conv) => (auxiliary, conv.apply(forward.theta, &trunk)),
            Entrance::Halve(block, join) => {
                let trunk = block.apply(forward, &trunk);
                match join {
                    Auxiliary::None => (auxiliary, trunk),
                    Auxiliary::Skip(halve, conv) => {
                        let auxiliary = halve.apply(&auxiliary);
                        let trunk = trunk.add(&conv.apply(forward.theta, &auxiliary));
                        (auxiliary, trunk)
                    }
                    Auxiliary::Residual(down) => {
                        let joined = trunk.add_scaled(&down.apply(forward.theta, &auxiliary), FRAC_1_SQRT_2);
                        (joined.clone(), joined)
                    }
                }
            }
        }
    }
}

impl ToImage {
    fn apply<T: Tensor>(&self, theta: &Params<T>, below: &T, features: &T) -> T {
        let image = self.conv.apply(theta, &self.norm.activated(theta, features, Nonlinearity::Swish));
        self.double.as_ref().map_or(image.clone(), |double| double.apply(below).add(&image))
    }
}
