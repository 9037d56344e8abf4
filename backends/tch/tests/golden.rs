//! The science on this engine against values of reference networks.

#[path = "support/device.rs"]
mod device;

use std::path::{Path, PathBuf};

use exp_consistency::engine::Engine;
use exp_consistency::golden;

/// Cases of the directory EXP_GOLDEN_DIR, else of the copy that the burn engine keeps.
#[test]
fn golden_cases_hold() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../burn/tests/golden");
    let dir = std::env::var_os("EXP_GOLDEN_DIR").map_or(own, PathBuf::from);
    for (name, [engine, _]) in device::engines() {
        let summary = engine.scope(|| golden::run(&engine, &dir));
        assert!(summary.all_passed() && summary.total > 0, "{name}");
    }
}
