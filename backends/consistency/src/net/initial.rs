//! What every parameter starts from, held against a table of the initialisers that the reference implementations name.

use serde_json::{Value, json};

use super::tests::{baseline, mincy, ncsnpp, plan, unet, unetpp, unetpp_head, with};
use crate::params::{Init, ParamSpec};

/// An initialiser in the reference's words.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// Uniform with variance scale / ((fan-in + fan-out) / 2); Xavier's is the one of scale 1.
    Scaled(f64),
    /// Truncated normal with variance 1 / fan-in.
    Lecun,
    /// Normal with this deviation.
    Normal(f64),
    Zeros,
    Ones,
}

/// What a scale of 0 stands for, and a kernel times 1e-5.
const NEAR_ZERO: Start = Start::Scaled(1e-10);

/// Of the rows of a table the first that fits counts. A star stands for anything.
type Table = &'static [(&'static str, Start)];

const NORMS_AND_BIASES: Table = &[("*/scale", Start::Ones), ("*/bias", Start::Zeros), ("*/b", Start::Zeros)];

const NCSNPP: Table = &[
    ("*/GaussianFourierProjection_0/W", Start::Normal(0.02)),
    ("*/ResnetBlock*pp_*/Conv_1/kernel", NEAR_ZERO),
    ("*/NCSNpp_0/Conv_1/kernel", NEAR_ZERO),
    ("*/AttnBlockpp_*/NIN_3/W", NEAR_ZERO),
    ("*/AttnBlockpp_*/NIN_*/W", Start::Scaled(0.1)),
    ("*/ResnetBlock*pp_*/*_*/kernel", Start::Scaled(1.0)),
    ("*/NCSNpp_0/Conv_0/kernel", Start::Scaled(1.0)),
    ("*/NCSNpp_0/Dense_*/kernel", Start::Scaled(1.0)),
    ("*/NCSNpp_0/Downsample_*/Conv2d_0/weight", Start::Scaled(1.0)),
];

/// Its blocks without a convolution on the way past: a product instead.
const NCSNPP_DDPM: Table = &[
    ("*/ResnetBlockDDPMpp_*/NIN_0/W", Start::Scaled(0.1)),
    ("*/ResnetBlockDDPMpp_*/Conv_1/kernel", NEAR_ZERO),
    ("*/Conv_1/kernel", NEAR_ZERO),
    ("*/NIN_3/W", NEAR_ZERO),
    ("*/NIN_*/W", Start::Scaled(0.1)),
    ("*/GaussianFourierProjection_0/W", Start::Normal(0.02)),
    ("*/kernel", Start::Scaled(1.0)),
    ("*/Conv2d_0/weight", Start::Scaled(1.0)),
];

/// An `init_scale` of its own.
const NCSNPP_SCALED: Table = &[
    ("*/ResnetBlock*pp_*/Conv_1/kernel", Start::Scaled(0.25)),
    ("*/NCSNpp_0/Conv_1/kernel", Start::Scaled(0.25)),
    ("*/AttnBlockpp_*/NIN_3/W", Start::Scaled(0.25)),
    ("*/NIN_*/W", Start::Scaled(0.1)),
    ("*/GaussianFourierProjection_0/W", Start::Normal(0.02)),
    ("*/kernel", Start::Scaled(1.0)),
    ("*/Conv2d_0/weight", Start::Scaled(1.0)),
];

const UNETPP: Table = &[
    ("*/map_noise/freqs", Start::Normal(16.0)),
    ("*/conv1/weight", NEAR_ZERO),
    ("*/atten/proj/weight", NEAR_ZERO),
    ("*/dec_*_aux_conv/weight", NEAR_ZERO),
    ("*/atten/qkv/weight", Start::Scaled(0.2)),
    ("*/conv0/weight", Start::Scaled(1.0)),
    ("*/affine/weight", Start::Scaled(1.0)),
    ("*/skip/weight", Start::Scaled(1.0)),
    ("*/map_layer*/weight", Start::Scaled(1.0)),
    ("*/enc_*_conv/weight", Start::Scaled(1.0)),
    ("*/enc_*_aux_residual/weight", Start::Scaled(1.0)),
];

const UNETPP_BIGGAN: Table = &[
    ("*/map_noise/freqs", Start::Normal(16.0)),
    ("*/Conv_1/kernel", Start::Zeros),
    ("*/Conv_*/kernel", Start::Scaled(1.0)),
    ("*/CustomConv2d_*/weight", Start::Scaled(1.0)),
    ("*/Linear_0/weight", Start::Scaled(1.0)),
    ("*/AttentionModule_0/proj/weight", NEAR_ZERO),
    ("*/AttentionModule_0/qkv/weight", Start::Scaled(0.2)),
    ("*/dec_*_aux_conv/weight", NEAR_ZERO),
    ("*/map_layer*/weight", Start::Scaled(1.0)),
    ("*/enc_*/weight", Start::Scaled(1.0)),
];

const UNET: Table = &[
    ("*/CustomConv2d_1/Conv_0/kernel", NEAR_ZERO),
    ("*/CustomConv2d_*/Conv_0/kernel", Start::Scaled(1.0)),
    ("*/CustomDense_*/Dense_0/kernel", Start::Scaled(1.0)),
];

const MINCY: Table = &[
    ("*/Embed_0/embedding", Start::Normal(0.176_776_695_296_636_9)),
    ("*/FourierEmbedding_0/W", Start::Normal(0.002)),
    ("*/AttentionBlock_*/NIN_3/W", NEAR_ZERO),
    ("*/AttentionBlock_*/NIN_*/W", Start::Scaled(0.1)),
    ("*/Conv_*/kernel", Start::Lecun),
    ("*/DenseGeneral_0/kernel", Start::Lecun),
];

