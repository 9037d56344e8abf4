//! On which device the suite runs: EXP_TEST_DEVICE, else the CPU.

use exp_burn::BurnEngine;

/// An engine on it.
pub fn engine() -> BurnEngine {
    let name = std::env::var("EXP_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    BurnEngine::open(&name).expect("the device is there")
}
