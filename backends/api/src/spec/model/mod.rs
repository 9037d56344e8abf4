//! The network: a torso, and a score head on its last features. The keys are those of the systems described in the
//! literature (NCSN++ of Song et al. 2021, UNet++ = SongUNet of Karras et al. 2022).

mod head;
mod torso;

pub use head::{BaselineHeadSpec, ConvHeadSpec, FactorSpec, HeadSpec, ScorePdeHeadSpec};
pub use torso::{
    AttentionSites, Combine, MincyAttention, MincySpec, NcsnppSpec, Progressive, ProgressiveInput, TorsoSpec, UnetSpec,
    UnetppSpec,
};

use crate::schema::{Kind, NUMBER, at_least, choice, group};

choice! {
    /// How a noise level is embedded.
    pub enum Embedding {
        /// Sines and cosines of random frequencies.
        Fourier = "fourier",
        /// Sines and cosines of geometric frequencies.
        Positional = "positional",
    }
}

choice! {
    /// The activation.
    pub enum Nonlinearity {
        /// x sigmoid(x), also called SiLU.
        Swish = "swish",
        /// max(x, 0), and exp(x) - 1 below.
        Elu = "elu",
        /// max(x, 0).
        Relu = "relu",
        /// max(x, 0.2 x).
        Lrelu = "lrelu",
    }
}

choice! {
    /// The residual block.
    pub enum BlockType {
        /// With resampling inside, as in BigGAN.
        Biggan = "biggan",
        /// As in DDPM (NCSN++).
        Ddpm = "ddpm",
        /// As in EDM's SongUNet (UNet++).
        Standard = "standard",
    }
}

choice! {
    /// The encoder of UNet++.
    pub enum Encoder {
        /// Plain.
        Standard = "standard",
        /// With the resampled input.
        Skip = "skip",
        /// With a residual pyramid of the input.
        Residual = "residual",
    }
}

choice! {
    /// The decoder of UNet++.
    pub enum Decoder {
        /// Plain.
        Standard = "standard",
        /// A sum of outputs of all sizes.
        Skip = "skip",
    }
}

choice! {
    /// The scales around the torso that make it a denoiser.
    pub enum Precondition {
        /// The consistency model's: the identity at `schedule.sigma_min` (Song et al. 2023).
        Cm = "cm",
        /// EDM's, which is the identity at 0 (Karras et al. 2022).
        Edm = "edm",
        /// As `cm`, but the torso sees c_in x x instead of c_in x: a slip of the small iCT trainer, for comparison.
        CmSquared = "cm_squared",
    }
}

group! {
    /// The model group.
    pub struct ModelSpec {
        /// The scales around the torso.
        precondition: Precondition => Kind::Choice(Precondition::WORDS);
        /// The consistency network.
        torso: TorsoSpec => Kind::Variants(TorsoSpec::VARIANTS);
        /// The score head; null trains without one.
        head: Option<HeadSpec> => Kind::Variants(HeadSpec::VARIANTS), nullable;
    }
}

/// Channel multipliers, one a resolution.
const MULTIPLIERS: Kind = Kind::List { item: &at_least(1), min: 1 };

/// Taps of a 1-D resampling kernel.
const TAPS: Kind = Kind::List { item: &NUMBER, min: 2 };
