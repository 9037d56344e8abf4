//! One word of the command line -> [`Override`]: Hydra's override grammar by recursive descent.
//!
//! Accepts what Hydra's own grammar accepts and says where it stopped understanding. Calls are
//! evaluated on the way (`functions`); what the override then does to a tree is `apply`'s business.

use super::arguments::Argument;
use super::functions;
use super::key::key;
use super::value::{Element, Parsed, SweepValues};
use super::{Kind, Override};
use crate::compose::cursor::{Cursor, SyntaxError, Word, raw};
use crate::compose::lexeme::{self, Lexeme};
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
            Some(Parser(Cursor::new(text, at)).whole_value()?)
        }
    };
    Ok(Override { kind, key, package, value, text: text.into() })
}

struct Parser<'a>(Cursor<'a>);

impl<'a> Parser<'a> {
    fn whole_value(&mut self) -> Result<Parsed, SyntaxError> {
        let mut items = vec![self.value()?];
        while self.0.mark(',') {
            items.push(self.value()?);
        }
        if !self.0.rest().is_empty() {
            return Err(self.0.unexpected());
        }
        if items.len() == 1 {
            return Ok(items.remove(0));
        }
        let items = items.into_iter().map(|item| self.element(item)).collect::<Result<_, _>>()?;
        Ok(Parsed::Sweep(SweepValues::Choice { items, simple: true }.into()))
    }

    /// A primitive, a quoted string, a list, a map or a call.
    fn value(&mut self) -> Result<Parsed, SyntaxError> {
        self.0.enter()?;
        let value = match self.0.peek() {
            Some(quote @ ('\'' | '"')) => Parsed::Element(self.quoted(quote)?),
            Some('[') => Parsed::Element(self.list()?),
            Some('{') => Parsed::Element(self.map()?),
            _ => match self.call_name() {
                Some(name) => self.call(name)?,
                None => Parsed::Element(Element::Plain(self.primitive(true)?)),
            },
        };
        self.0.leave();
        Ok(value)
    }

    fn element(&self, value: Parsed) -> Result<Element, SyntaxError> {
        match value {
            Parsed::Element(element) => Ok(element),
            Parsed::Sweep(_) => Err(self.0.error("a sweep cannot stand inside another value")),
            Parsed::Replace(_) => Err(self.0.error("`replace` cannot stand inside another value")),
            Parsed::Extend(_) => Err(self.0.error("`extend_list` cannot stand inside another value")),
        }
    }

    fn nested(&mut self) -> Result<Element, SyntaxError> {
        let value = self.value()?;
        self.element(value)
    }

    fn list(&mut self) -> Result<Element, SyntaxError> {
        self.0.expect('[')?;
        let mut items = Vec::new();
        if self.0.mark(']') {
            return Ok(Element::List(items));
        }
        loop {
            items.push(self.nested()?);
            if !self.0.mark(',') {
                self.0.expect(']')?;
                return Ok(Element::List(items));
            }
        }
    }

    fn map(&mut self) -> Result<Element, SyntaxError> {
        self.0.expect('{')?;
        let mut entries: Vec<(Value, Element)> = Vec::new();
        if self.0.mark('}') {
            return Ok(Element::Map(entries));
        }
        loop {
            let key = self.primitive(false)?;
            self.0.expect(':')?;
            let value = self.nested()?;
            match entries.iter_mut().find(|(earlier, _)| earlier.same(&key)) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
            if !self.0.mark(',') {
                self.0.expect('}')?;
                return Ok(Element::Map(entries));
            }
        }
    }

    /// The name before `(`, if a call starts here.
    fn call_name(&self) -> Option<&'a str> {
        let (name, after) = self.0.rest().split_at(lexeme::id_len(self.0.rest()));
        let opens = after.trim_start_matches([' ', '\t']).starts_with('(');
        let is_id = matches!(lexeme::lexeme(name), Some((Lexeme::Id, _)));
        (is_id && opens).then_some(name)
    }

    fn call(&mut self, name: &'a str) -> Result<Parsed, SyntaxError> {
        let start = self.0.at();
        self.0.take(name.len());
        self.0.expect('(')?;
        let mut arguments: Vec<Argument> = Vec::new();
        if !self.0.mark(')') {
            loop {
                let argument = self.argument()?;
                let named_before = arguments.last().is_some_and(|last| last.name.is_some());
                if argument.name.is_none() && named_before {
                    return Err(self.0.error("a positional argument follows a named one"));
                }
                arguments.push(argument);
                if !self.0.mark(',') {
                    break;
                }
            }
            self.0.expect(')')?;
        }
        functions::call(name, arguments).map_err(|message| SyntaxError::new(message, start))
    }

    /// `value` or `name=value`.
    fn argument(&mut self) -> Result<Argument, SyntaxError> {
        let (name, after) = self.0.rest().split_at(lexeme::id_len(self.0.rest()));
        let is_name = matches!(lexeme::lexeme(name), Some((Lexeme::Id, _)));
        let name = if is_name && after.trim_start_matches([' ', '\t']).starts_with('=') {
            self.0.take(name.len());
            self.0.expect('=')?;
            Some(name.to_owned())
        } else {
            None
        };
        Ok(Argument { name, value: self.value()? })
    }

    fn quoted(&mut self, quote: char) -> Result<Element, SyntaxError> {
        let mut text = String::new();
        let mut backslashes = 0_usize;
        for (n, c) in self.0.rest().char_indices().skip(1) {
            if c == quote {
                // Backslashes escape one another only in front of a quote.
                text.truncate(text.len() - backslashes.div_ceil(2));
                if backslashes.is_multiple_of(2) {
                    self.0.take(n + quote.len_utf8());
                    return Ok(Element::Quoted(text, quote));
                }
            }
            backslashes = if c == '\\' { backslashes + 1 } else { 0 };
            text.push(c);
        }
        Err(self.0.error(format!("no closing {quote}")))
    }

    /// Unquoted words: one alone is typed, several are text. A map's key (`free` false) holds
    /// neither colons nor interpolations.
    fn primitive(&mut self, free: bool) -> Result<Value, SyntaxError> {
        let mut words: Vec<Word> = Vec::new();
        loop {
            let interpolation = if free { interpolation_len(self.0.rest()) } else { 0 };
            if interpolation > 0 {
                words.push((None, self.0.take(interpolation)));
            } else if let Some(word) = self.0.word(free)? {
                words.push(word);
            } else {
                break;
            }
        }
        let is_blank = |word: &Word| word.0 == Some(Lexeme::Blank);
        let from = usize::from(words.first().is_some_and(is_blank));
        let to = words.len() - usize::from(words.len() > from && words.last().is_some_and(is_blank));
        match &words[from..to] {
            [] if self.0.rest().is_empty() => Err(self.0.error("expected a value")),
            [] => Err(self.0.unexpected()),
            [(None, text)] => Ok(Value::str(*text)),
            [(Some(kind), text)] => lexeme::value(*kind, text).map_err(|message| self.0.error(message)),
            several => Ok(Value::Str(several.iter().map(raw).collect())),
        }
    }
}

/// The length of `${` up to the first `}`, at least one character between; else 0.
fn interpolation_len(text: &str) -> usize {
    match text.strip_prefix("${").and_then(|rest| rest.find('}')) {
        Some(inner) if inner > 0 => inner + 3,
        _ => 0,
    }
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
