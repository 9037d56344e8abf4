//! The `hydra` node: which keys it has, of which types, and what the composer itself writes there.
//!
//! The defaults of its keys are files (`builtin`). Here is what files cannot say: the types, and
//! the values that are known only once everything is composed.

use indexmap::IndexSet;

use super::node::{Key, Map, Node, Value};
use super::origin::Origin;
use super::problem::{Problem, Problems};
use super::python;

/// The Hydra release whose behaviour is followed.
pub const VERSION: &str = "1.3.2";
/// The version base that is followed.
pub const VERSION_BASE: &str = "1.3";

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    Str,
    OptionalStr,
    Int,
    OptionalBool,
    Mode,
    Map,
    StrMap,
    StrList,
    List,
}

/// All keys. What stands before a dot is a map that holds nothing else.
const KEYS: &[(&str, Kind)] = &[
    ("mode", Kind::Mode),
    ("searchpath", Kind::StrList),
    ("run.dir", Kind::Str),
    ("sweep.dir", Kind::Str),
    ("sweep.subdir", Kind::Str),
    ("hydra_logging", Kind::Map),
    ("job_logging", Kind::Map),
    ("sweeper", Kind::Any),
    ("launcher", Kind::Any),
    ("env", Kind::Map),
    ("callbacks", Kind::Map),
    ("help.app_name", Kind::Str),
    ("help.header", Kind::Str),
    ("help.footer", Kind::Str),
    ("help.template", Kind::Str),
    ("hydra_help.hydra_help", Kind::Str),
    ("hydra_help.template", Kind::Str),
    ("output_subdir", Kind::OptionalStr),
    ("overrides.hydra", Kind::StrList),
    ("overrides.task", Kind::StrList),
    ("job.name", Kind::Str),
    ("job.chdir", Kind::OptionalBool),
    ("job.override_dirname", Kind::Str),
    ("job.id", Kind::Str),
    ("job.num", Kind::Int),
    ("job.config_name", Kind::OptionalStr),
    ("job.env_set", Kind::StrMap),
    ("job.env_copy", Kind::StrList),
    ("job.config.override_dirname.kv_sep", Kind::Str),
    ("job.config.override_dirname.item_sep", Kind::Str),
    ("job.config.override_dirname.exclude_keys", Kind::StrList),
    ("runtime.version", Kind::Str),
    ("runtime.version_base", Kind::Str),
    ("runtime.cwd", Kind::Str),
    ("runtime.config_sources", Kind::List),
    ("runtime.output_dir", Kind::Str),
    ("runtime.choices", Kind::Map),
    ("verbose", Kind::Any),
];

/// Whether a dotted path is a key that Hydra's own node lacks and that is understood here: it needs no `+`.
pub fn is_ours(path: &str) -> bool {
    path == "hydra.sweeper.where"
}

/// Whether a dotted path, `hydra` or below, is the node or one of its typed keys.
pub fn declares(path: &str) -> bool {
    match path.strip_prefix("hydra") {
        Some("") => true,
        Some(rest) => rest.strip_prefix('.').is_some_and(is_declared),
        None => false,
    }
}

