//! From a tree to a spec that its backend accepts on this machine.

use std::path::Path;

use exp_api::spec::{Cifar10Spec, DatasetSpec, ImagesSpec, RunSpec};

use crate::compose::{Composed, Node, Problem, Problems, extract};
use crate::registry;

/// The spec of a composed run, checked by its backend, with what depends on this machine filled in. It gets `threads`,
/// its share of the machine, if it does not say which threads or devices it wants.
pub(super) fn typed(composed: &Composed, threads: Option<u64>) -> Result<RunSpec, Problems> {
    let job = composed.job()?;
    let mut spec = absolute(extract::run_spec(&job)?, &composed.world.cwd);
    if spec.backend.devices.is_none() {
        spec.backend.threads = spec.backend.threads.or(threads);
    }
    checked(spec, &job)
}

/// The spec with what depends on this machine filled in, if the backend finds nothing wrong with it.
pub(super) fn checked(spec: RunSpec, tree: &Node) -> Result<RunSpec, Problems> {
    let backend =
        registry::find(&spec.backend.name).map_err(|error| located(tree, "backend.name", error.to_string()))?;
    let mut spec = backend.resolve(spec);
    spec.schedule.horizon.get_or_insert(spec.train.steps);
    let found = backend.check(&spec).into_iter();
    Problems(found.map(|problem| located(tree, &problem.key, problem.message)).collect()).or_ok(spec)
}

/// A problem of a backend, with the trail of its key.
fn located(tree: &Node, key: &str, message: String) -> Problem {
    let trail = tree.at(key).map(|node| node.trail.clone()).unwrap_or_default();
    Problem::new(message).key(key).trail(&trail)
}

/// Paths as seen from the directory where they were typed, so that the run can be resumed from any other.
pub(super) fn absolute(mut spec: RunSpec, cwd: &Path) -> RunSpec {
    let join = |path: &str| cwd.join(path).display().to_string();
    match &mut spec.dataset {
        DatasetSpec::Digits8(_) => {}
        DatasetSpec::Cifar10(Cifar10Spec { dir, .. }) | DatasetSpec::Images(ImagesSpec { dir, .. }) => *dir = join(dir),
    }
    let inception = &mut spec.eval.inception;
    let weights =
        [&mut spec.init_from, &mut spec.loss.lpips.weights, &mut inception.weights, &mut inception.statistics];
    for path in weights {
        *path = path.as_deref().map(join);
    }
    spec
}
