//! Launchers of Hydra and its plugins, as ours.

use exp_api::schema::Kind;
use exp_consistency::train::available_threads;

use super::queue::Slurm;
use super::{Choice, Local};
use crate::compose::{Key, Node, Problem, Problems, Value, extract, text};

/// What stands for the launcher of a class in Python, with the options of the `hydra.launcher` at `path`.
///
/// # Errors
/// None does here what it does, and all that is wrong with its options.
pub(super) fn counterpart(path: &str, mut launcher: Node) -> Result<Choice, Problems> {
    let Some(target) = launcher.at("_target_").cloned() else {
        texts(&mut launcher);
        return extract::part(path, &launcher, &Choice::KIND);
    };
    let class = text(&target.value);
    let option = |key: &str| launcher.child(key).filter(|node| node.value != Value::Null);
    match class.rsplit('.').next() {
        Some("BasicLauncher") => basic(path, &launcher).map(|()| Choice::Local(Local::basic())),
        Some("JoblibLauncher") => {
            let n_jobs = option("n_jobs").map(|node| workers(&format!("{path}.n_jobs"), node)).transpose()?;
            Ok(Choice::Local(Local { n_jobs, ..Local::basic() }))
        }
        Some("LocalLauncher") => {
            let minutes = |node: &Node| match node.value {
                Value::Int(n) if n > 0 => Ok(n as f64),
                _ => Err(Problem::new("expected a whole number above 0")
                    .key(format!("{path}.timeout_min"))
                    .trail(&node.trail)),
            };
            let timeout_s = option("timeout_min").map(minutes).transpose()?.map(|minutes| 60.0 * minutes);
            // There all jobs run at one time.
            Ok(Choice::Local(Local { n_jobs: Some(available_threads()), timeout_s, ..Local::basic() }))
        }
        Some("SlurmLauncher") => {
            if let Some(map) = launcher.as_map_mut() {
                map.shift_remove("_target_");
                // There it is the job's.
                let name = map.insert(Key::from("name"), Node::builtin(Value::str("slurm")));
                map.extend(name.map(|name| (Key::from("job_name"), name)));
            }
            texts(&mut launcher);
            extract::part(path, &launcher, &Choice::KIND)
        }
        _ => {
            let problem = Problem::new(format!("no launcher does here what `{class}` does in Python"));
            Err(problem.key(format!("{path}._target_")).trail(&target.trail).hint("hydra/launcher=local").into())
        }
    }
}

/// Numbers where a flag of sbatch is text, as accounts and amounts of memory may be, as that text: submitit converts them.
fn texts(launcher: &mut Node) {
    for field in Slurm::FIELDS.iter().filter(|field| matches!(field.kind, Kind::Text)) {
        if let Some(node) = launcher.child_mut(field.name)
            && let Value::Int(_) | Value::Float(_) = node.value
        {
            node.value = Value::str(text(&node.value));
        }
    }
}

/// Hydra's own launcher has no options, which a key that is added would be without a word.
fn basic(path: &str, node: &Node) -> Result<(), Problems> {
    let keys = node.as_map().into_iter().flatten().filter(|(key, _)| key.to_string() != "_target_");
    let problem = |(key, value): (&Key, &Node)| {
        let problem = Problem::new("`basic`, one job at a time, has no options").key(format!("{path}.{key}"));
        problem.trail(&value.trail).hint("hydra/launcher=local")
    };
    Problems(keys.map(problem).collect()).or_ok(())
}

/// The workers that a number of joblib's means: -1 is one for each core, -2 one less.
fn workers(key: &str, node: &Node) -> Result<u64, Problem> {
    match node.value {
        Value::Int(n) if n > 0 => Ok(u64::try_from(n).unwrap_or(u64::MAX)),
        Value::Int(n) if n < 0 => Ok(u64::try_from(i128::from(available_threads()) + 1 + n).unwrap_or(1).max(1)),
        _ => Err(Problem::new("expected a whole number other than 0").key(key).trail(&node.trail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load_yaml;

    fn read(yaml: &str) -> Result<Choice, Problems> {
        counterpart("hydra.launcher", load_yaml(&"x".into(), yaml).expect("a tree"))
    }

    #[test]
    fn launchers_of_python_have_counterparts() {
        let local = |n_jobs, timeout_s| Ok(Choice::Local(Local { n_jobs: Some(n_jobs), timeout_s, ..Local::basic() }));
        assert_eq!(read("{_target_: x.JoblibLauncher, n_jobs: 3, prefer: processes}"), local(3, None));
        assert_eq!(read("{_target_: x.JoblibLauncher, n_jobs: -1}"), local(available_threads(), None));
        assert_eq!(read("{_target_: x.JoblibLauncher, n_jobs: -1000}"), local(1, None));
        assert_eq!(read("{_target_: x.LocalLauncher, timeout_min: 2}"), local(available_threads(), Some(120.0)));
        assert_eq!(read("{_target_: x.BasicLauncher}"), Ok(Choice::Local(Local::basic())));
        for (wrong, part) in [
            ("{_target_: x.JoblibLauncher, n_jobs: 0}", "hydra.launcher.n_jobs: expected a whole number other than 0"),
            ("{_target_: x.RayLauncher}", "no launcher does here what `x.RayLauncher`"),
            ("{_target_: x.BasicLauncher, n_jobs: 2}", "`basic`, one job at a time, has no options"),
        ] {
            let problems = read(wrong).expect_err(wrong).to_string();
            assert!(problems.contains(part), "{problems}");
        }
    }
}
