//! How fast the moving average of the weights forgets.

use exp_api::spec::EmaSpec;

/// The share of the old average kept in update `t` (the first is 1): min(beta, (1+t)/(10+t)) with warm-up; else 0 in the
/// first two updates, which copy the weights, and beta from then on.
pub(super) fn decay(ema: &EmaSpec, t: u64) -> f64 {
    match ema.warmup {
        true => ema.beta.min((1 + t) as f64 / (10 + t) as f64),
        false if t <= 2 => 0.0,
        false => ema.beta,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_updates_copy() {
        let ema = EmaSpec { beta: 0.99993, warmup: false };
        assert_eq!([1, 2, 3, 1000].map(|t| decay(&ema, t)), [0.0, 0.0, 0.99993, 0.99993]);
    }

    #[test]
    fn warm_up_rises_to_beta() {
        let ema = EmaSpec { beta: 0.98, warmup: true };
        assert_eq!([1, 8, 440, 441, 1000].map(|t| decay(&ema, t)), [2.0 / 11.0, 0.5, 0.98, 0.98, 0.98]);
        assert!(decay(&ema, 439) < 0.98);
    }
}
