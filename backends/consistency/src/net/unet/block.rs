//! The blocks of the plain UNet: residual, and attention with one head.

use exp_api::spec::{Nonlinearity, UnetSpec};

use super::conv;
use crate::net::dropout::Dropout;
use crate::net::forward::Forward;
use crate::net::layers::{Conv, Dense, NEAR_ZERO};
use crate::net::norm::GroupNorm;
use crate::net::scope::Scope;
use crate::params::Params;
use crate::tensor::{Tensor, image_shape};

/// A residual block.
#[derive(Debug, Clone)]
pub struct Block {
    norm_in: GroupNorm,
    conv_in: Conv,
    condition: Dense,
    norm_out: GroupNorm,
    dropout: Dropout,
    conv_out: Conv,
    shortcut: Option<Conv>,
}

impl Block {
    /// Plans a block from `inputs` to `outputs` channels.
    pub fn plan(scope: &mut Scope, spec: &UnetSpec, inputs: usize, outputs: usize) -> Block {
        let groups = spec.n_groups as usize;
        scope.next("ResidualBlock", |s| Block {
            norm_in: s.next("GroupNorm", |s| GroupNorm::plan(s, inputs, groups)),
            conv_in: conv(s, inputs, outputs, 3, 1.0),
            condition: dense(s, 4 * spec.n_channels as usize, outputs),
            norm_out: s.next("GroupNorm", |s| GroupNorm::plan(s, outputs, groups)),
            dropout: Dropout::plan(s, spec.dropout_rate),
            conv_out: conv(s, outputs, outputs, 3, NEAR_ZERO),
            shortcut: (inputs != outputs).then(|| conv(s, inputs, outputs, 1, 1.0)),
        })
    }

    /// `[B,inputs,H,W]` to `[B,outputs,H,W]`.
    pub fn apply<T: Tensor>(&self, forward: &Forward<T>, x: &T) -> T {
        let theta = forward.theta;
        let [x, h] = self.norm_in.parted(theta, x, Nonlinearity::Swish);
        let h = self.conv_in.apply(theta, &h);
        let shift = self.condition.apply(theta, &forward.condition);
        let dropout = self.dropout.of(forward.pass);
        let h = self.norm_out.activated_between(theta, &h, Some(&shift), Nonlinearity::Swish, dropout);
        let h = self.conv_out.apply(theta, &h);
        match &self.shortcut {
            Some(conv) => conv.apply(theta, &x).add(&h),
            None => x.add(&h),
        }
    }
}

/// Self-attention over all pixels, with its residual sum.
#[derive(Debug, Clone)]
pub struct Attention {
    norm: GroupNorm,
    qkv: Conv,
    output: Conv,
}

impl Attention {
    /// Plans attention over `channels`, with the normalisation that `norm` plans.
    pub fn plan(scope: &mut Scope, channels: usize, norm: impl FnOnce(&mut Scope) -> GroupNorm) -> Attention {
        scope.next("AttentionBlock", |s| Attention {
            norm: s.next("GroupNorm", norm),
            qkv: s.next("CustomConv2d", |s| s.next("Conv", |s| Conv::unbiased(s, channels, 3 * channels))),
            output: conv(s, channels, channels, 1, NEAR_ZERO),
        })
    }

    /// `[B,channels,H,W]` to the same.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        let [b, c, h, w] = image_shape(&x.shape());
        let qkv = self.qkv.apply(theta, &self.norm.apply(theta, x)).reshape(&[b, 3 * c, h * w]);
        let part = |j| qkv.narrow(1, j * c, c);
        let seen = part(0).attention(&part(1), &part(2)).reshape(&[b, c, h, w]);
        x.add(&self.output.apply(theta, &seen))
    }
}

/// The next dense layer, under the name of its wrapper.
pub fn dense(scope: &mut Scope, inputs: usize, outputs: usize) -> Dense {
    scope.next("CustomDense", |s| s.next("Dense", |s| Dense::kernel(s, inputs, outputs)))
}
