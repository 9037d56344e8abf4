//! The images of a data set on a device.
//!
//! They lie there in 8 bits, as on disk. What a batch gets of them are the bits that the host would have sent.

use exp_consistency::data::Picks;
use exp_consistency::engine::Resident;
use tch::{Kind, Tensor};

use crate::engine::TchEngine;
use crate::failure::done;
use crate::handle::Handle;
use crate::tensor::{TchTensor, sizes};

/// Most bytes; the images of a larger data set are sent with each step. CIFAR-10 has 150 MB.
const MOST: usize = 2 << 30;
/// Most images: up to here a number fits the digits of the `f32` in which it is sent.
const COUNT: usize = 1 << 24;

/// Images, `[N,C,H,W]`.
pub(crate) struct Images {
    engine: TchEngine,
    pixels: Handle,
    /// 255, on the device: a quotient by a number of the host is a product with its rounded reciprocal there.
    white: Handle,
}

impl Images {
    /// Those of a data set that is small enough, and finds room on the device.
    pub(crate) fn new(engine: &TchEngine, shape: [usize; 4], pixels: &[u8]) -> Option<Images> {
        if pixels.len() > MOST || shape[0] > COUNT {
            return None;
        }
        let there = |tensor: Result<Tensor, _>| done(tensor).f_to_device(engine.device()).ok().map(Handle::new);
        let pixels = there(done(Tensor::f_from_slice(pixels)).f_reshape(sizes(&shape)))?;
        Some(Images { engine: engine.clone(), pixels, white: there(Tensor::f_from_slice(&[255.0f32]))? })
    }
}

impl Resident<TchTensor> for Images {
    /// `v / 255 * 2 - 1`, in this order, as [`exp_consistency::data::Dataset`] computes it.
    fn pick(&self, picks: Picks) -> TchTensor {
        let sent = |values: Vec<f32>| self.engine.sent(&[values.len()], &values);
        let numbers = sent(picks.numbers.iter().map(|&number| number as f32).collect());
        let pixels = done(self.pixels.get().f_index_select(0, &done(numbers.f_to_kind(Kind::Int64))));
        let share = done(done(pixels.f_to_kind(Kind::Float)).f_div(&self.white.get()));
        let mut images = done(done(share.f_mul_scalar(2.0)).f_sub_scalar(1.0));
        if picks.flipped.contains(&true) {
            let flipped = sent(picks.flipped.iter().map(|&flip| f32::from(u8::from(flip))).collect());
            let flipped = done(done(flipped.f_gt(0.5)).f_reshape([-1, 1, 1, 1]));
            images = done(done(images.f_flip([3])).f_where_self(&flipped, &images));
        }
        self.engine.laid_out(images)
    }
}
