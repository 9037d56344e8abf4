//! `fd_pixel`: the Frechet distance over pixels, averaged down to 8 x 8.
//!
//! A metric that needs no network, for a first look at a run and for tests. A Gaussian fitted to the data, which shows
//! no object at all, comes close to 0 on it: it tells a model that learns from one that does not, not good images from
//! fair ones.

use super::{EvalError, Frechet, Gaussian, Moments, frechet};
use crate::data::{Dataset, Shape};

/// Side of the pooled planes.
const SIDE: usize = 8;
/// Images of the data pooled at once.
const BLOCK: usize = 512;

/// The moments of a data set, to which samples are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct FdPixel {
    shape: Shape,
    reference: Gaussian,
}

impl FdPixel {
    /// Whether images of this shape can be pooled.
    ///
    /// # Errors
    /// [`EvalError::Sides`] when they cannot.
    pub fn check(shape: Shape) -> Result<(), EvalError> {
        features(shape).map(drop)
    }

    /// Takes the moments of all of `data`, unflipped.
    ///
    /// # Errors
    /// [`EvalError::Sides`] when its images cannot be pooled; [`EvalError::TooFew`] when it holds a single one.
    pub fn new(data: &Dataset) -> Result<FdPixel, EvalError> {
        let shape = data.shape();
        let mut moments = Moments::new(features(shape)?);
        for block in data.blocks(BLOCK) {
            moments.extend(&pooled(&data.range(block).images, shape))?;
        }
        Ok(FdPixel { shape, reference: moments.gaussian()? })
    }

    /// An empty collection of samples; fill it with [`FdPixel::add`], as they come.
    pub fn samples(&self) -> Moments {
        Moments::new(self.shape.channels * SIDE * SIDE)
    }

    /// Adds `images` (NCHW, of the data's shape) to `samples`. Values are clipped to [-1, 1], as they would be on a
    /// screen.
    ///
    /// # Errors
    /// [`EvalError::Extent`] when they make no whole number of images.
    pub fn add(&self, samples: &mut Moments, images: &[f32]) -> Result<(), EvalError> {
        let dimensions = self.shape.values();
        if !images.len().is_multiple_of(dimensions) {
            return Err(EvalError::Extent { values: images.len(), dimensions });
        }
        samples.extend(&pooled(images, self.shape))
    }

    /// The distance of `samples` from the data.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] below two samples; [`EvalError::NotFinite`] when one held NaN.
    pub fn distance(&self, samples: &Moments) -> Result<Frechet, EvalError> {
        frechet(&samples.gaussian()?, &self.reference)
    }
}

/// How many features an image of this shape has.
fn features(shape: Shape) -> Result<usize, EvalError> {
    let fits = shape.height.is_multiple_of(SIDE) && shape.width.is_multiple_of(SIDE);
    if fits { Ok(shape.channels * SIDE * SIDE) } else { Err(EvalError::Sides(shape)) }
}

/// Clips, and averages each plane down to 8 x 8; of images whose sides are multiples of 8.
fn pooled(images: &[f32], shape: Shape) -> Vec<f64> {
    let (down, across) = (shape.height / SIDE, shape.width / SIDE);
    let share = 1.0 / (down * across) as f64;
    let mut features = vec![0.0; images.len() / (down * across)];
    for (plane, out) in images.chunks(shape.height * shape.width).zip(features.chunks_mut(SIDE * SIDE)) {
        for (y, row) in plane.chunks(shape.width).enumerate() {
            for (x, value) in row.iter().enumerate() {
                out[y / down * SIDE + x / across] += f64::from(value.clamp(-1.0, 1.0)) * share;
            }
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::open;
    use crate::rng::{Draw, Purpose};
    use exp_api::spec::{DatasetSpec, Digits8Spec};

    fn distance(judge: &FdPixel, images: &[f32]) -> f64 {
        let mut samples = judge.samples();
        judge.add(&mut samples, images).unwrap();
        judge.distance(&samples).unwrap().distance
    }

    #[test]
    fn pooling_averages_blocks_of_clipped_values() {
        let shape = Shape { channels: 2, height: 8, width: 16 };
        // In plane 0 a pair (x, x + 1) in each cell, in plane 1 a pair (3, -1), clipped to (1, -1).
        let plane_0 = (0..128).map(|i| (i as f32) / 128.0);
        let plane_1 = (0..128).map(|i| if i % 2 == 0 { 3.0 } else { -1.0 });
        let features = pooled(&plane_0.chain(plane_1).collect::<Vec<_>>(), shape);
        let expected = (0..64).map(|i| (2.0 * f64::from(i) + 0.5) / 128.0).chain([0.0; 64]);
        assert!(features.iter().copied().eq(expected), "{features:?}");
        assert!(matches!(features_of(12), Err(EvalError::Sides(_))));
        assert!(matches!(features_of(64), Ok(192)));
    }

    fn features_of(side: usize) -> Result<usize, EvalError> {
        features(Shape { channels: 3, height: side, width: side })
    }

    /// The figures are those of an independent computation. On the unrounded levels l / 16 * 2 - 1 an all-zero output
    /// is at 45.9206.
    #[test]
    fn digits_against_nothing_their_mean_a_bootstrap_and_themselves() {
        let data = open(&DatasetSpec::Digits8(Digits8Spec { flip: false })).unwrap();
        let judge = FdPixel::new(&data).unwrap();
        let all = data.first(data.len()).images;
        assert!(distance(&judge, &all) < 1e-5);

        let nothing = distance(&judge, &vec![0.0; 64 * 1797]);
        assert!((nothing - 45.884_338).abs() < 1e-5, "{nothing}");

        let mut mean = vec![0.0; 64];
        all.chunks(64).for_each(|image| mean.iter_mut().zip(image).for_each(|(m, v)| *m += v / 1797.0));
        let of_mean = distance(&judge, &mean.repeat(1797)) / nothing;
        assert!((of_mean - 0.408_876).abs() < 1e-5, "{of_mean}");

        let mut stream = Draw::new(0, Purpose::Eval, 0).image(0);
        let mut any = || stream.below(1797) as usize;
        let bootstrap: Vec<f32> = (0..1797).flat_map(|_| all[64 * any()..].iter().take(64).copied()).collect();
        let floor = distance(&judge, &bootstrap) / nothing;
        assert!((0.001..0.0025).contains(&floor), "{floor}");
    }

    #[test]
    fn samples_come_in_any_pieces() {
        let data = open(&DatasetSpec::Digits8(Digits8Spec { flip: false })).unwrap();
        let judge = FdPixel::new(&data).unwrap();
        let images = data.first(300).images;
        let mut samples = judge.samples();
        images.chunks(64 * 7).for_each(|piece| judge.add(&mut samples, piece).unwrap());
        let (pieces, whole) = (judge.distance(&samples).unwrap().distance, distance(&judge, &images));
        assert!((pieces - whole).abs() < 1e-6 * whole);
        assert!(matches!(judge.add(&mut samples, &[0.0; 65]), Err(EvalError::Extent { values: 65, dimensions: 64 })));
        judge.add(&mut samples, &[f32::NAN; 64]).unwrap();
        assert!(matches!(judge.distance(&samples), Err(EvalError::NotFinite)));
    }
}
