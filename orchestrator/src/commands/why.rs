//! Who set a value, in order, and what it was made of; or who chose the option of a group.

use std::fmt::Write;

use exp_api::RunSpec;
use exp_api::schema::{Field, find};

use super::Failure;
use super::run::composed;
use crate::cli::Cli;
use crate::command::Command;
use crate::compose::defaults::Load;
use crate::compose::{
    Composed, Library, Mode, Node, Origin, Problem, Trail, Value, World, node, to_yaml, to_yaml_with_origins,
};
use crate::launch;
use crate::screen::answer;
use crate::sweep::Search;

/// How many of the places that a value reads are told in full.
const TOLD_READS: usize = 20;

/// Prints the history of a key or of a group's choice.
pub(super) fn why(key: &str, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let composed = composed(cli, library, world, &cli.overrides, Mode::Run)?;
    let group = composed.stack.selected.choices.contains_key(key).then(|| choice(&composed, key));
    let value = match reachable(&composed.tree, key) {
        Some(found) => Some(value(&composed, key, found)?),
        None => None,
    };
    if group.is_none() && value.is_none() {
        return Err(unknown(&composed, key).into());
    }
    let texts: Vec<String> = group.into_iter().chain(value).collect();
    Ok(answer(texts.join("\n"))?)
}

/// Who chose the option of a group.
fn choice(composed: &Composed, group: &str) -> String {
    let option = composed.stack.selected.choices.get(group).and_then(Option::as_deref).unwrap_or("null");
    let name = group.split('@').next().unwrap_or(group);
    let path = format!("{name}/{option}");
    let mut text = format!("{group}: {option}\n");
    for load in composed.stack.selected.loads.iter().filter(|load| load.path == path) {
        let _ = writeln!(text, "  chosen by {}", told(&load.origin));
    }
    text
}

/// The longest part of a path that stands in the tree: the whole, or an interpolation that leads on.
fn reachable<'a>(tree: &'a Node, key: &str) -> Option<(String, &'a Node)> {
    let mut here = (String::new(), tree);
    for part in node::keys(key) {
        match here.1.child(part) {
            Some(child) if here.0.is_empty() => here = (part.to_owned(), child),
            Some(child) => here = (format!("{}.{part}", here.0), child),
            None if here.1.value.is_interpolated() => break,
            None => return None,
        }
    }
    Some(here)
}

/// The history of a value, and of what it reads.
fn value(composed: &Composed, key: &str, (place, node): (String, &Node)) -> Result<String, Problem> {
    // A map is the sum of its keys, a list is mostly set as a whole.
    let parts = || to_yaml_with_origins(&node.clone().nested(key));
    match &node.value {
        Value::Map(_) => return Ok(parts()),
        Value::List(items) if items.iter().any(|item| item.trail.winner() != node.trail.winner()) => return Ok(parts()),
        _ => {}
    }
    let mut text = headline(composed, &place, node);
    text.push_str(&meaning(composed, &place).unwrap_or_default());
    history(&mut text, "", &node.trail, &composed.stack.selected.loads);
    let reads = if node.value.is_interpolated() { composed.reads(&place) } else { Ok(Vec::new()) };
    let reads = reads.unwrap_or_else(|problem| {
        let _ = writeln!(text, "  it has no value:\n{problem}");
        Vec::new()
    });
    for read in reads.iter().take(TOLD_READS) {
        let _ = match composed.tree.at(read) {
            Some(node) if node.value.is_container() => writeln!(text, "  reads {read}, {}", node.value.kind()),
            Some(node) => write!(text, "  reads {}", headline(composed, read, node)),
            None => writeln!(text, "  reads {read}"),
        };
        if let Some(node) = composed.tree.at(read).filter(|node| !node.value.is_container()) {
            history(&mut text, "  ", &node.trail, &composed.stack.selected.loads);
        }
    }
    Ok(text)
}

