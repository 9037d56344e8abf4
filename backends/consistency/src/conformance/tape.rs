//! What an engine's tape promises beyond slopes: what it leaves alone, and what it may be mixed with.

use super::gradients::params;
use super::values::{close, same};
use crate::engine::Engine;
use crate::tensor::Tensor;

/// Two parameters, both seen by each check.
const X: [f32; 3] = [1.5, -2.0, 0.25];
const Y: [f32; 3] = [-0.5, 3.0, 4.0];
/// Every figure of these checks is a short sum of products of the numbers above.
const TOLERANCE: f64 = 1e-6;

/// The gradients of x and y under `loss`, against expected ones.
fn hold<E: Engine>(engine: &E, loss: impl FnOnce(&E::T, &E::T) -> E::T, expected: [[f64; 3]; 2]) -> Result<(), String> {
    let theta = params([X, Y].map(|values| (vec![3], engine.upload(&[3], &values))));
    let (_, (), found) = engine.value_and_grad(&theta, |theta| (loss(&theta.tensors()[0], &theta.tensors()[1]), ()));
    for ((name, found), expected) in ["x", "y"].into_iter().zip(found.tensors()).zip(expected) {
        if found.shape() != [3] {
            return Err(format!("the gradient of {name} has shape {:?}", found.shape()));
        }
        close(&found.to_host(), &expected, &[TOLERANCE; 3]).map_err(|fault| format!("gradient of {name}: {fault}"))?;
    }
    Ok(())
}

/// An unused parameter has a gradient of zeros, also where none is used.
pub(super) fn unused<E: Engine>(engine: &E) -> Result<(), String> {
    hold(engine, |x, _| x.sum_all(), [[1.0; 3], [0.0; 3]])?;
    hold(engine, |_, y| y.sum_squares(), [[0.0; 3], Y.map(|y| 2.0 * f64::from(y))])?;
    hold(engine, |x, y| x.detach().mul(&y.detach()).sum_all(), [[0.0; 3]; 2])?;
    hold(engine, |_, _| engine.upload(&[1], &[2.0]), [[0.0; 3]; 2])
}

/// What is detached counts as a constant.
pub(super) fn detached<E: Engine>(engine: &E) -> Result<(), String> {
    let [x, y] = [X, Y].map(|values| values.map(f64::from));
    hold(engine, |x, y| x.detach().mul(y).sum_all(), [[0.0; 3], x])?;
    hold(engine, |x, y| x.mul(&x.detach()).add(y).sum_all(), [x, [1.0; 3]])?;
    hold(engine, |x, y| x.mul(y).detach().mul(x).sum_all(), [std::array::from_fn(|i| x[i] * y[i]), [0.0; 3]])
}

/// A tensor used more than once gathers all its gradients.
pub(super) fn gathered<E: Engine>(engine: &E) -> Result<(), String> {
    let [x, y] = [X, Y].map(|values| values.map(f64::from));
    let of_x = std::array::from_fn(|i| 3.0 * x[i] * x[i] + 2.0 * y[i]);
    hold(engine, |x, y| x.mul(x).mul(x).add(&x.mul(y)).add(&y.mul(x)).sum_all(), [of_x, x.map(|x| 2.0 * x)])?;
    let column = |x: &E::T| x.reshape(&[1, 3, 1, 1]);
    let twice = |x: &E::T, y: &E::T| {
        // sum of x^2 + x y + x: once as image, once as kernel, once past both.
        let own = column(x).conv2d(&x.reshape(&[1, 3, 1, 1]), Some(&engine.upload(&[1], &[0.0])), 1, 0);
        let other = column(x).conv2d(&y.reshape(&[1, 3, 1, 1]), None, 1, 0);
        own.add(&other).sum_all().add(&x.sum_all())
    };
    hold(engine, twice, [std::array::from_fn(|i| 2.0 * x[i] + y[i] + 1.0), x])
}

/// A taped tensor takes constants on either side, made by the engine, by itself, and from a gradient.
pub(super) fn mixed<E: Engine>(engine: &E) -> Result<(), String> {
    let two = engine.upload(&[3], &[2.0; 3]);
    let loss = |x: &E::T, y: &E::T| {
        let three = x.constant(&[1], &[3.0]);
        let four = two.constant(&[3], &[4.0; 3]);
        E::T::cat(&[&two.mul(x), &y.mul(&three), &four.sub(x), &two.mul(&four)], 0).sum_all()
    };
    hold(engine, loss, [[1.0; 3], [3.0; 3]])?;
    // A gradient is a constant like any other.
    let theta = params([(vec![3], engine.upload(&[3], &X))]);
    let (_, (), slopes) = engine.value_and_grad(&theta, |theta| (theta.tensors()[0].square().sum_all(), ()));
    let slope = &slopes.tensors()[0];
    hold(engine, |x, y| slope.mul(x).add(y).sum_all(), [X.map(|x| 2.0 * f64::from(x)), [1.0; 3]])
}

/// Values are the same bits with and without a tape, and what a loss hands out can be used afterwards.
pub(super) fn handed_out<E: Engine>(engine: &E) -> Result<(), String> {
    let theta = params([X, Y].map(|values| (vec![3], engine.upload(&[3], &values))));
    let product = |theta: &[E::T]| theta[0].mul(&theta[1]).exp();
    let mut calls = 0;
    let (value, kept, gradients) = engine.value_and_grad(&theta, |theta| {
        calls += 1;
        let kept = product(theta.tensors());
        (kept.sum_all(), kept)
    });
    let free = product(theta.tensors());
    same(&kept.to_host(), &free.to_host())?;
    same(&value.to_host(), &free.sum_all().to_host())?;
    same(&kept.detach().add(&gradients.tensors()[0]).to_host(), &free.add(&gradients.tensors()[0]).to_host())?;
    if value.shape() != [1] || calls != 1 {
        return Err(format!("a value of shape {:?} after {calls} calls", value.shape()));
    }
    // The parameters themselves have no tape afterwards, and may have one before.
    same(&theta.tensors()[0].to_host(), &X)?;
    let (_, taped, _) = engine.value_and_grad(&theta, |theta| (theta.tensors()[0].sum_all(), theta.clone()));
    let (_, (), again) = engine.value_and_grad(&taped, |theta| (theta.tensors()[0].sum_squares(), ()));
    close(&again.tensors()[0].to_host(), &X.map(|x| 2.0 * f64::from(x)), &[TOLERANCE; 3])
}
