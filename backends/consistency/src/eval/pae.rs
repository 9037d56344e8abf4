//! PAE, the pixel-wise absolute error of a consistency model: how far its average lies from the exact posterior mean.
//!
//! An image y is noised to x = y + t z. A consistency model draws from the posterior of y given x, in one step
//! c = D(x, t); what it draws anew from c + t z_k, averaged over k, is compared with E[y | x] over the whole data set
//! ([`ideal`]), as the score-guided system does it (its `PAE_evaluation`). In: a denoiser and a data set. Out: the mean over
//! pixels and images of the absolute difference, for every noise level.

use std::ops::Range;

use exp_api::spec::{PaeSpec, ScheduleSpec};

use super::ideal;
use crate::data::Dataset;
use crate::rng::{Draw, Purpose};
use crate::schedule::grid;

/// Seed of the noise: its figures are comparable as long as this stays.
const SEED: u64 = 42;
/// Decimals of a level's name, and the most: more than two different numbers above 0.001 can share.
const DECIMALS: usize = 3;
const MOST_DECIMALS: usize = 20;
/// Images that are denoised together, between two looks at `stopped`.
const TOGETHER: usize = 1024;
/// Images of the data set that pass by at once.
const BLOCK: usize = 1000;

/// The error of `denoise(x, sigma)` at every level, levels falling; each with its level, computed when it is asked for. None
/// for a level at which `stopped` came true.
pub fn errors(
    spec: &PaeSpec,
    schedule: &ScheduleSpec,
    data: &Dataset,
    stopped: impl Fn() -> bool,
    denoise: impl Fn(&[f32], f64) -> Vec<f32>,
) -> impl Iterator<Item = Option<(f64, f64)>> {
    let images = (spec.images as usize).min(data.len());
    let size = data.shape().values();
    let levels = grid::rising(&ScheduleSpec { sigma_min: spec.sigma_min, ..schedule.clone() }, spec.levels as usize);
    let clean = data.range(0..images).images;
    let error = move |(level, sigma): (usize, f64)| {
        let noised = |base: &[f32], draw: u64| -> Vec<f32> {
            let noise = normals(level as u64, draw, 0..images as u64, size);
            base.iter().zip(noise).map(|(value, z)| value + sigma as f32 * z).collect()
        };
        let x = noised(&clean, 0);
        let denoised = |x: &[f32]| -> Option<Vec<f32>> {
            let parts = x.chunks(TOGETHER * size);
            let parts: Option<Vec<_>> = parts.map(|part| (!stopped()).then(|| denoise(part, sigma))).collect();
            Some(parts?.concat())
        };
        let drawn = denoised(&x)?;
        // Cut short by a stop, which the next evaluation tells.
        let blocks = data.blocks(BLOCK).take_while(|_| !stopped()).map(|block| data.range(block).images);
        let wanted = ideal::of_blocks(blocks, &x, size, sigma);
        let mut sum = vec![0.0f64; x.len()];
        for draw in 1..=spec.draws {
            let again = denoised(&noised(&drawn, draw))?;
            sum.iter_mut().zip(again).for_each(|(sum, value)| *sum += f64::from(value));
        }
        let apart = sum.iter().zip(&wanted).map(|(sum, wanted)| (sum / spec.draws as f64 - f64::from(*wanted)).abs());
        Some((sigma, apart.sum::<f64>() / x.len() as f64))
    };
    levels.into_iter().rev().enumerate().map(error)
}

/// Standard normal values of images at a level: a function of all three.
fn normals(level: u64, draw: u64, images: Range<u64>, size: usize) -> Vec<f32> {
    let count = images.end - images.start;
    let source = Draw::new(SEED, Purpose::Eval, level);
    let mut values = vec![0.0; count as usize * size];
    for (image, out) in images.zip(values.chunks_mut(size)) {
        source.image(draw * count + image).fill_normal(out);
    }
    values
}

/// The names of falling levels: three decimals, and more where neighbours would be called the same.
pub fn names(levels: &[f64]) -> Vec<String> {
    let name = |at: usize| {
        let called = |level: f64, digits: usize| format!("{level:.digits$}");
        let apart = |digits: &usize| {
            let mut near = [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|near| levels.get(near));
            near.all(|near| called(*near, *digits) != called(levels[at], *digits))
        };
        called(levels[at], (DECIMALS..MOST_DECIMALS).find(apart).unwrap_or(MOST_DECIMALS))
    };
    (0..levels.len()).map(name).collect()
}

