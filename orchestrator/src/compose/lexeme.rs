//! The words that Hydra's override grammar and OmegaConf's interpolation grammar share.
//!
//! Both lex unquoted values alike: numbers, keywords, names, a few free characters, escapes and
//! blanks, longest match first. One word alone is typed, several make text; that rule, and
//! everything around a word, belongs to the two parsers.

use super::node::Value;

/// The kind of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lexeme {
    /// `3.14`, `1e-3`, `inf`.
    Float,
    /// `10`, `-1_000`.
    Int,
    /// `true`, `False`.
    Bool,
    /// `null`.
    Null,
    /// One of `/ - \ + . $ % * @ ? |`.
    Char,
    /// A name.
    Id,
    /// Escaped characters, `\,` and the like.
    Escape,
    /// Blanks and tabs.
    Blank,
}

/// The word that starts the text, and its length in bytes.
pub fn lexeme(text: &str) -> Option<(Lexeme, usize)> {
    let keyword = |word: &str| text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word)).map(str::len);
    // In the order in which the grammars list them: of equal lengths the first one wins.
    let candidates = [
        (Lexeme::Float, float_len(text)),
        (Lexeme::Int, int_len(text)),
        (Lexeme::Bool, keyword("true").or_else(|| keyword("false"))),
        (Lexeme::Null, keyword("null")),
        (Lexeme::Char, text.starts_with(is_free).then_some(1)),
        (Lexeme::Id, Some(id_len(text))),
        (Lexeme::Escape, Some(escape_len(text))),
        (Lexeme::Blank, Some(blank_len(text))),
    ];
    let mut best: Option<(Lexeme, usize)> = None;
    for (kind, len) in candidates {
        let len = len.unwrap_or(0);
        if len > best.map_or(0, |(_, longest)| longest) {
            best = Some((kind, len));
        }
    }
    best
}

/// The value of a word that stands alone.
pub fn value(kind: Lexeme, text: &str) -> Result<Value, String> {
    Ok(match kind {
        Lexeme::Null => Value::Null,
        Lexeme::Bool => Value::Bool(text.eq_ignore_ascii_case("true")),
        Lexeme::Int => Value::Int(text.replace('_', "").parse().map_err(|_| format!("`{text}` is too large"))?),
        Lexeme::Float => Value::Float(text.replace('_', "").parse().map_err(|_| format!("`{text}` is not a number"))?),
        Lexeme::Escape => Value::Str(unescape(text)),
        Lexeme::Char | Lexeme::Id | Lexeme::Blank => Value::str(text),
    })
}

/// Drops the backslash of every escaped character.
pub fn unescape(text: &str) -> String {
    text.chars().skip(1).step_by(2).collect()
}

/// `[ \t]*`
pub fn blank_len(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

/// The length of a name, `[A-Za-z_][A-Za-z0-9_-]*`; 0 if none starts here.
pub fn id_len(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len())
    } else {
        0
    }
}

fn is_free(c: char) -> bool {
    matches!(c, '/' | '-' | '\\' | '+' | '.' | '$' | '%' | '*' | '@' | '?' | '|')
}

fn escape_len(text: &str) -> usize {
    let mut len = 0;
    while let [b'\\', escaped, ..] = &text.as_bytes()[len..]
        && b"\\()[]{}:=, \t".contains(escaped)
    {
        len += 2;
    }
    len
}

/// `0 | [1-9](_?[0-9])*`
pub fn unsigned_len(text: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        b'0' => Some(1),
        b'1'..=b'9' => Some(digits_len(text)),
        _ => None,
    }
}

/// `[0-9](_?[0-9])*`, 0 if no digit starts here.
fn digits_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |n: usize| bytes.get(n).is_some_and(u8::is_ascii_digit);
    let mut len = 0;
    if digit(0) {
        len = 1;
        loop {
            match bytes.get(len) {
                Some(b'_') if digit(len + 1) => len += 2,
                Some(_) if digit(len) => len += 1,
                _ => break,
            }
        }
    }
    len
}

fn sign_len(text: &str) -> usize {
    usize::from(text.starts_with(['+', '-']))
}

fn int_len(text: &str) -> Option<usize> {
    let sign = sign_len(text);
    Some(sign + unsigned_len(&text[sign..])?)
}

fn float_len(text: &str) -> Option<usize> {
    let sign = sign_len(text);
    let body = &text[sign..];
    if body.get(..3).is_some_and(|w| w.eq_ignore_ascii_case("inf") || w.eq_ignore_ascii_case("nan")) {
        return Some(sign + 3);
    }
    let whole = unsigned_len(body);
    let after = &body[whole.unwrap_or(0)..];
    let point = match after.strip_prefix('.').map(digits_len) {
        Some(0) if whole.is_none() => None,
        Some(fraction) => Some(whole.unwrap_or(0) + 1 + fraction),
        None => None,
    };
    let mantissa = point.or(whole)?;
    let exponent = body[mantissa..].strip_prefix(['e', 'E']).and_then(|rest| {
        let sign = sign_len(rest);
        match digits_len(&rest[sign..]) {
            0 => None,
            digits => Some(1 + sign + digits),
        }
    });
    match (point, exponent) {
        (_, Some(exponent)) => Some(sign + mantissa + exponent),
        (Some(point), None) => Some(sign + point),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_word_wins() {
        for (text, want) in [
            ("1.2.3", Some((Lexeme::Float, 3))),
            ("1.", Some((Lexeme::Float, 2))),
            (".5", Some((Lexeme::Float, 2))),
            ("-.5", Some((Lexeme::Float, 3))),
            ("1e-3x", Some((Lexeme::Float, 4))),
            ("1e", Some((Lexeme::Int, 1))),
            ("007", Some((Lexeme::Int, 1))),
            ("1_000_", Some((Lexeme::Int, 5))),
            ("infinity", Some((Lexeme::Id, 8))),
            ("-inf", Some((Lexeme::Float, 4))),
            ("nullx", Some((Lexeme::Id, 5))),
            ("NULL", Some((Lexeme::Null, 4))),
            ("TrUe ", Some((Lexeme::Bool, 4))),
            ("yes", Some((Lexeme::Id, 3))),
            ("\\,\\n", Some((Lexeme::Escape, 2))),
            ("\\n", Some((Lexeme::Char, 1))),
            ("  x", Some((Lexeme::Blank, 2))),
            ("#", None),
            ("é", None),
            ("", None),
        ] {
            assert_eq!(lexeme(text), want, "{text}");
        }
    }
}
