//! One training step from the trainer's public parts, on images of noise, and the same step as a trace.

use std::error::Error;

use exp_api::spec::RunSpec;
use exp_consistency::data::Shape;
use exp_consistency::engine::{Engine, Slot};
use exp_consistency::loss::{Clean, Noised, Objective, joint};
use exp_consistency::net::Network;
use exp_consistency::optim;
use exp_consistency::params::Params;
use exp_consistency::rng::{Draw, Purpose};
use exp_consistency::schedule::Pairs;
use exp_consistency::tensor::Tensor;
use serde_json::{Value, json};

use crate::traced::Trace;

/// What a step is made of, but for the engine.
pub struct Course {
    /// The run.
    pub spec: RunSpec,
    network: Network,
    pairs: Pairs,
    shape: Shape,
    images: Vec<f32>,
}

impl Course {
    /// The course of a spec, with one batch of images.
    pub fn new(spec: RunSpec) -> Result<Course, Box<dyn Error>> {
        let (channels, side) = spec.dataset.shape();
        let network = Network::plan(&spec.model, channels, side, spec.schedule.sigma_min)
            .map_err(|problems| problems.into_iter().map(|problem| problem.message).collect::<String>())?;
        let shape = Shape { channels, height: side, width: side };
        let mut images = vec![0.0; spec.train.batch as usize * shape.values()];
        Draw::new(spec.seed, Purpose::Eval, 0).image(0).fill_normal(&mut images);
        images.iter_mut().for_each(|value| *value = value.clamp(-1.0, 1.0));
        let pairs = Pairs::new(&spec.schedule, spec.train.steps);
        Ok(Course { spec, network, pairs, shape, images })
    }

    fn noised<E: Engine>(&self, engine: &E, step: u64) -> Noised<E::T> {
        let clean = Clean { images: &self.images, shape: self.shape, first: 0, classes: None };
        Noised::draw(engine, &self.pairs, &clean, self.spec.seed, step)
    }

    fn weights<E: Engine>(&self, engine: &E) -> Params<E::T> {
        let plan = self.network.params();
        Params::build(plan, |(id, param)| engine.upload(&param.shape, &plan.initial(id, self.spec.seed)))
    }

    /// The first step for another library: its lines, the line of the loss, and the floating-point operations.
    pub fn trace(&self) -> Result<(Value, f64), Box<dyn Error>> {
        let trace = Trace::default();
        let (objective, noised) = (Objective::open(&trace, &self.spec.loss)?, self.noised(&trace, 0));
        let plan = self.network.params();
        let theta = Params::build(plan, |(id, param)| trace.param(&param.shape, &plan.initial(id, self.spec.seed)));
        let loss = joint(&self.network, &objective, &theta, &noised).total.line;
        let (lines, flop) = trace.written();
        let (train, ema) = (&self.spec.train, &self.spec.ema);
        let train = json!({ "lr": train.lr, "betas": train.betas, "eps": train.eps, "ema": ema.beta });
        Ok((json!({ "lines": lines, "loss": loss, "train": train }), flop))
    }
}

/// A run in memory.
pub struct Training<'a, E: Engine> {
    course: &'a Course,
    engine: E,
    objective: Objective<E::T>,
    slots: Params<Slot<E::T>>,
    step: u64,
}

impl<'a, E: Engine> Training<'a, E> {
    /// Weights as drawn.
    pub fn new(course: &'a Course, engine: E) -> Result<Training<'a, E>, Box<dyn Error>> {
        let objective = Objective::open(&engine, &course.spec.loss)?;
        let slots = course.weights(&engine).map(|weights| {
            let zeros = weights.scale(0.0);
            Slot { ema: weights.clone(), param: weights.clone(), m: zeros.clone(), v: zeros }
        });
        Ok(Training { course, engine, objective, slots, step: 0 })
    }

    /// Takes one step; its loss.
    pub fn step(&mut self) -> f32 {
        let (spec, engine) = (&self.course.spec, &self.engine);
        let theta = self.slots.map(|slot| slot.param.clone());
        let noised = self.course.noised(engine, self.step);
        let (loss, (), gradients) = engine
            .value_and_grad(&theta, |theta| (joint(&self.course.network, &self.objective, theta, &noised).total, ()));
        let loss = loss.to_host()[0];
        for network in ["torso", "head"] {
            optim::global_norm(&gradients, network).to_host();
        }
        let rule = |lr| optim::rule(&spec.train, &spec.ema, self.step, spec.train.steps, lr);
        let (torso, head) = (rule(spec.train.lr), rule(spec.train.head_lr.unwrap_or(spec.train.lr)));
        let gradients = optim::clip(&spec.train, gradients);
        self.slots = Params::build(gradients.plan(), |(id, param)| {
            let (slot, gradient) = (&self.slots.tensors()[id], &gradients.tensors()[id]);
            let rule = if param.name.starts_with("head/") { &head } else { &torso };
            if param.trained { engine.update(rule, slot, gradient) } else { slot.clone() }
        });
        self.step += 1;
        loss
    }
}
