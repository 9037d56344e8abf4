//! On which device the suite runs: EXP_TEST_DEVICE, else the CPU. `cuda:0,cuda:1` names a second one, for what passes between
//! two.

/// The device's name.
#[allow(dead_code, reason = "some tests want both")]
pub fn device() -> String {
    let [device, _] = devices();
    device
}

/// Its name and that of the second one.
pub fn devices() -> [String; 2] {
    let named = std::env::var("EXP_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let (first, second) = named.split_once(',').unwrap_or((&named, &named));
    [first, second].map(str::to_owned)
}
