//! The oracle: the seam's tensor on arrays of `f64`, every primitive written out place by place.
//!
//! Slow and without a tape on purpose, so that it can be read. Composites have the seam's reference bodies.

use super::Doubles;
use crate::tensor::{Tensor, image_shape};

impl Tensor for Doubles {
    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn to_host(&self) -> Vec<f32> {
        self.values.iter().map(|&value| value as f32).collect()
    }

    fn constant(&self, shape: &[usize], values: &[f32]) -> Self {
        Doubles::new(shape, values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>())
    }

    fn detach(&self) -> Self {
        self.clone()
    }

    fn add(&self, other: &Self) -> Self {
        self.join(other, |a, b| a + b)
    }

    fn sub(&self, other: &Self) -> Self {
        self.join(other, |a, b| a - b)
    }

    fn mul(&self, other: &Self) -> Self {
        self.join(other, |a, b| a * b)
    }

    fn div(&self, other: &Self) -> Self {
        self.join(other, |a, b| a / b)
    }

    fn scale(&self, factor: f64) -> Self {
        self.map(|a| a * factor)
    }

    fn offset(&self, term: f64) -> Self {
        self.map(|a| a + term)
    }

    fn exp(&self) -> Self {
        self.map(f64::exp)
    }

    fn log(&self) -> Self {
        self.map(f64::ln)
    }

    fn sqrt(&self) -> Self {
        self.map(f64::sqrt)
    }

    fn recip(&self) -> Self {
        self.map(f64::recip)
    }

    fn square(&self) -> Self {
        self.map(|a| a * a)
    }

    fn sin(&self) -> Self {
        self.map(f64::sin)
    }

    fn cos(&self) -> Self {
        self.map(f64::cos)
    }

    fn sigmoid(&self) -> Self {
        self.map(|a| 1.0 / (1.0 + (-a).exp()))
    }

    fn clamp(&self, low: f64, high: f64) -> Self {
        self.map(|a| a.clamp(low, high))
    }

    fn sum(&self, axes: &[usize]) -> Self {
        axes.iter().fold(self.clone(), |x, &axis| {
            let mut shape = x.shape.clone();
            shape[axis] = 1;
            Doubles::each(&shape, |place| {
                let mut place = place.to_vec();
                let terms = (0..x.shape[axis]).map(|i| {
                    place[axis] = i;
                    x.at(&place)
                });
                terms.sum()
            })
        })
    }

    fn mean(&self, axes: &[usize]) -> Self {
        let count: usize = axes.iter().map(|&axis| self.shape[axis]).product();
        self.sum(axes).map(|sum| sum / count as f64)
    }

