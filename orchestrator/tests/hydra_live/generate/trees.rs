//! Maps and lists in all styles of YAML, and files that are merged.

use super::random::Random;
use super::scalars::scalar;
use super::{Case, view};

pub const KEYS: [&str; 8] = ["a", "b", "c", "lr", "name", "opt-x", "d", "e"];
const ODD_KEYS: [&str; 22] = [
    "1", "-2", "1.5", "true", "on", "null", "~", "'1'", "'a.b'", "\"x y\"", "x y", "é", "a/b", "$k", "<<", "? q",
    "0x10", "''", "'null'", "1_000", "12:30", ".5",
];

/// A file of keys with one scalar each.
pub fn scalars(random: &mut Random) -> Case {
    let mut text = String::new();
    for n in 0..=random.below(6) {
        let key = if random.chance(10) { random.word(&ODD_KEYS) } else { format!("k{n}") };
        text.push_str(&format!("{key}: {}\n", scalar(random, 0, false)));
    }
    Case { ask: view(random, &[]), ..Case::new(text) }
}

/// A file of nested maps and lists, with anchors and comments.
pub fn styles(random: &mut Random) -> Case {
    let mut writer = Writer { random, anchors: Vec::new(), odd: true };
    let mut text = writer.map(0, 3);
    let packages = KEYS.map(str::to_owned);
    text = match random.below(14) {
        0 => format!("---\n{text}"),
        1 => format!("# comment\n\n{text}"),
        2 => format!("{text}..."),
        3 => format!("\u{feff}{text}"),
        4 => text.replace('\n', "\r\n"),
        5 => format!("%YAML 1.1\n---\n{text}"),
        6 => text.trim_end().to_owned(),
        7 => text.replace("\n", " # comment\n"),
        _ => text,
    };
    Case { ask: view(random, &packages), ..Case::new(text) }
}

/// Files that are laid one over another at the root.
pub fn merges(random: &mut Random) -> Case {
    let mut case = Case::new(String::new());
    let names = ["one", "two", "three"];
    let count = 1 + random.below(3);
    let mut list: Vec<String> = names[..count].iter().map(|name| format!("- {name}\n")).collect();
    if random.chance(50) {
        list.insert(random.below(count + 1), "- _self_\n".to_owned());
    }
    // Some inherit from the same file.
    let inherits = random.chance(40);
    if inherits {
        let mut writer = Writer { random, anchors: Vec::new(), odd: false };
        let text = writer.map(0, 2);
        case.files.insert("base.yaml".to_owned(), text);
    }
    for name in &names[..count] {
        let base = if inherits && random.chance(80) {
            random.word(&["base", "base", "base@d", "base@c.d"])
        } else {
            String::new()
        };
        let defaults = match &*base {
            "" => String::new(),
            base if random.chance(80) => format!("defaults:\n- {base}\n- _self_\n"),
            base => format!("defaults:\n- _self_\n- {base}\n"),
        };
        let mut writer = Writer { random, anchors: Vec::new(), odd: false };
        let text = defaults + &writer.map(0, 2);
        case.files.insert(format!("{name}.yaml"), text);
    }
    let mut writer = Writer { random, anchors: Vec::new(), odd: false };
    let own = writer.map(0, 2);
    case.files.insert("config.yaml".to_owned(), format!("defaults:\n{}{own}", list.concat()));
    case.ask = view(random, &KEYS.map(str::to_owned));
    case
}

/// Writes nested values; anchors are remembered for aliases to come.
pub struct Writer<'a> {
    pub random: &'a mut Random,
    pub anchors: Vec<(String, bool)>,
    pub odd: bool,
}

