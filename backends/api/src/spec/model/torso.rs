//! The torso: whichever network denoises.

use super::{BlockType, Decoder, Embedding, Encoder, MULTIPLIERS, Nonlinearity, TAPS};
use crate::schema::{FRACTION, Kind, NON_NEGATIVE, POSITIVE, at_least, choice, group, variants};

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
    /// The pixels that mincy's attention compares.
    pub enum MincyAttention {
        /// All pixels, normalised first, as in NCSN++.
        Full = "full",
        /// The pixels of one row, not normalised: as its authors coded it.
        Rows = "rows",
    }
}

choice! {
    /// Where mincy has attention beside the bottom.
    pub enum AttentionSites {
        /// After each block of encoder and decoder.
        Both = "both",
        /// After each block of the encoder only (coded as `sandwich_attention`).
        Encoder = "encoder",
        /// At the end of each resolution of the encoder, and after each block of the decoder (coded as its opposite).
        Decoder = "decoder",
    }
}

variants! {
    /// The model/torso group.
    pub enum TorsoSpec {
        /// NCSN++.
        Ncsnpp(NcsnppSpec) = "ncsnpp",
        /// UNet++.
        Unetpp(UnetppSpec) = "unetpp",
        /// The plain UNet.
        Unet(UnetSpec) = "unet",
        /// The class-conditional UNet of a small iCT trainer.
        Mincy(MincySpec) = "mincy",
    }
}

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
    /// The plain UNet: DDPM's, with a third convolution where the width changes.
    pub struct UnetSpec {
        /// Base width in channels.
        n_channels: u64 => at_least(4);
        /// Width of each resolution, in units of `n_channels`.
        ch_mults: Vec<u64> => MULTIPLIERS;
        /// Which resolutions get attention.
        is_atten: Vec<bool> => Kind::List { item: &Kind::Bool, min: 1 };
        /// Residual blocks a resolution on the way down; one more on the way up.
        n_blocks: u64 => at_least(1);
        /// Groups of the group normalisation; every width is a multiple of it. In the middle it is 32, or the width.
        n_groups: u64 => at_least(1);
        /// Share of features dropped in training.
        dropout_rate: f64 => FRACTION;
        /// Twice the output channels.
        learn_sigma: bool => Kind::Bool;
    }
}

group! {
    /// The class-conditional UNet of the small iCT trainer `mincy`.
    pub struct MincySpec {
        /// Base width in channels.
        num_init_channels: u64 => at_least(4);
        /// Width of each resolution, in units of `num_init_channels`.
        channel_mults: Vec<u64> => MULTIPLIERS;
        /// The multipliers whose resolutions get attention.
        attention_mults: Vec<u64> => Kind::List { item: &at_least(1), min: 0 };
        /// Side of the convolutions' kernels: an odd number.
        kernel_size: u64 => Kind::Int { min: 1, max: 31 };
        /// Residual blocks a resolution on the way down; one more on the way up.
        num_res_blocks: u64 => at_least(1);
        /// Embedding of the noise level.
        pos_emb_type: Embedding => Kind::Choice(Embedding::WORDS);
        /// Frequencies of a `fourier` embedding, width of a `positional` one.
        pos_emb_dim: u64 => at_least(2);
        /// Standard deviation of the Fourier frequencies.
        fourier_scale: f64 => POSITIVE;
        /// Divide residual sums by the square root of 2.
        rescale_skip_conns: bool => Kind::Bool;
        /// Share of features dropped in training.
        dropout: f64 => FRACTION;
        /// Whether the network sees the class of an image.
        class_cond: bool => Kind::Bool;
        /// How many classes there are.
        num_classes: u64 => at_least(1);
        /// The activation.
        nonlinearity: Nonlinearity => Kind::Choice(Nonlinearity::WORDS);
        /// Whether the lowest resolution is halved once more.
        downsample_last_dim: bool => Kind::Bool;
        /// Which pixels attention compares.
        attention_type: MincyAttention => Kind::Choice(MincyAttention::WORDS);
        /// Where there is attention beside the bottom.
        attention_sites: AttentionSites => Kind::Choice(AttentionSites::WORDS);
    }
}

impl TorsoSpec {
    /// How many classes the network tells apart; none when it sees no class.
    pub fn classes(&self) -> Option<u64> {
        match self {
            TorsoSpec::Mincy(spec) if spec.class_cond => Some(spec.num_classes),
            _ => None,
        }
    }
}
