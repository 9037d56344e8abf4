//! What a plain YAML scalar means: YAML 1.1 as PyYAML reads it, with OmegaConf's floats.
//!
//! `yes` is a boolean, `017` is fifteen, `1:30` is ninety, `1e-4` is a float and `2024-01-02` is
//! text. Used by the loader, and by the emitter to know which text needs quotes.

use super::node::Value;

/// A number that is written correctly but does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number that can be read")]
pub struct BadNumber(pub String);

/// The value of an unquoted scalar without a tag.
pub fn resolve(text: &str) -> Result<Value, BadNumber> {
    if is_null(text) {
        Ok(Value::Null)
    } else if let Some(flag) = boolean(text).filter(|_| has_yaml_case(text)) {
        Ok(Value::Bool(flag))
    } else if is_int(text) {
        int(text).map(Value::Int)
    } else if is_float(text) {
        float(text).map(Value::Float)
    } else {
        Ok(Value::str(text))
    }
}

/// Whether the text is one of the spellings of null.
pub fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The truth value of `yes`, `no`, `on`, `off`, `true` and `false`, in any case.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" => Some(true),
        "no" | "off" | "false" => Some(false),
        _ => None,
    }
}

/// Whether a word is all lower case, all upper case, or capitalised.
fn has_yaml_case(word: &str) -> bool {
    let rest = &word[1..];
    let lower = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase());
    lower(rest) || word.bytes().all(|b| b.is_ascii_uppercase())
}

/// The value of text tagged or recognised as an integer.
pub fn int(text: &str) -> Result<i128, BadNumber> {
    let bad = || BadNumber(text.to_owned());
    let digits = text.replace('_', "");
    let (sign, digits) = split_sign(&digits);
    let magnitude = if let Some(binary) = digits.strip_prefix("0b") {
        i128::from_str_radix(binary, 2).ok()
    } else if let Some(hex) = digits.strip_prefix("0x") {
        i128::from_str_radix(hex, 16).ok()
    } else if digits.len() > 1 && digits.starts_with('0') {
        i128::from_str_radix(digits, 8).ok()
    } else {
        digits.split(':').try_fold(0_i128, |total, part| total.checked_mul(60)?.checked_add(part.parse().ok()?))
    };
    magnitude.map(|n| if sign { -n } else { n }).ok_or_else(bad)
}

/// The value of text tagged or recognised as a float.
pub fn float(text: &str) -> Result<f64, BadNumber> {
    let bad = || BadNumber(text.to_owned());
    let digits = text.replace('_', "").to_ascii_lowercase();
    let (sign, digits) = split_sign(&digits);
    let magnitude = match digits {
        ".inf" => Some(f64::INFINITY),
        ".nan" => Some(f64::NAN),
        _ => digits.split(':').try_fold(0.0, |total, part| part.parse::<f64>().ok().map(|x| total * 60.0 + x)),
    };
    magnitude.map(|x| if sign { -x } else { x }).ok_or_else(bad)
}

/// Whether the sign is a minus, and the text after the sign.
fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// `[-+]? (0b[01_]+ | 0[0-7_]+ | 0 | [1-9][0-9_]* | 0x[0-9a-fA-F_]+ | [1-9][0-9_]*(:[0-5]?[0-9])+)`
pub fn is_int(text: &str) -> bool {
    let (_, body) = split_sign(text);
    let all = |text: &str, accept: fn(u8) -> bool| !text.is_empty() && text.bytes().all(|b| b == b'_' || accept(b));
    if let Some(binary) = body.strip_prefix("0b") {
        all(binary, |b| matches!(b, b'0' | b'1'))
    } else if let Some(hex) = body.strip_prefix("0x") {
        all(hex, |b| b.is_ascii_hexdigit())
    } else if let Some(octal) = body.strip_prefix('0') {
        octal.is_empty() || all(octal, |b| matches!(b, b'0'..=b'7'))
    } else {
        let mut parts = body.split(':');
        parts
            .next()
            .is_some_and(|first| first.starts_with(|c: char| c.is_ascii_digit()) && all(first, |b| b.is_ascii_digit()))
            && parts.all(is_sexagesimal_digit)
    }
}

/// The union of PyYAML's float pattern and the one that OmegaConf adds.
pub fn is_float(text: &str) -> bool {
    let (_, body) = split_sign(text);
    let signed = body.len() < text.len();
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let Some((whole, fraction)) = mantissa.split_once('.') else {
        // 1e5: only OmegaConf reads this as a float, and wants single underscores.
        return exponent.is_some_and(|e| is_exponent(e, false)) && is_spaced(mantissa);
    };
    if whole.is_empty() {
        // .5 and .5e+3, but neither -.5 nor .5e3
        return !signed
            && fraction.starts_with(|c: char| c.is_ascii_digit())
            && is_loose(fraction)
            && exponent.is_none_or(|e| is_exponent(e, true));
    }
    if !is_loose(fraction) {
        return false;
    }
    match (whole.split_once(':'), exponent) {
        (Some((first, rest)), None) => starts_loose(first) && rest.split(':').all(is_sexagesimal_digit),
        (Some(_), Some(_)) => false,
        (None, None) => starts_loose(whole),
        (None, Some(e)) => starts_loose(whole) && is_exponent(e, true) || is_spaced(whole) && is_exponent(e, false),
    }
}

/// `[0-5]?[0-9]`
fn is_sexagesimal_digit(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
}

/// `[0-9_]*`
fn is_loose(text: &str) -> bool {
    text.bytes().all(|b| b == b'_' || b.is_ascii_digit())
}

/// `[0-9][0-9_]*`
fn starts_loose(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && is_loose(text)
}

/// `[0-9]+(_[0-9]+)*`
fn is_spaced(text: &str) -> bool {
    text.split('_').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// `[-+]?[0-9]+`, the sign demanded where `signed`.
fn is_exponent(text: &str, signed: bool) -> bool {
    let digits = text.strip_prefix(['-', '+']);
    let digits = if signed { digits } else { digits.or(Some(text)) };
    digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_yaml_1_1() {
        let int = |n| Value::Int(n);
        let float = |x| Value::Float(x);
        for (text, want) in [
            ("0x1F", int(31)),
            ("0b11", int(3)),
            ("017", int(15)),
            ("1_000", int(1000)),
            ("+5", int(5)),
            ("1:30", int(90)),
            ("12:30:45", int(45045)),
            ("1:30.5", float(90.5)),
            ("1e-4", float(1e-4)),
            ("1.", float(1.0)),
            (".5", float(0.5)),
            (".5e+3", float(500.0)),
            ("1_0.5", float(10.5)),
            ("-.INF", float(f64::NEG_INFINITY)),
        ] {
            assert_eq!(resolve(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_number_or_a_boolean_is_text() {
        for text in [
            "0o17",
            "08",
            "_1",
            "1:99",
            "-.5",
            ".5e3",
            "inf",
            "nan",
            "1e",
            "1e5.0",
            "y",
            "N",
            "tRue",
            "none",
            "nULL",
            "2024-01-02",
            "+.nan",
        ] {
            assert_eq!(resolve(text), Ok(Value::str(text)));
        }
    }

    #[test]
    fn booleans_and_nulls() {
        for (text, want) in [("yes", true), ("Off", false), ("TRUE", true), ("on", true)] {
            assert_eq!(resolve(text), Ok(Value::Bool(want)));
        }
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(text), Ok(Value::Null));
        }
    }
}
