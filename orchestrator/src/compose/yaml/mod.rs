//! Text of one YAML file -> [`Node`], every node with its line and column.
//!
//! The parser library gives events; what they mean is decided here, as PyYAML and OmegaConf decide
//! it: YAML 1.1 scalars, merge keys, tags, duplicate keys, and the syntax of interpolations.
//! Depth and size are bounded, so that neither nesting nor aliases can exhaust the machine. Where
//! library and PyYAML differ on what is YAML at all: `anchors`, `repair`, `tabs`; on tags: `tag`.

mod anchors;
mod repair;
mod tabs;
mod tag;

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use anchors::Anchors;
use repair::Repaired;

use super::interpolate;
use super::node::{Key, Map, Node, Value};
use super::origin::{Origin, Source, Trail};
use super::problem::{Caret, Problem};

/// How deep a file may nest; PyYAML's own limit is of this order.
const MAX_DEPTH: usize = 100;
/// How many nodes a file may hold once its aliases are expanded.
const MAX_NODES: usize = 200_000;

/// Reads one document. An empty text is an empty map.
///
/// # Errors
/// The first thing in the text that is not YAML, or that OmegaConf would refuse.
pub fn load(path: &Arc<str>, text: &str) -> Result<Node, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(path, text);
    check_characters(&source)?;
    read(&source, &Repaired::untouched(text)).or_else(|problem| match Repaired::new(text) {
        Some(repaired) => read(&source, &repaired),
        None => Err(problem),
    })
}

fn read(source: &Arc<Source>, text: &Repaired) -> Result<Node, Problem> {
    let events = Parser::new_from_str(&text.text);
    let mut loader = Loader {
        source,
        text,
        events,
        anchors: Anchors::default(),
        nodes: 0,
        counted: (0, 0),
        flow: 0,
        merging: false,
        scalars: Vec::new(),
    };
    let root = loader.document()?;
    match tabs::between(&text.text, &loader.scalars) {
        Some((line, col)) => {
            let origin = loader.origin_at(line, col);
            Err(Problem::new("a tab cannot separate: use blanks").trail(&Trail::new(origin)))
        }
        None => Ok(root),
    }
}

struct Loader<'a> {
    source: &'a Arc<Source>,
    text: &'a Repaired,
    events: Parser<'a, StrInput<'a>>,
    anchors: Anchors,
    nodes: usize,
    /// A place in characters and in bytes.
    counted: (usize, usize),
    /// How many brackets are open.
    flow: usize,
    /// Whether the node at hand is the value of `<<`.
    merging: bool,
    /// Where quoted scalars and blocks stand.
    scalars: Vec<tabs::Scalar>,
}

/// A node with what only the loader needs to know of it.
#[derive(Clone)]
pub(super) struct Loaded {
    node: Node,
    /// A plain `<<`, which as a key merges.
    merge: bool,
    /// How many nodes this is.
    size: usize,
}

