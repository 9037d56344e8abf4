//! The coefficients of one update: Adam (Kingma & Ba 2015) or rectified Adam (Liu et al. 2020).

use exp_api::Problem;
use exp_api::spec::{EmaSpec, OptimizerKind, TrainSpec};

use super::{ema, rate};
use crate::engine::Update;

/// The update after `k` others, at full learning rate `lr`.
pub fn rule(train: &TrainSpec, ema: &EmaSpec, k: u64, lr: f64) -> Update {
    let t = k + 1;
    let [b1, b2] = train.betas;
    Update {
        lr: lr * rate::share(train, k),
        b1,
        b2,
        eps: train.eps,
        m_hat: (1.0 - libm::pow(b1, t as f64)).recip(),
        v_hat: (1.0 - libm::pow(b2, t as f64)).recip(),
        adapt: match train.optimizer {
            OptimizerKind::Adam => Some(1.0),
            OptimizerKind::Radam => rectifier(b2, t),
        },
        ema: ema::decay(ema, t),
    }
}

/// What is wrong with the optimiser's settings beyond the range of each value.
pub fn check(train: &TrainSpec) -> Vec<Problem> {
    let [b1, b2] = train.betas;
    if b1 < 1.0 && b2 < 1.0 {
        return Vec::new();
    }
    vec![Problem::new("train.betas", format!("expected two numbers below 1, found [{b1}, {b2}]"))]
}

/// RAdam's rectifier in update `t` (the first is 1); none while the variance has too few terms (rho_t < 5).
fn rectifier(b2: f64, t: u64) -> Option<f64> {
    let decayed = libm::pow(b2, t as f64);
    let limit = 2.0 / (1.0 - b2) - 1.0;
    let rho = limit - 2.0 * t as f64 * decayed / (1.0 - decayed);
    let share = (rho - 4.0) * (rho - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * rho);
    (rho >= 5.0).then(|| share.sqrt())
}

#[cfg(test)]
pub(super) mod tests {
    use exp_api::spec::Clip;

    use super::*;
    use crate::engine::{Engine, Slot};
    use crate::oracle::{Doubles, OracleEngine};

    /// Rectified Adam at the usual settings.
    pub(in crate::optim) fn train() -> TrainSpec {
        TrainSpec {
            steps: 100,
            batch: 8,
            micro_batch: None,
            lr: 0.01,
            head_lr: None,
            lr_decay: 0.0,
            horizon: None,
            warmup: 0,
            optimizer: OptimizerKind::Radam,
            betas: [0.9, 0.999],
            eps: 1e-8,
            clip: None,
            clip_by: Clip::Element,
            log_every: 1,
            preview_every: None,
            checkpoint_every: None,
            eval_every: None,
            keep: 1,
        }
    }

    const EMA: EmaSpec = crate::optim::constant(0.99);

    #[test]
    fn the_rectifier_has_the_worked_values() {
        let found = |k| rule(&train(), &EMA, k, 0.01).adapt;
        assert!((0..5).all(|k| found(k).is_none()));
        for (t, expected) in [(6, 0.0258211), (7, 0.0327388), (10, 0.0489980), (100, 0.2153354)] {
            let r = found(t - 1).expect("rectified");
            assert!((r - expected).abs() < 1e-7, "update {t}: {r} is not {expected}");
        }
        assert!((found(1_000_000).expect("rectified") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_short_memory_is_never_rectified() {
        let forgetful = TrainSpec { betas: [0.9, 0.5], ..train() };
        assert!((0..1000).all(|k| rule(&forgetful, &EMA, k, 0.01).adapt.is_none()));
    }

    #[test]
    fn biases_are_corrected_and_the_average_follows() {
        let adam = TrainSpec { optimizer: OptimizerKind::Adam, ..train() };
        let first = rule(&adam, &EMA, 0, 0.01);
        assert!((first.m_hat - 10.0).abs() < 1e-12 && (first.v_hat - 1000.0).abs() < 1e-9);
        assert_eq!((first.adapt, first.ema, first.lr), (Some(1.0), 0.0, 0.01));
        assert_eq!(rule(&adam, &EMA, 1, 0.01).ema, 0.0);
        assert_eq!(rule(&adam, &EMA, 2, 0.01).ema, 0.99);
    }

    /// With a constant gradient g the corrected moments are g and g^2.
    #[test]
    fn a_constant_gradient_moves_evenly() {
        let zero = Doubles::new(&[2], [0.0, 0.0]);
        let gradient = Doubles::new(&[2], [0.5, -4.0]);
        for (optimizer, steps, expected) in
            [(OptimizerKind::Adam, 7, [-0.07, 0.07]), (OptimizerKind::Radam, 5, [-0.025, 0.2])]
        {
            let spec = TrainSpec { optimizer, ..train() };
            let start = Slot { param: zero.clone(), ema: zero.clone(), m: zero.clone(), v: zero.clone() };
            let end =
                (0..steps).fold(start, |slot, k| OracleEngine.update(&rule(&spec, &EMA, k, 0.01), &slot, &gradient));
            assert!(end.param.values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-8), "{:?}", end.param);
        }
    }

    #[test]
    fn a_decay_rate_of_one_is_refused() {
        assert!(check(&train()).is_empty());
        assert_eq!(check(&TrainSpec { betas: [0.9, 1.0], ..train() })[0].key, "train.betas");
    }
}
