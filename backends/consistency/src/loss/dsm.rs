//! Denoising score matching of the head, in EDM's weighting (Karras et al. 2022, section 5).

use crate::loss::Noised;
use crate::net::precondition::SIGMA_DATA;
use crate::tensor::Tensor;

/// lambda times the mean of (t^2 + sigma_data^2) / (t sigma_data)^2 (denoised - y)^2, `[1]`.
pub(crate) fn term<T: Tensor>(lambda: f64, denoised: &T, batch: &Noised<T>) -> T {
    let size = batch.t.shape()[0];
    // The weight is 1/sigma_data^2 + 1/t^2.
    let weight = batch.t.square().recip().offset(SIGMA_DATA.powi(-2)).scale(lambda).reshape(&[size, 1, 1, 1]);
    denoised.sub(&batch.y).square().mean(&[1, 2, 3]).mul(&weight).mean_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Doubles;

    #[test]
    fn it_weights_as_edm_does() {
        let shape = [2, 1, 1, 2];
        let y = Doubles::new(&shape, [0.0, 0.5, -0.5, 1.0]);
        let (t, r) = (Doubles::new(&[2], [0.5, 2.0]), Doubles::new(&[2], [0.25, 1.0]));
        let batch = Noised::still(&y, t, r);
        let denoised = y.add(&Doubles::new(&shape, [1.0, 0.0, 0.0, 2.0]));
        // (t^2 + s^2) / (t s)^2 is 8 at t = s = 0.5, and 4.25 at t = 2.
        let expected = 0.3 * (8.0 * 1.0 + 4.25 * 4.0) / 4.0;
        assert!((term(0.3, &denoised, &batch).values[0] - expected).abs() < 1e-12);
    }
}
