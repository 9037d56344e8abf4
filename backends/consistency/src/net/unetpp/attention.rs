//! The attention of UNet++: all pixels, several heads.

use crate::net::layers::{Conv, NEAR_ZERO};
use crate::net::norm::GroupNorm;
use crate::net::scope::Scope;
use crate::params::Params;
use crate::tensor::{Tensor, image_shape};

/// Self-attention without its residual sum.
#[derive(Debug, Clone)]
pub struct Attention {
    norm: GroupNorm,
    qkv: Conv,
    output: Conv,
    heads: usize,
}

impl Attention {
    /// Plans attention over `channels`, split over `heads`.
    pub fn plan(scope: &mut Scope, channels: usize, heads: usize, groups: usize) -> Attention {
        if channels.checked_rem(heads) != Some(0) {
            scope.problem(Some("n_heads"), format!("{channels} channels do not split over {heads} attention heads"));
        }
        Attention {
            norm: scope.child("norm2", |s| GroupNorm::plan(s, channels, groups)),
            qkv: scope.child("qkv", |s| Conv::weight(s, channels, 3 * channels, 1, 0.2)),
            output: scope.child("proj", |s| Conv::weight(s, channels, channels, 1, NEAR_ZERO)),
            heads,
        }
    }

    /// `[B,channels,H,W]` to the same.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        let [b, c, h, w] = image_shape(&x.shape());
        let (lanes, width, pixels) = (b * self.heads, c / self.heads, h * w);
        let qkv = self.qkv.apply(theta, &self.norm.apply(theta, x));
        // Query, key and value take turns within a head: channel 3 c + j is value c of the j-th.
        let qkv = qkv.reshape(&[lanes, width, 3, pixels]);
        let part = |j| qkv.narrow(2, j, 1).reshape(&[lanes, width, pixels]);
        let seen = part(0).attention(&part(1), &part(2));
        self.output.apply(theta, &seen.reshape(&[b, c, h, w]))
    }
}
