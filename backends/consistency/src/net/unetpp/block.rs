//! The blocks of UNet++: residual, of the DDPM++ ("standard") and of the BigGAN kind, each with optional attention.

use std::f64::consts::FRAC_1_SQRT_2;

use exp_api::spec::{BlockType, Nonlinearity};

use super::attention::Attention;
use super::resample_conv::{Change, ResampleConv};
use crate::net::dropout::Dropout;
use crate::net::forward::Forward;
use crate::net::layers::{Conv, Dense, NEAR_ZERO};
use crate::net::norm::GroupNorm;
use crate::net::scope::Scope;
use crate::tensor::Tensor;

/// What all blocks of a network have in common.
#[derive(Debug, Clone)]
pub struct Style {
    /// The kind of block.
    pub kind: BlockType,
    /// Width of the embedding.
    pub embedding: usize,
    /// Groups of the standard block's and of the attention's normalisation.
    pub groups: usize,
    /// Attention heads.
    pub heads: usize,
    /// Share of features dropped.
    pub dropout: f64,
    /// The resampling filter.
    pub taps: Vec<f64>,
}

/// What one block does.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Side of the image that comes in.
    pub side: usize,
    /// What it does to the side.
    pub change: Change,
    /// Whether attention follows.
    pub attends: bool,
}

/// A residual block.
#[derive(Debug, Clone)]
pub struct Block {
    norm_in: GroupNorm,
    enter: Enter,
    shift: Dense,
    norm_out: GroupNorm,
    dropout: Dropout,
    conv_out: Conv,
    skip: Option<ResampleConv>,
    attention: Option<Attention>,
}

/// How features enter a block, after the first activation.
#[derive(Debug, Clone)]
enum Enter {
    /// One resampling convolution.
    Standard(ResampleConv),
    /// Resampling convolutions of the branch and of the trunk where the size changes, then a convolution.
    Biggan(Option<(ResampleConv, ResampleConv)>, Conv),
}

impl Block {
    /// Plans a block called `name`.
    pub fn plan(scope: &mut Scope, name: &str, style: &Style, role: Role) -> Block {
        scope.child(name, |s| match style.kind {
            BlockType::Biggan => plan_biggan(s, style, role),
            _ => plan_standard(s, style, role),
        })
    }

    /// `[B,inputs,side,side]` to `[B,outputs,side',side']`.
    pub fn apply<T: Tensor>(&self, forward: &Forward<T>, x: &T) -> T {
        let theta = forward.theta;
        let [mut x, mut h] = self.norm_in.parted(theta, x, Nonlinearity::Swish);
        match &self.enter {
            Enter::Standard(conv) => h = conv.apply(theta, &h),
            Enter::Biggan(resample, conv) => {
                if let Some((branch, trunk)) = resample {
                    h = branch.apply(theta, &h);
                    x = trunk.apply(theta, &x);
                }
                h = conv.apply(theta, &h);
            }
        }
        let shift = self.shift.apply(theta, &forward.condition);
        let dropout = self.dropout.of(forward.pass);
        h = self.norm_out.activated_between(theta, &h, Some(&shift), Nonlinearity::Swish, dropout);
        h = self.conv_out.apply(theta, &h);
        if let Some(skip) = &self.skip {
            x = skip.apply(theta, &x);
        }
        x = x.add_scaled(&h, FRAC_1_SQRT_2);
        match &self.attention {
            Some(attention) => x.add_scaled(&attention.apply(theta, &x), FRAC_1_SQRT_2),
            None => x,
        }
    }
}

/// The embedding as blocks of this kind read it: the BigGAN kind activates it once more.
pub fn condition<T: Tensor>(kind: BlockType, embedding: &T) -> T {
    match kind {
        BlockType::Biggan => embedding.silu(),
        _ => embedding.clone(),
    }
}

fn plan_standard(scope: &mut Scope, style: &Style, role: Role) -> Block {
    let Role { inputs, outputs, side, change, attends } = role;
    let filter = || change.filter(&style.taps, side);
    let norm = |s: &mut Scope, channels| GroupNorm::plan(s, channels, style.groups);
    Block {
        norm_in: scope.child("norm0", |s| norm(s, inputs)),
        enter: Enter::Standard(ResampleConv::new(
            filter(),
            scope.child("conv0", |s| Conv::weight(s, inputs, outputs, 3, 1.0)),
        )),
        shift: scope.child("affine", |s| Dense::weight(s, style.embedding, outputs)),
        norm_out: scope.child("norm1", |s| norm(s, outputs)),
        dropout: Dropout::plan(scope, style.dropout),
        conv_out: scope.child("conv1", |s| Conv::weight(s, outputs, outputs, 3, NEAR_ZERO)),
        skip: (inputs != outputs || change != Change::Keep)
            .then(|| ResampleConv::new(filter(), scope.child("skip", |s| Conv::weight(s, inputs, outputs, 1, 1.0)))),
        attention: attends.then(|| scope.child("atten", |s| Attention::plan(s, outputs, style.heads, style.groups))),
    }
}

fn plan_biggan(scope: &mut Scope, style: &Style, role: Role) -> Block {
    let Role { inputs, outputs, side, change, attends } = role;
    let custom = |scope: &mut Scope| {
        let filter = change.filter(&style.taps, side)?;
        let conv = scope.next("CustomConv2d", |s| Conv::weight(s, inputs, outputs, 3, 1.0));
        Some(ResampleConv::new(Some(filter), conv))
    };
    let norm_in = scope.next("GroupNorm", |s| GroupNorm::by_width(s, inputs));
    let resample = custom(scope).zip(custom(scope));
    // After resampling, the trunk already has the block's width.
    let inner = if resample.is_some() { outputs } else { inputs };
    let conv_in = scope.next("Conv", |s| Conv::kernel(s, inner, outputs, 3, 1.0));
    Block {
        norm_in,
        shift: scope.next("Linear", |s| Dense::weight(s, style.embedding, outputs)),
        norm_out: scope.next("GroupNorm", |s| GroupNorm::by_width(s, outputs)),
        dropout: Dropout::plan(scope, style.dropout),
        conv_out: scope.next("Conv", |s| Conv::kernel(s, outputs, outputs, 3, 0.0)),
        skip: (inputs != outputs || resample.is_some())
            .then(|| ResampleConv::new(None, scope.next("Conv", |s| Conv::kernel(s, inner, outputs, 3, 1.0)))),
        enter: Enter::Biggan(resample, conv_in),
        attention: attends
            .then(|| scope.next("AttentionModule", |s| Attention::plan(s, outputs, style.heads, style.groups))),
    }
}
