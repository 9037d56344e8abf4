//! A tensor of shapes alone, which counts the multiply-adds of convolutions and matrix products.
//!
//! A product whose operands are on the tape costs its forward pass again for each of them: the gradient of one operand
//! is a product of the same size. Everything else (norms, activations, sums) counts as nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use exp_api::spec::RunSpec;
use exp_consistency::loss::{Noised, Objective, joint};
use exp_consistency::net::Network;
use exp_consistency::params::Params;
use exp_consistency::tensor::{Key, Tensor};

/// Floating-point operations of one training image: two a multiply-add, over target, student, head and both backward
/// passes.
pub fn flop_per_image(spec: &RunSpec, network: &Network) -> f64 {
    let (channels, side) = spec.dataset.shape();
    let count = Arc::new(AtomicU64::new(0));
    let data = |shape: &[usize]| Counted { shape: shape.to_vec(), taped: false, count: Arc::clone(&count) };
    let image = || data(&[1, channels, side, side]);
    let batch = Noised {
        y: image(),
        x_t: image(),
        x_r: image(),
        t: data(&[1]),
        r: data(&[1]),
        ends: None,
        labels: network.classes().map(|count| data(&[1, count])),
        dropout: Key::new(0),
    };
    let theta = Params::build(network.params(), |(_, param)| Counted { taped: true, ..data(&param.shape) });
    let objective = Objective::weightless(&spec.loss).expect("no benchmark needs a perceptual distance");
    joint(network, &objective, &theta, &batch);
    2.0 * count.load(Ordering::Relaxed) as f64
}

#[derive(Debug, Clone)]
struct Counted {
    shape: Vec<usize>,
    taped: bool,
    count: Arc<AtomicU64>,
}

impl Counted {
    fn with(&self, shape: Vec<usize>) -> Counted {
        Counted { shape, ..self.clone() }
    }

    fn join(&self, other: &Counted) -> Counted {
        let shape = self.shape.iter().zip(&other.shape).map(|(&a, &b)| a.max(b)).collect();
        Counted { taped: self.taped || other.taped, ..self.with(shape) }
    }

    fn reduced(&self, axes: &[usize]) -> Counted {
        self.with(self.shape.iter().enumerate().map(|(i, &size)| if axes.contains(&i) { 1 } else { size }).collect())
    }

    /// A product of this shape with `depth` multiply-adds for each of its values.
    fn product(&self, other: &Counted, shape: Vec<usize>, depth: usize) -> Counted {
        let passes = 1 + u64::from(self.taped) + u64::from(other.taped);
        let once = shape.iter().product::<usize>() * depth;
        self.count.fetch_add(once as u64 * passes, Ordering::Relaxed);
        Counted { taped: self.taped || other.taped, ..self.with(shape) }
    }
}

/// Operations that keep the shape.
macro_rules! same {
    ($($name:ident($($argument:ident: $kind:ty),*)),*) => {
        $(fn $name(&self $(, $argument: $kind)*) -> Counted {
            $(let _ = $argument;)*
            self.clone()
        })*
    };
}

/// Operations that broadcast two shapes.
macro_rules! both {
    ($($name:ident),*) => {
        $(fn $name(&self, other: &Counted) -> Counted {
            self.join(other)
        })*
    };
}

impl Tensor for Counted {
    same!(exp(), log(), sqrt(), recip(), square(), sin(), cos(), sigmoid(), softmax());
    same!(scale(factor: f64), offset(term: f64), clamp(low: f64, high: f64));
    both!(add, sub, mul, div);

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn to_host(&self) -> Vec<f32> {
        vec![0.0; self.shape.iter().product()]
    }

    fn constant(&self, shape: &[usize], _: &[f32]) -> Counted {
        Counted { taped: false, ..self.with(shape.to_vec()) }
    }

    fn detach(&self) -> Counted {
        Counted { taped: false, ..self.clone() }
    }

    fn sum(&self, axes: &[usize]) -> Counted {
        self.reduced(axes)
    }

    fn mean(&self, axes: &[usize]) -> Counted {
        self.reduced(axes)
    }

    fn reshape(&self, shape: &[usize]) -> Counted {
        self.with(shape.to_vec())
    }

    fn permute(&self, order: &[usize]) -> Counted {
        self.with(order.iter().map(|&axis| self.shape[axis]).collect())
    }

    fn narrow(&self, axis: usize, _: usize, len: usize) -> Counted {
        let mut shape = self.shape.clone();
        shape[axis] = len;
        self.with(shape)
    }

    fn cat(parts: &[&Counted], axis: usize) -> Counted {
        let mut shape = parts[0].shape.clone();
        shape[axis] = parts.iter().map(|part| part.shape[axis]).sum();
        Counted { taped: parts.iter().any(|part| part.taped), ..parts[0].with(shape) }
    }

    fn matmul(&self, other: &Counted) -> Counted {
        let mut shape = self.shape.clone();
        let last = shape.len() - 1;
        let depth = std::mem::replace(&mut shape[last], other.shape[last]);
        self.product(other, shape, depth)
    }

    fn conv2d(&self, kernel: &Counted, bias: Option<&Counted>, stride: usize, padding: usize) -> Counted {
        let (image, taps) = (&self.shape, &kernel.shape);
        let out = |axis: usize| (image[axis] + 2 * padding - taps[axis]) / stride + 1;
        let shape = vec![image[0], taps[0], out(2), out(3)];
        let found = self.product(kernel, shape, taps[1] * taps[2] * taps[3]);
        Counted { taped: found.taped || bias.is_some_and(|bias| bias.taped), ..found }
    }
}
