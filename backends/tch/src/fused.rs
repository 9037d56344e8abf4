//! Where the kernels of our own stand in for operations of libtorch.

use exp_consistency::tensor::{LineMap, Mask, NormSilu};

use crate::failure::done;
use crate::handle::Handle;
use crate::shim::{self, NO_MASK};
use crate::tensor::{TchTensor, upload};

impl TchTensor {
    /// An image through a map of its lines by the kernel, where that applies.
    pub(crate) fn mapped(&self, map: &LineMap) -> Option<TchTensor> {
        let x = self.value.get();
        if !self.paths.fused_blocks || !done(shim::has_kernels(&x, 1)) {
            return None;
        }
        let [there, back] = [taps(map, false), taps(map, true)];
        let [there, back] = [&there, &back].map(|(shape, table)| upload(shape, table, x.device()));
        Some(self.like(done(shim::along_lines(&self.get(), [&there, &back], map.from, map.to))))
    }

    /// The same of a square image, by the weight of pixel `i` of a line in pixel `o` of the line after.
    pub(crate) fn along_square(
        &self,
        h: usize,
        w: usize,
        to: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Option<TchTensor> {
        if h != w || !self.paths.fused_blocks {
            return None;
        }
        let values = (0..h * to).map(|at| weight(at / to, at % to)).collect();
        self.mapped(&LineMap { from: h, to, values, dense: None })
    }

    /// This image for others, and its group normalisation, by the fused kernel, where that applies.
    pub(crate) fn fused(&self, norm: &NormSilu<Self>, silu: bool) -> Option<[TchTensor; 2]> {
        let (x, own) = self.apart();
        if !self.paths.fused_blocks || !done(shim::has_kernels(&x, norm.groups)) {
            return None;
        }
        // What a convolution still has to add goes along with the shift, or is one.
        let shift = match (norm.shift.map(TchTensor::get), own) {
            (Some(shift), Some(bias)) => Some(done(shift.f_add(&bias))),
            (None, Some(bias)) => Some(done(done(bias.f_unsqueeze(0)).f_expand([x.size()[0], -1], false))),
            (shift, None) => shift,
        };
        let (scale, bias) = (norm.scale.get(), norm.bias.get());
        let mask = norm.dropout.map_or(NO_MASK, |(rate, key)| Mask::new(rate, key));
        let (shift, scale, bias) = (shift.as_ref(), &scale, &bias);
        let norm = shim::Norm { shift, scale, bias, groups: norm.groups, eps: norm.eps, silu, mask };
        let [trunk, branch] = done(shim::norm(&x, &norm));
        Some([TchTensor { value: Handle::new(trunk), ..self.clone() }, self.like(branch)])
    }
}

/// The table by which a kernel reads a map of lines, or its transpose: for each pixel after, the first pixel before that it
/// sees, and as many weights as the widest of them needs. With its shape.
fn taps(map: &LineMap, transposed: bool) -> ([usize; 2], Vec<f32>) {
    let [from, to] = if transposed { [map.to, map.from] } else { [map.from, map.to] };
    let weight = |i: usize, o: usize| map.values[if transposed { o * map.to + i } else { i * map.to + o }];
    let seen = |o: usize| (0..from).filter(move |&i| weight(i, o) != 0.0);
    let width = |o: usize| seen(o).next().zip(seen(o).next_back()).map_or(1, |(first, last)| last + 1 - first);
    let count = (0..to).map(width).max().unwrap_or(1);
    let row = |o: usize| {
        let first = seen(o).next().unwrap_or(0).min(from - count);
        [first as f32].into_iter().chain((first..first + count).map(move |i| weight(i, o)))
    };
    ([to, 1 + count], (0..to).flat_map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_the_map_and_its_transpose() {
        // Three pixels: the first after sees two, the second one at the end, the third none.
        let map = LineMap { from: 3, to: 3, values: vec![0.5, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0, 2.0, 0.0], dense: None };
        for transposed in [false, true] {
            let ([rows, width], table) = taps(&map, transposed);
            let mut found = [0.0; 9];
            for (o, row) in table.chunks(width).enumerate() {
                for (k, weight) in row[1..].iter().enumerate() {
                    let i = row[0] as usize + k;
                    found[if transposed { o * 3 + i } else { i * 3 + o }] = *weight;
                }
            }
            assert_eq!((rows, width), (3, if transposed { 2 } else { 3 }));
            assert_eq!(found.to_vec(), map.values);
        }
    }
}