fn is_declared(path: &str) -> bool {
    KEYS.iter().any(|(known, _)| known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Checks the node against its types, and converts what can be converted (`'7'` to 7).
///
/// # Errors
/// All keys that are unknown or of a wrong type.
pub fn check(hydra: &mut Node) -> Result<(), Problems> {
    let mut problems = Problems::default();
    walk(hydra, "", &mut problems);
    problems.or_ok(())
}

/// What stands at a dotted path of the configuration, its interpolations replaced: of the type of its key, if it is one of
/// the `hydra` node's.
///
/// # Errors
/// A value that is of another type.
pub fn retyped(mut node: Node, path: &str) -> Result<Node, Problem> {
    let mut problems = Problems::default();
    match path.strip_prefix("hydra.") {
        Some(below) if is_declared(below) => walk(&mut node, below, &mut problems),
        None if path == "hydra" => walk(&mut node, "", &mut problems),
        None if path.is_empty() => node.child_mut("hydra").into_iter().for_each(|hydra| walk(hydra, "", &mut problems)),
        _ => {}
    }
    match problems.0.into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(node),
    }
}

fn walk(node: &mut Node, path: &str, problems: &mut Problems) {
    if let Some((_, kind)) = KEYS.iter().find(|(key, _)| *key == path) {
        if let Err(expected) = convert(node, *kind) {
            let found = match &node.value {
                value if value.is_container() || *value == Value::Null => value.kind().to_owned(),
                value => format!("`{}`", python::str(value)),
            };
            let problem = Problem::new(format!("expected {expected}, found {found}"));
            problems.0.push(problem.key(format!("hydra.{path}")).trail(&node.trail));
        }
        return;
    }
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    let shown = format!("hydra{}{path}", if path.is_empty() { "" } else { "." });
    let Value::Map(map) = &mut node.value else {
        let found = node.value.kind();
        let problem = Problem::new(format!("expected a map, found {found}"));
        problems.0.push(problem.key(shown).trail(&node.trail));
        return;
    };
    for (key, child) in map.iter_mut() {
        let path = format!("{prefix}{key}");
        if is_declared(&path) {
            walk(child, &path, problems);
            continue;
        }
        if matches!(child.trail.winner(), Some(Origin::Override { .. })) {
            // `+hydra.key=value` opens even a typed node.
            continue;
        }
        let siblings = KEYS.iter().filter_map(|(known, _)| known.strip_prefix(&prefix));
        let siblings: IndexSet<&str> = siblings.map(|rest| rest.split('.').next().unwrap_or(rest)).collect();
        problems.0.push(
            Problem::new("the hydra node has no such key")
                .key(format!("hydra.{path}"))
                .trail(&child.trail)
                .nearest(&key.to_string(), siblings),
        );
    }
}

/// Converts a value in place; the error is what was expected.
fn convert(node: &mut Node, kind: Kind) -> Result<(), &'static str> {
    if node.value.is_missing() || node.value.is_interpolated() {
        return Ok(());
    }
    let text = |value: &Value| match value {
        Value::Str(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_) => Some(Value::Str(python::str(value))),
        _ => None,
    };
    let converted = match (kind, &node.value) {
        (Kind::Any, _) | (Kind::Map, Value::Map(_)) | (Kind::List, Value::List(_)) => return Ok(()),
        (Kind::OptionalStr | Kind::OptionalBool | Kind::Mode, Value::Null) => return Ok(()),
        (Kind::Map, _) => return Err("a map"),
        (Kind::List, _) => return Err("a list"),
        (Kind::Str | Kind::OptionalStr, value) => text(value).ok_or("a string")?,
        (Kind::Int, Value::Int(n)) => Value::Int(*n),
        (Kind::Int, Value::Str(text)) => Value::Int(python::parse_int(text).ok_or("an integer")?),
        (Kind::Int, _) => return Err("an integer"),
        (Kind::OptionalBool, Value::Bool(flag)) => Value::Bool(*flag),
        (Kind::OptionalBool, Value::Int(n)) => Value::Bool(*n != 0),
        (Kind::OptionalBool, Value::Str(text)) => match text.to_lowercase().as_str() {
            "yes" | "y" | "on" | "true" | "1" => Value::Bool(true),
            "no" | "n" | "off" | "false" | "0" => Value::Bool(false),
            _ => return Err("a boolean"),
        },
        (Kind::OptionalBool, _) => return Err("a boolean"),
        (Kind::Mode, Value::Str(text)) if matches!(text.as_str(), "RUN" | "MULTIRUN") => return Ok(()),
        (Kind::Mode, _) => return Err("RUN or MULTIRUN"),
        (Kind::StrList, Value::List(items)) => {
            Value::List(items.iter().map(|item| item_as(item, text)).collect::<Option<_>>().ok_or("a list of strings")?)
        }
        (Kind::StrList, _) => return Err("a list of strings"),
        (Kind::StrMap, Value::Map(map)) => Value::Map(
            map.iter()
                .map(|(key, item)| Some((key.clone(), item_as(item, text)?)))
                .collect::<Option<_>>()
                .ok_or("a map of strings")?,
        ),
        (Kind::StrMap, _) => return Err("a map of strings"),
    };
    node.value = converted;
    Ok(())
}

fn item_as(node: &Node, convert: impl Fn(&Value) -> Option<Value>) -> Option<Node> {
    Some(Node { value: convert(&node.value)?, trail: node.trail.clone() })
}

/// A list of texts.
pub fn strings<'a>(texts: impl IntoIterator<Item = &'a str>) -> Value {
    Value::List(texts.into_iter().map(|text| Node::builtin(Value::str(text))).collect())
}

/// Writes a value that the composer computed; the maps on the way exist after [`check`].
pub fn set(hydra: &mut Node, path: &str, value: Value) {
    let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = super::node::keys(parent).try_fold(hydra, |node, key| node.child_mut(key));
    if let Some(map) = parent.and_then(Node::as_map_mut) {
        map.insert(Key::from(key), Node::builtin(value));
    }
}

/// The texts of a list of strings.
pub fn texts(hydra: &Node, path: &str) -> Vec<String> {
    match hydra.at(path).map(|node| &node.value) {
        Some(Value::List(items)) => items.iter().filter_map(|item| item.value.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// A map of texts and nulls.
pub fn table<'a>(entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Value {
    let entries =
        entries.into_iter().map(|(key, text)| (Key::from(key), Node::builtin(text.map_or(Value::Null, Value::str))));
    Value::Map(entries.collect::<Map>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hydra(path: &str, value: Value) -> Node {
        Node::builtin(value).nested(path)
    }

    #[test]
    fn values_are_converted_to_the_type_of_their_key() {
        for (path, value, want) in [
            ("job.num", Value::str("7"), Value::Int(7)),
            ("job.chdir", Value::str("yes"), Value::Bool(true)),
            ("job.name", Value::Int(3), Value::str("3")),
            ("job.num", Value::str("???"), Value::str("???")),
        ] {
            let mut node = hydra(path, value);
            assert_eq!(check(&mut node), Ok(()));
            assert_eq!(node.at(path).map(|node| node.value.clone()), Some(want));
        }
    }

    #[test]
    fn unknown_keys_and_wrong_types_are_reported() {
        for (path, value) in [
            ("nope", Value::Int(1)),
            ("job.num", Value::str("abc")),
            ("job.num", Value::Float(1.0)),
            ("run.dir", Value::Null),
            ("mode", Value::str("run")),
            ("run", Value::Int(1)),
        ] {
            assert!(check(&mut hydra(path, value)).is_err(), "{path}");
        }
    }
}
