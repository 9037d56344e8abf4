//! The score head: from the torso's image, last features and embedding to a denoised image of its own.

use super::UnetppSpec;
use crate::schema::{COUNT, FRACTION, Kind, at_least, group, variants};

variants! {
    /// The model/head group.
    pub enum HeadSpec {
        /// A UNet++ on the torso's last features, whose input widths follow the torso.
        Unetpp(UnetppSpec) = "unetpp",
        /// One convolution.
        Conv(ConvHeadSpec) = "conv",
        /// A row of residual blocks.
        Baseline(BaselineHeadSpec) = "baseline",
        /// Two heads whose product is the score.
        ScorePde(ScorePdeHeadSpec) = "score_pde",
    }
}

variants! {
    /// Either of the two heads of `score_pde`.
    pub enum FactorSpec {
        /// A UNet++ on the torso's last features, whose input widths follow the torso.
        Unetpp(UnetppSpec) = "unetpp",
        /// A row of residual blocks.
        Baseline(BaselineHeadSpec) = "baseline",
    }
}

group! {
    /// The score head as one convolution.
    pub struct ConvHeadSpec {
        /// Groups of the normalisation of the torso's features.
        n_groups: u64 => at_least(1);
    }
}

group! {
    /// The score head as a row of residual blocks with attention.
    pub struct BaselineHeadSpec {
        /// Width in channels.
        n_channels: u64 => at_least(1);
        /// Residual blocks.
        n_blocks: u64 => COUNT;
        /// Attention heads.
        n_heads: u64 => at_least(1);
        /// Groups of the group normalisation; the width is a multiple of it.
        n_groups: u64 => at_least(1);
        /// Share of features dropped in training.
        dropout_rate: f64 => FRACTION;
    }
}

group! {
    /// The score head as a product: the score is dh/dt times the inverse of dh/dx, each from a head of its own.
    pub struct ScorePdeHeadSpec {
        /// The two heads, alike but for their weights.
        factor: FactorSpec => Kind::Variants(FactorSpec::VARIANTS);
    }
}
