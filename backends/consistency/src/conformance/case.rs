//! One case: an operation, its inputs, and how they lie in memory.

use std::fmt;

use super::operation::Operation;
use crate::engine::Engine;
use crate::oracle::Doubles;
use crate::rng::{Draw, Purpose};
use crate::tensor::Tensor;

/// An operation on given inputs.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) operation: Operation,
    /// As they are uploaded, which is not how the operation sees them unless the layout is plain.
    pub(super) inputs: Vec<Input>,
    layout: Layout,
}

/// Values in row-major order.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// How the operation's inputs, and the gradient that comes back to it, may lie in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Layout {
    /// As uploaded.
    Plain,
    /// Axes uploaded in reverse order and turned by a permutation; so is the output.
    Permuted,
    /// A part of a tensor that is longer by [`MARGIN`] on both ends of its last axis.
    Narrowed,
    /// The output is summed, so that its gradient is one number stretched over all places.
    Summed,
}

/// What a narrowed layout cuts off.
const MARGIN: usize = 2;

impl Case {
    /// Random inputs of these shapes, normal where the operation takes any number.
    pub(super) fn new(operation: Operation, shapes: &[&[usize]]) -> Case {
        Case::laid(operation, shapes, Layout::Plain)
    }

    /// The same in another layout.
    pub(super) fn laid(operation: Operation, shapes: &[&[usize]], layout: Layout) -> Case {
        let draw = Draw::new(1, Purpose::Eval, 0);
        let inputs = shapes.iter().enumerate().map(|(i, shape)| {
            let shape = layout.uploaded(shape);
            let mut stream = draw.image(i as u64);
            let values = (0..shape.iter().product()).map(|_| {
                let (normal, uniform) = (stream.normal(), stream.uniform());
                let value = match (&operation, i) {
                    (Operation::Log | Operation::Sqrt, _) => 0.25 + 2.0 * uniform,
                    // Away from zero on both sides.
                    (Operation::Recip, _) | (Operation::Div, 1) => normal.signum() * (0.5 + 1.5 * uniform),
                    _ => normal,
                };
                value as f32
            });
            Input { values: values.collect(), shape }
        });
        Case { inputs: inputs.collect(), operation, layout }
    }

    /// Given inputs.
    pub(super) fn given(operation: Operation, inputs: &[(&[usize], Vec<f32>)]) -> Case {
        let inputs = inputs.iter().map(|(shape, values)| Input { shape: shape.to_vec(), values: values.clone() });
        Case { inputs: inputs.collect(), operation, layout: Layout::Plain }
    }

    /// The operation on its inputs, laid out.
    pub(super) fn apply<T: Tensor>(&self, uploaded: &[T]) -> T {
        let inputs: Vec<T> = uploaded.iter().map(|tensor| self.layout.enter(tensor)).collect();
        self.layout.leave(&self.operation.apply(&inputs))
    }

    /// The exact value.
    pub(super) fn exact(&self) -> Doubles {
        self.apply(&self.inputs.iter().map(Input::doubles).collect::<Vec<_>>())
    }

    /// What a weighted sum of the values is made of, without signs: rounding costs a share of it.
    pub(super) fn size(&self, weights: &[f32]) -> f64 {
        match self.layout {
            Layout::Summed => {
                let terms = Case { layout: Layout::Plain, ..self.clone() }.exact();
                f64::from(weights[0].abs()) * terms.values().iter().map(|a| a.abs()).sum::<f64>()
            }
            _ => self.exact().values().iter().zip(weights).map(|(a, &w)| (a * f64::from(w)).abs()).sum(),
        }
    }

    /// How far an engine may be from the exact value, as [`Operation::tolerance`] tells it.
    pub(super) fn tolerance(&self) -> (f64, f64) {
        match self.layout {
            Layout::Summed => Operation::SumAll.tolerance(),
            _ => self.operation.tolerance(),
        }
    }

    /// The inputs on an engine.
    pub(super) fn upload<E: Engine>(&self, engine: &E) -> Vec<E::T> {
        self.inputs.iter().map(|input| engine.upload(&input.shape, &input.values)).collect()
    }
}

impl Input {
    /// The same values, widened.
    pub(super) fn doubles(&self) -> Doubles {
        Doubles::new(&self.shape, self.values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>())
    }
}

impl Layout {
    /// The shape to upload for an operation that is to see `shape`.
    fn uploaded(self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        match self {
            Layout::Plain | Layout::Summed => {}
            Layout::Permuted => shape.reverse(),
            Layout::Narrowed => *shape.last_mut().expect("no tensor has rank 0") += 2 * MARGIN,
        }
        shape
    }

    fn enter<T: Tensor>(self, uploaded: &T) -> T {
        match self {
            Layout::Plain | Layout::Summed => uploaded.clone(),
            Layout::Permuted => reversed(uploaded),
            Layout::Narrowed => {
                let shape = uploaded.shape();
                let last = shape.len() - 1;
                uploaded.narrow(last, MARGIN, shape[last] - 2 * MARGIN)
            }
        }
    }

    fn leave<T: Tensor>(self, output: &T) -> T {
        match self {
            Layout::Plain | Layout::Narrowed => output.clone(),
            Layout::Permuted => reversed(output),
            Layout::Summed => output.sum_all(),
        }
    }
}

fn reversed<T: Tensor>(tensor: &T) -> T {
    let order: Vec<usize> = (0..tensor.shape().len()).rev().collect();
    tensor.permute(&order)
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes: Vec<String> = self.inputs.iter().map(|input| format!("{:?}", input.shape)).collect();
        write!(f, "{:?} of {}, {:?}", self.operation, shapes.join(" "), self.layout)
    }
}
