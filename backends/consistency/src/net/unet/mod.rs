//! The plain UNet of diffusion models (Ho et al. 2020, "Denoising Diffusion Probabilistic Models", appendix B): residual
//! blocks with attention at some resolutions, strided convolutions down, repeated pixels up.
//!
//! Owns the topology and the forward pass of the bare network; scaling of its input and output is the
//! preconditioner's. As a torso it also gives its embedding and its last activated features, which heads read. In:
//! images, and c_noise = ln(sigma) / 4 of each. Out: [`Output`].

mod block;

use exp_api::spec::{Embedding, Nonlinearity, UnetSpec};

use self::block::{Attention, Block, dense};
use super::dropout::Pass;
use super::embedding::Frequencies;
use super::forward::Forward;
use super::layers::{Conv, Dense, NEAR_ZERO};
use super::norm::GroupNorm;
use super::scope::Scope;
use super::torso::Output;
use crate::params::Params;
use crate::tensor::Tensor;

/// Groups of the attention in the middle, whatever the configuration says of the others.
const MIDDLE_GROUPS: usize = 32;

/// The planned network.
#[derive(Debug, Clone)]
pub struct Unet {
    frequencies: Frequencies,
    time: (Dense, Dense),
    input: Conv,
    down: Vec<Level>,
    middle: (Block, Attention, Block),
    up: Vec<Level>,
    norm: GroupNorm,
    output: Conv,
}

/// One resolution: its blocks, and the convolution that leaves it.
#[derive(Debug, Clone)]
struct Level {
    blocks: Vec<(Block, Option<Attention>)>,
    leave: Option<Conv>,
}

impl Unet {
    /// Plans the network directly in `scope`, for images of `channels`.
    pub fn plan(scope: &mut Scope, spec: &UnetSpec, channels: usize) -> Unet {
        let base = spec.n_channels as usize;
        let frequencies = Frequencies::plan(scope, Embedding::Positional, "freqs", base / 2, 0.0);
        let time = (dense(scope, 2 * (base / 2), 4 * base), dense(scope, 4 * base, 4 * base));
        let input = conv(scope, channels, base, 3, 1.0);
        let widths: Vec<usize> = spec.ch_mults.iter().map(|&mult| base * mult as usize).collect();
        let mut skips = vec![base];
        let down = plan_down(scope, spec, &widths, &mut skips);
        let bottom = widths.last().copied().unwrap_or(base);
        let middle = scope.next("UnetMiddle", |s| {
            let before = Block::plan(s, spec, bottom, bottom);
            let norm = |s: &mut Scope| GroupNorm::fixed(s, bottom, MIDDLE_GROUPS.min(bottom));
            (before, Attention::plan(s, bottom, norm), Block::plan(s, spec, bottom, bottom))
        });
        let up = plan_up(scope, spec, &widths, skips);
        let norm = scope.next("GroupNorm", |s| GroupNorm::plan(s, widths[0], spec.n_groups as usize));
        let outputs = if spec.learn_sigma { 2 * channels } else { channels };
        let output = conv(scope, widths[0], outputs, 3, NEAR_ZERO);
        Unet { frequencies, time, input, down, middle, up, norm, output }
    }

    /// The output for `x` `[B,C,H,W]` at `noise` `[B]`, which is ln(sigma) / 4.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T, noise: &T, pass: Pass) -> Output<T> {
        let (first, second) = &self.time;
        let h = first.apply(theta, &self.frequencies.apply(theta, noise)).silu();
        let embedding = second.apply(theta, &h);
        let forward = Forward { theta, condition: embedding.silu(), pass };

        let mut h = self.input.apply(theta, x);
        let mut skips = vec![h.clone()];
        for level in &self.down {
            for (block, attention) in &level.blocks {
                h = attended(attention, theta, block.apply(&forward, &h));
                skips.push(h.clone());
            }
            if let Some(halve) = &level.leave {
                h = halve.apply(theta, &h.pad(0, 1, 0, 1));
                skips.push(h.clone());
            }
        }
        let (before, attention, after) = &self.middle;
        h = after.apply(&forward, &attention.apply(theta, &before.apply(&forward, &h)));
        let mut skips = skips.into_iter().rev();
        for level in &self.up {
            for ((block, attention), skip) in level.blocks.iter().zip(skips.by_ref()) {
                h = attended(attention, theta, block.apply(&forward, &T::cat(&[&h, &skip], 1)));
            }
            if let Some(double) = &level.leave {
                h = double.apply(theta, &h.upsample_nearest());
            }
        }
        let features = self.norm.activated(theta, &h, Nonlinearity::Swish);
        Output { image: self.output.apply(theta, &features), embedding, features }
    }
}

fn attended<T: Tensor>(attention: &Option<Attention>, theta: &Params<T>, h: T) -> T {
    attention.as_ref().map_or_else(|| h.clone(), |attention| attention.apply(theta, &h))
}

/// The way down; notes the width of every feature map that it leaves for the way up.
fn plan_down(scope: &mut Scope, spec: &UnetSpec, widths: &[usize], skips: &mut Vec<usize>) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut width = skips[0];
    for (level, &outputs) in widths.iter().enumerate() {
        let mut blocks = Vec::new();
        for _ in 0..spec.n_blocks {
            blocks.push(scope.next("UnetDown", |s| plan_pair(s, spec, level, width, outputs)));
            width = outputs;
            skips.push(width);
        }
        let leave = widths.get(level + 1).map(|&next| {
            let halve = scope.next("Downsample", |s| conv(s, width, next, 3, 1.0)).with(2, 0);
            width = next;
            skips.push(width);
            halve
        });
        levels.push(Level { blocks, leave });
    }
    levels
}

/// The way up, from the lowest resolution.
fn plan_up(scope: &mut Scope, spec: &UnetSpec, widths: &[usize], mut skips: Vec<usize>) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut width = widths.last().copied().unwrap_or(0);
    for (level, &outputs) in widths.iter().enumerate().rev() {
        let mut blocks = Vec::new();
        for _ in 0..=spec.n_blocks {
            let inputs = width + skips.pop().unwrap_or(0);
            blocks.push(scope.next("UnetUp", |s| plan_pair(s, spec, level, inputs, outputs)));
            width = outputs;
        }
        let leave = (level > 0).then(|| {
            let double = scope.next("Upsample", |s| conv(s, width, widths[level - 1], 3, 1.0));
            width = widths[level - 1];
            double
        });
        levels.push(Level { blocks, leave });
    }
    levels
}

/// A block and the attention after it, if this resolution has any.
fn plan_pair(
    scope: &mut Scope,
    spec: &UnetSpec,
    level: usize,
    inputs: usize,
    outputs: usize,
) -> (Block, Option<Attention>) {
    let block = Block::plan(scope, spec, inputs, outputs);
    let attends = spec.is_atten.get(level).copied().unwrap_or(false);
    let norm = |s: &mut Scope| GroupNorm::plan(s, outputs, spec.n_groups as usize);
    (block, attends.then(|| Attention::plan(scope, outputs, norm)))
}

/// The next convolution, under the name of its wrapper.
fn conv(scope: &mut Scope, inputs: usize, outputs: usize, size: usize, scale: f64) -> Conv {
    scope.next("CustomConv2d", |s| s.next("Conv", |s| Conv::kernel(s, inputs, outputs, size, scale)))
}
