//! One network of a score head: a convolution of all that the head sees, and what follows it.

use exp_api::spec::{BaselineHeadSpec, BlockType, ConvHeadSpec, Nonlinearity, UnetppSpec};

use super::Given;
use crate::net::dropout::Pass;
use crate::net::forward::Forward;
use crate::net::layers::Conv;
use crate::net::norm::GroupNorm;
use crate::net::scope::Scope;
use crate::net::unetpp::block::{Block, Role, Style};
use crate::net::unetpp::resample_conv::Change;
use crate::net::unetpp::{Edges, Unetpp};
use crate::params::Params;
use crate::tensor::Tensor;

/// The planned network.
#[derive(Debug, Clone)]
pub struct Part {
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
    Unetpp(Box<Unetpp>),
}

/// What a head sees.
pub struct Seen<T> {
    /// The noisy and the denoised image, scaled and activated, `[B,2C,H,W]`.
    pub images: T,
    /// The torso's last features, layer-normalised.
    pub features: T,
    /// The torso's embedding, layer-normalised.
    pub embedding: T,
    /// ln(sigma) / 4, `[B]`.
    pub noise: T,
}

impl Part {
    /// Plans a single convolution.
    pub fn conv(scope: &mut Scope, spec: &ConvHeadSpec, given: Given) -> Part {
        let (normalize, conv) = enter(scope, ["normalize", "conv"], given, spec.n_groups, given.channels);
        Part { normalize, conv, body: Body::Conv }
    }

    /// Plans a row of residual blocks.
    pub fn baseline(scope: &mut Scope, spec: &BaselineHeadSpec, given: Given) -> Part {
        let (normalize, conv) = enter(scope, ["normalize1", "conv1"], given, spec.n_groups, spec.n_channels as usize);
        Part { normalize, conv, body: plan_baseline(scope, spec, given) }
    }

    /// Plans a whole network.
    pub fn unetpp(scope: &mut Scope, spec: &UnetppSpec, given: Given) -> Part {
        let width = (spec.n_channels * spec.ch_mults.first().copied().unwrap_or(1)) as usize;
        let (normalize, conv) = enter(scope, ["normalize1", "conv1"], given, spec.n_groups, width);
        Part { normalize, conv, body: plan_unetpp(scope, spec, given, width) }
    }

    /// The raw image of what the head sees, `[B,C,H,W]`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, seen: &Seen<T>, pass: Pass) -> T {
        let features = self.normalize.activated(theta, &seen.features, Nonlinearity::Swish);
        let h = self.conv.apply(theta, &T::cat(&[&seen.images, &features], 1));
        match &self.body {
            Body::Conv => h,
            Body::Baseline(blocks, norm, conv) => {
                let forward = Forward { theta, condition: seen.embedding.clone(), pass };
                let h = blocks.iter().fold(h, |h, block| block.apply(&forward, &h));
                conv.apply(theta, &norm.activated(theta, &h, Nonlinearity::Swish))
            }
            Body::Unetpp(network) => network.apply(theta, &h, &seen.noise, Some(&seen.embedding), pass).image,
        }
    }
}

/// Plans the normalisation of the features and the first convolution, to `width` channels, under these names.
fn enter(scope: &mut Scope, names: [&str; 2], given: Given, groups: u64, width: usize) -> (GroupNorm, Conv) {
    let inputs = given.features + 2 * given.channels;
    let normalize = scope.child(names[0], |s| GroupNorm::plan(s, given.features, groups as usize));
    (normalize, scope.child(names[1], |s| Conv::weight(s, inputs, width, 3, 1.0)))
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

fn plan_unetpp(scope: &mut Scope, spec: &UnetppSpec, given: Given, width: usize) -> Body {
    let edges = Edges { inputs: width, outputs: given.channels, side: given.side, joined: Some(given.embedding) };
    Body::Unetpp(Box::new(Unetpp::plan(scope, spec, edges)))
}