    fn softmax(&self) -> Self {
        let last = self.shape.len() - 1;
        let mut values = Vec::with_capacity(self.values.len());
        for row in self.values.chunks_exact(self.shape[last]) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|&a| (a - largest).exp()).sum();
            values.extend(row.iter().map(|&a| (a - largest).exp() / total));
        }
        Doubles::new(&self.shape, values)
    }

    fn reshape(&self, shape: &[usize]) -> Self {
        Doubles::new(shape, self.values.clone())
    }

    fn permute(&self, order: &[usize]) -> Self {
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        Doubles::each(&shape, |place| {
            let mut old = vec![0; place.len()];
            order.iter().zip(place).for_each(|(&axis, &i)| old[axis] = i);
            self.at(&old)
        })
    }

    fn narrow(&self, axis: usize, start: usize, len: usize) -> Self {
        let mut shape = self.shape.clone();
        shape[axis] = len;
        Doubles::each(&shape, |place| {
            let mut old = place.to_vec();
            old[axis] += start;
            self.at(&old)
        })
    }

    fn cat(parts: &[&Self], axis: usize) -> Self {
        let mut shape = parts[0].shape.clone();
        shape[axis] = parts.iter().map(|part| part.shape[axis]).sum();
        Doubles::each(&shape, |place| {
            let mut place = place.to_vec();
            let mut parts = parts.iter();
            let mut part = parts.next();
            while let Some(past) = part.filter(|part| place[axis] >= part.shape[axis]) {
                place[axis] -= past.shape[axis];
                part = parts.next();
            }
            part.map_or(f64::NAN, |part| part.at(&place))
        })
    }

    fn matmul(&self, other: &Self) -> Self {
        let rank = self.shape.len();
        let mut shape = self.shape.clone();
        shape[rank - 1] = other.shape[rank - 1];
        Doubles::each(&shape, |place| {
            let (mut left, mut right) = (place.to_vec(), place.to_vec());
            let terms = (0..self.shape[rank - 1]).map(|i| {
                (left[rank - 1], right[rank - 2]) = (i, i);
                self.at(&left) * other.at(&right)
            });
            terms.sum()
        })
    }

    fn conv2d(&self, kernel: &Self, bias: Option<&Self>, stride: usize, padding: usize) -> Self {
        let ([n, c, h, w], [o, _, down, across]) = (image_shape(&self.shape), image_shape(&kernel.shape));
        let outputs = |size: usize, taps: usize| (size + 2 * padding - taps) / stride + 1;
        // The input's row or column under a tap, unless that lies in the padding.
        let under = |out: usize, tap: usize, size: usize| {
            (out * stride + tap).checked_sub(padding).filter(|&inside| inside < size)
        };
        Doubles::each(&[n, o, outputs(h, down), outputs(w, across)], |place| {
            let [image, out, row, column] = image_shape(place);
            let mut sum = bias.map_or(0.0, |bias| bias.values[out]);
            for (i, y) in (0..down).filter_map(|i| Some((i, under(row, i, h)?))) {
                for (j, x) in (0..across).filter_map(|j| Some((j, under(column, j, w)?))) {
                    for channel in 0..c {
                        let tap = kernel.values[((out * c + channel) * down + i) * across + j];
                        sum += tap * self.values[((image * c + channel) * h + y) * w + x];
                    }
                }
            }
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shape: &[usize]) -> Doubles {
        Doubles::new(shape, (1..=shape.iter().product()).map(|i: usize| i as f64).collect::<Vec<_>>())
    }

    /// Each by hand.
    #[test]
    fn primitives_by_hand() {
        let x = counted(&[2, 3]);
        assert_eq!(x.mul(&counted(&[2, 1])).values, [1.0, 2.0, 3.0, 8.0, 10.0, 12.0]);
        assert_eq!(x.mean(&[0]).values, [2.5, 3.5, 4.5]);
        assert_eq!(x.sum(&[0, 1]).values, [21.0]);
        assert_eq!(x.permute(&[1, 0]).values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(x.narrow(1, 1, 2).values, [2.0, 3.0, 5.0, 6.0]);
        assert_eq!(Doubles::cat(&[&x, &counted(&[2, 1])], 1).values, [1.0, 2.0, 3.0, 1.0, 4.0, 5.0, 6.0, 2.0]);
        assert_eq!(x.matmul(&counted(&[3, 2])).values, [22.0, 28.0, 49.0, 64.0]);
        assert_eq!(counted(&[2, 1, 2]).matmul(&counted(&[2, 2, 1])).values, [5.0, 25.0]);
        let shares = counted(&[1, 2]).scale(2f64.ln()).softmax().values;
        assert!((shares[0] - 1.0 / 3.0).abs() < 1e-15 && (shares[1] - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn pools_by_hand() {
        let x = Doubles::new(&[1, 1, 2, 4], [1.0, -2.0, 5.0, 5.0, 0.0, 3.0, -7.0, 4.0]);
        assert_eq!((x.max_pool().shape, x.max_pool().values), (vec![1, 1, 1, 2], vec![3.0, 5.0]));
        assert_eq!(x.average_pool().values, [0.5, 1.75]);
    }

    /// A 3x3 image under a kernel of one 1 above the middle, and one of all ones.
    #[test]
    fn convolution_by_hand() {
        let x = counted(&[1, 1, 3, 3]);
        let mut above = vec![0.0; 9];
        above[1] = 1.0;
        let shifted = x.conv2d(&Doubles::new(&[1, 1, 3, 3], above), None, 1, 1);
        assert_eq!(shifted.values, [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let ones = Doubles::new(&[1, 1, 3, 3], vec![1.0; 9]);
        let bias = Doubles::new(&[1], vec![100.0]);
        assert_eq!(x.conv2d(&ones, Some(&bias), 2, 1).values, [112.0, 116.0, 124.0, 128.0]);
        assert_eq!(x.conv2d(&ones, None, 1, 0).values, [45.0]);
    }
}
