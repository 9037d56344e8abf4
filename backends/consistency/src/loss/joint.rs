//! Both networks' objective in one pass: consistency of the torso plus denoising score matching of the head.

use exp_api::spec::LossSpec;

use super::{Noised, consistency, dsm};
use crate::net::{Denoised, Network, Pass};
use crate::params::Params;
use crate::tensor::Tensor;

/// The objective of one batch.
#[derive(Debug, Clone)]
pub struct Terms<T> {
    /// The sum of the parts, `[1]`: what is differentiated.
    pub total: T,
    /// `consistency`, and `dsm` if there is a head, each `[1]` as it enters the sum.
    pub parts: Vec<(&'static str, T)>,
}

/// The objective at `theta`: f(x_t) follows its own stopped self at x_r, and the head learns the score at x_t.
pub fn joint<T: Tensor>(network: &Network, spec: &LossSpec, theta: &Params<T>, batch: &Noised<T>) -> Terms<T> {
    // The same key for both: student and target drop the same features.
    let pass = Pass::Train { dropout: batch.dropout };
    let target = network.denoise(&theta.detach(), &batch.x_r, &batch.r, pass).image;
    let student = network.denoise(theta, &batch.x_t, &batch.t, pass);

    let consistency = consistency::term(spec, &student.image, &target, batch);
    let mut terms = Terms { total: consistency.clone(), parts: vec![("consistency", consistency)] };
    let pass = Pass::Train { dropout: head_key(batch.dropout) };
    if let Some(denoised) = network.score(theta, &batch.x_t, &batch.t, &seen_by_head(spec, &student), pass) {
        let dsm = dsm::term(spec.lambda, &denoised, batch);
        terms.total = terms.total.add(&dsm);
        terms.parts.push(("dsm", dsm));
    }
    terms
}

/// What the head sees of the torso: never a gradient through the image, and one through the features if it flows.
fn seen_by_head<T: Tensor>(spec: &LossSpec, torso: &Denoised<T>) -> Denoised<T> {
    let through = |tensor: &T| if spec.gradient_flow { tensor.clone() } else { tensor.detach() };
    Denoised { image: torso.image.detach(), embedding: through(&torso.embedding), features: through(&torso.features) }
}

/// The head's masks are not the torso's.
fn head_key(key: u64) -> u64 {
    !key
}
