//! INI inventories: `[group]`, `[group:vars]`, `[group:children]`, hosts with ranges and variables on their line.

use super::graph::Graph;
use super::pool::Place;
use super::{Error, Named, range};
use crate::plan::Data;
use crate::vars::literal;
use indexmap::IndexMap;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hosts,
    Vars,
    Children,
}

/// A group that is named before its section was met, or never.
struct Pending {
    line: u32,
    /// Groups that want it as a child; none where it has variables only.
    parents: Vec<String>,
}

/// Adds the hosts and groups of an inventory file.
pub fn read(text: &str, (source, file): (&str, u32), graph: &mut Graph) -> Result<(), Error> {
    let mut reader = Reader { source, file, line: 0, pending: IndexMap::new() };
    let (mut group, mut kind) = ("ungrouped".to_owned(), Kind::Hosts);
    for (number, line) in text.lines().enumerate() {
        reader.line = super::pool::number(number + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some((name, what)) = section(line) {
            kind = match what {
                None | Some("hosts") => Kind::Hosts,
                Some("vars") => Kind::Vars,
                Some("children") => Kind::Children,
                Some(other) => {
                    return Err(reader.wrong(format!("sections are hosts, vars or children, not [{name}:{other}]")));
                }
            };
            name.clone_into(&mut group);
            reader.begin(&group, kind, graph)?;
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') {
            return Err(reader.wrong(format!("{line} is no section: a name without blanks, and :vars or :children")));
        }
        match kind {
            Kind::Hosts => reader.host(line, &group, graph)?,
            Kind::Vars => {
                let Some((name, value)) = line.split_once('=') else {
                    return Err(reader.wrong(format!("a section of variables takes name=value, not {line}")));
                };
                reader.set(&group, name.trim(), value.trim(), graph)?;
            }
            Kind::Children => reader.child(line, &group, graph)?,
        }
    }
    reader.finish()
}

/// A section's name and kind.
fn section(line: &str) -> Option<(&str, Option<&str>)> {
    let (inside, rest) = line.strip_prefix('[')?.split_once(']')?;
    if !(rest.trim_start().is_empty() || rest.trim_start().starts_with('#')) {
        return None;
    }
    let (name, kind) = match inside.split_once(':') {
        Some((name, kind)) => (name, Some(kind)),
        None => (inside, None),
    };
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    (!name.is_empty() && !name.contains(char::is_whitespace) && kind.is_none_or(word)).then_some((name, kind))
}

struct Reader<'s> {
    source: &'s str,
    file: u32,
    line: u32,
    pending: IndexMap<String, Pending>,
}

impl Reader<'_> {
    fn wrong(&self, message: String) -> Error {
        Error::at(self.source, self.line, message)
    }

    /// A section begins.
    fn begin(&mut self, group: &str, kind: Kind, graph: &mut Graph) -> Result<(), Error> {
        if graph.group(group).is_none() {
            if kind == Kind::Vars && !self.pending.contains_key(group) {
                self.pending.insert(group.to_owned(), Pending { line: self.line, parents: Vec::new() });
            }
            graph.add_group(group);
        }
        if kind == Kind::Vars {
            return Ok(());
        }
        let Some(pending) = self.pending.shift_remove(group) else { return Ok(()) };
        let id = graph.add_group(group);
        for parent in pending.parents {
            let parent = graph.add_group(&parent);
            graph.add_child(parent, id, &|message| Error::at(self.source, pending.line, message))?;
        }
        Ok(())
    }

    fn set(&self, entity: &str, name: &str, value: &str, graph: &mut Graph) -> Result<(), Error> {
        let place = Place { file: self.file, line: self.line };
        graph.set(entity, Named { name, value: literal_value(value), place }, &|m| self.wrong(m))
    }

    fn host(&self, line: &str, group: &str, graph: &mut Graph) -> Result<(), Error> {
        let mut words = words(line).map_err(|why| self.wrong(why))?.into_iter();
        let Some(pattern) = words.next() else { return Ok(()) };
        let (hosts, port) = range::expand(&pattern).map_err(|why| self.wrong(why))?;
        let mut vars = Vec::new();
        for word in words {
            let Some((name, value)) = word.split_once('=') else {
                return Err(self.wrong(format!("takes name=value after the host, not {word}")));
            };
            vars.push((name.to_owned(), value.to_owned()));
        }
        let group = graph.add_group(group);
        for host in &hosts {
            let new = !graph.hosts.contains_key(host);
            graph.add_host(group, host, self.file);
            if let Some(port) = port.filter(|_| new) {
                self.set(host, "ansible_port", &port.to_string(), graph)?;
            }
            for (name, value) in &vars {
                self.set(host, name, value, graph)?;
            }
        }
        Ok(())
    }

    fn child(&mut self, line: &str, group: &str, graph: &mut Graph) -> Result<(), Error> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        if name.contains([':', ']']) || !(rest.is_empty() || rest.starts_with('#')) {
            return Err(self.wrong(format!("a section of children takes one group a line, not {line}")));
        }
        if let Some(child) = graph.group(name) {
            let parent = graph.add_group(group);
            // A group that has variables only is still to come.
            return graph.add_child(parent, child, &|m| self.wrong(m));
        }
        let pending = self.pending.entry(name.to_owned()).or_insert(Pending { line: self.line, parents: Vec::new() });
        pending.parents.push(group.to_owned());
        Ok(())
    }

    /// Groups that were named but have no section.
    fn finish(self) -> Result<(), Error> {
        let Some((name, pending)) = self.pending.into_iter().next() else { return Ok(()) };
        Err(Error::at(
            self.source,
            pending.line,
            match pending.parents.last() {
                None => format!("the section [{name}:vars] is of a group that is not defined: {name}"),
                Some(parent) => format!("the section [{parent}:children] names a group that is not defined: {name}"),
            },
        ))
    }
}

/// A Python literal where it is one, else the text.
fn literal_value(text: &str) -> Data {
    literal::evaluate_strictly(text).and_then(|v| v.to_data().ok()).unwrap_or_else(|| Data::str(text))
}

/// Splits as a POSIX shell does: at blanks outside of quotes, which go away; `#` begins a comment.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut open) = (Vec::new(), String::new(), false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => break,
            c if c.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            '\\' => word.push(chars.next().ok_or_else(|| format!("nothing follows the last backslash in {line}"))?),
            '\'' | '"' => {
                open = true;
                quoted(&mut chars, c, &mut word).ok_or_else(|| format!("a quote is not closed in {line}"))?;
            }
            c => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

/// The rest of a quotation; `None` where it does not end.
fn quoted(chars: &mut std::str::Chars, quote: char, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            c if c == quote => return Some(()),
            '\\' if quote == '"' => {
                let next = chars.next()?;
                if !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            c => word.push(c),
        }
    }
}
