//! The training objective: a consistency distance plus `lambda` times denoising score matching of the head.
//!
//! With `kind: edm` the torso is trained as a diffusion model, without a consistency distance.

use crate::schema::{Kind, NON_NEGATIVE, POSITIVE, choice, group};

choice! {
    /// Distance between the student's and its stopped self's image.
    pub enum LossKind {
        /// Pseudo-Huber: `sqrt(d^2 + c^2) - c`.
        Huber = "huber",
        /// Squared difference.
        L2 = "l2",
        /// Absolute difference.
        L1 = "l1",
        /// Learned perceptual distance of VGG16's features (Zhang et al. 2018); needs `loss.lpips.weights`.
        Lpips = "lpips",
        /// None: denoising score matching of the torso itself (Karras et al. 2022).
        Edm = "edm",
    }
}

choice! {
    /// What `d` in the pseudo-Huber distance is.
    pub enum HuberNorm {
        /// One pixel's difference, averaged over pixels.
        Element = "element",
        /// The Euclidean norm of an image's difference; one value an image.
        Image = "image",
    }
}

group! {
    /// Parameters of the pseudo-Huber distance.
    pub struct HuberSpec {
        /// Where the distance turns from quadratic to linear. Null: 0.00054 sqrt(dimensions).
        c: Option<f64> => POSITIVE, nullable;
        /// Per element or per image.
        norm: HuberNorm => Kind::Choice(HuberNorm::WORDS);
    }
}

group! {
    /// Parameters of the perceptual distance.
    pub struct LpipsSpec {
        /// A safetensors file with the weights of VGG16 and of the distance; `conf/README.md` says how to make it.
        weights: Option<String> => Kind::Text, nullable;
    }
}

group! {
    /// The loss group.
    pub struct LossSpec {
        /// The consistency distance.
        kind: LossKind => Kind::Choice(LossKind::WORDS);
        /// Weight of the score head's denoising term.
        lambda: f64 => NON_NEGATIVE;
        /// Whether the head's gradient reaches the torso through its embeddings.
        gradient_flow: bool => Kind::Bool;
        /// Whether student and target drop the same features.
        shared_dropout: bool => Kind::Bool;
        /// Parameters of the pseudo-Huber distance.
        huber: HuberSpec => Kind::Group(HuberSpec::FIELDS);
        /// Parameters of the perceptual distance.
        lpips: LpipsSpec => Kind::Group(LpipsSpec::FIELDS);
    }
}
