//! On which device the suite runs, and its engines. On a GPU with `--test-threads=1`: while one test records a step, no other
//! may have kernels compiled or chosen.

#[path = "../../../burn/tests/support/device.rs"]
mod named;

use exp_api::Backend;
use exp_api::spec::RunSpec;
use exp_tch::{TchBackend, TchEngine};
#[allow(unused_imports, reason = "not every test names both")]
pub use named::{device, devices};

/// Two engines that take no faster way, a device each, and where it has some, two that take them all.
#[allow(dead_code, reason = "not every test opens an engine by hand")]
pub fn engines() -> Vec<(&'static str, [TchEngine; 2])> {
    let mut spec: RunSpec =
        serde_json::from_str(include_str!("../../benches/step/cifar10_small.json")).expect("a spec of this version");
    spec.backend.device = device();
    spec.backend.deterministic = true;
    let paths = TchBackend.resolve(spec.clone()).backend.fast_paths.expect("they are resolved");
    // Opened by its replicas once, which also sets what f32 means on a GPU, and that it repeats.
    exp_tch::replicas(&spec).expect("the device is there");
    let open = || devices().map(|device| TchEngine::open(&device, 1).expect("the device is there"));
    match paths.is_empty() {
        true => vec![("plain", open())],
        false => vec![("fast", open().map(|engine| engine.with_fast_paths(&paths))), ("plain", open())],
    }
}
