//! The class-conditional UNet of `mincy`, a small trainer of improved consistency models.
//!
//! Its own kind of U-Net: a resolution leaves one feature map for the way up, taken after it has been halved, so that
//! only the last block of all sees the full side. Attention and its places are as coded or as they were meant
//! ([`MincySpec`]). In: images, c_noise = ln(sigma) / 4 and perhaps the class of each. Out: [`Output`].

mod block;

use exp_api::spec::{AttentionSites, Embedding, MincySpec};

use self::block::{Attention, Block, Change};
use super::dropout::Pass;
use super::embedding::Frequencies;
use super::forward::Forward;
use super::layers::{Conv, activate};
use super::scope::Scope;
use super::torso::Output;
use crate::params::{Init, ParamId, Params};
use crate::tensor::Tensor;

/// The planned network.
#[derive(Debug, Clone)]
pub struct Mincy {
    spec: MincySpec,
    frequencies: Frequencies,
    classes: Option<ParamId>,
    input: Conv,
    down: Vec<Level>,
    bottom: (Block, Attention, Block),
    up: Vec<Level>,
    output: Conv,
}

/// One resolution, and the block that leaves it.
#[derive(Debug, Clone)]
struct Level {
    steps: Vec<Step>,
    leave: Option<Block>,
}

#[derive(Debug, Clone)]
enum Step {
    Block(Box<Block>),
    Attention(Box<Attention>),
}

/// Width of the embedding: a sine and a cosine of each drawn frequency, or as many columns as asked for, the last of an
/// odd number being zero.
pub fn embedding_width(spec: &MincySpec) -> usize {
    let size = spec.pos_emb_dim as usize;
    if spec.pos_emb_type == Embedding::Fourier { 2 * size } else { size }
}

impl Mincy {
    /// Plans the network directly in `scope`, for images of `channels`.
    pub fn plan(scope: &mut Scope, spec: &MincySpec, channels: usize) -> Mincy {
        let (base, size, width) = (spec.num_init_channels as usize, spec.kernel_size as usize, embedding_width(spec));
        let frequencies = plan_frequencies(scope, spec);
        let classes = spec.class_cond.then(|| {
            let init = Init::Normal((width as f64).recip().sqrt());
            scope.next("Embed", |s| s.param("embedding", &[spec.num_classes as usize, width], init))
        });
        let input = scope.next("Conv", |s| Conv::lecun(s, channels, base, size));
        let mut planner = Planner { spec, embedding: width, width: base };
        let widths: Vec<(u64, usize)> = spec.channel_mults.iter().map(|&mult| (mult, base * mult as usize)).collect();
        let (down, mut skips) = planner.down(scope, &widths);
        let deepest = planner.width;
        let bottom = (
            planner.block(scope, deepest, Change::Keep),
            Attention::plan(scope, spec, deepest),
            planner.block(scope, deepest, Change::Keep),
        );
        let up = planner.up(scope, &widths, &mut skips);
        let output = scope.next("Conv", |s| Conv::lecun(s, planner.width, channels, size));
        Mincy { spec: spec.clone(), frequencies, classes, input, down, bottom, up, output }
    }

    /// The output for `x` `[B,C,H,W]` at `noise` `[B]`, which is ln(sigma) / 4; `labels` `[B,num_classes]` is 1 at the
    /// class of each image and 0 elsewhere.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T, noise: &T, labels: Option<&T>, pass: Pass) -> Output<T> {
        let position = self.position(theta, noise);
        let embedding = match (self.classes, labels) {
            (Some(table), Some(labels)) => position.add(&labels.matmul(&theta[table])),
            _ => position,
        };
        let forward = Forward { theta, condition: activate(self.spec.nonlinearity, &embedding), pass };

        let mut h = self.input.apply(theta, x);
        let mut skips = Vec::new();
        for level in &self.down {
            h = level.apply(&forward, h);
            skips.push(h.clone());
        }
        let (before, attention, after) = &self.bottom;
        h = after.apply(&forward, &attention.apply(theta, &before.apply(&forward, &h)));
        for (level, skip) in self.up.iter().zip(skips.iter().rev()) {
            h = level.apply(&forward, T::cat(&[&h, skip], 1));
        }
        Output { image: self.output.apply(theta, &h), embedding, features: h }
    }
}

