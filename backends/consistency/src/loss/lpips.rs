//! The learned perceptual distance LPIPS (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a
//! Perceptual Metric"), version 0.1 with VGG16.
//!
//! Images in [-1, 1] are brought to 224x224, standardised, and sent through VGG16's convolutions; after the last of each
//! of its five stages, features are normalised over channels, and their squared differences weighted. In: two batches.
//! Out: one distance an image. Weights come from a safetensors file with torchvision's names of VGG16
//! (`features.0.weight`, ...) and those of the distance (`lin0.model.1.weight`, ...).

use crate::engine::Engine;
use crate::net::resample::Resample;
use crate::tensor::{Tensor, image_shape};
use crate::weights::{Weights, WeightsError};

/// Side of the images that VGG16 was trained on.
const SIDE: usize = 224;
/// Mean and deviation of the images that it was trained on, in [-1, 1].
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];
/// Width of each stage, and the numbers of its convolutions among torchvision's layers.
const STAGES: [(usize, &[usize]); 5] =
    [(64, &[0, 2]), (128, &[5, 7]), (256, &[10, 12, 14]), (512, &[17, 19, 21]), (512, &[24, 26, 28])];
/// Added to the norm of a pixel's features.
const EPS: f64 = 1e-10;

/// Under the root of the norm, where all features of a pixel are 0 and a root would have no slope; far below any
/// feature's square.
const TINY: f64 = 1e-30;

/// The network and the weights of the distance.
#[derive(Debug, Clone)]
pub struct Lpips<T> {
    stages: Vec<Stage<T>>,
}

#[derive(Debug, Clone)]
struct Stage<T> {
    /// Kernel and bias of each convolution.
    convs: Vec<(T, T)>,
    /// Weight of each channel, `[1,C,1,1]`.
    weights: T,
}

impl<T: Tensor> Lpips<T> {
    /// The distance with weights from a file.
    ///
    /// # Errors
    /// The first tensor that is missing or of another shape.
    pub fn new<E: Engine<T = T>>(engine: &E, file: &Weights) -> Result<Lpips<T>, WeightsError> {
        let tensors =
            weights().map(|(name, shape)| file.tensor(&name, &shape).map(|values| engine.upload(&shape, &values)));
        let mut tensors = tensors.collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut next = || tensors.next().unwrap_or_else(|| unreachable!("the stages are those of the names"));
        let stages = STAGES
            .map(|(_, layers)| Stage { convs: layers.iter().map(|_| (next(), next())).collect(), weights: next() });
        Ok(Lpips { stages: stages.into() })
    }

    /// The same with each tensor replaced.
    pub(super) fn map(&self, tensor: impl Fn(&T) -> T) -> Lpips<T> {
        let stage = |stage: &Stage<T>| Stage {
            convs: stage.convs.iter().map(|(kernel, bias)| (tensor(kernel), tensor(bias))).collect(),
            weights: tensor(&stage.weights),
        };
        Lpips { stages: self.stages.iter().map(stage).collect() }
    }

    /// The distance of each pair of images `[B,C,H,W]`, C being 1 or 3: `[B,1,1,1]`.
    pub(crate) fn distance(&self, a: &T, b: &T) -> T {
        let resize = Resample::bilinear(image_shape(&a.shape())[2], SIDE);
        self.compare(&resize.apply(a), &resize.apply(b))
    }

    /// The distance of images of whatever size they have.
    pub(crate) fn compare(&self, a: &T, b: &T) -> T {
        let stages = self.features(a).into_iter().zip(self.features(b)).zip(&self.stages);
        let terms = stages.map(|((a, b), stage)| {
            let squares = a.sub(&b).square().mul(&stage.weights);
            squares.sum(&[1]).mean(&[2, 3])
        });
        terms.reduce(|sum, term| sum.add(&term)).unwrap_or_else(|| unreachable!("there are five stages"))
    }

    /// The normalised features after each stage.
    fn features(&self, image: &T) -> Vec<T> {
        let channels = |values: &[f32; 3]| image.constant(&[1, 3, 1, 1], values);
        let mut h = image.sub(&channels(&SHIFT)).div(&channels(&SCALE));
        let mut features = Vec::new();
        for (i, stage) in self.stages.iter().enumerate() {
            h = if i > 0 { h.max_pool() } else { h };
            h = stage.convs.iter().fold(h, |h, (kernel, bias)| h.conv2d(kernel, Some(bias), 1, 1).relu());
            let norm = h.square().sum(&[1]).offset(TINY).sqrt().offset(EPS);
            features.push(h.div(&norm));
        }
        features
    }
}

/// Name and shape of each tensor: kernel and bias of a stage's convolutions, then the weights of its distance.
pub(crate) fn weights() -> impl Iterator<Item = (String, Vec<usize>)> {
    let inputs = [3, STAGES[0].0, STAGES[1].0, STAGES[2].0, STAGES[3].0];
    STAGES.into_iter().zip(inputs).enumerate().flat_map(|(stage, ((width, layers), inputs))| {
        let convs = layers.iter().enumerate().flat_map(move |(i, layer)| {
            let inputs = if i == 0 { inputs } else { width };
            let kernel = (format!("features.{layer}.weight"), vec![width, inputs, 3, 3]);
            [kernel, (format!("features.{layer}.bias"), vec![width])]
        });
        convs.chain([(format!("lin{stage}.model.1.weight"), vec![1, width, 1, 1])])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_those_of_vgg16() {
        let shapes: Vec<_> = weights().collect();
        let count = |linear: bool| {
            let own = shapes.iter().filter(|(name, _)| name.starts_with("lin") == linear);
            own.map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>()
        };
        // As torchvision counts the convolutions of VGG16, and LPIPS its channels.
        assert_eq!([count(false), count(true)], [14_714_688, 1_472]);
        assert_eq!(shapes[3], ("features.2.bias".to_owned(), vec![64]));
    }
}
