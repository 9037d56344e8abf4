//! Golden values of the way to 8 bits and back.

use super::Case;
use crate::data::{Dataset, Shape};
use crate::picture::eight_bits;

/// Both directions, to the bit.
pub(super) fn case(case: &Case) -> Result<(), String> {
    let samples = case.values("in/x")?;
    let found: Vec<f64> = samples.iter().map(|&x| f64::from(eight_bits(x as f32))).collect();
    case.within("out/uint8", &found, 0.0, 0.0)?;

    let pixels: Vec<u8> = case.values("in/pixels")?.iter().map(|&v| v as u8).collect();
    let shape = Shape { channels: 1, height: 1, width: pixels.len() };
    let images = Dataset::new(shape, pixels, vec![0]).map_err(|error| error.to_string())?.first(1).images;
    case.within("out/normalised", &images.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), 0.0, 0.0)
}
