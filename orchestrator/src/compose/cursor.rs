//! A position in a text, and the moves that both value grammars make with it.

use super::lexeme::{self, Lexeme};

/// How deep lists, maps, calls and interpolations may nest in one value.
const MAX_DEPTH: usize = 64;

/// A value that cannot be parsed: what is wrong, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What was expected or found.
    pub message: String,
    /// Byte offset in the text.
    pub at: usize,
}

impl SyntaxError {
    /// An error at a byte offset.
    pub fn new(message: impl Into<String>, at: usize) -> Self {
        Self { message: message.into(), at }
    }

    /// The column, counted from 1, in the text that was parsed.
    pub fn column(&self, text: &str) -> usize {
        text.get(..self.at).map_or(0, |before| before.chars().count()) + 1
    }

    /// The message behind its column.
    pub fn in_text(&self, text: &str) -> String {
        format!("column {}: {}", self.column(text), self.message)
    }
}

/// An unquoted word; no kind for a colon with the blanks around it.
pub type Word<'a> = (Option<Lexeme>, &'a str);

/// Reads a text from left to right.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at a byte offset.
    pub fn new(text: &'a str, at: usize) -> Self {
        Self { text, at, depth: 0 }
    }

    /// The byte offset.
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is still to be read.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next character.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes over `len` bytes and returns them.
    pub fn take(&mut self, len: usize) -> &'a str {
        let taken = &self.rest()[..len];
        self.at += len;
        taken
    }

    /// Goes over blanks.
    pub fn blanks(&mut self) {
        self.at += lexeme::blank_len(self.rest());
    }

    /// Goes over a mark and the blanks around it (only those before a closing bracket); stays if
    /// something else follows.
    pub fn mark(&mut self, mark: char) -> bool {
        let rest = self.rest();
        let blank = lexeme::blank_len(rest);
        let Some(after) = rest[blank..].strip_prefix(mark) else { return false };
        let closes = matches!(mark, ')' | ']' | '}');
        self.at += blank + mark.len_utf8() + if closes { 0 } else { lexeme::blank_len(after) };
        true
    }

    /// Goes over a mark that must follow.
    pub fn expect(&mut self, mark: char) -> Result<(), SyntaxError> {
        match self.mark(mark) {
            true => Ok(()),
            false if self.rest().is_empty() => Err(self.error(format!("expected `{mark}`"))),
            false => Err(self.unexpected()),
        }
    }

    /// Goes over one unquoted word; none before a mark that ends a value. A colon is a word of its
    /// own, or such a mark where `colons` is false.
    pub fn word(&mut self, colons: bool) -> Result<Option<Word<'a>>, SyntaxError> {
        let rest = self.rest();
        let blank = lexeme::blank_len(rest);
        let (kind, len) = match rest[blank..].chars().next() {
            None if blank == 0 => return Ok(None),
            Some(',' | ')' | ']' | '}') => return Ok(None),
            Some(':') if colons => (None, blank + 1 + lexeme::blank_len(&rest[blank + 1..])),
            Some(':') => return Ok(None),
            _ => match lexeme::lexeme(rest) {
                Some((kind, len)) => (Some(kind), len),
                None => return Err(self.unexpected()),
            },
        };
        Ok(Some((kind, self.take(len))))
    }

    /// Enters a nested value.
    pub fn enter(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    /// Leaves a nested value.
    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    /// An error about the next character.
    pub fn unexpected(&self) -> SyntaxError {
        self.error(match self.peek() {
            None => "expected a value".to_owned(),
            Some(c) if " \t,:=()[]{}.".contains(c) => format!("unexpected `{c}`"),
            Some(c) => format!("unexpected `{c}`: put the value in quotes"),
        })
    }

    /// An error here.
    pub fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(message, self.at)
    }
}

/// A word as part of a text, its escapes undone.
pub fn raw(word: &Word) -> String {
    match word {
        (Some(Lexeme::Escape), text) => lexeme::unescape(text),
        (_, text) => (*text).to_owned(),
    }
}
