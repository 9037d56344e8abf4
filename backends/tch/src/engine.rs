//! The seam's engine over libtorch.

use std::sync::Arc;

use exp_api::spec::{FastPath, Precision};
use exp_consistency::engine::{Engine, Given, Pending, Resident, Slot, Update};
use exp_consistency::params::{ParamSpec, Params};
use exp_consistency::tensor::Tensor as _;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tch::{Device, Kind, Tensor};

use crate::device::{self, OpenError};
use crate::failure::done;
use crate::paths::Paths;
use crate::recorded::Recorded;
use crate::resident::Images;
use crate::shim;
use crate::tensor::{TchTensor, upload};

/// One of libtorch's devices, with its share of the CPU's threads.
///
/// It computes on a thread of its own that lasts: for each thread libtorch keeps which GPU is the current one, OpenMP's helpers
/// and their number, and which convolution kernels were found fastest.
#[derive(Debug, Clone)]
pub struct TchEngine {
    device: Device,
    thread: Arc<ThreadPool>,
    precision: Precision,
    paths: Paths,
}

impl TchEngine {
    /// Opens the device of this name, `cpu`, `cuda` or `cuda:N`. On the CPU an operation runs on `threads` threads, at
    /// least one, and repeats bit for bit for the same number.
    ///
    /// # Errors
    /// No such device, one that fails, or no thread, with the reason.
    pub fn open(device: &str, threads: usize) -> Result<TchEngine, OpenError> {
        let threads = i32::try_from(threads).unwrap_or(i32::MAX).max(1);
        let (name, device) = (device, device::open(device)?);
        let thread = ThreadPoolBuilder::new().num_threads(1).build()?;
        let ready = thread.install(|| {
            if tch::get_num_threads() != threads {
                tch::set_num_threads(threads);
            }
            shim::work_on(device)
        });
        ready.map_err(|error| OpenError::Failed(name.to_owned(), error.to_string()))?;
        Ok(TchEngine { device, thread: Arc::new(thread), precision: Precision::F32, paths: Paths::default() })
    }

    /// The same with this number format of the passes that gradients are taken of. Weights, gradients and the update
    /// stay `f32`, as do passes that need no gradient: drawing images, and judging them.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> TchEngine {
        TchEngine { precision, ..self }
    }

    /// The same by these faster ways.
    #[must_use]
    pub fn with_fast_paths(self, paths: &[FastPath]) -> TchEngine {
        TchEngine { paths: Paths::new(paths), ..self }
    }

    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// Values in row-major order, brought to the device.
    pub(crate) fn sent(&self, shape: &[usize], values: &[f32]) -> Tensor {
        upload(shape, values, self.device)
    }

    /// A tensor that lies in memory as this engine's do: features, gradients, and the state of their update follow it.
    pub(crate) fn laid_out(&self, tensor: Tensor) -> TchTensor {
        let image = tensor.dim() == 4 && self.paths.channels_last;
        self.own(if image { done(shim::channels_last(&tensor)) } else { tensor })
    }

    fn own(&self, tensor: Tensor) -> TchTensor {
        TchTensor::of(tensor, self.paths)
    }

    /// The leaves as a pass sees them. Weights that training leaves alone keep all their digits: they are frequencies.
    fn seen(&self, leaves: &Params<TchTensor>) -> Params<TchTensor> {
        let trained = |spec: &ParamSpec| self.precision == Precision::Bf16 && spec.trained;
        let exact: Vec<Tensor> = leaves.iter().filter(|(spec, _)| trained(spec)).map(|(_, leaf)| leaf.get()).collect();
        let low = match self.paths.fused_update && self.device.is_cuda() {
            true => done(shim::lowered(&exact)),
            false => exact.iter().map(|leaf| done(leaf.f_to_kind(Kind::BFloat16))).collect(),
        };
        let mut low = low.into_iter();
        Params::build(leaves.plan(), |(id, spec)| match trained(spec).then(|| low.next()).flatten() {
            Some(low) => self.own(low),
            None => leaves.tensors()[id].clone(),
        })
    }
}

impl Engine for TchEngine {
    type T = TchTensor;
    type Recorded = Recorded;

    fn upload(&self, shape: &[usize], values: &[f32]) -> TchTensor {
        self.laid_out(self.sent(shape, values))
    }

