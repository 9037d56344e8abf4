//! Normalisation and attention by kernels of libtorch.

use exp_consistency::tensor::{NormSilu, Tensor, image_shape, reference};
use tch::{Kind, TchError};

use crate::failure::done;
use crate::tensor::{TchTensor, lowered, sizes};

impl TchTensor {
    /// [`Tensor::group_norm`]. libtorch's kernel folds mean and scale into one product, which loses the digits that a large
    /// mean hides. So its input is centred before; the norm does not see such a shift, nor do gradients, and the shift needs
    /// no tape. bf16 has no such digits to lose. Statistics are f32 either way.
    pub(crate) fn group_normalised(&self, groups: usize, scale: &Self, bias: &Self, eps: f64) -> Self {
        let [n, c, h, w] = image_shape(&self.shape());
        let norm = NormSilu { shift: None, groups, scale, bias, eps, dropout: None };
        if let Some([_, normal]) = self.fused(&norm, false) {
            return normal;
        }
        if c * h * w == groups {
            // Alone in its group a value is its own mean; the kernel's gradient is then a difference of large numbers.
            return reference::group_norm(self, groups, scale, bias, eps);
        }
        let centre = |x: &tch::Tensor| -> Result<tch::Tensor, TchError> {
            let grouped = x.f_reshape(sizes(&[n, groups, c / groups * h * w]))?;
            let mean = grouped.f_detach()?.f_mean_dim(&[2i64][..], true, Kind::Float)?;
            grouped.f_sub(&mean)?.f_reshape(sizes(&[n, c, h, w]))
        };
        self.map(|x| {
            let input = if x.kind() == Kind::Float { centre(x)? } else { x.shallow_clone() };
            let [scale, bias] = [scale, bias].map(|weight| weight.get().f_to_kind(x.kind()));
            input.f_group_norm(groups as i64, Some(scale?), Some(bias?), eps, true)
        })
    }

    /// [`Tensor::layer_norm`]. libtorch normalises over the last axis, and takes the mean from each value before it scales.
    pub(crate) fn layer_normalised(&self, scale: &Self, bias: &Self, eps: f64) -> Self {
        let channels = self.shape()[1];
        if channels == 1 {
            // As in a group of its own.
            return reference::layer_norm(self, scale, bias, eps);
        }
        self.map(|x| {
            let rows = x.f_movedim_int(1, -1)?;
            let [scale, bias] = [scale, bias].map(|weight| weight.get().f_to_kind(x.kind()));
            rows.f_layer_norm([channels as i64], Some(scale?), Some(bias?), eps, true)?.f_movedim_int(-1, 1)
        })
    }

    /// [`Tensor::attention`].
    pub(crate) fn attended(&self, keys: &Self, values: &Self) -> Self {
        // libtorch's order is [N, heads, L, C]; its fast kernels take the values of a row side by side.
        let rows = |x: &Self| done(done(done(x.get().f_transpose(1, 2)).f_unsqueeze(1)).f_contiguous());
        let (queries, keys) = lowered(rows(self), rows(keys));
        let values = done(rows(values).f_to_kind(queries.kind()));
        let none: Option<tch::Tensor> = None;
        let seen = tch::Tensor::f_scaled_dot_product_attention(&queries, &keys, &values, none, 0.0, false, None, false);
        self.like(done(done(done(seen).f_squeeze_dim(1)).f_transpose(1, 2)))
    }
}
