//! A tree -> YAML text, byte for byte as PyYAML writes it for Hydra.
//!
//! Block style, two spaces, list items level with their key, lines folded at 80 columns. This file
//! lays out maps and lists; how a scalar is written is the business of `style` and
//! `scalar`.

mod origins;
mod scalar;
mod style;

use std::borrow::Cow;

use super::node::{Key, Map, Node, Value};
use super::{base64, python};

use style::Style;

/// How many columns a level takes.
const STEP: usize = 2;
/// From this length on (with its tag), a key stands on a line of its own after `?`.
const LONG_KEY: usize = 128;

/// The text of a map or list, ending in a line break.
pub fn yaml(node: &Node) -> String {
    let mut writer = Writer { blank: true, line_start: true, ..Writer::default() };
    writer.node(node, false);
    writer.line_break();
    writer.out
}

/// The same text with a comment behind every value that says who set it.
pub fn yaml_with_origins(node: &Node) -> String {
    let mut writer = Writer { blank: true, line_start: true, notes: Some(Vec::new()), ..Writer::default() };
    writer.node(node, false);
    writer.line_break();
    origins::annotated(&writer.out, &writer.notes.unwrap_or_default())
}

/// The state of PyYAML's emitter that decides about blanks and line breaks.
#[derive(Default)]
struct Writer {
    out: String,
    column: usize,
    indent: Option<usize>,
    /// Whether a blank was just written.
    blank: bool,
    /// Whether only indentation and indicators stand on this line.
    line_start: bool,
    /// Where each value ended (a byte of `out`) and who set it, if that is asked for.
    notes: Option<Vec<(usize, String)>>,
}

impl Writer {
    fn node(&mut self, node: &Node, in_map: bool) {
        match &node.value {
            Value::Map(map) if !map.is_empty() => return self.map(map),
            Value::List(items) if !items.is_empty() => return self.list(items, in_map),
            Value::Map(_) => self.indicator("{}", true, false),
            Value::List(_) => self.indicator("[]", true, false),
            scalar => self.scalar(scalar, false),
        }
        // Whatever stands behind a block of bytes would become part of it.
        if let (Some(notes), Some(origin)) = (&mut self.notes, node.trail.winner())
            && !matches!(node.value, Value::Bytes(_))
        {
            notes.push((self.out.len(), origin.to_string()));
        }
    }

    fn map(&mut self, map: &Map) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(0, |indent| indent + STEP));
        for (key, node) in map {
            self.indentation();
            if is_simple(key) {
                self.key(key, true);
                self.indicator(":", false, false);
            } else {
                self.indicator("?", true, true);
                self.key(key, false);
                self.indentation();
                self.indicator(":", true, true);
            }
            self.node(node, true);
        }
        self.indent = outer;
    }

    fn list(&mut self, items: &[Node], in_map: bool) {
        let outer = self.indent;
        // A list right after its key stands level with the key.
        if !in_map || self.line_start {
            self.indent = Some(outer.map_or(0, |indent| indent + STEP));
        }
        for item in items {
            self.indentation();
            self.indicator("-", true, true);
            self.node(item, false);
        }
        self.indent = outer;
    }

    fn key(&mut self, key: &Key, is_key: bool) {
        match key {
            Key::Str(text) => self.inner(|writer| writer.text(text, is_key)),
            other => self.scalar(&other.to_value(), is_key),
        }
    }

    /// Writes what has lines of its own one level deeper.
    fn inner(&mut self, write: impl FnOnce(&mut Writer)) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(STEP, |indent| indent + STEP));
        write(self);
        self.indent = outer;
    }

    fn text(&mut self, text: &str, is_key: bool) {
        match style::style(text, is_key) {
            Style::Plain => self.plain(text, !is_key),
            Style::Single => self.single_quoted(text, !is_key),
            Style::Double => self.double_quoted(text, !is_key),
        }
    }

    fn scalar(&mut self, value: &Value, is_key: bool) {
        self.inner(|writer| writer.value(value, is_key));
    }

    fn value(&mut self, value: &Value, is_key: bool) {
        match value {
            Value::Str(text) => self.text(text, is_key),
            Value::Null => self.plain("null", false),
            Value::Bool(flag) => self.plain(if *flag { "true" } else { "false" }, false),
            Value::Float(x) => self.plain(&float(*x), false),
            Value::Bytes(bytes) => {
                self.plain("!!binary", false);
                self.plain("|", false);
                self.indentation();
                self.write(&base64::encode(bytes));
            }
            other => self.plain(&python::str(other), false),
        }
    }

    fn write(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
    }

    fn indicator(&mut self, text: &str, spaced: bool, keeps_line_start: bool) {
        if spaced && !self.blank {
            self.write(" ");
        }
        self.write(text);
        self.blank = false;
        self.line_start &= keeps_line_start;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
        self.blank = true;
        self.line_start = true;
    }

    /// Goes to the current indentation, on a new line if need be.
    fn indentation(&mut self) {
        let indent = self.indent.unwrap_or(0);
        let passed = self.column > indent || self.column == indent && !self.blank;
        if !self.line_start || passed {
            self.line_break();
        }
        if self.column < indent {
            self.out.extend(std::iter::repeat_n(' ', indent - self.column));
            self.column = indent;
            self.blank = true;
        }
    }
}

