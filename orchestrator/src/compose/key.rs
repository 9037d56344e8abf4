//! The keys of maps.
//!
//! Usually text; YAML also allows numbers and booleans, which Python's dictionaries compare by value.

use std::hash::{Hash, Hasher};

use indexmap::Equivalent;

use super::node::Value;
use super::python;

/// A key of a map. Only string keys can be reached by a dotted path.
#[derive(Clone, Debug)]
pub enum Key {
    /// The usual kind.
    Str(String),
    /// An integer key.
    Int(i128),
    /// A floating point key.
    Float(f64),
    /// A boolean key (`on: 1` has the key `true`).
    Bool(bool),
    /// Bytes, from `!!binary`.
    Bytes(Vec<u8>),
}

// Python's dictionaries hold one of 1, 1.0 and `true`, and so do these maps.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            _ => self.number().is_some_and(|n| other.number() == Some(n)),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    // A string key hashes as its text, so that a map can be asked with a `&str`.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Str(text) => text.as_str().hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            number => number.number().hash(state),
        }
    }
}

impl Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::Str(text) if text == self)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Str(text) => f.write_str(text),
            other => f.write_str(&python::str(&other.to_value())),
        }
    }
}

/// A number by its value: an integer, or the bits of a float that is none.
#[derive(PartialEq, Eq, Hash)]
enum Number {
    Int(i128),
    Float(u64),
}

impl Key {
    fn number(&self) -> Option<Number> {
        match self {
            Self::Int(n) => Some(Number::Int(*n)),
            Self::Bool(flag) => Some(Number::Int(i128::from(*flag))),
            Self::Float(x) if (*x as i128) as f64 == *x => Some(Number::Int(*x as i128)),
            Self::Float(x) => Some(Number::Float(x.to_bits())),
            Self::Str(_) | Self::Bytes(_) => None,
        }
    }

    /// The key as a value (for printing and `oc.dict.keys`).
    pub fn to_value(&self) -> Value {
        match self {
            Self::Str(text) => Value::Str(text.clone()),
            Self::Int(n) => Value::Int(*n),
            Self::Float(x) => Value::Float(*x),
            Self::Bool(b) => Value::Bool(*b),
            Self::Bytes(bytes) => Value::Bytes(bytes.clone()),
        }
    }

    /// A value as a key; `None` for null, lists and maps, which cannot be keys.
    pub fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Str(text) => Some(Self::Str(text)),
            Value::Int(n) => Some(Self::Int(n)),
            Value::Float(x) => Some(Self::Float(x)),
            Value::Bool(b) => Some(Self::Bool(b)),
            Value::Bytes(bytes) => Some(Self::Bytes(bytes)),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::node::{Map, Node};

    #[test]
    fn numbers_are_one_key_if_they_are_equal() {
        let mut map = Map::new();
        for (n, key) in
            [Key::Int(1), Key::Bool(true), Key::Float(1.0), Key::from("1"), Key::Float(1.5)].into_iter().enumerate()
        {
            map.insert(key, Node::builtin(Value::Int(n as i128)));
        }
        assert_eq!(map.keys().cloned().collect::<Vec<_>>(), [Key::Int(1), Key::from("1"), Key::Float(1.5)]);
        assert_eq!(map.get("1").map(|node| &node.value), Some(&Value::Int(3)));
    }
}
