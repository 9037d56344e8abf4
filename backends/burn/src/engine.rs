//! The seam's engine over burn.

use std::sync::Arc;

use burn::backend::ops::FloatTensorOps;
use burn::backend::{AutodiffBackend, Dispatch, DispatchDevice, FlexDevice, TensorData, TensorMetadata};
use exp_consistency::engine::{Engine, Slot, Update, reference_update};
use exp_consistency::params::Params;
use exp_consistency::tensor::Tensor;

use crate::tensor::{BurnTensor, is_taped, without_tape};
use crate::{gpu, kernels};

/// The devices of this build, in words.
const HERE: &str = if cfg!(feature = "cuda") { "cpu, cuda, cuda:N" } else { "cpu" };

/// One of burn's devices. On the CPU it owns one thread, so that replicas run side by side and each repeats bit for
/// bit whatever the others do.
#[derive(Debug, Clone)]
pub struct BurnEngine {
    device: DispatchDevice,
    thread: Arc<rayon::ThreadPool>,
}

/// Why an engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such device in this build.
    #[error("burn has no device `{0}` here; it has: {HERE}")]
    NoDevice(String),
    /// A GPU that cannot be used, and why.
    #[error("burn cannot use `{0}`: {1}")]
    NoGpu(String, String),
    /// The operating system gave no thread.
    #[error("cannot start a compute thread: {0}")]
    NoThread(#[from] rayon::ThreadPoolBuildError),
}

impl BurnEngine {
    /// Whether the device of this name can be used, so far as that shows without starting it.
    pub(crate) fn find(device: &str) -> Result<(), OpenError> {
        if device == "cpu" { Ok(()) } else { gpu::find(device).map(drop) }
    }

    /// Opens the device of this name.
    pub fn open(device: &str) -> Result<BurnEngine, OpenError> {
        let device = match device {
            "cpu" => DispatchDevice::Flex(FlexDevice),
            other => gpu::open(other)?,
        };
        let thread = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        Ok(BurnEngine { device, thread: Arc::new(thread) })
    }
}

impl Engine for BurnEngine {
    type T = BurnTensor;
    type Recorded = ();

    fn upload(&self, shape: &[usize], values: &[f32]) -> BurnTensor {
        let data = TensorData::new(values.to_vec(), shape.to_vec());
        BurnTensor(Dispatch::float_from_data(data, &self.device))
    }

    /// From another device by way of the host: where cubecl 0.11 finds NCCL it would copy between GPUs by that, without
    /// waiting for what computes on either.
    fn adopt(&self, tensor: &BurnTensor) -> BurnTensor {
        match tensor.0.device() == self.device {
            true => tensor.clone(),
            false => self.upload(&tensor.shape(), &tensor.to_host()),
        }
    }

    fn scope<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.thread.install(work)
    }

    fn value_and_grad<A>(
        &self,
        theta: &Params<BurnTensor>,
        loss: impl FnOnce(&Params<BurnTensor>) -> (BurnTensor, A),
    ) -> (BurnTensor, A, Params<BurnTensor>) {
        let leaves = theta.map(|tensor| {
            BurnTensor(Dispatch::float_set_require_grad(Dispatch::from_inner(without_tape(tensor.0.clone())), true))
        });
        let (value, kept) = loss(&leaves);
        // A loss that depends on no parameter is on no tape.
        let mut tape = is_taped(&value.0).then(|| Dispatch::backward(value.0.clone()));
        let gradients = leaves.map(|leaf| match tape.as_mut().and_then(|tape| Dispatch::grad_remove(&leaf.0, tape)) {
            Some(gradient) => BurnTensor(gradient),
            None => self.upload(&leaf.shape(), &vec![0.0; leaf.0.shape().num_elements()]),
        });
        (value.detach(), kept, gradients)
    }

    fn update(&self, rule: &Update, slot: &Slot<BurnTensor>, gradient: &BurnTensor) -> Slot<BurnTensor> {
        let old = [&slot.param, &slot.ema, &slot.m, &slot.v, gradient].map(|tensor| &tensor.0);
        match kernels::update(rule, old).or_else(|| gpu::update(rule, old)) {
            Some(new) => {
                let [param, ema, m, v] = new.map(BurnTensor);
                Slot { param, ema, m, v }
            }
            None => reference_update(rule, slot, gradient),
        }
    }
}