impl<'a> Loader<'a> {
    fn document(&mut self) -> Result<Node, Problem> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::Nothing => {}
                _ if root.is_some() => {
                    return Err(self.problem("expected a single document in the file", span.start));
                }
                event => root = Some(self.node(event, span, 0)?.node),
            }
        }
        Ok(match root {
            None => Node::new(Value::Map(Map::new()), self.origin_at(1, 1)),
            Some(Node { value: Value::Null, trail }) => Node { value: Value::Map(Map::new()), trail },
            // What OmegaConf makes of a file that holds one word.
            Some(Node { value: Value::Str(word), trail }) => Node {
                value: Value::Map(Map::from_iter([(
                    Key::Str(word),
                    Node { value: Value::Null, trail: trail.clone() },
                )])),
                trail,
            },
            Some(node @ Node { value: Value::Map(_) | Value::List(_), .. }) => node,
            Some(node) => {
                let found = node.value.kind();
                return Err(Problem::new(format!("a configuration file holds a map, found {found}")).trail(&node.trail));
            }
        })
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            // The library looks ahead, and may meet its own bound on nesting before we meet ours.
            Some(Err(error)) if error.info().contains("recursion limit") => {
                Err(self.problem(too_deep(), *error.marker()))
            }
            Some(Err(error)) => Err(self.problem(error.info(), *error.marker())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Loaded, Problem> {
        if depth > MAX_DEPTH {
            return Err(self.problem(too_deep(), span.start));
        }
        if let Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) =
            &event
            && (*anchor > 0 || tag.is_some())
        {
            let rest = &self.text.text[self.byte(span.start.index())..];
            self.anchors.check(rest).map_err(|message| self.problem(message, span.start))?;
        }
        let flow = usize::from(span.end.index() > span.start.index() && self.opens(span.end.index()));
        // The one tag that PyYAML does not know.
        let replace = |tag: &Cow<Tag>| tag.handle == "!" && tag.suffix == "replace";
        let (event, replaces) = match event {
            Event::SequenceStart(anchor, Some(tag)) if replace(&tag) => (Event::SequenceStart(anchor, None), true),
            Event::MappingStart(anchor, Some(tag)) if replace(&tag) => (Event::MappingStart(anchor, None), true),
            event => (event, false),
        };
        let (anchor, value, size, merge) = match event {
            Event::Alias(anchor) => {
                let Some(loaded) = self.anchors.get(anchor).cloned() else {
                    return Err(self.problem("an alias to the node that holds it", span.start));
                };
                self.count(loaded.size, span.start)?;
                return Ok(loaded);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let merge = style == ScalarStyle::Plain && tag.is_none() && text == "<<";
                let stray = |c: &char| *c == '?' && (self.flow > 0 || text == "?") || *c == ':' && self.flow > 0;
                let starts = text.chars().next().filter(stray);
                let inside = text.chars().find(|c| *c == '?' && self.flow > 0);
                if style == ScalarStyle::Plain
                    && let Some(c) = starts.or(inside)
                {
                    return Err(self.problem(format!("`{c}` has a meaning of its own here: use quotes"), span.start));
                }
                if style != ScalarStyle::Plain {
                    let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
                    self.scalars.push(tabs::Scalar { quoted, range: span.start.index()..span.end.index() });
                }
                let value = tag::scalar(&text, style == ScalarStyle::Plain, tag.as_deref());
                (anchor, value.map_err(|message| self.problem(message, span.start))?, 1, merge)
            }
            Event::SequenceStart(anchor, tag) => {
                self.flow += flow;
                let (value, size) = self.sequence(tag.as_deref(), span.start, depth)?;
                self.flow -= flow;
                (anchor, value, size, false)
            }
            Event::MappingStart(anchor, tag) => {
                self.flow += flow;
                let (value, size) = self.mapping(tag.as_deref(), span.start, depth)?;
                self.flow -= flow;
                (anchor, value, size, false)
            }
            _ => return Err(self.problem("expected a value", span.start)),
        };
        self.count(1, span.start)?;
        let mut node = Node::new(value, self.origin(span.start));
        if replaces {
            node.trail = node.trail.replacing();
        }
        let loaded = Loaded { node, merge, size };
        self.anchors.keep(anchor, &loaded);
        Ok(loaded)
    }

    /// Whether a bracket stands before a place: of a list or map in brackets that is the end of its first event.
    fn opens(&mut self, chars: usize) -> bool {
        let end = self.byte(chars);
        self.text.text[..end].ends_with(['[', '{'])
    }

    /// A place in bytes. Places are asked for in order, so that the text is walked through once.
    fn byte(&mut self, chars: usize) -> usize {
        let (known, bytes) = self.counted;
        let rest = &self.text.text[bytes..];
        let more = chars.saturating_sub(known);
        self.counted = (known + more, bytes + rest.char_indices().nth(more).map_or(rest.len(), |(at, _)| at));
        self.counted.1
    }

    fn sequence(&mut self, tag: Option<&Tag>, start: Marker, depth: usize) -> Result<(Value, usize), Problem> {
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

    fn mapping(&mut self, tag: Option<&Tag>, start: Marker, depth: usize) -> Result<(Value, usize), Problem> {
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
        let mut map: Map = IndexMap::new();
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

    /// A value, of which other than of a key the grammar of interpolations is asked.
    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Loaded, Problem> {
        let loaded = self.node(event, span, depth)?;
        if loaded.merge {
            return Err(self.problem("`<<` is a key, not a value", span.start));
        }
        if let Value::Str(text) = &loaded.node.value {
            interpolate::check(text).map_err(|problem| problem.trail(&loaded.node.trail))?;
        }
        Ok(loaded)
    }

    fn count(&mut self, nodes: usize, at: Marker) -> Result<(), Problem> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values, aliases expanded");
            return Err(self.problem(message, at));
        }
        Ok(())
    }

    fn bad_tag(&self, tag: Option<&Tag>, at: Marker) -> Problem {
        self.problem(tag.map(tag::refused).unwrap_or_default(), at)
    }

    fn problem(&self, message: impl Into<String>, at: Marker) -> Problem {
        Problem::new(message).trail(&Trail::new(self.origin(at)))
    }

    fn origin(&self, at: Marker) -> Origin {
        self.origin_at(at.line(), self.text.column(at.line(), at.col()) + 1)
    }

    fn origin_at(&self, line: usize, col: usize) -> Origin {
        Origin::File { source: self.source.clone(), line, col }
    }
}

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH} levels")
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
