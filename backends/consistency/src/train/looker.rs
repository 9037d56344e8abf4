//! A network that looks at images, and the figures of what it sees: distances of drawn images from the data set's.

use std::path::Path;

use exp_api::BackendError;
use exp_api::figure::OF_MEANS;
use exp_api::spec::{Beside, EvalSpec, Metric};

use super::Replicas;
use crate::data::{Dataset, Shape};
use crate::engine::Engine;
use crate::eval::{
    Classifier, EvalError, Features, Gaussian, InceptionScore, Moments, classifier, frechet, kid, precision_recall,
    statistics,
};
use crate::rng;
use crate::tensor::Tensor;
use crate::weights::WeightsError;

/// Images added to moments at once. Fixed: streaming sums depend on it in their last bits.
const ADDED: usize = 256;
/// Images that a network looks at in one pass.
const SEEN: usize = 16;
/// Images of the data set that are looked at together.
const BLOCK: usize = 1024;
/// Most images whose features are kept, for figures that compare image by image.
const KEPT: usize = 10_000;
/// Seed of their choice: figures are comparable as long as this stays.
const ORDER: u64 = 0;

/// A network with what it saw of the data set.
pub(super) struct Looker<T> {
    metric: Metric,
    /// Images that are drawn.
    images: u64,
    features: Features<T>,
    reference: Gaussian,
    beside: Vec<Beside>,
    classifier: Option<Classifier>,
    /// Features of some images of the data set, if something beside the distance needs them.
    real: Vec<f64>,
    shape: Shape,
}

/// What it saw of drawn images.
pub(super) struct Seen {
    moments: Moments,
    rows: Vec<f64>,
    score: InceptionScore,
}

impl<T: Tensor> Looker<T> {
    /// The network of a metric; none for one that needs none.
    ///
    /// # Errors
    /// Weights or statistics that cannot be read.
    pub(super) fn open<E: Engine<T = T>>(
        replicas: &Replicas<E>,
        data: &Dataset,
        metric: Metric,
        eval: &EvalSpec,
    ) -> Result<Option<Looker<T>>, BackendError> {
        let features = Features::open(replicas.first(), metric, eval, data.shape()).map_err(unusable)?;
        let Some((features, identity)) = features else { return Ok(None) };
        let given = eval.inception.statistics.as_ref().filter(|_| is_fid(metric));
        let reference = match given {
            Some(path) => statistics::load(Path::new(path), features.dimensions()).map_err(BackendError::Files)?,
            None => of_data(replicas, &features, &identity, data)?,
        };
        let scored = is_fid(metric) && eval.beside.contains(&Beside::InceptionScore);
        let classifier = scored.then(|| classifier(&eval.inception)).transpose().map_err(unusable)?;
        let real = if compares(&eval.beside) { of_some(replicas, &features, data, KEPT) } else { Vec::new() };
        let (beside, shape) = (eval.beside.clone(), data.shape());
        Ok(Some(Looker { metric, images: eval.n, features, reference, beside, classifier, real, shape }))
    }

    /// Nothing yet.
    pub(super) fn nothing(&self) -> Seen {
        let moments = Moments::new(self.features.dimensions());
        Seen { moments, rows: Vec::new(), score: InceptionScore::new(self.images) }
    }

    /// Looks at drawn images, `pixels` in NCHW, all replicas at once.
    pub(super) fn look<E: Engine<T = T>>(
        &self,
        replicas: &Replicas<E>,
        seen: &mut Seen,
        pixels: &[u8],
    ) -> Result<(), BackendError> {
        let found = rows(replicas, &self.features, pixels, self.shape);
        add(&mut seen.moments, &found, self.features.dimensions())?;
        if let Some(classifier) = &self.classifier {
            seen.score.add(classifier, &found);
        }
        if compares(&self.beside) {
            let left = KEPT * self.features.dimensions() - seen.rows.len();
            seen.rows.extend(&found[..left.min(found.len())]);
        }
        Ok(())
    }

    /// The distance, the part of it that is due to the means, and what is asked for beside it.
    pub(super) fn figures(&self, seen: &Seen) -> Result<Vec<(String, f64)>, BackendError> {
        let found = frechet(&seen.moments.gaussian().map_err(failed)?, &self.reference).map_err(failed)?;
        let name = named(self.metric, self.images);
        let mut figures = vec![(name.clone(), found.distance), (name + OF_MEANS, found.of_means)];
        let way = self.metric.word().split_once('_').map_or("", |(_, way)| way);
        let dimensions = self.features.dimensions();
        for beside in &self.beside {
            match beside {
                Beside::InceptionScore if self.classifier.is_none() => {}
                Beside::InceptionScore => figures.push((format!("inception_score_{way}"), seen.score.score()?)),
                Beside::Kid => figures.push((format!("kid_{way}"), kid(&self.real, &seen.rows, dimensions))),
                Beside::PrecisionRecall => {
                    let (precision, recall) = precision_recall(&self.real, &seen.rows, dimensions);
                    figures.extend([(format!("precision_{way}"), precision), (format!("recall_{way}"), recall)]);
                }
            }
        }
        Ok(figures)
    }
}

/// Whether something compares drawn images with the data set's one by one.
fn compares(beside: &[Beside]) -> bool {
    beside.iter().any(|beside| *beside != Beside::InceptionScore)
}

/// Whether a metric looks by FID's network.
fn is_fid(metric: Metric) -> bool {
    metric.word().starts_with("fid_")
}

fn unusable(error: WeightsError) -> BackendError {
    BackendError::Files(error.to_string())
}

