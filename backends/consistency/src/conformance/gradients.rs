//! Whether an engine's gradients are the slopes of the oracle.
//!
//! The oracle has no tape: its slopes are central differences, which in `f64` are exact to about nine digits, so that
//! the tolerance is left to the engine's `f32` alone.

use std::sync::Arc;

use super::case::{Case, Input};
use super::values::close;
use crate::engine::Engine;
use crate::oracle::Doubles;
use crate::params::{Init, Params, Plan};
use crate::rng::{Draw, Purpose};
use crate::tensor::Tensor;

/// Step of the differences: the error of the slope is of order STEP^2 by its form and 1e-16 / STEP by rounding.
const STEP: f64 = 1.0 / 16384.0;
/// Of an input with more values than this, only so many slopes are taken one by one.
const SINGLE: usize = 24;
/// Share of the size of the slopes by which a gradient may be off.
const TOLERANCE: f64 = 1e-5;

/// The gradient of a randomly weighted sum of the operation's values: with all inputs on the tape, and with each alone
/// there, the others being constants.
pub(super) fn agree<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let weights = weights(case.exact().values().len());
    let slopes: Vec<Slopes> = (0..case.inputs.len()).map(|i| Slopes::of(case, i, &weights)).collect();
    let all: Vec<usize> = (0..case.inputs.len()).collect();
    let alone = all.iter().map(std::slice::from_ref).filter(|_| all.len() > 1);
    let exact: f64 = case.exact().values().iter().zip(&weights).map(|(a, &w)| a * f64::from(w)).sum();
    let bound = TOLERANCE * case.size(&weights);
    for taped in alone.chain([&all[..]]) {
        let (value, gradients) = gradients(engine, case, taped, &weights);
        close(&value, &[exact], &[bound]).map_err(|fault| format!("value: {fault}"))?;
        for (&input, gradient) in taped.iter().zip(&gradients) {
            let words = |fault| format!("gradient of input {input} with {taped:?} on the tape: {fault}");
            slopes[input].agree(gradient).map_err(words)?;
        }
    }
    Ok(())
}

/// The value of the weighted sum and the gradients of the inputs in `taped`, as the engine computes them.
pub(super) fn gradients<E: Engine>(
    engine: &E,
    case: &Case,
    taped: &[usize],
    weights: &[f32],
) -> (Vec<f32>, Vec<Vec<f32>>) {
    let constants = case.upload(engine);
    let theta = params(taped.iter().map(|&i| (case.inputs[i].shape.clone(), constants[i].clone())));
    let (value, (), gradients) = engine.value_and_grad(&theta, |theta| {
        let mut inputs = constants.clone();
        taped.iter().zip(theta.tensors()).for_each(|(&i, tensor)| inputs[i] = tensor.clone());
        let output = case.apply(&inputs);
        (output.mul(&engine.upload(&output.shape(), weights)).sum_all(), ())
    });
    (value.to_host(), gradients.tensors().iter().map(Tensor::to_host).collect())
}

/// A set of parameters made of these tensors.
pub(super) fn params<T>(tensors: impl IntoIterator<Item = (Vec<usize>, T)>) -> Params<T> {
    let (mut plan, mut kept) = (Plan::default(), Vec::new());
    for (shape, tensor) in tensors {
        plan.param(&format!("p{}", kept.len()), &shape, Init::Zeros);
        kept.push(Some(tensor));
    }
    Params::build(&Arc::new(plan), |(i, _)| kept[i].take().expect("each parameter is built once"))
}

/// Weights of a sum, so that no gradient vanishes.
pub(super) fn weights(len: usize) -> Vec<f32> {
    let mut weights = vec![0.0; len];
    Draw::new(2, Purpose::Eval, 0).image(0).fill_normal(&mut weights);
    weights
}

/// What is known of the gradient of one input.
struct Slopes {
    /// Places with the slope there.
    single: Vec<(usize, f64)>,
    /// A direction through all places with the slope along it, where not every place stands in `single`.
    along: Option<(Vec<f64>, f64)>,
    /// What a slope is made of: the weights, spread over the places. A slope far below has lost digits by cancelling.
    terms: f64,
}

impl Slopes {
    fn of(case: &Case, input: usize, weights: &[f32]) -> Slopes {
        let len = case.inputs[input].values.len();
        let slope = |direction: &dyn Fn(usize) -> f64| {
            let value = |step: f64| {
                let moved: Vec<Doubles> = case.inputs.iter().map(Input::doubles).collect();
                let shifted = moved[input].values().iter().enumerate().map(|(i, a)| a + step * direction(i));
                let shifted = Doubles::new(&case.inputs[input].shape, shifted.collect::<Vec<_>>());
                let inputs: Vec<Doubles> = moved
                    .iter()
                    .enumerate()
                    .map(|(i, x)| if i == input { shifted.clone() } else { x.clone() })
                    .collect();
                let output = case.apply(&inputs);
                output.values().iter().zip(weights).map(|(a, &w)| a * f64::from(w)).sum::<f64>()
            };
            (value(STEP) - value(-STEP)) / (2.0 * STEP)
        };
        // The first, the last, and others evenly between.
        let count = len.min(SINGLE);
        let places = (0..count).map(|i| if count > 1 { i * (len - 1) / (count - 1) } else { 0 });
        let single = places.map(|at| (at, slope(&|i| f64::from(u8::from(i == at))))).collect();
        let along = (len > SINGLE).then(|| {
            let mut stream = Draw::new(3, Purpose::Eval, 0).image(0);
            let direction: Vec<f64> = (0..len).map(|_| stream.normal()).collect();
            let slope = slope(&|i| direction[i]);
            (direction, slope)
        });
        let squares: f64 = weights.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        Slopes { single, along, terms: (squares / len as f64).sqrt() }
    }

    fn agree(&self, gradient: &[f32]) -> Result<(), String> {
        let largest = self.single.iter().map(|(_, slope)| slope.abs()).fold(0.0, f64::max);
        let found: Vec<f32> = self.single.iter().map(|&(at, _)| gradient[at]).collect();
        let expected: Vec<f64> = self.single.iter().map(|&(_, slope)| slope).collect();
        let bound = TOLERANCE * largest.max(self.terms);
        close(&found, &expected, &vec![bound; expected.len()])?;
        let Some((direction, slope)) = &self.along else { return Ok(()) };
        let terms = gradient.iter().zip(direction).map(|(&g, d)| f64::from(g) * d);
        let (sum, squares) = terms.fold((0.0, 0.0), |(sum, squares), term| (sum + term, squares + term * term));
        close(&[sum as f32], &[*slope], &[bound.max(TOLERANCE * squares.sqrt())])
            .map_err(|fault| format!("along a direction: {fault}"))
    }
}
