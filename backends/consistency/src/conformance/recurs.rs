//! What recurs is what was computed before: an engine may repeat a step that it has recorded.

use super::gradients::params;
use super::values::same;
use crate::engine::{Engine, Given};
use crate::params::Params;
use crate::tensor::{Key, Tensor};

/// Times that a step recurs: enough for an engine to have got used to it.
const TIMES: u64 = 6;
/// Images of a step, and their shape.
const SHAPES: [[usize; 4]; 2] = [[2, 8, 4, 4], [3, 8, 4, 4]];

/// A loss with other weights, images and masks each time, of two shapes in turn: against the same loss computed anew.
pub(super) fn agree<E: Engine>(engine: &E) -> Result<(), String> {
    let recorded = E::Recorded::default();
    let wave = |shape: &[usize], phase: f32| {
        let count = shape.iter().product::<usize>();
        engine.upload(shape, &(0..count).map(|i| (i as f32 * 0.37 + phase).sin()).collect::<Vec<_>>())
    };
    for (time, shape) in (0..TIMES).flat_map(|time| SHAPES.map(|shape| (time, shape))) {
        let phase = time as f32;
        let theta = params([vec![8, 8, 3, 3], vec![8]].map(|shape| (shape.clone(), wave(&shape, phase))));
        let (images, key) = (wave(&shape, 7.0 * phase), Key::new(1000 + time));
        let loss = |theta: &Params<E::T>, given: &[E::T]| {
            let [kernel, bias] = [0, 1].map(|i| &theta.tensors()[i]);
            let features = given[0].conv2d(kernel, Some(bias), 1, 1).silu();
            let loss = features.dropout(0.5, key.at(3)).square().mean_all().add(&given[1]);
            (loss.clone(), E::T::cat(&[&loss, &features.mean_all()], 0).detach())
        };
        let tensors = [images, engine.upload(&[1], &[phase])];
        let (_, row, gradients) = engine.value_and_grad(&theta, |theta| loss(theta, &tensors));
        let given = Given { tensors: &tensors, drawn: key.drawn };
        let (found, found_gradients) = engine.recurring_grad(&recorded, &theta, given, loss);
        let at = |fault: String| format!("time {time}, {} images: {fault}", shape[0]);
        same(&found.to_host(), &row.to_host()).map_err(at)?;
        for (found, gradient) in found_gradients.tensors().iter().zip(gradients.tensors()) {
            same(&found.to_host(), &gradient.to_host()).map_err(at)?;
        }
    }
    Ok(())
}
