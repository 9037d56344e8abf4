//! The configuration tree: a value with its origin trail, maps in insertion order.
//!
//! Owns the data type and plain navigation. Interpolations are still ordinary strings here
//! (`interpolate` gives them meaning), and so is `???`, the mark of a value that must be set.

pub use super::key::Key;
pub use super::map::Map;
use super::origin::{Origin, Trail};

/// The text of a value that must be given before use.
pub const MISSING: &str = "???";

/// A value and who set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Who set it, last wins.
    pub trail: Trail,
}

/// A configuration value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A floating point number.
    Float(f64),
    /// Text; also an interpolation not yet resolved, and `???`.
    Str(String),
    /// Bytes, from `!!binary`.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Node>),
    /// A map in insertion order.
    Map(Map),
}

impl Value {
    /// Text as a value.
    pub fn str(text: impl Into<String>) -> Self {
        Self::Str(text.into())
    }

    /// Whether this is `???`.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Str(text) if text == MISSING)
    }

    /// Whether this is text that holds an interpolation, escaped or not.
    pub fn is_interpolated(&self) -> bool {
        matches!(self, Self::Str(text) if text.contains("${"))
    }

    /// Whether this is a list or a map.
    pub fn is_container(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// What this is, in a word that users know.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Str(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// Equality as `~key=value` means it: numbers by value, maps in any order, origins ignored.
    pub fn same(&self, other: &Self) -> bool {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => return a == b,
            (None, None) => {}
            _ => return false,
        }
        match (self, other) {
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.value.same(&y.value))
            }
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len() && a.iter().all(|(k, x)| b.get(k).is_some_and(|y| x.value.same(&y.value)))
            }
            _ => self == other,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            Self::Int(n) => Some(*n as f64),
            Self::Float(x) => Some(*x),
            _ => None,
        }
    }
}

impl Node {
    /// A value with a one-step trail.
    pub fn new(value: Value, origin: Origin) -> Self {
        Self { value, trail: Trail::new(origin) }
    }

    /// A value the composer computed.
    pub fn builtin(value: Value) -> Self {
        Self::new(value, Origin::Builtin)
    }

    /// An empty map of no particular origin.
    pub fn empty_map() -> Self {
        Self { value: Value::Map(Map::new()), trail: Trail::default() }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The child under a string key, or at an index of a list.
    pub fn child(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(map) => map.get(key),
            Value::List(items) => items.get(index(key)?),
            _ => None,
        }
    }

    /// The child under a string key, or at an index of a list.
    pub fn child_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Map(map) => map.get_mut(key),
            Value::List(items) => items.get_mut(index(key)?),
            _ => None,
        }
    }

    /// The node at a dotted path, interpolations not followed. The empty path is this node.
    pub fn at(&self, path: &str) -> Option<&Node> {
        keys(path).try_fold(self, Node::child)
    }

    /// How many values the node holds, itself included.
    pub fn size(&self) -> usize {
        1 + self.children().map(Node::size).sum::<usize>()
    }

    /// How many levels the node has, its own included.
    pub fn depth(&self) -> usize {
        1 + self.children().map(Node::depth).max().unwrap_or(0)
    }

    /// Whether a text in it holds an interpolation, escaped or not.
    pub fn has_interpolations(&self) -> bool {
        self.value.is_interpolated() || self.children().any(Node::has_interpolations)
    }

    /// The dotted paths of the values in it that are still to be given.
    pub fn missing(&self) -> Vec<String> {
        fn below(node: &Node, path: &str, found: &mut Vec<String>) {
            let join = |key: String| if path.is_empty() { key } else { format!("{path}.{key}") };
            match &node.value {
                Value::Map(map) => map.iter().for_each(|(key, node)| below(node, &join(key.to_string()), found)),
                Value::List(items) => {
                    items.iter().enumerate().for_each(|(n, node)| below(node, &join(n.to_string()), found));
                }
                value if value.is_missing() => found.push(path.to_owned()),
                _ => {}
            }
        }
        let mut found = Vec::new();
        below(self, "", &mut found);
        found
    }

    fn children(&self) -> impl Iterator<Item = &Node> {
        let (items, map) = match &self.value {
            Value::List(items) => (Some(items), None),
            Value::Map(map) => (None, Some(map)),
            _ => (None, None),
        };
        items.into_iter().flatten().chain(map.into_iter().flat_map(|map| map.values()))
    }

    /// Puts this node under a dotted path of otherwise empty maps.
    pub fn nested(self, path: &str) -> Node {
        let trail = self.trail.clone();
        keys(path).rev().fold(self, |inner, key| Node {
            value: Value::Map(Map::from_iter([(Key::from(key), inner)])),
            trail: trail.clone(),
        })
    }
}

/// The keys of a dotted path; none for the empty path.
pub fn keys(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('.').filter(move |_| !path.is_empty())
}

fn index(key: &str) -> Option<usize> {
    key.parse().ok().filter(|_| key.bytes().all(|b| b.is_ascii_digit()))
}
