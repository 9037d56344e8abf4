//! Runs that are done already, by what they did: so that a sweep need not repeat them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use exp_api::Task;
use exp_consistency::hash::sha256;
use serde_json::Value;

use crate::compose::{Composed, Problem};
use crate::meaning::{Foreign, meanings};
use crate::status::{State, Status};
use crate::work::Work;

/// The finished runs below some folders.
#[derive(Default)]
pub struct Finished(HashMap<String, PathBuf>);

impl Finished {
    /// Those below [`roots`].
    ///
    /// # Errors
    /// As there.
    pub fn of(composed: &Composed) -> Result<Finished, Problem> {
        let mut finished = Finished::default();
        roots(composed)?.iter().for_each(|root| finished.gather(&composed.world.cwd.join(root)));
        Ok(finished)
    }

    /// A finished run that did this work.
    pub fn run_of(&self, work: &Work) -> Option<&Path> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&hash(work)?).map(PathBuf::as_path)
    }

    fn gather(&mut self, dir: &Path) {
        if let Some(status) = Status::read(dir) {
            let work = (status.state == State::Done).then(|| Work::open(dir).ok()).flatten();
            if let Some(hash) = work.as_ref().and_then(hash) {
                self.0.entry(hash).or_insert_with(|| dir.to_owned());
            }
            return;
        }
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            // A link may lead round in a circle.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.gather(&entry.path());
            }
        }
    }
}

/// The folders in which a configuration puts runs and sweeps: the parts of `hydra.run.dir` and `hydra.sweep.dir` before one that
/// follows from the moment or the job.
///
/// # Errors
/// A directory of the configuration has no value.
pub fn roots(composed: &Composed) -> Result<Vec<PathBuf>, Problem> {
    let root = |key: &str| {
        let node = composed.tree.at(key).filter(|node| !node.value.is_missing());
        let node = node.ok_or_else(|| Problem::new("has no value").key(key))?;
        let parts = parts(node.value.as_str().unwrap_or_default());
        let filled = parts.iter().map_while(|part| match part {
            part if !part.contains("${") => Some((*part).to_owned()),
            part if ["${now", "hydra.job", "hydra:job"].iter().any(|word| part.contains(word)) => None,
            part => composed.fill(part).ok(),
        });
        let filled: Vec<String> = filled.collect();
        let fixed = PathBuf::from(filled.concat());
        // A directory that is named in full lies beside the others.
        let root = if filled.len() == parts.len() { fixed.parent().map(Path::to_owned) } else { Some(fixed) };
        Ok(root.filter(|root| !root.as_os_str().is_empty()).unwrap_or_else(|| PathBuf::from(".")))
    };
    ["hydra.run.dir", "hydra.sweep.dir"].into_iter().map(root).collect()
}

/// The parts of a path, each with the slash behind it. A slash within an interpolation ends no part.
fn parts(path: &str) -> Vec<&str> {
    let mut depth = 0;
    let ends = |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == '/' && depth <= 0
    };
    path.split_inclusive(ends).collect()
}

/// The sha256 of what is done; none of work that is part of another run.
fn hash(work: &Work) -> Option<String> {
    let (tree, start, program) = match work {
        Work::Job(job) if job.task == Task::Train => (serde_json::to_value(&job.spec).ok()?, String::new(), None),
        Work::Job(_) => return None,
        // The configuration holds the words of the program, with what they refer to.
        Work::Command(command) => {
            let foreign = Foreign::new(command.output_dir.clone(), |key| command.config.get(key).cloned());
            (Value::Object(command.config.clone()), command.cwd.display().to_string(), Some(foreign))
        }
    };
    let Value::Object(entries) = tree else { return None };
    Some(sha256(format!("{start}\n{}", Value::Object(meanings(entries, program.as_ref())))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use exp_api::Job;

    #[test]
    fn a_slash_within_an_interpolation_ends_no_part() {
        assert_eq!(parts("${root}/a/${now:%Y/%m}/b"), ["${root}/", "a/", "${now:%Y/%m}/", "b"]);
        assert_eq!(parts("/a"), ["/", "a"]);
    }

    #[test]
    fn what_is_done_is_found_wherever_it_lies() {
        let root = tempfile::tempdir().unwrap();
        let work = |n: u64| {
            let config = serde_json::json!({"n": n}).as_object().cloned().unwrap_or_default();
            Work::Command(Command { argv: vec!["true".to_owned()], cwd: "/".into(), config, output_dir: None })
        };
        for (n, state) in [(0, State::Done), (1, State::Failed)] {
            let dir = root.path().join(format!("2026-01-01/{n}"));
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(Job::FILE), work(n).to_text().unwrap()).unwrap();
            Status::here(state).write(&dir).unwrap();
        }
        let mut finished = Finished::default();
        finished.gather(root.path());
        assert_eq!(finished.run_of(&work(0)), Some(&*root.path().join("2026-01-01/0")));
        assert_eq!((finished.run_of(&work(1)), finished.run_of(&work(2))), (None, None));
    }
}
