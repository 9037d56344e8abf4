//! Going on with a frozen run: what may change, and what is refused.

use std::path::Path;

use exp_api::{Job, RunSpec};

use crate::compose::{Node, Override, Problem, Problems};
use crate::frozen;
use crate::history::{OVERRIDES, overrides};
use crate::status::{State, Status};
use crate::worker::WorkerError;

/// Keys that may change when a run goes on, with everything below them.
const FREE: [&str; 12] = [
    "train.steps",
    "train.log_every",
    "train.preview_every",
    "train.checkpoint_every",
    "train.eval_every",
    "train.keep",
    "eval",
    "sample",
    "tags",
    "notes",
    "track",
    "backend",
];

/// Where the data set lies, which may change where it is known what the data are: an engine refuses others.
const MOVED: &str = "dataset.dir";

/// The differences between a frozen spec and a wanted one that would change the past of the run, each with its key and
/// who wrote it in `tree`. Keys in `allow`, and those below them, pass, and where the data lie if they are `known`.
///
/// # Errors
/// One problem a difference.
pub fn check(frozen: &RunSpec, wanted: &RunSpec, tree: &Node, allow: &[String], known: bool) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let [before, after] = [frozen, wanted].map(|spec| serde_json::to_value(spec).unwrap_or_default());
    let mut differ = |path: &str, old: &serde_json::Value, new: &serde_json::Value| {
        let covered = |key: &str| path == key || path.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        let moved = known && path == MOVED;
        if !moved && !FREE.iter().any(|key| covered(key)) && !allow.iter().any(|key| covered(key)) {
            let message = format!("the run was frozen with {old}; {new} would change what it has done");
            let trail = tree.at(path).map(|node| node.trail.clone()).unwrap_or_default();
            let problem = Problem::new(message).key(path).trail(&trail);
            problems.0.push(problem.hint(format!("to do it all the same: --allow {path}")));
        }
    };
    compare("", &before, &after, &mut differ);
    problems.or_ok(())
}

fn compare(
    path: &str,
    old: &serde_json::Value,
    new: &serde_json::Value,
    differ: &mut impl FnMut(&str, &serde_json::Value, &serde_json::Value),
) {
    match (old, new) {
        (serde_json::Value::Object(a), serde_json::Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let null = serde_json::Value::Null;
                compare(&path, a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), differ);
            }
        }
        _ if old != new => differ(path, old, new),
        _ => {}
    }
}

/// Writes the changed job over the frozen one, whose text was `found` when it was changed, and who changed which of its keys, as
/// `tree` tells; `words` are those that did.
///
/// # Errors
/// Another process works on the run, or has changed it too, or it cannot be written.
pub fn refreeze(dir: &Path, found: &str, job: &Job, tree: &Node, words: &[String]) -> Result<(), crate::Failure> {
    let _lock = crate::lock::Lock::take(dir).map_err(WorkerError::from)?;
    if frozen::text(dir)? != found {
        let message = format!("{} was changed by another process in the meantime", dir.display());
        return Err(Problem::new(message).hint("the same command once more, if what it says still holds").into());
    }
    let run = crate::run_dir::RunDir::open(dir);
    // What is done is so by the old spec.
    if let Some(status) = Status::read(dir).filter(|status| status.state == State::Done) {
        let status = Status { state: State::Interrupted, ..status };
        let failed = |source| WorkerError::Files { path: dir.join(Status::FILE), source };
        status.write(dir).map_err(failed)?;
    }
    // A kill between the two leaves the spec to be changed once more, and with it who changed what.
    run.change_origins(tree)?;
    // Without the file none is wanted: see `hydra.output_subdir`.
    if dir.join(OVERRIDES).is_file() {
        run.write_overrides(&changed(overrides(dir), words))?;
    }
    Ok(run.write_work(&job.clone().into())?)
}

/// The overrides that say what a run is after `words`: these stand for what was said of their keys before.
fn changed(said: Vec<String>, words: &[String]) -> Vec<String> {
    let key = |word: &String| Some(Override::parse_all(std::slice::from_ref(word)).ok()?.pop()?.key);
    let anew: Vec<Option<String>> = words.iter().map(key).collect();
    said.into_iter().filter(|word| !anew.contains(&key(word))).chain(words.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_anew_stands_for_what_was_said() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<String>>();
        let said = words(&["+experiment=quickstart", "train.steps=20", "++params.a=1", "train.lr=1e-3"]);
        let found = changed(said, &words(&["train.steps=40", "params.a=2", "tags=[x]"]));
        let wanted = ["+experiment=quickstart", "train.lr=1e-3", "train.steps=40", "params.a=2", "tags=[x]"];
        assert_eq!(found, words(&wanted));
    }
}
