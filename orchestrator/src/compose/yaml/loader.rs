//! From the events of the parser library to nodes.

use std::borrow::Cow;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::anchors::Anchors;
use super::repair::Repaired;
use super::{tabs, tag};
use crate::compose::interpolate;
use crate::compose::node::{Key, Map, Node, Value};
use crate::compose::origin::{Origin, Source, Trail};
use crate::compose::problem::Problem;

/// How deep a file may nest; PyYAML's own limit is of this order.
const MAX_DEPTH: usize = 100;
/// How many nodes a file may hold once its aliases are expanded.
const MAX_NODES: usize = 200_000;

/// The one document of a text.
pub(super) fn read(source: &Arc<Source>, text: &Repaired) -> Result<Node, Problem> {
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

/// Where reading has come to.
pub(super) struct Loader<'a> {
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
    pub(super) merging: bool,
    /// Where quoted scalars and blocks stand.
    scalars: Vec<tabs::Scalar>,
}

/// A node with what only the loader needs to know of it.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) node: Node,
    /// A plain `<<`, which as a key merges.
    pub(super) merge: bool,
    /// How many nodes this is.
    pub(super) size: usize,
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

    pub(super) fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
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

    pub(super) fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Loaded, Problem> {
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

    /// A value, of which other than of a key the grammar of interpolations is asked.
    pub(super) fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Loaded, Problem> {
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

    pub(super) fn bad_tag(&self, tag: Option<&Tag>, at: Marker) -> Problem {
        self.problem(tag.map(tag::refused).unwrap_or_default(), at)
    }

    pub(super) fn problem(&self, message: impl Into<String>, at: Marker) -> Problem {
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
