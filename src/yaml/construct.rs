//! The graph of nodes to a tree of values that know where they stand: merge keys, duplicate keys, sets, aliases
//! expanded within a bound.

use super::compose::{Composer, Graph, Id, Shape};
use super::resolve::{self, Tag};
use super::{Error, Flavour, Mark, Style};
use crate::plan::{Data, Map, limits};

/// A value and where it stands.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its first character.
    pub start: Mark,
    /// The place after its last one.
    pub end: Mark,
    /// How it is written, for text.
    pub style: Style,
    /// The value.
    pub content: Content,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// A scalar, or a value without parts of interest (`!!set`, `!!omap`).
    Scalar(Data),
    /// A list.
    List(Vec<Node>),
    /// A dictionary in its final order, keys once each.
    Map(Vec<(Node, Node)>),
}

impl Default for Content {
    fn default() -> Content {
        Content::Scalar(Data::Null)
    }
}

/// A document of a stream.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Its value.
    pub root: Node,
    /// Where it begins.
    pub start: Mark,
    /// Keys that were written twice in one dictionary; the last one counts.
    pub duplicates: Vec<Duplicate>,
}

/// A key that was written twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The key as text.
    pub key: String,
    /// Where the dictionary begins.
    pub map: Mark,
    /// The one that counts not.
    pub first: Mark,
    /// The one that counts.
    pub second: Mark,
}

impl Node {
    /// The value, without its places.
    pub fn into_data(self) -> Data {
        match self.content {
            Content::Scalar(data) => data,
            Content::List(items) => Data::List(items.into_iter().map(Node::into_data).collect()),
            Content::Map(pairs) => Data::Map(pairs.into_iter().map(|(k, v)| (k.into_data(), v.into_data())).collect()),
        }
    }

    /// A copy of the value, without its places.
    pub fn data(&self) -> Data {
        match &self.content {
            Content::Scalar(data) => data.clone(),
            Content::List(items) => Data::List(items.iter().map(Node::data).collect()),
            Content::Map(pairs) => Data::Map(pairs.iter().map(|(k, v)| (k.data(), v.data())).collect()),
        }
    }

    /// Its text, where it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(data) => data.as_str(),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Data::Null))
    }

    /// The member `name` of a dictionary.
    pub fn get(&self, name: &str) -> Option<&Node> {
        let Content::Map(pairs) = &self.content else { return None };
        pairs.iter().find(|(k, _)| k.as_str() == Some(name)).map(|(_, v)| v)
    }
}

/// All documents of a stream.
pub fn documents(bytes: &[u8], flavour: Flavour) -> Result<Vec<Document>, Error> {
    let mut composer = Composer::new(bytes)?;
    let mut documents = Vec::new();
    while let Some(graph) = composer.next_graph()? {
        let open = vec![false; graph.nodes.len()];
        let start = graph.start;
        let root = graph.root;
        let mut builder = Builder { graph, flavour, open, made: 0, duplicates: Vec::new() };
        let root = builder.node(root, 0)?;
        documents.push(Document { root, start, duplicates: builder.duplicates });
    }
    Ok(documents)
}

struct Builder {
    graph: Graph,
    flavour: Flavour,
    /// Nodes under construction: meeting one again is a value that holds itself.
    open: Vec<bool>,
    /// Nodes made so far, aliases expanded.
    made: usize,
    duplicates: Vec<Duplicate>,
}

impl Builder {
    fn node(&mut self, id: Id, depth: usize) -> Result<Node, Error> {
        let composed = &self.graph.nodes[id];
        let (start, end) = (composed.start, composed.end);
        self.made += 1;
        if self.made > limits::YAML_NODES {
            return Err(Error::at(start, format!("aliases expand to more than {} nodes", limits::YAML_NODES)));
        }
        if depth > limits::DEPTH {
            return Err(Error::at(start, format!("nested deeper than {} levels", limits::DEPTH)));
        }
        if std::mem::replace(&mut self.open[id], true) {
            return Err(Error::at(start, "found unconstructable recursive node"));
        }
        let mut style = Style::Plain;
        if let Shape::Scalar(_, s) = &self.graph.nodes[id].shape {
            style = *s;
        }
        let content = self.content(id, depth)?;
        self.open[id] = false;
        Ok(Node { start, end, style, content })
    }

