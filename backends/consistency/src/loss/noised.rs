//! A batch at two neighbouring noise levels, along one noise.

use crate::engine::Engine;
use crate::loss::drawn::{Clean, Drawn};
use crate::net::Noisy;
use crate::tensor::{Key, Tensor};

/// A batch as the losses see it.
#[derive(Debug, Clone)]
pub struct Noised<T> {
    /// Clean images in [-1, 1], `[B,C,H,W]`.
    pub y: T,
    /// y + t z.
    pub x_t: T,
    /// y + r z.
    pub x_r: T,
    /// The higher noise level of each image, `[B]`.
    pub t: T,
    /// The lower noise level of each image, `[B]`.
    pub r: T,
    /// `[B]`, 1 where r is 0: there the clean image is known to be the target. None where it never can be.
    pub ends: Option<T>,
    /// `[B,classes]`, 1 at the class of each image; for a network that sees classes.
    pub labels: Option<T>,
    /// Key of the dropout masks.
    pub dropout: Key,
}

impl<T: Tensor> Noised<T> {
    /// Its tensors, in an order that stays.
    pub fn tensors(&self) -> Vec<T> {
        let always = [&self.y, &self.x_t, &self.x_r, &self.t, &self.r];
        always.into_iter().chain(&self.ends).chain(&self.labels).cloned().collect()
    }

    /// A batch with others in their places.
    ///
    /// # Panics
    /// Fewer tensors than its own, or more, which is an error of the caller's code.
    #[must_use]
    pub fn of(&self, tensors: &[T]) -> Noised<T> {
        let mut next = tensors.iter().cloned();
        let mut place = || next.next().unwrap_or_else(|| panic!("a tensor for each place"));
        let batch = Noised {
            y: place(),
            x_t: place(),
            x_r: place(),
            t: place(),
            r: place(),
            ends: self.ends.is_some().then(&mut place),
            labels: self.labels.is_some().then(&mut place),
            dropout: self.dropout,
        };
        assert!(next.next().is_none(), "a place for each tensor");
        batch
    }

    /// The batch with given noise, of the images' shape, and a given pair (t, r) for each image.
    pub fn with<E: Engine<T = T>>(
        engine: &E,
        clean: &Clean,
        noise: &[f32],
        pairs: &[(f64, f64)],
        dropout: u64,
    ) -> Noised<T> {
        Drawn::with(clean, noise.to_vec(), pairs).keyed(engine, None, 0..pairs.len(), dropout)
    }

    /// The upper end of each pair, as a network is asked about it.
    pub fn upper(&self) -> Noisy<'_, T> {
        Noisy { x: &self.x_t, sigma: &self.t, labels: self.labels.as_ref() }
    }

    /// What the student follows: `denoise`, asked about the lower end of each pair, and the clean image where that end is
    /// free of noise.
    pub fn followed(&self, denoise: impl FnOnce(&Noisy<T>) -> T) -> T {
        match &self.ends {
            None => denoise(&Noisy { x: &self.x_r, sigma: &self.r, labels: self.labels.as_ref() }),
            Some(ends) => {
                // No network is asked about noise of level 0, whose logarithm it would need.
                let sigma = self.r.add(&ends.mul(&self.t));
                let image = denoise(&Noisy { x: &self.x_r, sigma: &sigma, labels: self.labels.as_ref() });
                let ends = ends.reshape(&[ends.shape()[0], 1, 1, 1]);
                image.add(&ends.mul(&self.y.sub(&image)))
            }
        }
    }
}

#[cfg(test)]
impl<T: Tensor> Noised<T> {
    /// Images without noise at these levels.
    pub(super) fn still(y: &T, t: T, r: T) -> Noised<T> {
        let [y, x_t, x_r] = [(); 3].map(|()| y.clone());
        Noised { y, x_t, x_r, t, r, ends: None, labels: None, dropout: Key::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::loss::Images;
    use crate::oracle::OracleEngine;

    const SHAPE: Shape = Shape { channels: 2, height: 1, width: 3 };

    /// Two images, the first of which is followed at level 0.
    #[test]
    fn without_noise_the_image_itself_is_followed() {
        let images: Vec<f32> = (0..12).map(|i| i as f32 / 12.0).collect();
        let clean = Clean { images: Images::Here(&images), shape: SHAPE, first: 0, classes: Some((&[2, 0], 3)) };
        let batch = Noised::with(&OracleEngine, &clean, &[1.0; 12], &[(2.0, 0.0), (4.0, 1.0)], 0);
        assert_eq!(batch.labels.as_ref().map(|labels| labels.values.clone()), Some(vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0]));
        let found = batch.followed(|noisy| {
            assert_eq!(noisy.sigma.values, [2.0, 1.0]);
            noisy.x.scale(0.0).offset(7.0)
        });
        assert_eq!(found.values[..6], batch.y.values[..6]);
        assert_eq!(found.values[6..], [7.0; 6]);
    }
}
