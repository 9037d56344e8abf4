//! Whole networks: how many parameters they plan, what those are called, and what is told about a configuration that cannot
//! work.

use serde_json::{Value, json};

use super::*;

pub(super) fn ncsnpp() -> Value {
    json!({
        "name": "ncsnpp", "nf": 128, "ch_mult": [2, 2, 2], "num_res_blocks": 4, "attn_resolutions": [16],
        "resblock_type": "biggan", "resamp_with_conv": true, "fir": true, "fir_kernel": [1, 3, 3, 1],
        "skip_rescale": true, "progressive": "none", "progressive_input": "residual",
        "progressive_combine": "sum", "embedding_type": "fourier", "fourier_scale": 0.02, "conditional": true,
        "double_heads": false, "nonlinearity": "swish", "init_scale": 0.0, "dropout": 0.3,
    })
}

pub(super) fn unetpp() -> Value {
    json!({
        "name": "unetpp", "n_channels": 128, "ch_mults": [2, 2, 2], "is_atten": [false, true, false],
        "n_blocks": 4, "n_heads": 1, "n_groups": 32, "dropout_rate": 0.13, "embedding_type": "positional",
        "fourier_layer_scale": 16.0, "encoder_type": "standard", "decoder_type": "standard",
        "resblock_type": "standard", "resample_filter": [1, 1],
    })
}

pub(super) fn unetpp_head() -> Value {
    json!({
        "name": "unetpp", "n_channels": 128, "ch_mults": [2, 2, 2], "is_atten": [false, true, false],
        "n_blocks": 1, "n_heads": 1, "n_groups": 32, "dropout_rate": 0.0, "embedding_type": "positional",
        "fourier_layer_scale": 16.0, "resblock_type": "standard", "encoder_type": "standard", "decoder_type": "standard", "resample_filter": [1, 1],
    })
}

pub(super) fn baseline() -> Value {
    json!({
        "name": "baseline", "n_channels": 128, "n_blocks": 4, "n_heads": 1, "n_groups": 32, "dropout_rate": 0.1,
    })
}

pub(super) fn unet() -> Value {
    json!({
        "name": "unet", "n_channels": 128, "ch_mults": [1, 2, 2, 2], "is_atten": [false, true, false, false],
        "n_blocks": 2, "n_groups": 32, "dropout_rate": 0.1, "learn_sigma": false,
    })
}

pub(super) fn mincy() -> Value {
    json!({
        "name": "mincy", "num_init_channels": 16, "channel_mults": [1, 2, 4, 8], "attention_mults": [2],
        "kernel_size": 3, "num_res_blocks": 4, "pos_emb_type": "fourier", "pos_emb_dim": 16,
        "fourier_scale": 0.002, "rescale_skip_conns": true, "dropout": 0.3, "class_cond": true, "num_classes": 10,
        "nonlinearity": "swish", "downsample_last_dim": false, "attention_type": "rows",
        "attention_sites": "encoder",
    })
}

pub(super) fn with(mut spec: Value, changes: Value) -> Value {
    changes.as_object().into_iter().flatten().for_each(|(key, value)| spec[key] = value.clone());
    spec
}

pub(super) fn plan(torso: Value, head: Value) -> Result<Network, Vec<Problem>> {
    let spec =
        serde_json::from_value(json!({ "precondition": "cm", "torso": torso, "head": head })).expect("a legal spec");
    Network::plan(&spec, 3, 32, 0.002)
}

fn counts(torso: Value, head: Value) -> [usize; 2] {
    let network = plan(torso, head).expect("a network");
    ["torso/", "head/"].map(|root| network.params().count(root))
}

/// Counted in the reference implementations.
#[test]
fn parameters_are_as_many_as_published() {
    let ve = json!({ "embedding_type": "fourier", "encoder_type": "residual", "resample_filter": [1, 3, 3, 1] });
    let conv = json!({ "name": "conv", "n_groups": 32 });
    assert_eq!(counts(ncsnpp(), unetpp_head()), [56_395_651, 26_243_715]);
    assert_eq!(counts(unetpp(), conv.clone()), [55_732_739, 9_125]);
    assert_eq!(counts(with(unetpp(), ve), baseline()), [56_395_651, 2_018_307]);
    assert_eq!(counts(unet(), Value::Null), [36_020_227, 0]);
    assert_eq!(counts(mincy(), Value::Null), [4_909_123, 0]);
}

/// Of the default torso and head; counted in the reference.
#[test]
fn parts_are_as_large_as_published() {
    let network = plan(ncsnpp(), unetpp_head()).expect("a network");
    let torso = [
        ("Dense_0", 131_584),
        ("Dense_1", 262_656),
        ("Conv_0", 3_584),
        ("Downsample_0", 7_168),
        ("Downsample_1", 590_080),
        ("ResnetBlockBigGANpp_0", 1_050_368),
        ("ResnetBlockBigGANpp_1", 1_312_512),
        ("AttnBlockpp_0", 263_680),
        ("GroupNorm_0", 512),
        ("Conv_1", 6_915),
    ];
    let head = [
        ("layer_norm_for_last_x_emb", 512),
        ("layer_norm_for_t_emb", 1_024),
        ("head/conv1", 603_904),
        ("head/normalize1", 512),
        ("head/map_noise_proj", 524_800),
    ];
    let torso = torso.map(|(name, count)| (format!("torso/NCSNpp_0/{name}/"), count));
    let head = head.map(|(name, count)| (format!("head/{name}/"), count));
    for (prefix, count) in torso.into_iter().chain(head) {
        assert_eq!(network.params().count(&prefix), count, "{prefix}");
    }
    let blocks = network
        .params()
        .specs()
        .iter()
        .filter(|s| s.name.contains("/ResnetBlockBigGANpp_") && s.name.ends_with("/Conv_0/kernel"));
    assert_eq!(blocks.count(), 33);
    assert_eq!(network.params().count(""), 82_639_366);
}

