//! Both networks' objective in one pass: consistency of the torso plus denoising score matching of the head.

use exp_api::spec::LossSpec;

use super::{Noised, Objective, consistency, dsm};
use crate::net::{Denoised, Network, Pass};
use crate::params::Params;
use crate::tensor::{Key, Tensor};

/// Passes whose masks are not the student's, by numbers that no place of a network has.
const TARGET: u64 = 1 << 32;
const HEAD: u64 = 2 << 32;

/// The objective of one batch.
#[derive(Debug, Clone)]
pub struct Terms<T> {
    /// The sum of the parts, `[1]`: what is differentiated.
    pub total: T,
    /// Each `[1]`, as it enters the sum, by its name among [`parts`].
    pub parts: Vec<(&'static str, T)>,
}

/// What the objective is made of: `consistency` (or `denoising`, of a diffusion model), and `dsm` if there is a head.
pub fn parts<T: Tensor>(network: &Network, objective: &Objective<T>) -> Vec<&'static str> {
    let torso = if objective.distance.is_some() { "consistency" } else { "denoising" };
    [torso].into_iter().chain(network.has_head().then_some("dsm")).collect()
}

/// The objective at `theta`: f(x_t) follows its own stopped self at x_r, and the head learns the score at x_t. A
/// diffusion model follows nothing: its torso learns the score as a head does.
pub fn joint<T: Tensor>(network: &Network, objective: &Objective<T>, theta: &Params<T>, batch: &Noised<T>) -> Terms<T> {
    let spec = &objective.spec;
    let target = objective.distance.as_ref().map(|distance| {
        let pass = Pass::Train { dropout: target_key(spec, batch.dropout) };
        (distance, batch.followed(|noisy| network.denoise(&theta.detach(), noisy, pass).image))
    });
    let theta = &taped(theta);
    let student = network.denoise(theta, &batch.upper(), Pass::Train { dropout: batch.dropout });

    let mut values = vec![match &target {
        Some((distance, target)) => consistency::term(distance, &student.image, target, batch),
        None => dsm::term(1.0, &student.image, batch),
    }];
    let pass = Pass::Train { dropout: batch.dropout.at(HEAD) };
    if let Some(denoised) = network.score(theta, &batch.upper(), &seen_by_head(spec, &student), pass) {
        values.push(dsm::term(spec.lambda, &denoised, batch));
    }
    let total = values[1..].iter().fold(values[0].clone(), |sum, value| sum.add(value));
    let names = parts(network, objective);
    assert_eq!(names.len(), values.len(), "a name for each part");
    Terms { total, parts: names.into_iter().zip(values).collect() }
}

/// Without a tape for the parameters that training leaves alone: their gradients are zeros, and in no norm.
fn taped<T: Tensor>(theta: &Params<T>) -> Params<T> {
    let tensors = theta.tensors();
    Params::build(theta.plan(), |(i, spec)| if spec.trained { tensors[i].clone() } else { tensors[i].detach() })
}

/// What the head sees of the torso: never a gradient through the image, and one through the features if it flows.
fn seen_by_head<T: Tensor>(spec: &LossSpec, torso: &Denoised<T>) -> Denoised<T> {
    let through = |tensor: &T| if spec.gradient_flow { tensor.clone() } else { tensor.detach() };
    Denoised { image: torso.image.detach(), embedding: through(&torso.embedding), features: through(&torso.features) }
}

/// The target drops the features that the student drops, unless that is asked not to be.
fn target_key(spec: &LossSpec, key: Key) -> Key {
    if spec.shared_dropout { key } else { key.at(TARGET) }
}

#[cfg(test)]
mod tests {
    use exp_api::spec::{
        BlockType, Combine, ConvHeadSpec, Embedding, HeadSpec, LossKind, ModelSpec, NcsnppSpec, Nonlinearity,
        Precondition, Progressive, ProgressiveInput, TorsoSpec,
    };

    use super::*;
    use crate::loss::HUBER;
    use crate::oracle::{Doubles, OracleEngine};
    use crate::rng::{Draw, Purpose};

