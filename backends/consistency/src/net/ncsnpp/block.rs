//! The residual block of NCSN++, of the DDPM and of the BigGAN kind.

use exp_api::spec::{BlockType, NcsnppSpec, Nonlinearity};

use crate::net::dropout::Dropout;
use crate::net::forward::Forward;
use crate::net::layers::{Conv, Dense, NEAR_ZERO, Nin, residual};
use crate::net::nin_attention::NinAttention;
use crate::net::norm::GroupNorm;
use crate::net::resample::Resample;
use crate::net::scope::Scope;
use crate::tensor::Tensor;

/// A residual block.
#[derive(Debug, Clone)]
pub struct Block {
    norm_in: GroupNorm,
    resample: Option<Resample>,
    conv_in: Conv,
    condition: Option<Dense>,
    norm_out: GroupNorm,
    dropout: Dropout,
    conv_out: Conv,
    shortcut: Shortcut,
    act: Nonlinearity,
    rescale: bool,
}

#[derive(Debug, Clone)]
enum Shortcut {
    Identity,
    Conv(Conv),
    Nin(Nin),
}

impl Block {
    /// Plans a block from `inputs` to `outputs` channels; a BigGAN block may resample.
    pub fn plan(
        scope: &mut Scope,
        spec: &NcsnppSpec,
        inputs: usize,
        outputs: usize,
        resample: Option<Resample>,
    ) -> Block {
        let biggan = spec.resblock_type == BlockType::Biggan;
        let class = if biggan { "ResnetBlockBigGANpp" } else { "ResnetBlockDDPMpp" };
        scope.next(class, |s| Block {
            norm_in: s.next("GroupNorm", |s| GroupNorm::by_width(s, inputs)),
            conv_in: s.next("Conv", |s| Conv::kernel(s, inputs, outputs, 3, 1.0)),
            condition: spec.conditional.then(|| s.next("Dense", |s| Dense::kernel(s, 4 * spec.nf as usize, outputs))),
            norm_out: s.next("GroupNorm", |s| GroupNorm::by_width(s, outputs)),
            dropout: Dropout::plan(s, spec.dropout),
            conv_out: s.next("Conv", |s| Conv::kernel(s, outputs, outputs, 3, init_scale(spec))),
            shortcut: match biggan {
                true if inputs != outputs || resample.is_some() => {
                    Shortcut::Conv(s.next("Conv", |s| Conv::kernel(s, inputs, outputs, 1, 1.0)))
                }
                false if inputs != outputs => Shortcut::Nin(s.next("NIN", |s| Nin::plan(s, inputs, outputs, 0.1))),
                _ => Shortcut::Identity,
            },
            resample,
            act: spec.nonlinearity,
            rescale: spec.skip_rescale,
        })
    }

    /// `[B,inputs,H,W]` to `[B,outputs,H',W']`.
    pub fn apply<T: Tensor>(&self, forward: &Forward<T, Option<T>>, x: &T) -> T {
        let theta = forward.theta;
        let [mut x, mut h] = self.norm_in.parted(theta, x, self.act);
        if let Some(resample) = &self.resample {
            h = resample.apply(&h);
            x = resample.apply(&x);
        }
        h = self.conv_in.apply(theta, &h);
        let shift = self.condition.as_ref().zip(forward.condition.as_ref());
        let shift = shift.map(|(dense, condition)| dense.apply(theta, condition));
        let dropout = self.dropout.of(forward.pass);
        h = self.norm_out.activated_between(theta, &h, shift.as_ref(), self.act, dropout);
        h = self.conv_out.apply(theta, &h);
        let x = match &self.shortcut {
            Shortcut::Identity => x,
            Shortcut::Conv(conv) => conv.apply(theta, &x),
            Shortcut::Nin(nin) => nin.apply(theta, &x),
        };
        residual(&x, &h, self.rescale)
    }
}

/// Plans attention over `channels`.
pub fn attention(scope: &mut Scope, spec: &NcsnppSpec, channels: usize) -> NinAttention {
    scope.next("AttnBlockpp", |s| NinAttention::plan(s, channels, init_scale(spec), spec.skip_rescale))
}

/// The original puts a tiny scale in the place of zero.
pub fn init_scale(spec: &NcsnppSpec) -> f64 {
    if spec.init_scale == 0.0 { NEAR_ZERO } else { spec.init_scale }
}
