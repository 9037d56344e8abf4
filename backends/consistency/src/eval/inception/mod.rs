//! The features of FID: the pooled activations of Inception-v3.
//!
//! Owns the forward pass over the seam and the folding of batch normalisation into its convolutions. What the network
//! computes is data in [`graph`]; which images it sees is [`Resize`](super::resize)'s matter. In: images of 299x299,
//! standardised. Out: 2,048 features an image.

pub(crate) mod graph;

use self::graph::{Block, Branch, Layer, Pool};
use crate::engine::Engine;
use crate::net::resample::Resample;
use crate::tensor::{Tensor, image_shape};

/// Features of an image.
pub(crate) const FEATURES: usize = 2048;

/// Added to the variance of a batch normalisation.
const EPS: f64 = 1e-3;

/// The network's weights on a device.
#[derive(Debug, Clone)]
pub struct Inception<T> {
    stem: Vec<Conv<T>>,
    blocks: Vec<(Block, Vec<Conv<T>>)>,
}

#[derive(Debug, Clone)]
struct Conv<T> {
    layer: Layer,
    kernel: T,
    bias: T,
}

/// One convolution's weights as they are stored; vectors of as many values as it has outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// `[O,I,h,w]` in row-major order.
    pub kernel: Vec<f32>,
    /// Scale of the normalisation.
    pub scale: Vec<f32>,
    /// Shift of the normalisation.
    pub shift: Vec<f32>,
    /// Running mean.
    pub mean: Vec<f32>,
    /// Running variance.
    pub variance: Vec<f32>,
}

/// A convolution whose weights are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The block, or none in the stem.
    pub block: Option<&'static str>,
    /// Its place among the convolutions of its block.
    pub place: usize,
    /// What it is.
    pub layer: Layer,
    /// Channels in.
    pub inputs: usize,
}

impl<T: Tensor> Inception<T> {
    /// The network with weights from `stored`, which is asked for each convolution in order.
    ///
    /// # Errors
    /// The first one of `stored`.
    pub fn new<E: Engine<T = T>, Error>(
        engine: &E,
        mut stored: impl FnMut(Wanted) -> Result<Stored, Error>,
    ) -> Result<Inception<T>, Error> {
        let mut conv = |wanted: Wanted| stored(wanted).map(|stored| folded(engine, wanted, &stored));
        let mut width = 3;
        let mut stem = Vec::new();
        for (place, layer) in graph::stem().into_iter().enumerate() {
            stem.push(conv(Wanted { block: None, place, layer, inputs: width })?);
            width = layer.outputs;
        }
        let mut blocks = Vec::new();
        for block in graph::blocks() {
            let layers = block.layers(width).into_iter().enumerate();
            let convs =
                layers.map(|(place, (layer, inputs))| conv(Wanted { block: Some(block.name), place, layer, inputs }));
            let convs = convs.collect::<Result<Vec<_>, _>>()?;
            width = block.outputs(width);
            blocks.push((block, convs));
        }
        Ok(Inception { stem, blocks })
    }

    /// The same with each tensor replaced.
    pub fn map(&self, tensor: impl Fn(&T) -> T) -> Inception<T> {
        let all = |convs: &[Conv<T>]| -> Vec<Conv<T>> {
            let one = |conv: &Conv<T>| Conv { kernel: tensor(&conv.kernel), bias: tensor(&conv.bias), ..conv.clone() };
            convs.iter().map(one).collect()
        };
        let blocks = self.blocks.iter().map(|(block, convs)| (block.clone(), all(convs)));
        Inception { stem: all(&self.stem), blocks: blocks.collect() }
    }

    /// The features `[B,2048]` of `images` `[B,3,299,299]`, standardised.
    pub fn features(&self, images: &T) -> T {
        let mut h = images.clone();
        for (i, conv) in self.stem.iter().enumerate() {
            h = conv.apply(&h);
            if i == 2 || i == 4 {
                h = largest(&h, Stride::Two);
            }
        }
        for (block, convs) in &self.blocks {
            let mut convs = convs.iter();
            let parts: Vec<T> = block.branches.iter().flat_map(|branch| through(branch, &mut convs, &h)).collect();
            h = T::cat(&parts.iter().collect::<Vec<_>>(), 1);
        }
        let [batch, width, ..] = image_shape(&h.shape());
        h.mean(&[2, 3]).reshape(&[batch, width])
    }
}

/// What one branch makes of `x`: one image, or the two of its fork.
fn through<'a, T: Tensor>(branch: &Branch, convs: &mut impl Iterator<Item = &'a Conv<T>>, x: &T) -> Vec<T> {
    let mut h = match branch.pool {
        Pool::None => x.clone(),
        Pool::Mean => Resample::mean_of_three(image_shape(&x.shape())[2]).apply(x),
        Pool::Max => largest(x, Stride::One),
        Pool::MaxStride => largest(x, Stride::Two),
    };
    let mut next = |x: &T| convs.next().map_or_else(|| x.clone(), |conv| conv.apply(x));
    for _ in &branch.layers {
        h = next(&h);
    }
    match branch.fork {
        Some(_) => vec![next(&h), next(&h)],
        None => vec![h],
    }
}

