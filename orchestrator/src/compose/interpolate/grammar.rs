//! The parts of an interpolated text.

use crate::compose::node::Value;

/// A text in parts, escapes already undone.
#[derive(Clone, Debug, PartialEq)]
pub struct Text(pub Vec<Part>);

/// A piece of text.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// Something to be looked up.
    Interpolation(Interpolation),
}

/// `${...}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Interpolation {
    /// `${a.b}`, or `${..b}` relative to the text's own place.
    Reference {
        /// Leading dots; none for an absolute path.
        dots: usize,
        /// The keys of the path.
        keys: Vec<Name>,
    },
    /// `${name:argument,argument}`.
    Call {
        /// The parts of the name, between its dots.
        name: Vec<Name>,
        /// The arguments.
        arguments: Vec<Argument>,
    },
}

/// A key of a path, or a part of a resolver's name.
#[derive(Clone, Debug, PartialEq)]
pub enum Name {
    /// As written.
    Literal(String),
    /// To be looked up; must give a string.
    Interpolation(Box<Interpolation>),
}

/// An argument of a resolver.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// One unquoted word.
    Value(Value),
    /// Unquoted words and interpolations; one interpolation alone keeps its type.
    Unquoted(Text),
    /// A quoted text, always a string.
    Quoted(Text),
    /// `[...]`.
    List(Vec<Argument>),
    /// `{...}`; a key may be null here, which the tree then refuses.
    Map(Vec<(Value, Argument)>),
}