    fn resident(&self, shape: [usize; 4], pixels: &[u8]) -> Option<Box<dyn Resident<TchTensor>>> {
        let images = self.paths.resident_data.then(|| Images::new(self, shape, pixels)).flatten();
        images.map(|images| Box::new(images) as Box<dyn Resident<TchTensor>>)
    }

    fn adopt(&self, tensor: &TchTensor) -> TchTensor {
        let own = tensor.get();
        self.own(if own.device() == self.device { own } else { done(own.f_to_device(self.device)) })
    }

    fn scope<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.thread.install(work)
    }

    fn value_and_grad<A>(
        &self,
        theta: &Params<TchTensor>,
        loss: impl FnOnce(&Params<TchTensor>) -> (TchTensor, A),
    ) -> (TchTensor, A, Params<TchTensor>) {
        let leaves = theta.map(|tensor| self.own(done(tensor.get().detach().f_set_requires_grad(true))));
        let (value, kept) = loss(&self.seen(&leaves));
        let root = value.get();
        let inputs: Vec<Tensor> = leaves.tensors().iter().map(TchTensor::get).collect();
        // A loss that depends on no parameter is on no tape, and a parameter off the tape has no gradient.
        let found = if root.requires_grad() {
            done(Tensor::f_run_backward(&[root], &inputs, false, false))
        } else {
            Vec::new()
        };
        let mut found = found.into_iter();
        let gradients = leaves.map(|leaf| match found.next().filter(Tensor::defined) {
            Some(gradient) => self.own(gradient),
            None => self.own(done(leaf.get().detach().f_zeros_like())),
        });
        (value.detach(), kept, gradients)
    }

    fn recurring_grad(
        &self,
        recorded: &Recorded,
        theta: &Params<TchTensor>,
        given: Given<TchTensor>,
        loss: impl FnOnce(&Params<TchTensor>, &[TchTensor]) -> (TchTensor, TchTensor),
    ) -> (TchTensor, Params<TchTensor>) {
        let work = |theta: &Params<TchTensor>, tensors: &[TchTensor]| {
            let (_, row, gradients) = self.value_and_grad(theta, |theta| loss(theta, tensors));
            (row, gradients)
        };
        if self.paths.graph { recorded.repeat(theta, given, work) } else { work(theta, given.tensors) }
    }

    /// [`exp_consistency::engine::reference_update`] with libtorch's fused operations: 9 passes over memory, not 15.
    fn update(&self, rule: &Update, slot: &Slot<TchTensor>, gradient: &TchTensor) -> Slot<TchTensor> {
        let (param, gradient) = (slot.param.get(), gradient.get());
        let m = done(slot.m.get().f_lerp(&gradient, 1.0 - rule.b1));
        let v = done(slot.v.get().f_lerp(&done(gradient.f_square()), 1.0 - rule.b2));
        let param = match rule.adapt {
            Some(r) => {
                // sqrt(v_hat v) = sqrt(v_hat) sqrt(v), in place: nobody else has seen it yet.
                let mut scale = done(v.f_sqrt());
                let mut scale = done(scale.f_mul_scalar_(rule.v_hat.sqrt()));
                let scale = done(scale.f_add_scalar_(rule.eps));
                done(param.f_addcdiv(&done(m.f_mul_scalar(-rule.lr * rule.m_hat * r)), &scale))
            }
            None => done(param.f_add(&done(m.f_mul_scalar(-rule.lr * rule.m_hat)))),
        };
        let ema = done(slot.ema.get().f_lerp(&param, 1.0 - rule.ema));
        let [param, ema, m, v] = [param, ema, m, v].map(|tensor| self.own(tensor));
        Slot { param, ema, m, v }
    }

    fn update_all(&self, work: &[Pending<TchTensor>]) -> Vec<Slot<TchTensor>> {
        if !(self.paths.fused_update && self.device.is_cuda()) {
            return work.iter().map(|(rule, slot, gradient)| self.update(rule, slot, gradient)).collect();
        }
        let parts = |slot: &Slot<TchTensor>, gradient: &TchTensor| {
            [&slot.param, &slot.ema, &slot.m, &slot.v, gradient].map(TchTensor::get)
        };
        let work: Vec<_> = work.iter().map(|(rule, slot, gradient)| (*rule, parts(slot, gradient))).collect();
        let slots = done(shim::update(&work)).into_iter().map(|parts| parts.map(|tensor| self.own(tensor)));
        slots.map(|[param, ema, m, v]| Slot { param, ema, m, v }).collect()
    }
}
