//! OmegaConf's interpolation grammar by recursive descent.

use super::grammar::{Argument, Interpolation, Name, Part, Text};
use crate::compose::cursor::{Cursor, SyntaxError, raw};
use crate::compose::lexeme;
use crate::compose::node::Value;

/// Parses the text of a value.
pub fn text(text: &str) -> Result<Text, SyntaxError> {
    Parser(Cursor::new(text, 0)).text(None)
}

/// Parses one argument that stands alone, as `oc.decode` takes it.
pub fn argument(text: &str) -> Result<Argument, SyntaxError> {
    let mut parser = Parser(Cursor::new(text, 0));
    let argument = parser.argument()?;
    if parser.0.rest().is_empty() { Ok(argument) } else { Err(parser.0.unexpected()) }
}

struct Parser<'a>(Cursor<'a>);

impl Parser<'_> {
    /// Literal text and interpolations, up to the closing quote or, without one, to the end.
    fn text(&mut self, quote: Option<char>) -> Result<Text, SyntaxError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        loop {
            let rest = self.0.rest();
            let backslashes = rest.len() - rest.trim_start_matches('\\').len();
            let after = &rest[backslashes..];
            let opens = after.starts_with("${");
            let closes = quote.is_some_and(|quote| after.starts_with(quote));
            if !opens && !closes {
                let Some(next) = after.chars().next() else {
                    literal.push_str(self.0.take(backslashes));
                    push_literal(&mut parts, &mut literal);
                    return match quote {
                        None => Ok(Text(parts)),
                        Some(quote) => Err(self.0.error(format!("no closing {quote}"))),
                    };
                };
                literal.push_str(self.0.take(backslashes + next.len_utf8()));
                continue;
            }
            // Backslashes escape one another only here; an odd one escapes what follows.
            literal.push_str(&self.0.take(backslashes)[..backslashes / 2]);
            if backslashes % 2 == 1 {
                literal.push_str(self.0.take(if opens { 2 } else { 1 }));
                continue;
            }
            push_literal(&mut parts, &mut literal);
            if closes {
                self.0.take(1);
                return Ok(Text(parts));
            }
            parts.push(Part::Interpolation(self.interpolation()?));
        }
    }

    /// `${...}`, which stands here.
    fn interpolation(&mut self) -> Result<Interpolation, SyntaxError> {
        self.0.enter()?;
        self.0.take(2);
        self.0.blanks();
        let dots = self.0.rest().len() - self.0.rest().trim_start_matches('.').len();
        self.0.take(dots);
        let mut keys = Vec::new();
        let mut bracketed = false;
        loop {
            match self.0.peek() {
                Some('[') => {
                    self.0.take(1);
                    keys.push(self.name()?);
                    self.0.expect(']')?;
                    bracketed = true;
                }
                Some('.') if !keys.is_empty() => {
                    self.0.take(1);
                    keys.push(self.name()?);
                }
                _ if keys.is_empty() => keys.push(self.name()?),
                _ => break,
            }
        }
        let found = if self.0.mark('}') {
            Interpolation::Reference { dots, keys }
        } else if self.0.mark(':') {
            if dots > 0 || bracketed || !keys.iter().all(is_resolver_name) {
                return Err(self.0.error("this is not the name of a resolver"));
            }
            Interpolation::Call { name: keys, arguments: self.sequence('}')? }
        } else {
            return Err(self.unexpected());
        };
        self.0.leave();
        Ok(found)
    }

    fn name(&mut self) -> Result<Name, SyntaxError> {
        if self.0.rest().starts_with("${") {
            return Ok(Name::Interpolation(Box::new(self.interpolation()?)));
        }
        let special = |c| " \t\\{}()[]:.'\"".contains(c);
        match self.0.rest().find(special).unwrap_or(self.0.rest().len()) {
            0 => Err(self.unexpected()),
            len => Ok(Name::Literal(self.0.take(len).to_owned())),
        }
    }

    /// Arguments up to the closing bracket; an omitted one is the empty string.
    fn sequence(&mut self, close: char) -> Result<Vec<Argument>, SyntaxError> {
        let mut arguments = Vec::new();
        if self.0.mark(close) {
            return Ok(arguments);
        }
        loop {
            let next = self.0.rest().trim_start_matches([' ', '\t']).chars().next();
            arguments.push(match next {
                Some(c) if c == ',' || c == close => Argument::Value(Value::str("")),
                _ => self.argument()?,
            });
            if self.0.mark(close) {
                return Ok(arguments);
            }
            self.0.expect(',')?;
        }
    }

    fn argument(&mut self) -> Result<Argument, SyntaxError> {
        self.0.enter()?;
        let argument = match self.0.peek() {
            Some(quote @ ('\'' | '"')) => {
                self.0.take(1);
                Argument::Quoted(self.text(Some(quote))?)
            }
            Some('[') => {
                self.0.expect('[')?;
                Argument::List(self.sequence(']')?)
            }
            Some('{') => {
                self.0.expect('{')?;
                Argument::Map(self.entries()?)
            }
            _ => self.unquoted()?,
        };
        self.0.leave();
        Ok(argument)
    }

    fn entries(&mut self) -> Result<Vec<(Value, Argument)>, SyntaxError> {
        let mut entries: Vec<(Value, Argument)> = Vec::new();
        if self.0.mark('}') {
            return Ok(entries);
        }
        loop {
            let key = self.key()?;
            self.0.expect(':')?;
            let value = self.argument()?;
            match entries.iter_mut().find(|(earlier, _)| earlier.same(&key)) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
            if self.0.mark('}') {
                return Ok(entries);
            }
            self.0.expect(',')?;
        }
    }

    /// The key of a map: unquoted words without colons and interpolations.
    fn key(&mut self) -> Result<Value, SyntaxError> {
        let mut words = Vec::new();
        while let Some(word) = self.0.word(false)? {
            words.push(word);
        }
        match &words[..] {
            [] => Err(self.unexpected()),
            [(Some(kind), text)] => lexeme::value(*kind, text).map_err(|message| self.0.error(message)),
            several => Ok(Value::Str(several.iter().map(raw).collect())),
        }
    }

    /// Unquoted words and interpolations: one word alone is typed.
    fn unquoted(&mut self) -> Result<Argument, SyntaxError> {
        let mut parts = Vec::new();
        let mut last = None;
        loop {
            if self.0.rest().starts_with("${") {
                parts.push(Part::Interpolation(self.interpolation()?));
                last = None;
            } else if let Some(word) = self.0.word(true)? {
                parts.push(Part::Literal(raw(&word)));
                last = Some(word);
            } else {
                break;
            }
        }
        match (parts.len(), last) {
            (0, _) => Err(self.unexpected()),
            (1, Some((Some(kind), text))) => {
                let value = lexeme::value(kind, text).map_err(|message| self.0.error(message))?;
                Ok(Argument::Value(value))
            }
            _ => Ok(Argument::Unquoted(Text(parts))),
        }
    }

    fn unexpected(&self) -> SyntaxError {
        if self.0.rest().is_empty() {
            return self.0.error("the text ends inside `${...}`");
        }
        self.0.unexpected()
    }
}

