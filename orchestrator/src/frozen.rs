//! A frozen spec as a tree that overrides can edit: the `spec.json` of a run, each value with its line.

use std::path::Path;

use exp_api::Job;

use crate::command::Command;
use crate::compose::overrides::{self, Kind};
use crate::compose::{Library, Node, Origin, Override, Problem, Problems, World, load_yaml};
use crate::files::open;
use crate::run_path::PLACEHOLDER;
use crate::work::Work;

/// The spec of the job in `dir`, as a tree.
///
/// # Errors
/// There is no readable `spec.json`.
pub fn load(dir: &Path) -> Result<Node, Problems> {
    let path = dir.join(Job::FILE);
    let shown = path.display().to_string();
    let text = open(&path).and_then(std::io::read_to_string).map_err(|error| {
        Problem::new(format!("{} is no run directory: cannot read {shown}: {error}", dir.display()))
    })?;
    // JSON is YAML: one reader serves, and every value knows its line.
    let root = load_yaml(&shown.as_str().into(), &text)?;
    root.child("spec").cloned().ok_or_else(|| Problem::new(format!("{shown} holds no spec")).into())
}

/// The configuration of the program frozen in `dir`, as a tree that refers to the directory of its run, as Hydra's idiom does, so
/// that it can be that of another run.
///
/// # Errors
/// None that is known.
pub fn program(dir: &Path, command: &Command) -> Result<Node, Problems> {
    let shown = dir.join(Job::FILE).display().to_string();
    let anywhere = Work::Command(command.moved(PLACEHOLDER));
    let text = anywhere.to_text().map_err(|error| Problem::new(format!("{shown}: {error}")))?;
    let root = load_yaml(&shown.as_str().into(), &text)?;
    root.at("command.config").cloned().ok_or_else(|| Problem::new(format!("{shown} holds no configuration")).into())
}

/// Carries out overrides of `words` on a frozen spec: values, and choices of whole groups such as `backend=tch`.
///
/// # Errors
/// What is wrong with them.
pub fn edit(spec: &mut Node, words: &[String], library: &Library, world: &World) -> Result<(), Problems> {
    let parsed = Override::parse_all(words)?;
    let mut problems = Problems::default();
    let mut values = Vec::new();
    for word in parsed {
        let chosen = (word.kind == Kind::Change && library.search.is_group(&word.key)).then(|| option(&word)).flatten();
        match chosen {
            Some(option) => drop(problems.collect(choose(spec, &word, &option, library))),
            None if word.sweep().is_some() => {
                let problem = Problem::new("one run takes one value").key(&word.key);
                problems.0.push(problem.origin(&Origin::Override { text: word.text.clone() }));
            }
            None => values.push(word),
        }
    }
    problems.or_ok(())?;
    overrides::apply(spec, &values, world)
}

/// The option that a word chooses for a group, if it is a plain text.
fn option(word: &Override) -> Option<String> {
    let node = word.element()?.to_node(&Origin::Builtin).ok()?;
    node.value.as_str().map(str::to_owned)
}

fn choose(spec: &mut Node, word: &Override, option: &str, library: &Library) -> Result<(), Problem> {
    let origin = Origin::Override { text: word.text.clone() };
    let fragment = library.load(&format!("{}/{option}", word.key))?.ok_or_else(|| {
        let options = library.search.options(&word.key);
        Problem::new(format!("`{}` has no option `{option}`", word.key))
            .key(&word.key)
            .origin(&origin)
            .nearest(option, options.iter().map(String::as_str))
    })?;
    if !fragment.defaults.is_empty() {
        let message = "an option with a defaults list cannot be put into a frozen spec";
        return Err(Problem::new(message).key(&word.key).origin(&origin));
    }
    let place = spec.as_map_mut().and_then(|map| map.get_mut(word.key.as_str()));
    match place {
        Some(node) => *node = Node { trail: fragment.body.trail.clone(), value: fragment.body.value.clone() },
        None => return Err(Problem::new("a frozen spec has no such group").key(&word.key).origin(&origin)),
    }
    Ok(())
}
