//! Lists and maps: their tags, merge keys and duplicate keys.

use saphyr_parser::{Event, Marker, ScalarStyle, Tag};

use super::loader::Loader;
use super::tag;
use crate::compose::node::{Key, Map, Node, Value};
use crate::compose::origin::Origin;
use crate::compose::problem::{Caret, Problem};

impl Loader<'_> {
    pub(super) fn sequence(
        &mut self,
        tag: Option<&Tag>,
        start: Marker,
        depth: usize,
    ) -> Result<(Value, usize), Problem> {
        let pairs = match tag.map(tag::core_name) {
            None | Some(Some("seq")) => false,
            Some(Some("omap" | "pairs")) => true,
            _ => return Err(self.bad_tag(tag, start)),
        };
        let (mut items, mut size) = (Vec::new(), 1);
        let source = std::mem::take(&mut self.merging);
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                break;
            }
            self.merging = source;
            let item = self.value(event, span, depth + 1)?;
            size += item.size;
            items.push(if pairs { pair(item.node)? } else { item.node });
        }
        Ok((Value::List(items), size))
    }

    pub(super) fn mapping(
        &mut self,
        tag: Option<&Tag>,
        start: Marker,
        depth: usize,
    ) -> Result<(Value, usize), Problem> {
        if !matches!(tag.map(tag::core_name), None | Some(Some("map"))) {
            return Err(self.bad_tag(tag, start));
        }
        let (mut own, mut merged, mut size) = (Map::new(), Vec::new(), 1);
        let source = std::mem::take(&mut self.merging);
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = match event {
                // As a key the plain `=`, which else has a tag of its own, is text.
                Event::Scalar(text, ScalarStyle::Plain, anchor, None) if text == "=" => {
                    Event::Scalar(text, ScalarStyle::SingleQuoted, anchor, None)
                }
                key => key,
            };
            let key = self.node(key, span, depth + 1)?;
            let (event, value_span) = self.next()?;
            self.merging = key.merge;
            let value = self.value(event, value_span, depth + 1)?;
            self.merging = false;
            size += key.size + value.size;
            if key.merge {
                merged.extend(self.merged(value.node, span.start)?);
                continue;
            }
            let found = key.node.value.kind();
            let Some(key) = Key::from_value(key.node.value) else {
                return Err(self.problem(format!("a key may not be {found}"), span.start));
            };
            // PyYAML compares the text of string keys only, and not in a map that is merged where it stands; else the
            // last one wins.
            if let Some(first) = own.get(&key).filter(|_| matches!(key, Key::Str(_)) && !source) {
                let problem = self.problem(format!("duplicate key `{key}`"), span.start).key(key.to_string());
                return Err(match first.trail.winner() {
                    Some(Origin::File { line, .. }) => {
                        problem.caret(Caret::Key).hint(format!("it is in line {line} too"))
                    }
                    _ => problem,
                });
            }
            own.insert(key, value.node);
        }
        if merged.is_empty() {
            return Ok((Value::Map(own), size));
        }
        // Merged keys stand first, the mapping's own win.
        let mut map = Map::new();
        for (key, node) in merged.into_iter().chain(own) {
            map.insert(key, node);
        }
        Ok((Value::Map(map), size))
    }

    /// The entries that `<<: node` brings in; of a list of maps, the first one wins.
    fn merged(&self, node: Node, at: Marker) -> Result<Vec<(Key, Node)>, Problem> {
        let refused = || self.problem("`<<` merges a map or a list of maps", at);
        match node.value {
            Value::Map(map) => Ok(map.into_iter().collect()),
            Value::List(items) => {
                let mut entries = Vec::new();
                for item in items.into_iter().rev() {
                    let Value::Map(map) = item.value else { return Err(refused()) };
                    entries.extend(map);
                }
                Ok(entries)
            }
            _ => Err(refused()),
        }
    }
}

/// An entry of `!!omap` or `!!pairs`: a map of one key becomes a list of two.
fn pair(item: Node) -> Result<Node, Problem> {
    let Node { value: Value::Map(map), trail } = item else {
        return Err(Problem::new("expected a map of one key").trail(&item.trail));
    };
    match map.into_iter().next() {
        Some((key, value)) => {
            let key = Node { value: key.to_value(), trail: trail.clone() };
            Ok(Node { value: Value::List(vec![key, value]), trail })
        }
        None => Err(Problem::new("expected a map of one key").trail(&trail)),
    }
}
