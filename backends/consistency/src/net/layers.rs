//! The elementary layers: what a layer's parameters are called, how they start, and what it computes.
//!
//! Two families of names live side by side, those of NCSN++ (`kernel`, `W`) and those of UNet++ (`weight`). A layer
//! holds the places of its parameters, never a tensor; `apply` takes the set to read them from.

use std::f64::consts::FRAC_1_SQRT_2;

use exp_api::spec::Nonlinearity;

use super::scope::Scope;
use crate::params::{Init, ParamId, Params};
use crate::tensor::Tensor;

/// The scale of a kernel that starts near zero: zero itself would leave a branch without a gradient at the start.
pub const NEAR_ZERO: f64 = 1e-10;

/// A convolution over square kernels, usually with a bias.
#[derive(Debug, Clone)]
pub struct Conv {
    kernel: ParamId,
    bias: Option<ParamId>,
    stride: usize,
    padding: usize,
}

impl Conv {
    /// Plans `kernel` and `bias`, `inputs` to `outputs` channels, keeping the size of the image.
    pub fn kernel(scope: &mut Scope, inputs: usize, outputs: usize, size: usize, scale: f64) -> Conv {
        Conv::plan(scope, "kernel", [outputs, inputs, size, size], by_fans(scale))
    }

    /// The same, started after LeCun.
    pub fn lecun(scope: &mut Scope, inputs: usize, outputs: usize, size: usize) -> Conv {
        Conv::plan(scope, "kernel", [outputs, inputs, size, size], lecun)
    }

    /// The same with the kernel called `weight`.
    pub fn weight(scope: &mut Scope, inputs: usize, outputs: usize, size: usize, scale: f64) -> Conv {
        Conv::plan(scope, "weight", [outputs, inputs, size, size], by_fans(scale))
    }

    /// Plans `kernel` alone, over single pixels.
    pub fn unbiased(scope: &mut Scope, inputs: usize, outputs: usize) -> Conv {
        let kernel = scope.param("kernel", &[outputs, inputs, 1, 1], variance_scaling(1.0, inputs, outputs));
        Conv { kernel, bias: None, stride: 1, padding: 0 }
    }

    /// Every `stride`-th pixel only, with `padding` zeros on all sides.
    pub fn with(self, stride: usize, padding: usize) -> Conv {
        Conv { stride, padding, ..self }
    }

    /// `[B,inputs,H,W]` to `[B,outputs,H',W']`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        x.conv2d(&theta[self.kernel], self.bias.map(|bias| &theta[bias]), self.stride, self.padding)
    }

    /// The same, where something linear happens to the image between convolving and adding the bias.
    pub fn apply_around<T: Tensor>(&self, theta: &Params<T>, x: &T, between: impl FnOnce(&T) -> T) -> T {
        let convolved = between(&x.conv2d(&theta[self.kernel], None, self.stride, self.padding));
        match self.bias.map(|bias| &theta[bias]) {
            Some(bias) => convolved.add(&bias.reshape(&[1, bias.shape()[0], 1, 1])),
            None => convolved,
        }
    }

    fn plan(scope: &mut Scope, name: &str, shape: [usize; 4], init: impl Fn(usize, usize) -> Init) -> Conv {
        let [outputs, inputs, size, _] = shape;
        let kernel = scope.param(name, &shape, init(size * size * inputs, size * size * outputs));
        let bias = Some(scope.param("bias", &[outputs], Init::Zeros));
        Conv { kernel, bias, stride: 1, padding: size / 2 }
    }
}

/// A dense layer, with a bias.
#[derive(Debug, Clone)]
pub struct Dense {
    weight: ParamId,
    bias: ParamId,
}

impl Dense {
    /// Plans `kernel` and `bias`.
    pub fn kernel(scope: &mut Scope, inputs: usize, outputs: usize) -> Dense {
        Dense::plan(scope, "kernel", inputs, outputs, by_fans(1.0))
    }

    /// The same, started after LeCun.
    pub fn lecun(scope: &mut Scope, inputs: usize, outputs: usize) -> Dense {
        Dense::plan(scope, "kernel", inputs, outputs, lecun)
    }

