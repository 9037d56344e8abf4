//! The residual block of mincy, with resampling inside as in BigGAN, and its attention.

use exp_api::spec::{MincyAttention, MincySpec, Nonlinearity};

use crate::net::dropout::Dropout;
use crate::net::forward::Forward;
use crate::net::layers::{Conv, Dense, NEAR_ZERO, activate, residual};
use crate::net::nin_attention::NinAttention;
use crate::net::norm::GroupNorm;
use crate::net::scope::Scope;
use crate::params::Params;
use crate::tensor::Tensor;

/// What a block does to the side of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// A strided convolution halves it.
    Down,
    /// Repeated pixels and a convolution double it.
    Up,
}

/// A convolution that changes the side.
#[derive(Debug, Clone)]
struct Resize {
    conv: Conv,
    /// Zeros before and after the image, where every other pixel is taken; none where pixels are repeated.
    margin: Option<(usize, usize)>,
}

impl Resize {
    /// Plans it in the network's own scope, as its authors did; none for a block that keeps the side.
    fn plan(scope: &mut Scope, spec: &MincySpec, channels: usize, change: Change) -> Option<Resize> {
        let size = spec.kernel_size as usize;
        let mut conv = |class| scope.next(class, |s| s.next("Conv", |s| Conv::lecun(s, channels, channels, size)));
        match change {
            Change::Keep => None,
            Change::Up => Some(Resize { conv: conv("Upsample"), margin: None }),
            Change::Down => {
                let margin = size.saturating_sub(2);
                let margin = Some((margin / 2, margin.div_ceil(2)));
                Some(Resize { conv: conv("Downsample").with(2, 0), margin })
            }
        }
    }

    fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        match self.margin {
            Some((before, after)) => self.conv.apply(theta, &x.pad(before, after, before, after)),
            None => self.conv.apply(theta, &x.upsample_nearest()),
        }
    }
}

/// A normalisation, an activation and a convolution; features are dropped before the activation.
#[derive(Debug, Clone)]
struct Layer {
    norm: GroupNorm,
    dropout: Dropout,
    conv: Conv,
}

impl Layer {
    fn plan(scope: &mut Scope, spec: &MincySpec, inputs: usize, outputs: usize, dropout: f64) -> Layer {
        scope.next("ConvBlock", |s| Layer {
            norm: s.next("GroupNorm", |s| GroupNorm::by_width(s, inputs)),
            dropout: Dropout::plan(s, dropout),
            conv: s.next("Conv", |s| Conv::lecun(s, inputs, outputs, spec.kernel_size as usize)),
        })
    }

    fn apply<T: Tensor>(&self, forward: &Forward<T>, act: Nonlinearity, resize: Option<&Resize>, x: &T) -> T {
        let theta = forward.theta;
        let h = activate(act, &self.dropout.apply(&self.norm.apply(theta, x), forward.pass));
        match resize {
            Some(resize) => self.conv.apply(theta, &resize.apply(theta, &h)),
            None => self.conv.apply(theta, &h),
        }
    }
}

/// A residual block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Of the trunk, and of the branch.
    resize: [Option<Resize>; 2],
    enter: Layer,
    condition: Dense,
    leave: Layer,
    shortcut: Option<Conv>,
    act: Nonlinearity,
    rescale: bool,
}

impl Block {
    /// Plans a block from `inputs` to `outputs` channels, with an embedding of `width`.
    pub fn plan(
        scope: &mut Scope,
        spec: &MincySpec,
        width: usize,
        inputs: usize,
        outputs: usize,
        change: Change,
    ) -> Block {
        let resize = [(); 2].map(|()| Resize::plan(scope, spec, inputs, change));
        scope.next("ResnetBlock", |s| Block {
            enter: Layer::plan(s, spec, inputs, outputs, 0.0),
            condition: s.next("DenseGeneral", |s| Dense::lecun(s, width, outputs)),
            leave: Layer::plan(s, spec, outputs, outputs, spec.dropout),
            shortcut: (inputs != outputs || change != Change::Keep)
                .then(|| s.next("Conv", |s| Conv::lecun(s, inputs, outputs, 1))),
            resize,
            act: spec.nonlinearity,
            rescale: spec.rescale_skip_conns,
        })
    }

    /// `[B,inputs,H,W]` to `[B,outputs,H',W']`.
    pub fn apply<T: Tensor>(&self, forward: &Forward<T>, x: &T) -> T {
        let (theta, [trunk, branch]) = (forward.theta, &self.resize);
        let h = self.enter.apply(forward, self.act, branch.as_ref(), x);
        let shift = self.condition.apply(theta, &forward.condition);
        let h = h.add(&shift.reshape(&[shift.shape()[0], shift.shape()[1], 1, 1]));
        let h = self.leave.apply(forward, self.act, None, &h);
        let x = trunk.as_ref().map_or_else(|| x.clone(), |resize| resize.apply(theta, x));
        let x = self.shortcut.as_ref().map_or_else(|| x.clone(), |conv| conv.apply(theta, &x));
        residual(&x, &h, self.rescale)
    }
}

/// Attention as the configuration wants it.
#[derive(Debug, Clone)]
pub struct Attention(MincyAttention, NinAttention);

impl Attention {
    /// Plans attention over `channels`.
    pub fn plan(scope: &mut Scope, spec: &MincySpec, channels: usize) -> Attention {
        let attention = |s: &mut Scope| NinAttention::plan(s, channels, NEAR_ZERO, spec.rescale_skip_conns);
        Attention(spec.attention_type, scope.next("AttentionBlock", attention))
    }

    /// `[B,channels,H,W]` to the same.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        match self.0 {
            MincyAttention::Full => self.1.among_all(theta, x),
            MincyAttention::Rows => self.1.within_rows(theta, x),
        }
    }
}
