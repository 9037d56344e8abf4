//! Anchors: the nodes that aliases stand for, and the names that PyYAML takes.
//!
//! The parser library numbers anchors and lets a name be given again; PyYAML refuses that, and takes letters, digits,
//! `-` and `_` only. The names are therefore read from the text.

use std::collections::{HashMap, HashSet};

use super::loader::Loaded;

/// The anchors of one text.
#[derive(Default)]
pub(super) struct Anchors {
    nodes: HashMap<usize, Loaded>,
    names: HashSet<String>,
}

impl Anchors {
    /// The node of an anchor; `None` while it is being read.
    pub(super) fn get(&self, anchor: usize) -> Option<&Loaded> {
        self.nodes.get(&anchor)
    }

    /// Keeps the node of an anchor.
    pub(super) fn keep(&mut self, anchor: usize, node: &Loaded) {
        if anchor > 0 {
            self.nodes.insert(anchor, node.clone());
        }
    }

    /// Checks anchor and tag of an event, with which the text starts.
    ///
    /// # Errors
    /// A message: PyYAML would not read them.
    pub(super) fn check(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text;
        for _ in 0..2 {
            let word = rest.split_whitespace().next().unwrap_or_default();
            if let Some(after) = word.strip_prefix('&') {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)).unwrap_or(after.len());
                let (name, behind) = after.split_at(end);
                if let Some(c) = behind.chars().next().filter(|c| name.is_empty() || !"?:,]}%@`".contains(*c)) {
                    return Err(format!("an anchor's name has letters, digits, - and _, found `{c}`"));
                }
                if !self.names.insert(name.to_owned()) {
                    return Err(format!("the anchor `{name}` is given twice"));
                }
            } else if word.starts_with('!') && word.contains([',', '[', ']', '{', '}']) {
                return Err(format!("a blank must follow a tag, found `{word}`"));
            }
            rest = rest.trim_start().get(word.len()..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::compose::load_yaml;

    #[test]
    fn names_are_those_of_pyyaml_and_unique() {
        for (text, fine) in [
            ("a: &x 1\nb: &y 2\nc: [*x, *y]\n", true),
            ("a: &x-1_b {c: &z [1]}\nb: *z\n", true),
            ("a: 1 # &x\nb: &x 2 # &x\nc: &y 1\n", true),
            ("a: 'é &x'\nb: &x 1\nc: &y\n  - &z 1\n", true),
            ("a: !!str &x 1\nb: &y !!str 1\n", true),
            ("a: &x\n  b: what? 1\n", true),
            ("a: [&x 1, &y ]\n", true),
            ("a: &x 1\nb: &x 2\n", false),
            ("a: &x\n  b: &x 1\n", false),
            ("a: &é 1\n", false),
            ("&:", false),
            ("a: [!!str, 1]\n", false),
            ("a: [!!str]\n", false),
        ] {
            assert_eq!(load_yaml(&"conf/a.yaml".into(), text).is_ok(), fine, "{text:?}");
        }
    }
}