    /// Plans `weight` and `bias`.
    pub fn weight(scope: &mut Scope, inputs: usize, outputs: usize) -> Dense {
        Dense::plan(scope, "weight", inputs, outputs, by_fans(1.0))
    }

    /// `[B,inputs]` to `[B,outputs]`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        x.linear(&theta[self.weight], &theta[self.bias])
    }

    fn plan(
        scope: &mut Scope,
        name: &str,
        inputs: usize,
        outputs: usize,
        init: impl Fn(usize, usize) -> Init,
    ) -> Dense {
        let weight = scope.param(name, &[inputs, outputs], init(inputs, outputs));
        Dense { weight, bias: scope.param("bias", &[outputs], Init::Zeros) }
    }
}

/// A dense layer over the channels of each pixel ("network in network").
#[derive(Debug, Clone)]
pub struct Nin {
    weight: ParamId,
    bias: ParamId,
}

impl Nin {
    /// Plans `W` `[inputs,outputs]` and `b`.
    pub fn plan(scope: &mut Scope, inputs: usize, outputs: usize, scale: f64) -> Nin {
        let weight = scope.param("W", &[inputs, outputs], variance_scaling(scale, inputs, outputs));
        Nin { weight, bias: scope.param("b", &[outputs], Init::Zeros) }
    }

    /// `[B,inputs,H,W]` to `[B,outputs,H,W]`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        let weight = &theta[self.weight];
        let kernel = weight.permute(&[1, 0]).reshape(&[weight.shape()[1], weight.shape()[0], 1, 1]);
        x.conv2d(&kernel, Some(&theta[self.bias]), 1, 0)
    }
}

/// The sum of a trunk and a branch, of unit variance when both are (if `rescale`).
pub fn residual<T: Tensor>(trunk: &T, branch: &T, rescale: bool) -> T {
    if rescale { trunk.add_scaled(branch, FRAC_1_SQRT_2) } else { trunk.add(branch) }
}

/// The activation, elementwise.
pub fn activate<T: Tensor>(act: Nonlinearity, x: &T) -> T {
    match act {
        Nonlinearity::Swish => x.silu(),
        Nonlinearity::Elu => x.relu().add(&x.clamp(f64::NEG_INFINITY, 0.0).exp().offset(-1.0)),
        Nonlinearity::Relu => x.relu(),
        Nonlinearity::Lrelu => x.relu().scale(0.8).add(&x.scale(0.2)),
    }
}

/// Uniform with variance `scale` over the mean of fan-in and fan-out (Glorot & Bengio 2010, for a scale of 1).
fn variance_scaling(scale: f64, fan_in: usize, fan_out: usize) -> Init {
    match scale {
        0.0 => Init::Zeros,
        _ => Init::Uniform((6.0 * scale / (fan_in + fan_out) as f64).sqrt()),
    }
}

/// [`variance_scaling`] as a function of the fans.
fn by_fans(scale: f64) -> impl Fn(usize, usize) -> Init {
    move |fan_in, fan_out| variance_scaling(scale, fan_in, fan_out)
}

/// Truncated normal of variance 1 / fan-in (LeCun et al. 1998, as Flax has it).
fn lecun(fan_in: usize, _: usize) -> Init {
    Init::TruncatedNormal((fan_in as f64).recip().sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Plan;

    #[test]
    fn kernels_start_within_the_bound_of_their_fans() {
        let (mut plan, mut problems) = (Plan::default(), Vec::new());
        let mut scope = Scope::new(&mut plan, &mut problems, "model.torso", "nf");
        Conv::kernel(&mut scope, 4, 2, 3, 1.0);
        Conv::weight(&mut scope, 4, 2, 3, 0.0);
        Nin::plan(&mut scope, 10, 14, 0.1);
        let inits: Vec<Init> = plan.specs().iter().map(|spec| spec.init).collect();
        // sqrt(6 / (9 (4 + 2))) and sqrt(6 * 0.1 / 24).
        assert_eq!(inits[0], Init::Uniform(1.0 / 3.0));
        assert_eq!(inits[2], Init::Zeros);
        assert_eq!(inits[4], Init::Uniform(0.025f64.sqrt()));
    }
}
