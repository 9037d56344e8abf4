//! Steps that a GPU repeats as a whole.
//!
//! Asked for kernel by kernel, a small network keeps the host busy and lets the GPU wait. The operations of a step stay the
//! same, so they are recorded as one CUDA graph and asked for at once. To the outside a step stays a pure function.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use exp_consistency::engine::Given;
use exp_consistency::params::Params;
use tch::{Device, Tensor};

use crate::failure::done;
use crate::shim::Recording;
use crate::tensor::TchTensor;

/// Times that a step is done kernel by kernel first: kernels are compiled and chosen then, for the thread that does it.
const WARM_UP: u32 = 2;

/// What a replica has recorded in a run, by the shapes of what its steps were given.
#[derive(Default)]
pub struct Recorded(Mutex<Steps>);

type Steps = HashMap<Vec<Vec<i64>>, Step>;

enum Step {
    /// Done so many times.
    Seen(u32),
    Recorded(Recording),
}

impl Recorded {
    /// How many recordings there are.
    pub fn count(&self) -> usize {
        self.steps().values().filter(|step| matches!(step, Step::Recorded(_))).count()
    }

    /// What `work` makes of parameters and inputs, a row of values and gradients: kernel by kernel at first, then repeated.
    pub(crate) fn repeat(
        &self,
        theta: &Params<TchTensor>,
        given: Given<TchTensor>,
        work: impl FnOnce(&Params<TchTensor>, &[TchTensor]) -> (TchTensor, Params<TchTensor>),
    ) -> (TchTensor, Params<TchTensor>) {
        let inputs: Vec<Tensor> = theta.tensors().iter().chain(given.tensors).map(TchTensor::get).collect();
        let Some(Device::Cuda(gpu)) = inputs.first().map(Tensor::device) else {
            return work(theta, given.tensors);
        };
        let shapes = given.tensors.iter().map(|tensor| tensor.get().size()).collect();
        let mut steps = self.steps();
        let step = steps.entry(shapes).or_insert(Step::Seen(0));
        if let Step::Seen(times) = step {
            if *times < WARM_UP {
                let made = work(theta, given.tensors);
                *times += 1;
                return made;
            }
            let like = &theta.tensors()[0];
            let recording = Recording::of(gpu, &inputs, |places| {
                let places: Vec<TchTensor> = places.iter().map(|place| like.like(place.shallow_clone())).collect();
                let (params, given) = places.split_at(theta.tensors().len());
                let params = Params::build(theta.plan(), |(i, _)| params[i].clone());
                let (row, gradients) = work(&params, given);
                [&row].into_iter().chain(gradients.tensors()).map(TchTensor::get).collect()
            });
            *step = Step::Recorded(done(recording));
        }
        let Step::Recorded(recording) = step else { unreachable!("it has just been recorded") };
        let mut found =
            done(recording.repeat(&inputs, given.drawn)).into_iter().map(|made| theta.tensors()[0].like(made));
        let mut next = || found.next().unwrap_or_else(|| unreachable!("a row, and a gradient for each parameter"));
        (next(), theta.map(|_| next()))
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        // A step that failed was only seen less often, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} steps recorded", self.count())
    }
}
