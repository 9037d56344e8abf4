//! One word of the command line -> [`Override`]: Hydra's override grammar by recursive descent.
//!
//! Accepts what Hydra's own grammar accepts and says where it stopped understanding. Calls are
//! evaluated on the way (`functions`); what the override then does to a tree is `apply`'s business.

use super::functions::{self, Argument};
use super::value::{Element, Parsed, SweepValues};
use super::{Kind, Override};
use crate::compose::lexeme::{self, Lexeme, MAX_DEPTH, SyntaxError};
use crate::compose::node::Value;

/// Parses a whole override.
pub fn parse(text: &str) -> Result<Override, SyntaxError> {
    let (kind, prefix) = match text {
        _ if text.starts_with('~') => (Kind::Delete, 1),
        _ if text.starts_with("++") => (Kind::ForceAdd, 2),
        _ if text.starts_with('+') => (Kind::Add, 1),
        _ => (Kind::Change, 0),
    };
    let end = text.find('=').unwrap_or(text.len());
    let (key, package) = key(text.get(prefix..end).unwrap_or_default(), prefix)?;
    let value = match text.get(end + 1..) {
        None if kind == Kind::Delete => None,
        None => return Err(SyntaxError::new("expected `=` and a value", end)),
        Some(rest) if rest.trim_start_matches([' ', '\t']).is_empty() => Some(Parsed::Element(Element::text(""))),
        Some(rest) => {
            let at = end + 1 + lexeme::blank_len(rest);
            Some(Parser { text, at, depth: 0 }.whole_value()?)
        }
    };
    Ok(Override { kind, key, package, value, text: text.into() })
}

/// `group/sub`, `dot.path` or nothing, then perhaps `@package`.
fn key(text: &str, offset: usize) -> Result<(String, Option<String>), SyntaxError> {
    let (key, package) = match text.split_once('@') {
        Some((key, package)) => (key, Some(package)),
        None => (text, None),
    };
    let is_id = |part: &str| !part.is_empty() && lexeme::id_len(part) == part.len();
    let is_group = key.contains('/') && key.split('/').all(is_id);
    if !is_group && !is_path(key) {
        return Err(SyntaxError::new(format!("`{key}` is not a key"), offset));
    }
    match package {
        Some(package) if !is_path(package) => {
            let at = offset + key.len() + 1;
            Err(SyntaxError::new(format!("`{package}` is not a package"), at))
        }
        package => Ok((key.to_owned(), package.map(str::to_owned))),
    }
}

