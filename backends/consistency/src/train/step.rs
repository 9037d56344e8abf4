//! One step: a batch, its loss and gradients over all replicas, and the update.

use exp_api::spec::RunSpec;

use super::Replicas;
use super::state::TrainState;
use crate::data::Dataset;
use crate::engine::{Engine, Given, Resident};
use crate::loss::{Drawn, Noised, Objective, joint, parts};
use crate::net::Network;
use crate::optim;
use crate::params::Params;
use crate::tensor::Tensor;

/// What a step is made of, fixed for the run.
pub(super) struct Recipe<'a, E: Engine> {
    pub(super) spec: &'a RunSpec,
    pub(super) network: &'a Network,
    /// What each replica has of its own.
    pub(super) own: &'a [Own<E>],
    pub(super) replicas: &'a Replicas<E>,
}

/// What a replica has of its own for a run.
pub(super) struct Own<E: Engine> {
    recorded: E::Recorded,
    objective: Objective<E::T>,
    resident: Option<Box<dyn Resident<E::T>>>,
}

impl<E: Engine> Own<E> {
    /// For an objective and a data set, which may come to lie on the devices of all; never of some, which would hold it
    /// for nothing.
    pub(super) fn of_each(replicas: &Replicas<E>, objective: &Objective<E::T>, data: &Dataset) -> Vec<Own<E>> {
        let mut all = replicas.each(|engine| {
            let resident = engine.resident(data.shape().batch(data.len()), data.bytes(0..data.len()));
            Own { recorded: E::Recorded::default(), objective: objective.on(engine), resident }
        });
        if !all.iter().all(Own::has_data) {
            all.iter_mut().for_each(|own| own.resident = None);
        }
        all
    }

    /// Whether the data set lies on the device.
    pub(super) fn has_data(&self) -> bool {
        self.resident.is_some()
    }
}

/// Values of one step, on the host.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Values {
    /// The total loss.
    pub(super) loss: f64,
    /// Its parts by name.
    pub(super) parts: Vec<(&'static str, f64)>,
    /// Norms of the gradients of each network, before clipping.
    pub(super) norms: Vec<(&'static str, f64)>,
}

impl Values {
    /// The first value that is not finite, by its name in `metrics.jsonl`.
    pub(super) fn not_finite(&self) -> Option<String> {
        let parts = self.parts.iter().map(|(name, value)| (format!("loss/{name}"), *value));
        let norms = self.norms.iter().map(|(name, value)| (format!("grad_norm/{name}"), *value));
        parts.chain(norms).find(|(_, value)| !value.is_finite()).map(|(name, _)| name)
    }
}

impl<E: Engine> Recipe<'_, E> {
    /// Loss and gradients of a step's images at the weights of `state`. Asked for, not waited for: a device may still be at work.
    pub(super) fn gradients(&self, state: &TrainState<E::T>, drawn: &Drawn) -> (Unread<E::T>, Params<E::T>) {
        let size = drawn.count();
        let micro = self.spec.train.micro_batch.map_or(size, |micro| micro as usize).min(size);
        // Sent once: a copy between two GPUs waits for what the first one has been asked to compute.
        let theta = self.replicas.spread(&state.theta(), micro);
        let engine = self.replicas.first();
        let mut sum: Option<Part<E::T>> = None;
        for first in (0..size).step_by(micro) {
            let len = micro.min(size - first);
            let parts = self.replicas.split(len, |place, engine, range| {
                // Each part counts by its share of the batch, so that the sum over parts is the mean over images.
                let share = range.len() as f64 / size as f64;
                let (own, range) = (&self.own[place], first + range.start..first + range.end);
                let noised = drawn.part(engine, own.resident.as_deref(), range);
                self.part(engine, own, &theta[place], &noised, share)
            });
            // Added as they come: the gradients of one micro-batch are held, not those of all.
            sum = engine.scope(|| sum.take().into_iter().chain(parts).reduce(|sum, part| sum.plus(engine, &part)));
        }
        let Some(sum) = sum else {
            unreachable!("a batch has at least one image");
        };
        engine.scope(|| sum.measured())
    }

    /// The state after an update by `gradients`.
    pub(super) fn updated(&self, state: &TrainState<E::T>, gradients: Params<E::T>) -> TrainState<E::T> {
        let (train, ema) = (&self.spec.train, &self.spec.ema);
        let engine = self.replicas.first();
        let slots = engine.scope(|| optim::update(engine, train, ema, state.step, &state.slots, gradients));
        TrainState { step: state.step + 1, slots }
    }

    /// Loss and gradients of some of the images, times their share.
    fn part(&self, engine: &E, own: &Own<E>, theta: &Params<E::T>, noised: &Noised<E::T>, share: f64) -> Part<E::T> {
        let objective = &own.objective;
        let given = Given { tensors: &noised.tensors(), drawn: noised.dropout.drawn };
        let (row, gradients) = engine.recurring_grad(&own.recorded, theta, given, |theta, tensors| {
            let terms = joint(self.network, objective, theta, &noised.of(tensors));
            let values = [&terms.total].into_iter().chain(terms.parts.iter().map(|(_, value)| value));
            (terms.total.scale(share), E::T::cat(&values.collect::<Vec<_>>(), 0).detach().scale(share))
        });
        Part { names: parts(self.network, objective), rows: vec![row], gradients }
    }
}

/// Loss and gradients of a part of the batch, weighted by its share.
struct Part<T> {
    names: Vec<&'static str>,
    /// The loss and its parts by `names`, a row for every part of the batch.
    rows: Vec<T>,
    gradients: Params<T>,
}

impl<T: Tensor> Part<T> {
    /// Both parts, on the device of this one.
    fn plus<E: Engine<T = T>>(mut self, engine: &E, other: &Part<T>) -> Part<T> {
        self.rows.extend_from_slice(&other.rows);
        Part { gradients: self.gradients.zip(&other.gradients, |a, b| a.add(&engine.adopt(b))), ..self }
    }

    /// The values of a whole batch, and its gradients.
    fn measured(self) -> (Unread<T>, Params<T>) {
        let has_head = self.gradients.plan().count("head/") > 0;
        let networks = if has_head { vec!["torso", "head"] } else { vec!["torso"] };
        let norms = networks.into_iter().map(|name| (name, optim::global_norm(&self.gradients, name))).collect();
        (Unread { names: self.names, rows: self.rows, norms }, self.gradients)
    }
}

/// Values of one step that are still on the device.
pub(super) struct Unread<T> {
    names: Vec<&'static str>,
    rows: Vec<T>,
    norms: Vec<(&'static str, T)>,
}

impl<T: Tensor> Unread<T> {
    /// The values, once the device has them.
    pub(super) fn read(self) -> Values {
        let mut sums = vec![0.0; 1 + self.names.len()];
        for row in &self.rows {
            sums.iter_mut().zip(row.to_host()).for_each(|(sum, value)| *sum += f64::from(value));
        }
        let norm = |tensor: &T| tensor.to_host().first().copied().map_or(f64::NAN, f64::from);
        Values {
            loss: sums[0],
            parts: self.names.into_iter().zip(sums[1..].iter().copied()).collect(),
            norms: self.norms.iter().map(|(name, tensor)| (*name, norm(tensor))).collect(),
        }
    }
}
