//! The words of the command line: `a=1`, `+a=1`, `++a=1`, `~a`, `group=option`.
//!
//! `parser` turns a word into an [`Override`], `apply` carries value overrides out on a tree.
//! Which words choose a group's option is decided where the groups are known, in `defaults`.

mod apply;
mod arguments;
mod cast;
mod functions;
mod key;
mod order;
mod parser;
mod value;

use std::sync::Arc;

pub use apply::apply;
pub use order::shuffled;
pub use value::{Element, Number, Parsed, Sweep, SweepValues};

use super::origin::Origin;
use super::problem::{Caret, Problem, Problems};

/// What an override does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `key=value`: the key must exist.
    Change,
    /// `+key=value`: the key must not exist.
    Add,
    /// `++key=value`: either.
    ForceAdd,
    /// `~key` or `~key=value`.
    Delete,
}

/// One parsed word.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// What it does.
    pub kind: Kind,
    /// A dotted path, or a group as `group/sub`.
    pub key: String,
    /// The package after `@`.
    pub package: Option<String>,
    /// The value; none for a bare `~key`.
    pub value: Option<Parsed>,
    /// The word as typed.
    pub text: Arc<str>,
}

impl Override {
    /// Parses one word.
    ///
    /// # Errors
    /// What is wrong with it, and at which column.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        parser::parse(text).map_err(|error| {
            let origin = Origin::Override { text: text.into() };
            Problem::new(error.in_text(text)).origin(&origin).caret(Caret::Column(error.column(text)))
        })
    }

    /// Parses all words, and reports all that cannot be parsed.
    ///
    /// # Errors
    /// One problem for each word that is no override.
    pub fn parse_all(words: &[String]) -> Result<Vec<Self>, Problems> {
        let mut problems = Problems::default();
        let parsed = words.iter().filter_map(|word| problems.collect(Self::parse(word))).collect();
        problems.or_ok(parsed)
    }

    /// Whether it configures the `hydra` node.
    pub fn is_hydra(&self) -> bool {
        self.key.starts_with("hydra.") || self.key.starts_with("hydra/")
    }

    /// The sweep, if it is one.
    pub fn sweep(&self) -> Option<&Sweep> {
        match &self.value {
            Some(Parsed::Sweep(sweep)) => Some(sweep),
            _ => None,
        }
    }

    /// The single value, if it has one.
    pub fn element(&self) -> Option<&Element> {
        match &self.value {
            Some(Parsed::Element(element)) => Some(element),
            _ => None,
        }
    }

    /// `key` or `key@package`.
    pub fn full_key(&self) -> String {
        match &self.package {
            Some(package) => format!("{}@{package}", self.key),
            None => self.key.clone(),
        }
    }

    /// The key with its prefix, as in `+db@backup`.
    pub fn prefixed_key(&self) -> String {
        let prefix = match self.kind {
            Kind::Change => "",
            Kind::Add => "+",
            Kind::ForceAdd => "++",
            Kind::Delete => "~",
        };
        format!("{prefix}{}", self.full_key())
    }

    /// Where values that it sets come from.
    pub fn origin(&self) -> Origin {
        Origin::Override { text: self.text.clone() }
    }
}
