//! Values to YAML text, byte for byte as PyYAML's C dumper writes them with Ansible's representers.

use super::Error;
use super::resolve::{self, Tag};
use crate::plan::{Data, Map};
use base64::{Engine, engine::general_purpose::STANDARD};
use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};
use std::cmp::Ordering;

/// The keyword arguments of `yaml.dump` that `to_yaml` and `to_nice_yaml` pass on.
#[derive(Clone, Debug)]
pub struct DumpOptions {
    /// `indent`; libyaml takes 2 to 9.
    pub indent: Option<i32>,
    /// `width`; negative for no limit.
    pub width: Option<i32>,
    /// `default_flow_style`; `None` writes containers of plain scalars in flow style.
    pub default_flow_style: Option<bool>,
    /// `default_style`: a quote, `|` or `>`.
    pub default_style: Option<char>,
    /// `sort_keys`
    pub sort_keys: bool,
    /// `allow_unicode`
    pub allow_unicode: bool,
    /// `explicit_start`
    pub explicit_start: bool,
    /// `explicit_end`
    pub explicit_end: bool,
    /// `canonical`
    pub canonical: bool,
}

impl Default for DumpOptions {
    /// `to_yaml` without options.
    fn default() -> DumpOptions {
        DumpOptions {
            indent: None,
            width: None,
            default_flow_style: None,
            default_style: None,
            sort_keys: true,
            allow_unicode: true,
            explicit_start: false,
            explicit_end: false,
            canonical: false,
        }
    }
}

impl DumpOptions {
    /// `to_nice_yaml` without options.
    pub fn nice() -> DumpOptions {
        DumpOptions { indent: Some(4), default_flow_style: Some(false), ..DumpOptions::default() }
    }
}

/// `yaml.dump` of a value.
pub fn dump(data: &Data, options: &DumpOptions) -> Result<String, Error> {
    let tree = represent(data, options)?;
    let mut bytes = Vec::new();
    let mut stand_ins = Vec::new();
    write(tree, options, &mut stand_ins, &mut bytes).map_err(|e| wrong(e.problem()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("the emitter wrote text that is not UTF-8"))?;
    Ok(astral::restore(&text, stand_ins))
}

/// libyaml holds characters beyond U+FFFF for unprintable and escapes them; our emitter does not. They travel as a
/// pair of characters that both escape, in as many columns, and are put back into the output.
mod astral {
    /// What stands in for such a character, and what the emitter makes of it: as wide as `\U0001F600`.
    const PAIR: &str = "\u{fffe}\u{81}";
    const ESCAPED: &str = "\\uFFFE\\x81";

    /// `text` with stand-ins; what they stand for is appended to `out`.
    pub fn hide(text: &str, out: &mut Vec<String>) -> Option<String> {
        if !text.contains(|c: char| c > '\u{ffff}') && !text.contains(PAIR) {
            return None;
        }
        let mut hidden = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let len = if rest.starts_with(PAIR) { PAIR.len() } else { c.len_utf8() };
            if len > c.len_utf8() {
                out.push(ESCAPED.to_owned());
            } else if c > '\u{ffff}' {
                out.push(format!("\\U{:08X}", u32::from(c)));
            }
            hidden.push_str(if c > '\u{ffff}' { PAIR } else { &rest[..len] });
            rest = &rest[len..];
        }
        Some(hidden)
    }

    /// The output with every stand-in replaced, in order.
    pub fn restore(text: &str, stand_ins: Vec<String>) -> String {
        if stand_ins.is_empty() {
            return text.to_owned();
        }
        let mut parts = text.split(ESCAPED);
        let mut restored = parts.next().unwrap_or_default().to_owned();
        for (part, original) in parts.zip(stand_ins) {
            restored.push_str(&original);
            restored.push_str(part);
        }
        restored
    }
}

fn wrong(problem: &str) -> Error {
    Error { problem: problem.to_owned(), mark: None, context: None, context_mark: None }
}

/// A value as the emitter needs it: what PyYAML calls a representation.
enum Tree {
    Scalar { tag: Tag, text: String, style: Option<char> },
    Sequence { items: Vec<Tree>, flow: bool },
    Mapping { tag: Tag, pairs: Vec<(Tree, Tree)>, flow: bool },
}

impl Tree {
    /// Whether a container of these may be written in flow style.
    fn is_plain(&self) -> bool {
        matches!(self, Tree::Scalar { style: None, .. })
    }
}

fn represent(data: &Data, options: &DumpOptions) -> Result<Tree, Error> {
    let scalar = |tag, text: String| Ok(Tree::Scalar { tag, text, style: options.default_style });
    match data {
        Data::Null => scalar(Tag::Null, "null".to_owned()),
        Data::Bool(b) => scalar(Tag::Bool, b.to_string()),
        Data::Int(i) => scalar(Tag::Int, i.to_string()),
        Data::Float(f) => scalar(Tag::Float, float(*f)),
        Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => scalar(Tag::Str, s.clone()),
        Data::Raw(_) => Err(wrong("text with bytes that are not UTF-8 cannot be written as YAML")),
        Data::Bytes(b) => Ok(Tree::Scalar { tag: Tag::Binary, text: base64_lines(b), style: Some('|') }),
        Data::Vault(s) => Ok(Tree::Scalar { tag: Tag::Vault, text: s.clone(), style: Some('|') }),
        Data::Time(t) => scalar(Tag::Timestamp, t.to_string()),
        Data::List(items) | Data::Tuple(items) => {
            let items = items.iter().map(|i| represent(i, options)).collect::<Result<Vec<_>, _>>()?;
            let flow = options.default_flow_style.unwrap_or_else(|| items.iter().all(Tree::is_plain));
            Ok(Tree::Sequence { items, flow })
        }
        Data::Set(items) => {
            let map: Map = items.iter().map(|i| (i.clone(), Data::Null)).collect();
            mapping(&map, Tag::Set, options)
        }
        Data::Map(map) => mapping(map, Tag::Map, options),
    }
}