impl Mincy {
    fn position<T: Tensor>(&self, theta: &Params<T>, noise: &T) -> T {
        let waves = self.frequencies.apply(theta, noise);
        let [batch, columns] = [waves.shape()[0], waves.shape()[1]];
        let missing = embedding_width(&self.spec) - columns;
        match missing {
            0 => waves,
            _ => T::cat(&[&waves, &waves.constant(&[batch, missing], &vec![0.0; batch * missing])], 1),
        }
    }
}

fn plan_frequencies(scope: &mut Scope, spec: &MincySpec) -> Frequencies {
    let (kind, size, std) = (spec.pos_emb_type, spec.pos_emb_dim as usize, spec.fourier_scale);
    match kind {
        Embedding::Fourier => scope.next("FourierEmbedding", |s| Frequencies::plan(s, kind, "W", size, std)),
        Embedding::Positional => Frequencies::plan(scope, kind, "W", size / 2, std),
    }
}

impl Level {
    fn apply<T: Tensor>(&self, forward: &Forward<T>, h: T) -> T {
        let h = self.steps.iter().fold(h, |h, step| match step {
            Step::Block(block) => block.apply(forward, &h),
            Step::Attention(attention) => attention.apply(forward.theta, &h),
        });
        self.leave.as_ref().map_or_else(|| h.clone(), |block| block.apply(forward, &h))
    }
}

/// What planning carries from block to block.
struct Planner<'a> {
    spec: &'a MincySpec,
    embedding: usize,
    /// Channels of the trunk.
    width: usize,
}

impl Planner<'_> {
    fn block(&mut self, scope: &mut Scope, outputs: usize, change: Change) -> Block {
        let inputs = std::mem::replace(&mut self.width, outputs);
        Block::plan(scope, self.spec, self.embedding, inputs, outputs, change)
    }

    /// Whether the resolution of multiplier `mult` has attention after each block, given where blocks have any.
    fn attends(&self, mult: u64, here: AttentionSites) -> bool {
        let sites = self.spec.attention_sites;
        self.spec.attention_mults.contains(&mult) && (sites == AttentionSites::Both || sites == here)
    }

    fn steps(&mut self, scope: &mut Scope, blocks: u64, outputs: usize, attends: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..blocks {
            steps.push(Step::Block(Box::new(self.block(scope, outputs, Change::Keep))));
            if attends {
                steps.push(Step::Attention(Box::new(Attention::plan(scope, self.spec, outputs))));
            }
        }
        steps
    }

    /// The encoder, and the width that each of its resolutions leaves for the decoder.
    fn down(&mut self, scope: &mut Scope, widths: &[(u64, usize)]) -> (Vec<Level>, Vec<usize>) {
        let (mut levels, mut skips) = (Vec::new(), Vec::new());
        for (level, &(mult, outputs)) in widths.iter().enumerate() {
            let attends = self.attends(mult, AttentionSites::Encoder);
            let mut steps = self.steps(scope, self.spec.num_res_blocks, outputs, attends);
            if !attends && self.spec.attention_mults.contains(&mult) {
                steps.push(Step::Attention(Box::new(Attention::plan(scope, self.spec, outputs))));
            }
            let leaves = level + 1 < widths.len() || self.spec.downsample_last_dim;
            let leave = leaves.then(|| self.block(scope, outputs, Change::Down));
            levels.push(Level { steps, leave });
            skips.push(outputs);
        }
        (levels, skips)
    }

    /// The decoder, from the lowest resolution.
    fn up(&mut self, scope: &mut Scope, widths: &[(u64, usize)], skips: &mut Vec<usize>) -> Vec<Level> {
        let mut levels = Vec::new();
        for (turn, &(mult, outputs)) in widths.iter().rev().enumerate() {
            self.width += skips.pop().unwrap_or(0);
            let attends = self.attends(mult, AttentionSites::Decoder);
            let steps = self.steps(scope, self.spec.num_res_blocks + 1, outputs, attends);
            let leaves = turn > 0 || self.spec.downsample_last_dim;
            let leave = leaves.then(|| self.block(scope, outputs, Change::Up));
            levels.push(Level { steps, leave });
        }
        levels
    }
}