    /// A small network that drops half of its features.
    fn network(head: bool) -> Network {
        let torso = TorsoSpec::Ncsnpp(NcsnppSpec {
            nf: 4,
            ch_mult: vec![1],
            num_res_blocks: 1,
            attn_resolutions: Vec::new(),
            resblock_type: BlockType::Biggan,
            resamp_with_conv: true,
            fir: false,
            fir_kernel: vec![1.0, 1.0],
            skip_rescale: true,
            progressive: Progressive::None,
            progressive_input: ProgressiveInput::None,
            progressive_combine: Combine::Sum,
            embedding_type: Embedding::Positional,
            fourier_scale: 1.0,
            conditional: true,
            double_heads: false,
            nonlinearity: Nonlinearity::Swish,
            init_scale: 1.0,
            dropout: 0.5,
        });
        let head = head.then_some(HeadSpec::Conv(ConvHeadSpec { n_groups: 2 }));
        let spec = ModelSpec { precondition: Precondition::Cm, torso, head };
        Network::plan(&spec, 1, 4, 0.002).expect("a plan")
    }

    fn l2(lambda: f64) -> LossSpec {
        LossSpec { kind: LossKind::L2, lambda, ..HUBER }
    }

    fn terms(network: &Network, spec: LossSpec, batch: &Noised<Doubles>) -> Vec<(&'static str, f64)> {
        let theta = Params::build(network.params(), |(i, spec)| {
            let mut stream = Draw::new(0, Purpose::Init, 0).image(i as u64);
            let values: Vec<f64> = (0..spec.len()).map(|_| 0.3 * stream.normal()).collect();
            Doubles::new(&spec.shape, values)
        });
        let objective = Objective::open(&OracleEngine, &spec).expect("no weights are needed");
        let terms = joint(network, &objective, &theta, batch);
        let parts: Vec<(&str, f64)> = terms.parts.iter().map(|(name, value)| (*name, value.values[0])).collect();
        let sum: f64 = parts.iter().map(|(_, value)| value).sum();
        assert!((terms.total.values[0] - sum).abs() < 1e-12 * sum.abs());
        parts
    }

    /// One image at noise levels 1 and 1 - `gap`, and all but the same noised image.
    fn batch(gap: f64, dropout: u64) -> Noised<Doubles> {
        let values: Vec<f64> = (0..16).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let y = Doubles::new(&[1, 1, 4, 4], values);
        let (t, r) = (Doubles::new(&[1], [1.0]), Doubles::new(&[1], [1.0 - gap]));
        Noised { x_t: y.scale(2.0), x_r: y.scale(2.0), y, t, r, ends: None, labels: None, dropout: Key::new(dropout) }
    }

    /// At nearly one noise level the two passes differ by next to nothing, and its square even less, only if they drop
    /// the same features.
    #[test]
    fn student_and_target_share_their_masks() {
        let found = terms(&network(false), l2(1.0), &batch(1e-6, 7));
        assert!(found.len() == 1 && found[0].1 > 0.0 && found[0].1 < 1e-3, "{found:?}");
        let apart = terms(&network(false), LossSpec { shared_dropout: false, ..l2(1.0) }, &batch(1e-6, 7));
        assert!(apart[0].1 > 1.0, "{apart:?}");
    }

    #[test]
    fn lambda_weights_the_head() {
        let [one, two] = [0.3, 0.6].map(|lambda| terms(&network(true), l2(lambda), &batch(0.5, 7)));
        assert_eq!((one[0], one[1].0), (two[0], "dsm"));
        assert!((two[1].1 - 2.0 * one[1].1).abs() < 1e-12 * one[1].1);
    }

    #[test]
    fn each_key_drops_other_features() {
        let [one, two] = [7, 8].map(|key| terms(&network(false), l2(1.0), &batch(0.5, key)));
        assert_ne!(one, two);
    }

    /// A diffusion model follows nothing: the lower level does not matter.
    #[test]
    fn a_diffusion_model_only_denoises() {
        let edm = LossSpec { kind: LossKind::Edm, ..HUBER };
        let [near, far] = [0.1, 0.5].map(|gap| terms(&network(false), edm.clone(), &batch(gap, 7)));
        assert_eq!(near, far);
        assert_eq!(near[0].0, "denoising");
    }
}
