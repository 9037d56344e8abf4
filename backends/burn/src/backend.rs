//! What the orchestrator sees of burn.

use std::path::Path;

use exp_api::spec::{Precision, RunSpec};
use exp_api::{Backend, BackendError, DeviceInfo, EventSink, Job, Problem, Report, Stop};
use exp_consistency::train::{self, Replicas, available_threads};

use crate::BurnEngine;

/// The version of the library.
const VERSION: &str = "0.22.1";

/// The burn backend.
#[derive(Debug, Clone, Copy, Default)]
pub struct BurnBackend;

impl Backend for BurnBackend {
    fn name(&self) -> &str {
        "burn"
    }

    /// GPUs are not listed: burn only finds out by starting one whether it is there.
    fn devices(&self) -> Vec<DeviceInfo> {
        let threads = available_threads();
        vec![DeviceInfo { name: "cpu".to_owned(), description: format!("burn {VERSION}, {threads} threads") }]
    }

    /// One replica on a GPU. On the CPU each is one thread, so threads become replicas as far as the batch feeds them.
    fn resolve(&self, mut spec: RunSpec) -> RunSpec {
        let threads = spec.backend.threads.unwrap_or_else(available_threads);
        let devices = spec.backend.devices.take().unwrap_or_else(|| train::usual_devices(&spec, threads));
        spec.backend.threads = Some(devices.len() as u64);
        spec.backend.devices = Some(devices);
        spec
    }

    fn check(&self, spec: &RunSpec) -> Vec<Problem> {
        let mut problems = train::check(spec);
        if spec.backend.fast_paths.as_ref().is_some_and(|paths| !paths.is_empty()) {
            problems.push(Problem::new("backend.fast_paths", "expected null or []: the burn backend has none"));
        }
        if spec.backend.precision != Precision::F32 {
            problems.push(Problem::new("backend.precision", "expected f32: the burn backend has no other"));
        }
        for (key, name) in train::named_devices(spec) {
            problems.extend(BurnEngine::find(name).err().map(|error| Problem::new(key, error.to_string())));
        }
        problems
    }

    fn run(&self, dir: &Path, job: &Job, events: &mut dyn EventSink, stop: &Stop) -> Result<Report, BackendError> {
        let replicas = Replicas::open(job.spec.backend.working(), BurnEngine::open)?;
        train::run(&replicas, dir, job, events, stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{VERSION}\"\n")));
    }
}
