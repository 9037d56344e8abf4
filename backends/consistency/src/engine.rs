//! The seam's upper half: what the science asks of an engine.

use crate::data::Picks;
use crate::params::Params;
use crate::tensor::Tensor;

/// A device with its tensors and its autograd.
///
/// An engine is cheap to clone; clones share the device.
pub trait Engine: Clone + Send + Sync + 'static {
    /// Its tensors.
    type T: Tensor;
    /// What it has recorded of the steps of one run, each of which recurs; `()` where it records nothing.
    type Recorded: Default + Send + Sync;

    /// Values in row-major order, brought to the device.
    fn upload(&self, shape: &[usize], values: &[f32]) -> Self::T;

    /// A tensor of another engine of the same kind, brought to this device. Replicas share parameters this way.
    fn adopt(&self, tensor: &Self::T) -> Self::T;

    /// Runs `work` with this engine's share of the machine (its threads, its stream).
    fn scope<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        work()
    }

    /// Puts images of 8 bits, `[N,C,H,W]`, on the device to stay; none where this engine is not to do that, or where they
    /// are too many.
    fn resident(&self, shape: [usize; 4], pixels: &[u8]) -> Option<Box<dyn Resident<Self::T>>> {
        let _ = (shape, pixels);
        None
    }

    /// The value of `loss` at `theta` and its gradients.
    ///
    /// `loss` is called once, with parameters that record a tape; it returns a tensor of one value, and anything
    /// else that the caller wants to keep. A parameter that the loss does not depend on has a gradient of zeros.
    fn value_and_grad<A>(
        &self,
        theta: &Params<Self::T>,
        loss: impl FnOnce(&Params<Self::T>) -> (Self::T, A),
    ) -> (Self::T, A, Params<Self::T>);

    /// The gradients of a loss that recurs, and a row of values of it, off the tape.
    ///
    /// `loss` returns its value, `[1]`, and that row. It performs the same operations whenever `given` holds as many tensors
    /// of the same shapes. What changes from one time to the next comes in by `theta` and `given` alone, and whatever else it
    /// reads lives as long as `recorded`. So an engine may record what it does, and repeat that without asking it again.
    fn recurring_grad(
        &self,
        recorded: &Self::Recorded,
        theta: &Params<Self::T>,
        given: Given<Self::T>,
        loss: impl FnOnce(&Params<Self::T>, &[Self::T]) -> (Self::T, Self::T),
    ) -> (Self::T, Params<Self::T>) {
        let _ = recorded;
        let (_, row, gradients) = self.value_and_grad(theta, |theta| loss(theta, given.tensors));
        (row, gradients)
    }

    /// One optimiser update of one parameter tensor; see [`Update`].
    fn update(&self, rule: &Update, slot: &Slot<Self::T>, gradient: &Self::T) -> Slot<Self::T> {
        reference_update(rule, slot, gradient)
    }

    /// [`update`](Engine::update) of many tensors, each with its rule and its gradient.
    fn update_all(&self, work: &[Pending<Self::T>]) -> Vec<Slot<Self::T>> {
        work.iter().map(|(rule, slot, gradient)| self.update(rule, slot, gradient)).collect()
    }
}

/// A data set that lies on a device.
pub trait Resident<T>: Send + Sync {
    /// The images of a batch, `[B,C,H,W]`: the same bits as those of
    /// [`Dataset::picked`](crate::data::Dataset::picked).
    fn pick(&self, picks: Picks) -> T;
}

/// What a loss that recurs is given anew each time.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a, T> {
    /// Its inputs, in an order that stays.
    pub tensors: &'a [T],
    /// The number drawn for this time in all dropout keys; see [`Key`](crate::tensor::Key).
    pub drawn: u64,
}

/// An update to be made: its rule, the state it starts from, and the gradient.
pub type Pending<'a, T> = (&'a Update, &'a Slot<T>, &'a T);

/// The state of one parameter tensor.
#[derive(Debug, Clone)]
pub struct Slot<T> {
    /// The weights.
    pub param: T,
    /// Their moving average.
    pub ema: T,
    /// First moment of the gradient.
    pub m: T,
    /// Second moment of the gradient.
    pub v: T,
}

/// Coefficients of one update, by the optimiser's rule for this step.
///
/// m <- b1 m + (1-b1) g; v <- b2 v + (1-b2) g^2; u = `m_hat` m `adapt` / (sqrt(`v_hat` v) + eps), or `m_hat` m where
/// `adapt` is none (RAdam before its variance is tractable); param <- param - lr u;
/// ema <- `ema` ema + (1-`ema`) param.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub b1: f64,
    /// Decay of the second moment.
    pub b2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Bias correction of the first moment, 1/(1-b1^t).
    pub m_hat: f64,
    /// Bias correction of the second moment, 1/(1-b2^t).
    pub v_hat: f64,
    /// Factor of the adaptive update (RAdam's rectifier; 1 for Adam).
    pub adapt: Option<f64>,
    /// Share of the old average kept.
    pub ema: f64,
}

/// [`Engine::update`] in terms of primitives.
pub fn reference_update<T: Tensor>(rule: &Update, slot: &Slot<T>, gradient: &T) -> Slot<T> {
    let m = slot.m.scale(rule.b1).add(&gradient.scale(1.0 - rule.b1));
    let v = slot.v.scale(rule.b2).add(&gradient.square().scale(1.0 - rule.b2));
    let direction = match rule.adapt {
        Some(r) => m.scale(rule.m_hat * r).div(&v.scale(rule.v_hat).sqrt().offset(rule.eps)),
        None => m.scale(rule.m_hat),
    };
    let param = slot.param.sub(&direction.scale(rule.lr));
    // From the nearer end, so that weights that stand still are their own average: rounded to f32, the shares do not sum to 1.
    let ema = match rule.ema > 0.5 {
        true => slot.ema.add(&param.sub(&slot.ema).scale(1.0 - rule.ema)),
        false => param.add(&slot.ema.sub(&param).scale(rule.ema)),
    };
    Slot { param, ema, m, v }
}
