//! The score heads: from the torso's image, last features and embedding to a denoised image of their own.
//!
//! A head reads the noisy and the denoised image, already scaled, beside the torso's features. Features and embedding
//! pass a layer normalisation first. Its input widths follow the torso, so no head has a key for them. What follows the
//! normalisations is a [`Part`]; the head `score_pde` has two, whose product is the score.

mod part;

use exp_api::spec::{FactorSpec, HeadSpec};

use self::part::{Part, Seen};
use super::Denoised;
use super::dropout::Pass;
use super::norm::LayerNorm;
use super::precondition::Scales;
use super::scope::Scope;
use crate::params::Params;
use crate::tensor::Tensor;

/// The planned head.
#[derive(Debug, Clone)]
pub struct Head {
    features: LayerNorm,
    embedding: LayerNorm,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// The raw image, which preconditioning makes a denoised one.
    One(Box<Part>),
    /// The inverse of dh/dx, and dh/dt: the score is their product.
    Product(Box<[Part; 2]>),
}

/// What a head is given.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// Channels of an image.
    pub channels: usize,
    /// Side of an image.
    pub side: usize,
    /// Channels of the torso's last features.
    pub features: usize,
    /// Width of the torso's embedding.
    pub embedding: usize,
}

/// What a head makes.
#[derive(Debug, Clone)]
pub struct Scored<T> {
    /// The denoised image, `[B,C,H,W]`.
    pub image: T,
    /// The two factors of the score, the inverse of dh/dx and dh/dt, of a head that has them.
    pub factors: Option<[T; 2]>,
}

impl Head {
    /// Plans the head directly in `scope`.
    pub fn plan(scope: &mut Scope, spec: &HeadSpec, given: Given) -> Head {
        let features = scope.child("layer_norm_for_last_x_emb", |s| LayerNorm::plan(s, given.features));
        // Planned for every kind, as in the original, although one convolution reads no embedding.
        let embedding = scope.child("layer_norm_for_t_emb", |s| LayerNorm::plan(s, given.embedding));
        let body = scope.child("head", |s| match spec {
            HeadSpec::Conv(spec) => Body::One(Box::new(Part::conv(s, spec, given))),
            HeadSpec::Baseline(spec) => Body::One(Box::new(Part::baseline(s, spec, given))),
            HeadSpec::Unetpp(spec) => Body::One(Box::new(Part::unetpp(s, spec, given))),
            HeadSpec::ScorePde(spec) => Body::Product(Box::new(["dh_dx_inv_model", "dh_dt_model"].map(|name| {
                s.child(name, |s| match &spec.factor {
                    FactorSpec::Unetpp(spec) => Part::unetpp(s, spec, given),
                    FactorSpec::Baseline(spec) => Part::baseline(s, spec, given),
                })
            }))),
        });
        Head { features, embedding, body }
    }

    /// What the head makes of `x` `[B,C,H,W]`, given the scales of its noise levels and the torso's output.
    pub fn apply<T: Tensor>(
        &self,
        theta: &Params<T>,
        scales: &Scales<T>,
        x: &T,
        torso: &Denoised<T>,
        pass: Pass,
    ) -> Scored<T> {
        let seen = Seen {
            images: T::cat(&[x, &torso.image], 1).mul(&scales.input).silu(),
            features: self.features.apply(theta, &torso.features),
            embedding: self.embedding.apply(theta, &torso.embedding),
            noise: scales.noise.clone(),
        };
        match &self.body {
            Body::One(part) => Scored { image: scales.denoised(x, &part.apply(theta, &seen, pass)), factors: None },
            Body::Product(parts) => {
                let factors = parts.each_ref().map(|part| part.apply(theta, &seen, pass));
                let score = factors[0].mul(&factors[1]);
                Scored { image: x.add(&scales.level.mul(&score)), factors: Some(factors) }
            }
        }
    }
}
