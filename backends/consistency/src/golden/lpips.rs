//! Golden values of the perceptual distance, with weights by formula.

use std::path::Path;
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::Case;
use super::optimizer::double;
use crate::engine::Engine;
use crate::loss::lpips::{Lpips, weights};
use crate::params::{Init, Params, Plan};
use crate::rng::{SPLIT_STEP, split_mix};
use crate::tensor::Tensor;
use crate::weights::Weights;

/// The distance of images as they come and brought to VGG16's size, and the slope of the former.
pub(super) fn case<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let file = Weights::parse(Path::new("the formula"), by_formula()?);
    let lpips = file.and_then(|file| Lpips::new(engine, &file)).map_err(|error| error.to_string())?;
    let (a, b) = (case.tensor(engine, "in/a")?, case.tensor(engine, "in/b")?);
    let one = |image: &E::T| image.narrow(0, 0, 1);
    case.close("out/distance", &double(&lpips.distance(&one(&a), &one(&b))))?;

    let mut plan = Plan::default();
    plan.param("image", &a.shape(), Init::Zeros);
    let image = Params::build(&Arc::new(plan), |_| a.clone());
    let (_, distances, gradient) = engine.value_and_grad(&image, |image| {
        let distances = lpips.compare(&image.tensors()[0], &b);
        (distances.sum_all(), distances)
    });
    case.close("out/unresized", &double(&distances))?;
    case.close_tensor("out/unresized_gradient", &gradient.tensors()[0])
}

/// The weights as a file. With h = CRC32(name), element i has u = (z >> 40) / 2^24 - 1/2 for z the i-th number of
/// SplitMix64 from h: kernels u sqrt(24 / fan-in), biases 0.2 u, weights of the distance u + 1/2.
fn by_formula() -> Result<Vec<u8>, String> {
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = weights()
        .map(|(name, shape)| {
            let hash = u64::from(crc32(name.as_bytes()));
            let fan_in: usize = shape[1..].iter().product();
            let value = |i: u64| match shape.len() {
                1 => 0.2 * uniform(hash, i),
                _ if name.starts_with("lin") => uniform(hash, i) + 0.5,
                _ => uniform(hash, i) * (24.0 / fan_in as f64).sqrt(),
            };
            let len = shape.iter().product::<usize>() as u64;
            let bytes = (0..len).flat_map(|i| (value(i) as f32).to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.clone(), view)));
    let views = views.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    safetensors::serialize(views, None).map_err(|error| error.to_string())
}

/// Uniform in [-1/2, 1/2): the output function of SplitMix64 (Steele et al. 2014).
pub(super) fn uniform(hash: u64, i: u64) -> f64 {
    let z = split_mix(i.wrapping_add(hash.wrapping_mul(SPLIT_STEP)).wrapping_add(SPLIT_STEP));
    (z >> 40) as f64 / f64::from(1u32 << 24) - 0.5
}

/// The checksum of zip files (ISO 3309), bit by bit.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
