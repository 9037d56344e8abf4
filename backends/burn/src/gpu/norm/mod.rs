//! Group normalisation, then SiLU where asked for, in a few passes; its gradient keeps the image alone.

mod passes;

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, DispatchTensor, Shape, TensorMetadata};
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use passes::{centred, normalised, sloped, squared};

use super::sum::sum_of;
use super::{like, one_for_each};
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

/// An image, and what its groups come to.
struct Grouped {
    /// `[n,c,h,w]`, rows after one another.
    x: CubeTensor,
    /// The sums of groups, and of the squares of what differs from their means: `[n,groups,1]`.
    total: CubeTensor,
    squares: CubeTensor,
    /// Values of a channel, channels, values of a group, and one over these.
    pixels: usize,
    channels: usize,
    values: usize,
    share: f32,
}

impl Grouped {
    fn new(x: CubeTensor, groups: usize) -> Self {
        let [n, channels, h, w] = x.shape().dims();
        let (pixels, values) = (h * w, channels / groups * h * w);
        let (x, share) = (into_contiguous(x), (1.0 / values as f64) as f32);
        let sum = |x: CubeTensor| sum_of(Cube::float_reshape(x, Shape::from([n, groups, values])), &[2]);
        let total = sum(x.clone());
        let apart = like(&x);
        let (blocks, threads) = one_for_each(&x);
        let [image, sums, out] = [&x, &total, &apart].map(|tensor| tensor.clone().into_buffer_arg());
        squared::launch(&x.client, blocks, threads, image, sums, out, values, share);
        Self { squares: sum(apart), x, total, pixels, channels, values, share }
    }

    /// The image, the sums and the squares as arguments of a kernel.
    fn arguments(&self) -> [BufferArg; 3] {
        [&self.x, &self.total, &self.squares].map(|tensor| tensor.clone().into_buffer_arg())
    }
}

impl Operation<Cube, 3> for Normalisation {
    type Kept = [CubeTensor; 3];

    fn forward(&self, inputs: [CubeTensor; 3]) -> (CubeTensor, Self::Kept) {
        let [x, scale, bias] = inputs.clone().map(into_contiguous);
        let of = Grouped::new(x, self.groups);
        let out = like(&of.x);
        let (blocks, threads) = one_for_each(&of.x);
        let [x, total, squares] = of.arguments();
        let [scale, bias, to] = [scale, bias, out.clone()].map(CubeTensor::into_buffer_arg);
        let (eps, silu) = (self.eps as f32, u32::from(self.silu));
        let Grouped { pixels, channels, values, share, .. } = of;
        normalised::launch(
            &out.client,
            blocks,
            threads,
            x,
            total,
            squares,
            scale,
            bias,
            to,
            pixels,
            channels,
            values,
            share,
            eps,
            silu,
        );
        (out, inputs)
    }

    /// Wu & He (2018), section 3, differentiated: with y the normalised values and g the gradient before `scale`, that of x is
    /// (g scale - mean (g scale) - y mean(g scale y)) over the deviation, the means over groups.
    fn backward(
        &self,
        [x, scale, bias]: Self::Kept,
        gradient: CubeTensor,
        wanted: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let [n, c, _, _] = x.shape().dims();
        let [gradient, scale, bias] = [gradient, scale, bias].map(into_contiguous);
        let of = Grouped::new(x, self.groups);
        let [g, gy, scaled] = [(); 3].map(|()| like(&of.x));
        let (blocks, threads) = one_for_each(&of.x);
        let [x, total, squares] = of.arguments();
        let [gradient, factors, shifts] = [gradient, scale.clone(), bias].map(CubeTensor::into_buffer_arg);
        let [to_g, to_gy, to_scaled] = [&g, &gy, &scaled].map(|tensor| tensor.clone().into_buffer_arg());
        let (eps, silu) = (self.eps as f32, u32::from(self.silu));
        let Grouped { pixels, channels, values, share, .. } = of;
        sloped::launch(
            &g.client,
            blocks.clone(),
            threads,
            x,
            total,
            squares,
            factors,
            shifts,
            gradient,
            to_g,
            to_gy,
            to_scaled,
            pixels,
            channels,
            values,
            share,
            eps,
            silu,
        );
        // Sums of channels first: the parameters' gradients and the means over groups both are made of them.
        let sums = [g.clone(), gy].map(|values| sum_of(Cube::float_reshape(values, Shape::from([n, c, pixels])), &[2]));
        let summed = |sums: &CubeTensor| Cube::float_reshape(sum_of(sums.clone(), &[0]), Shape::from([c]));
        let of_scale = wanted[1].then(|| summed(&sums[1]));
        let of_bias = wanted[2].then(|| summed(&sums[0]));
        let of_x = wanted[0].then(|| {
            let along = Cube::float_reshape(scale, Shape::from([1, c, 1]));
            let [of_g, of_gy] = sums.map(|sums| {
                let sums = Cube::float_mul(sums, along.clone());
                sum_of(Cube::float_reshape(sums, Shape::from([n, self.groups, c / self.groups])), &[2])
            });
            let out = like(&of.x);
            let [x, total, squares] = of.arguments();
            let [scaled, of_g, of_gy, to] = [scaled, of_g, of_gy, out.clone()].map(CubeTensor::into_buffer_arg);
            centred::launch(
                &out.client,
                blocks,
                threads,
                x,
                total,
                squares,
                scaled,
                of_g,
                of_gy,
                to,
                values,
                share,
                eps,
            );
            out
        });
        [of_x, of_scale, of_bias]
    }
}
