//! The network: a torso, and a score head on its last features. The keys are those of the systems described in the
//! literature (NCSN++ of Song et al. 2021, UNet++ = SongUNet of Karras et al. 2022).

use crate::schema::{COUNT, FRACTION, Kind, NON_NEGATIVE, POSITIVE, at_least, choice, group, variants};

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
    /// How NCSN++ grows its output.
    pub enum Progressive {
        /// One convolution at full size.
        None = "none",
        /// A sum of images of all sizes.
        OutputSkip = "output_skip",
        /// A residual pyramid of features.
        Residual = "residual",
    }
}

choice! {
    /// How NCSN++ feeds the input to lower resolutions.
    pub enum ProgressiveInput {
        /// Not at all.
        None = "none",
        /// The resampled image.
        InputSkip = "input_skip",
        /// A residual pyramid of features.
        Residual = "residual",
    }
}

choice! {
    /// How `input_skip` joins the image.
    pub enum Combine {
        /// By addition.
        Sum = "sum",
        /// By concatenation of channels.
        Cat = "cat",
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

group! {
    /// The model group.
    pub struct ModelSpec {
        /// The consistency network.
        torso: TorsoSpec => Kind::Variants(TorsoSpec::VARIANTS);
        /// The score head; null trains without one.
        head: Option<HeadSpec> => Kind::Variants(HeadSpec::VARIANTS), nullable;
    }
}

variants! {
    /// The model/torso group.
    pub enum TorsoSpec {
        /// NCSN++.
        Ncsnpp(NcsnppSpec) = "ncsnpp",
        /// UNet++.
        Unetpp(UnetppSpec) = "unetpp",
    }
}

variants! {
    /// The model/head group.
    pub enum HeadSpec {
        /// A small UNet++ on the torso's last features.
        Unetpp(UnetppHeadSpec) = "unetpp",
        /// One convolution.
        Conv(ConvHeadSpec) = "conv",
        /// A row of residual blocks.
        Baseline(BaselineHeadSpec) = "baseline",
    }
}

/// Channel multipliers, one a resolution.
const MULTIPLIERS: Kind = Kind::List { item: &at_least(1), min: 1 };
/// Taps of a 1-D resampling kernel.
const TAPS: Kind = Kind::List { item: &NUMBER, min: 2 };
const NUMBER: Kind = crate::schema::NUMBER;

group! {
    /// NCSN++.
    pub struct NcsnppSpec {
        /// Base width in channels.
        nf: u64 => at_least(4);
        /// Width of each resolution, in units of `nf`.
        ch_mult: Vec<u64> => MULTIPLIERS;
        /// Residual blocks a resolution on the way down; one more on the way up.
        num_res_blocks: u64 => at_least(1);
        /// Sides of feature maps that get attention.
        attn_resolutions: Vec<u64> => Kind::List { item: &at_least(1), min: 0 };
        /// The residual block: `biggan` or `ddpm`.
        resblock_type: BlockType => Kind::Choice(&["biggan", "ddpm"]);
        /// Whether `ddpm` resampling convolves.
        resamp_with_conv: bool => Kind::Bool;
        /// Whether resampling filters with `fir_kernel`.
        fir: bool => Kind::Bool;
        /// The 1-D resampling kernel.
        fir_kernel: Vec<f64> => TAPS;
        /// Divide residual sums by the square root of 2.
        skip_rescale: bool => Kind::Bool;
        /// How the output grows.
        progressive: Progressive => Kind::Choice(Progressive::WORDS);
        /// How the input is fed to lower resolutions.
        progressive_input: ProgressiveInput => Kind::Choice(ProgressiveInput::WORDS);
        /// How `input_skip` joins.
        progressive_combine: Combine => Kind::Choice(Combine::WORDS);
        /// Embedding of the noise level.
        embedding_type: Embedding => Kind::Choice(Embedding::WORDS);
        /// Standard deviation of the Fourier frequencies.
        fourier_scale: f64 => POSITIVE;
        /// Whether the network sees the noise level.
        conditional: bool => Kind::Bool;
        /// Twice the output channels.
        double_heads: bool => Kind::Bool;
        /// The activation.
        nonlinearity: Nonlinearity => Kind::Choice(Nonlinearity::WORDS);
        /// Scale of the last convolution of each block at the start.
        init_scale: f64 => NON_NEGATIVE;
        /// Share of features dropped in training.
        dropout: f64 => FRACTION;
    }
}

group! {
    /// UNet++ (EDM's SongUNet).
    pub struct UnetppSpec {
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
        /// The encoder.
        encoder_type: Encoder => Kind::Choice(Encoder::WORDS);
        /// The decoder.
        decoder_type: Decoder => Kind::Choice(Decoder::WORDS);
        /// The residual block: `standard` or `biggan`.
        resblock_type: BlockType => Kind::Choice(&["standard", "biggan"]);
        /// The 1-D resampling kernel.
        resample_filter: Vec<f64> => TAPS;
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