impl Writer<'_> {
    /// A block map with its lines indented.
    pub fn map(&mut self, indent: usize, depth: usize) -> String {
        let mut text = String::new();
        let mut used: Vec<String> = Vec::new();
        for _ in 0..=self.random.below(4) {
            let key =
                if self.odd && self.random.chance(8) { self.random.word(&ODD_KEYS) } else { self.random.word(&KEYS) };
            if used.contains(&key) && self.random.chance(97) {
                continue;
            }
            used.push(key.clone());
            let value = self.value(indent, depth);
            let colon = if key.starts_with("? ") { format!("\n{}:", " ".repeat(indent)) } else { ":".to_owned() };
            text.push_str(&format!("{}{key}{colon}{value}\n", " ".repeat(indent)));
        }
        let merged: Vec<String> =
            self.anchors.iter().filter(|(_, is_map)| *is_map).map(|(name, _)| format!("*{name}")).collect();
        if !merged.is_empty() && self.random.chance(40) {
            let line = if self.random.chance(30) {
                format!("<<: [{}]\n", merged.join(", "))
            } else {
                format!("<<: {}\n", self.random.pick(&merged))
            };
            text = format!("{}{line}", " ".repeat(indent)) + &text;
        }
        text
    }

    /// What follows `key:`, with the blank or line break before it.
    fn value(&mut self, indent: usize, depth: usize) -> String {
        let anchored = self.odd && self.random.chance(12);
        let kind = if depth == 0 { 0 } else { self.random.below(12) };
        if self.odd && !self.anchors.is_empty() && self.random.chance(8) {
            return format!(" *{}", self.random.pick(&self.anchors).0);
        }
        let name = format!("x{}", self.anchors.len());
        let anchor = if anchored { format!(" &{name}") } else { String::new() };
        let (text, is_map) = match kind {
            0..=5 => (format!(" {}", if self.odd { scalar(self.random, indent, false) } else { self.simple() }), false),
            6 | 7 => {
                let indent = indent + 1 + self.random.below(3);
                (format!("\n{}", self.map(indent, depth - 1).trim_end_matches('\n')), true)
            }
            8 => {
                let level = if self.random.chance(50) { indent } else { indent + 2 };
                (format!("\n{}", self.list(level, depth - 1).trim_end_matches('\n')), false)
            }
            9 | 10 => (format!(" {}", self.flow(depth)), false),
            _ => (self.random.word(&[" {}", " []"]), false),
        };
        if anchored {
            self.anchors.push((name, is_map));
        }
        anchor + &text
    }

    fn list(&mut self, indent: usize, depth: usize) -> String {
        let mut text = String::new();
        for _ in 0..=self.random.below(3) {
            let item = match self.random.below(6) {
                0 if depth > 0 => self.map(indent + 2, depth - 1).trim().to_owned(),
                1 if depth > 0 => self.list(indent + 2, depth - 1).trim().to_owned(),
                2 => self.flow(depth),
                _ if self.odd => scalar(self.random, indent, false),
                _ => self.simple(),
            };
            text.push_str(&format!("{}- {item}\n", " ".repeat(indent)));
        }
        text
    }

    fn flow(&mut self, depth: usize) -> String {
        let count = self.random.below(4);
        let mut items = Vec::new();
        let is_map = self.random.chance(50);
        for _ in 0..count {
            let item = match self.random.below(5) {
                0 if depth > 0 => self.flow(depth - 1),
                _ if self.odd => scalar(self.random, 4, true),
                _ => self.simple(),
            };
            let key = self.random.word(&KEYS);
            items.push(match self.random.below(12) {
                0 if is_map && self.odd => key,
                1 if is_map && self.odd => format!("\"{key}\":{item}"),
                _ if is_map => format!("{key}: {item}"),
                _ => item,
            });
        }
        let separator = if self.odd { self.random.word(&[", ", ",", " , ", ",\n      "]) } else { ", ".to_owned() };
        let trailing = if self.odd && count > 0 && self.random.chance(8) { "," } else { "" };
        let inner = items.join(&separator) + trailing;
        if is_map { format!("{{{inner}}}") } else { format!("[{inner}]") }
    }

    /// A value without surprises.
    pub fn simple(&mut self) -> String {
        self.random.word(&[
            "1", "2", "0.5", "true", "null", "x", "hello", "'1'", "???", "[1, 2]", "{a: 1}", "{q: 2}", "1e-3", "${a}",
            "${d.a}", "-1",
        ])
    }
}
