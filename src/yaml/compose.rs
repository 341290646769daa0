//! Events to a graph of nodes: anchors and aliases resolved, tags decided, every bound held. Builds no values.

use super::guard::Guarded;
use super::resolve::{self, Tag};
use super::{Error, Mark, Style};
use crate::plan::limits;
use libyaml_safer::{Event, EventData, MappingStyle, Parser, ScalarStyle, SequenceStyle};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Cursor;

/// Index of a node in its [`Graph`].
pub type Id = usize;

/// What a node holds.
pub enum Shape {
    /// Text.
    Scalar(String, Style),
    /// Items.
    Sequence(Vec<Id>),
    /// Pairs, as written.
    Mapping(Vec<(Id, Id)>),
}

/// A node of the graph; an alias is a second edge to it.
pub struct Composed {
    pub tag: Tag,
    pub shape: Shape,
    pub start: Mark,
    pub end: Mark,
}

/// The nodes of one document.
pub struct Graph {
    pub nodes: Vec<Composed>,
    pub root: Id,
    /// Where the document begins.
    pub start: Mark,
}

/// Reads a stream document by document.
pub struct Composer<'a> {
    parser: Parser<Cursor<Cow<'a, [u8]>>>,
    guarded: Guarded<'a>,
    /// Collections that are written in brackets around the next event.
    flow: Vec<bool>,
    nodes: Vec<Composed>,
    anchors: HashMap<String, Id>,
}

impl<'a> Composer<'a> {
    /// A composer over text, which must be UTF-8 as Ansible demands of its files.
    pub fn new(bytes: &'a [u8]) -> Result<Composer<'a>, Error> {
        if bytes.len() > limits::YAML {
            return Err(Error::at(
                Mark { line: 1, column: 1 },
                format!("the text is longer than {} bytes", limits::YAML),
            ));
        }
        let source = std::str::from_utf8(bytes)
            .map_err(|e| Error::at(mark_at(&bytes[..e.valid_up_to()]), "the text is not UTF-8"))?;
        let (guarded, text) = Guarded::new(source);
        let mut parser = Parser::new();
        parser.set_input(Cursor::new(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }));
        parser.set_encoding(libyaml_safer::Encoding::Utf8);
        Ok(Composer { parser, guarded, flow: Vec::new(), nodes: Vec::new(), anchors: HashMap::new() })
    }

    /// The next document; `None` at the end of the stream.
    pub fn next_graph(&mut self) -> Result<Option<Graph>, Error> {
        loop {
            let event = self.next_event()?;
            match event.data {
                EventData::StreamEnd => return Ok(None),
                EventData::DocumentStart { .. } => {
                    let start = mark(&event.start_mark);
                    let first = self.next_event()?;
                    let root = self.node(first, 0)?;
                    self.anchors.clear();
                    return Ok(Some(Graph { nodes: std::mem::take(&mut self.nodes), root, start }));
                }
                _ => {}
            }
        }
    }

    fn next_event(&mut self) -> Result<Event, Error> {
        let parsed = self.parser.parse();
        let mut event = parsed.map_err(|e| Error {
            problem: e.problem().to_owned(),
            mark: e.problem_mark().map(|m| self.mark(&m)),
            context: e.context().map(str::to_owned),
            context_mark: e.context_mark().map(|m| self.mark(&m)),
        })?;
        match &mut event.data {
            EventData::SequenceStart { style, .. } => self.flow.push(*style == SequenceStyle::Flow),
            EventData::MappingStart { style, .. } => self.flow.push(*style == MappingStyle::Flow),
            EventData::SequenceEnd | EventData::MappingEnd => drop(self.flow.pop()),
            EventData::Scalar { value, style, .. } => {
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let plain = !block && !matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
                if plain && self.flow.last() == Some(&true) && self.guarded.is_torn(value) {
                    return Err(Error::at(
                        self.mark(&event.start_mark),
                        "found a comma right behind `!`: quote the text",
                    ));
                }
                let ends = block && self.guarded.place(event.end_mark.index).is_none();
                if ends && value.ends_with('\n') && self.guarded.lent_a_break(event.start_mark.index, value) {
                    value.pop();
                }
                self.guarded.restore(value);
            }
            _ => {}
        }
        Ok(event)
    }

