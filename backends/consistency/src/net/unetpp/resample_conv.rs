//! The resampling convolution of UNet++: a fixed filter and a learnt kernel in one layer (Karras et al. 2022).

use crate::net::layers::Conv;
use crate::net::resample::Resample;
use crate::net::scope::Scope;
use crate::params::Params;
use crate::tensor::Tensor;

/// How a layer changes the size of an image of the given side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Not at all.
    Keep,
    /// To half of it.
    Down,
    /// To twice it.
    Up,
}

impl Change {
    /// The filter that does it, if any.
    pub fn filter(self, taps: &[f64], side: usize) -> Option<Resample> {
        match self {
            Change::Keep => None,
            Change::Down => Some(Resample::halve(taps, side)),
            Change::Up => Some(Resample::double(taps, side)),
        }
    }
}

/// A convolution, perhaps after a filter.
#[derive(Debug, Clone)]
pub struct ResampleConv {
    filter: Option<Resample>,
    conv: Conv,
}

impl ResampleConv {
    /// A convolution as planned, after the filter.
    pub fn new(filter: Option<Resample>, conv: Conv) -> ResampleConv {
        ResampleConv { filter, conv }
    }

    /// `[B,inputs,H,W]` to `[B,outputs,H',W']`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        match &self.filter {
            Some(filter) => self.conv.apply(theta, &filter.apply(x)),
            None => self.conv.apply(theta, x),
        }
    }
}

/// A 3x3 convolution whose margin is wide enough for the filter that halves its output.
#[derive(Debug, Clone)]
pub struct FusedDown {
    conv: Conv,
    filter: Resample,
}

impl FusedDown {
    /// Plans the layer for images of `side`.
    pub fn plan(scope: &mut Scope, taps: &[f64], side: usize, inputs: usize, outputs: usize) -> FusedDown {
        let margin = 1 + (taps.len() - 1) / 2;
        FusedDown {
            conv: Conv::weight(scope, inputs, outputs, 3, 1.0).with(1, margin),
            filter: Resample::halve_padded(taps, side),
        }
    }

    /// `[B,inputs,side,side]` to `[B,outputs,side/2,side/2]`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        self.conv.apply_around(theta, x, |convolved| self.filter.apply(convolved))
    }
}
