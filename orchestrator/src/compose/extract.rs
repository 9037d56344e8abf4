//! The composed tree as a typed run spec.
//!
//! Two passes. First the tree is walked against the schema of `exp-api`, so that every unknown key, wrong type, value
//! out of range and missing value is found at once, each with its trail. Then figment extracts the spec, from one
//! provider for each origin, so that even what only deserialisation can see names where it was written.

use std::collections::BTreeMap;

use exp_api::schema::{Field, Kind, Variant};
use exp_api::spec::RunSpec;
use figment::value::{Dict, Empty, Map as Profiles, Num, Value as Typed};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use super::json::to_json;
use super::node::{Key, Map, Node, Value};
use super::origin::{Origin, Trail};
use super::problem::{Caret, Problem, Problems};

/// The run spec that a tree without interpolations describes.
///
/// # Errors
/// Everything in which the tree departs from the schema.
pub fn run_spec(tree: &Node) -> Result<RunSpec, Problems> {
    let mut walk = Walk::default();
    walk.group("", tree, RunSpec::FIELDS);
    walk.problems.or_ok(())?;
    let mut spec: RunSpec = extracted(tree)?;
    // It is carried along as a program would get it: figment has no whole numbers beyond 64 bits, and JSON no NaN.
    if let Some(serde_json::Value::Object(params)) = tree.child("params").map(to_json) {
        spec.params = params;
    }
    let mut cut = Problems::default();
    lengths("", tree, &serde_json::to_value(&spec).unwrap_or_default(), &mut cut);
    cut.or_ok(spec)
}

/// What the tree at `path`, without interpolations, says; of another part of the configuration than a spec.
///
/// # Errors
/// Everything in which it departs from `kind`.
pub fn part<T: DeserializeOwned>(path: &str, tree: &Node, kind: &Kind) -> Result<T, Problems> {
    let mut walk = Walk::default();
    walk.value(path, tree, kind);
    walk.problems.or_ok(())?;
    extracted(tree)
}

/// A tree that follows its schema, as its type.
fn extracted<T: DeserializeOwned>(tree: &Node) -> Result<T, Problems> {
    let mut by_origin = BTreeMap::new();
    leaves(&mut Vec::new(), tree, &mut by_origin);
    let providers = by_origin.into_values();
    let figment = providers.fold(Figment::new(), |figment, written: Written| figment.merge(written));
    figment.extract().map_err(|errors| Problems(errors.into_iter().map(|error| unseen(tree, &error)).collect()))
}

/// Reports the lists that are longer than what they became: serde reads an array of fixed length and drops the rest.
fn lengths(path: &str, node: &Node, read: &serde_json::Value, problems: &mut Problems) {
    match (&node.value, read) {
        (Value::List(items), serde_json::Value::Array(kept)) if items.len() != kept.len() => {
            let problem = Problem::new(format!("expected {} items, found {}", kept.len(), items.len()));
            problems.0.push(problem.key(path).trail(&node.trail));
        }
        (Value::Map(map), serde_json::Value::Object(read)) => {
            for (key, child) in map {
                let key = key.to_string();
                lengths(&join(path, &key), child, read.get(&key).unwrap_or(&serde_json::Value::Null), problems);
            }
        }
        _ => {}
    }
}

