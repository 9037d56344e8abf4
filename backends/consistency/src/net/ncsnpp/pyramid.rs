//! The progressive input and output of NCSN++: images, or features of them, of all resolutions beside the trunk.

use exp_api::spec::{Combine, NcsnppSpec, Progressive, ProgressiveInput};

use super::block::init_scale;
use super::resize::Resize;
use crate::net::layers::{Conv, residual};
use crate::net::norm::GroupNorm;
use crate::net::scope::Scope;
use crate::params::Params;
use crate::tensor::Tensor;

/// How the input joins the trunk after the trunk has been halved.
#[derive(Debug, Clone)]
pub enum Input {
    /// Not at all.
    None,
    /// The halved image, brought to the trunk's width, is added or appended.
    Skip(Resize, Conv, Combine),
    /// Features halved by a convolution are added, and go on as both pyramid and trunk.
    Residual(Resize, bool),
}

impl Input {
    /// Plans the join at a trunk of `width` channels, from `side` to half of it; `pyramid` is the pyramid's width
    /// before. Also gives the widths of pyramid and trunk after.
    pub fn plan(
        scope: &mut Scope,
        spec: &NcsnppSpec,
        side: usize,
        pyramid: usize,
        width: usize,
    ) -> (Input, usize, usize) {
        match spec.progressive_input {
            ProgressiveInput::None => (Input::None, pyramid, width),
            ProgressiveInput::InputSkip => {
                let down = Resize::down(scope, spec, side, None);
                let conv = scope.next("Combine", |s| s.next("Conv", |s| Conv::kernel(s, pyramid, width, 1, 1.0)));
                let joined = if spec.progressive_combine == Combine::Cat { 2 * width } else { width };
                (Input::Skip(down, conv, spec.progressive_combine), pyramid, joined)
            }
            ProgressiveInput::Residual => {
                let down = Resize::down(scope, spec, side, Some((pyramid, width)));
                (Input::Residual(down, spec.skip_rescale), width, width)
            }
        }
    }

    /// Pyramid and trunk after the join.
    pub fn join<T: Tensor>(&self, theta: &Params<T>, pyramid: T, trunk: T) -> (T, T) {
        match self {
            Input::None => (pyramid, trunk),
            Input::Skip(down, conv, combine) => {
                let pyramid = down.apply(theta, &pyramid);
                let image = conv.apply(theta, &pyramid);
                let trunk = match combine {
                    Combine::Sum => image.add(&trunk),
                    Combine::Cat => T::cat(&[&image, &trunk], 1),
                };
                (pyramid, trunk)
            }
            Input::Residual(down, rescale) => {
                let joined = residual(&down.apply(theta, &pyramid), &trunk, *rescale);
                (joined.clone(), joined)
            }
        }
    }
}

/// What a resolution of the way up adds to the output.
#[derive(Debug, Clone)]
pub enum Output {
    /// Nothing: the output comes from the last features.
    None,
    /// An image, added to the doubled image of the resolution below (none at the lowest).
    Skip(Option<Resize>, GroupNorm, Conv),
    /// The first features of a residual pyramid, at the lowest resolution.
    Start(GroupNorm, Conv),
    /// Doubled features of the resolution below, added to the trunk.
    Grow(Resize),
}

impl Output {
    /// Plans the output at a trunk of `width` channels; `below` gives side and width of the resolution below.
    pub fn plan(
        scope: &mut Scope,
        spec: &NcsnppSpec,
        channels: usize,
        width: usize,
        below: Option<(usize, usize)>,
    ) -> Output {
        match (spec.progressive, below) {
            (Progressive::None, _) => Output::None,
            (Progressive::OutputSkip, _) => {
                let up = below.map(|(side, _)| Resize::up(scope, spec, side, None));
                let norm = scope.next("GroupNorm", |s| GroupNorm::by_width(s, width));
                Output::Skip(up, norm, scope.next("Conv", |s| Conv::kernel(s, width, channels, 3, init_scale(spec))))
            }
            (Progressive::Residual, None) => {
                let norm = scope.next("GroupNorm", |s| GroupNorm::by_width(s, width));
                Output::Start(norm, scope.next("Conv", |s| Conv::kernel(s, width, width, 3, 1.0)))
            }
            (Progressive::Residual, Some((side, lower))) => {
                Output::Grow(Resize::up(scope, spec, side, Some((lower, width))))
            }
        }
    }

    /// Pyramid and trunk after this resolution; the lowest one replaces whatever `pyramid` it is given.
    pub fn grow<T: Tensor>(&self, theta: &Params<T>, spec: &NcsnppSpec, pyramid: T, trunk: T) -> (T, T) {
        let act = spec.nonlinearity;
        match self {
            Output::None => (pyramid, trunk),
            Output::Skip(up, norm, conv) => {
                let image = conv.apply(theta, &norm.activated(theta, &trunk, act));
                (up.as_ref().map_or(image.clone(), |up| up.apply(theta, &pyramid).add(&image)), trunk)
            }
            Output::Start(norm, conv) => (conv.apply(theta, &norm.activated(theta, &trunk, act)), trunk),
            Output::Grow(up) => {
                let grown = residual(&up.apply(theta, &pyramid), &trunk, spec.skip_rescale);
                (grown.clone(), grown)
            }
        }
    }
}