/// Nothing, a name, or names and numbers joined by dots.
fn is_path(text: &str) -> bool {
    let special = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
    };
    let number = |part: &str| lexeme::unsigned_len(part) == Some(part.len());
    text.is_empty() || special(text) || text.contains('.') && text.split('.').all(|part| special(part) || number(part))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn whole_value(&mut self) -> Result<Parsed, SyntaxError> {
        let mut items = vec![self.value()?];
        while self.separator(',') {
            items.push(self.value()?);
        }
        if !self.rest().is_empty() {
            return Err(self.unexpected());
        }
        if items.len() == 1 {
            return Ok(items.remove(0));
        }
        let items = items.into_iter().map(|item| self.element(item)).collect::<Result<_, _>>()?;
        Ok(Parsed::Sweep(SweepValues::Choice { items, simple: true }.into()))
    }

    /// A primitive, a quoted string, a list, a map or a call.
    fn value(&mut self) -> Result<Parsed, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let value = if let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"')) {
            self.quoted(quote).map(Parsed::Element)
        } else if self.opening('[') {
            self.list().map(Parsed::Element)
        } else if self.opening('{') {
            self.map().map(Parsed::Element)
        } else if let Some(name) = self.call_name() {
            self.call(name)
        } else {
            self.primitive(true).map(|value| Parsed::Element(Element::Plain(value)))
        };
        self.depth -= 1;
        value
    }

    fn element(&self, value: Parsed) -> Result<Element, SyntaxError> {
        match value {
            Parsed::Element(element) => Ok(element),
            Parsed::Sweep(_) => Err(self.error("a sweep cannot stand inside another value")),
        }
    }

    fn nested(&mut self) -> Result<Element, SyntaxError> {
        let value = self.value()?;
        self.element(value)
    }

    fn list(&mut self) -> Result<Element, SyntaxError> {
        let mut items = Vec::new();
        if !self.separator(']') {
            loop {
                items.push(self.nested()?);
                if !self.separator(',') {
                    break;
                }
            }
            self.closing(']')?;
        }
        Ok(Element::List(items))
    }

    fn map(&mut self) -> Result<Element, SyntaxError> {
        let mut entries: Vec<(Value, Element)> = Vec::new();
        if !self.separator('}') {
            loop {
                let key = self.primitive(false)?;
                if !self.separator(':') {
                    return Err(self.error("expected `:` after a key"));
                }
                let value = self.nested()?;
                match entries.iter_mut().find(|(earlier, _)| *earlier == key) {
                    Some(entry) => entry.1 = value,
                    None => entries.push((key, value)),
                }
                if !self.separator(',') {
                    break;
                }
            }
            self.closing('}')?;
        }
        Ok(Element::Map(entries))
    }

    /// The name before `(`, if a call starts here.
    fn call_name(&self) -> Option<&'a str> {
        let name = match lexeme::lexeme(self.rest()) {
            Some((Lexeme::Id, len)) => &self.rest()[..len],
            _ => return None,
        };
        let after = &self.rest()[name.len()..];
        after[lexeme::blank_len(after)..].starts_with('(').then_some(name)
    }

    fn call(&mut self, name: &'a str) -> Result<Parsed, SyntaxError> {
        let start = self.at;
        self.at += name.len();
        self.separator('(');
        let mut arguments = Vec::new();
        if !self.separator(')') {
            loop {
                let name = self.argument_name();
                let at = self.at;
                let value = self.value()?;
                let positional_after_named =
                    name.is_none() && arguments.last().is_some_and(|a: &Argument| a.name.is_some());
                if positional_after_named {
                    let message = "a positional argument follows a named one";
                    return Err(SyntaxError::new(message, at));
                }
                arguments.push(Argument { name, value });
                if !self.separator(',') {
                    break;
                }
            }
            self.closing(')')?;
        }
        functions::call(name, arguments).map_err(|message| SyntaxError::new(message, start))
    }

    fn argument_name(&mut self) -> Option<String> {
        let (Lexeme::Id, len) = lexeme::lexeme(self.rest())? else { return None };
        let name = &self.rest()[..len];
        let start = self.at;
        self.at += len;
        if self.separator('=') {
            return Some(name.to_owned());
        }
        self.at = start;
        None
    }

    fn quoted(&mut self, quote: char) -> Result<Element, SyntaxError> {
        let start = self.at;
        let mut text = String::new();
        let mut backslashes = 0_usize;
        for (n, c) in self.rest().char_indices().skip(1) {
            if c == quote {
                // Backslashes escape one another only in front of a quote.
                text.truncate(text.len() - backslashes.div_ceil(2));
                if backslashes.is_multiple_of(2) {
                    self.at = start + n + 1;
                    return Ok(Element::Quoted(text, quote));
                }
            }
            backslashes = if c == '\\' { backslashes + 1 } else { 0 };
            text.push(c);
        }
        Err(SyntaxError::new(format!("no closing {quote}"), start))
    }

    /// Unquoted words: one alone is typed, several are text. A map's key (`colons` false) holds
    /// neither colons nor interpolations.
    fn primitive(&mut self, colons: bool) -> Result<Value, SyntaxError> {
        let mut words: Vec<(Option<Lexeme>, &'a str)> = Vec::new();
        loop {
            let rest = self.rest();
            let blank = lexeme::blank_len(rest);
            let next = rest[blank..].chars().next();
            let (kind, len) = match next {
                None => (Some(Lexeme::Blank), blank),
                Some(',' | ')' | ']' | '}') => break,
                Some(':') if colons => {
                    let after = &rest[blank + 1..];
                    (None, blank + 1 + lexeme::blank_len(after))
                }
                Some(':') => break,
                _ if colons && rest.starts_with("${") && interpolation_len(rest).is_some() => {
                    (None, interpolation_len(rest).unwrap_or(0))
                }
                _ => match lexeme::lexeme(rest) {
                    Some((kind, len)) => (Some(kind), len),
                    None => return Err(self.unexpected()),
                },
            };
            if len == 0 {
                break;
            }
            words.push((kind, &rest[..len]));
            self.at += len;
        }
        let is_blank = |word: &(Option<Lexeme>, &str)| word.0 == Some(Lexeme::Blank);
        let from = usize::from(words.first().is_some_and(is_blank));
        let to = words.len() - usize::from(words.len() > from && words.last().is_some_and(is_blank));
        match &words[from..to] {
            [] => Err(self.error("expected a value")),
            [(None, text)] => Ok(Value::str(*text)),
            [(Some(kind), text)] => lexeme::value(*kind, text).map_err(|message| self.error(message)),
            several => Ok(Value::Str(several.iter().map(raw).collect())),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Takes a bracket and the blanks after it.
    fn opening(&mut self, bracket: char) -> bool {
        let found = self.rest().starts_with(bracket);
        found && self.separator(bracket)
    }

    /// Takes a mark and the blanks around it (only those before a closing bracket); nothing if
    /// something else follows.
    fn separator(&mut self, mark: char) -> bool {
        let rest = self.rest();
        let blank = lexeme::blank_len(rest);
        let Some(after) = rest[blank..].strip_prefix(mark) else { return false };
        let closes = matches!(mark, ')' | ']' | '}');
        self.at += blank + mark.len_utf8() + if closes { 0 } else { lexeme::blank_len(after) };
        true
    }

    fn closing(&mut self, bracket: char) -> Result<(), SyntaxError> {
        if self.separator(bracket) { Ok(()) } else { Err(self.expected(bracket)) }
    }

    fn expected(&self, mark: char) -> SyntaxError {
        match self.rest().is_empty() {
            true => self.error(format!("expected `{mark}`")),
            false => self.unexpected(),
        }
    }

    fn unexpected(&self) -> SyntaxError {
        match self.rest().chars().next() {
            None => self.error("expected a value"),
            Some(c @ (',' | ')' | ']' | '}' | '(' | '[' | '{' | '=' | ':')) => self.error(format!("unexpected `{c}`")),
            Some(c) => self.error(format!("unexpected `{c}`: put the value in quotes")),
        }
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(message, self.at)
    }
}

/// The text of a word within several, escapes dropped.
fn raw(word: &(Option<Lexeme>, &str)) -> String {
    match word {
        (Some(Lexeme::Escape), text) => lexeme::unescape(text),
        (_, text) => (*text).to_owned(),
    }
}

/// `${` up to the first `}`, at least one character between.
fn interpolation_len(text: &str) -> Option<usize> {
    let end = text.find('}')?;
    (end > 2).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<Element, String> {
        match parse(&format!("k={text}")).map_err(|e| e.message)?.value {
            Some(Parsed::Element(element)) => Ok(element),
            other => Err(format!("not an element: {other:?}")),
        }
    }

    #[test]
    fn one_word_is_typed_and_several_are_text() {
        for (text, want) in [
            ("1", Value::Int(1)),
            (" 1 ", Value::Int(1)),
            ("1e3", Value::Float(1000.0)),
            ("-.5", Value::Float(-0.5)),
            ("True", Value::Bool(true)),
            ("nUll", Value::Null),
            ("yes", Value::str("yes")),
            ("1 2", Value::str("1 2")),
            ("007", Value::str("007")),
            ("10.0.0.1", Value::str("10.0.0.1")),
            ("a : b", Value::str("a : b")),
            ("a\\,b", Value::str("a,b")),
            ("a\\nb", Value::str("a\\nb")),
            ("${a.b}", Value::str("${a.b}")),
            ("", Value::str("")),
        ] {
            assert_eq!(value(text), Ok(Element::Plain(want)), "{text}");
        }
    }

    #[test]
    fn quotes_keep_all_but_escaped_quotes() {
        for (text, want) in [(r"'it\'s'", "it's"), (r"'a\\'", r"a\"), (r"'a\\b'", r"a\\b"), ("''", "")] {
            assert_eq!(value(text), Ok(Element::Quoted(want.into(), '\'')), "{text}");
        }
    }

    #[test]
    fn what_hydra_refuses_is_refused_with_a_position() {
        for (text, at) in [
            ("k", 1),
            ("k=é", 2),
            ("k=a=b", 3),
            ("k='a'b", 5),
            ("k='a", 2),
            ("k=[1,]", 5),
            ("k=[1", 4),
            ("k={a:}", 5),
            ("k={'a':1}", 3),
            ("k=a,", 4),
            ("k=${}", 3),
            ("+++k=1", 2),
            ("a..b=1", 0),
            ("a/b.c=1", 0),
            ("9=1", 0),
            ("lst[0]=1", 0),
            ("k=nope(1)", 2),
        ] {
            assert_eq!(parse(text).map_err(|e| e.at).err(), Some(at), "{text}");
        }
    }

    #[test]
    fn keys_and_prefixes() {
        for (text, kind, key, package) in [
            ("a.b=1", Kind::Change, "a.b", None),
            ("+a/b@c.d=1", Kind::Add, "a/b", Some("c.d")),
            ("++$x=1", Kind::ForceAdd, "$x", None),
            ("~lst.0", Kind::Delete, "lst.0", None),
        ] {
            let parsed = parse(text).expect(text);
            assert_eq!((parsed.kind, parsed.key.as_str(), parsed.package.as_deref()), (kind, key, package));
        }
    }
}
