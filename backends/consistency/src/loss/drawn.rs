//! What a step draws for its images: noise, and two neighbouring noise levels along it.

use std::ops::Range;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use crate::data::{Picks, Shape};
use crate::engine::{Engine, Resident};
use crate::loss::Noised;
use crate::net::one_hot;
use crate::rng::{Draw, Purpose};
use crate::schedule::Pairs;
use crate::tensor::{Key, Tensor};

/// Values of noise that one thread draws at least, in about a millisecond: a GPU may take batches faster than one can draw
/// them.
const TOGETHER: usize = 1 << 15;

/// Where images are.
#[derive(Debug, Clone, Copy)]
pub enum Images<'a> {
    /// On the host: values in [-1, 1], image by image, NCHW.
    Here(&'a [f32]),
    /// On the device, where the data set lies.
    Resident(Picks<'a>),
}

/// Consecutive images of one step.
#[derive(Debug, Clone, Copy)]
pub struct Clean<'a> {
    /// The images.
    pub images: Images<'a>,
    /// The extent of one image.
    pub shape: Shape,
    /// Place of the first of them in the step's batch.
    pub first: u64,
    /// The class of each image and how many classes there are, for a network that sees classes.
    pub classes: Option<(&'a [u16], usize)>,
}

/// What a step draws, still on the host. Pure functions of (seed, step) and the place of an image in the step, so that it can
/// be made ahead, by another thread.
#[derive(Debug, Clone)]
pub struct Drawn {
    shape: Shape,
    images: Own,
    /// The noise of each image.
    z: Vec<f32>,
    t: Vec<f32>,
    r: Vec<f32>,
    /// Whether r can be 0. The same at every step, so that all do the same operations.
    ends: bool,
    classes: Option<(Vec<u16>, usize)>,
    /// Place of the first image in the step.
    first: u64,
    dropout: Draw,
}

/// [`Images`], owned.
#[derive(Debug, Clone)]
enum Own {
    Here(Vec<f32>),
    Resident(Vec<u32>, Vec<bool>),
}

impl Drawn {
    /// The draws of `step` for these images.
    pub fn new(pairs: &Pairs, clean: &Clean, seed: u64, step: u64) -> Drawn {
        let size = clean.shape.values();
        let mut noise = vec![0.0; clean.count() * size];
        // An image owns its stream, so any thread may draw it.
        noise.par_chunks_mut(size).with_min_len(TOGETHER.div_ceil(size)).enumerate().for_each(|(i, z)| {
            Draw::new(seed, Purpose::Noise, step).image(clean.first + i as u64).fill_normal(z);
        });
        let places = clean.first..clean.first + clean.count() as u64;
        let level = |place| pairs.draw(step, &mut Draw::new(seed, Purpose::Sigma, step).image(place));
        let levels: Vec<(f64, f64)> = places.map(level).collect();
        let (dropout, ends) = (Draw::new(seed, Purpose::Dropout, step), pairs.may_end());
        Drawn { dropout, ends, ..Drawn::with(clean, noise, &levels) }
    }

    /// With given noise, of the images' shape, and a given pair (t, r) for each image.
    pub(super) fn with(clean: &Clean, z: Vec<f32>, pairs: &[(f64, f64)]) -> Drawn {
        Drawn {
            shape: clean.shape,
            images: match clean.images {
                Images::Here(values) => Own::Here(values.to_vec()),
                Images::Resident(picks) => Own::Resident(picks.numbers.to_vec(), picks.flipped.to_vec()),
            },
            z,
            t: pairs.iter().map(|pair| pair.0 as f32).collect(),
            r: pairs.iter().map(|pair| pair.1 as f32).collect(),
            ends: pairs.iter().any(|pair| pair.1 == 0.0),
            classes: clean.classes.map(|(labels, count)| (labels.to_vec(), count)),
            first: clean.first,
            dropout: Draw::new(0, Purpose::Dropout, 0),
        }
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        self.t.len()
    }

    /// Some of the images on a device. What an image gets does not depend on how the step is split; only dropout masks,
    /// which have the shape of a part, are drawn for each part.
    ///
    /// # Panics
    /// Images are picked, and none are `resident`: an error of the caller's code.
    pub fn part<E: Engine>(
        &self,
        engine: &E,
        resident: Option<&dyn Resident<E::T>>,
        range: Range<usize>,
    ) -> Noised<E::T> {
        let key = self.dropout.image(self.first + range.start as u64).below(u64::MAX);
        self.keyed(engine, resident, range, key)
    }

    pub(super) fn keyed<E: Engine>(
        &self,
        engine: &E,
        resident: Option<&dyn Resident<E::T>>,
        range: Range<usize>,
        dropout: u64,
    ) -> Noised<E::T> {
        let (batch, size) = (range.len(), self.shape.values());
        let images =
            |values: &[f32]| engine.upload(&self.shape.batch(batch), &values[range.start * size..range.end * size]);
        let levels = |values: &[f32]| engine.upload(&[batch], &values[range.clone()]);
        let ends = || self.r.iter().map(|&r| f32::from(u8::from(r == 0.0))).collect::<Vec<_>>();
        let labels = self.classes.as_ref().map(|(labels, count)| {
            one_hot(engine, labels[range.clone()].iter().map(|&label| u64::from(label)), *count)
        });
        let y = match (&self.images, resident) {
            (Own::Here(values), _) => images(values),
            (Own::Resident(numbers, flipped), Some(resident)) => {
                resident.pick(Picks { numbers: &numbers[range.clone()], flipped: &flipped[range.clone()] })
            }
            (Own::Resident(..), None) => panic!("images are picked that lie on no device"),
        };
        let (z, t, r) = (images(&self.z), levels(&self.t), levels(&self.r));
        // A product, then a sum: the same bits on every engine.
        let at = |level: &E::T| y.add(&z.mul(&level.reshape(&[batch, 1, 1, 1])));
        Noised {
            x_t: at(&t),
            x_r: at(&r),
            y,
            t,
            r,
            ends: self.ends.then(|| levels(&ends())),
            labels,
            dropout: Key::new(dropout),
        }
    }
}

impl Clean<'_> {
    fn count(&self) -> usize {
        match self.images {
            Images::Here(values) => values.len() / self.shape.values(),
            Images::Resident(picks) => picks.numbers.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use exp_api::spec::{EctPairsSpec, ScheduleKind, ScheduleSpec};

    use super::*;
    use crate::oracle::{Doubles, OracleEngine};
    use crate::schedule::{Ict, PAPER};

    const SHAPE: Shape = Shape { channels: 2, height: 1, width: 3 };

    fn schedule() -> Ict {
        Ict::new(&PAPER, 400_000)
    }

    fn draw(images: &[f32], first: u64, seed: u64, step: u64) -> Noised<Doubles> {
        let clean = Clean { images: Images::Here(images), shape: SHAPE, first, classes: None };
        let drawn = Drawn::new(&Pairs::Ict(schedule()), &clean, seed, step);
        drawn.part(&OracleEngine, None, 0..drawn.count())
    }

    #[test]
    fn an_image_does_not_know_how_the_step_is_split() {
        let images: Vec<f32> = (0..24).map(|i| i as f32 / 24.0).collect();
        let whole = draw(&images, 0, 1, 9);
        let parts = [draw(&images[..6], 0, 1, 9), draw(&images[6..], 1, 1, 9)];
        let tensors = |b: &Noised<Doubles>| [b.y.clone(), b.x_t.clone(), b.x_r.clone(), b.t.clone(), b.r.clone()];
        let [left, right] = parts.each_ref().map(tensors);
        for (i, tensor) in tensors(&whole).iter().enumerate() {
            assert_eq!(*tensor, Doubles::cat(&[&left[i], &right[i]], 0));
        }
        assert_ne!(parts[0].dropout, parts[1].dropout);
        for other in [draw(&images, 0, 2, 9), draw(&images, 0, 1, 10)] {
            assert!(other.x_t != whole.x_t && other.t != whole.t && other.dropout != whole.dropout);
        }
    }

    /// So many that several threads draw them.
    #[test]
    fn an_image_does_not_know_who_draws_it() {
        let shape = Shape { channels: 3, height: 64, width: 64 };
        let images = vec![0.0; 9 * shape.values()];
        let drawn = |images: &[f32], first| {
            let clean = Clean { images: Images::Here(images), shape, first, classes: None };
            Drawn::new(&Pairs::Ict(schedule()), &clean, 1, 3).z
        };
        let whole = drawn(&images, 0);
        assert!(whole.len() > 3 * TOGETHER);
        for (place, own) in whole.chunks(shape.values()).enumerate() {
            assert_eq!(own, drawn(&images[..shape.values()], place as u64));
        }
    }

    #[test]
    fn both_levels_lie_on_one_noise() {
        let images: Vec<f32> = (0..24).map(|i| i as f32 / 24.0).collect();
        let batch = draw(&images, 0, 1, 0);
        let along = |t: &Doubles| t.reshape(&[4, 1, 1, 1]);
        let z_t = batch.x_t.sub(&batch.y).div(&along(&batch.t));
        let z_r = batch.x_r.sub(&batch.y).div(&along(&batch.r));
        assert_eq!(batch.x_t.shape, [4, 2, 1, 3]);
        assert!(z_t.values.iter().zip(&z_r.values).all(|(a, b)| (a - b).abs() < 1e-3 && a.abs() < 5.0));
        let levels = &schedule().at(0).sigmas.iter().map(|&s| f64::from(s as f32)).collect::<Vec<_>>();
        for (t, r) in batch.t.values.iter().zip(&batch.r.values) {
            assert!(levels.windows(2).any(|pair| pair == [*r, *t]));
        }
    }

    /// All pairs end at first and none later, and the steps are given the same tensors.
    #[test]
    fn a_step_whose_pairs_can_end_says_which_do() {
        let ect = EctPairsSpec { q: 2.0, k: 1e6, b: 1.0, double_every: Some(100) };
        let spec = ScheduleSpec { kind: ScheduleKind::Ect, ect, ..PAPER };
        let drawn = |step| {
            let clean = Clean { images: Images::Here(&[0.5; 12]), shape: SHAPE, first: 0, classes: None };
            Drawn::new(&Pairs::new(&spec, 100), &clean, 1, step).part(&OracleEngine, None, 0..2)
        };
        let ends = [0, u64::MAX].map(|step| drawn(step).ends.map(|ends| ends.values));
        assert_eq!(ends, [Some(vec![1.0, 1.0]), Some(vec![0.0, 0.0])]);
        assert!(draw(&[0.5; 12], 0, 1, 0).ends.is_none());
    }
}
