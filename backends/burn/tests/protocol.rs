//! `exp-burn` over its standard streams does what [`BurnBackend`] does within a process, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use exp_api::{Backend, Job};
use exp_burn::BurnBackend;
use serde_json::json;

#[path = "support/device.rs"]
mod device;
#[path = "support/kept.rs"]
mod kept;
#[path = "support/worker.rs"]
mod worker;

use kept::{Kept, folder_with};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_exp-burn");
const BACKEND: BurnBackend = BurnBackend;

/// A job of a fraction of a second, with two replicas and a checkpoint on its way.
fn job() -> Job {
    let torso = json!({
        "name": "ncsnpp", "nf": 4, "ch_mult": [1], "num_res_blocks": 1, "attn_resolutions": [],
        "resblock_type": "biggan", "resamp_with_conv": true, "fir": false, "fir_kernel": [1.0, 3.0, 3.0, 1.0],
        "skip_rescale": true, "progressive": "none", "progressive_input": "none", "progressive_combine": "sum",
        "embedding_type": "fourier", "fourier_scale": 1.0, "conditional": true, "double_heads": false,
        "nonlinearity": "swish", "init_scale": 0.0, "dropout": 0.1
    });
    let head = json!({
        "name": "unetpp", "n_channels": 4, "ch_mults": [1], "is_atten": [false], "n_blocks": 1, "n_heads": 1,
        "n_groups": 4, "dropout_rate": 0.0, "embedding_type": "positional", "fourier_layer_scale": 16.0,
        "resblock_type": "standard", "encoder_type": "standard",
        "decoder_type": "standard", "resample_filter": [1.0, 1.0]
    });
    let train = json!({
        "steps": 5, "batch": 8, "micro_batch": null, "lr": 1e-3, "head_lr": null, "lr_decay": 0.4, "warmup": 0,
        "optimizer": "radam", "betas": [0.9, 0.95], "eps": 1e-8, "clip": null, "clip_by": "element", "log_every": 1,
        "preview_every": null, "checkpoint_every": 2, "eval_every": null, "keep": 3
    });
    let spec = json!({
        "seed": 42,
        "backend": {"name": "burn", "device": device::device(), "devices": device::devices(), "threads": 2, "precision": "f32",
            "deterministic": false, "fast_paths": null},
        "dataset": {"name": "digits8", "flip": false},
        "model": {"precondition": "cm", "torso": torso, "head": head},
        "loss": {
            "kind": "huber", "lambda": 0.3, "gradient_flow": true, "shared_dropout": true,
            "huber": {"c": null, "norm": "image"}, "lpips": {"weights": null}
        },
        "schedule": {
            "kind": "ict", "s0": 4, "s1": 64, "sigma_min": 0.002, "sigma_max": 20.0, "rho": 7.0, "p_mean": -1.1,
            "p_std": 2.0, "horizon": 5, "skip_lowest": false, "edm": {"levels": 18, "floor": true},
            "ect": {"q": 2.0, "k": 8.0, "b": 1.0, "double_every": null}
        },
        "train": train,
        "ema": {"beta": 0.99, "warmup": true, "update_after": 1, "update_every": 1},
        "sample": {
            "n": 64, "method": "one_step", "mid_sigma": 0.821, "steps": 2, "sigmas": null, "start_sigma": 17.0,
            "classes": null, "save": "png", "seed": 0
        },
        "eval": {
            "metrics": ["fd_pixel"], "beside": [], "n": 16, "methods": ["one_step", "two_step"],
            "inception": {"weights": null, "sha256": null, "statistics": null},
            "network": {"onnx": null, "sha256": null, "side": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
            "pae": {"images": 8, "levels": 2, "draws": 1, "sigma_min": 0.02}
        },
        "init_from": null, "track": {"tensorboard": false, "mlflow": {"url": null, "experiment": "exp"}}, "tags": [], "notes": null, "params": {}
    });
    let spec = serde_json::from_value(spec).expect("a spec of this version");
    Job::new(exp_api::Task::Train, BurnBackend.resolve(spec))
}
