//! Features of images by a network: a random one, FID's, or one in a file.
//!
//! In: images of 8 bits, which a data set has and which published figures are taken on. Out: one vector an image, on the host.

use exp_api::spec::{EvalSpec, InceptionSpec, Metric};

use super::inception::{FEATURES, Inception, Stored, Wanted};
use super::inception_score::Classifier;
use super::network::Network;
use super::resize::{Resize, SIDE};
use crate::data::Shape;
use crate::engine::Engine;
use crate::rng::{Draw, Purpose};
use crate::tensor::{Tensor, image_shape};
use crate::weights::{Weights, WeightsError};

/// Classes of the network of 2015-12-05.
const CLASSES: usize = 1008;
/// Widths of the random network's layers.
const RANDOM: [usize; 3] = [32, 64, 128];
/// Seed of its weights: its figures are comparable as long as this stays.
const SEED: u64 = 0;

/// A network that looks at images.
#[derive(Debug, Clone)]
pub enum Features<T> {
    /// Three convolutions with random kernels, each halving the side; means over what is left.
    Random(Vec<T>),
    /// Inception-v3, and how images come to its size.
    Inception(Resize, Box<Inception<T>>),
    /// A network in a file.
    Network(Network),
}

impl<T: Tensor> Features<T> {
    /// The network of a metric, and what tells its features from all others: the metric and the hash of its weights. None
    /// for a metric that needs none.
    ///
    /// # Errors
    /// Weights that are missing or do not fit.
    pub fn open<E: Engine<T = T>>(
        engine: &E,
        metric: Metric,
        eval: &EvalSpec,
        shape: Shape,
    ) -> Result<Option<(Features<T>, String)>, WeightsError> {
        let resize = match metric {
            Metric::FdPixel | Metric::Pae => return Ok(None),
            Metric::FdRandom => {
                return Ok(Some((Features::Random(random(engine, shape.channels)), identity(metric, ""))));
            }
            Metric::FdNetwork => {
                let network = Network::open(&eval.network)?;
                let identity = identity(metric, &network.identity());
                return Ok(Some((Features::Network(network), identity)));
            }
            Metric::FidTf => Resize::Tf,
            Metric::FidPil => Resize::Pil,
            Metric::FidTorch => Resize::Torch,
            Metric::FidClean => Resize::Clean,
        };
        let file = inception_file(&eval.inception)?;
        let network = Inception::new(engine, |wanted| stored(&file, wanted))?;
        Ok(Some((Features::Inception(resize, Box::new(network)), identity(metric, &file.sha256()))))
    }

    /// How many features an image has.
    pub fn dimensions(&self) -> usize {
        match self {
            Features::Random(_) => RANDOM[2],
            Features::Inception(..) => FEATURES,
            Features::Network(network) => network.dimensions(),
        }
    }

    /// The same on the device of `engine`.
    pub fn on<E: Engine<T = T>>(&self, engine: &E) -> Features<T> {
        match self {
            Features::Random(kernels) => Features::Random(kernels.iter().map(|kernel| engine.adopt(kernel)).collect()),
            Features::Inception(resize, network) => {
                Features::Inception(*resize, Box::new(network.map(|tensor| engine.adopt(tensor))))
            }
            Features::Network(network) => Features::Network(network.clone()),
        }
    }

    /// The features of images, `pixels` in NCHW, one image after the other.
    pub fn of<E: Engine<T = T>>(&self, engine: &E, pixels: &[u8], shape: Shape) -> Vec<f64> {
        let count = pixels.len() / shape.values();
        let features = match self {
            Features::Network(network) => return network.of(pixels, shape),
            Features::Random(kernels) => {
                let signed: Vec<f32> = pixels.iter().map(|&value| f32::from(value) / 127.5 - 1.0).collect();
                let x = engine.upload(&shape.batch(count), &signed);
                let h = kernels.iter().fold(x, |h, kernel| h.conv2d(kernel, None, 2, 1).relu());
                let [batch, width, ..] = image_shape(&h.shape());
                h.mean(&[2, 3]).reshape(&[batch, width])
            }
            Features::Inception(resize, network) => {
                let large: Vec<f32> =
                    pixels.chunks(shape.values()).flat_map(|image| resize.apply(image, shape)).collect();
                network.features(&engine.upload(&[count, 3, SIDE, SIDE], &large))
            }
        };
        features.to_host().into_iter().map(f64::from).collect()
    }
}

