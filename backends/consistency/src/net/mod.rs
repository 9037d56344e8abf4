//! The networks: a torso that denoises, and a score head on its last features.
//!
//! Owns architectures, their parameter names and preconditioning. Does not own initial values (a plan says how each
//! parameter starts, [`crate::params`] draws it), losses or sampling. In: a [`ModelSpec`] and the shape of images.
//! Out: a [`Network`], planned with no tensors, whose forward passes read any parameter set of its plan.
//!
//! Reading order: [`Network`], `torso`, `head`; then an architecture (`ncsnpp`, `unetpp`, `unet`, `mincy`), its blocks,
//! and the layers that they share.

mod check;
mod dropout;
mod embedding;
mod forward;
pub(crate) mod head;
pub(crate) mod layers;
mod mincy;
pub(crate) mod ncsnpp;
mod nin_attention;
mod norm;
pub(crate) mod precondition;
pub(crate) mod resample;
pub(crate) mod scope;
pub(crate) mod torso;
mod unet;
pub(crate) mod unetpp;

use std::sync::Arc;

use exp_api::Problem;
use exp_api::spec::{HeadSpec, ModelSpec};

pub use self::dropout::Pass;
use self::head::{Given, Head};
use self::precondition::Wrapper;
use self::scope::Scope;
use self::torso::{Torso, output_widths, width_key};
use crate::engine::Engine;
use crate::params::{Params, Plan};
use crate::tensor::Tensor;

/// A planned torso and, perhaps, its score head.
#[derive(Debug, Clone)]
pub struct Network {
    plan: Arc<Plan>,
    torso: Torso,
    head: Option<Head>,
    wrapper: Wrapper,
    classes: Option<usize>,
}

/// What a network is asked about.
#[derive(Debug)]
pub struct Noisy<'a, T> {
    /// Noisy images, `[B,C,H,W]`.
    pub x: &'a T,
    /// Their noise levels, `[B]`.
    pub sigma: &'a T,
    /// `[B,classes]`, 1 at the class of each image and 0 elsewhere; for a network that sees classes.
    pub labels: Option<&'a T>,
}

/// What a torso's forward pass gives. A head reads all of it.
#[derive(Debug, Clone)]
pub struct Denoised<T> {
    /// D(x, sigma), `[B,C,H,W]`.
    pub image: T,
    /// The embedding of the noise level, `[B,E]`; the bare noise level where the torso is not conditional.
    pub embedding: T,
    /// The last features, `[B,F,H,W]`.
    pub features: T,
}

impl Network {
    /// Plans a torso (parameters `torso/...`) and a head (`head/...`) for square images of `channels` and `side`.
    ///
    /// # Errors
    /// Everything in the configuration that cannot work together, each with its key.
    pub fn plan(spec: &ModelSpec, channels: usize, side: usize, sigma_min: f64) -> Result<Network, Vec<Problem>> {
        let mut problems = check::choices(spec);
        let sizes = check::sizes(spec, side);
        if !sizes.is_empty() {
            problems.extend(sizes);
            return Err(problems);
        }
        let mut plan = Plan::default();
        let torso = Scope::new(&mut plan, &mut problems, "model.torso", width_key(&spec.torso))
            .child("torso", |s| Torso::plan(s, &spec.torso, channels, side));
        let (features, embedding) = output_widths(&spec.torso);
        let given = Given { channels, side, features, embedding };
        let head = spec.head.as_ref().map(|head| {
            let group = if matches!(head, HeadSpec::ScorePde(_)) { "model.head.factor" } else { "model.head" };
            let mut scope = Scope::new(&mut plan, &mut problems, group, "n_channels");
            scope.child("head", |s| Head::plan(s, head, given))
        });
        match problems.is_empty() {
            true => Ok(Network {
                plan: Arc::new(plan),
                torso,
                head,
                wrapper: Wrapper::new(spec.precondition, sigma_min),
                classes: spec.torso.classes().map(|classes| classes as usize),
            }),
            false => Err(problems),
        }
    }

    /// The parameters of torso and head.
    pub fn params(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// How many classes it tells apart; none when it sees no class.
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// Whether it has a score head.
    pub fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// The torso's denoised images, and what a head reads beside them.
    pub fn denoise<T: Tensor>(&self, theta: &Params<T>, noisy: &Noisy<T>, pass: Pass) -> Denoised<T> {
        let scales = self.wrapper.scales(noisy.sigma);
        let input = self.wrapper.input(&scales, noisy.x);
        let raw = self.torso.apply(theta, &input, &scales.noise, noisy.labels, pass);
        Denoised { image: scales.denoised(noisy.x, &raw.image), embedding: raw.embedding, features: raw.features }
    }

    /// The head's denoised images, given what the torso made of the same; none without a head. Whatever should receive
    /// no gradient from the head is stopped by the caller.
    pub fn score<T: Tensor>(&self, theta: &Params<T>, noisy: &Noisy<T>, torso: &Denoised<T>, pass: Pass) -> Option<T> {
        let head = self.head.as_ref()?;
        Some(head.apply(theta, &self.wrapper.scales(noisy.sigma), noisy.x, torso, pass).image)
    }
}

/// Classes as a network sees them: `[B,count]`, 1 at the class of each image and 0 elsewhere.
pub fn one_hot<E: Engine>(engine: &E, classes: impl ExactSizeIterator<Item = u64>, count: usize) -> E::T {
    let batch = classes.len();
    let values: Vec<f32> =
        classes.flat_map(|class| (0..count as u64).map(move |place| f32::from(u8::from(place == class)))).collect();
    engine.upload(&[batch, count], &values)
}

#[cfg(test)]
mod initial;
#[cfg(test)]
mod tests;
