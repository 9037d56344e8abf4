//! The learning rate's course: a linear rise, a constant, a linear fall.

use exp_api::spec::TrainSpec;

/// The share of the full rate that update `k` gets (the first is 0) on a course of H updates, `train.horizon` or else all of
/// the run: k/W over the first W = `warmup`, (H - k)/D over the last D = `lr_decay` H, 1 elsewhere, and the product where they
/// meet. The fall would reach 0 one update after the last.
///
/// A run that goes on beyond H begins the course again, without the rise: a rate that stayed at 0 would teach nothing, and
/// one that depended on the budget would change the past of a run that is given more.
pub(super) fn share(train: &TrainSpec, k: u64) -> f64 {
    let horizon = train.horizon.unwrap_or(train.steps);
    let ramp = |done: u64, length: f64| if (done as f64) < length { done as f64 / length } else { 1.0 };
    ramp(k, train.warmup as f64) * ramp(horizon - k % horizon, train.lr_decay * horizon as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::rule::tests::train;

    #[test]
    fn the_rate_rises_stays_and_falls() {
        let spec = TrainSpec { steps: 16, warmup: 4, lr_decay: 0.25, ..train() };
        let course = |spec: &TrainSpec| (0..20).map(|k| share(spec, k)).collect::<Vec<f64>>();
        let expected =
            [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(course(&spec), expected);
        assert_eq!(course(&TrainSpec { steps: 20, horizon: Some(16), ..spec }), expected, "given more steps later");
    }

    #[test]
    fn without_either_it_is_constant() {
        assert!((0..100).all(|k| share(&train(), k) == 1.0));
    }

    #[test]
    fn the_last_update_still_moves() {
        for lr_decay in [0.001, 0.4, 1.0] {
            let spec = TrainSpec { lr_decay, ..train() };
            assert!(share(&spec, 99) > 0.0);
        }
    }

    #[test]
    fn overlapping_ramps_multiply() {
        let spec = TrainSpec { steps: 10, warmup: 10, lr_decay: 1.0, ..train() };
        assert_eq!(share(&spec, 5), 0.25);
    }
}