    fn content(&mut self, id: Id, depth: usize) -> Result<Content, Error> {
        let composed = &self.graph.nodes[id];
        let (tag, start) = (composed.tag.clone(), composed.start);
        let unknown = || Error::at(start, format!("could not determine a constructor for the tag '{}'", tag.name()));
        let ours = self.flavour == Flavour::Ansible;
        match (&composed.shape, &tag) {
            (_, Tag::Unsafe | Tag::Vault) if !ours => Err(unknown()),
            (Shape::Scalar(..), Tag::Map | Tag::Set) => Err(expected("mapping", "scalar", start)),
            (Shape::Scalar(..), Tag::Seq | Tag::Omap | Tag::Pairs) => Err(expected("sequence", "scalar", start)),
            (Shape::Scalar(text, _), _) => {
                Ok(Content::Scalar(resolve::scalar(&tag, text).map_err(|m| Error::at(start, m))?))
            }
            (Shape::Sequence(items), Tag::Seq | Tag::Unsafe) => {
                let items = items.clone();
                let list = items.into_iter().map(|i| self.node(i, depth + 1)).collect::<Result<_, _>>()?;
                Ok(finish(Content::List(list), &tag))
            }
            (Shape::Sequence(items), Tag::Omap | Tag::Pairs) => {
                let items = items.clone();
                self.pairs(items, depth)
            }
            (Shape::Mapping(_), Tag::Map | Tag::Unsafe) => {
                let map = self.mapping(id, depth)?;
                Ok(finish(Content::Map(map), &tag))
            }
            (Shape::Mapping(_), Tag::Set) => {
                let keys = self.mapping(id, depth)?.into_iter().map(|(k, _)| k.into_data()).collect();
                Ok(Content::Scalar(Data::Set(keys)))
            }
            (_, Tag::Other(_) | Tag::Value | Tag::Merge) => Err(unknown()),
            (Shape::Sequence(_), Tag::Map | Tag::Set) => Err(expected("mapping", "sequence", start)),
            (Shape::Sequence(_), _) => Err(expected("scalar", "sequence", start)),
            (Shape::Mapping(_), Tag::Seq | Tag::Omap | Tag::Pairs) => Err(expected("sequence", "mapping", start)),
            (Shape::Mapping(_), _) => Err(expected("scalar", "mapping", start)),
        }
    }

    /// `!!omap` and `!!pairs`: a list of tuples.
    fn pairs(&mut self, items: Vec<Id>, depth: usize) -> Result<Content, Error> {
        let mut list = Vec::new();
        for item in items {
            let start = self.graph.nodes[item].start;
            let pair = match &self.graph.nodes[item].shape {
                Shape::Mapping(pairs) if pairs.len() == 1 => pairs[0],
                Shape::Mapping(_) => return Err(Error::at(start, "expected a single mapping item")),
                _ => return Err(Error::at(start, "expected a mapping of length 1")),
            };
            let (key, value) = (self.node(pair.0, depth + 1)?, self.node(pair.1, depth + 1)?);
            list.push(Data::Tuple(vec![key.into_data(), value.into_data()]));
        }
        Ok(Content::Scalar(Data::List(list)))
    }

    /// The pairs of a mapping: merged ones first, its own over them, each key once.
    fn mapping(&mut self, id: Id, depth: usize) -> Result<Vec<(Node, Node)>, Error> {
        let start = self.graph.nodes[id].start;
        let mut flat = Vec::new();
        self.flatten(id, depth, &mut flat)?;
        let mut seen: indexmap::IndexMap<Data, bool> = indexmap::IndexMap::new();
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        for Flat { key, value, own } in flat {
            if self.graph.nodes[key].tag == Tag::Value {
                self.graph.nodes[key].tag = Tag::Str;
            }
            let key = self.node(key, depth + 1)?;
            if let Some(kind) = unhashable(&key) {
                return Err(Error::at(key.start, format!("found unacceptable key (unhashable type: '{kind}')"))
                    .in_context("while constructing a mapping", start));
            }
            let value = self.node(value, depth + 1)?;
            let (at, before) = seen.insert_full(key.data(), own);
            match before {
                // The first spelling of the key and its place in the order stay, as in a Python dict.
                Some(first_own) => {
                    if own && first_own {
                        self.duplicates.push(Duplicate {
                            key: show_key(&key),
                            map: start,
                            first: pairs[at].0.start,
                            second: key.start,
                        });
                    }
                    pairs[at].0.start = key.start;
                    pairs[at].0.end = key.end;
                    pairs[at].1 = value;
                }
                None => pairs.push((key, value)),
            }
        }
        Ok(pairs)
    }

