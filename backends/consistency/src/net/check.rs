//! What a model's configuration cannot combine, found before anything is planned.
//!
//! Widths that do not split into groups or attention heads are found while planning, where the widths are known.

use exp_api::Problem;
use exp_api::spec::{
    BaselineHeadSpec, BlockType, FactorSpec, HeadSpec, MincySpec, ModelSpec, NcsnppSpec, Progressive, TorsoSpec,
    UnetSpec, UnetppSpec,
};

/// The widest feature map that anyone could mean, in channels.
const WIDEST: u64 = 1 << 20;
/// The most blocks a resolution.
const LONGEST: u64 = 1 << 10;
/// The group of the two networks of the head `score_pde`.
const FACTOR: &str = "model.head.factor";
/// UNet++ names resolutions by their share of 32 pixels, which ends at 1.
const DEEPEST: usize = 6;

/// Sizes with which no network can be planned.
pub fn sizes(spec: &ModelSpec, side: usize) -> Vec<Problem> {
    let mut found = Vec::new();
    match &spec.torso {
        TorsoSpec::Ncsnpp(spec) => {
            resolutions(&mut found, "model.torso.ch_mult", &spec.ch_mult, 32, side);
            width(&mut found, "model.torso.nf", spec.nf, &spec.ch_mult);
            blocks(&mut found, "model.torso.num_res_blocks", spec.num_res_blocks);
            filter(&mut found, "model.torso.fir_kernel", &spec.fir_kernel);
        }
        TorsoSpec::Unetpp(spec) => unetpp_sizes(&mut found, "model.torso", spec, side),
        TorsoSpec::Unet(spec) => {
            resolutions(&mut found, "model.torso.ch_mults", &spec.ch_mults, 32, side);
            width(&mut found, "model.torso.n_channels", spec.n_channels, &spec.ch_mults);
            blocks(&mut found, "model.torso.n_blocks", spec.n_blocks);
        }
        TorsoSpec::Mincy(spec) => {
            // Halved once more, the lowest resolution counts as one more.
            let side = if spec.downsample_last_dim { side / 2 } else { side };
            resolutions(&mut found, "model.torso.channel_mults", &spec.channel_mults, 32, side);
            width(&mut found, "model.torso.num_init_channels", spec.num_init_channels, &spec.channel_mults);
            blocks(&mut found, "model.torso.num_res_blocks", spec.num_res_blocks);
            for (key, size) in [("pos_emb_dim", spec.pos_emb_dim), ("num_classes", spec.num_classes)] {
                width(&mut found, &format!("model.torso.{key}"), size, &[1]);
            }
        }
    }
    match &spec.head {
        Some(HeadSpec::Unetpp(spec)) => unetpp_sizes(&mut found, "model.head", spec, side),
        Some(HeadSpec::Baseline(spec)) => baseline_sizes(&mut found, "model.head", spec),
        Some(HeadSpec::ScorePde(spec)) => match &spec.factor {
            FactorSpec::Unetpp(spec) => unetpp_sizes(&mut found, FACTOR, spec, side),
            FactorSpec::Baseline(spec) => baseline_sizes(&mut found, FACTOR, spec),
        },
        Some(HeadSpec::Conv(_)) | None => {}
    }
    found
}

fn unetpp_sizes(found: &mut Vec<Problem>, group: &str, spec: &UnetppSpec, side: usize) {
    resolutions(found, &format!("{group}.ch_mults"), &spec.ch_mults, DEEPEST, side);
    width(found, &format!("{group}.n_channels"), spec.n_channels, &spec.ch_mults);
    blocks(found, &format!("{group}.n_blocks"), spec.n_blocks);
    filter(found, &format!("{group}.resample_filter"), &spec.resample_filter);
}

fn baseline_sizes(found: &mut Vec<Problem>, group: &str, spec: &BaselineHeadSpec) {
    width(found, &format!("{group}.n_channels"), spec.n_channels, &[1]);
    blocks(found, &format!("{group}.n_blocks"), spec.n_blocks);
}

/// Choices that contradict each other.
pub fn choices(spec: &ModelSpec) -> Vec<Problem> {
    let mut found = Vec::new();
    match &spec.torso {
        TorsoSpec::Ncsnpp(torso) => ncsnpp(&mut found, torso, spec.head.is_some()),
        TorsoSpec::Unetpp(torso) => unetpp(&mut found, "model.torso", torso),
        TorsoSpec::Unet(torso) => unet(&mut found, torso),
        TorsoSpec::Mincy(torso) => mincy(&mut found, torso),
    }
    match &spec.head {
        Some(HeadSpec::Unetpp(head)) => unetpp(&mut found, "model.head", head),
        Some(HeadSpec::ScorePde(head)) => {
            if let FactorSpec::Unetpp(head) = &head.factor {
                unetpp(&mut found, FACTOR, head);
            }
        }
        Some(HeadSpec::Baseline(_) | HeadSpec::Conv(_)) | None => {}
    }
    found
}

