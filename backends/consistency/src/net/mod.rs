//! The networks: a torso that denoises, and a score head on its last features.
//!
//! Owns architectures, their parameter names and preconditioning. Does not own initial values (a plan says how each
//! parameter starts, [`crate::params`] draws it), losses or sampling. In: a [`ModelSpec`] and the shape of images.
//! Out: a [`Network`], planned with no tensors, whose forward passes read any parameter set of its plan.
//!
//! Reading order: [`Network`], `torso`, `head`; then an architecture (`ncsnpp`, `unetpp`), its blocks, and the layers
//! that they share.

mod check;
mod dropout;
mod embedding;
pub(crate) mod head;
pub(crate) mod layers;
pub(crate) mod ncsnpp;
pub(crate) mod precondition;
pub(crate) mod resample;
pub(crate) mod scope;
pub(crate) mod torso;
pub(crate) mod unetpp;

use std::sync::Arc;

use exp_api::Problem;
use exp_api::spec::{HeadSpec, ModelSpec};

pub use self::dropout::Pass;
use self::head::{Given, Head};
use self::precondition::Precondition;
use self::scope::Scope;
use self::torso::{Torso, output_widths, width_key};
use crate::params::{Params, Plan};
use crate::tensor::Tensor;

/// A planned torso and, perhaps, its score head.
#[derive(Debug, Clone)]
pub struct Network {
    plan: Arc<Plan>,
    torso: Torso,
    head: Option<Head>,
    sigma_min: f64,
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
        let torso = Scope::new(&mut plan, &mut problems, width_key(&spec.torso))
            .child("torso", |s| Torso::plan(s, &spec.torso, channels, side));
        let (features, embedding) = output_widths(&spec.torso);
        let given = Given { channels, side, features, embedding };
        let head = spec.head.as_ref().map(|head| {
            let key = match head {
                HeadSpec::Conv(_) => "model.head.n_groups",
                HeadSpec::Baseline(_) | HeadSpec::Unetpp(_) => "model.head.n_channels",
            };
            Scope::new(&mut plan, &mut problems, key).child("head", |s| Head::plan(s, head, given))
        });
        match problems.is_empty() {
            true => Ok(Network { plan: Arc::new(plan), torso, head, sigma_min }),
            false => Err(problems),
        }
    }

    /// The parameters of torso and head.
    pub fn params(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The torso's denoised image of `x` `[B,C,H,W]` at noise levels `sigma` `[B]`, and what a head reads beside it.
    pub fn denoise<T: Tensor>(&self, theta: &Params<T>, x: &T, sigma: &T, pass: Pass) -> Denoised<T> {
        let scales = Precondition::at(sigma, self.sigma_min);
        let raw = self.torso.apply(theta, &scales.input.mul(x), &scales.noise, pass);
        Denoised { image: scales.denoised(x, &raw.image), embedding: raw.embedding, features: raw.features }
    }

    /// The head's denoised image of `x` `[B,C,H,W]` at noise levels `sigma` `[B]`, given what the torso made of them;
    /// none without a head. Whatever should receive no gradient from the head is stopped by the caller.
    pub fn score<T: Tensor>(
        &self,
        theta: &Params<T>,
        x: &T,
        sigma: &T,
        torso: &Denoised<T>,
        pass: Pass,
    ) -> Option<T> {
        let head = self.head.as_ref()?;
        Some(head.apply(theta, &Precondition::at(sigma, self.sigma_min), x, torso, pass))
    }
}
