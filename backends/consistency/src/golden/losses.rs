//! Golden values of the distances and of the head's loss, on given images and weights.

use exp_api::spec::{HuberNorm, HuberSpec};

use super::Case;
use crate::data::Shape;
use crate::engine::Engine;
use crate::loss::consistency::{self, Distance};
use crate::loss::{Clean, Images, Noised, dsm};
use crate::tensor::Tensor;

/// Compares every value of the case; the names of the tensors carry c and lambda.
pub(super) fn case<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let given = Given::read(engine, case)?;
    for name in case.names().filter(|name| name.starts_with("out/")) {
        let found = given.found(engine, name).ok_or_else(|| format!("no test knows {name}"))?;
        case.close(name, &found.iter().map(|&v| f64::from(v)).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// The inputs of the case.
struct Given<T> {
    pred: T,
    target: T,
    /// A batch whose 1/(t - r) is the given weight.
    weighted: Noised<T>,
    /// A batch with the given clean images and noise levels.
    noised: Noised<T>,
}

impl<T: Tensor> Given<T> {
    fn read<E: Engine<T = T>>(engine: &E, case: &Case) -> Result<Given<T>, String> {
        let (shape, y) = case.image("in/y")?;
        let clean = Clean { images: Images::Here(&y), shape, first: 0, classes: None };
        let still = vec![0.0; y.len()];
        let batch = |levels: Vec<f64>| {
            let pairs: Vec<(f64, f64)> = levels.into_iter().map(|t| (t, 0.0)).collect();
            Noised::with(engine, &clean, &still, &pairs, 0)
        };
        let weighted = batch(case.values("in/weight")?.into_iter().map(f64::recip).collect());
        let noised = batch(case.values("in/sigma")?);
        let image = |name| case.image(name).map(|(_, values)| engine.upload(&noised.y.shape(), &values));
        Ok(Given { pred: image("in/pred")?, target: image("in/target")?, weighted, noised })
    }

    /// Our value of the tensor called `name`; none for a name that we do not know.
    fn found<E: Engine<T = T>>(&self, engine: &E, name: &str) -> Option<Vec<f32>> {
        let parameter = |prefix: &str| name.strip_prefix(prefix)?.parse::<f64>().ok();
        let term =
            |distance: Distance<T>| consistency::term(&distance, &self.pred, &self.target, &self.weighted).to_host();
        if let Some(c) = parameter("out/huber_c") {
            return Some(term(huber(HuberNorm::Element, Some(c))));
        }
        if let Some(c) = parameter("out/huber_elementwise_c") {
            return Some(self.elementwise(&huber(HuberNorm::Element, Some(c))));
        }
        if let Some(lambda) = parameter("out/dsm_joint") {
            return Some(dsm::term(lambda, &self.pred, &self.noised).to_host());
        }
        match name {
            "out/l2" => Some(term(Distance::L2)),
            "out/paper_vector_huber" => Some(huber(HuberNorm::Image, None).between(&self.pred, &self.target).to_host()),
            "out/dsm_weight" => Some(dsm_weights(engine, &self.noised.t.to_host())),
            _ => None,
        }
    }

    /// The distance of each element, in the reference's order of axes: each is an image of its own.
    fn elementwise(&self, distance: &Distance<T>) -> Vec<f32> {
        let singly = |image: &T| {
            let size = image.shape().iter().product();
            image.permute(&[0, 2, 3, 1]).reshape(&[size, 1, 1, 1])
        };
        distance.between(&singly(&self.pred), &singly(&self.target)).to_host()
    }
}

fn huber<T>(norm: HuberNorm, c: Option<f64>) -> Distance<T> {
    Distance::Huber(HuberSpec { c, norm })
}

/// The head's loss at lambda 1 for an error of 1 in an image of one pixel, at each noise level.
pub(super) fn dsm_weights<E: Engine>(engine: &E, levels: &[f32]) -> Vec<f32> {
    let clean = Clean {
        images: Images::Here(&[0.0]),
        shape: Shape { channels: 1, height: 1, width: 1 },
        first: 0,
        classes: None,
    };
    let batch = |&sigma: &f32| Noised::with(engine, &clean, &[0.0], &[(f64::from(sigma), 0.0)], 0);
    let weight = |batch: Noised<E::T>| dsm::term(1.0, &batch.y.offset(1.0), &batch).to_host()[0];
    levels.iter().map(batch).map(weight).collect()
}
