//! A tensor of 64-bit numbers on the host, for tests: plain loops, and no gradients.

use crate::engine::Engine;
use crate::params::Params;
use crate::tensor::{Tensor, image_shape};

/// Values in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Host {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Host {
    pub fn new(shape: &[usize], values: &[f64]) -> Host {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        Host { shape: shape.to_vec(), values: values.to_vec() }
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Host {
        Host { shape: self.shape.clone(), values: self.values.iter().map(|&v| f(v)).collect() }
    }

    fn zip(&self, other: &Host, f: impl Fn(f64, f64) -> f64) -> Host {
        assert_eq!(self.shape.len(), other.shape.len());
        let shape: Vec<usize> = self.shape.iter().zip(&other.shape).map(|(&a, &b)| a.max(b)).collect();
        let values = (0..shape.iter().product()).map(|i| f(self.at(i, &shape), other.at(i, &shape))).collect();
        Host { shape, values }
    }

    /// The value that stands at place `i` of the broadcast `shape`.
    fn at(&self, mut i: usize, shape: &[usize]) -> f64 {
        let (mut place, mut stride) = (0, 1);
        for (&own, &full) in self.shape.iter().zip(shape).rev() {
            assert!(own == full || own == 1, "{:?} does not broadcast to {shape:?}", self.shape);
            place += if own == 1 { 0 } else { i % full * stride };
            stride *= own;
            i /= full;
        }
        self.values[place]
    }
}