fn mapping(map: &Map, tag: Tag, options: &DumpOptions) -> Result<Tree, Error> {
    let mut entries: Vec<(&Data, &Data)> = map.iter().collect();
    if options.sort_keys && comparable(&entries) {
        entries.sort_by(|a, b| compare(a.0, b.0).unwrap_or(Ordering::Equal));
    }
    let pairs = entries
        .into_iter()
        .map(|(k, v)| Ok((represent(k, options)?, represent(v, options)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let plain = || pairs.iter().all(|(k, v)| k.is_plain() && v.is_plain());
    let flow = options.default_flow_style.unwrap_or_else(plain);
    Ok(Tree::Mapping { tag, pairs, flow })
}

/// Whether Python could sort the keys; where it cannot, PyYAML leaves their order alone.
fn comparable(entries: &[(&Data, &Data)]) -> bool {
    entries.windows(2).all(|w| compare(w[0].0, w[1].0).is_some())
}

/// Python's `<` between keys of a kind; `None` is its TypeError.
fn compare(a: &Data, b: &Data) -> Option<Ordering> {
    let number = |d: &Data| match d {
        Data::Bool(b) => Some(f64::from(u8::from(*b))),
        Data::Int(i) => Some(*i as f64),
        Data::Float(f) => Some(*f),
        _ => None,
    };
    match (a, b) {
        (Data::Int(a), Data::Int(b)) => Some(a.cmp(b)),
        (Data::Bytes(a), Data::Bytes(b)) => Some(a.cmp(b)),
        (Data::Time(a), Data::Time(b)) if a.clock.is_some() == b.clock.is_some() => Some(a.cmp(b)),
        (Data::Tuple(a), Data::Tuple(b)) => {
            let differing = a.iter().zip(b).find(|(x, y)| x != y);
            differing.map_or(Some(a.len().cmp(&b.len())), |(x, y)| compare(x, y))
        }
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => Some(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
            _ => Some(a.text_bytes()?.cmp(b.text_bytes()?)),
        },
    }
}

/// `base64.encodebytes`: lines of 76 characters.
fn base64_lines(bytes: &[u8]) -> String {
    bytes.chunks(57).map(|line| STANDARD.encode(line) + "\n").collect()
}

/// Python's `repr` of a float.
pub fn python_float(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format!("{f:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let text = format!("{f}");
    if text.contains('.') { text } else { text + ".0" }
}

fn float(f: f64) -> String {
    match python_float(f).as_str() {
        "nan" => ".nan".to_owned(),
        "inf" => ".inf".to_owned(),
        "-inf" => "-.inf".to_owned(),
        text if !text.contains('.') => text.replacen('e', ".0e", 1),
        text => text.to_owned(),
    }
}

fn write(
    tree: Tree,
    options: &DumpOptions,
    stand_ins: &mut Vec<String>,
    bytes: &mut Vec<u8>,
) -> Result<(), libyaml_safer::Error> {
    let mut emitter = Emitter::new();
    emitter.set_output_string(bytes);
    emitter.set_canonical(options.canonical);
    emitter.set_unicode(options.allow_unicode);
    if let Some(indent) = options.indent {
        emitter.set_indent(indent);
    }
    if let Some(width) = options.width {
        emitter.set_width(width);
    }
    emitter.emit(Event::stream_start(Encoding::Utf8))?;
    emitter.emit(Event::document_start(None, &[], !options.explicit_start))?;
    serialize(&mut emitter, tree, stand_ins)?;
    emitter.emit(Event::document_end(!options.explicit_end))?;
    emitter.emit(Event::stream_end())?;
    emitter.flush()
}

fn serialize(emitter: &mut Emitter, tree: Tree, stand_ins: &mut Vec<String>) -> Result<(), libyaml_safer::Error> {
    match tree {
        Tree::Scalar { tag, text, style } => {
            let plain_implicit = resolve::plain(&text) == tag;
            let quoted_implicit = tag == Tag::Str;
            let text = astral::hide(&text, stand_ins).unwrap_or(text);
            let style = match style {
                Some('|') => ScalarStyle::Literal,
                Some('>') => ScalarStyle::Folded,
                Some('\'') => ScalarStyle::SingleQuoted,
                Some('"') => ScalarStyle::DoubleQuoted,
                _ => ScalarStyle::Any,
            };
            emitter.emit(Event::scalar(None, Some(&tag.name()), &text, plain_implicit, quoted_implicit, style))
        }
        Tree::Sequence { items, flow } => {
            let style = if flow { SequenceStyle::Flow } else { SequenceStyle::Block };
            emitter.emit(Event::sequence_start(None, Some(&Tag::Seq.name()), true, style))?;
            for item in items {
                serialize(emitter, item, stand_ins)?;
            }
            emitter.emit(Event::sequence_end())
        }
        Tree::Mapping { tag, pairs, flow } => {
            let style = if flow { MappingStyle::Flow } else { MappingStyle::Block };
            let implicit = tag == Tag::Map;
            emitter.emit(Event::mapping_start(None, Some(&tag.name()), implicit, style))?;
            for (key, value) in pairs {
                serialize(emitter, key, stand_ins)?;
                serialize(emitter, value, stand_ins)?;
            }
            emitter.emit(Event::mapping_end())
        }
    }
}
