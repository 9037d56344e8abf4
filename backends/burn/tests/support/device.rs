//! On which device the suite runs: EXP_TEST_DEVICE, else the CPU.

/// The device's name.
pub fn device() -> String {
    std::env::var("EXP_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned())
}
