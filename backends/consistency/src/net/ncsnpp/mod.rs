//! NCSN++ (Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", appendix H):
//! a U-Net of residual blocks with attention, and optional pyramids of inputs and outputs.
//!
//! Owns the topology and the forward pass of the bare network; scaling of its input and output is the
//! preconditioner's. In: images, and c_noise = ln(sigma) / 4 of each. Out: [`Output`].

mod block;
mod pyramid;
pub(crate) mod resize;

use exp_api::spec::{BlockType, Embedding, NcsnppSpec, Progressive};

use self::block::{Block, attention, init_scale};
use self::resize::{Resize, double, halve};
use super::dropout::Pass;
use super::embedding::Frequencies;
use super::forward::Forward;
use super::layers::{Conv, Dense, activate};
use super::nin_attention::NinAttention;
use super::norm::GroupNorm;
use super::scope::Scope;
use super::torso::Output;
use crate::params::Params;
use crate::tensor::Tensor;

/// The planned network.
#[derive(Debug, Clone)]
pub struct Ncsnpp {
    spec: NcsnppSpec,
    time: Option<Time>,
    input: Conv,
    down: Vec<Down>,
    middle: (Block, NinAttention, Block),
    up: Vec<Up>,
    output: Option<(GroupNorm, Conv)>,
}

/// The embedding of the noise level.
#[derive(Debug, Clone)]
struct Time {
    frequencies: Frequencies,
    first: Dense,
    second: Dense,
}

/// One resolution on the way down.
#[derive(Debug, Clone)]
struct Down {
    blocks: Vec<(Block, Option<NinAttention>)>,
    shrink: Option<(Step, pyramid::Input)>,
}

/// One resolution on the way up.
#[derive(Debug, Clone)]
struct Up {
    blocks: Vec<Block>,
    attention: Option<NinAttention>,
    output: pyramid::Output,
    grow: Option<Step>,
}

/// How the trunk changes its resolution.
#[derive(Debug, Clone)]
enum Step {
    Block(Box<Block>),
    Resize(Resize),
}

impl Ncsnpp {
    /// Plans the network for images of `channels` and `side`, which its resolutions must divide.
    pub fn plan(scope: &mut Scope, spec: &NcsnppSpec, channels: usize, side: usize) -> Ncsnpp {
        scope.child("NCSNpp_0", |s| {
            let time = plan_time(s, spec);
            let nf = spec.nf as usize;
            let input = s.next("Conv", |s| Conv::kernel(s, channels, nf, 3, 1.0));
            let (down, skips) = plan_down(s, spec, channels, side);
            let bottom = skips.last().copied().unwrap_or(nf);
            let middle = (
                Block::plan(s, spec, bottom, bottom, None),
                attention(s, spec, bottom),
                Block::plan(s, spec, bottom, bottom, None),
            );
            let up = plan_up(s, spec, channels, side, skips);
            let width = nf * spec.ch_mult[0] as usize;
            let outputs = if spec.double_heads { 2 * channels } else { channels };
            let output = (spec.progressive != Progressive::OutputSkip || spec.double_heads).then(|| {
                let norm = s.next("GroupNorm", |s| GroupNorm::by_width(s, width));
                (norm, s.next("Conv", |s| Conv::kernel(s, width, outputs, 3, init_scale(spec))))
            });
            Ncsnpp { spec: spec.clone(), time, input, down, middle, up, output }
        })
    }

    /// The output for `x` `[B,C,H,W]` at `noise` `[B]`, which is ln(sigma) / 4.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T, noise: &T, pass: Pass) -> Output<T> {
        let act = self.spec.nonlinearity;
        let embedding = self.time.as_ref().map(|time| {
            let h = time.first.apply(theta, &time.frequencies.apply(theta, noise));
            time.second.apply(theta, &activate(act, &h))
        });
        let condition = embedding.as_ref().map(|e| activate(act, e));
        let forward = Forward { theta, condition, pass };

        let mut pyramid = x.clone();
        let mut h = self.input.apply(theta, x);
        let mut skips = vec![h.clone()];
        for level in &self.down {
            for (block, attention) in &level.blocks {
                h = block.apply(&forward, &h);
                if let Some(attention) = attention {
                    h = attention.among_all(theta, &h);
                }
                skips.push(h.clone());
            }
            if let Some((shrink, input)) = &level.shrink {
                (pyramid, h) = input.join(theta, pyramid, shrink.apply(&forward, &h));
                skips.push(h.clone());
            }
        }

        let (before, attention, after) = &self.middle;
        h = after.apply(&forward, &attention.among_all(theta, &before.apply(&forward, &h)));

