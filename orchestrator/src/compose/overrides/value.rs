//! What the right-hand side of an override can be.
//!
//! Elements keep what plain values forget, whether a string was quoted, because the jobs of a
//! sweep write their overrides out again exactly as Hydra does.

use crate::compose::node::{Key, Map, Node, Value};
use crate::compose::origin::Origin;
use crate::compose::python;

/// One value, not a sweep.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    /// Null, a boolean, a number, or unquoted text.
    Plain(Value),
    /// Quoted text with its quote.
    Quoted(String, char),
    /// `[a, b]`.
    List(Vec<Element>),
    /// `{a: 1}`; a key may be null here, which the configuration tree then refuses.
    Map(Vec<(Value, Element)>),
}

impl Element {
    /// Unquoted text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Plain(Value::Str(text.into()))
    }

    /// The element as a tree with one origin.
    ///
    /// # Errors
    /// A map with a null key.
    pub fn to_node(&self, origin: &Origin) -> Result<Node, String> {
        let value = match self {
            Self::Plain(value) => value.clone(),
            Self::Quoted(text, _) => Value::str(text),
            Self::List(items) => Value::List(items.iter().map(|item| item.to_node(origin)).collect::<Result<_, _>>()?),
            Self::Map(entries) => {
                let mut map = Map::new();
                for (key, element) in entries {
                    let key = Key::from_value(key.clone()).ok_or("a key may not be null")?;
                    map.insert(key, element.to_node(origin)?);
                }
                Value::Map(map)
            }
        };
        Ok(Node::new(value, origin.clone()))
    }

    /// The element as Hydra writes it out for a job.
    pub fn to_text(&self) -> String {
        match self {
            Self::Plain(value) => plain(value),
            Self::Quoted(text, quote) => quoted(text, *quote),
            Self::List(items) => {
                format!("[{}]", items.iter().map(Self::to_text).collect::<Vec<_>>().join(","))
            }
            Self::Map(entries) => {
                let entry = |(key, value): &(Value, Element)| format!("{}:{}", plain(key), value.to_text());
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Str(text) => escaped(text),
        other => python::str(other),
    }
}

/// A backslash before each character that the grammar would take for its own.
fn escaped(text: &str) -> String {
    let special = |c| matches!(c, '\\' | '(' | ')' | '[' | ']' | '{' | '}' | ':' | '=' | ',' | ' ' | '\t');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text in its quotes; backslashes are doubled only where they stand before a quote.
fn quoted(text: &str, quote: char) -> String {
    let mut out = String::from(quote);
    let mut backslashes = 0;
    for c in text.chars() {
        if c == quote {
            out.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        out.push(c);
    }
    out.extend(std::iter::repeat_n('\\', backslashes));
    out.push(quote);
    out
}

/// A number of a range, integer or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i128),
    /// A float.
    Float(f64),
}

impl Number {
    /// The number as a float.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(x) => x,
        }
    }
}

/// Several values for one key, to be tried one by one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Labels from `tag(...)`, for the sweeper.
    pub tags: Vec<String>,
    /// Whether `shuffle(...)` asked for a random order.
    pub shuffled: bool,
    /// Whether `zip(...)` asked to walk in step with the other zipped sweeps of the line.
    pub zipped: bool,
    /// The values.
    pub values: SweepValues,
}

/// The values of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub enum SweepValues {
    /// `a,b,c` (`simple`) or `choice(a,b,c)`.
    Choice {
        /// The values in order.
        items: Vec<Element>,
        /// Whether it was written without `choice`.
        simple: bool,
    },
    /// `range(start,stop,step)`.
    Range {
        /// First value.
        start: Number,
        /// Bound, excluded.
        stop: Number,
        /// Distance of two values.
        step: Number,
    },
    /// `interval(start,end)`: for sweepers that choose a value themselves.
    Interval {
        /// Lower bound.
        start: Number,
        /// Upper bound.
        end: Number,
    },
    /// `glob(include,exclude)` over the options of a group.
    Glob {
        /// Patterns of which one must match.
        include: Vec<String>,
        /// Patterns of which none may match.
        exclude: Vec<String>,
    },
}

impl From<SweepValues> for Sweep {
    fn from(values: SweepValues) -> Self {
        Self { tags: Vec::new(), shuffled: false, zipped: false, values }
    }
}

/// The right-hand side of an override.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// One value.
    Element(Element),
    /// Several values.
    Sweep(Sweep),
    /// `replace({a: 1})`: a value that takes the place of what stands there, maps too.
    Replace(Element),
    /// `extend_list(a,b)`: values to stand behind those that a list holds already.
    Extend(Vec<Element>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_written_as_hydra_writes_them() {
        let int = |n| Element::Plain(Value::Int(n));
        for (element, want) in [
            (Element::text("a b"), "a\\ b"),
            (Element::text("${lr}"), "$\\{lr\\}"),
            (Element::Plain(Value::Bool(true)), "True"),
            (Element::Plain(Value::Float(1e-3)), "0.001"),
            (Element::Plain(Value::Float(1e16)), "1e+16"),
            (Element::Plain(Value::Null), "null"),
            (Element::Quoted("it's".into(), '\''), "'it\\'s'"),
            (Element::Quoted("a\\".into(), '\''), "'a\\\\'"),
            (Element::Quoted("a\\b".into(), '"'), "\"a\\b\""),
            (Element::List(vec![int(1), int(2)]), "[1,2]"),
            (Element::Map(vec![(Value::str("a"), int(1))]), "{a:1}"),
        ] {
            assert_eq!(element.to_text(), want);
        }
    }
}
