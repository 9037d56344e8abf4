//! A search that is written for hydra-optuna-sweeper, as one of ours.
//!
//! Its sampler, direction, seed and counts have counterparts. Which figure is looked at it does not say, since in Python it is
//! what the program returns: `metric` is to be added.

use crate::compose::{Key, Node, Problem, Problems, Value, text};

/// What stands for a `hydra.sweeper` of Optuna, at `path`; some of it may still be missing.
///
/// # Errors
/// All that has no counterpart here.
pub(super) fn counterpart(path: &str, optuna: &Node) -> Result<Node, Problems> {
    let mut problems = Problems::default();
    for key in ["storage", "custom_search_space"] {
        if let Some(node) = optuna.child(key).filter(|node| node.value != Value::Null) {
            let problem = Problem::new("has no counterpart here").key(format!("{path}.{key}"));
            problems.0.push(problem.trail(&node.trail).hint(format!("{path}.{key}=null")));
        }
    }
    let sampler = optuna.at("sampler._target_");
    let class = sampler.map(|class| text(&class.value)).unwrap_or_default();
    let name = match class.rsplit('.').next() {
        Some("TPESampler") => "tpe",
        Some("RandomSampler") => "random",
        _ => {
            let problem = Problem::new(format!("no sampler does here what `{class}` does in Python"));
            let trail = sampler.map(|sampler| sampler.trail.clone()).unwrap_or_default();
            problems.0.push(problem.key(format!("{path}.sampler")).trail(&trail).hint("hydra/sweeper/sampler=tpe"));
            "tpe"
        }
    };
    let plain = |value: Value| Node::builtin(value);
    let said = |key: &str| optuna.at(key).filter(|node| node.value != Value::Null).cloned();
    let entries = [
        ("name", Some(plain(Value::str(name)))),
        ("metric", said("metric")),
        ("direction", said("direction")),
        ("n_trials", said("n_trials")),
        ("n_jobs", said("n_jobs")),
        // Optuna draws another one each time.
        ("seed", Some(said("sampler.seed").unwrap_or_else(|| plain(Value::Int(0))))),
        ("prune_factor", Some(plain(Value::Int(4)))),
        ("where", said("where")),
    ];
    let entries = entries.into_iter().filter_map(|(key, node)| Some((Key::from(key), node?)));
    // What is missing is missed where the sweeper was named.
    let trail = optuna.child("_target_").unwrap_or(optuna).trail.clone();
    problems.or_ok(Node { value: Value::Map(entries.collect()), trail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load_yaml;

    fn read(yaml: &str) -> Result<Node, Problems> {
        counterpart("hydra.sweeper", &load_yaml(&"x".into(), yaml).expect("a tree"))
    }

    #[test]
    fn what_has_a_counterpart_gets_it() {
        let written = "{_target_: x.OptunaSweeper, direction: maximize, n_trials: 7, n_jobs: 2, storage: null, metric: acc, \
                       max_failure_rate: 0.0, sampler: {_target_: optuna.samplers.RandomSampler, seed: 5}}";
        let node = read(written).expect("it has one");
        let said = |key: &str| node.at(key).map(|node| text(&node.value));
        let said =
            ["name", "metric", "direction", "n_trials", "n_jobs", "seed"].map(|key| said(key).unwrap_or_default());
        assert_eq!(said, ["random", "acc", "maximize", "7", "2", "5"]);
    }

    #[test]
    fn what_has_none_is_named() {
        let problems = read("{storage: 'sqlite:///x', sampler: {_target_: optuna.samplers.CmaEsSampler}}");
        let problems = problems.expect_err("neither is here").to_string();
        for part in ["hydra.sweeper.storage: has no counterpart", "`optuna.samplers.CmaEsSampler`"] {
            assert!(problems.contains(part), "{problems}");
        }
    }
}