impl Tensor for Host {
    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }
    fn to_host(&self) -> Vec<f32> {
        self.values.iter().map(|&v| v as f32).collect()
    }
    fn constant(&self, shape: &[usize], values: &[f32]) -> Host {
        HostEngine.upload(shape, values)
    }
    fn detach(&self) -> Host {
        self.clone()
    }
    fn add(&self, other: &Host) -> Host {
        self.zip(other, |a, b| a + b)
    }
    fn sub(&self, other: &Host) -> Host {
        self.zip(other, |a, b| a - b)
    }
    fn mul(&self, other: &Host) -> Host {
        self.zip(other, |a, b| a * b)
    }
    fn div(&self, other: &Host) -> Host {
        self.zip(other, |a, b| a / b)
    }
    fn scale(&self, factor: f64) -> Host {
        self.map(|v| v * factor)
    }
    fn offset(&self, term: f64) -> Host {
        self.map(|v| v + term)
    }
    fn exp(&self) -> Host {
        self.map(f64::exp)
    }
    fn log(&self) -> Host {
        self.map(f64::ln)
    }
    fn sqrt(&self) -> Host {
        self.map(f64::sqrt)
    }
    fn recip(&self) -> Host {
        self.map(f64::recip)
    }
    fn square(&self) -> Host {
        self.map(|v| v * v)
    }
    fn sin(&self) -> Host {
        self.map(f64::sin)
    }
    fn cos(&self) -> Host {
        self.map(f64::cos)
    }
    fn sigmoid(&self) -> Host {
        self.map(|v| 1.0 / (1.0 + (-v).exp()))
    }
    fn clamp(&self, low: f64, high: f64) -> Host {
        self.map(|v| v.clamp(low, high))
    }
    fn sum(&self, axes: &[usize]) -> Host {
        let shape: Vec<usize> =
            self.shape.iter().enumerate().map(|(a, &n)| if axes.contains(&a) { 1 } else { n }).collect();
        let mut sums = Host { values: vec![0.0; shape.iter().product()], shape };
        // Each value goes where broadcasting its place index would read from.
        let places = Host { shape: sums.shape.clone(), values: (0..sums.values.len()).map(|i| i as f64).collect() };
        for (i, value) in self.values.iter().enumerate() {
            sums.values[places.at(i, &self.shape) as usize] += value;
        }
        sums
    }
    fn mean(&self, axes: &[usize]) -> Host {
        let count: usize = axes.iter().map(|&axis| self.shape[axis]).product();
        self.sum(axes).scale(1.0 / count as f64)
    }
    fn reshape(&self, shape: &[usize]) -> Host {
        Host::new(shape, &self.values)
    }
    fn cat(parts: &[&Host], axis: usize) -> Host {
        let mut shape = parts[0].shape.clone();
        shape[axis] = parts.iter().map(|part| part.shape[axis]).sum();
        let run = |part: &Host| part.shape[axis..].iter().product::<usize>();
        let rows: usize = shape[..axis].iter().product();
        let row = |i: usize| parts.iter().flat_map(move |part| &part.values[i * run(part)..(i + 1) * run(part)]);
        let values = (0..rows).flat_map(row).copied().collect();
        Host { shape, values }
    }
    fn softmax(&self) -> Host {
        let last = self.shape.len() - 1;
        let powers = self.exp();
        powers.div(&powers.sum(&[last]))
    }
    fn permute(&self, order: &[usize]) -> Host {
        let stride = |axis: usize| self.shape[axis + 1..].iter().product::<usize>();
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let place = |mut i: usize| {
            let mut place = 0;
            for &axis in order.iter().rev() {
                place += i % self.shape[axis] * stride(axis);
                i /= self.shape[axis];
            }
            place
        };
        let values = (0..self.values.len()).map(|i| self.values[place(i)]).collect();
        Host { shape, values }
    }
    fn narrow(&self, axis: usize, start: usize, len: usize) -> Host {
        let inner: usize = self.shape[axis + 1..].iter().product();
        let rows = self.values.chunks(self.shape[axis] * inner);
        let values: Vec<f64> = rows.flat_map(|row| &row[start * inner..(start + len) * inner]).copied().collect();
        let mut shape = self.shape.clone();
        shape[axis] = len;
        Host { shape, values }
    }
    fn matmul(&self, other: &Host) -> Host {
        let rank = self.shape.len();
        let (rows, inner, columns) = (self.shape[rank - 2], self.shape[rank - 1], other.shape[rank - 1]);
        let mut shape = self.shape.clone();
        shape[rank - 1] = columns;
        let value = |i: usize| {
            let (matrix, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
            let left = &self.values[(matrix * rows + row) * inner..][..inner];
            let right = other.values[matrix * inner * columns + column..].iter().step_by(columns);
            left.iter().zip(right).map(|(a, b)| a * b).sum()
        };
        Host { values: (0..shape.iter().product()).map(value).collect(), shape }
    }
    fn conv2d(&self, kernel: &Host, bias: Option<&Host>, stride: usize, padding: usize) -> Host {
        let ([n, c, h, w], [o, _, side, _]) = (image_shape(&self.shape), image_shape(&kernel.shape));
        let (rows, columns) = ((h + 2 * padding - side) / stride + 1, (w + 2 * padding - side) / stride + 1);
        let pixel = |image: usize, channel: usize, row: usize, column: usize| {
            let inside = (padding..padding + h).contains(&row) && (padding..padding + w).contains(&column);
            if inside { self.values[((image * c + channel) * h + row - padding) * w + column - padding] } else { 0.0 }
        };
        let value = |i: usize| {
            let (image, out, row, column) =
                (i / (o * rows * columns), i / (rows * columns) % o, i / columns % rows, i % columns);
            let taps = (0..c * side * side).map(|tap| {
                let (channel, y, x) = (tap / (side * side), tap / side % side, tap % side);
                kernel.values[out * c * side * side + tap]
                    * pixel(image, channel, row * stride + y, column * stride + x)
            });
            bias.map_or(0.0, |bias| bias.values[out]) + taps.sum::<f64>()
        };
        Host::new(&[n, o, rows, columns], &(0..n * o * rows * columns).map(value).collect::<Vec<_>>())
    }
}

/// The engine of [`Host`], without gradients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostEngine;

impl Engine for HostEngine {
    type T = Host;

    fn upload(&self, shape: &[usize], values: &[f32]) -> Host {
        Host::new(shape, &values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>())
    }
    fn adopt(&self, tensor: &Host) -> Host {
        tensor.clone()
    }
    fn value_and_grad<A>(
        &self,
        _: &Params<Host>,
        _: impl FnOnce(&Params<Host>) -> (Host, A),
    ) -> (Host, A, Params<Host>) {
        unimplemented!("no test needs it")
    }
}