/// Mean and variance over the levels.
pub fn summary(errors: &[(f64, f64)]) -> (f64, f64) {
    let count = errors.len() as f64;
    let mean = errors.iter().map(|(_, error)| error).sum::<f64>() / count;
    (mean, errors.iter().map(|(_, error)| (error - mean).powi(2)).sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::schedule::PAPER;

    const SPEC: PaeSpec = PaeSpec { images: 64, levels: 5, draws: 8, sigma_min: 0.02 };

    fn never() -> bool {
        false
    }

    fn data(pixels: Vec<u8>) -> Dataset {
        let labels = vec![0; pixels.len()];
        Dataset::new(Shape { channels: 1, height: 1, width: 1 }, pixels, labels).unwrap()
    }

    #[test]
    fn levels_fall_from_the_largest_noise_to_the_least() {
        let two = data(vec![0, 255]);
        let found: Vec<_> = errors(&SPEC, &PAPER, &two, never, |x, _| x.to_vec()).map(Option::unwrap).collect();
        assert_eq!(found.len(), 5);
        assert!((found[0].0 - PAPER.sigma_max).abs() < 1e-9 && (found[4].0 - 0.02).abs() < 1e-12);
        assert!(found.windows(2).all(|pair| pair[0].0 > pair[1].0));
    }

    /// One image is its own posterior mean at every level.
    #[test]
    fn a_model_that_knows_the_only_image_has_no_error() {
        let one = data(vec![255]);
        let right = errors(&SPEC, &PAPER, &one, never, |x, _| vec![1.0; x.len()]);
        assert!(right.map(Option::unwrap).all(|(_, error)| error < 1e-6));
        let wrong: Vec<_> =
            errors(&SPEC, &PAPER, &one, never, |x, _| vec![-0.5; x.len()]).map(Option::unwrap).collect();
        assert!(wrong.iter().all(|(_, error)| (error - 1.5).abs() < 1e-6), "{wrong:?}");
    }

    /// Two images at -1 and 1: far out the posterior mean is 0, close by it is the image itself. Two steps of a model that
    /// answers with a side at random miss the first by what is left of an average of eight signs, E|mean| = 35/128 for
    /// eight fair ones, and the second not at all.
    #[test]
    fn a_sampler_of_two_images_is_near_at_both_ends() {
        let two = data([0, 255].repeat(1000));
        let spec = PaeSpec { images: 2000, ..SPEC };
        let sides = |x: &[f32], _| x.iter().map(|x| x.signum()).collect();
        let found: Vec<_> = errors(&spec, &PAPER, &two, never, sides).map(Option::unwrap).collect();
        let (far, near) = (found[0].1, found[4].1);
        assert!((far - 35.0 / 128.0).abs() < 0.02, "{far}");
        assert!(near < 1e-6, "{near}");
        let (mean, variance) = summary(&[(9.0, 1.0), (1.0, 3.0)]);
        assert_eq!((mean, variance), (2.0, 1.0));
    }

    #[test]
    fn levels_that_lie_close_are_told_apart() {
        assert_eq!(names(&[80.0, 1.5, 0.0204, 0.0203, 0.01]), ["80.000", "1.500", "0.0204", "0.0203", "0.010"]);
        let many = grid::falling(&ScheduleSpec { sigma_min: 0.02, ..PAPER }, 400);
        let found = names(&many[..400]);
        let different: std::collections::BTreeSet<&String> = found.iter().collect();
        assert_eq!(different.len(), 400);
        // As they are called in the reports that there are.
        let usual = grid::falling(&ScheduleSpec { sigma_min: 0.02, ..PAPER }, 41);
        let usual = &usual[..41];
        assert!(names(usual).iter().zip(usual).all(|(name, level)| *name == format!("{level:.3}")));
    }

    #[test]
    fn a_stop_ends_a_level() {
        let two = data(vec![0, 255]);
        let calls = std::cell::Cell::new(0);
        let counted = |x: &[f32], _| {
            calls.set(calls.get() + 1);
            x.to_vec()
        };
        // Nine evaluations a level: the second level is cut short.
        let found = errors(&SPEC, &PAPER, &two, || calls.get() == 12, counted).take(2);
        assert_eq!(found.map(|level| level.is_some()).collect::<Vec<_>>(), [true, false]);
        assert_eq!(calls.get(), 12);
    }
}