/// The statistics of the data set: those that were kept, or taken now and kept.
fn of_data<E: Engine>(
    replicas: &Replicas<E>,
    features: &Features<E::T>,
    identity: &str,
    data: &Dataset,
) -> Result<Gaussian, BackendError> {
    let kept = statistics::kept(data, identity);
    if let Some(found) = kept.as_deref().and_then(|path| statistics::load(path, features.dimensions()).ok()) {
        return Ok(found);
    }
    let mut moments = Moments::new(features.dimensions());
    for block in data.blocks(BLOCK) {
        add(&mut moments, &rows(replicas, features, data.bytes(block), data.shape()), features.dimensions())?;
    }
    let found = moments.gaussian().map_err(failed)?;
    if let Some(path) = kept {
        // Without a copy the next run computes them again; that is no reason to stop this one.
        let _ = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| statistics::store(&path, &found));
    }
    Ok(found)
}

/// The features of `most` images of the data set, or of all: any of them, since a folder of pictures is sorted by class, and
/// the same for everyone.
fn of_some<E: Engine>(replicas: &Replicas<E>, features: &Features<E::T>, data: &Dataset, most: usize) -> Vec<f64> {
    let numbers: Vec<u32> = match data.len() <= most {
        true => (0..data.len() as u32).collect(),
        false => rng::permutation(ORDER, 0, data.len() as u32)[..most].to_vec(),
    };
    let looked_at = |block: &[u32]| {
        let pixels: Vec<u8> = block.iter().flat_map(|&number| data.image(number as usize)).copied().collect();
        rows(replicas, features, &pixels, data.shape())
    };
    numbers.chunks(BLOCK).flat_map(looked_at).collect()
}

/// The features of images, one image after the other.
fn rows<E: Engine>(replicas: &Replicas<E>, features: &Features<E::T>, pixels: &[u8], shape: Shape) -> Vec<f64> {
    if let Features::Network(network) = features {
        // It runs on the host, where it takes all threads; an engine's own thread would be one.
        return network.of(pixels, shape);
    }
    let batches: Vec<&[u8]> = pixels.chunks(SEEN * shape.values()).collect();
    let rows = replicas.split(batches.len(), |_, engine, range| {
        let features = features.on(engine);
        batches[range].iter().flat_map(|batch| features.of(engine, batch, shape)).collect::<Vec<f64>>()
    });
    rows.concat()
}

fn add(moments: &mut Moments, rows: &[f64], dimensions: usize) -> Result<(), BackendError> {
    rows.chunks(ADDED * dimensions).try_for_each(|block| moments.extend(block)).map_err(failed)
}

/// The name of a figure, with the number of images where that decides: `fid50k_tf`.
fn named(metric: Metric, images: u64) -> String {
    let count = if images.is_multiple_of(1000) { format!("{}k", images / 1000) } else { images.to_string() };
    match metric.word().strip_prefix("fid_") {
        Some(way) => format!("fid{count}_{way}"),
        None => metric.word().to_owned(),
    }
}

pub(super) fn failed(error: EvalError) -> BackendError {
    BackendError::Data(error.to_string())
}

#[cfg(test)]
mod tests {
    use exp_api::spec::{InceptionSpec, NetworkSpec, PaeSpec};

    use super::*;
    use crate::oracle::OracleEngine;

    /// A hundred images in ten classes, one after the other, each class a grey level of its own.
    #[test]
    fn images_are_compared_with_some_of_every_class() {
        let shape = Shape { channels: 1, height: 1, width: 1 };
        let sorted = |count: usize| -> Vec<u8> { (0..count).map(|i| (i * 10 / count * 25) as u8).collect() };
        let data = Dataset::new(shape, sorted(100), vec![0; 100]).unwrap();
        let replicas = Replicas::open(&["cpu".to_owned()], |_| Ok::<_, String>(OracleEngine)).unwrap();
        let eval = EvalSpec {
            metrics: vec![],
            beside: vec![],
            n: 2,
            methods: vec![],
            inception: InceptionSpec { weights: None, sha256: None, statistics: None },
            network: NetworkSpec { onnx: None, sha256: None, side: 8, mean: [0.0; 3], std: [1.0; 3] },
            pae: PaeSpec { images: 1, levels: 2, draws: 1, sigma_min: 0.1 },
        };
        let (features, _) = Features::open(&OracleEngine, Metric::FdRandom, &eval, shape).unwrap().unwrap();
        let size = features.dimensions();
        let levels: Vec<Vec<f64>> = (0..10).map(|class| features.of(&OracleEngine, &[class * 25], shape)).collect();
        let classes = |most: usize| -> Vec<usize> {
            let found = of_some(&replicas, &features, &data, most);
            found.chunks(size).map(|row| levels.iter().position(|level| level == row).unwrap()).collect()
        };
        let some = classes(50);
        let counts: Vec<usize> = (0..10).map(|class| some.iter().filter(|&&found| found == class).count()).collect();
        assert_eq!(some.len(), 50);
        // Of ten images a class, without repetition, five are expected, with a deviation of 1.6.
        assert!(counts.iter().all(|count| (1..10).contains(count)), "{counts:?}");
        assert_eq!(some, classes(50));
        assert_eq!(classes(100), (0..100).map(|i| i / 10).collect::<Vec<_>>(), "all of them as they come");
    }

    #[test]
    fn a_fid_carries_its_number_of_images() {
        assert_eq!(named(Metric::FidTf, 50_000), "fid50k_tf");
        assert_eq!(named(Metric::FidClean, 1_797), "fid1797_clean");
        assert_eq!(named(Metric::FdRandom, 50_000), "fd_random");
    }
}
