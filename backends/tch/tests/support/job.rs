//! A short job, and who keeps its events.

use exp_api::{Backend, Job};
use exp_tch::TchBackend;
use serde_json::{Value, json};

#[path = "device.rs"]
mod device;
#[path = "../../../burn/tests/support/kept.rs"]
mod kept;

pub use device::{device, devices};
pub use kept::{Kept, folder_with};

/// A job of a fraction of a second, with two replicas and a checkpoint on its way.
pub fn job() -> Job {
    let mut spec: Value = serde_json::from_str(include_str!("../../benches/step/cifar10_small.json")).unwrap();
    spec["dataset"] = json!({"name": "digits8", "flip": false});
    spec["backend"]["device"] = json!(device());
    spec["backend"]["devices"] = json!(devices());
    spec["backend"]["threads"] = json!(2);
    spec["backend"]["deterministic"] = json!(true);
    let changes = [
        ("/model/torso", json!({"nf": 4, "ch_mult": [1], "dropout": 0.1})),
        ("/model/head", json!({"n_channels": 4, "ch_mults": [1], "is_atten": [false]})),
        ("/train", json!({"steps": 5, "batch": 8, "log_every": 1, "preview_every": null, "checkpoint_every": 2})),
        ("/train", json!({"eval_every": null, "keep": 3})),
        ("/schedule", json!({"horizon": 5, "sigma_max": 20.0})),
        ("/eval", json!({"n": 16, "methods": ["one_step", "two_step"]})),
    ];
    for (place, values) in changes {
        for (key, value) in values.as_object().unwrap() {
            spec.pointer_mut(place).unwrap()[key] = value.clone();
        }
    }
    let spec = serde_json::from_value(spec).expect("a spec of this version");
    Job::new(exp_api::Task::Train, TchBackend.resolve(spec))
}
