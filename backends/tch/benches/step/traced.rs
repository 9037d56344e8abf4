//! A tensor of shapes alone, which writes down what is computed, so that another library can do the same.
//!
//! A line of the trace is an operation, the numbers of the lines it takes, and its arguments. Composites stay whole:
//! whoever repeats the trace calls its own kernel for each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exp_consistency::engine::Engine;
use exp_consistency::params::Params;
use exp_consistency::tensor::{Key, Tensor, image_shape};
use serde_json::{Value, json};

/// What has been computed so far.
#[derive(Debug, Clone, Default)]
pub struct Trace(Arc<Mutex<Written>>);

/// A trace's parts.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Its lines. Those of parameters and data say where among the values theirs begin.
    pub lines: Vec<Value>,
    /// The values of parameters and data.
    pub values: Vec<f32>,
    /// Floating-point operations of forward and backward convolutions and products.
    pub flop: f64,
}

impl Trace {
    fn push(&self, op: &str, from: &[usize], shape: Vec<usize>, arguments: Value, taped: bool) -> Traced {
        let mut log = self.log();
        log.lines.push(json!({ "op": op, "in": from, "shape": shape, "with": arguments }));
        Traced { line: log.lines.len() - 1, shape, taped, trace: self.clone() }
    }

    fn log(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaf(&self, op: &str, shape: &[usize], values: &[f32]) -> Traced {
        let first = {
            let mut log = self.log();
            log.values.extend(values);
            log.values.len() - values.len()
        };
        self.push(op, &[], shape.to_vec(), json!(first), op == "param")
    }

    /// A parameter of the network: what gradients are taken of.
    pub fn param(&self, shape: &[usize], values: &[f32]) -> Traced {
        self.leaf("param", shape, values)
    }

    /// What has been written down.
    pub fn written(&self) -> Written {
        self.log().clone()
    }
}

/// A line of a trace.
#[derive(Debug, Clone)]
pub struct Traced {
    /// Its number.
    pub line: usize,
    shape: Vec<usize>,
    taped: bool,
    trace: Trace,
}

impl Traced {
    fn of(&self, op: &str, others: &[&Traced], shape: Vec<usize>, arguments: Value) -> Traced {
        let from: Vec<usize> = [self].iter().chain(others).map(|tensor| tensor.line).collect();
        let taped = self.taped || others.iter().any(|other| other.taped);
        self.trace.push(op, &from, shape, arguments, taped)
    }

    fn same(&self, op: &str, others: &[&Traced], arguments: Value) -> Traced {
        self.of(op, others, self.shape.clone(), arguments)
    }

    fn both(&self, op: &str, other: &Traced) -> Traced {
        let shape = self.shape.iter().zip(&other.shape).map(|(&a, &b)| a.max(b)).collect();
        self.of(op, &[other], shape, Value::Null)
    }

    fn reduced(&self, op: &str, axes: &[usize]) -> Traced {
        let size = |(axis, &size): (usize, &usize)| if axes.contains(&axis) { 1 } else { size };
        self.of(op, &[], self.shape.iter().enumerate().map(size).collect(), json!(axes))
    }

    /// A product of `depth` multiply-adds a value; each operand on the tape costs it once more.
    fn product(&self, other: &Traced, values: usize, depth: usize) {
        let passes = 1 + usize::from(self.taped) + usize::from(other.taped);
        self.trace.log().flop += (2 * values * depth * passes) as f64;
    }
}

/// Operations that keep the shape.
macro_rules! same {
    ($($name:ident($($argument:ident: $kind:ty),*)),*) => {
        $(fn $name(&self $(, $argument: $kind)*) -> Traced {
            self.same(stringify!($name), &[], json!([$($argument),*]))
        })*
    };
}

/// Operations that broadcast two shapes.
macro_rules! both {
    ($($name:ident),*) => {
        $(fn $name(&self, other: &Traced) -> Traced {
            self.both(stringify!($name), other)
        })*
    };
}

impl Tensor for Traced {
    same!(exp(), log(), sqrt(), recip(), square(), sin(), cos(), sigmoid(), softmax(), silu(), relu());
    same!(scale(factor: f64), offset(term: f64));
    both!(add, sub, mul, div);

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn to_host(&self) -> Vec<f32> {
        vec![0.0; self.shape.iter().product()]
    }

    fn constant(&self, shape: &[usize], values: &[f32]) -> Traced {
        self.trace.leaf("data", shape, values)
    }

    fn detach(&self) -> Traced {
        Traced { taped: false, ..self.same("detach", &[], Value::Null) }
    }

