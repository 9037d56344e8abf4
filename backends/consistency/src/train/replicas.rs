//! Several devices that share the work of one step, or of one drawing of images.
//!
//! Work is split by place alone and results are taken in the order of the replicas, so the outcome is a function of
//! their number, never of which one is faster.

use std::any::Any;
use std::collections::BTreeSet;
use std::num::NonZero;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use exp_api::BackendError;
use exp_api::spec::RunSpec;

use crate::engine::Engine;
use crate::params::Params;

/// Fewest images worth a replica of their own.
const SHARE: u64 = 4;

/// `backend.devices` of a machine of so many threads. On a GPU one replica; on the CPU one a thread, as far as a pass feeds them:
/// half a batch on each of two cores is faster than each operation on both, whose parts wait for each other.
pub fn usual_devices(spec: &RunSpec, threads: u64) -> Vec<String> {
    let pass = spec.train.micro_batch.unwrap_or(spec.train.batch).min(spec.train.batch);
    let count = if spec.backend.device == "cpu" { threads.min(pass / SHARE).max(1) } else { 1 };
    vec![spec.backend.device.clone(); count as usize]
}

/// The devices that a spec names, each once, with the key that names it.
pub fn named_devices(spec: &RunSpec) -> impl Iterator<Item = (&'static str, &String)> {
    let device = &spec.backend.device;
    let others: BTreeSet<&String> = spec.backend.devices.iter().flatten().filter(|name| *name != device).collect();
    others.into_iter().map(|name| ("backend.devices", name)).chain([("backend.device", device)])
}

/// How many threads the machine has for this process.
pub fn available_threads() -> u64 {
    std::thread::available_parallelism().map_or(1, NonZero::get) as u64
}

/// One engine a device; the first one holds the state.
#[derive(Debug, Clone)]
pub struct Replicas<E> {
    engines: Vec<E>,
}

impl<E: Engine> Replicas<E> {
    /// Replicas on these devices, opened by `open`.
    ///
    /// # Errors
    /// The first device that cannot be opened, and an empty list.
    pub fn open<Error: std::fmt::Display>(
        devices: &[String],
        open: impl Fn(&str) -> Result<E, Error>,
    ) -> Result<Replicas<E>, BackendError> {
        let engines: Result<Vec<E>, BackendError> =
            devices.iter().map(|device| open(device).map_err(|e| BackendError::Device(e.to_string()))).collect();
        let engines = engines?;
        match engines.is_empty() {
            true => Err(BackendError::Device("backend.devices is empty".to_owned())),
            false => Ok(Replicas { engines }),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.engines.len()
    }

    /// The one that holds the state.
    pub fn first(&self) -> &E {
        &self.engines[0]
    }

    /// What `work` makes for each, in their order.
    pub fn each<R>(&self, work: impl Fn(&E) -> R) -> Vec<R> {
        self.engines.iter().map(work).collect()
    }

    /// Splits `0..n` evenly and runs `work` on each part at once, one part a replica, of which it is told the place;
    /// results in the order of parts. With fewer items than replicas some have nothing to do.
    pub fn split<R: Send>(&self, n: usize, work: impl Fn(usize, &E, Range<usize>) -> R + Sync) -> Vec<R> {
        let count = self.count();
        let part = |i: usize| n * i / count..n * (i + 1) / count;
        let busy: Vec<(usize, &E, Range<usize>)> = self
            .engines
            .iter()
            .enumerate()
            .map(|(i, engine)| (i, engine, part(i)))
            .filter(|(_, _, range)| !range.is_empty())
            .collect();
        if let [(i, engine, range)] = &busy[..] {
            return vec![engine.scope(|| work(*i, engine, range.clone()))];
        }
        std::thread::scope(|scope| {
            let work = &work;
            let running: Vec<_> = busy
                .into_iter()
                .map(|(i, engine, range)| scope.spawn(move || engine.scope(|| work(i, engine, range))))
                .collect();
            running.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    }

    /// Parameters on the device of one replica.
    pub fn adopt(engine: &E, theta: &Params<E::T>) -> Params<E::T> {
        theta.map(|tensor| engine.adopt(tensor))
    }
}

/// Runs `work`; a panic of a device library becomes an error with its message.
pub(super) fn guarded<R>(work: impl FnOnce() -> Result<R, BackendError>) -> Result<R, BackendError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(BackendError::Device(format!("the device library failed: {}", words(&*panic)))))
}

/// The message of a panic.
pub(super) fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
