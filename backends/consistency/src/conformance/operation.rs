//! The operations of the seam as data, each applied to any tensor by one match.

use std::fmt;

use crate::tensor::{LineMap, NormSilu, Tensor};

/// One operation with all that is not a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Scale(f64),
    Offset(f64),
    Exp,
    Log,
    Sqrt,
    Recip,
    Square,
    Sin,
    Cos,
    Sigmoid,
    Clamp(f64, f64),
    Sum(&'static [usize]),
    Mean(&'static [usize]),
    Softmax,
    Reshape(&'static [usize]),
    Permute(&'static [usize]),
    Narrow { axis: usize, start: usize, len: usize },
    Cat(usize),
    Matmul,
    Conv2d { stride: usize, padding: usize },
    Relu,
    Silu,
    MeanAll,
    SumAll,
    SumSquares,
    SumSquaresOf,
    AddScaled(f64),
    Linear,
    GroupNorm { groups: usize },
    NormSilu { groups: usize },
    Parted { groups: usize },
    LayerNorm,
    Attention,
    Pad([usize; 4]),
    AlongLines { from: usize, to: usize },
    UpsampleNearest,
    AveragePool,
    MaxPool,
}

/// The term in the denominator of a normalisation.
const EPS: f64 = 1e-5;

impl Operation {
    /// Its value; a convolution's third tensor, where there is one, is its bias, a normalisation's fourth its shift.
    pub(super) fn apply<T: Tensor>(&self, x: &[T]) -> T {
        match *self {
            Operation::Add => x[0].add(&x[1]),
            Operation::Sub => x[0].sub(&x[1]),
            Operation::Mul => x[0].mul(&x[1]),
            Operation::Div => x[0].div(&x[1]),
            Operation::Scale(factor) => x[0].scale(factor),
            Operation::Offset(term) => x[0].offset(term),
            Operation::Exp => x[0].exp(),
            Operation::Log => x[0].log(),
            Operation::Sqrt => x[0].sqrt(),
            Operation::Recip => x[0].recip(),
            Operation::Square => x[0].square(),
            Operation::Sin => x[0].sin(),
            Operation::Cos => x[0].cos(),
            Operation::Sigmoid => x[0].sigmoid(),
            Operation::Clamp(low, high) => x[0].clamp(low, high),
            Operation::Sum(axes) => x[0].sum(axes),
            Operation::Mean(axes) => x[0].mean(axes),
            Operation::Softmax => x[0].softmax(),
            Operation::Reshape(shape) => x[0].reshape(shape),
            Operation::Permute(order) => x[0].permute(order),
            Operation::Narrow { axis, start, len } => x[0].narrow(axis, start, len),
            Operation::Cat(axis) => T::cat(&x.iter().collect::<Vec<_>>(), axis),
            Operation::Matmul => x[0].matmul(&x[1]),
            Operation::Conv2d { stride, padding } => x[0].conv2d(&x[1], x.get(2), stride, padding),
            Operation::Relu => x[0].relu(),
            Operation::Silu => x[0].silu(),
            Operation::MeanAll => x[0].mean_all(),
            Operation::SumAll => x[0].sum_all(),
            Operation::SumSquares => x[0].sum_squares(),
            Operation::SumSquaresOf => T::sum_squares_of(&x.iter().collect::<Vec<_>>()),
            Operation::AddScaled(factor) => x[0].add_scaled(&x[1], factor),
            Operation::Linear => x[0].linear(&x[1], &x[2]),
            Operation::GroupNorm { groups } => x[0].group_norm(groups, &x[1], &x[2], EPS),
            Operation::NormSilu { groups } => {
                let [scale, bias] = [&x[1], &x[2]];
                x[0].norm_silu(&NormSilu { shift: x.get(3), groups, scale, bias, eps: EPS, dropout: None })
            }
            Operation::Parted { groups } => {
                let [scale, bias] = [&x[1], &x[2]];
                let norm = NormSilu { shift: x.get(3), groups, scale, bias, eps: EPS, dropout: None };
                let [trunk, branch] = x[0].parted(&norm);
                trunk.mul(&branch)
            }
            Operation::LayerNorm => x[0].layer_norm(&x[1], &x[2], EPS),
            Operation::Attention => x[0].attention(&x[1], &x[2]),
            Operation::Pad([top, bottom, left, right]) => x[0].pad(top, bottom, left, right),
            Operation::AlongLines { from, to } => x[0].along_lines(&lines(from, to)),
            Operation::UpsampleNearest => x[0].upsample_nearest(),
            Operation::AveragePool => x[0].average_pool(),
            Operation::MaxPool => x[0].max_pool(),
        }
    }

    /// How far an engine may be from the exact value a: (t, r) for t s + r |a|, where s is the size of all values, at
    /// least 1, and inputs are of the order of 1.
    ///
    /// An `f32` has 24 bits: rounding once costs 6e-8 |a|. Moving values costs nothing, arithmetic one rounding or two.
    pub(super) fn tolerance(&self) -> (f64, f64) {
        match self {
            Operation::Reshape(_) | Operation::Permute(_) | Operation::Narrow { .. } | Operation::Cat(_) => (0.0, 0.0),
            Operation::Pad(_) | Operation::UpsampleNearest | Operation::Relu => (0.0, 0.0),
            Operation::Add | Operation::Sub | Operation::Mul | Operation::Div | Operation::Square => (0.0, 2e-7),
            Operation::Scale(_) | Operation::Offset(_) | Operation::Clamp(..) => (0.0, 2e-7),
            Operation::AddScaled(_) => (2e-7, 3e-7),
            Operation::Sqrt | Operation::Recip => (0.0, 3e-7),
            Operation::Exp | Operation::Log | Operation::Sin | Operation::Cos => (2e-7, 1e-6),
            Operation::Sigmoid | Operation::Silu | Operation::Softmax => (2e-7, 1e-6),
            _ => (5e-6, 5e-6),
        }
    }
}

/// A map of lines with up to three weights, of both signs, for each pixel; for small images also as one matrix.
fn lines(from: usize, to: usize) -> LineMap {
    let weight = |i: usize, o: usize| match (2 * i + o) % 7 {
        near @ 0..3 if i.abs_diff(o * from / to) < 2 => near as f32 - 0.8,
        _ => 0.0,
    };
    let values = (0..from * to).map(|at| weight(at / to, at % to)).collect();
    let dense = |row: usize, column: usize| weight(row / from, column / to) * weight(row % from, column % to);
    let [rows, columns] = [from * from, to * to];
    let dense = (from < 5).then(|| (0..rows * columns).map(|at| dense(at / columns, at % columns)).collect());
    LineMap { from, to, values, dense }
}

impl fmt::Display for Operation {
    /// The name alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{self:?}");
        f.write_str(text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())
    }
}
