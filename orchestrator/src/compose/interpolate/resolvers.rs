//! The functions of interpolations: OmegaConf's `oc.*`, Hydra's `hydra` and `now`, and `secret`, which neither has.

use super::grammar::{Argument, Name};
use super::resolve::{Failure, Path, Resolver, Scope, Target};
use super::{parser, strftime};
use crate::compose::node::{Key, MISSING, Map, Node, Value};
use crate::compose::origin::Trail;
use crate::compose::problem::Problem;
use crate::compose::{hydra_node, secret, yaml};

const NAMES: [&str; 10] = [
    "hydra",
    "now",
    "oc.create",
    "oc.decode",
    "oc.deprecated",
    "oc.dict.keys",
    "oc.dict.values",
    "oc.env",
    "oc.select",
    "secret",
];

/// Calls a resolver for a text that stands at `place`.
pub(super) fn call<'a>(
    resolver: &Resolver<'a>,
    name: &str,
    mut arguments: Vec<Target<'a>>,
    place: &[Key],
) -> Result<Target<'a>, Failure> {
    let (least, most) = match name {
        "oc.env" | "oc.select" | "oc.deprecated" => (1, 2),
        _ => (1, 1),
    };
    if name == "python_version" {
        return Err(failure("there is no Python here whose `python_version` could be told"));
    }
    if !NAMES.contains(&name) {
        let unknown = Problem::new(format!("unknown resolver `{name}`")).near(name, &NAMES);
        let known = unknown.hint.is_some();
        let hint = format!("those that a program registers in Python are not here; there are {}", NAMES.join(", "));
        return Err(problem(if known { unknown } else { unknown.hint(hint) }));
    }
    if arguments.len() < least || arguments.len() > most {
        let count = arguments.len();
        return Err(failure(format!("`{name}` does not take {count} arguments")));
    }
    let second = if arguments.len() > 1 { arguments.pop() } else { None };
    let first = arguments.pop().map_or(Ok(Value::Null), |target| resolver.value(target))?;
    match name {
        "oc.env" => env(resolver, &text(&first)?, second, place),
        "oc.create" => create(first),
        "oc.decode" => decode(resolver, &first, place),
        "oc.select" => select(resolver, &text(&first)?, second, place),
        "oc.deprecated" => {
            // The warning is Hydra's to give; the value is what counts here.
            let key = text(&first)?;
            if key.is_empty() {
                return Err(failure("`oc.deprecated` needs a key"));
            }
            second.map_or(Ok(String::new()), |message| text(&resolver.value(message)?))?;
            found(resolver, &key, place)?.ok_or_else(|| failure(format!("there is no `{key}`")))
        }
        "oc.dict.keys" => {
            let (_, map) = map_at(resolver, name, &text(&first)?, place)?;
            let keys = map.keys().map(Key::to_value).map(made);
            Ok(Target::Made(Value::List(keys.collect())))
        }
        "oc.dict.values" => {
            let (path, map) = map_at(resolver, name, &text(&first)?, place)?;
            let mut values = Vec::with_capacity(map.len());
            for key in map.keys() {
                let mut path = path.clone();
                // A value is a reference to its key as text, which leads nowhere if the key is none.
                path.push(Key::from(key.to_string().as_str()));
                let lost = || failure(format!("`{name}`: the key `{key}` is no text"));
                values.push(made(match resolver.look_up(&path) {
                    Err(Failure::Missing) => Value::str(MISSING),
                    found => resolver.value(found?.ok_or_else(lost)?)?,
                }));
            }
            Ok(Target::Made(Value::List(values)))
        }
        "hydra" => {
            let all = resolver.with_scope(Scope::All);
            let path = format!("hydra.{}", text(&first)?);
            match found(&all, &path, &[]) {
                Ok(None) | Err(Failure::Missing) => Ok(Target::Made(Value::Null)),
                // The hydra node refers to the whole tree, whatever this text may see.
                Ok(Some(target)) => {
                    let node = Node { value: all.value(target)?, trail: Trail::default() };
                    hydra_node::retyped(node, &path).map(|node| Target::Made(node.value)).map_err(Failure::Problem)
                }
                Err(failure) => Err(failure),
            }
        }
        "secret" => secret(&text(&first)?),
        _ => now(resolver, &text(&first)?),
    }
}

