//! Group normalisation, then SiLU where asked for, with sums by many threads; its gradient keeps the image alone.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, DispatchTensor, Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;

use super::sum::sum_of;
use crate::on_tape::{Operation, record};

/// Group normalisation of `[n,c,h,w]` by `[c]` and `[c]`, then SiLU if asked for; none where a tensor is not on a GPU.
pub(crate) fn group_norm(
    x: &DispatchTensor,
    groups: usize,
    scale: &DispatchTensor,
    bias: &DispatchTensor,
    eps: f64,
    silu: bool,
) -> Option<DispatchTensor> {
    record(Normalisation { groups, eps, silu }, [x, scale, bias])
}

#[derive(Debug, Clone, Copy)]
struct Normalisation {
    groups: usize,
    eps: f64,
    silu: bool,
}

impl Normalisation {
    /// `[n,c,h,w]` as `[n,groups,values]`.
    fn grouped(self, x: CubeTensor) -> CubeTensor {
        let [n, c, h, w] = x.shape().dims();
        Cube::float_reshape(x, Shape::from([n, self.groups, c / self.groups * h * w]))
    }

    /// Values less their group's mean, over its standard deviation; and one over that deviation: `[n,groups,values]` and
    /// `[n,groups,1]`.
    fn normalised(self, x: CubeTensor) -> (CubeTensor, CubeTensor) {
        let x = self.grouped(x);
        let centred = Cube::float_sub(x.clone(), mean(x));
        let variance = mean(Cube::float_mul(centred.clone(), centred.clone()));
        let scale = Cube::float_recip(Cube::float_sqrt(Cube::float_add_scalar(variance, self.eps.into())));
        (Cube::float_mul(centred, scale.clone()), scale)
    }

    /// The output before SiLU.
    fn scaled(normalised: CubeTensor, scale: CubeTensor, bias: CubeTensor) -> CubeTensor {
        Cube::float_add(Cube::float_mul(normalised, along_channels(scale)), along_channels(bias))
    }
}

/// Means of groups.
fn mean(x: CubeTensor) -> CubeTensor {
    let [_, _, values] = x.shape().dims();
    Cube::float_mul_scalar(sum_of(x, &[2]), (1.0 / values as f64).into())
}

/// `[c]` as `[1,c,1,1]`.
fn along_channels(values: CubeTensor) -> CubeTensor {
    let [c] = values.shape().dims();
    Cube::float_reshape(values, Shape::from([1, c, 1, 1]))
}

/// 1/(1+exp(-x)).
fn sigmoid(x: CubeTensor) -> CubeTensor {
    Cube::float_recip(Cube::float_add_scalar(Cube::float_exp(Cube::float_neg(x)), 1.0.into()))
}

impl Operation<Cube, 3> for Normalisation {
    type Kept = [CubeTensor; 3];

    fn forward(&self, inputs: [CubeTensor; 3]) -> (CubeTensor, Self::Kept) {
        let [x, scale, bias] = inputs.clone();
        let shape = x.shape();
        let normalised = Cube::float_reshape(self.normalised(x).0, shape);
        let out = Normalisation::scaled(normalised, scale, bias);
        let out = if self.silu { Cube::float_mul(out.clone(), sigmoid(out)) } else { out };
        (out, inputs)
    }

    /// Wu & He (2018), section 3, differentiated: with y the normalised values and g the gradient times `scale`, that of x is
    /// (g - mean g - y mean(g y)) over the deviation, the means over groups.
    fn backward(
        &self,
        [x, scale, bias]: Self::Kept,
        gradient: CubeTensor,
        wanted: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let (shape, channels) = (x.shape(), bias.shape());
        let (y, over_deviation) = self.normalised(x);
        let image = Cube::float_reshape(y.clone(), shape.clone());
        let gradient = if self.silu {
            let out = Normalisation::scaled(image.clone(), scale.clone(), bias);
            let s = sigmoid(out.clone());
            // The slope of SiLU is s (1 + out (1 - s)).
            let rest = Cube::float_add_scalar(Cube::float_neg(s.clone()), 1.0.into());
            let slope = Cube::float_mul(s, Cube::float_add_scalar(Cube::float_mul(out, rest), 1.0.into()));
            Cube::float_mul(gradient, slope)
        } else {
            gradient
        };
        let summed = |values| Cube::float_reshape(sum_of(values, &[0, 2, 3]), channels.clone());
        let of_scale = wanted[1].then(|| summed(Cube::float_mul(gradient.clone(), image)));
        let of_bias = wanted[2].then(|| summed(gradient.clone()));
        let of_x = wanted[0].then(|| {
            let g = self.grouped(Cube::float_mul(gradient, along_channels(scale)));
            let along = Cube::float_mul(y.clone(), mean(Cube::float_mul(g.clone(), y)));
            let rest = Cube::float_sub(Cube::float_sub(g.clone(), mean(g)), along);
            Cube::float_reshape(Cube::float_mul(rest, over_deviation), shape)
        });
        [of_x, of_scale, of_bias]
    }
}
