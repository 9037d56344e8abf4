//! The score head: from the torso's image, last features and embedding to a denoised image of its own.

use super::{BlockType, Decoder, Embedding, Encoder, MULTIPLIERS, TAPS};
use crate::schema::{COUNT, FRACTION, Kind, POSITIVE, at_least, group, variants};

variants! {
    /// The model/head group.
    pub enum HeadSpec {
        /// A small UNet++ on the torso's last features.
        Unetpp(UnetppHeadSpec) = "unetpp",
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
        /// A small UNet++ on the torso's last features.
        Unetpp(UnetppHeadSpec) = "unetpp",
        /// A row of residual blocks.
        Baseline(BaselineHeadSpec) = "baseline",
    }
}

group! {
    /// The score head as a UNet++ on the torso's last features. Input widths follow the torso.
    pub struct UnetppHeadSpec {
        /// Base width in channels.
        n_channels: u64 => at_least(1);
        /// Width of each resolution, in units of `n_channels`.
        ch_mults: Vec<u64> => MULTIPLIERS;
        /// Which resolutions get attention.
        is_atten: Vec<bool> => Kind::List { item: &Kind::Bool, min: 1 };
        /// Residual blocks a resolution on the way down; one more on the way up.
        n_blocks: u64 => at_least(1);
        /// Attention heads.
        n_heads: u64 => at_least(1);
        /// Groups of the group normalisation; every width is a multiple of it.
        n_groups: u64 => at_least(1);
        /// Share of features dropped in training.
        dropout_rate: f64 => FRACTION;
        /// Embedding of the noise level.
        embedding_type: Embedding => Kind::Choice(Embedding::WORDS);
        /// Standard deviation of the Fourier frequencies.
        fourier_layer_scale: f64 => POSITIVE;
        /// The residual block: `standard` or `biggan`.
        resblock_type: BlockType => Kind::Choice(&["standard", "biggan"]);
        /// The encoder.
        encoder_type: Encoder => Kind::Choice(Encoder::WORDS);
        /// The decoder.
        decoder_type: Decoder => Kind::Choice(Decoder::WORDS);
        /// The 1-D resampling kernel.
        resample_filter: Vec<f64> => TAPS;
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