/// Whether a key fits before its colon.
fn is_simple(key: &Key) -> bool {
    let (text, tag) = match key {
        Key::Str(text) => (Cow::Borrowed(text.as_str()), "!!str"),
        Key::Int(n) => (n.to_string().into(), "!!int"),
        Key::Float(x) => (float(*x).into(), "!!float"),
        Key::Bool(flag) => (flag.to_string().into(), "!!bool"),
        Key::Bytes(_) => return false,
    };
    let breaks = text.contains(['\n', '\u{85}', '\u{2028}', '\u{2029}']);
    !text.is_empty() && !breaks && text.chars().count() + tag.len() < LONG_KEY
}

/// A float as YAML 1.1 wants it: always with a point, `.inf` and `.nan`.
fn float(x: f64) -> String {
    if x.is_nan() {
        return ".nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = python::float(x);
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::yaml::load;

    #[test]
    fn yaml_is_written_as_pyyaml_writes_it() {
        let long = "word ".repeat(30);
        let folded = format!("a: {}word\n  {}\n", "word ".repeat(15), "word ".repeat(14).trim_end());
        for (source, want) in [
            ("{}", "{}\n"),
            ("a: {}\nb: []", "a: {}\nb: []\n"),
            ("a: [1, [2, 3], {b: c, d: [e]}]", "a:\n- 1\n- - 2\n  - 3\n- b: c\n  d:\n  - e\n"),
            ("a: {b: {c: 1}}", "a:\n  b:\n    c: 1\n"),
            ("a: 'y'\nb: 'on'\nc: '1e3'\nd: '1_0'", "a: 'y'\nb: 'on'\nc: '1e3'\nd: '1_0'\n"),
            ("a: 1e-5\nb: .inf\nc: 1e16\nd: null", "a: 1.0e-05\nb: .inf\nc: 1.0e+16\nd: null\n"),
            ("a: ???\nb: ${a}\nc: '${a}: x'", "a: ???\nb: ${a}\nc: '${a}: x'\n"),
            ("a: ''\nb: ' x'\nc: 'null'", "a: ''\nb: ' x'\nc: 'null'\n"),
            ("a: \"x\\ny\"", "a: 'x\n\n  y'\n"),
            ("a: \"x\\ty\"", "a: \"x\\ty\"\n"),
            ("'': 1", "? ''\n: 1\n"),
            ("1: a\nfalse: b", "1: a\nfalse: b\n"),
            ("a: 2024-01-02", "a: '2024-01-02'\n"),
            ("a: äöü", "a: äöü\n"),
            (&format!("a: {long}"), &folded),
        ] {
            let node = load(&"conf/a.yaml".into(), source).expect(source);
            assert_eq!(yaml(&node), want);
        }
    }
}