fn problem(problem: Problem) -> Failure {
    Failure::Problem(problem)
}

fn failure(message: impl Into<String>) -> Failure {
    problem(Problem::new(message))
}

fn made(value: Value) -> Node {
    Node { value, trail: Trail::default() }
}

fn text(value: &Value) -> Result<String, Failure> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        other => Err(failure(format!("expected a string, found {}", other.kind()))),
    }
}

/// The name of a resolver as written; `None` if it is still to be looked up.
fn literal(name: &[Name]) -> Option<String> {
    let parts = name.iter().map(|part| match part {
        Name::Literal(text) => Some(text.as_str()),
        Name::Interpolation(_) => None,
    });
    parts.collect::<Option<Vec<_>>>().map(|parts| parts.join("."))
}

/// Whether this is the name of `oc.dict.values`.
pub(super) fn is_dict_values(name: &[Name]) -> bool {
    literal(name).is_some_and(|name| name == "oc.dict.values")
}

/// `oc.dict.values` before its references are followed: how a text shows it.
pub(super) fn references<'a>(
    resolver: &Resolver<'a>,
    arguments: Vec<Value>,
    place: &[Key],
) -> Result<Target<'a>, Failure> {
    let [key] = &arguments[..] else {
        return call(resolver, "oc.dict.values", arguments.into_iter().map(Target::Made).collect(), place);
    };
    let key = text(key)?;
    let (_, map) = map_at(resolver, "oc.dict.values", &key, place)?;
    // The references stand one level below the list, so that a relative one needs a dot more.
    let dot = if key.starts_with('.') { "." } else { "" };
    let reference = |below: &Key| made(Value::Str(format!("${{{dot}{key}.{below}}}")));
    Ok(Target::Made(Value::List(map.keys().map(reference).collect())))
}

/// Whether what a resolver made may be the value of a key: some lists and maps may only be part of a text or an argument.
pub(super) fn check_value(name: &[Name], arguments: &[Argument], value: &Value) -> Result<(), Failure> {
    let name = literal(name).unwrap_or_default();
    let default = arguments.get(1);
    let written = matches!(default, Some(Argument::List(_) | Argument::Map(_)));
    match (name == "oc.decode" || name == "oc.select" && written) && value.is_container() {
        true => Err(failure(format!("`{name}` cannot give {}; `oc.create` can", value.kind()))),
        false => Ok(()),
    }
}

/// The environment holds text: a default becomes text too, but for null.
fn env<'a>(
    resolver: &Resolver<'a>,
    name: &str,
    default: Option<Target<'a>>,
    place: &[Key],
) -> Result<Target<'a>, Failure> {
    match (resolver.world.env.get(name), default) {
        (Some(value), _) => Ok(Target::Made(Value::str(value))),
        (None, Some(Target::Made(Value::Null) | Target::Place(_, Node { value: Value::Null, .. }))) => {
            Ok(Target::Made(Value::Null))
        }
        (None, Some(default)) => resolver.shown(default, place).map(|text| Target::Made(Value::Str(text))),
        (None, None) => {
            let names = resolver.world.env.keys().map(String::as_str).collect::<Vec<_>>();
            let problem = Problem::new(format!("environment variable `{name}` is not set"));
            Err(self::problem(match crate::compose::problem::nearest(name, &names) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("give a default: ${{oc.env:{name},DEFAULT}}")),
            }))
        }
    }
}

/// The reference itself: the value is for the program alone that needs it.
fn secret<'a>(name: &str) -> Result<Target<'a>, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !name.is_empty() && name.chars().all(plain) {
        true => Ok(Target::Made(Value::Str(secret::reference(name)))),
        false => Err(failure(format!("`secret` takes the name of an environment variable, found `{name}`"))),
    }
}

