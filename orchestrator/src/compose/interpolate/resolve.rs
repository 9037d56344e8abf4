//! The value of an interpolation in a tree.
//!
//! A [`Resolver`] reads a tree that it never changes. A reference leads to another place of the
//! tree and keeps that place, so that relative interpolations below it mean what they mean there.
//! Cycles, depth and the amount of work are bounded.

use std::cell::Cell;
use std::rc::Rc;

use super::grammar::{Argument, Interpolation, Name, Part, Text};
use super::{parser, resolvers};
use crate::compose::node::{Key, MISSING, Map, Node, Value};
use crate::compose::origin::Trail;
use crate::compose::problem::Problem;
use crate::compose::python;
use crate::compose::world::World;

/// How deep a request may go: links of a chain of interpolations, and levels of the tree.
const MAX_DEPTH: usize = 200;
/// How many interpolations and values one request may visit.
const MAX_STEPS: usize = 1_000_000;
/// How long a text may become.
const MAX_TEXT: usize = 1 << 20;

/// Which part of the tree absolute references see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything but the `hydra` node: what the job is given.
    Job,
    /// The `hydra` node alone, as `--cfg hydra` prints it.
    Hydra,
    /// Everything.
    All,
}

impl Scope {
    fn sees(self, key: &str) -> bool {
        match self {
            Self::Job => key != "hydra",
            Self::Hydra => key == "hydra",
            Self::All => true,
        }
    }
}

/// The place of a node: the keys from the root.
pub(super) type Path = Vec<Key>;

/// Where a reference leads.
#[derive(Clone, Debug)]
pub(super) enum Target<'a> {
    /// To a node of the tree that is no interpolation.
    Place(Path, &'a Node),
    /// To a value that a resolver or a text made; its references are already resolved.
    Made(Value),
}

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// The value is `???`.
    Missing,
    /// The reference is wrong.
    Problem(Problem),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

fn failure(message: impl Into<String>) -> Failure {
    Failure::Problem(Problem::new(message))
}

/// Resolves the interpolations of one tree.
pub struct Resolver<'a> {
    pub(super) root: &'a Node,
    pub(super) world: &'a World,
    scope: Scope,
    work: Rc<Work>,
}

/// What a request has used up, shared by all resolvers that serve it.
#[derive(Default)]
struct Work {
    steps: Cell<usize>,
    depth: Cell<usize>,
}

impl<'a> Resolver<'a> {
    /// A resolver over a whole tree, of which references see `scope`.
    pub fn new(root: &'a Node, world: &'a World, scope: Scope) -> Self {
        Self { root, world, scope, work: Rc::default() }
    }

    /// The node at a dotted path with everything below it resolved; `None` if nothing is there.
    ///
    /// # Errors
    /// The first interpolation on the way, or below, that has no value.
    pub fn resolve(&self, path: &str) -> Result<Option<Node>, Problem> {
        let keys: Vec<Key> = crate::compose::node::keys(path).map(Key::from).collect();
        match self.look_up(&keys) {
            Ok(None) => Ok(None),
            Ok(Some(Target::Place(place, node))) => self.copy(&place, node).map(Some),
            Ok(Some(Target::Made(value))) => {
                let trail = self.root.at(path).map(|node| node.trail.clone()).unwrap_or_default();
                Ok(Some(Node { value, trail }))
            }
            Err(Failure::Missing) => Ok(Some(Node {
                value: Value::str(MISSING),
                trail: self.root.at(path).map(|node| node.trail.clone()).unwrap_or_default(),
            })),
            Err(Failure::Problem(problem)) => Err(problem),
        }
    }

    /// The node at a dotted path as it stands; an interpolation at that path itself is followed.
    ///
    /// # Errors
    /// The path leads through an interpolation that has no value.
    pub fn select(&self, path: &str) -> Result<Option<Node>, Problem> {
        let keys: Vec<Key> = crate::compose::node::keys(path).map(Key::from).collect();
        match self.look_up(&keys) {
            Ok(Some(Target::Place(_, node))) if path.is_empty() => {
                let mut node = node.clone();
                if let Some(map) = node.as_map_mut() {
                    map.retain(|key, _| !matches!(key, Key::Str(k) if !self.scope.sees(k)));
                }
                Ok(Some(node))
            }
            Ok(Some(Target::Place(_, node))) => Ok(Some(node.clone())),
            Ok(Some(Target::Made(value))) => Ok(Some(Node { value, trail: Trail::default() })),
            Ok(None) | Err(Failure::Missing) => Ok(None),
            Err(Failure::Problem(problem)) => Err(problem),
        }
    }

    /// The value that an interpolated text of the root map would have.
    pub fn evaluate(&self, text: &str) -> Result<Value, Problem> {
        match self.text(text, &[]) {
            Ok(Target::Place(place, node)) => self.copy(&place, node).map(|node| node.value),
            Ok(Target::Made(value)) => Ok(value),
            Err(Failure::Missing) => Ok(Value::str(MISSING)),
            Err(Failure::Problem(problem)) => Err(problem),
        }
    }

    /// The container that an interpolated text at `place` leads to, if it does.
    pub fn container(&self, place: &[Key], text: &str) -> Option<Node> {
        match self.text(text, place) {
            Ok(Target::Place(_, node)) if node.value.is_container() => Some(node.clone()),
            Ok(Target::Made(value)) if value.is_container() => Some(Node { value, trail: Trail::default() }),
            _ => None,
        }
    }

