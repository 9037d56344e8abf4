//! The differences between YAML 1.2 text, which the parser library accepts, and what PyYAML
//! accepts; and base64.
//!
//! Works on raw text, before parsing. Only what a hand-written file can contain is checked.

use std::sync::Arc;

use super::origin::{Origin, Trail};
use super::problem::Problem;

/// Refuses characters that PyYAML cannot read.
pub fn check(path: &Arc<str>, text: &str) -> Result<(), Problem> {
    for (n, line) in text.lines().enumerate() {
        if let Some((col, c)) = line.chars().enumerate().find(|(_, c)| !is_printable(*c)) {
            let origin = Origin::File { path: path.clone(), line: n + 1, col: col + 1 };
            return Err(Problem::new(format!("character U+{:04X} is not allowed", c as u32)).trail(&Trail::new(origin)));
        }
    }
    Ok(())
}

fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{85}' | ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..) && c != '\u{feff}'
}

/// Decodes base64, blanks and line breaks ignored.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for b in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        let digit = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    (held < 6).then_some(out)
}
