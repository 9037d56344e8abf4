//! Randomness as data: every draw is a pure function of (seed, purpose, step, index).
//!
//! Owns the ChaCha8 streams behind noise, sigmas, initial values, flips and data order. It keeps no state between
//! draws, so there is nothing to save with a checkpoint, and a resumed run sees what an uninterrupted one would have
//! seen. It does not draw dropout masks: those are made on an engine from a [`Key`](crate::tensor::Key).
//!
//! In: a seed and what the draw is for. Out: a [`Stream`] per image. An image owns its stream, so its noise depends
//! neither on the size of the batch nor on how the batch is split over threads or devices.
//!
//! Values are the same on every platform: ChaCha8 works on integers, `log`, `sin` and `cos` come from `libm`, and
//! `sqrt` is exact in IEEE arithmetic. The golden tests pin them: a release that changes one changes every experiment.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What a draw is for. The numbers enter the key, so they never change and are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// Initial values of parameters; the index is the parameter's.
    Init = 1,
    /// The order of a data set within an epoch.
    Order = 2,
    /// Horizontal flips.
    Flip = 3,
    /// The noise that is added to training images.
    Noise = 4,
    /// Noise levels of training images.
    Sigma = 5,
    /// Keys of dropout masks.
    Dropout = 6,
    /// Noise that sampling starts from.
    Sample = 7,
    /// Draws of the evaluation.
    Eval = 8,
}

/// One draw of a run; [`Draw::image`] opens its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    key: [u8; 32],
}

impl Draw {
    /// The draw for `purpose` at `step`. The ChaCha key is seed, purpose and step, little endian, and eight bytes that
    /// name this layout.
    pub fn new(seed: u64, purpose: Purpose, step: u64) -> Draw {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
        key[16..24].copy_from_slice(&step.to_le_bytes());
        key[24..].copy_from_slice(b"exp-rng1");
        Draw { key }
    }

    /// The stream of image `index` (or parameter, or whatever this draw counts), from its beginning.
    pub fn image(&self, index: u64) -> Stream {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(index);
        Stream { rng, spare: None }
    }
}

/// An endless sequence of independent numbers.
#[derive(Debug, Clone)]
pub struct Stream {
    rng: ChaCha8Rng,
    spare: Option<f64>,
}

impl Stream {
    /// Uniform in [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal, by Box and Muller (1958); the second of a pair serves the next call.
    pub fn normal(&mut self) -> f64 {
        if let Some(second) = self.spare.take() {
            return second;
        }
        // 1 - u lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * self.uniform());
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// Fills `out` with what as many calls of [`Stream::normal`] give, rounded to f32.
    pub fn fill_normal(&mut self, out: &mut [f32]) {
        for value in out {
            *value = self.normal() as f32;
        }
    }

    /// Uniform in 0..n without bias (Lemire 2019, "Fast Random Integer Generation in an Interval"). An empty range
    /// gives 0.
    pub fn below(&mut self, n: u64) -> u64 {
        loop {
            let product = u128::from(self.rng.next_u64()) * u128::from(n);
            let low = product as u64;
            // The first test spares the division; it holds for nearly every draw, and for n = 0.
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as u64;
            }
        }
    }
}

/// The order of `n` items in `epoch`: 0..n shuffled after Fisher and Yates.
pub fn permutation(seed: u64, epoch: u64, n: u32) -> Vec<u32> {
    let mut stream = Draw::new(seed, Purpose::Order, epoch).image(0);
    let mut order: Vec<u32> = (0..n).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, stream.below(last as u64 + 1) as usize);
    }
    order
}

