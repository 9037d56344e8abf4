//! Golden values of the evaluation: Frechet distances, resized images, Inception's features, the exact denoiser.

use super::Case;
use super::lpips::{crc32, uniform};
use super::optimizer::double;
use crate::data::Shape;
use crate::engine::Engine;
use crate::eval::inception::{Inception, Stored, Wanted};
use crate::eval::resize::{Resize, SIDE};
use crate::eval::{Gaussian, Moments, frechet, ideal};

/// The names by whose formula the reference makes images.
const IMAGES: [&str; 2] = ["input-open", "input-held"];

/// The moments of given activations, and the distance of two.
pub(super) fn frechet_case(case: &Case) -> Result<(), String> {
    let groups: Vec<String> = case.names().filter_map(|name| name.strip_suffix("/fid")).map(str::to_owned).collect();
    for group in groups {
        let gaussian = |i: u8| -> Result<Gaussian, String> {
            let activations = format!("{group}/act{i}");
            let (shape, values) = (case.shape(&activations)?, case.values(&activations)?);
            let mut moments = Moments::new(shape[1]);
            moments.extend(&values).map_err(|error| error.to_string())?;
            let found = moments.gaussian().map_err(|error| error.to_string())?;
            case.close(&format!("{group}/mu{i}"), &found.mean())?;
            case.close(&format!("{group}/sigma{i}"), &found.covariance())?;
            Ok(found)
        };
        let found = frechet(&gaussian(1)?, &gaussian(2)?).map_err(|error| error.to_string())?;
        case.close(&format!("{group}/fid"), &[found.distance])?;
        case.close(&format!("{group}/mu_diff"), &[found.of_means])?;
    }
    Ok(())
}

/// The first rows of an image resized as Pillow does, to the bit and not only within the tolerance.
pub(super) fn resize(case: &Case) -> Result<(), String> {
    let (shape, image) = (case.shape("in/img")?, case.values("in/img")?);
    let [height, width, channels] = shape[..] else { return Err("in/img is no image".to_owned()) };
    let rows = case.shape("out/img")?[0];
    let plane = |channel: usize| {
        let pixels: Vec<u8> = image.iter().skip(channel).step_by(channels).map(|&v| v as u8).collect();
        Resize::Pil.plane(&pixels, Shape { channels: 1, height, width }, SIDE)
    };
    let planes: Vec<Vec<f32>> = (0..channels).map(plane).collect();
    let found: Vec<f64> =
        (0..rows * SIDE).flat_map(|at| planes.iter().map(move |plane| f64::from(plane[at]))).collect();
    case.within("out/img", &found, 0.0, 0.0)
}

/// Features of an image by formula, with weights by formula.
pub(super) fn inception<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let network = Inception::new(engine, by_formula)?;
    // The first pixels tell by which name the image was made.
    let value = |name: &str, at: usize| (2.0 * uniform(u64::from(crc32(name.as_bytes())), at as u64)) as f32;
    let first = case.values("in/first_pixels")?;
    let made = |name: &&&str| first.iter().enumerate().all(|(at, &v)| (f64::from(value(name, at)) - v).abs() < 1e-6);
    let name = IMAGES.iter().find(made).ok_or("the image has no name that is known")?;
    let pixels: Vec<f32> =
        (0..3 * SIDE * SIDE).map(|at| value(name, at % (SIDE * SIDE) * 3 + at / (SIDE * SIDE))).collect();
    case.close("out/features", &double(&network.features(&engine.upload(&[1, 3, SIDE, SIDE], &pixels))))
}

/// The weights of one convolution: u sqrt(24 / fan-in), scale 1 + u/5, variance 1 + u/2, shift and mean u/5, each u by
/// the reference's name of the tensor.
fn by_formula(wanted: Wanted) -> Result<Stored, String> {
    let own = match wanted.block {
        None => format!("BasicConv2d_{}", wanted.place),
        Some(block) => format!("{}/BasicConv2d_{}", class(block)?, wanted.place),
    };
    let hash = |part: &str| u64::from(crc32(format!("{own}/{part}").as_bytes()));
    let (outputs, inputs, [down, across]) = (wanted.layer.outputs, wanted.inputs, wanted.layer.kernel);
    let vector = |part: &str, base: f64, spread: f64| -> Vec<f32> {
        let hash = hash(&format!("BatchNorm_0/{part}"));
        (0..outputs as u64).map(|i| (base + spread * uniform(hash, i)) as f32).collect()
    };
    let (kernel, gain) = (hash("Conv_0/kernel"), (24.0 / (inputs * down * across) as f64).sqrt());
    // Ours is [O,I,h,w], the reference's [h,w,I,O].
    let places = (0..outputs * inputs * down * across).map(|at| {
        let (tap, rest) = (at % (down * across), at / (down * across));
        let (input, output) = (rest % inputs, rest / inputs);
        ((tap * inputs + input) * outputs + output) as u64
    });
    Ok(Stored {
        kernel: places.map(|i| (gain * uniform(kernel, i)) as f32).collect(),
        scale: vector("scale", 1.0, 0.2),
        shift: vector("bias", 0.0, 0.2),
        mean: vector("mean", 0.0, 0.2),
        variance: vector("var", 1.0, 0.5),
    })
}

/// The reference's name of a block: its class, and its number among those.
fn class(block: &str) -> Result<&'static str, String> {
    let names = [
        ("Mixed_5b", "InceptionA_0"),
        ("Mixed_5c", "InceptionA_1"),
        ("Mixed_5d", "InceptionA_2"),
        ("Mixed_6a", "InceptionB_0"),
        ("Mixed_6b", "InceptionC_0"),
        ("Mixed_6c", "InceptionC_1"),
        ("Mixed_6d", "InceptionC_2"),
        ("Mixed_6e", "InceptionC_3"),
        ("Mixed_7a", "InceptionD_0"),
        ("Mixed_7b", "InceptionE_0"),
        ("Mixed_7c", "InceptionE_1"),
    ];
    let found = names.into_iter().find(|(ours, _)| *ours == block);
    found.map(|(_, theirs)| theirs).ok_or_else(|| format!("the reference has no {block}"))
}

/// The exact denoiser of a given data set at each level.
pub(super) fn ideal_denoiser<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let (shape, data) = case.image("dataset")?;
    for name in case.names() {
        let Some(sigma) = name.strip_suffix("/denoised").and_then(|name| name.strip_prefix("sigma")) else { continue };
        let level: f64 = sigma.parse().map_err(|_| format!("{name} does not tell its noise level"))?;
        let (_, noisy) = case.image(&format!("sigma{sigma}/x"))?;
        let found =
            ideal::of_blocks(data.chunks(7 * shape.values()).map(<[f32]>::to_vec), &noisy, shape.values(), level);
        let found = engine.upload(&shape.batch(noisy.len() / shape.values()), &found);
        case.close_tensor(name, &found)?;
    }
    Ok(())
}