/// `key = value`, and for an interpolation what it comes to.
fn headline(composed: &Composed, place: &str, node: &Node) -> String {
    let resolved = match (&node.value, composed.resolve(place)) {
        (value, Ok(Some(resolved))) if value.is_interpolated() && !resolved.value.is_container() => {
            format!("  ->  {}", scalar(&resolved))
        }
        _ => String::new(),
    };
    format!("{place} = {}{resolved}\n", scalar(node))
}

/// What may stand below `hydra` that is not Hydra's own.
const HYDRA: &[Field] = &[
    Field { name: "launcher", kind: launch::Choice::KIND, nullable: false, doc: "" },
    Field { name: "sweeper", kind: Search::KIND, nullable: false, doc: "" },
];

/// What a key of a training, a launcher or a sweeper is, and what it takes; the keys of other trees are their authors'.
fn meaning(composed: &Composed, place: &str) -> Option<String> {
    let chosen = |group: &str| composed.text(&format!("{group}.name")).ok();
    let is_training = composed.tree.child("backend").is_some() && !Command::is_wanted(&composed.tree);
    let field = match place.strip_prefix("hydra.") {
        Some(below) => find(HYDRA, below, |group| chosen(&format!("hydra.{group}")))?,
        None => find(RunSpec::FIELDS, place, chosen).filter(|_| is_training)?,
    };
    let or_null = if field.nullable { ", or null" } else { "" };
    Some(format!("  {}\n  ({}{or_null})\n", field.doc.trim(), field.kind))
}

/// A value in one line.
fn scalar(node: &Node) -> String {
    match &node.value {
        Value::List(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        _ => to_yaml(node).trim_end().to_owned(),
    }
}

/// One line for each place that set it, first to last; an arrow marks the one that won.
fn history(text: &mut String, indent: &str, trail: &Trail, loads: &[Load]) {
    let origins = trail.origins();
    let names: Vec<String> = origins.iter().map(place).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (n, (origin, name)) in origins.iter().zip(&names).enumerate() {
        let mark = if n + 1 == origins.len() { "->" } else { "  " };
        let (said, source) = match origin {
            Origin::File { source, line, .. } => (source.line(*line).trim(), Some(source)),
            Origin::Override { text } => (&**text, None),
            Origin::Builtin => ("", None),
        };
        let load = source.and_then(|source| {
            loads.iter().find(|load| source.path.ends_with(&format!("/{}.yaml", load.path)) && !load.primary)
        });
        let loaded = load.filter(|load| load.origin != Origin::Builtin);
        let loaded = loaded.map(|load| format!("    (loaded by {})", load.origin)).unwrap_or_default();
        let line = format!("{indent}  {mark} {name:width$}  {said}{loaded}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn place(origin: &Origin) -> String {
    match origin {
        Origin::Override { .. } => "command line".to_owned(),
        other => other.to_string(),
    }
}

/// A place with what is written there.
fn told(origin: &Origin) -> String {
    match origin {
        Origin::File { source, line, .. } => format!("{origin}  {}", source.line(*line).trim()),
        other => other.to_string(),
    }
}

/// A key that is not there, with the nearest one that is.
fn unknown(composed: &Composed, key: &str) -> Problem {
    let mut names: Vec<String> = composed.stack.selected.choices.keys().cloned().collect();
    paths(&composed.tree, "", &mut names);
    let last = key.rsplit('.').next().unwrap_or(key);
    let same_name = names.iter().find(|name| name.rsplit('.').next() == Some(last));
    let problem = Problem::new("there is no such key, and no such group").key(key);
    match same_name {
        Some(name) => problem.hint(format!("did you mean `{name}`?")),
        None => problem.near(key, &names.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

fn paths(node: &Node, prefix: &str, names: &mut Vec<String>) {
    let Value::Map(map) = &node.value else { return };
    for (key, child) in map {
        let name = if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
        paths(child, &name, names);
        names.push(name);
    }
}