    /// A place of the text as it was given.
    fn mark(&self, m: &libyaml_safer::Mark) -> Mark {
        match self.guarded.place(m.index) {
            Some(_) => mark(m),
            None => mark_at(self.guarded.source.as_bytes()),
        }
    }

    fn node(&mut self, event: Event, depth: usize) -> Result<Id, Error> {
        let (start, end) = (mark(&event.start_mark), mark(&event.end_mark));
        if depth > limits::DEPTH {
            return Err(Error::at(start, format!("nested deeper than {} levels", limits::DEPTH)));
        }
        match event.data {
            EventData::Alias { anchor } => self
                .anchors
                .get(&anchor)
                .copied()
                .ok_or_else(|| Error::at(start, format!("found undefined alias '{anchor}'"))),
            EventData::Scalar { anchor, tag, value, plain_implicit, style, .. } => {
                let tag = match explicit(tag) {
                    Some(tag) => tag,
                    None if plain_implicit => resolve::plain(&value),
                    None => Tag::Str,
                };
                let style = match style {
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                    _ => Style::Plain,
                };
                self.add(anchor, Composed { tag, shape: Shape::Scalar(value, style), start, end })
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                let tag = explicit(tag).unwrap_or(Tag::Seq);
                let id = self.add(anchor, Composed { tag, shape: Shape::Sequence(Vec::new()), start, end })?;
                self.sequence(id, depth)
            }
            EventData::MappingStart { anchor, tag, .. } => {
                let tag = explicit(tag).unwrap_or(Tag::Map);
                let id = self.add(anchor, Composed { tag, shape: Shape::Mapping(Vec::new()), start, end })?;
                self.mapping(id, depth)
            }
            _ => Err(Error::at(start, "found an unexpected end of the document")),
        }
    }

    fn sequence(&mut self, id: Id, depth: usize) -> Result<Id, Error> {
        let mut items = Vec::new();
        loop {
            let event = self.next_event()?;
            if matches!(event.data, EventData::SequenceEnd) {
                self.nodes[id].end = mark(&event.end_mark);
                self.nodes[id].shape = Shape::Sequence(items);
                return Ok(id);
            }
            items.push(self.node(event, depth + 1)?);
        }
    }

    fn mapping(&mut self, id: Id, depth: usize) -> Result<Id, Error> {
        let mut pairs = Vec::new();
        loop {
            let event = self.next_event()?;
            if matches!(event.data, EventData::MappingEnd) {
                self.nodes[id].end = mark(&event.end_mark);
                self.nodes[id].shape = Shape::Mapping(pairs);
                return Ok(id);
            }
            let key = self.node(event, depth + 1)?;
            let event = self.next_event()?;
            pairs.push((key, self.node(event, depth + 1)?));
        }
    }

    fn add(&mut self, anchor: Option<String>, node: Composed) -> Result<Id, Error> {
        if self.nodes.len() >= limits::YAML_NODES {
            return Err(Error::at(node.start, format!("more than {} nodes", limits::YAML_NODES)));
        }
        let id = self.nodes.len();
        if let Some(anchor) = anchor {
            if let Some(first) = self.anchors.get(&anchor) {
                return Err(Error::at(node.start, "second occurrence")
                    .in_context("found duplicate anchor; first occurrence", self.nodes[*first].start));
            }
            self.anchors.insert(anchor, id);
        }
        self.nodes.push(node);
        Ok(id)
    }
}

/// The tag as written; `!` alone asks for resolution, like none.
fn explicit(tag: Option<String>) -> Option<Tag> {
    tag.filter(|t| t != "!").map(Tag::named)
}

fn mark(m: &libyaml_safer::Mark) -> Mark {
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX - 1) + 1;
    Mark { line: small(m.line), column: small(m.column) }
}

/// The place right after `text`.
fn mark_at(text: &[u8]) -> Mark {
    let line = text.iter().filter(|b| **b == b'\n').count();
    let last = text.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let column = String::from_utf8_lossy(last).chars().count();
    Mark { line: line as u32 + 1, column: column as u32 + 1 }
}
