//! How a text must be quoted so that it reads back as the same text.

use crate::compose::{python, scalar};

/// How a text is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
}

/// The style of a text: plain where it reads back as the same text, single quotes if they suffice.
pub(super) fn style(text: &str, is_key: bool) -> Style {
    if is_mere_word(text) {
        return Style::Plain;
    }
    let shape = Shape::of(text);
    if is_key && shape.multiline {
        Style::Double
    } else if shape.plain && !reads_as_other(text) {
        Style::Plain
    } else if shape.single {
        Style::Single
    } else {
        Style::Double
    }
}

/// Whether a text is letters, digits and underscores, and no word that means something: most keys and many values are, and
/// a sweep writes millions of them.
fn is_mere_word(text: &str) -> bool {
    // Of those that mean something (`null`, `true`, `no`, `off`, `inf`, ...) the longest is `infinity`.
    let harmless = |first: u8| first.is_ascii_alphabetic() && (text.len() > 8 || !b"fintoyFINTOY".contains(&first));
    text.bytes().next().is_some_and(harmless) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether unquoted text would be read back as something else, by YAML or by Python.
fn reads_as_other(text: &str) -> bool {
    scalar::is_null(text)
        || matches!(text, "y" | "Y" | "n" | "N" | "=" | "<<")
        || scalar::resolve(text).map_or(true, |value| value.as_str().is_none())
        || python::parse_int(text).is_some()
        || python::parse_float(text).is_some()
        || is_timestamp(text)
}

/// `2024-01-02`, perhaps with a time.
fn is_timestamp(text: &str) -> bool {
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    if !digits(year, 4, 4) || !digits(month, 1, 2) {
        return false;
    }
    if digits(rest, 2, 2) && month.len() == 2 {
        return true;
    }
    let day = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (day, after) = rest.split_at(day);
    let time = match after.strip_prefix(['T', 't']) {
        Some(time) => time,
        None if after.starts_with([' ', '\t']) => after.trim_start_matches([' ', '\t']),
        None => return false,
    };
    let zone = time.find(['Z', '+', '-', ' ', '\t']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let clock: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = clock[..] else { return false };
    let zone = zone.trim_start_matches([' ', '\t']);
    let zone_fits = match zone.strip_prefix(['+', '-']) {
        None => matches!(zone, "" | "Z"),
        Some(offset) => {
            let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "00"));
            digits(hours, 1, 2) && digits(minutes, 2, 2)
        }
    };
    digits(day, 1, 2)
        && digits(hour, 1, 2)
        && digits(minute, 2, 2)
        && digits(second, 2, 2)
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && zone_fits
}

/// What the characters of a text allow.
struct Shape {
    multiline: bool,
    plain: bool,
    single: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let blank_at = |n: usize| chars.get(n).is_none_or(|&c| is_space_or_break(c));
        let mut shape = Self { multiline: false, plain: true, single: true };
        if text.starts_with("---") || text.starts_with("...") {
            shape.plain = false;
        }
        for (n, &c) in chars.iter().enumerate() {
            let first = n == 0;
            let indicator = match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if first =>
                {
                    true
                }
                '?' | '-' if first => blank_at(1),
                ':' => blank_at(n + 1),
                '#' => is_space_or_break(chars[n - 1]),
                _ => false,
            };
            let previous = n.checked_sub(1).map(|n| chars[n]);
            let break_space = c == ' ' && previous.is_some_and(is_break);
            let space_break = is_break(c) && previous == Some(' ');
            let special = !is_printable(c);
            shape.multiline |= is_break(c);
            shape.plain &= !(indicator || is_break(c) || break_space || space_break || special);
            shape.single &= !(break_space || space_break || special);
        }
        let edge = |c: Option<&char>| c.is_some_and(|&c| c == ' ' || is_break(c));
        shape.plain &= !edge(chars.first()) && !edge(chars.last());
        shape
    }
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_space_or_break(c: char) -> bool {
    is_break(c) || matches!(c, '\0' | ' ' | '\t' | '\r')
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && c != '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mere_words_mean_nothing_else() {
        for word in [
            "null", "NULL", "true", "False", "yes", "NO", "on", "Off", "y", "N", "inf", "Infinity", "nan", "", "0x1",
            "1e5",
        ] {
            assert!(!is_mere_word(word), "{word}");
        }
        for word in ["lr", "sigma_min", "experiment", "infinity_norm", "a1"] {
            assert!(is_mere_word(word) && Shape::of(word).plain && !reads_as_other(word), "{word}");
        }
    }
}
