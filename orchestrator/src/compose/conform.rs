//! A composed tree held against the schema of `exp-api`: every unknown key, wrong type, value out of range and missing value
//! is found at once, each with its trail.

use exp_api::schema::{Field, Kind, Variant};

use super::node::{Key, Map, Node, Value};
use super::origin::Origin;
use super::problem::{Caret, Problem, Problems};

/// What puts the keys of a file at the top, where files of a group below it would be.
const GLOBAL: &str = "`# @package _global_` as the first line of the file puts its keys where they belong";

/// Holds a tree at `path` against what may stand there.
///
/// # Errors
/// Everything in which it departs from `kind`.
pub(super) fn conform(path: &str, tree: &Node, kind: &Kind) -> Result<(), Problems> {
    let mut walk = Walk::default();
    walk.value(path, tree, kind);
    walk.problems.or_ok(())
}

/// The walk along the schema.
#[derive(Default)]
struct Walk {
    problems: Problems,
}

impl Walk {
    fn value(&mut self, path: &str, node: &Node, kind: &Kind) {
        if node.value.is_missing() {
            let problem = Problem::new(format!("no value is given; expected {kind}"));
            self.problems.0.push(problem.key(path).trail(&node.trail).hint(format!("{path}=...")));
            return;
        }
        match kind {
            Kind::Group(fields) => self.group(path, node, fields),
            Kind::Variants(variants) => self.variant(path, node, variants),
            Kind::List { item, min } => self.list(path, node, item, *min),
            Kind::Choice(words) => {
                let word = node.value.as_str();
                if !word.is_some_and(|word| words.contains(&word)) {
                    self.problems.0.push(expected(path, node, kind).near(word.unwrap_or_default(), words));
                }
            }
            _ if fits(&node.value, kind) => {}
            _ => self.problems.0.push(expected(path, node, kind)),
        }
    }

    fn group(&mut self, path: &str, node: &Node, fields: &[Field]) {
        let Some(map) = node.as_map() else {
            self.problems.0.push(expected(path, node, &Kind::Group(&[])));
            return;
        };
        self.keys(path, node, map, fields, &[]);
    }

    fn variant(&mut self, path: &str, node: &Node, variants: &[Variant]) {
        let Some(map) = node.as_map() else {
            self.problems.0.push(expected(path, node, &Kind::Variants(&[])));
            return;
        };
        let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
        let written = map.get("name");
        let chosen = written.and_then(|name| name.value.as_str());
        match variants.iter().find(|variant| Some(variant.name) == chosen) {
            Some(variant) => self.keys(path, node, map, variant.fields, &["name"]),
            None => {
                let found = written.map_or("nothing".to_owned(), shown);
                let problem = Problem::new(format!("expected one of {}, found {found}", names.join(", ")))
                    .key(join(path, "name"))
                    .trail(&written.unwrap_or(node).trail);
                self.problems.0.push(problem.nearest(chosen.unwrap_or_default(), names));
            }
        }
    }

    /// Checks the keys of a map: those of `fields`, and `besides` them.
    fn keys(&mut self, path: &str, node: &Node, map: &Map, fields: &[Field], besides: &[&str]) {
        for (key, child) in map {
            let name = key.to_string();
            match fields.iter().find(|field| field.name == name) {
                Some(field) if field.nullable && child.value == Value::Null => {}
                Some(field) => self.value(&join(path, &name), child, &field.kind),
                None if besides.contains(&name.as_str()) => {}
                None => {
                    let known = fields.iter().map(|field| field.name).chain(besides.iter().copied());
                    let problem = Problem::new("there is no such key").key(join(path, &name)).trail(&child.trail);
                    let problem = match path.is_empty() && is_misplaced(child, fields) {
                        true => problem.caret(Caret::Hidden).hint(GLOBAL),
                        false => homed(problem.caret(Caret::Key).nearest(&name, known), fields),
                    };
                    self.problems.0.push(problem);
                }
            }
        }
        for field in fields.iter().filter(|field| !field.nullable && !map.contains_key(field.name)) {
            let key = join(path, field.name);
            let problem = Problem::new(format!("missing; expected {}", field.kind)).key(&key).trail(&node.trail);
            self.problems.0.push(problem.caret(Caret::Hidden).hint(format!("+{key}=...")));
        }
    }

    fn list(&mut self, path: &str, node: &Node, item: &'static Kind, min: usize) {
        let Value::List(items) = &node.value else {
            self.problems.0.push(expected(path, node, &Kind::List { item, min }));
            return;
        };
        if items.len() < min {
            let problem = Problem::new(format!("expected at least {min} items, found {}", items.len()));
            self.problems.0.push(problem.key(path).trail(&node.trail));
        }
        for (index, child) in items.iter().enumerate() {
            // What a list was set over, so were its items.
            let whole = Node { value: child.value.clone(), trail: node.trail.clone() };
            let child = if child.trail.winner() == node.trail.winner() { &whole } else { child };
            let place = join(path, &index.to_string());
            self.value(&place, child, item);
            // A word chosen twice would be the same work twice; numbers may well repeat.
            let before = || items[..index].iter().any(|other| other.value == child.value);
            if matches!(item, Kind::Choice(_)) && before() {
                let problem = Problem::new(format!("{} stands there already", shown(child)));
                self.problems.0.push(problem.key(place).trail(&child.trail));
            }
        }
    }
}

/// Whether a node at the top, of a name that nothing there has, is a whole file of keys that would be known there.
fn is_misplaced(node: &Node, fields: &[Field]) -> bool {
    let known = |key: &Key| fields.iter().any(|field| *key == Key::from(field.name));
    let is_file = matches!(node.trail.winner(), Some(Origin::File { .. }));
    is_file && node.as_map().is_some_and(|map| !map.is_empty() && map.keys().all(known))
}

/// What is wrong with a key that is none of `fields` and like none of them: one of these may take any key.
fn homed(problem: Problem, fields: &[Field]) -> Problem {
    let free = fields.iter().find(|field| matches!(field.kind, Kind::Free));
    let listed = problem.hint.clone().filter(|hint| hint.starts_with("one of: "));
    match (free, listed) {
        (Some(free), Some(names)) => problem.hint(format!("{names}; keys of your own go under `{}`", free.name)),
        _ => problem,
    }
}

/// Whether a plain value is of a plain kind.
fn fits(value: &Value, kind: &Kind) -> bool {
    match (kind, value) {
        (Kind::Bool, Value::Bool(_)) | (Kind::Text, Value::Str(_)) | (Kind::Free, Value::Map(_)) => true,
        (Kind::Int { min, max }, Value::Int(n)) => (i128::from(*min)..=i128::from(*max)).contains(n),
        (Kind::Float(bounds), Value::Int(n)) => bounds.contains(*n as f64),
        (Kind::Float(bounds), Value::Float(x)) => bounds.contains(*x),
        _ => false,
    }
}

fn expected(path: &str, node: &Node, kind: &Kind) -> Problem {
    Problem::new(format!("expected {kind}, found {}", shown(node))).key(path).trail(&node.trail)
}

/// A value as a message shows it.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Map(_) => "a map".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Str(text) => format!("`{text}`"),
        value => super::python::str(value),
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
