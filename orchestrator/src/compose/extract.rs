//! The composed tree as a typed run spec.
//!
//! Two passes. First the tree is held against the schema, see [`super::conform`]. Then figment extracts the spec, from one
//! provider for each origin, so that even what only deserialisation can see names where it was written.

use std::collections::BTreeMap;

use exp_api::schema::Kind;
use exp_api::spec::RunSpec;
use figment::value::{Dict, Empty, Map as Profiles, Num, Value as Typed};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use super::conform::{conform, join};
use super::json::to_json;
use super::node::{Key, Node, Value};
use super::origin::{Origin, Trail};
use super::problem::{Problem, Problems};

/// The run spec that a tree without interpolations describes.
///
/// # Errors
/// Everything in which the tree departs from the schema.
pub fn run_spec(tree: &Node) -> Result<RunSpec, Problems> {
    conform("", tree, &Kind::Group(RunSpec::FIELDS))?;
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
    conform(path, tree, kind)?;
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
