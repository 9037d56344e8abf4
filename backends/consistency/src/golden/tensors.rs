//! Reading a safetensors file of golden values, every type widened to f64, which holds all of them exactly.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

/// The tensors of one file by name.
pub(super) struct Tensors(BTreeMap<String, Array>);

/// Values in row-major order.
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

impl Tensors {
    /// Reads a file whole.
    pub(super) fn open(path: &Path) -> Result<Tensors, String> {
        let name = path.display();
        let bytes = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| format!("{name}: {error}"))?;
        let mut arrays = BTreeMap::new();
        for (tensor, view) in file.iter() {
            let values = widen(view.dtype(), view.data())
                .ok_or_else(|| format!("{name}: {tensor} has type {:?}", view.dtype()))?;
            arrays.insert(tensor.to_owned(), Array { shape: view.shape().to_vec(), values });
        }
        Ok(Tensors(arrays))
    }

    /// The tensor called `name`.
    pub(super) fn get(&self, name: &str) -> Result<&Array, String> {
        self.0.get(name).ok_or_else(|| format!("the file has no {name}"))
    }

    /// All names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Array {
    /// The values with axes in another order; `order[i]` is the old place of axis i.
    pub(super) fn permuted(&self, order: &[usize]) -> Array {
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let stride = |axis: usize| self.shape[axis + 1..].iter().product::<usize>();
        let strides: Vec<usize> = order.iter().map(|&axis| stride(axis)).collect();
        let place = |mut at: usize| {
            shape.iter().zip(&strides).rev().fold(0, |place, (&size, &stride)| {
                let index = at % size;
                at /= size;
                place + index * stride
            })
        };
        let values = (0..self.values.len()).map(|at| self.values[place(at)]).collect();
        Array { shape, values }
    }

    /// The values as engines take them.
    pub(super) fn single(&self) -> Vec<f32> {
        self.values.iter().map(|&value| value as f32).collect()
    }
}

fn widen(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f64>> {
    Some(match dtype {
        Dtype::F16 => each(bytes, |b| half(u16::from_le_bytes(b))),
        Dtype::F32 => each(bytes, |b| f64::from(f32::from_le_bytes(b))),
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        Dtype::I32 => each(bytes, |b| f64::from(i32::from_le_bytes(b))),
        Dtype::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        Dtype::U8 => each(bytes, |[b]: [u8; 1]| f64::from(b)),
        _ => return None,
    })
}

fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
}

/// IEEE binary16: a sign, five bits of exponent with bias 15, ten of fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let size = match i32::from(bits >> 10 & 0x1f) {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_have_the_values_of_the_standard() {
        let table =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 2f64.powi(-24)), (0x3555, 0.333251953125)];
        for (bits, value) in table {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn axes_move() {
        let array = Array { shape: vec![2, 3], values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
        let turned = array.permuted(&[1, 0]);
        assert_eq!((turned.shape, turned.values), (vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
    }
}
