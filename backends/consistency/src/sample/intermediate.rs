//! Images of the data set, noised to a level between the ends and denoised at once: what a consistency function makes of
//! paths that it did not start.

use crate::tensor::Tensor;

/// D(y + sigma z, sigma), for standard normal `noise(0)`; without clean images y is 0.
pub(crate) fn images<T: Tensor>(
    sigma: f64,
    clean: Option<&T>,
    denoise: impl Fn(&T, f64) -> T,
    mut noise: impl FnMut(u64) -> T,
) -> T {
    let noise = noise(0).scale(sigma);
    denoise(&clean.map_or_else(|| noise.clone(), |clean| clean.add(&noise)), sigma)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::draw::tests::{MEAN, Z, consistency, noise, spread};

    /// The flow of normal data takes y + sigma z to its quantile.
    #[test]
    fn it_follows_the_flow_from_a_noised_image() {
        let clean = noise(1);
        let found = images(17.0, Some(&clean), consistency, noise);
        let expected = MEAN + (Z[1] + 17.0 * Z[0] - MEAN) * spread(0.002) / spread(17.0);
        assert!((found.values[0] - expected).abs() < 1e-12);
        let from_noise = images(17.0, None, consistency, noise);
        assert!((from_noise.values[0] - found.values[0] + Z[1] * spread(0.002) / spread(17.0)).abs() < 1e-12);
    }
}