/// Heads on 512 features, which the reference's own defaults expect; counted there.
#[test]
fn heads_are_as_large_as_published() {
    let given = Given { channels: 3, side: 32, features: 512, embedding: 512 };
    let wide = with(baseline(), json!({ "n_channels": 256 }));
    let table = [
        (json!({ "name": "conv", "n_groups": 32 }), 17_061),
        (wide.clone(), 7_508_995),
        (json!({ "name": "score_pde", "factor": wide }), 15_015_942),
    ];
    for (spec, expected) in table {
        let (mut plan, mut problems) = (Plan::default(), Vec::new());
        let spec = serde_json::from_value(spec).expect("a legal spec");
        Head::plan(&mut Scope::new(&mut plan, &mut problems, "model.head", "n_channels"), &spec, given);
        assert_eq!((plan.count(""), problems), (expected, Vec::new()));
    }
}

#[test]
fn every_parameter_has_a_name_of_its_own() {
    let network = plan(ncsnpp(), unetpp_head()).expect("a network");
    let mut names: Vec<&str> = network.params().specs().iter().map(|spec| spec.name.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for name in ["torso/NCSNpp_0/Downsample_1/Conv2d_0/weight", "torso/NCSNpp_0/AttnBlockpp_5/NIN_3/W"] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn only_fourier_frequencies_are_left_alone() {
    let network = plan(ncsnpp(), unetpp_head()).expect("a network");
    let fixed: Vec<&str> =
        network.params().specs().iter().filter(|spec| !spec.trained).map(|spec| spec.name.as_str()).collect();
    assert_eq!(fixed, ["torso/NCSNpp_0/GaussianFourierProjection_0/W"]);
}

fn problems(torso: Value, head: Value) -> Vec<String> {
    plan(torso, head).err().into_iter().flatten().map(|p| format!("{}: {}", p.key, p.message)).collect()
}

#[test]
fn all_contradictions_are_told_at_once() {
    let torso =
        with(ncsnpp(), json!({ "nf": 33, "progressive": "output_skip", "conditional": false, "double_heads": true }));
    let head = with(unetpp_head(), json!({ "is_atten": [true], "n_heads": 3, "n_groups": 64 }));
    let found = problems(torso, head);
    let expected = [
        "model.torso.double_heads: expected false: a denoiser makes one image, and double heads make two",
        "model.torso.progressive: output_skip leaves no last features for a head; \
         expected none or residual, or model.head=null",
        "model.torso.conditional: false leaves no embedding for a head; expected true, or model.head=null",
        "model.head.is_atten: expected one value a resolution, 3 as in ch_mults, found 1",
        "model.torso.nf: 33 channels do not split into 8 groups of equal size",
        "model.torso.nf: 99 channels do not split into 24 groups of equal size",
        "model.torso.nf: 132 channels do not split into 32 groups of equal size",
        "model.head.n_groups: 66 channels do not split into 64 groups of equal size",
        "model.head.n_heads: 256 channels do not split over 3 attention heads",
    ];
    expected.iter().for_each(|line| assert!(found.iter().any(|f| f == line), "{line}\nnot in {found:#?}"));
}

#[test]
fn what_mincy_cannot_be_is_told() {
    let torso = with(mincy(), json!({ "kernel_size": 4, "num_init_channels": 18 }));
    let found = problems(torso, Value::Null);
    let expected = [
        "model.torso.kernel_size: expected an odd number, found 4",
        "model.torso.num_init_channels: 18 channels do not split into 4 groups of equal size",
    ];
    expected.iter().for_each(|line| assert!(found.iter().any(|f| f == line), "{line}\nnot in {found:#?}"));
    let deep = with(mincy(), json!({ "channel_mults": [1, 1, 1, 1, 1, 1], "downsample_last_dim": true }));
    assert_eq!(
        problems(deep, Value::Null),
        ["model.torso.channel_mults: 6 resolutions halve the side 5 times, and 16 does not allow it"]
    );
}

#[test]
fn without_a_head_its_needs_do_not_matter() {
    assert!(plan(with(ncsnpp(), json!({ "progressive": "output_skip", "conditional": false })), Value::Null).is_ok());
}

#[test]
fn sizes_that_cannot_be_planned_are_told_first() {
    let deep = json!({ "ch_mult": [1, 1, 1, 1, 1, 1, 1], "fir_kernel": [1, -1], "num_res_blocks": 1_000_000_000 });
    let wide = json!({ "n_channels": i64::MAX, "resample_filter": [1, 2, 1] });
    assert_eq!(
        problems(with(ncsnpp(), deep), with(unetpp_head(), wide)),
        [
            "model.head.resample_filter: expected an even number of taps, which double a side exactly, found 3",
            "model.torso.ch_mult: 7 resolutions halve the side 6 times, and 32 does not allow it",
            "model.torso.num_res_blocks: expected at most 1024 blocks, found 1000000000",
            "model.torso.fir_kernel: expected two or more taps with a sum other than 0, found [1.0, -1.0]",
            "model.head.n_channels: expected widths from 1 to 1048576 channels, found up to 18446744073709551614",
        ]
    );
}
