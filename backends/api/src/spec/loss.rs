//! The training objective: a consistency distance plus `lambda` times denoising score matching of the head.

use crate::schema::{Kind, NON_NEGATIVE, POSITIVE, choice, group};

choice! {
    /// Distance between the student's and its stopped self's image.
    pub enum LossKind {
        /// Pseudo-Huber: `sqrt(d^2 + c^2) - c`.
        Huber = "huber",
        /// Squared difference.
        L2 = "l2",
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
    /// The loss group.
    pub struct LossSpec {
        /// The consistency distance.
        kind: LossKind => Kind::Choice(LossKind::WORDS);
        /// Weight of the score head's denoising term.
        lambda: f64 => NON_NEGATIVE;
        /// Whether the head's gradient reaches the torso through its embeddings.
        gradient_flow: bool => Kind::Bool;
        /// Parameters of the pseudo-Huber distance.
        huber: HuberSpec => Kind::Group(HuberSpec::FIELDS);
    }
}
