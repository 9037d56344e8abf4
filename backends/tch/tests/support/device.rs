//! On which device the suite runs: EXP_TEST_DEVICE, else the CPU. On a GPU with `--test-threads=1`: while one test records a
//! step, no other may have kernels compiled or chosen.

use exp_api::Backend;
use exp_api::spec::RunSpec;
use exp_tch::{TchBackend, TchEngine};

/// The device's name.
pub fn device() -> String {
    std::env::var("EXP_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned())
}

/// An engine on it that takes no faster way, and where it has some, one that takes them all.
#[allow(dead_code, reason = "not every test opens an engine by hand")]
pub fn engines() -> Vec<(&'static str, TchEngine)> {
    let mut spec: RunSpec =
        serde_json::from_str(include_str!("../../benches/step/cifar10_small.json")).expect("a spec of this version");
    spec.backend.device = device();
    spec.backend.deterministic = true;
    let paths = TchBackend.resolve(spec.clone()).backend.fast_paths.expect("they are resolved");
    // Opened by its replicas once, which also sets what f32 means on a GPU, and that it repeats.
    exp_tch::replicas(&spec).expect("the device is there");
    let plain = TchEngine::open(&device(), 1).expect("the device is there");
    match paths.is_empty() {
        true => vec![("plain", plain)],
        false => vec![("fast", plain.clone().with_fast_paths(&paths)), ("plain", plain)],
    }
}