        let mut image = x.clone();
        let mut skips = skips.into_iter().rev();
        for level in &self.up {
            for (block, skip) in level.blocks.iter().zip(skips.by_ref()) {
                h = block.apply(&forward, &T::cat(&[&h, &skip], 1));
            }
            if let Some(attention) = &level.attention {
                h = attention.among_all(theta, &h);
            }
            (image, h) = level.output.grow(theta, &self.spec, image, h);
            if let Some(grow) = &level.grow {
                h = grow.apply(&forward, &h);
            }
        }

        if let Some((norm, conv)) = &self.output {
            h = norm.activated(theta, &h, act);
            image = conv.apply(theta, &h);
        }
        Output { image, embedding: embedding.unwrap_or_else(|| noise.reshape(&[noise.shape()[0], 1])), features: h }
    }
}

impl Step {
    fn apply<T: Tensor>(&self, forward: &Forward<T, Option<T>>, x: &T) -> T {
        match self {
            Step::Block(block) => block.apply(forward, x),
            Step::Resize(resize) => resize.apply(forward.theta, x),
        }
    }
}

fn plan_time(scope: &mut Scope, spec: &NcsnppSpec) -> Option<Time> {
    let nf = spec.nf as usize;
    let (count, std) = (if spec.embedding_type == Embedding::Fourier { nf } else { nf / 2 }, spec.fourier_scale);
    // Drawn even where nothing reads it, as in the original.
    let frequencies = match spec.embedding_type {
        Embedding::Fourier => {
            scope.next("GaussianFourierProjection", |s| Frequencies::plan(s, Embedding::Fourier, "W", count, std))
        }
        Embedding::Positional => Frequencies::plan(scope, Embedding::Positional, "W", count, std),
    };
    spec.conditional.then(|| Time {
        frequencies,
        first: scope.next("Dense", |s| Dense::kernel(s, 2 * count, 4 * nf)),
        second: scope.next("Dense", |s| Dense::kernel(s, 4 * nf, 4 * nf)),
    })
}

/// The way down, and the width of every feature map that it leaves for the way up.
fn plan_down(scope: &mut Scope, spec: &NcsnppSpec, channels: usize, side: usize) -> (Vec<Down>, Vec<usize>) {
    let nf = spec.nf as usize;
    let (mut width, mut pyramid, mut skips) = (nf, channels, vec![nf]);
    let mut levels = Vec::new();
    for (level, &mult) in spec.ch_mult.iter().enumerate() {
        let side = side >> level;
        let mut blocks = Vec::new();
        for _ in 0..spec.num_res_blocks {
            let block = Block::plan(scope, spec, width, nf * mult as usize, None);
            width = nf * mult as usize;
            blocks.push((block, attends(spec, side).then(|| attention(scope, spec, width))));
            skips.push(width);
        }
        let shrink = (level + 1 < spec.ch_mult.len()).then(|| {
            let step = match spec.resblock_type {
                BlockType::Biggan => {
                    Step::Block(Box::new(Block::plan(scope, spec, width, width, Some(halve(spec, side)))))
                }
                _ => Step::Resize(Resize::down(scope, spec, side, spec.resamp_with_conv.then_some((width, width)))),
            };
            let input;
            (input, pyramid, width) = pyramid::Input::plan(scope, spec, side, pyramid, width);
            skips.push(width);
            (step, input)
        });
        levels.push(Down { blocks, shrink });
    }
    (levels, skips)
}

fn plan_up(scope: &mut Scope, spec: &NcsnppSpec, channels: usize, side: usize, mut skips: Vec<usize>) -> Vec<Up> {
    let mut width = skips.last().copied().unwrap_or(channels);
    let mut below = None;
    let mut levels = Vec::new();
    for (level, &mult) in spec.ch_mult.iter().enumerate().rev() {
        let side = side >> level;
        let blocks = (0..=spec.num_res_blocks)
            .map(|_| {
                let inputs = width + skips.pop().unwrap_or(0);
                width = spec.nf as usize * mult as usize;
                Block::plan(scope, spec, inputs, width, None)
            })
            .collect();
        let attention = attends(spec, side).then(|| attention(scope, spec, width));
        let output = pyramid::Output::plan(scope, spec, channels, width, below);
        let grow = (level > 0).then(|| match spec.resblock_type {
            BlockType::Biggan => {
                Step::Block(Box::new(Block::plan(scope, spec, width, width, Some(double(spec, side)))))
            }
            _ => Step::Resize(Resize::up(scope, spec, side, spec.resamp_with_conv.then_some((width, width)))),
        });
        below = Some((side, width));
        levels.push(Up { blocks, attention, output, grow });
    }
    levels
}

fn attends(spec: &NcsnppSpec, side: usize) -> bool {
    spec.attn_resolutions.contains(&(side as u64))
}
