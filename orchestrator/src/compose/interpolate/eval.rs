//! The value of one interpolated text, and the way a reference takes through the tree.

use super::grammar::{Argument, Interpolation, Name, Part, Text};
use super::resolve::{Failure, Path, Resolver, Target};
use super::{parser, resolvers};
use crate::compose::merge::dotted;
use crate::compose::node::{Key, Map, Node, Value};
use crate::compose::origin::Trail;
use crate::compose::problem::Problem;
use crate::compose::python;

/// How long a text may become.
const MAX_TEXT: usize = 1 << 20;

impl<'a> Resolver<'a> {
    /// The value of an interpolated text that stands at `place`.
    pub(super) fn text(&self, text: &str, place: &[Key]) -> Result<Target<'a>, Failure> {
        let parsed = parser::text(text).map_err(|error| failure(format!("`{text}`: {}", error.message)))?;
        let target = self.deeper(|| self.parts(&parsed, place))?;
        if let ([Part::Interpolation(Interpolation::Call { name, arguments })], Target::Made(value)) =
            (&parsed.0[..], &target)
        {
            resolvers::check_value(name, arguments, value)?;
        }
        Ok(target)
    }

    /// One interpolation alone keeps its value, anything else is text.
    fn parts(&self, text: &Text, place: &[Key]) -> Result<Target<'a>, Failure> {
        match &text.0[..] {
            [Part::Interpolation(interpolation)] => self.interpolation(interpolation, place),
            _ => self.joined(text, place).map(|text| Target::Made(Value::Str(text))),
        }
    }

    fn joined(&self, text: &Text, place: &[Key]) -> Result<String, Failure> {
        let mut out = String::new();
        for part in &text.0 {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Interpolation(interpolation) => {
                    let target = self.part(interpolation, place)?;
                    out.push_str(&self.shown(target, place)?);
                }
            }
            if out.len() > MAX_TEXT {
                return Err(failure(format!("the text grows beyond {MAX_TEXT} bytes")));
            }
        }
        Ok(out)
    }

    /// A target as a text at `place` shows it. Values are resolved in the order of the tree: what stands before is resolved
    /// by now, and what stands behind is printed with its interpolations.
    pub(super) fn shown(&self, target: Target<'a>, place: &[Key]) -> Result<String, Failure> {
        Ok(match target {
            Target::Place(target, node) if self.is_before(&target, place) => {
                python::str(&self.value(Target::Place(target, node))?)
            }
            Target::Place(_, node) => python::str(&node.value),
            Target::Made(value) => python::str(&value),
        })
    }

    /// The value of an interpolation within a text: that of `oc.dict.values` is printed as the references that it consists of.
    fn part(&self, it: &Interpolation, place: &[Key]) -> Result<Target<'a>, Failure> {
        match it {
            Interpolation::Call { name, arguments } if resolvers::is_dict_values(name) => {
                let values =
                    arguments.iter().map(|argument| self.argument(argument, place)).collect::<Result<_, _>>()?;
                resolvers::references(self, values, place)
            }
            it => self.interpolation(it, place),
        }
    }

    /// The value of a target with all interpolations below it resolved.
    pub(super) fn value(&self, target: Target<'a>) -> Result<Value, Failure> {
        match target {
            Target::Made(value) => Ok(value),
            Target::Place(place, node) => {
                self.deeper(|| self.copy(&place, node).map_err(Failure::from)).map(|node| node.value)
            }
        }
    }

    fn interpolation(&self, it: &Interpolation, place: &[Key]) -> Result<Target<'a>, Failure> {
        match it {
            Interpolation::Reference { dots, keys } => {
                let mut path = self.base(*dots, place)?;
                for key in keys {
                    path.push(Key::Str(self.name(key, place)?));
                }
                self.read(&path);
                match self.look_up(&path)? {
                    Some(Target::Place(target, _)) if place.starts_with(&target) => Err(failure(format!(
                        "`{}` holds this interpolation, which cannot refer to it",
                        dotted(&target)
                    ))),
                    Some(target) => Ok(target),
                    None => Err(Failure::from(self.unknown(&path))),
                }
            }
            Interpolation::Call { name, arguments } => {
                let mut parts = Vec::with_capacity(name.len());
                for part in name {
                    parts.push(self.name(part, place)?);
                }
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(match argument {
                        // One interpolation alone: a resolver is given what it leads to.
                        Argument::Unquoted(text) => self.parts(text, place)?,
                        argument => Target::Made(self.argument(argument, place)?),
                    });
                }
                resolvers::call(self, &parts.join("."), values, place)
            }
        }
    }

    /// What a path is relative to: the root, or the parent that the dots reach.
    pub(super) fn base(&self, dots: usize, place: &[Key]) -> Result<Path, Failure> {
        match dots {
            0 => Ok(Vec::new()),
            _ if dots > place.len() => Err(failure("too many dots: they lead above the root")),
            _ => Ok(place[..place.len() - dots].to_vec()),
        }
    }

    fn unknown(&self, path: &[Key]) -> Problem {
        let problem = Problem::new(format!("there is no `{}` to refer to", dotted(path)));
        let Some((last, parents)) = path.split_last() else { return problem };
        match self.look_up(parents) {
            Ok(Some(Target::Place(_, Node { value: Value::Map(map), .. }))) => {
                let visible = map.keys().filter(|key| !parents.is_empty() || self.scope.sees(key));
                let names: Vec<String> = visible.map(Key::to_string).collect();
                problem.nearest(&last.to_string(), names.iter().map(String::as_str))
            }
            _ => problem,
        }
    }

    /// The node at a path, interpolations followed; `None` if a key is unknown.
    pub(super) fn look_up(&self, path: &[Key]) -> Result<Option<Target<'a>>, Failure> {
        let mut here = Target::Place(Vec::new(), self.root);
        for key in path {
            here = match here {
                Target::Place(mut place, node) => {
                    let visible = !place.is_empty() || self.scope.sees(key);
                    let Some((key, child)) = child(node, key)?.filter(|_| visible) else {
                        return Ok(None);
                    };
                    place.push(key);
                    match &child.value {
                        value if value.is_missing() => return Err(Failure::Missing),
                        Value::Str(text) if child.value.is_interpolated() => {
                            self.steps(1)?;
                            self.text(text, &place)?
                        }
                        _ => Target::Place(place, child),
                    }
                }
                Target::Made(value) => {
                    let node = Node { value, trail: Trail::default() };
                    match child(&node, key)? {
                        Some((_, child)) => Target::Made(child.value.clone()),
                        None => return Ok(None),
                    }
                }
            };
        }
        Ok(Some(here))
    }

    fn name(&self, name: &Name, place: &[Key]) -> Result<String, Failure> {
        match name {
            Name::Literal(text) => Ok(text.clone()),
            Name::Interpolation(interpolation) => {
                let target = self.interpolation(interpolation, place)?;
                match self.value(target)? {
                    Value::Str(text) => Ok(text),
                    other => Err(failure(format!("a nested interpolation must give a string, found {}", other.kind()))),
                }
            }
        }
    }

    pub(super) fn argument(&self, argument: &Argument, place: &[Key]) -> Result<Value, Failure> {
        let node = |value| Node { value, trail: Trail::default() };
        Ok(match argument {
            Argument::Value(value) => value.clone(),
            Argument::Unquoted(text) => self.value(self.parts(text, place)?)?,
            Argument::Quoted(text) => Value::Str(self.joined(text, place)?),
            Argument::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(node(self.argument(item, place)?));
                }
                Value::List(list)
            }
            Argument::Map(entries) => {
                let mut map = Map::new();
                for (key, item) in entries {
                    let key = Key::from_value(key.clone()).ok_or_else(|| failure("a key may not be null"))?;
                    map.insert(key, node(self.argument(item, place)?));
                }
                Value::Map(map)
            }
        })
    }
}

/// The child of a node; an error below a scalar and for a word in a list, `None` where the key is unknown.
fn child<'n>(node: &'n Node, key: &Key) -> Result<Option<(Key, &'n Node)>, Failure> {
    match (&node.value, key) {
        (Value::Map(map), key) => Ok(map.get(key).map(|child| (key.clone(), child))),
        (Value::List(items), key) => {
            let index = match key {
                Key::Int(n) => Some(*n),
                Key::Str(text) => python::parse_int(text),
                _ => None,
            };
            let index = index.ok_or_else(|| failure(format!("a list has no `{key}`")))?;
            let item = usize::try_from(index).ok().and_then(|n| items.get(n));
            Ok(item.map(|item| (Key::Int(index), item)))
        }
        (Value::Null, _) => Ok(None),
        (other, key) => Err(failure(format!("{} has no `{key}`", other.kind()))),
    }
}

fn failure(message: impl Into<String>) -> Failure {
    Failure::from(Problem::new(message))
}
