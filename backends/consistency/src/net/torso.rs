//! The torso: whichever network denoises, seen through one interface.

use exp_api::spec::TorsoSpec;

use super::dropout::Pass;
use super::mincy::{self, Mincy};
use super::ncsnpp::Ncsnpp;
use super::scope::Scope;
use super::unet::Unet;
use super::unetpp::{Edges, Unetpp};
use crate::params::Params;
use crate::tensor::Tensor;

/// What a bare network gives, before preconditioning.
pub struct Output<T> {
    /// F(x), `[B,C,H,W]`.
    pub image: T,
    /// The embedding of the noise level, `[B,E]`.
    pub embedding: T,
    /// The last features, `[B,F,H,W]`.
    pub features: T,
}

/// The planned network.
#[derive(Debug, Clone)]
pub enum Torso {
    /// NCSN++.
    Ncsnpp(Box<Ncsnpp>),
    /// UNet++.
    Unetpp(Box<Unetpp>),
    /// The plain UNet.
    Unet(Box<Unet>),
    /// The class-conditional UNet of mincy.
    Mincy(Box<Mincy>),
}

impl Torso {
    /// Plans the network for images of `channels` and `side`.
    pub fn plan(scope: &mut Scope, spec: &TorsoSpec, channels: usize, side: usize) -> Torso {
        match spec {
            TorsoSpec::Ncsnpp(spec) => Torso::Ncsnpp(Box::new(Ncsnpp::plan(scope, spec, channels, side))),
            TorsoSpec::Unetpp(spec) => {
                let edges = Edges { inputs: channels, outputs: channels, side, joined: None };
                Torso::Unetpp(Box::new(scope.child("UNetpp_0", |s| Unetpp::plan(s, spec, edges))))
            }
            TorsoSpec::Unet(spec) => Torso::Unet(Box::new(Unet::plan(scope, spec, channels))),
            TorsoSpec::Mincy(spec) => Torso::Mincy(Box::new(Mincy::plan(scope, spec, channels))),
        }
    }

    /// The output for `x` `[B,C,H,W]` at `noise` `[B]`, which is ln(sigma) / 4; `labels` `[B,classes]` is 1 at the class
    /// of each image, for a network that sees classes.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T, noise: &T, labels: Option<&T>, pass: Pass) -> Output<T> {
        match self {
            Torso::Ncsnpp(network) => network.apply(theta, x, noise, pass),
            Torso::Unetpp(network) => network.apply(theta, x, noise, None, pass),
            Torso::Unet(network) => network.apply(theta, x, noise, pass),
            Torso::Mincy(network) => network.apply(theta, x, noise, labels, pass),
        }
    }
}

/// The key of `model.torso` that sets its width.
pub fn width_key(spec: &TorsoSpec) -> &'static str {
    match spec {
        TorsoSpec::Ncsnpp(_) => "nf",
        TorsoSpec::Unetpp(_) | TorsoSpec::Unet(_) => "n_channels",
        TorsoSpec::Mincy(_) => "num_init_channels",
    }
}

/// Channels of the torso's last features, and width of its embedding.
pub fn output_widths(spec: &TorsoSpec) -> (usize, usize) {
    let (base, mults, embedding) = match spec {
        TorsoSpec::Ncsnpp(spec) => (spec.nf, &spec.ch_mult, 4 * spec.nf as usize),
        TorsoSpec::Unetpp(spec) => (spec.n_channels, &spec.ch_mults, 4 * spec.n_channels as usize),
        TorsoSpec::Unet(spec) => (spec.n_channels, &spec.ch_mults, 4 * spec.n_channels as usize),
        TorsoSpec::Mincy(spec) => (spec.num_init_channels, &spec.channel_mults, mincy::embedding_width(spec)),
    };
    ((base * mults.first().copied().unwrap_or(1)) as usize, embedding)
}
