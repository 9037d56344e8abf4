//! Text of one YAML file -> [`Node`], every node with its line and column.
//!
//! The parser library gives events; what they mean is decided here, as PyYAML and OmegaConf decide
//! it: YAML 1.1 scalars, merge keys, tags, duplicate keys, and the syntax of interpolations.
//! Depth and size are bounded, so that neither nesting nor aliases can exhaust the machine. Where
//! library and PyYAML differ on what is YAML at all: `anchors`, `repair`, `tabs`; on tags: `tag`.

mod anchors;
mod collections;
mod loader;
mod repair;
mod tabs;
mod tag;

use std::sync::Arc;

use repair::Repaired;

use super::node::Node;
use super::origin::{Origin, Source, Trail};
use super::problem::Problem;

/// Reads one document. An empty text is an empty map.
///
/// # Errors
/// The first thing in the text that is not YAML, or that OmegaConf would refuse.
pub fn load(path: &Arc<str>, text: &str) -> Result<Node, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(path, text);
    check_characters(&source)?;
    loader::read(&source, &Repaired::untouched(text)).or_else(|problem| match Repaired::new(text) {
        Some(repaired) => loader::read(&source, &repaired),
        None => Err(problem),
    })
}

/// Refuses characters that PyYAML cannot read.
fn check_characters(source: &Arc<Source>) -> Result<(), Problem> {
    for (n, line) in source.text.lines().enumerate() {
        if let Some((col, c)) = line.chars().enumerate().find(|(_, c)| !is_printable(*c)) {
            let origin = Origin::File { source: source.clone(), line: n + 1, col: col + 1 };
            return Err(Problem::new(format!("character U+{:04X} is not allowed", c as u32)).trail(&Trail::new(origin)));
        }
    }
    Ok(())
}

fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{85}' | ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..) && c != '\u{feff}'
}

#[cfg(test)]
mod tests {
    use crate::compose::load_yaml;

    /// As PyYAML's loader does under OmegaConf's: a merged map is flattened before its keys are looked at.
    #[test]
    fn duplicate_keys_are_refused_but_where_a_map_is_merged_in_place() {
        for (text, fine) in [
            ("a: {b: 1, b: 2}\n", false),
            ("<<: {b: 1, b: 2}\n", true),
            ("<<: [{b: 1, b: 2}, {c: 1}]\n", true),
            ("<<: {c: {b: 1, b: 2}}\n", false),
            ("<<: {c: 1}\na: {b: 1, b: 2}\n", false),
            ("x: &x {b: 1, b: 2}\n<<: *x\n", false),
        ] {
            assert_eq!(load_yaml(&"conf/a.yaml".into(), text).is_ok(), fine, "{text:?}");
        }
    }
}