/// A problem that only deserialisation saw.
fn unseen(tree: &Node, error: &figment::Error) -> Problem {
    let key = error.path.join(".");
    let trail = tree.at(&key).map(|node| node.trail.clone()).unwrap_or_default();
    let place = error.metadata.as_ref().map(|metadata| metadata.name.to_string()).unwrap_or_default();
    Problem::new(format!("{} ({place})", error.kind)).key(key).trail(&trail)
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
                    self.problems.0.push(problem.caret(Caret::Key).nearest(&name, known));
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

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The values that one file line or one override wrote.
struct Written {
    origin: String,
    values: Dict,
}

impl Provider for Written {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Profiles<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Sorts the leaves below `path` by who wrote them. An empty map is a leaf too.
fn leaves(path: &mut Vec<String>, node: &Node, by_origin: &mut BTreeMap<String, Written>) {
    match node.as_map() {
        Some(map) if !map.is_empty() => {
            for (key, child) in map {
                path.push(key.to_string());
                leaves(path, child, by_origin);
                path.pop();
            }
        }
        _ => {
            let origin = place(&node.trail);
            let written = by_origin.entry(origin.clone()).or_insert_with(|| Written { origin, values: Dict::new() });
            insert(&mut written.values, path, typed(node));
        }
    }
}

fn place(trail: &Trail) -> String {
    trail.winner().map_or_else(|| "built in".to_owned(), Origin::to_string)
}

fn insert(dict: &mut Dict, path: &[String], value: Typed) {
    match path {
        [] => {}
        [key] => drop(dict.insert(key.clone(), value)),
        [key, below @ ..] => {
            if let Typed::Dict(_, inner) = dict.entry(key.clone()).or_insert_with(|| Typed::from(Dict::new())) {
                insert(inner, below, value);
            }
        }
    }
}

/// A value in figment's terms.
fn typed(node: &Node) -> Typed {
    match &node.value {
        Value::Null => Typed::from(Empty::None),
        Value::Bool(value) => Typed::from(*value),
        Value::Int(value) => Typed::from(i64::try_from(*value).map_or(Num::F64(*value as f64), Num::I64)),
        Value::Float(value) => Typed::from(*value),
        // No key takes bytes.
        Value::Bytes(bytes) => Typed::from(String::from_utf8_lossy(bytes).into_owned()),
        Value::Str(text) => Typed::from(text.to_string()),
        Value::List(items) => Typed::from(items.iter().map(typed).collect::<Vec<_>>()),
        Value::Map(map) => {
            Typed::from(map.iter().map(|(key, node)| (Key::to_string(key), typed(node))).collect::<Dict>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load_yaml;

    fn problems(text: &str) -> String {
        let tree = load_yaml(&"conf/x.yaml".into(), text).expect("a tree");
        run_spec(&tree).expect_err("incomplete").to_string()
    }

    #[test]
    fn all_problems_come_at_once_each_with_its_line() {
        let found = problems("sede: 1\nloss:\n  kind: huberr\n  gradient_flow: 1\n  huber: {c: -0.03, norm: '???'}\n");
        for wanted in [
            "error: sede: there is no such key\n  --> conf/x.yaml:1\n    |\n  1 | sede: 1\n    | ^^^^\n  hint: did you mean `seed`?",
            "error: seed: missing; expected a whole number of at least 0",
            "error: loss.kind: expected one of huber, l2, l1, lpips, edm, found `huberr`\n  --> conf/x.yaml:3",
            "error: loss.gradient_flow: expected true or false, found 1",
            "error: loss.lambda: missing; expected a number of at least 0",
            "error: loss.huber.c: expected a number above 0, found -0.03\n  --> conf/x.yaml:5",
            "error: loss.huber.norm: no value is given",
        ] {
            assert!(found.contains(wanted), "{wanted}\nnot in\n{found}");
        }
    }

    #[test]
    fn a_word_is_chosen_once_and_a_number_as_often_as_wanted() {
        let found =
            problems("eval: {metrics: [fd_pixel, pae, fd_pixel]}\nmodel: {torso: {name: ncsnpp, ch_mult: [2, 2]}}\n");
        let twice = "error: eval.metrics.2: `fd_pixel` stands there already\n  --> conf/x.yaml:1";
        assert!(found.contains(twice), "{found}");
        assert_eq!(found.matches("stands there already").count(), 1, "{found}");
    }

    #[test]
    fn an_unknown_option_is_answered_with_the_list() {
        let found = problems("dataset: {name: cifar}");
        assert!(found.contains("dataset.name: expected one of digits8, cifar10, images, found `cifar`"), "{found}");
        assert!(found.contains("did you mean `cifar10`?"), "{found}");
    }

    #[test]
    fn a_key_with_a_dot_stays_one_key() {
        let tree = load_yaml(&"conf/x.yaml".into(), "params: {a.b: 1}").expect("a tree");
        let mut by_origin = BTreeMap::new();
        leaves(&mut Vec::new(), &tree, &mut by_origin);
        let dicts: Vec<Dict> = by_origin.into_values().map(|written| written.values).collect();
        let params = dicts[0].get("params").and_then(Typed::as_dict).expect("a map");
        assert_eq!(params.keys().collect::<Vec<_>>(), ["a.b"]);
    }
}
