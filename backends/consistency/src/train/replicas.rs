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
    /// results in the order of parts. With fewer items than replicas the last ones have nothing to do: the first result is
    /// always of the replica that holds the state. Not to be called within an engine's scope, whose thread would wait for itself.
    pub fn split<R: Send>(&self, n: usize, work: impl Fn(usize, &E, Range<usize>) -> R + Sync) -> Vec<R> {
        let work = &work;
        let run = |(place, range): (usize, Range<usize>)| {
            let engine = &self.engines[place];
            engine.scope(|| work(place, engine, range))
        };
        let mut parts: Vec<_> = parts(n, self.count()).enumerate().collect();
        if parts.len() < 2 {
            return parts.pop().map(run).into_iter().collect();
        }
        std::thread::scope(|scope| {
            let running: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || run(part))).collect();
            running.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    }

    /// The same parameters on the device of each replica that has a part of `n` items.
    pub fn spread(&self, theta: &Params<E::T>, n: usize) -> Vec<Params<E::T>> {
        let on = |engine: &E| theta.map(|tensor| engine.adopt(tensor));
        self.engines.iter().take(n).map(on).collect()
    }
}

/// Even parts of `0..n`, none of them empty, at most `count`.
fn parts(n: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let count = count.min(n);
    (0..count).map(move |i| n * i / count..n * (i + 1) / count)
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

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn parts_are_even_and_the_first_replica_has_one() {
        let of = |n, count| parts(n, count).collect::<Vec<_>>();
        assert_eq!(of(10, 4), [0..2, 2..5, 5..7, 7..10]);
        assert_eq!(of(2, 3), [0..1, 1..2]);
        assert_eq!(of(0, 2), []);
    }
}
