//! Arrays of `f64`, and the three ways in which the oracle makes a new one: by place, by value, by pair of values.

/// An array of `f64` in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Doubles {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Doubles {
    /// Values in row-major order.
    pub(crate) fn new(shape: &[usize], values: impl Into<Vec<f64>>) -> Doubles {
        let values = values.into();
        assert_eq!(shape.iter().product::<usize>(), values.len());
        Doubles { shape: shape.to_vec(), values }
    }

    /// The values, unrounded.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The array whose value at each place is `value` of that place.
    pub(crate) fn each(shape: &[usize], value: impl Fn(&[usize]) -> f64) -> Doubles {
        let mut place = vec![0; shape.len()];
        let values = (0..shape.iter().product()).map(|mut index: usize| {
            for (axis, &size) in shape.iter().enumerate().rev() {
                place[axis] = index % size;
                index /= size;
            }
            value(&place)
        });
        Doubles { values: values.collect(), shape: shape.to_vec() }
    }

    /// The value at a place; an axis of size 1 has the same value everywhere.
    pub(crate) fn at(&self, place: &[usize]) -> f64 {
        let axes = self.shape.iter().zip(place);
        self.values[axes.fold(0, |index, (&size, &i)| index * size + if size == 1 { 0 } else { i })]
    }

    /// `f` of each value.
    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Doubles {
        Doubles { shape: self.shape.clone(), values: self.values.iter().map(|&value| f(value)).collect() }
    }

    /// `f` of each pair of values, axes of size 1 being stretched.
    pub(crate) fn join(&self, other: &Doubles, f: impl Fn(f64, f64) -> f64) -> Doubles {
        assert_eq!(self.shape.len(), other.shape.len(), "ranks differ");
        let shape: Vec<usize> = self.shape.iter().zip(&other.shape).map(|(&a, &b)| a.max(b)).collect();
        Doubles::each(&shape, |place| f(self.at(place), other.at(place)))
    }
}
