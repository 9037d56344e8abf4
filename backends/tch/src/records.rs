//! Steps that a GPU repeats as a whole.
//!
//! Asked for kernel by kernel, a small network keeps the host busy and lets the GPU wait. The operations of a step stay the
//! same, so they are recorded as one CUDA graph and asked for at once. A graph reads and writes fixed places in memory: its
//! inputs are copied there before, and its results from there after, so that to the outside it is a pure function.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use exp_consistency::engine::Given;
use exp_consistency::params::Params;
use tch::{Device, Tensor};

use crate::failure::done;
use crate::shim::{self, Recording};
use crate::tensor::TchTensor;

/// Times that a step is done kernel by kernel first: kernels are compiled and chosen then.
const WARM_UP: u32 = 2;

/// What an engine has recorded, by the shapes of what its steps were given.
#[derive(Default)]
pub(crate) struct Records(Mutex<HashMap<Vec<Vec<i64>>, Record>>);

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Records")
    }
}

enum Record {
    /// Done so many times.
    Seen(u32),
    Kept(Box<Kept>),
}

/// A recording with the places that it reads and writes.
struct Kept {
    inputs: Vec<Tensor>,
    row: Tensor,
    gradients: Vec<Tensor>,
    recording: Recording,
}

impl Records {
    /// What `work` makes of parameters and inputs, a row of values and gradients: done by itself at first, then repeated.
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
        let shapes = given.tensors.iter().map(|tensor| tensor.value.get().size()).collect();
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let record = records.entry(shapes).or_insert(Record::Seen(0));
        if let Record::Seen(times) = record {
            if *times < WARM_UP {
                *times += 1;
                return work(theta, given.tensors);
            }
            *record = Record::Kept(Box::new(Kept::new(gpu, &inputs, theta, work)));
        }
        let Record::Kept(kept) = record else { unreachable!("it has just been recorded") };
        let like = &theta.tensors()[0];
        let (row, gradients) = kept.repeat(&inputs, given.drawn);
        let mut gradients = gradients.into_iter().map(|gradient| like.like(gradient));
        (like.like(row), theta.map(|_| gradients.next().unwrap_or_else(|| unreachable!("one for each parameter"))))
    }
}

impl Kept {
    fn new(
        gpu: usize,
        inputs: &[Tensor],
        theta: &Params<TchTensor>,
        work: impl FnOnce(&Params<TchTensor>, &[TchTensor]) -> (TchTensor, Params<TchTensor>),
    ) -> Kept {
        let own = done(shim::copies(inputs));
        let like = &theta.tensors()[0];
        let placed = |tensor: &Tensor| like.like(tensor.shallow_clone());
        let (params, given) = own.split_at(theta.tensors().len());
        let params = Params::build(theta.plan(), |(i, _)| placed(&params[i]));
        let given: Vec<TchTensor> = given.iter().map(placed).collect();
        let (recording, (row, gradients)) = done(Recording::of(gpu, || {
            let (row, gradients) = work(&params, &given);
            (row.get(), gradients.tensors().iter().map(TchTensor::get).collect())
        }));
        Kept { inputs: own, row, gradients, recording }
    }

    fn repeat(&mut self, inputs: &[Tensor], drawn: u64) -> (Tensor, Vec<Tensor>) {
        done(shim::fill(&mut self.inputs, inputs));
        done(self.recording.repeat(drawn));
        // Apart from the gradients, in memory of its own: it is read later than they are used.
        let row = done(shim::copies(std::slice::from_ref(&self.row))).remove(0);
        (row, done(shim::copies(&self.gradients)))
    }
}
