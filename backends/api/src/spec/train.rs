//! Budget, optimiser, moving average and cadences. The clock of every cadence is the optimiser's step.

use crate::schema::{Bounds, COUNT, FRACTION, Kind, POSITIVE, at_least, choice, group};

/// Images of one step: room is taken for all of them.
const IMAGES: Kind = Kind::Int { min: 1, max: 1 << 20 };
/// The least that every device can add to a number: smaller ones are 0 to some, and 0/0 is no update.
const EPS: Kind = Kind::Float(Bounds { min: 1e-37, max: f64::INFINITY, above: false });

choice! {
    /// The update rule.
    pub enum OptimizerKind {
        /// Rectified Adam as optax defines it.
        Radam = "radam",
        /// Adam.
        Adam = "adam",
    }
}

choice! {
    /// What gradient clipping bounds.
    pub enum Clip {
        /// Each element, to plus or minus `train.clip`.
        Element = "element",
        /// The norm over all gradients of a network.
        Norm = "norm",
    }
}

group! {
    /// The train group. A cadence of null means never.
    pub struct TrainSpec {
        /// Optimiser steps in all.
        steps: u64 => at_least(1);
        /// Images of one step.
        batch: u64 => IMAGES;
        /// Images of one forward and backward pass; gradients are accumulated. Null: the batch.
        micro_batch: Option<u64> => IMAGES, nullable;
        /// Learning rate of the torso.
        lr: f64 => POSITIVE;
        /// Learning rate of the head. Null: `lr`.
        head_lr: Option<f64> => POSITIVE, nullable;
        /// Fraction of the learning rate's course, at its end, over which it falls linearly to 0.
        lr_decay: f64 => FRACTION;
        /// Steps of that course, which begins again behind its end. Null: `train.steps`, frozen at the first start, so that a
        /// larger budget does not change the past.
        horizon: Option<u64> => at_least(1), nullable;
        /// Steps over which the rate rises linearly from 0.
        warmup: u64 => COUNT;
        /// The update rule.
        optimizer: OptimizerKind => Kind::Choice(OptimizerKind::WORDS);
        /// Decay rates of the first and second moment.
        betas: [f64; 2] => Kind::List { item: &FRACTION, min: 2 };
        /// Added to the denominator of the update.
        eps: f64 => EPS;
        /// Bound on gradients. Null: none.
        clip: Option<f64> => POSITIVE, nullable;
        /// What the bound is on.
        clip_by: Clip => Kind::Choice(Clip::WORDS);
        /// Steps between rows of metrics.jsonl.
        log_every: u64 => at_least(1);
        /// Steps between preview grids.
        preview_every: Option<u64> => at_least(1), nullable;
        /// Steps between checkpoints; the last step always has one.
        checkpoint_every: Option<u64> => at_least(1), nullable;
        /// Steps between evaluations; the last step always has one.
        eval_every: Option<u64> => at_least(1), nullable;
        /// Checkpoints kept besides the best.
        keep: u64 => at_least(1);
    }
}

group! {
    /// The ema group: the moving average of the weights that sampling uses.
    pub struct EmaSpec {
        /// Share of the old average kept in each step.
        beta: f64 => FRACTION;
        /// Ramp up by min(beta, (1+k)/(10+k)), instead of copying the weights in the first two steps.
        warmup: bool => Kind::Bool;
        /// Without `warmup`: the average copies the weights in so many updates and one more.
        update_after: u64 => COUNT;
        /// Updates between two of the average.
        update_every: u64 => at_least(1);
    }
}