/// A list or a map as it is; text is YAML.
fn create<'a>(value: Value) -> Result<Target<'a>, Failure> {
    match value {
        Value::List(_) | Value::Map(_) | Value::Null => Ok(Target::Made(value)),
        Value::Str(text) => {
            let node = yaml::load(&"oc.create".into(), &text).map_err(problem)?;
            Ok(Target::Made(node.value))
        }
        other => Err(failure(format!("`oc.create` takes a list or a map, found {}", other.kind()))),
    }
}

/// Parses a string as an argument of a resolver would be parsed.
fn decode<'a>(resolver: &Resolver<'a>, value: &Value, place: &[Key]) -> Result<Target<'a>, Failure> {
    if *value == Value::Null {
        return Ok(Target::Made(Value::Null));
    }
    let text = text(value)?;
    let argument =
        parser::argument(&text).map_err(|error| failure(format!("`oc.decode`: `{text}`: {}", error.message)))?;
    resolver.argument(&argument, place).map(Target::Made)
}

fn select<'a>(
    resolver: &Resolver<'a>,
    key: &str,
    default: Option<Target<'a>>,
    place: &[Key],
) -> Result<Target<'a>, Failure> {
    match found(resolver, key, place) {
        Ok(Some(target)) => return Ok(target),
        Ok(None) | Err(Failure::Missing) => {}
        // Below a plain value there is nothing to select, which is no error here.
        Err(_) if leads_below_a_scalar(resolver, &path(resolver, key, place)?) => {}
        Err(failure) => return Err(failure),
    }
    Ok(default.unwrap_or(Target::Made(Value::Null)))
}

fn leads_below_a_scalar(resolver: &Resolver, path: &[Key]) -> bool {
    let mut here = resolver.root;
    for key in path {
        match here.child(&key.to_string()) {
            Some(child) => here = child,
            None => return !here.value.is_container() && !here.value.is_interpolated(),
        }
    }
    false
}

/// The target of a path given as text, relative if it starts with dots.
fn found<'a>(resolver: &Resolver<'a>, key: &str, place: &[Key]) -> Result<Option<Target<'a>>, Failure> {
    resolver.look_up(&path(resolver, key, place)?)
}

fn path(resolver: &Resolver<'_>, key: &str, place: &[Key]) -> Result<Path, Failure> {
    let relative = key.trim_start_matches('.');
    let mut path = resolver.base(key.len() - relative.len(), place)?;
    let keys = relative.split(['.', '[', ']']).filter(|key| !key.is_empty());
    path.extend(keys.map(Key::from));
    Ok(path)
}

fn map_at<'a>(resolver: &Resolver<'a>, name: &str, key: &str, place: &[Key]) -> Result<(Path, Map), Failure> {
    let found = match found(resolver, key, place) {
        Err(Failure::Missing) => None,
        found => found?,
    };
    match found {
        Some(Target::Place(path, Node { value: Value::Map(map), .. })) => {
            let seen = map.iter().filter(|(key, _)| !path.is_empty() || resolver.scope.sees(key));
            let map = seen.map(|(key, node)| (key.clone(), node.clone())).collect();
            Ok((path, map))
        }
        Some(Target::Made(Value::Map(map))) => Ok((path(resolver, key, place)?, map)),
        Some(_) => Err(failure(format!("`{name}` takes a map, and `{key}` is none"))),
        None => Err(failure(format!("`{name}`: there is no `{key}`"))),
    }
}

/// The instant of the request, in the words of `strftime`.
fn now<'a>(resolver: &Resolver<'a>, format: &str) -> Result<Target<'a>, Failure> {
    strftime::local(format, &resolver.world.now)
        .map(|text| Target::Made(Value::Str(text)))
        .map_err(|error| failure(format!("`now:{format}`: {error}")))
}