fn push_literal(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

/// Whether a name can be part of a resolver's.
fn is_resolver_name(name: &Name) -> bool {
    match name {
        Name::Literal(text) => lexeme::id_len(text) == text.len(),
        Name::Interpolation(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_accepts_what_omegaconf_accepts() {
        for good in [
            "${ a }",
            "${ .a}",
            "${a:}",
            "${a :x}",
            "${a.b:x}",
            "${a:,,x}",
            "${a:[1,]}",
            "${a:{}}",
            "${a:{b: 1 , c :2}}",
            "${a:'x' }",
            "${a::}",
            "${[a].b}",
            "${..[a]}",
            "${a$b}",
            "${é}",
            "${${a}:x}",
            "${oc.env:A,'}'}",
            "${a:\"it\\\"s\"}",
            "${a:'\\${b}'}",
            "${a}}",
            "${1.5}",
        ] {
            assert!(text(good).is_ok(), "{good}: {:?}", text(good));
        }
        for bad in [
            "${",
            "${}",
            "${a b}",
            "x${b",
            "${a .b}",
            "${. a}",
            "${1a:x}",
            "${a:{b:1,}}",
            "${a..b}",
            "${a:{${b}: 1}}",
            "${a:'x'y}",
            "${[a]b}",
            "${a[]}",
            "${a.}",
            "${.}",
            "${${a}b:x}",
            "${a.b${c}}",
            "${a/b:x}",
            "${a:é}",
            "${a:x=y}",
            "${a:(x)}",
            "${a:x[1]}",
            "${a[b]:x}",
        ] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn backslashes_escape_before_an_interpolation_only() {
        let literal = |t: &str| Part::Literal(t.to_owned());
        let a = || Part::Interpolation(Interpolation::Reference { dots: 0, keys: vec![Name::Literal("a".into())] });
        for (source, want) in [
            ("\\${a}", vec![literal("${a}")]),
            ("\\\\${a}", vec![literal("\\"), a()]),
            ("\\\\\\${a}", vec![literal("\\${a}")]),
            ("x\\y${a}", vec![literal("x\\y"), a()]),
            ("${a}\\\\", vec![a(), literal("\\\\")]),
        ] {
            assert_eq!(text(source), Ok(Text(want)), "{source}");
        }
    }
}
