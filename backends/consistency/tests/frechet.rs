//! The Frechet distance at the size of FID's features, against SciPy.

use exp_consistency::eval::{Gaussian, frechet};
use faer::Mat;

/// Uniform numbers in [-1/2, 1/2) by splitmix64 (Steele, Lea and Flood 2014), which NumPy repeats.
fn uniform(seed: u64, count: usize) -> Vec<f64> {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let one = |i: u64| {
        let z = i.wrapping_mul(STEP).wrapping_add(seed);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / 2f64.powi(53) - 0.5
    };
    (1..=count as u64).map(one).collect()
}

/// A random covariance of this rank, whose features differ in scale as those of a network do.
fn gaussian(seed: u64, d: usize, rank: usize) -> Gaussian {
    let values = uniform(seed, d * rank);
    let scale = |row: usize| (12.0 / rank as f64).sqrt() * (1.0 + row as f64 / d as f64);
    let factor = Mat::from_fn(d, rank, |row, column| values[row * rank + column] * scale(row));
    let covariance = &factor * factor.transpose();
    let entries: Vec<f64> = (0..d * d).map(|at| covariance[(at / d, at % d)]).collect();
    Gaussian::new(&uniform(seed + 1, d), &entries).expect("finite numbers")
}

/// |mu1-mu2|^2 + tr S1 + tr S2 - 2 tr sqrtm(S1 S2) by SciPy 1.17.1 on the same numbers.
#[test]
fn distances_are_scipys() {
    for (d, ranks, scipy) in [(64, [80, 70], 68.327_537_494_784_17), (2048, [4096, 3000], 1_669.940_760_558_805_8)] {
        let [one, two] = [gaussian(1, d, ranks[0]), gaussian(1000, d, ranks[1])];
        for (one, two) in [(&one, &two), (&two, &one)] {
            let found = frechet(one, two).expect("eigenvalues").distance;
            let apart = (found - scipy).abs() / scipy;
            println!("{d} dimensions: {found}, apart from SciPy by {apart:.1e}");
            assert!(apart <= 1e-6, "{found} is not {scipy}");
        }
    }
}