/// What SplitMix64 adds to its counter from one number to the next (Steele, Lea & Flood 2014).
pub const SPLIT_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number that SplitMix64 makes of a counter: for draws by the million, whose keys are drawn with more care.
pub fn split_mix(counter: u64) -> u64 {
    let x = (counter ^ (counter >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // First numbers of the generator seeded with 0, published with its reference code.
        let found = [1, 2].map(|i: u64| split_mix(SPLIT_STEP.wrapping_mul(i)));
        assert_eq!(found, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    /// The first 64 bits of four streams, from a ChaCha8 written apart from this crate after RFC 8439 (with 8 rounds).
    #[test]
    fn words_are_those_of_an_independent_chacha8() {
        let word = |seed, purpose, step, index| Draw::new(seed, purpose, step).image(index).rng.next_u64();
        assert_eq!(word(0, Purpose::Init, 0, 0), 0x4db9_06d7_2cb8_21f8);
        assert_eq!(word(42, Purpose::Noise, 7, 3), 0x323e_85d4_39a1_ce8b);
        assert_eq!(word(u64::MAX, Purpose::Eval, 1 << 40, 1 << 33), 0x508e_6528_120c_cbef);
    }

    /// From the same independent generator; the last digit of a normal is the mathematics library's.
    #[test]
    fn values_stay_as_they_were() {
        let mut stream = Draw::new(42, Purpose::Noise, 0).image(0);
        let normals: Vec<f64> = (0..4).map(|_| stream.normal()).collect();
        assert_eq!(normals, [-1.0844644347187726, -0.6059477908129979, -1.180325636197936, 0.8810259941939347]);
        assert_eq!(stream.uniform(), 0.3128582771978209);
        assert_eq!(stream.below(1000), 926);
        assert_eq!(permutation(42, 0, 8), [2, 0, 3, 6, 4, 1, 7, 5]);
        assert_eq!(permutation(42, 1, 8), [2, 5, 6, 4, 7, 3, 0, 1]);
    }

    #[test]
    fn normals_have_the_moments_of_theory() {
        let n = 400_000;
        let mut stream = Draw::new(1, Purpose::Noise, 0).image(0);
        let z: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let mean_of = |f: &dyn Fn(f64) -> f64| z.iter().map(|&v| f(v)).sum::<f64>() / n as f64;
        // (statistic, its expectation, the variance of one term); a bound of 3.5 standard errors.
        let p = 0.841_344_746_068_543;
        for (found, expected, variance) in [
            (mean_of(&|v| v), 0.0, 1.0),
            (mean_of(&|v| v * v), 1.0, 2.0),
            (mean_of(&|v| v.powi(3)), 0.0, 15.0),
            (mean_of(&|v| v.powi(4)), 3.0, 96.0),
            (mean_of(&|v| f64::from(v < 1.0)), p, p * (1.0 - p)),
            (mean_of(&|v| f64::from(v.abs() > 3.0)), 0.002_699_796, 0.0027),
        ] {
            let bound = 3.5 * (variance / n as f64).sqrt();
            assert!((found - expected).abs() < bound, "{found} is not {expected} within {bound}");
        }
        let pairs = z.chunks(2).map(|p| p[0] * p[1]).sum::<f64>() / (n / 2) as f64;
        assert!(pairs.abs() < 3.5 / f64::from(n / 2).sqrt(), "the two of a pair correlate: {pairs}");
    }

    #[test]
    fn uniforms_and_integers_are_flat() {
        let n = 300_000;
        let mut stream = Draw::new(1, Purpose::Sigma, 0).image(0);
        let mut bins = [0u32; 20];
        for _ in 0..n {
            let u = stream.uniform();
            assert!((0.0..1.0).contains(&u));
            bins[(u * 10.0) as usize] += 1;
            bins[10 + stream.below(10) as usize] += 1;
        }
        for half in bins.chunks(10) {
            let chi: f64 = half.iter().map(|&b| (f64::from(b) - 3e4).powi(2) / 3e4).sum();
            assert!((1.7..23.6).contains(&chi), "chi squared with 9 degrees of freedom is {chi}");
        }
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.below(1), 0);
    }

    #[test]
    fn an_image_does_not_know_its_batch() {
        let draw = Draw::new(5, Purpose::Noise, 9);
        let fill = |range: std::ops::Range<u64>| -> Vec<f32> {
            range
                .flat_map(|i| {
                    let mut image = [0.0; 33];
                    draw.image(i).fill_normal(&mut image);
                    image
                })
                .collect()
        };
        assert_eq!(fill(0..8), [fill(0..3), fill(3..8)].concat());
        let mut by_one = draw.image(2);
        assert_eq!(fill(2..3), (0..33).map(|_| by_one.normal() as f32).collect::<Vec<_>>());
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, purpose, step, index| Draw::new(seed, purpose, step).image(index).uniform();
        let all = [
            first(1, Purpose::Noise, 2, 3),
            first(2, Purpose::Noise, 2, 3),
            first(1, Purpose::Sample, 2, 3),
            first(1, Purpose::Noise, 3, 3),
            first(1, Purpose::Noise, 2, 4),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
        }
    }

    #[test]
    fn a_permutation_holds_each_item_once() {
        for n in [0, 1, 2, 1797] {
            let mut order = permutation(3, 4, n);
            order.sort_unstable();
            assert!(order.into_iter().eq(0..n));
        }
        // Each of the six orders of three items turns up about as often as the others.
        let mut counts = std::collections::HashMap::new();
        (0..6000).for_each(|epoch| *counts.entry(permutation(0, epoch, 3)).or_insert(0.0) += 1.0);
        let chi: f64 = counts.values().map(|c: &f64| (c - 1000.0).powi(2) / 1000.0).sum();
        assert!(counts.len() == 6 && chi < 16.7, "chi squared with 5 degrees of freedom is {chi}");
    }
}
