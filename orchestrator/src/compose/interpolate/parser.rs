//! OmegaConf's interpolation grammar by recursive descent.

use super::grammar::{Argument, Interpolation, Name, Part, Text};
use crate::compose::lexeme::{self, Lexeme, MAX_DEPTH, SyntaxError};
use crate::compose::node::Value;

/// Parses the text of a value.
pub fn text(text: &str) -> Result<Text, SyntaxError> {
    Parser { text, at: 0, depth: 0 }.text(None)
}

/// Parses one argument that stands alone, as `oc.decode` takes it.
pub fn argument(text: &str) -> Result<Argument, SyntaxError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let argument = parser.argument()?;
    if parser.rest().is_empty() { Ok(argument) } else { Err(parser.unexpected()) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Literal text and interpolations, up to the closing quote or, without one, to the end.
    fn text(&mut self, quote: Option<char>) -> Result<Text, SyntaxError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        loop {
            let rest = self.rest();
            let backslashes = rest.len() - rest.trim_start_matches('\\').len();
            let after = &rest[backslashes..];
            let opens = after.starts_with("${");
            let closes = quote.is_some_and(|quote| after.starts_with(quote));
            if opens || closes {
                // Backslashes escape one another only here; an odd one escapes what follows.
                literal.push_str(&rest[..backslashes / 2]);
                self.at += backslashes;
                if backslashes % 2 == 1 {
                    let escaped = if opens { 2 } else { 1 };
                    literal.push_str(&after[..escaped]);
                    self.at += escaped;
                    continue;
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                if closes {
                    self.at += 1;
                    return Ok(Text(parts));
                }
                parts.push(Part::Interpolation(self.interpolation()?));
                continue;
            }
            let Some(next) = after.chars().next() else {
                literal.push_str(&rest[..backslashes]);
                self.at = self.text.len();
                if let Some(quote) = quote {
                    return Err(self.error(format!("no closing {quote}")));
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(literal));
                }
                return Ok(Text(parts));
            };
            let len = backslashes + next.len_utf8();
            literal.push_str(&rest[..len]);
            self.at += len;
        }
    }

    /// `${...}`, which stands here.
    fn interpolation(&mut self) -> Result<Interpolation, SyntaxError> {
        self.deeper()?;
        self.at += 2;
        self.at += lexeme::blank_len(self.rest());
        let dots = self.rest().len() - self.rest().trim_start_matches('.').len();
        self.at += dots;
        let mut keys = Vec::new();
        let mut bracketed = false;
        loop {
            let rest = self.rest();
            if rest.starts_with('[') {
                self.at += 1;
                keys.push(self.name()?);
                self.mark(']')?;
                bracketed = true;
            } else if keys.is_empty() {
                keys.push(self.name()?);
            } else if rest.starts_with('.') {
                self.at += 1;
                keys.push(self.name()?);
            } else {
                break;
            }
        }
        let found = if self.separator('}') {
            Interpolation::Reference { dots, keys }
        } else if self.separator(':') {
            let is_id = |name: &Name| match name {
                Name::Literal(text) => lexeme::id_len(text) == text.len(),
                Name::Interpolation(_) => true,
            };
            if dots > 0 || bracketed || !keys.iter().all(is_id) {
                return Err(self.error("this is not the name of a resolver"));
            }
            let arguments = self.sequence('}')?;
            Interpolation::Call { name: keys, arguments }
        } else {
            return Err(self.unexpected());
        };
        self.depth -= 1;
        Ok(found)
    }

    fn name(&mut self) -> Result<Name, SyntaxError> {
        if self.rest().starts_with("${") {
            return Ok(Name::Interpolation(Box::new(self.interpolation()?)));
        }
        let special = |c| matches!(c, '\\' | '{' | '}' | '(' | ')' | '[' | ']' | ':' | '.' | ' ' | '\t' | '\'' | '"');
        let len = self.rest().find(special).unwrap_or(self.rest().len());
        if len == 0 {
            return Err(self.unexpected());
        }
        let name = Name::Literal(self.rest()[..len].to_owned());
        self.at += len;
        Ok(name)
    }

    /// Arguments up to the closing bracket; an omitted one is the empty string.
    fn sequence(&mut self, close: char) -> Result<Vec<Argument>, SyntaxError> {
        if self.separator(close) {
            return Ok(Vec::new());
        }
        let mut arguments = Vec::new();
        loop {
            let after = self.rest().trim_start_matches([' ', '\t']);
            if after.starts_with([',', close]) {
                arguments.push(Argument::Value(Value::str("")));
            } else {
                arguments.push(self.argument()?);
            }
            if self.separator(close) {
                return Ok(arguments);
            }
            self.mark(',')?;
        }
    }

    fn argument(&mut self) -> Result<Argument, SyntaxError> {
        self.deeper()?;
        let argument = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => {
                self.at += 1;
                Argument::Quoted(self.text(Some(quote))?)
            }
            Some('[') => {
                self.separator('[');
                Argument::List(self.sequence(']')?)
            }
            Some('{') => {
                self.separator('{');
                Argument::Map(self.entries()?)
            }
            _ => self.unquoted(true)?,
        };
        self.depth -= 1;
        Ok(argument)
    }

    fn entries(&mut self) -> Result<Vec<(Value, Argument)>, SyntaxError> {
        let mut entries: Vec<(Value, Argument)> = Vec::new();
        if self.separator('}') {
            return Ok(entries);
        }
        loop {
            let key = match self.unquoted(false)? {
                Argument::Value(key) => key,
                Argument::Unquoted(Text(parts)) => Value::Str(
                    parts
                        .into_iter()
                        .filter_map(|part| match part {
                            Part::Literal(text) => Some(text),
                            Part::Interpolation(_) => None,
                        })
                        .collect(),
                ),
                _ => return Err(self.unexpected()),
            };
            self.mark(':')?;
            let value = self.argument()?;
            match entries.iter_mut().find(|(earlier, _)| *earlier == key) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
            if self.separator('}') {
                return Ok(entries);
            }
            self.mark(',')?;
        }
    }

    /// Unquoted words. A map's key (`free` false) holds neither colons nor interpolations.
    fn unquoted(&mut self, free: bool) -> Result<Argument, SyntaxError> {
        let mut parts = Vec::new();
        let mut single = None;
        loop {
            let rest = self.rest();
            let blank = lexeme::blank_len(rest);
            let word = match rest[blank..].chars().next() {
                None if blank == 0 => break,
                Some(',' | ']' | '}') => break,
                Some(':') if free => {
                    let len = blank + 1 + lexeme::blank_len(&rest[blank + 1..]);
                    (None, len)
                }
                Some(':') => break,
                _ if free && rest.starts_with("${") => {
                    parts.push(Part::Interpolation(self.interpolation()?));
                    single = None;
                    continue;
                }
                _ => match lexeme::lexeme(rest) {
                    Some((kind, len)) => (Some(kind), len),
                    None => return Err(self.unexpected()),
                },
            };
            let (kind, len) = word;
            let text = &rest[..len];
            single = Some((kind, text));
            parts.push(Part::Literal(match kind {
                Some(Lexeme::Escape) => lexeme::unescape(text),
                _ => text.to_owned(),
            }));
            self.at += len;
        }
        match (parts.len(), single) {
            (0, _) => Err(self.unexpected()),
            (1, Some((Some(kind), text))) => {
                lexeme::value(kind, text).map(Argument::Value).map_err(|message| self.error(message))
            }
            _ => Ok(Argument::Unquoted(Text(parts))),
        }
    }

    fn deeper(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    /// Takes a mark and the blanks around it; after a closing bracket, blanks stay.
    fn separator(&mut self, mark: char) -> bool {
        let rest = self.rest();
        let blank = lexeme::blank_len(rest);
        let Some(after) = rest[blank..].strip_prefix(mark) else { return false };
        let closes = matches!(mark, ']' | '}');
        self.at += blank + 1 + if closes { 0 } else { lexeme::blank_len(after) };
        true
    }

    fn mark(&mut self, mark: char) -> Result<(), SyntaxError> {
        if self.separator(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn unexpected(&self) -> SyntaxError {
        self.error(match self.rest().chars().next() {
            None => "the text ends inside `${...}`".to_owned(),
            Some(c) => format!("unexpected `{c}`"),
        })
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(message, self.at)
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
