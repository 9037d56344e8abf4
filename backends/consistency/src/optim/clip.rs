//! Bounds on gradients, and their norms.

use std::collections::BTreeMap;

use exp_api::spec::{Clip, TrainSpec};

use crate::params::Params;
use crate::tensor::Tensor;

/// The Euclidean norm over all gradients of a network, `[1]`; `network` is the first part of their names, and
/// there is at least one.
pub fn global_norm<T: Tensor>(gradients: &Params<T>, network: &str) -> T {
    let own = gradients.iter().filter(|(spec, _)| network_of(&spec.name) == network);
    T::sum_squares_of(&own.map(|(_, gradient)| gradient).collect::<Vec<_>>()).sqrt()
}

/// Gradients within `train.clip`: each element, or the norm of each network (which keeps its direction).
pub fn clip<T: Tensor>(train: &TrainSpec, gradients: Params<T>) -> Params<T> {
    match (train.clip, train.clip_by) {
        (None, _) => gradients,
        (Some(bound), Clip::Element) => gradients.map(|gradient| gradient.clamp(-bound, bound)),
        (Some(bound), Clip::Norm) => by_norm(bound, &gradients),
    }
}

/// Each network's gradients times min(1, bound/norm), without waiting for the device.
fn by_norm<T: Tensor>(bound: f64, gradients: &Params<T>) -> Params<T> {
    let tensors = gradients.tensors();
    let mut factors: BTreeMap<String, T> = BTreeMap::new();
    Params::build(gradients.plan(), |(i, spec)| {
        let network = network_of(&spec.name);
        let factor = factors
            .entry(network.to_owned())
            .or_insert_with(|| global_norm(gradients, network).recip().scale(bound).clamp(0.0, 1.0));
        tensors[i].mul(&factor.reshape(&vec![1; tensors[i].shape().len()]))
    })
}

/// The first part of a parameter's name.
fn network_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::optim::rule::tests::train;
    use crate::oracle::Doubles;
    use crate::params::{Init, Plan};

    /// Gradients (3, 4) and (12) of one network, and (8, 6) of another.
    fn gradients() -> Params<Doubles> {
        let mut plan = Plan::default();
        for (name, shape) in [("torso/a", vec![2]), ("torso/b/c", vec![1, 1]), ("head/a", vec![2, 1])] {
            plan.param(name, &shape, Init::Zeros);
        }
        let mut values = [vec![3.0, 4.0], vec![12.0], vec![8.0, 6.0]].into_iter();
        Params::build(&Arc::new(plan), |(_, spec)| Doubles::new(&spec.shape, values.next().expect("three parameters")))
    }

    fn values(clip_by: Clip, bound: Option<f64>) -> Vec<Vec<f64>> {
        let spec = TrainSpec { clip: bound, clip_by, ..train() };
        clip(&spec, gradients()).tensors().iter().map(|tensor| tensor.values.clone()).collect()
    }

    #[test]
    fn norms_are_of_one_network() {
        assert_eq!(global_norm(&gradients(), "torso").values, [13.0]);
        assert_eq!(global_norm(&gradients(), "head").values, [10.0]);
    }

    #[test]
    fn elements_are_bounded_on_both_sides() {
        assert_eq!(values(Clip::Element, Some(5.0)), [vec![3.0, 4.0], vec![5.0], vec![5.0, 5.0]]);
        assert_eq!(values(Clip::Element, None), [vec![3.0, 4.0], vec![12.0], vec![8.0, 6.0]]);
    }

    #[test]
    fn a_norm_above_the_bound_shrinks_and_one_below_stays() {
        let found = values(Clip::Norm, Some(11.0));
        let shrunk: Vec<f64> = found[..2].concat().iter().map(|v| v * 13.0 / 11.0).collect();
        assert!(shrunk.iter().zip([3.0, 4.0, 12.0]).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(found[2], [8.0, 6.0]);
    }
}
