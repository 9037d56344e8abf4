//! How fast the moving average of the weights forgets.

use exp_api::spec::EmaSpec;

/// The share of the old average kept in update `t` (the first is 1): min(beta, (1+t)/(10+t)) with warm-up; else 0 in the
/// first `update_after` + 1 updates, which copy the weights, and beta from then on. Between two updates of the average,
/// all of it.
pub(super) fn decay(ema: &EmaSpec, t: u64) -> f64 {
    match ema.warmup {
        false if t <= ema.update_after + 1 => 0.0,
        _ if !t.is_multiple_of(ema.update_every) => 1.0,
        true => ema.beta.min((1 + t) as f64 / (10 + t) as f64),
        false => ema.beta,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::optim::constant;

    #[test]
    fn the_first_two_updates_copy() {
        let ema = constant(0.99993);
        assert_eq!([1, 2, 3, 1000].map(|t| decay(&ema, t)), [0.0, 0.0, 0.99993, 0.99993]);
    }

    #[test]
    fn warm_up_rises_to_beta() {
        let ema = EmaSpec { warmup: true, ..constant(0.98) };
        assert_eq!([1, 8, 440, 441, 1000].map(|t| decay(&ema, t)), [2.0 / 11.0, 0.5, 0.98, 0.98, 0.98]);
        assert!(decay(&ema, 439) < 0.98);
    }

    #[test]
    fn a_longer_start_copies_for_longer() {
        let ema = EmaSpec { update_after: 3, ..constant(0.5) };
        assert_eq!([1, 4, 5].map(|t| decay(&ema, t)), [0.0, 0.0, 0.5]);
    }

    #[test]
    fn between_its_updates_the_average_stays() {
        let ema = EmaSpec { update_every: 4, ..constant(0.9) };
        assert_eq!([2, 3, 4, 5, 8].map(|t| decay(&ema, t)), [0.0, 1.0, 0.9, 1.0, 0.9]);
    }

    proptest! {
        /// Whatever the settings: a share between 0 and 1, so that the average lies among the weights; weights that stay
        /// are their own average; and a step of the weights is followed with what the decays leave of it.
        #[test]
        fn the_average_follows_the_weights(
            beta in 0.0..=1.0f64,
            warmup: bool,
            update_after in 0..6u64,
            update_every in 1..5u64,
            at in 1..40u64,
        ) {
            let ema = EmaSpec { beta, warmup, update_after, update_every };
            // Weights of 1, and of 3 from update `at` on.
            let weight = |t: u64| if t < at { 1.0 } else { 3.0 };
            let (mut average, mut left) = (1.0, 1.0);
            for t in 1..60 {
                let kept = decay(&ema, t);
                prop_assert!((0.0..=1.0).contains(&kept));
                average = kept * average + (1.0 - kept) * weight(t);
                left *= if t < at { 1.0 } else { kept };
                prop_assert!((average - (3.0 - 2.0 * left)).abs() < 1e-9, "{average} at {t}");
            }
        }
    }
}