    /// The same as this resolver, with other parts of the tree in sight.
    pub(super) fn with_scope(&self, scope: Scope) -> Self {
        Self { root: self.root, world: self.world, scope, work: self.work.clone() }
    }

    /// A node with all that is below it resolved.
    fn copy(&self, place: &[Key], node: &Node) -> Result<Node, Problem> {
        self.step()?;
        let child = |key: Key, child: &Node| {
            let mut place = place.to_vec();
            place.push(key);
            self.deeper(|| self.copy(&place, child))
        };
        let value = match &node.value {
            Value::Map(map) => {
                let hidden = |key: &Key| place.is_empty() && matches!(key, Key::Str(k) if !self.scope.sees(k));
                let entries = map.iter().filter(|(key, _)| !hidden(key));
                Value::Map(entries.map(|(key, node)| Ok((key.clone(), child(key.clone(), node)?))).collect::<Result<
                    Map,
                    Problem,
                >>(
                )?)
            }
            Value::List(items) => Value::List(
                items.iter().enumerate().map(|(n, node)| child(Key::Int(n as i128), node)).collect::<Result<_, _>>()?,
            ),
            Value::Str(text) if node.value.is_interpolated() => match self.text(text, place) {
                Ok(Target::Made(value)) => value,
                Ok(Target::Place(target, node)) => {
                    self.deeper(|| self.copy(&target, node).map_err(Failure::from))
                        .map_err(|failure| described(failure, place, &node.trail))?
                        .value
                }
                Err(Failure::Missing) => Value::str(MISSING),
                Err(failure) => return Err(described(failure, place, &node.trail)),
            },
            other => other.clone(),
        };
        Ok(Node { value, trail: node.trail.clone() })
    }

    /// The value of an interpolated text that stands at `place`.
    fn text(&self, text: &str, place: &[Key]) -> Result<Target<'a>, Failure> {
        let parsed = parser::text(text).map_err(|error| failure(format!("`{text}`: {}", error.message)))?;
        self.deeper(|| self.parts(&parsed, place))
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
                    let target = self.interpolation(interpolation, place)?;
                    out.push_str(&python::str(&self.value(target)?));
                }
            }
            if out.len() > MAX_TEXT {
                return Err(failure(format!("the text grows beyond {MAX_TEXT} bytes")));
            }
        }
        Ok(out)
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
                let shown = || {
                    let keys: Vec<String> = path.iter().map(Key::to_string).collect();
                    keys.join(".")
                };
                match self.look_up(&path)? {
                    Some(target) => Ok(target),
                    None => Err(Failure::Problem(self.unknown(&path, &shown()))),
                }
            }
            Interpolation::Call { name, arguments } => {
                let mut parts = Vec::with_capacity(name.len());
                for part in name {
                    parts.push(self.name(part, place)?);
                }
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.argument(argument, place)?);
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

    fn unknown(&self, path: &[Key], shown: &str) -> Problem {
        let problem = Problem::new(format!("there is no `{shown}` to refer to"));
        let Some((last, parents)) = path.split_last() else { return problem };
        match self.look_up(parents) {
            Ok(Some(Target::Place(_, Node { value: Value::Map(map), .. }))) => {
                let names: Vec<String> = map.keys().map(Key::to_string).collect();
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
                    let visible = !place.is_empty() || !matches!(key, Key::Str(text) if !self.scope.sees(text));
                    let Some((key, child)) = child(node, key)?.filter(|_| visible) else {
                        return Ok(None);
                    };
                    place.push(key);
                    match &child.value {
                        value if value.is_missing() => return Err(Failure::Missing),
                        Value::Str(text) if child.value.is_interpolated() => {
                            self.step()?;
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

    fn step(&self) -> Result<(), Problem> {
        self.work.steps.set(self.work.steps.get() + 1);
        if self.work.steps.get() > MAX_STEPS {
            return Err(Problem::new("the interpolations expand without end"));
        }
        Ok(())
    }

    /// Goes one level deeper, as long as that is allowed.
    fn deeper<T, E: From<Problem>>(&self, inner: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let depth = &self.work.depth;
        depth.set(depth.get() + 1);
        let result = if depth.get() > MAX_DEPTH {
            Err(Problem::new("the interpolation refers to itself").into())
        } else {
            inner()
        };
        depth.set(depth.get() - 1);
        result
    }
}

/// The child of a node; an error below a scalar, `None` where the key is unknown.
fn child<'n>(node: &'n Node, key: &Key) -> Result<Option<(Key, &'n Node)>, Failure> {
    match (&node.value, key) {
        (Value::Map(map), key) => Ok(map.get(key).map(|child| (key.clone(), child))),
        (Value::List(items), key) => {
            let index = match key {
                Key::Int(n) => usize::try_from(*n).ok(),
                Key::Str(text) => text.parse().ok(),
                _ => None,
            };
            Ok(index.and_then(|n| Some((Key::Int(n as i128), items.get(n)?))))
        }
        (Value::Null, _) => Ok(None),
        (other, key) => Err(failure(format!("{} has no `{key}`", other.kind()))),
    }
}

/// A problem that says where the interpolation stands.
fn described(failure: Failure, place: &[Key], trail: &Trail) -> Problem {
    let keys: Vec<String> = place.iter().map(Key::to_string).collect();
    match failure {
        Failure::Problem(problem) if problem.key.is_some() => problem,
        Failure::Problem(problem) => problem.key(keys.join(".")).trail(trail),
        Failure::Missing => Problem::new("the value refers to one that is ???").key(keys.join(".")),
    }
}
