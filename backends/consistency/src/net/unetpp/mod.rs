//! UNet++, the SongUNet of EDM (Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative
//! Models"): a U-Net of residual blocks, with optional skips or a residual pyramid of its input.
//!
//! Owns the topology and the forward pass of the bare network, as a torso and inside a score head; scaling of its
//! input and output is the preconditioner's. In: features and the embedded-to-be noise level. Out: [`Output`].

mod attention;
pub(crate) mod block;
pub(crate) mod resample_conv;

use exp_api::spec::{BlockType, Decoder, Embedding, Encoder, Nonlinearity, UnetppSpec};

use self::block::{Block, Forward, NEAR_ZERO, Role, Style, condition};
use self::resample_conv::{Change, FusedDown};
use super::dropout::Pass;
use super::embedding::Frequencies;
use super::layers::{Conv, Dense, GroupNorm};
use super::resample::Resample;
use super::scope::Scope;
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
    /// Plans the network directly in `scope`, whose side its resolutions must divide.
    pub fn plan(scope: &mut Scope, spec: &UnetppSpec, edges: Edges) -> Unetpp {
        let style = Style {
            kind: spec.resblock_type,
            embedding: 4 * spec.n_channels as usize,
            groups: spec.n_groups as usize,
            heads: spec.n_heads as usize,
            dropout: spec.dropout_rate,
            taps: spec.resample_filter.clone(),
        };
        let map = plan_map(scope, spec, edges.joined);
        let (encoder, skips) = plan_encoder(scope, spec, &style, edges);
        let decoder = plan_decoder(scope, spec, &style, edges, skips);
        Unetpp { kind: spec.resblock_type, map, encoder, decoder }
    }

    /// The output for `x` `[B,inputs,side,side]` at `noise` `[B]`, which is ln(sigma) / 4; `joined` `[B,joined]`.
    pub fn apply<T: Tensor>(
        &self,
        theta: &Params<T>,
        x: &T,
        noise: &T,
        joined: Option<&T>,
        pass: Pass,
    ) -> Output<T> {
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
                        let sum = trunk.add(&down.apply(forward.theta, &auxiliary));
                        let joined = sum.scale(std::f64::consts::FRAC_1_SQRT_2);
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

fn plan_map(scope: &mut Scope, spec: &UnetppSpec, joined: Option<usize>) -> Map {
    let width = 4 * spec.n_channels as usize;
    // Twice the frequencies where the filter is longer than a pair, as in the original.
    let channels = spec.n_channels as usize * if spec.resample_filter.len() == 2 { 1 } else { 2 };
    let count = channels / 2;
    let frequencies = match spec.embedding_type {
        Embedding::Fourier => scope.child("map_noise", |s| {
            Frequencies::plan(s, Embedding::Fourier, "freqs", count, spec.fourier_layer_scale)
        }),
        Embedding::Positional => Frequencies::plan(scope, Embedding::Positional, "freqs", count, 0.0),
    };
    Map {
        frequencies,
        first: scope.child("map_layer0", |s| Dense::weight(s, 2 * count, width)),
        second: scope.child("map_layer1", |s| Dense::weight(s, width, width)),
        join: joined.map(|joined| scope.child("map_noise_proj", |s| Dense::weight(s, width + joined, width))),
    }
}

/// The encoder, and the width of every feature map that it leaves for the decoder.
fn plan_encoder(scope: &mut Scope, spec: &UnetppSpec, style: &Style, edges: Edges) -> (Vec<Down>, Vec<usize>) {
    let mut width = spec.n_channels as usize;
    let mut auxiliary = edges.inputs;
    let (mut levels, mut skips) = (Vec::new(), Vec::new());
    for (level, &mult) in spec.ch_mults.iter().enumerate() {
        let name = Level(level);
        let enter = if level == 0 {
            Entrance::Input(scope.child(&name.enc("conv"), |s| Conv::weight(s, edges.inputs, width, 3, 1.0)))
        } else {
            let side = edges.side >> (level - 1);
            let role = Role { inputs: width, outputs: width, side, change: Change::Down, attends: false };
            let block = Block::plan(scope, &name.enc("down"), style, role);
            let join = match spec.encoder_type {
                Encoder::Standard => Auxiliary::None,
                Encoder::Skip => {
                    let conv = scope.child(&name.enc("aux_skip"), |s| Conv::weight(s, auxiliary, width, 1, 1.0));
                    Auxiliary::Skip(Resample::halve(&style.taps, side), conv)
                }
                Encoder::Residual => Auxiliary::Residual(scope.child(&name.enc("aux_residual"), |s| {
                    FusedDown::plan(s, &style.taps, side, std::mem::replace(&mut auxiliary, width), width)
                })),
            };
            Entrance::Halve(Box::new(block), join)
        };
        skips.push(width);
        let attends = spec.is_atten.get(level).copied().unwrap_or(false);
        let blocks = (0..spec.n_blocks)
            .map(|i| {
                let outputs = spec.n_channels as usize * mult as usize;
                let side = edges.side >> level;
                let role = Role { inputs: width, outputs, side, change: Change::Keep, attends };
                width = outputs;
                skips.push(width);
                Block::plan(scope, &name.enc(&format!("block{i}")), style, role)
            })
            .collect();
        levels.push(Down { enter, blocks });
    }
    (levels, skips)
}

fn plan_decoder(
    scope: &mut Scope,
    spec: &UnetppSpec,
    style: &Style,
    edges: Edges,
    mut skips: Vec<usize>,
) -> Vec<Up> {
    let mut width = skips.last().copied().unwrap_or(0);
    let lowest = spec.ch_mults.len() - 1;
    let mut levels = Vec::new();
    for (level, &mult) in spec.ch_mults.iter().enumerate().rev() {
        let (name, side) = (Level(level), edges.side >> level);
        let plain = Role { inputs: width, outputs: width, side, change: Change::Keep, attends: false };
        let enter = if level == lowest {
            vec![
                Block::plan(scope, &name.dec("in0"), style, Role { attends: true, ..plain }),
                Block::plan(scope, &name.dec("in1"), style, plain),
            ]
        } else {
            vec![Block::plan(scope, &name.dec("up"), style, Role { side: side / 2, change: Change::Up, ..plain })]
        };
        let attends = spec.is_atten.get(level).copied().unwrap_or(false);
        let blocks = (0..=spec.n_blocks)
            .map(|i| {
                let (inputs, outputs) = (width + skips.pop().unwrap_or(0), spec.n_channels as usize * mult as usize);
                width = outputs;
                let role = Role { inputs, outputs, attends: attends && i == spec.n_blocks, ..plain };
                Block::plan(scope, &name.dec(&format!("block{i}")), style, role)
            })
            .collect();
        let output = (level == 0 || spec.decoder_type == Decoder::Skip).then(|| ToImage {
            double: (level < lowest && spec.decoder_type == Decoder::Skip)
                .then(|| Resample::double(&style.taps, side / 2)),
            norm: scope.child(&name.dec("aux_norm"), |s| GroupNorm::plan(s, width, style.groups)),
            conv: scope.child(&name.dec("aux_conv"), |s| Conv::weight(s, width, edges.outputs, 3, NEAR_ZERO)),
        });
        levels.push(Up { enter, blocks, output });
    }
    levels
}

/// A resolution in names, which count from 32x32 whatever the image.
struct Level(usize);

impl Level {
    fn enc(&self, part: &str) -> String {
        format!("enc_{0}x{0}_{part}", 32 >> self.0)
    }

    fn dec(&self, part: &str) -> String {
        format!("dec_{0}x{0}_{part}", 32 >> self.0)
    }
}
