//! The trainer's step from its public parts, on images of noise: no data set is needed, and nothing is logged.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, sync_channel};

use exp_api::spec::RunSpec;
use exp_consistency::data::{Dataset, Picks, Shape};
use exp_consistency::engine::{Engine, Given, Resident, Slot};
use exp_consistency::loss::{Clean, Drawn, Images, Objective, joint};
use exp_consistency::net::Network;
use exp_consistency::optim;
use exp_consistency::params::Params;
use exp_consistency::rng::{Draw, Purpose};
use exp_consistency::schedule::Pairs;
use exp_consistency::tensor::Tensor;
use exp_consistency::train::Replicas;

/// What a replica has of its own: what it has recorded, its objective, and the data set where that lies on its device.
type Own<E> = (<E as Engine>::Recorded, Objective<<E as Engine>::T>, Option<Box<dyn Resident<<E as Engine>::T>>>);

/// A run in memory.
pub struct Training<'a, E: Engine> {
    spec: &'a RunSpec,
    network: &'a Network,
    replicas: &'a Replicas<E>,
    drawn: Receiver<Drawn>,
    own: Vec<Own<E>>,
    slots: Params<Slot<E::T>>,
    step: u64,
    unread: Vec<E::T>,
}

impl<'a, E: Engine> Training<'a, E> {
    /// Weights as drawn, and one batch of images.
    pub fn new(spec: &'a RunSpec, network: &'a Network, replicas: &'a Replicas<E>) -> Training<'a, E> {
        let data = noise(spec);
        let (engine, plan) = (replicas.first(), network.params());
        let slots = Params::build(plan, |(id, param)| {
            let weights = engine.upload(&param.shape, &plan.initial(id, spec.seed));
            let zeros = engine.upload(&param.shape, &vec![0.0; param.len()]);
            Slot { ema: weights.clone(), param: weights, m: zeros.clone(), v: zeros }
        });
        let pairs = Pairs::new(&spec.schedule, spec.train.steps);
        let objective = Objective::weightless(&spec.loss).expect("no benchmark needs a perceptual distance");
        let (shape, all) = (data.shape(), data.bytes(0..data.len()));
        let own: Vec<Own<E>> = replicas.each(|engine| {
            let resident = engine.resident(shape.batch(data.len()), all);
            (E::Recorded::default(), objective.on(engine), resident)
        });
        // Ahead of the step, as the trainer does.
        let (send, drawn) = sync_channel(1);
        let (seed, sent) = (spec.seed, own.iter().any(|own| own.2.is_none()));
        std::thread::spawn(move || {
            let (numbers, flipped) = ((0..data.len() as u32).collect::<Vec<_>>(), vec![false; data.len()]);
            let picks = Picks { numbers: &numbers, flipped: &flipped };
            let images = data.picked(picks).images;
            let images = if sent { Images::Here(&images) } else { Images::Resident(picks) };
            let clean = Clean { images, shape, first: 0, classes: None };
            (0..).all(|step| send.send(Drawn::new(&pairs, &clean, seed, step)).is_ok())
        });
        Training { spec, network, replicas, drawn, own, slots, step: 0, unread: Vec::new() }
    }

    /// The values of the step that was asked for last: its loss by replicas, and the norms of its gradients.
    pub fn read(&mut self) -> Vec<Vec<f32>> {
        std::mem::take(&mut self.unread).iter().map(Tensor::to_host).collect()
    }

    /// Asks for one step, and reads the values of the step before, as the trainer does.
    pub fn step(&mut self) {
        let batch = self.spec.train.batch as usize;
        let theta = self.replicas.spread(&self.slots.map(|slot| slot.param.clone()), batch);
        let drawn = self.drawn.recv().expect("the thread draws without end");
        let parts = self.replicas.split(batch, |place, engine, range| {
            let share = range.len() as f64 / batch as f64;
            let (recorded, objective, resident) = &self.own[place];
            let noised = drawn.part(engine, resident.as_deref(), range);
            let given = Given { tensors: &noised.tensors(), drawn: noised.dropout.drawn };
            engine.recurring_grad(recorded, &theta[place], given, |theta, tensors| {
                let loss = joint(self.network, objective, theta, &noised.of(tensors)).total.scale(share);
                (loss.clone(), loss.detach())
            })
        });
        let mut values: Vec<E::T> = parts.iter().map(|(loss, _)| loss.clone()).collect();
        let (train, ema) = (&self.spec.train, &self.spec.ema);
        let engine = self.replicas.first();
        let parts = parts.into_iter().map(|(_, gradients)| gradients);
        self.slots = engine.scope(|| {
            let sum = parts.reduce(|sum, part| sum.zip(&part, |a, b| a.add(&engine.adopt(b))));
            let sum = sum.expect("a batch has at least one image");
            values.extend(["torso", "head"].map(|network| optim::global_norm(&sum, network)));
            optim::update(engine, train, ema, self.step, &self.slots, sum)
        });
        self.step += 1;
        black_box(self.read());
        self.unread = values;
    }
}

/// A data set of images of noise, as many as a batch of a spec has.
pub fn noise(spec: &RunSpec) -> Dataset {
    let (channels, side) = spec.dataset.shape();
    let shape = Shape { channels, height: side, width: side };
    let mut values = vec![0.0; spec.train.batch as usize * shape.values()];
    Draw::new(spec.seed, Purpose::Eval, 0).image(0).fill_normal(&mut values);
    let pixels = values.iter().map(|value| (127.5 * value.clamp(-1.0, 1.0) + 127.5) as u8).collect();
    Dataset::new(shape, pixels, vec![0; spec.train.batch as usize]).expect("at least one image")
}