/// The classifier of FID's network, which the Inception score needs.
///
/// # Errors
/// Weights that are missing, do not fit, or hold none.
pub fn classifier(spec: &InceptionSpec) -> Result<Classifier, WeightsError> {
    let file = inception_file(spec)?;
    Ok(Classifier::new(file.tensor("fc.weight", &[CLASSES, FEATURES])?, FEATURES))
}

fn inception_file(spec: &InceptionSpec) -> Result<Weights, WeightsError> {
    Weights::open(spec.weights.as_deref().unwrap_or_default().as_ref(), spec.sha256.as_deref())
}

fn identity(metric: Metric, weights: &str) -> String {
    format!("{} {weights}", metric.word())
}

/// Kernels that keep the size of a rectified signal: normal with variance 2 / fan-in (He et al. 2015).
fn random<E: Engine>(engine: &E, channels: usize) -> Vec<E::T> {
    let inputs = [channels, RANDOM[0], RANDOM[1]];
    let layers = RANDOM.into_iter().zip(inputs).enumerate().map(|(layer, (outputs, inputs))| {
        let mut kernel = vec![0.0; outputs * inputs * 9];
        Draw::new(SEED, Purpose::Eval, 1).image(layer as u64).fill_normal(&mut kernel);
        let std = (2.0 / (9 * inputs) as f32).sqrt();
        kernel.iter_mut().for_each(|weight| *weight *= std);
        engine.upload(&[outputs, inputs, 3, 3], &kernel)
    });
    layers.collect()
}

/// One convolution of Inception under torchvision's names.
fn stored(file: &Weights, wanted: Wanted) -> Result<Stored, WeightsError> {
    let layer = wanted.layer;
    let name = wanted.block.map_or_else(|| layer.name.to_owned(), |block| format!("{block}.{}", layer.name));
    let [down, across] = layer.kernel;
    let vector = |part: &str| file.tensor(&format!("{name}.bn.{part}"), &[layer.outputs]);
    Ok(Stored {
        kernel: file.tensor(&format!("{name}.conv.weight"), &[layer.outputs, wanted.inputs, down, across])?,
        scale: vector("weight")?,
        shift: vector("bias")?,
        mean: vector("running_mean")?,
        variance: vector("running_var")?,
    })
}

#[cfg(test)]
mod tests {
    use exp_api::spec::{NetworkSpec, PaeSpec};

    use super::*;
    use crate::oracle::OracleEngine;

    const SHAPE: Shape = Shape { channels: 1, height: 8, width: 8 };

    #[test]
    fn random_features_are_the_same_for_everyone() {
        let open = || Features::open(&OracleEngine, Metric::FdRandom, &none(), SHAPE).expect("no weights");
        let (features, _) = open().expect("a network");
        let image = |shift: f64| {
            (0..64).map(|i| (127.0 + 60.0 * (f64::from(i) * 0.3).sin() + shift) as u8).collect::<Vec<u8>>()
        };
        let both = features.of(&OracleEngine, &[image(0.0), image(25.0)].concat(), SHAPE);
        assert_eq!(both.len(), 2 * features.dimensions());
        assert_eq!(both[..128], features.of(&OracleEngine, &image(0.0), SHAPE)[..]);
        assert_ne!(both[..128], both[128..]);
        // From numpy in f64: a ChaCha8 after RFC 8439 written apart from this crate, Box and Muller, three convolutions.
        let expected = [
            (0, 0.0),
            (4, 0.034_005_083_792_614_38),
            (5, 0.100_024_797_673_826_41),
            (7, 0.368_502_975_957_114_1),
            (63, 0.067_224_286_748_421_76),
            (127, 0.0),
        ];
        for (feature, value) in expected {
            assert!((both[feature] - value).abs() < 1e-6, "{feature}: {} is not {value}", both[feature]);
        }
        assert_eq!(both[..128].iter().filter(|&&feature| feature > 0.0).count(), 67);
    }

    #[test]
    fn weights_that_are_missing_are_told() {
        let mut spec = none();
        spec.inception.weights = Some("/nowhere/inception".to_owned());
        let found = Features::open(&OracleEngine, Metric::FidTf, &spec, SHAPE).map(|_| ()).map_err(|e| e.to_string());
        assert!(found.is_err_and(|text| text.starts_with("cannot read /nowhere/inception")));
    }

    fn none() -> EvalSpec {
        let inception = InceptionSpec { weights: None, sha256: None, statistics: None };
        let network = NetworkSpec { onnx: None, sha256: None, side: 8, mean: [0.0; 3], std: [1.0; 3] };
        let pae = PaeSpec { images: 1, levels: 2, draws: 1, sigma_min: 0.1 };
        EvalSpec { metrics: vec![], beside: vec![], n: 2, methods: vec![], inception, network, pae }
    }
}