    /// Merge keys expanded, as PyYAML does it: what is merged comes first, so that the mapping's own keys win.
    fn flatten(&mut self, id: Id, depth: usize, out: &mut Vec<Flat>) -> Result<(), Error> {
        let node = &self.graph.nodes[id];
        let start = node.start;
        let Shape::Mapping(pairs) = &node.shape else { return Ok(()) };
        if depth > limits::DEPTH {
            return Err(Error::at(start, format!("merged deeper than {} levels", limits::DEPTH)));
        }
        let pairs = pairs.clone();
        let wrong = |what: &str, id: Id, graph: &Graph| {
            let shape = kind(&graph.nodes[id].shape);
            Error::at(graph.nodes[id].start, format!("expected {what} for merging, but found {shape}"))
                .in_context("while constructing a mapping", start)
        };
        let mut own = Vec::new();
        for (key, value) in pairs {
            if self.graph.nodes[key].tag != Tag::Merge {
                own.push(Flat { key, value, own: true });
                continue;
            }
            let sources = match &self.graph.nodes[value].shape {
                Shape::Mapping(_) => vec![value],
                Shape::Sequence(items) => items.iter().rev().copied().collect(),
                Shape::Scalar(..) => return Err(wrong("a mapping or list of mappings", value, &self.graph)),
            };
            for source in sources {
                if !matches!(self.graph.nodes[source].shape, Shape::Mapping(_)) {
                    return Err(wrong("a mapping", source, &self.graph));
                }
                let from = out.len();
                self.flatten(source, depth + 1, out)?;
                self.made += out.len() - from;
                if self.made > limits::YAML_NODES {
                    return Err(Error::at(start, format!("merges expand to more than {} nodes", limits::YAML_NODES)));
                }
                out[from..].iter_mut().for_each(|f| f.own = false);
            }
        }
        out.append(&mut own);
        Ok(())
    }
}

/// A pair of a mapping whose merge keys are expanded.
struct Flat {
    key: Id,
    value: Id,
    /// Written in the mapping itself.
    own: bool,
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Scalar(..) => "scalar",
        Shape::Sequence(_) => "sequence",
        Shape::Mapping(_) => "mapping",
    }
}

fn expected(what: &str, found: &str, mark: Mark) -> Error {
    Error::at(mark, format!("expected a {what} node, but found {found}"))
}

/// Python's name of a type that cannot be a key.
fn unhashable(key: &Node) -> Option<&'static str> {
    match &key.content {
        Content::Map(_) => Some("AnsibleMapping"),
        Content::List(_) | Content::Scalar(Data::List(_)) => Some("AnsibleSequence"),
        Content::Scalar(Data::Set(_)) => Some("set"),
        Content::Scalar(_) => None,
    }
}

fn show_key(key: &Node) -> String {
    match key.data() {
        Data::Str(s) | Data::Unsafe(s) => s,
        other => serde_json::to_string(&other).unwrap_or_default(),
    }
}

/// `!unsafe` on a container makes all text in it unsafe.
fn finish(content: Content, tag: &Tag) -> Content {
    if *tag != Tag::Unsafe {
        return content;
    }
    let spread = |node: Node| Node { content: finish(node.content, tag), ..node };
    match content {
        Content::Scalar(data) => Content::Scalar(unsafe_data(data)),
        Content::List(items) => Content::List(items.into_iter().map(spread).collect()),
        Content::Map(pairs) => Content::Map(pairs.into_iter().map(|(k, v)| (spread(k), spread(v))).collect()),
    }
}

fn unsafe_data(data: Data) -> Data {
    let each = |items: Vec<Data>| items.into_iter().map(unsafe_data).collect();
    match data {
        Data::Str(text) => Data::Unsafe(text),
        Data::List(items) => Data::List(each(items)),
        Data::Tuple(items) => Data::Tuple(each(items)),
        Data::Set(items) => Data::Set(each(items)),
        Data::Map(map) => Data::Map(map.into_iter().map(|(k, v)| (unsafe_data(k), unsafe_data(v))).collect::<Map>()),
        other => other,
    }
}
