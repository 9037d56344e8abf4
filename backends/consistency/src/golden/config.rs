//! The reference's configurations in our words: the same keys, less those that it accepts and ignores.

use exp_api::schema::Field;
use exp_api::spec::{
    BaselineHeadSpec, ConvHeadSpec, FactorSpec, HeadSpec, MincySpec, NcsnppSpec, ScorePdeHeadSpec, TorsoSpec, UnetSpec,
    UnetppSpec,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The reference normalises in 32 groups whatever its configuration says.
const GROUPS: u64 = 32;

/// The torso that the reference calls `kind`.
pub(super) fn torso(kind: &str, config: &Value) -> Result<TorsoSpec, String> {
    match kind {
        "original_unetpp" | "ncsnpp" | "ncsnpp_bare" => ncsnpp(config).map(TorsoSpec::Ncsnpp),
        "unetpp" => read(UnetppSpec::FIELDS, unetpp_defaults(), &cleaned(config)).map(TorsoSpec::Unetpp),
        "unet" => {
            let defaults = json!({
                "n_channels": 128, "ch_mults": [1, 2, 2, 2], "is_atten": [false, true, false, false], "n_blocks": 2,
                "n_groups": GROUPS, "dropout_rate": 0.1, "learn_sigma": false,
            });
            read(UnetSpec::FIELDS, defaults, config).map(TorsoSpec::Unet)
        }
        "mincy" => mincy(config).map(TorsoSpec::Mincy),
        other => Err(format!("no torso is called {other}")),
    }
}

/// The reference's NCSN++.
pub(super) fn ncsnpp(config: &Value) -> Result<NcsnppSpec, String> {
    let defaults = json!({
        "nf": 128, "ch_mult": [2, 2, 2], "num_res_blocks": 4, "attn_resolutions": [16], "resblock_type": "biggan",
        "resamp_with_conv": true, "fir": true, "fir_kernel": [1, 3, 3, 1], "skip_rescale": true,
        "progressive": "none", "progressive_input": "residual", "progressive_combine": "sum",
        "embedding_type": "fourier", "fourier_scale": 0.02, "conditional": true, "double_heads": false,
        "nonlinearity": "swish", "init_scale": 0.0, "dropout": 0.3,
    });
    read(NcsnppSpec::FIELDS, defaults, config)
}

/// The network of the small iCT trainer, with attention as coded.
fn mincy(config: &Value) -> Result<MincySpec, String> {
    let defaults = json!({
        "channel_mults": [1, 2, 4, 8], "attention_mults": [2], "num_init_channels": 16, "num_res_blocks": 4,
        "pos_emb_dim": 16, "rescale_skip_conns": true, "fourier_scale": 0.002, "dropout": 0.3, "num_classes": 10,
        "class_cond": true, "nonlinearity": "swish", "downsample_last_dim": false,
    });
    let mut config = config.clone();
    let side = config["kernel_size"].clone();
    let kernel = config["kernel_size"].as_array().map(|sides| (sides.first().cloned(), sides.last().cloned()));
    config["kernel_size"] = match kernel {
        Some((Some(height), width)) if Some(&height) == width.as_ref() => height,
        None if side.is_u64() => side,
        None => 3.into(),
        Some(_) => return Err("kernels that are no squares are not planned".to_owned()),
    };
    config["pos_emb_type"] = if config["pos_emb_type"] == "sinusoidal" { "positional" } else { "fourier" }.into();
    config["attention_type"] = "rows".into();
    config["attention_sites"] = if config["sandwich_attention"] == false { "decoder" } else { "encoder" }.into();
    read(MincySpec::FIELDS, defaults, &config)
}

/// The reference's head, its kind being in the key `type`.
pub(super) fn head(config: &Value) -> Result<HeadSpec, String> {
    match config["type"].as_str() {
        Some("unetpp") => unetpp_head(config).map(HeadSpec::Unetpp),
        Some("conv") => Ok(HeadSpec::Conv(ConvHeadSpec { n_groups: GROUPS })),
        Some("baseline") => Ok(HeadSpec::Baseline(baseline_head(config))),
        Some("score_pde") => {
            let factor = match config["model_type"].as_str() {
                Some("unetpp") => FactorSpec::Unetpp(unetpp_head(&config["unetpp"])?),
                Some("baseline") | None => FactorSpec::Baseline(baseline_head(&config["baseline"])),
                other => return Err(format!("no factor is called {other:?}")),
            };
            Ok(HeadSpec::ScorePde(ScorePdeHeadSpec { factor }))
        }
        other => Err(format!("no head is called {other:?}")),
    }
}

fn unetpp_head(config: &Value) -> Result<UnetppSpec, String> {
    let mut defaults = unetpp_defaults();
    defaults["n_blocks"] = 1.into();
    defaults["dropout_rate"] = 0.0.into();
    read(UnetppSpec::FIELDS, defaults, &cleaned(config))
}

fn baseline_head(config: &Value) -> BaselineHeadSpec {
    let whole = |key: &str, usual: u64| config[key].as_u64().unwrap_or(usual);
    BaselineHeadSpec {
        n_channels: whole("n_channels", 128) * whole("last_ch_mult", 2),
        n_blocks: whole("n_blocks", 4),
        n_heads: whole("n_heads", 1),
        n_groups: GROUPS,
        dropout_rate: config["dropout_rate"].as_f64().unwrap_or(0.1),
    }
}

fn unetpp_defaults() -> Value {
    json!({
        "n_channels": 128, "ch_mults": [2, 2, 2], "is_atten": [false, true, false], "n_blocks": 4, "n_heads": 1,
        "n_groups": GROUPS, "dropout_rate": 0.13, "embedding_type": "positional", "fourier_layer_scale": 16.0,
        "encoder_type": "standard", "decoder_type": "standard", "resblock_type": "standard", "resample_filter": [1, 1],
    })
}

/// A configuration of UNet++ without what the reference reads otherwise than it is written.
fn cleaned(config: &Value) -> Value {
    let mut config = if config.is_null() { json!({}) } else { config.clone() };
    config["n_groups"] = GROUPS.into();
    if config["decoder_type"] == "residual" {
        config["decoder_type"] = "standard".into();
    }
    config
}

/// Our keys alone: each from `config`, else from `defaults`.
fn read<S: DeserializeOwned>(fields: &[Field], defaults: Value, config: &Value) -> Result<S, String> {
    let value = |name: &str| config.get(name).or(defaults.get(name)).cloned();
    let ours: Map<String, Value> =
        fields.iter().filter_map(|field| Some((field.name.to_owned(), value(field.name)?))).collect();
    serde_json::from_value(Value::Object(ours)).map_err(|error| error.to_string())
}