    /// PyTorch draws masks of its own.
    fn dropout(&self, rate: f64, _: Key) -> Traced {
        self.same("dropout", &[], json!([rate]))
    }

    /// An infinite bound has no number in JSON.
    fn clamp(&self, low: f64, high: f64) -> Traced {
        let bound = |value: f64| value.is_finite().then_some(value);
        self.same("clamp", &[], json!([bound(low), bound(high)]))
    }

    fn sum(&self, axes: &[usize]) -> Traced {
        self.reduced("sum", axes)
    }

    fn mean(&self, axes: &[usize]) -> Traced {
        self.reduced("mean", axes)
    }

    fn reshape(&self, shape: &[usize]) -> Traced {
        self.of("reshape", &[], shape.to_vec(), json!(shape))
    }

    fn permute(&self, order: &[usize]) -> Traced {
        self.of("permute", &[], order.iter().map(|&axis| self.shape[axis]).collect(), json!(order))
    }

    fn narrow(&self, axis: usize, start: usize, len: usize) -> Traced {
        let mut shape = self.shape.clone();
        shape[axis] = len;
        self.of("narrow", &[], shape, json!([axis, start, len]))
    }

    fn cat(parts: &[&Traced], axis: usize) -> Traced {
        let mut shape = parts[0].shape.clone();
        shape[axis] = parts.iter().map(|part| part.shape[axis]).sum();
        parts[0].of("cat", &parts[1..], shape, json!(axis))
    }

    fn matmul(&self, other: &Traced) -> Traced {
        let mut shape = self.shape.clone();
        let last = shape.len() - 1;
        let depth = std::mem::replace(&mut shape[last], other.shape[last]);
        self.product(other, shape.iter().product(), depth);
        self.of("matmul", &[other], shape, Value::Null)
    }

    fn conv2d(&self, kernel: &Traced, bias: Option<&Traced>, stride: usize, padding: usize) -> Traced {
        let (image, taps) = (image_shape(&self.shape), image_shape(&kernel.shape));
        let out = |axis: usize| (image[axis] + 2 * padding - taps[axis]) / stride + 1;
        let shape = vec![image[0], taps[0], out(2), out(3)];
        self.product(kernel, shape.iter().product(), taps[1] * taps[2] * taps[3]);
        let others: Vec<&Traced> = [kernel].into_iter().chain(bias).collect();
        self.of("conv2d", &others, shape, json!([stride, padding]))
    }

    fn linear(&self, weight: &Traced, bias: &Traced) -> Traced {
        let shape = vec![self.shape[0], weight.shape[1]];
        self.product(weight, shape.iter().product(), weight.shape[0]);
        self.of("linear", &[weight, bias], shape, Value::Null)
    }

    fn group_norm(&self, groups: usize, scale: &Traced, bias: &Traced, eps: f64) -> Traced {
        self.same("group_norm", &[scale, bias], json!([groups, eps]))
    }

    fn layer_norm(&self, scale: &Traced, bias: &Traced, eps: f64) -> Traced {
        self.same("layer_norm", &[scale, bias], json!([eps]))
    }

    fn pad(&self, top: usize, bottom: usize, left: usize, right: usize) -> Traced {
        let [n, c, h, w] = image_shape(&self.shape);
        self.of("pad", &[], vec![n, c, h + top + bottom, w + left + right], json!([left, right, top, bottom]))
    }

    fn upsample_nearest(&self) -> Traced {
        let [n, c, h, w] = image_shape(&self.shape);
        self.of("upsample_nearest", &[], vec![n, c, 2 * h, 2 * w], Value::Null)
    }

    fn average_pool(&self) -> Traced {
        let [n, c, h, w] = image_shape(&self.shape);
        self.of("average_pool", &[], vec![n, c, h / 2, w / 2], Value::Null)
    }

    fn max_pool(&self) -> Traced {
        let [n, c, h, w] = image_shape(&self.shape);
        self.of("max_pool", &[], vec![n, c, h / 2, w / 2], Value::Null)
    }
}

impl Engine for Trace {
    type T = Traced;
    type Recorded = ();

    fn upload(&self, shape: &[usize], values: &[f32]) -> Traced {
        self.leaf("data", shape, values)
    }

    fn adopt(&self, tensor: &Traced) -> Traced {
        tensor.clone()
    }

    fn value_and_grad<A>(
        &self,
        theta: &Params<Traced>,
        loss: impl FnOnce(&Params<Traced>) -> (Traced, A),
    ) -> (Traced, A, Params<Traced>) {
        let (value, kept) = loss(theta);
        (value, kept, theta.clone())
    }
}
