//! Composites in terms of primitives, for engines whose own kernel does not apply to every case.

use super::{LineMap, Mask, NormSilu, Tensor, image_shape};

/// [`Tensor::sum_squares_of`].
pub fn sum_squares_of<T: Tensor>(parts: &[&T]) -> T {
    let squares: Vec<T> = parts.iter().map(|part| part.sum_squares()).collect();
    T::cat(&squares.iter().collect::<Vec<_>>(), 0).sum(&[0])
}

/// [`Tensor::norm_silu`].
pub fn norm_silu<T: Tensor>(x: &T, norm: &NormSilu<T>) -> T {
    let normal = norm.shifted(x).group_norm(norm.groups, norm.scale, norm.bias, norm.eps);
    norm.dropped(&normal.silu())
}

/// [`Tensor::group_norm`].
pub fn group_norm<T: Tensor>(x: &T, groups: usize, scale: &T, bias: &T, eps: f64) -> T {
    let shape = x.shape();
    let (n, c) = (shape[0], shape[1]);
    let grouped = x.reshape(&[n, groups, shape.iter().product::<usize>() / (n * groups)]);
    let centred = grouped.sub(&grouped.mean(&[2]));
    let deviation = centred.square().mean(&[2]).offset(eps).sqrt();
    let normal = centred.div(&deviation).reshape(&shape);
    normal.mul(&scale.reshape(&[1, c, 1, 1])).add(&bias.reshape(&[1, c, 1, 1]))
}

/// [`Tensor::layer_norm`].
pub fn layer_norm<T: Tensor>(x: &T, scale: &T, bias: &T, eps: f64) -> T {
    let mut along = vec![1; x.shape().len()];
    along[1] = x.shape()[1];
    let centred = x.sub(&x.mean(&[1]));
    let deviation = centred.square().mean(&[1]).offset(eps).sqrt();
    centred.div(&deviation).mul(&scale.reshape(&along)).add(&bias.reshape(&along))
}

/// [`Tensor::factors`].
pub fn factors<T: Tensor>(x: &T, mask: &Mask) -> T {
    let shape = x.shape();
    x.constant(&shape, &mask.factors(shape.iter().product()))
}

/// [`Tensor::along_lines`].
pub fn along_lines<T: Tensor>(x: &T, map: &LineMap) -> T {
    let [b, c, h, w] = image_shape(&x.shape());
    let to = map.to;
    if let Some(dense) = &map.dense {
        let pixels = x.reshape(&[b * c, h * w]).matmul(&x.constant(&[h * w, to * to], dense));
        return pixels.reshape(&[b, c, to, to]);
    }
    let filter = x.constant(&[map.from, to], &map.values);
    let rows = x.reshape(&[b * c * h, w]).matmul(&filter).reshape(&[b * c, h, to]);
    let columns = rows.permute(&[0, 2, 1]).reshape(&[b * c * to, h]).matmul(&filter);
    columns.reshape(&[b * c, to, to]).permute(&[0, 2, 1]).reshape(&[b, c, to, to])
}

/// [`Tensor::attention`].
pub fn attention<T: Tensor>(queries: &T, keys: &T, values: &T) -> T {
    let channels = queries.shape()[1] as f64;
    let weights = queries.permute(&[0, 2, 1]).matmul(keys).scale(channels.sqrt().recip()).softmax();
    values.matmul(&weights.permute(&[0, 2, 1]))
}
