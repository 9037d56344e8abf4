//! Values as Python writes them.
//!
//! Hydra prints numbers and containers through Python's `str` and `repr`: in interpolated text
//! (`x${lr}` is `x1e-05`), in re-serialised overrides and in YAML. Same input, same text.

use super::node::Value;

/// `str(value)`.
pub fn str(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => repr(other),
    }
}

/// `repr(value)`.
pub fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Float(x) => float(*x),
        Value::Str(text) => quoted(text),
        Value::Bytes(bytes) => format!("b{}", quoted(&String::from_utf8_lossy(bytes))),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| repr(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let items: Vec<_> =
                map.iter().map(|(key, node)| format!("{}: {}", repr(&key.to_value()), repr(&node.value))).collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

/// `repr(x)` of a float: shortest digits that read back, exponent form from 1e16 up and below 1e-4.
pub fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{x:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if x == 0.0 || (-4..16).contains(&exponent) {
        format!("{x:?}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    }
}

/// `int(text)`: blanks around, a sign, and single underscores between digits are fine.
pub fn parse_int(text: &str) -> Option<i128> {
    digits(text.trim())?.parse().ok()
}

/// `float(text)`: as [`parse_int`], and `inf`, `infinity` and `nan` in any case.
pub fn parse_float(text: &str) -> Option<f64> {
    digits(text.trim())?.parse().ok()
}

/// The text without the underscores between its digits; `None` if one stands elsewhere.
fn digits(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |n: Option<usize>| n.and_then(|n| bytes.get(n)).is_some_and(u8::is_ascii_digit);
    let sound = (0..bytes.len()).all(|n| bytes[n] != b'_' || digit(n.checked_sub(1)) && digit(Some(n + 1)));
    sound.then(|| text.replace('_', ""))
}

/// `repr` of text: single quotes, unless the text holds some and no double quote.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_python_writes_them() {
        for (x, text) in [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e300, "1.25e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float(x), text);
        }
    }

    #[test]
    fn text_is_quoted_as_python_quotes_it() {
        for (text, want) in [("a", "'a'"), ("it's", "\"it's\""), ("'\"", "'\\'\"'"), ("\n", "'\\n'")] {
            assert_eq!(quoted(text), want);
        }
    }
}
