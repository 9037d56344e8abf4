//! The nodes of plugins, `hydra.launcher` and `hydra.sweeper`: which keys they have.
//!
//! Each is a class of Hydra's or of a plugin of it, and its options are those of its file (`builtin`): what has been laid over
//! it has them as the first step of its trail. What comes from a file of a user's own is nobody's type.

use super::builtin;
use super::node::Node;
use super::origin::{Origin, Trail};
use super::problem::{Caret, Problem, Problems};
use super::python;

/// What can be said here beside the options of Hydra's classes, each with the class.
const OURS: [(&str, &str); 4] = [
    ("hydra.launcher.nodelist", "SlurmLauncher"),
    ("hydra.sweeper.metric", "OptunaSweeper"),
    ("hydra.sweeper.where", "BasicSweeper"),
    ("hydra.sweeper.where", "OptunaSweeper"),
];

/// Finds the keys of launcher or sweeper that its class does not have. Those that `+` adds are found where `added`
/// ones are asked for: composing accepts them, as in Hydra, where the class is what refuses them later, if it does.
///
/// # Errors
/// All such keys.
pub fn check(hydra: &Node, name: &str, added: bool) -> Result<(), Problems> {
    let mut problems = Problems::default();
    if let Some(node) = hydra.child(name) {
        walk(node, &format!("hydra.{name}"), added, &mut problems);
    }
    problems.or_ok(())
}

fn walk(node: &Node, path: &str, added: bool, problems: &mut Problems) {
    let Some(map) = node.as_map() else { return };
    let Some(target) = node.child("_target_").filter(|target| is_option(&target.trail)) else { return };
    let class = python::str(&target.value);
    let class = class.rsplit('.').next().unwrap_or_default();
    for (key, child) in map {
        let (key, path) = (key.to_string(), format!("{path}.{key}"));
        let is_added = matches!(child.trail.winner(), Some(Origin::Override { .. }));
        if is_option(&child.trail) {
            walk(child, &path, added, problems);
        } else if !OURS.contains(&(path.as_str(), class)) && (added || !is_added) {
            let options = map.iter().filter(|(_, child)| is_option(&child.trail)).map(|(key, _)| key.to_string());
            let options: Vec<String> = options.filter(|key| key != "_target_").collect();
            let problem = match options.is_empty() {
                true => Problem::new(format!("`{class}` has no options")).hint("hydra/launcher=local"),
                false => Problem::new(format!("`{class}` has no such option"))
                    .nearest(&key, options.iter().map(String::as_str)),
            };
            problems.0.push(problem.key(path).trail(&child.trail).caret(Caret::Key));
        }
    }
}

/// Whether a value is one of the class's own, however often it has been changed since.
fn is_option(trail: &Trail) -> bool {
    let Some(Origin::File { source, .. }) = trail.origins().first() else { return false };
    source.path.strip_prefix("<built-in>/").is_some_and(|file| builtin::LAST.iter().any(|(known, _)| *known == file))
}