fn unetpp(found: &mut Vec<Problem>, group: &str, spec: &UnetppSpec) {
    attention(found, group, &spec.is_atten, &spec.ch_mults);
    even(found, &format!("{group}.resample_filter"), &spec.resample_filter);
    pair(found, &format!("{group}.n_channels"), spec.n_channels);
    block(found, group, spec.resblock_type, [BlockType::Standard, BlockType::Biggan]);
}

fn unet(found: &mut Vec<Problem>, torso: &UnetSpec) {
    attention(found, "model.torso", &torso.is_atten, &torso.ch_mults);
    if torso.learn_sigma {
        let message = "expected false: a denoiser makes one image, and a learnt variance makes two";
        found.push(Problem::new("model.torso.learn_sigma", message));
    }
}

fn mincy(found: &mut Vec<Problem>, torso: &MincySpec) {
    if torso.kernel_size.is_multiple_of(2) {
        let message = format!("expected an odd number, found {}", torso.kernel_size);
        found.push(Problem::new("model.torso.kernel_size", message));
    }
}

fn resolutions(found: &mut Vec<Problem>, key: &str, mults: &[u64], deepest: usize, side: usize) {
    let (levels, halvings) = (mults.len(), mults.len().saturating_sub(1));
    if levels == 0 || levels > deepest {
        found.push(Problem::new(key, format!("expected 1 to {deepest} resolutions, found {levels}")));
    } else if side == 0 || (side.trailing_zeros() as usize) < halvings {
        let message = format!("{levels} resolutions halve the side {halvings} times, and {side} does not allow it");
        found.push(Problem::new(key, message));
    }
}

fn width(found: &mut Vec<Problem>, key: &str, base: u64, mults: &[u64]) {
    let widest = mults.iter().map(|mult| base.saturating_mul(*mult)).max().unwrap_or(base).max(base);
    if base == 0 || mults.contains(&0) || widest > WIDEST {
        found.push(Problem::new(key, format!("expected widths from 1 to {WIDEST} channels, found up to {widest}")));
    }
}

fn blocks(found: &mut Vec<Problem>, key: &str, count: u64) {
    if count > LONGEST {
        found.push(Problem::new(key, format!("expected at most {LONGEST} blocks, found {count}")));
    }
}

fn filter(found: &mut Vec<Problem>, key: &str, taps: &[f64]) {
    let sum: f64 = taps.iter().sum();
    if taps.len() < 2 || !sum.is_finite() || sum == 0.0 {
        found.push(Problem::new(key, format!("expected two or more taps with a sum other than 0, found {taps:?}")));
    }
}

fn ncsnpp(found: &mut Vec<Problem>, torso: &NcsnppSpec, head: bool) {
    block(found, "model.torso", torso.resblock_type, [BlockType::Ddpm, BlockType::Biggan]);
    if torso.double_heads {
        found.push(Problem::new(
            "model.torso.double_heads",
            "expected false: a denoiser makes one image, and double heads make two",
        ));
    }
    if head && torso.progressive == Progressive::OutputSkip {
        found.push(Problem::new(
            "model.torso.progressive",
            "output_skip leaves no last features for a head; expected none or residual, or model.head=null",
        ));
    }
    if head && !torso.conditional {
        found.push(Problem::new(
            "model.torso.conditional",
            "false leaves no embedding for a head; expected true, or model.head=null",
        ));
    }
}

fn attention(found: &mut Vec<Problem>, group: &str, attends: &[bool], mults: &[u64]) {
    if attends.len() != mults.len() {
        let message =
            format!("expected one value a resolution, {} as in ch_mults, found {}", mults.len(), attends.len());
        found.push(Problem::new(format!("{group}.is_atten"), message));
    }
}

fn even(found: &mut Vec<Problem>, key: &str, taps: &[f64]) {
    if taps.len() % 2 == 1 {
        let message = format!("expected an even number of taps, which double a side exactly, found {}", taps.len());
        found.push(Problem::new(key, message));
    }
}

fn pair(found: &mut Vec<Problem>, key: &str, channels: u64) {
    if channels < 2 {
        found.push(Problem::new(key, "expected at least 2: the embedding needs a sine and a cosine"));
    }
}

fn block(found: &mut Vec<Problem>, group: &str, kind: BlockType, legal: [BlockType; 2]) {
    if !legal.contains(&kind) {
        let [a, b] = legal.map(BlockType::word);
        let message = format!("expected {a} or {b}, found {}", kind.word());
        found.push(Problem::new(format!("{group}.resblock_type"), message));
    }
}
