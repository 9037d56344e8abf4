//! From a tree to a spec that its backend accepts on this machine.

use std::path::Path;

use exp_api::spec::{Cifar10Spec, DatasetSpec, ImagesSpec, RunSpec};
use exp_api::{Job, Task};
use exp_consistency::train::named_devices;

use crate::command::Command;
use crate::compose::{Composed, Node, Problem, Problems, Value, extract};
use crate::launch::Share;
use crate::registry::Registry;
use crate::work::Work;

/// Whether a configuration is one of a run here. Any other can be looked at, and given to a program.
///
/// # Errors
/// It names no backend.
fn is_ours(composed: &Composed) -> Result<(), Problem> {
    if composed.tree.at("backend.name").is_some() {
        return Ok(());
    }
    let problem = Problem::new("this configuration names no backend, which would do something with it");
    Err(problem.hint("a program: +backend.name=command '+backend.argv=[python3,train.py]'; to look at it: --cfg job"))
}

/// What composed runs are to do, if they are runs here: specs that their backends accept, with what depends on this machine
/// filled in, or programs. A spec gets its `share` of the machine's threads, if it does not say which threads or devices it
/// wants.
pub(super) fn typed(runs: &[Composed], share: Share, registry: &Registry) -> Result<Vec<Work>, Problems> {
    let mut works: Vec<Option<Work>> = Vec::new();
    let (mut specs, mut trees) = (Vec::new(), Vec::new());
    for run in runs {
        is_ours(run)?;
        let tree = run.job()?;
        works.push(match Command::is_wanted(&tree) {
            true => {
                let command = Command::of(&tree, &run.world.cwd)?;
                server(&tree).or_ok(())?;
                let command = Command { output_dir: run.output_dir().map(str::to_owned), ..command };
                let chdir = run.resolve("hydra.job.chdir")?.is_some_and(|chdir| chdir.value == Value::Bool(true));
                Some(Work::Command(if chdir { command.anchored() } else { command }))
            }
            false => {
                let mut spec = absolute(extract::run_spec(&tree)?, &run.world.cwd);
                if spec.backend.devices.is_none() {
                    spec.backend.threads = spec.backend.threads.or(share.threads);
                }
                specs.push(spec);
                trees.push(tree);
                None
            }
        });
    }
    let mut specs = checked(specs, &trees, share, &[], registry)?.into_iter();
    let work = |work: Option<Work>| work.or_else(|| Some(Job::new(Task::Train, specs.next()?).into()));
    Ok(works.into_iter().filter_map(work).collect())
}

/// The specs with what depends on this machine filled in, if their backends find nothing wrong with them. Of those that run
/// elsewhere, the devices of this machine do not matter, and of none what is `unread`.
pub(super) fn checked(
    mut specs: Vec<RunSpec>,
    trees: &[Node],
    share: Share,
    unread: &[&str],
    registry: &Registry,
) -> Result<Vec<RunSpec>, Problems> {
    for spec in &mut specs {
        spec.schedule.horizon.get_or_insert(spec.train.steps);
        spec.train.horizon.get_or_insert(spec.train.steps);
    }
    // One call for those behind one another that have the same backend: it may be a process.
    let mut done = Vec::new();
    for same in specs.chunk_by(|a, b| a.backend.name == b.backend.name) {
        let trees = &trees[done.len()..];
        let backend = registry
            .find(&same[0].backend.name)
            .map_err(|error| located(&trees[0], "backend.name", error.to_string()))?;
        for (checked, tree) in backend.prepare(same.to_vec()).into_iter().zip(trees) {
            let of_here = |key: &str| key.starts_with("backend.device");
            let matters = |key: &str| !(unread.contains(&key) || share.elsewhere && of_here(key));
            let found = checked.problems.into_iter().filter(|problem| matters(&problem.key));
            let hidden = share.one_gpu.then(|| hidden(&checked.spec)).into_iter().flatten();
            let found = found.chain(hidden).map(|problem| located(tree, &problem.key, problem.message));
            let problems = found.chain(address(tree)).collect();
            done.push(Problems(problems).or_ok(checked.spec)?);
        }
    }
    Ok(done)
}

/// The devices that a job cannot have where it sees one GPU.
fn hidden(spec: &RunSpec) -> Vec<exp_api::Problem> {
    let others = named_devices(spec).filter(|(_, name)| name.strip_prefix("cuda:").is_some_and(|n| n != "0"));
    let words =
        |name| format!("`{name}` is not there: hydra.launcher.gpus gives each job one GPU, which is `cuda:0` to it");
    others.map(|(key, name)| exp_api::Problem::new(key, words(name))).collect()
}

/// What is wrong with the server that a program is to be sent to. A group `track.mlflow` without an address is its own.
fn server(tree: &Node) -> Problems {
    let given = |key: &str| tree.at(key).filter(|node| node.value != Value::Null && !node.value.is_missing());
    let (url, experiment) = ("track.mlflow.url", "track.mlflow.experiment");
    let no_text = |key: &&str| given(key).is_some_and(|node| node.value.as_str().is_none());
    let wrong = |key: &str| {
        let found = given(key).map_or("", |node| node.value.kind());
        located(tree, key, format!("expected text, found {found}"))
    };
    let asked = given(url).is_some();
    let wrong = [url, experiment].into_iter().filter(|key| asked && no_text(key)).map(wrong);
    Problems(wrong.chain(address(tree).filter(|_| asked)).collect())
}

/// What is wrong with the address of a tracker: it is written down with the run, so that no password may be in it.
fn address(tree: &Node) -> Option<Problem> {
    let key = "track.mlflow.url";
    let url = tree.at(key)?.value.as_str()?;
    let message = match url.split_once("://") {
        Some(("http" | "https", rest)) if !rest.contains('@') => return None,
        Some(("http" | "https", _)) => {
            "holds a name or password, and would be written down; they are read from MLFLOW_TRACKING_USERNAME and \
             MLFLOW_TRACKING_PASSWORD"
                .to_owned()
        }
        _ => format!("expected an address such as http://localhost:5000, found {url}"),
    };
    Some(located(tree, key, message))
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
    let (inception, network) = (&mut spec.eval.inception, &mut spec.eval.network);
    let lpips = &mut spec.loss.lpips;
    let of_eval = [&mut inception.weights, &mut inception.statistics, &mut network.onnx];
    for path in [&mut spec.init_from, &mut lpips.weights].into_iter().chain(of_eval) {
        *path = path.as_deref().map(join);
    }
    spec
}