impl<T: Tensor> Conv<T> {
    fn apply(&self, x: &T) -> T {
        let Layer { kernel: [down, across], stride, padded, .. } = self.layer;
        let margin = |taps: usize| if padded { taps / 2 } else { 0 };
        let (rows, columns) = (margin(down), margin(across));
        match rows == columns {
            true => x.conv2d(&self.kernel, Some(&self.bias), stride, rows),
            false => x.pad(rows, rows, columns, columns).conv2d(&self.kernel, Some(&self.bias), stride, 0),
        }
        .relu()
    }
}

/// A convolution that does what it and its normalisation did.
fn folded<E: Engine>(engine: &E, wanted: Wanted, stored: &Stored) -> Conv<E::T> {
    let Wanted { layer, inputs, .. } = wanted;
    let [down, across] = layer.kernel;
    let size = inputs * down * across;
    let factor: Vec<f64> = stored
        .scale
        .iter()
        .zip(&stored.variance)
        .map(|(&scale, &variance)| f64::from(scale) / (f64::from(variance) + EPS).sqrt())
        .collect();
    let kernel: Vec<f32> =
        stored.kernel.iter().enumerate().map(|(i, &weight)| (f64::from(weight) * factor[i / size]) as f32).collect();
    let shifts = stored.shift.iter().zip(&stored.mean).zip(&factor);
    let bias: Vec<f32> =
        shifts.map(|((&shift, &mean), &factor)| (f64::from(shift) - f64::from(mean) * factor) as f32).collect();
    Conv {
        layer,
        kernel: engine.upload(&[layer.outputs, inputs, down, across], &kernel),
        bias: engine.upload(&[layer.outputs], &bias),
    }
}

/// Every pixel, with padding; or every other one, without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stride {
    One,
    Two,
}

/// Largest of 3x3 pixels of an image that a rectifier left, so that zeros around it change nothing.
fn largest<T: Tensor>(x: &T, stride: Stride) -> T {
    let [n, c, h, w] = image_shape(&x.shape());
    let three = |x: &T, axis: usize| {
        let size = x.shape()[axis];
        match stride {
            Stride::One => {
                let part = |start| x.narrow(axis, start, size - 2);
                part(0).maximum(&part(1)).maximum(&part(2))
            }
            Stride::Two => {
                // Pairs of pixels; a pair's first pixel is also the third of the pair before.
                let mut pairs = x.shape();
                pairs[axis] = size / 2;
                pairs.insert(axis + 1, 2);
                let merged = [pairs[..axis].iter().product::<usize>(), size / 2, 2, pairs[axis + 2..].iter().product()];
                let x = x.reshape(&merged);
                let outputs = size / 2 - 1;
                let part = |start, member| x.narrow(1, start, outputs).narrow(2, member, 1);
                let mut shape = pairs;
                shape.remove(axis + 1);
                shape[axis] = outputs;
                part(0, 0).maximum(&part(0, 1)).maximum(&part(1, 0)).reshape(&shape)
            }
        }
    };
    match stride {
        Stride::One => three(&three(&x.pad(1, 1, 1, 1), 2), 3),
        // A zero completes the last pair of an odd side; the last pixel of an even side is in no window.
        Stride::Two => {
            let padding = |size: usize| if size.is_multiple_of(2) { 0 } else { 1 };
            let padded = x.pad(0, padding(h), 0, padding(w));
            let pooled = three(&three(&padded, 2), 3);
            debug_assert_eq!(pooled.shape(), [n, c, (h - 1) / 2, (w - 1) / 2]);
            pooled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Doubles;

    fn image(side: usize) -> Doubles {
        let values: Vec<f64> = (0..side * side).map(|i| ((i * 7919 + 13) % 101) as f64).collect();
        Doubles::new(&[1, 1, side, side], values)
    }

    /// Place by place, for odd and even sides.
    #[test]
    fn pools_take_the_largest_of_nine() {
        for side in [3, 4, 7, 8, 17] {
            let x = image(side);
            let brute = |top: isize, left: isize| {
                let mut found = 0.0f64;
                for (y, x_) in (0..9).map(|i| (top + i / 3, left + i % 3)) {
                    if (0..side as isize).contains(&y) && (0..side as isize).contains(&x_) {
                        found = found.max(x.at(&[0, 0, y as usize, x_ as usize]));
                    }
                }
                found
            };
            let one = largest(&x, Stride::One);
            assert_eq!(one.shape, [1, 1, side, side]);
            let two = largest(&x, Stride::Two);
            let half = (side - 3) / 2 + 1;
            assert_eq!(two.shape, [1, 1, half, half], "side {side}");
            for at in 0..half * half {
                assert_eq!(two.values[at], brute((at / half * 2) as isize, (at % half * 2) as isize), "side {side}");
            }
            assert!(
                (0..side * side).all(|at| one.values[at] == brute((at / side) as isize - 1, (at % side) as isize - 1))
            );
        }
    }

    #[test]
    fn means_leave_their_padding_out() {
        let found =
            Resample::mean_of_three(3).apply(&Doubles::new(&[1, 1, 3, 3], (1..10).map(f64::from).collect::<Vec<_>>()));
        assert!((found.values[0] - (1.0 + 2.0 + 4.0 + 5.0) / 4.0).abs() < 1e-6);
        assert!((found.values[4] - 5.0).abs() < 1e-6);
    }
}
