//! What the orchestrator sees of tch.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use exp_api::spec::{FastPath, Precision, RunSpec};
use exp_api::{Backend, BackendError, DeviceInfo, EventSink, Job, Problem, Report, Stop};
use exp_consistency::train::{self, Replicas, available_threads};

use crate::device::{self, OpenError};
use crate::{TchEngine, paths, shim};

/// Held by the one run of the process that works on GPUs.
static ON_GPUS: Mutex<()> = Mutex::new(());

/// The tch backend.
#[derive(Debug, Clone, Copy, Default)]
pub struct TchBackend;

impl Backend for TchBackend {
    fn name(&self) -> &str {
        "tch"
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        let libtorch = concat!("libtorch ", env!("EXP_LIBTORCH"));
        let missing = match (device::has_cuda(), device::gpus()) {
            (false, _) => "; for CUDA: backends/tch/install --cuda".to_owned(),
            (true, 0) => device::open("cuda").map_or_else(|reason| format!("; {reason}"), |_| String::new()),
            (true, _) => String::new(),
        };
        let cpu = format!("{libtorch}, {} threads{missing}", available_threads());
        let gpus = (0..device::gpus()).map(|index| (format!("cuda:{index}"), format!("{libtorch}, CUDA")));
        let all = [("cpu".to_owned(), cpu)].into_iter().chain(gpus);
        all.map(|(name, description)| DeviceInfo { name, description }).collect()
    }

    /// One replica on a GPU; on the CPU one a thread, as far as the batch feeds them.
    fn resolve(&self, mut spec: RunSpec) -> RunSpec {
        let threads = *spec.backend.threads.get_or_insert_with(available_threads);
        if spec.backend.devices.is_none() {
            spec.backend.devices = Some(train::usual_devices(&spec, threads));
        }
        if let Ok(device) = device::open(first(&spec)) {
            let replicas = spec.backend.working().len();
            spec.backend.fast_paths.get_or_insert_with(|| paths::usual(device, replicas));
        }
        spec
    }

    fn check(&self, spec: &RunSpec) -> Vec<Problem> {
        let mut problems = train::check(spec);
        if let Ok(opened) = device::open(first(spec)) {
            problems.extend(unavailable(spec, opened));
        }
        for (key, name) in train::named_devices(spec) {
            if let Err(error) = device::open(name) {
                problems.push(Problem::new(key, error.to_string()));
            }
        }
        problems
    }

    fn run(&self, dir: &Path, job: &Job, events: &mut dyn EventSink, stop: &Stop) -> Result<Report, BackendError> {
        // While a step is recorded, no other thread of the process may compile or choose kernels.
        let _alone = uses_gpus(&job.spec).then(|| ON_GPUS.lock().unwrap_or_else(PoisonError::into_inner));
        train::run(&replicas(&job.spec)?, dir, job, events, stop)
    }
}

fn uses_gpus(spec: &RunSpec) -> bool {
    spec.backend.working().iter().any(|device| device != "cpu")
}

/// The device that holds the state.
fn first(spec: &RunSpec) -> &str {
    spec.backend.working().first().unwrap_or(&spec.backend.device)
}

/// What is asked for that the device does not have.
fn unavailable(spec: &RunSpec, device: tch::Device) -> Vec<Problem> {
    let mut problems = Vec::new();
    for path in spec.backend.fast_paths.iter().flatten().filter(|path| !paths::has(device, **path)) {
        let message = format!("`{}` needs a GPU: `{}` is none", path.word(), first(spec));
        problems.push(Problem::new("backend.fast_paths", message));
    }
    let replicas = spec.backend.working().len();
    if replicas > 1 && spec.backend.fast_paths.iter().flatten().any(|path| *path == FastPath::Graph) {
        let message = format!("`graph` records the steps of one replica: backend.devices has {replicas}");
        problems.push(Problem::new("backend.fast_paths", message));
    }
    if spec.backend.precision == Precision::Tf32 && spec.backend.working().iter().any(|name| name == "cpu") {
        problems.push(Problem::new("backend.precision", "`tf32` is a format of GPUs; the CPU has f32 and bf16"));
    }
    problems
}

/// The engines of a run, which share its threads.
///
/// # Errors
/// A device that cannot be opened.
pub fn replicas(spec: &RunSpec) -> Result<Replicas<TchEngine>, BackendError> {
    let backend = &spec.backend;
    let devices = backend.working();
    let threads = backend.threads.unwrap_or_else(available_threads) as usize;
    let share = threads / devices.len().max(1);
    shim::settings(backend.precision == Precision::Tf32, backend.deterministic)
        .map_err(|error| BackendError::Device(error.to_string()))?;
    let paths = backend.fast_paths.as_deref().unwrap_or_default();
    Replicas::open(devices, |name| {
        let engine = TchEngine::open(name, share)?;
        Ok::<_, OpenError>(engine.with_precision(backend.precision).with_fast_paths(paths))
    })
}
