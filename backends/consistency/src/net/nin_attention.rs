//! Self-attention with one head, its projections being dense layers over the channels of each pixel (Song et al. 2021).

use std::f64::consts::SQRT_2;

use super::layers::{Nin, residual};
use super::norm::GroupNorm;
use super::scope::Scope;
use crate::params::Params;
use crate::tensor::{Tensor, image_shape};

/// Attention with its residual sum.
#[derive(Debug, Clone)]
pub struct NinAttention {
    norm: GroupNorm,
    query: Nin,
    key: Nin,
    value: Nin,
    output: Nin,
    rescale: bool,
}

impl NinAttention {
    /// Plans attention over `channels` directly in `scope`; the last projection starts at `scale`.
    pub fn plan(scope: &mut Scope, channels: usize, scale: f64, rescale: bool) -> NinAttention {
        NinAttention {
            norm: scope.next("GroupNorm", |s| GroupNorm::by_width(s, channels)),
            query: scope.next("NIN", |s| Nin::plan(s, channels, channels, 0.1)),
            key: scope.next("NIN", |s| Nin::plan(s, channels, channels, 0.1)),
            value: scope.next("NIN", |s| Nin::plan(s, channels, channels, 0.1)),
            output: scope.next("NIN", |s| Nin::plan(s, channels, channels, scale)),
            rescale,
        }
    }

    /// Among all pixels of `[B,channels,H,W]`.
    pub fn among_all<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        let [b, c, h, w] = image_shape(&x.shape());
        let seen = self.seen(theta, &self.norm.apply(theta, x), |x| x.reshape(&[b, c, h * w]), 1.0);
        residual(x, &self.output.apply(theta, &seen.reshape(&[b, c, h, w])), self.rescale)
    }

    /// Among the pixels of each row, as the trainer mincy coded it: what was normalised is thrown away, the logits are
    /// divided by C sqrt(1/2) before the usual sqrt(C), and the sum is not rescaled.
    pub fn within_rows<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        let [b, c, h, w] = image_shape(&x.shape());
        let rows = |x: &T| x.permute(&[0, 2, 1, 3]).reshape(&[b * h, c, w]);
        let seen = self.seen(theta, x, rows, SQRT_2 / c as f64).reshape(&[b, h, c, w]);
        x.add(&self.output.apply(theta, &seen.permute(&[0, 2, 1, 3])))
    }

    /// Attention among the pixels that `grouped` puts together, the usual logits times `scale`.
    fn seen<T: Tensor>(&self, theta: &Params<T>, x: &T, grouped: impl Fn(&T) -> T, scale: f64) -> T {
        let part = |nin: &Nin| grouped(&nin.apply(theta, x));
        let query = part(&self.query);
        let query = if scale == 1.0 { query } else { query.scale(scale) };
        query.attention(&part(&self.key), &part(&self.value))
    }
}
