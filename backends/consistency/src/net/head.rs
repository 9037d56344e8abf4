//! The score heads: from the torso's image, last features and embedding to a denoised image of their own.
//!
//! A head reads the noisy and the denoised image, already scaled, beside the torso's features. Features and embedding
//! pass a layer normalisation first. Its input widths follow the torso, so no head has a key for them.

use exp_api::spec::{BaselineHeadSpec, BlockType, HeadSpec, Nonlinearity, UnetppHeadSpec, UnetppSpec};

use super::Denoised;
use super::dropout::Pass;
use super::layers::{Conv, GroupNorm, LayerNorm};
use super::precondition::Precondition;
use super::scope::Scope;
use super::unetpp::block::{Block, Forward, Role, Style};
use super::unetpp::resample_conv::Change;
use super::unetpp::{Edges, Unetpp};
use crate::params::Params;
use crate::tensor::Tensor;

/// The planned head.
#[derive(Debug, Clone)]
pub struct Head {
    features: LayerNorm,
    embedding: LayerNorm,
    normalize: GroupNorm,
    conv: Conv,
    body: Body,
}

/// What follows the first convolution.
#[derive(Debug, Clone)]
enum Body {
    /// Nothing: it is the only one.
    Conv,
    /// Residual blocks, then a second convolution.
    Baseline(Vec<Block>, GroupNorm, Conv),
    /// A whole network.
    Unetpp(Unetpp),
}

/// What a head is given.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// Channels of an image.
    pub channels: usize,
    /// Side of an image.
    pub side: usize,
    /// Channels of the torso's last features.
    pub features: usize,
    /// Width of the torso's embedding.
    pub embedding: usize,
}

impl Head {
    /// Plans the head directly in `scope`.
    pub fn plan(scope: &mut Scope, spec: &HeadSpec, given: Given) -> Head {
        let features = scope.child("layer_norm_for_last_x_emb", |s| LayerNorm::plan(s, given.features));
        // Planned for every kind, as in the original, although one convolution reads no embedding.
        let embedding = scope.child("layer_norm_for_t_emb", |s| LayerNorm::plan(s, given.embedding));
        scope.child("head", |s| {
            let [normalize, conv] = match spec {
                HeadSpec::Conv(_) => ["normalize", "conv"],
                HeadSpec::Baseline(_) | HeadSpec::Unetpp(_) => ["normalize1", "conv1"],
            };
            let (groups, width) = match spec {
                HeadSpec::Conv(spec) => (spec.n_groups, given.channels as u64),
                HeadSpec::Baseline(spec) => (spec.n_groups, spec.n_channels),
                HeadSpec::Unetpp(spec) => {
                    (spec.n_groups, spec.n_channels * spec.ch_mults.first().copied().unwrap_or(1))
                }
            };
            let (inputs, width) = (given.features + 2 * given.channels, width as usize);
            Head {
                features,
                embedding,
                normalize: s.child(normalize, |s| GroupNorm::plan(s, given.features, groups as usize)),
                conv: s.child(conv, |s| Conv::weight(s, inputs, width, 3, 1.0)),
                body: match spec {
                    HeadSpec::Conv(_) => Body::Conv,
                    HeadSpec::Baseline(spec) => plan_baseline(s, spec, given),
                    HeadSpec::Unetpp(spec) => plan_unetpp(s, spec, given, width),
                },
            }
        })
    }

    /// The head's denoised image of `x` `[B,C,H,W]`, given the scales of its noise levels and the torso's output.
    pub fn apply<T: Tensor>(
        &self,
        theta: &Params<T>,
        scales: &Precondition<T>,
        x: &T,
        torso: &Denoised<T>,
        pass: Pass,
    ) -> T {
        let images = T::cat(&[x, &torso.image], 1).mul(&scales.input).silu();
        let features = self.features.apply(theta, &torso.features);
        let features = self.normalize.activated(theta, &features, Nonlinearity::Swish);
        let h = self.conv.apply(theta, &T::cat(&[&images, &features], 1));
        let embedding = || self.embedding.apply(theta, &torso.embedding);
        let raw = match &self.body {
            Body::Conv => h,
            Body::Baseline(blocks, norm, conv) => {
                let forward = Forward { theta, condition: embedding(), pass };
                let h = blocks.iter().fold(h, |h, block| block.apply(&forward, &h));
                conv.apply(theta, &norm.activated(theta, &h, Nonlinearity::Swish))
            }
            Body::Unetpp(network) => network.apply(theta, &h, &scales.noise, Some(&embedding()), pass).image,
        };
        scales.denoised(x, &raw)
    }
}

fn plan_baseline(scope: &mut Scope, spec: &BaselineHeadSpec, given: Given) -> Body {
    let width = spec.n_channels as usize;
    let style = Style {
        kind: BlockType::Standard,
        embedding: given.embedding,
        groups: spec.n_groups as usize,
        heads: spec.n_heads as usize,
        dropout: spec.dropout_rate,
        taps: Vec::new(),
    };
    let role = Role { inputs: width, outputs: width, side: given.side, change: Change::Keep, attends: true };
    let blocks = (0..spec.n_blocks).map(|i| Block::plan(scope, &format!("blocks_{i}"), &style, role)).collect();
    let norm = scope.child("normalize2", |s| GroupNorm::plan(s, width, style.groups));
    Body::Baseline(blocks, norm, scope.child("conv2", |s| Conv::weight(s, width, given.channels, 3, 1.0)))
}

fn plan_unetpp(scope: &mut Scope, spec: &UnetppHeadSpec, given: Given, width: usize) -> Body {
    let edges = Edges { inputs: width, outputs: given.channels, side: given.side, joined: Some(given.embedding) };
    Body::Unetpp(Unetpp::plan(scope, &as_network(spec), edges))
}

/// The head's network as a torso would be configured; the keys that a head lacks have the torso's defaults.
fn as_network(spec: &UnetppHeadSpec) -> UnetppSpec {
    let spec = spec.clone();
    UnetppSpec {
        n_channels: spec.n_channels,
        ch_mults: spec.ch_mults,
        is_atten: spec.is_atten,
        n_blocks: spec.n_blocks,
        n_heads: spec.n_heads,
        n_groups: spec.n_groups,
        dropout_rate: spec.dropout_rate,
        embedding_type: spec.embedding_type,
        fourier_layer_scale: 16.0,
        encoder_type: spec.encoder_type,
        decoder_type: spec.decoder_type,
        resblock_type: BlockType::Standard,
        resample_filter: spec.resample_filter,
    }
}
