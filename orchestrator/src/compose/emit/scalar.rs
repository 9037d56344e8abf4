//! Writes text plain, in single quotes or in double quotes, and folds long lines.

use super::Writer;
use super::style::is_break;

/// The column after which a blank becomes a line break.
const WIDTH: usize = 80;

impl Writer {
    pub(super) fn plain(&mut self, text: &str, folds: bool) {
        if !self.blank {
            self.write(" ");
        }
        self.blank = false;
        self.line_start = false;
        for run in runs(text) {
            if run == " " && self.column > WIDTH && folds {
                self.indentation();
                self.blank = false;
                self.line_start = false;
            } else {
                self.write(run);
            }
        }
    }

    pub(super) fn single_quoted(&mut self, text: &str, folds: bool) {
        self.indicator("'", true, false);
        let mut at = 0;
        for run in runs(text) {
            let inside = at > 0 && at + run.len() < text.len();
            at += run.len();
            if run == " " && self.column > WIDTH && folds && inside {
                self.indentation();
            } else if run.starts_with(is_break) {
                if run.starts_with('\n') {
                    self.line_break();
                }
                for c in run.chars() {
                    self.line_break();
                    if c != '\n' {
                        self.out.pop();
                        self.out.push(c);
                    }
                }
                self.indentation();
            } else {
                self.write(&run.replace('\'', "''"));
            }
        }
        self.indicator("'", false, false);
    }

    pub(super) fn double_quoted(&mut self, text: &str, folds: bool) {
        self.indicator("\"", true, false);
        let chars: Vec<char> = text.chars().collect();
        let mut pending = String::new();
        for (n, &c) in chars.iter().enumerate() {
            let escaped = escape(c);
            if let Some(escaped) = &escaped {
                self.write(&std::mem::take(&mut pending));
                self.write(escaped);
            }
            let long = self.column + pending.chars().count() > WIDTH;
            if n > 0 && n + 1 < chars.len() && (c == ' ' || pending.is_empty()) && long && folds {
                pending.push('\\');
                self.write(&std::mem::take(&mut pending));
                self.indentation();
                self.blank = false;
                self.line_start = false;
                let next = if escaped.is_some() { chars[n + 1] } else { c };
                if next == ' ' {
                    self.write("\\");
                }
            }
            if escaped.is_none() {
                pending.push(c);
            }
        }
        self.write(&pending);
        self.indicator("\"", false, false);
    }
}

/// The text in runs of blanks, of line breaks, and of anything else.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let class = |c: char| {
        if c == ' ' {
            0
        } else if is_break(c) {
            1
        } else {
            2
        }
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        let kind = class(rest.chars().next()?);
        let len = rest.find(|c| class(c) != kind).unwrap_or(rest.len());
        let (run, after) = rest.split_at(len);
        rest = after;
        Some(run)
    })
}

fn escape(c: char) -> Option<String> {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' => {
            return None;
        }
        c => {
            return Some(match c as u32 {
                n @ ..=0xff => format!("\\x{n:02X}"),
                n @ ..=0xffff => format!("\\u{n:04X}"),
                n => format!("\\U{n:08X}"),
            });
        }
    };
    Some(format!("\\{short}"))
}
