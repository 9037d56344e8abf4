//! The resampling modules of NCSN++ between resolutions, with or without a filter and a convolution.
//!
//! Those of DDPM blocks and of the pyramids; BigGAN blocks resample inside and use [`Resample`] alone. A module
//! without parameters takes a number of its class all the same.

use exp_api::spec::NcsnppSpec;

use crate::net::layers::Conv;
use crate::net::resample::Resample;
use crate::net::scope::Scope;
use crate::params::Params;
use crate::tensor::Tensor;

/// A map to half or twice the side.
#[derive(Debug, Clone)]
pub enum Resize {
    /// Without a convolution.
    Plain(Resample),
    /// A filter, then every other pixel of a convolution.
    FilterStride(Resample, Conv),
    /// Every other pixel of a convolution, with a zero after the last pixel only.
    Stride(Conv),
    /// Each pixel four times, then a convolution.
    Repeat(Conv),
    /// A transposed convolution, then a filter, then the bias.
    SpreadFilter(Resample, Conv, Resample),
}

/// Channels in and out of a resize that convolves; none for one that does not.
pub type Channels = Option<(usize, usize)>;

impl Resize {
    /// Plans a map of `side` to half of it.
    pub fn down(scope: &mut Scope, spec: &NcsnppSpec, side: usize, channels: Channels) -> Resize {
        scope.next("Downsample", |s| match channels {
            None => Resize::Plain(halve(spec, side)),
            Some((inputs, outputs)) if spec.fir => {
                let conv = s.next("Conv2d", |s| Conv::weight(s, inputs, outputs, 3, 1.0).with(2, 0));
                Resize::FilterStride(Resample::before_stride(&taps(spec), side), conv)
            }
            Some((inputs, outputs)) => {
                Resize::Stride(s.next("Conv", |s| Conv::kernel(s, inputs, outputs, 3, 1.0).with(2, 0)))
            }
        })
    }

    /// Plans a map of `side` to twice it.
    pub fn up(scope: &mut Scope, spec: &NcsnppSpec, side: usize, channels: Channels) -> Resize {
        scope.next("Upsample", |s| match channels {
            None => Resize::Plain(double(spec, side)),
            Some((inputs, outputs)) if spec.fir => {
                let conv = s.next("Conv2d", |s| Conv::weight(s, inputs, outputs, 3, 1.0).with(1, 0));
                Resize::SpreadFilter(Resample::spread(side), conv, Resample::after_spread(&taps(spec), side))
            }
            Some((inputs, outputs)) => Resize::Repeat(s.next("Conv", |s| Conv::kernel(s, inputs, outputs, 3, 1.0))),
        })
    }

    /// `[B,inputs,side,side]` to `[B,outputs,side',side']`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        match self {
            Resize::Plain(resample) => resample.apply(x),
            Resize::FilterStride(filter, conv) => conv.apply(theta, &filter.apply(x)),
            Resize::Stride(conv) => conv.apply(theta, &x.pad(0, 1, 0, 1)),
            Resize::Repeat(conv) => conv.apply(theta, &x.upsample_nearest()),
            Resize::SpreadFilter(spread, conv, filter) => {
                conv.apply_around(theta, &spread.apply(x), |x| filter.apply(x))
            }
        }
    }
}

/// Resampling of `side` to half of it without parameters.
pub fn halve(spec: &NcsnppSpec, side: usize) -> Resample {
    if spec.fir { Resample::halve(&taps(spec), side) } else { Resample::Average }
}

/// Resampling of `side` to twice it without parameters.
pub fn double(spec: &NcsnppSpec, side: usize) -> Resample {
    if spec.fir { Resample::double(&taps(spec), side) } else { Resample::Nearest }
}

/// The filter as a cross-correlation: NCSN++ convolves with its kernel.
fn taps(spec: &NcsnppSpec) -> Vec<f64> {
    spec.fir_kernel.iter().rev().copied().collect()
}