/// Its first convolution bears the name of the second one of a block.
const HEAD: Table = &[
    ("head/head/conv1/weight", Start::Scaled(1.0)),
    ("head/head/map_*/weight", Start::Scaled(1.0)),
    ("head/head/enc_*_conv/weight", Start::Scaled(1.0)),
    ("*/conv1/weight", NEAR_ZERO),
    ("*/atten/proj/weight", NEAR_ZERO),
    ("*/atten/qkv/weight", Start::Scaled(0.2)),
    ("*/dec_*_aux_conv/weight", NEAR_ZERO),
    ("*/conv0/weight", Start::Scaled(1.0)),
    ("*/affine/weight", Start::Scaled(1.0)),
    ("*/skip/weight", Start::Scaled(1.0)),
];

/// Unlike a torso's, its last convolution, `conv2`, is one like any other.
const BASELINE: Table = &[
    ("head/head/conv1/weight", Start::Scaled(1.0)),
    ("head/head/conv2/weight", Start::Scaled(1.0)),
    ("head/head/blocks_*/conv1/weight", NEAR_ZERO),
    ("head/head/blocks_*/atten/proj/weight", NEAR_ZERO),
    ("head/head/blocks_*/atten/qkv/weight", Start::Scaled(0.2)),
    ("head/head/blocks_*/conv0/weight", Start::Scaled(1.0)),
    ("head/head/blocks_*/affine/weight", Start::Scaled(1.0)),
];

const CONV: Table = &[("head/head/conv/weight", Start::Scaled(1.0))];

/// Whether a name is what a pattern stands for.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name
            .strip_prefix(before)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(after, &rest[at..]))),
    }
}

/// The initialiser of a parameter, by the fans of its shape.
fn init(start: Start, spec: &ParamSpec) -> Init {
    let fans = || -> (f64, f64) {
        let (inputs, outputs, places) = match spec.shape[..] {
            [outputs, inputs, down, across] => (inputs, outputs, down * across),
            [inputs, outputs] => (inputs, outputs, 1),
            _ => panic!("{} has no fans", spec.name),
        };
        ((inputs * places) as f64, (outputs * places) as f64)
    };
    match start {
        Start::Scaled(scale) => Init::Uniform((3.0 * scale / ((fans().0 + fans().1) / 2.0)).sqrt()),
        Start::Lecun => Init::TruncatedNormal((1.0 / fans().0).sqrt()),
        Start::Normal(deviation) => Init::Normal(deviation),
        Start::Zeros => Init::Zeros,
        Start::Ones => Init::Ones,
    }
}

fn same(a: Init, b: Init) -> bool {
    match (a, b) {
        (Init::Uniform(a), Init::Uniform(b))
        | (Init::Normal(a), Init::Normal(b))
        | (Init::TruncatedNormal(a), Init::TruncatedNormal(b)) => (a / b - 1.0).abs() < 1e-12,
        _ => a == b,
    }
}

/// Every parameter below `part` starts as its row says, and every row of the network's own table has one.
fn starts_as(torso: Value, head: Value, part: &str, table: Table) {
    let network = plan(torso, head).expect("a network");
    let specs: Vec<&ParamSpec> = network.params().specs().iter().filter(|spec| spec.name.starts_with(part)).collect();
    let row = |name: &str| table.iter().chain(NORMS_AND_BIASES).find(|(pattern, _)| fits(pattern, name));
    for spec in &specs {
        let (pattern, start) = row(&spec.name).unwrap_or_else(|| panic!("no row fits {}", spec.name));
        let expected = init(*start, spec);
        assert!(same(spec.init, expected), "{} by {pattern}: {:?} is not {expected:?}", spec.name, spec.init);
    }
    let idle = |pattern: &str| !specs.iter().any(|spec| row(&spec.name).is_some_and(|(first, _)| *first == pattern));
    let idle: Vec<&str> = table.iter().map(|(pattern, _)| *pattern).filter(|pattern| idle(pattern)).collect();
    assert!(idle.is_empty(), "nothing is called {idle:?}");
}

#[test]
fn ncsnpp_starts_as_its_reference() {
    starts_as(ncsnpp(), Value::Null, "torso/", NCSNPP);
    starts_as(with(ncsnpp(), json!({ "resblock_type": "ddpm" })), Value::Null, "torso/", NCSNPP_DDPM);
    starts_as(with(ncsnpp(), json!({ "init_scale": 0.25 })), Value::Null, "torso/", NCSNPP_SCALED);
}

#[test]
fn the_unets_start_as_their_references() {
    let ve = json!({ "embedding_type": "fourier", "encoder_type": "residual", "resample_filter": [1, 3, 3, 1] });
    starts_as(with(unetpp(), ve.clone()), Value::Null, "torso/", UNETPP);
    let biggan = with(with(unetpp(), ve), json!({ "resblock_type": "biggan" }));
    starts_as(biggan, Value::Null, "torso/", UNETPP_BIGGAN);
    starts_as(unet(), Value::Null, "torso/", UNET);
    starts_as(mincy(), Value::Null, "torso/", MINCY);
}

#[test]
fn heads_start_as_their_references() {
    starts_as(ncsnpp(), unetpp_head(), "head/", HEAD);
    starts_as(ncsnpp(), baseline(), "head/", BASELINE);
    starts_as(ncsnpp(), json!({ "name": "conv", "n_groups": 32 }), "head/", CONV);
}
