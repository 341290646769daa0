//! The JSON of `ansible-inventory --list`: what an inventory came to, with every host's variables merged already. It is
//! read as a stream, for ten thousand hosts make more than half a gigabyte of it.

use super::graph::Graph;
use super::pool::{Definition, Place, ValueId};
use super::scan::{Fault, Scanner};
use super::{Error, Named};
use crate::plan::{Data, limits};
use crate::yaml;
use std::io::Read;

/// Adds the hosts and groups of a listing.
pub fn read(text: impl Read, (source, file): (&str, u32), graph: &mut Graph) -> Result<(), Error> {
    let mut reader =
        Reader { scanner: Scanner::new(text, limits::YAML), source, file, groups: Vec::new(), last: Vec::new() };
    let read = reader.top(graph);
    reader.told(read)??;
    let Reader { source, groups, .. } = reader;
    for (name, line, entry) in &groups {
        group(name, entry, (source, file, *line), graph)?;
    }
    Ok(())
}

struct Reader<'s, R> {
    scanner: Scanner<R>,
    source: &'s str,
    file: u32,
    groups: Vec<(String, u32, Data)>,
    /// The value that each name had last, as text.
    last: Vec<Option<(Box<[u8]>, ValueId)>>,
}

/// Faults of the text, and errors of what it says.
type Scanned<T> = Result<Result<T, Error>, Fault>;

impl<R: Read> Reader<'_, R> {
    fn told<T>(&mut self, read: Result<T, Fault>) -> Result<T, Error> {
        let wrong = |line, message| Error::at(self.source, line, message);
        read.map_err(|fault| match fault {
            Fault::Io(e) => wrong(0, format!("cannot be read: {e}")),
            Fault::Json(what) => wrong(self.scanner.line(), format!("is not JSON: {what}")),
            Fault::TooLong(bytes) => wrong(self.scanner.line(), format!("holds a value of more than {bytes} bytes")),
        })
    }

    fn top(&mut self, graph: &mut Graph) -> Scanned<()> {
        self.scanner.expect(b'{', "an inventory is an object")?;
        let (mut first, mut hosts) = (true, false);
        while let Some(name) = self.scanner.name(&mut first)? {
            let line = self.scanner.line();
            if name == "_meta" {
                hosts = true;
                if let Err(e) = self.meta(graph)? {
                    return Ok(Err(e));
                }
                continue;
            }
            let text = self.scanner.value()?;
            match yaml::read_vars(text) {
                Ok(entry) => self.groups.push((name, line, entry)),
                Err(e) => return Ok(Err(Error::at(self.source, line, format!("the group {name}: {}", e.problem)))),
            }
        }
        if self.scanner.peek()?.is_some() {
            return Err(Fault::Json("something follows the inventory"));
        }
        if !hosts {
            let message = "has no _meta.hostvars: is it the output of ansible-inventory --list?".to_owned();
            return Ok(Err(Error::at(self.source, 0, message)));
        }
        Ok(Ok(()))
    }

    fn meta(&mut self, graph: &mut Graph) -> Scanned<()> {
        self.scanner.expect(b'{', "_meta is an object")?;
        let mut first = true;
        while let Some(name) = self.scanner.name(&mut first)? {
            if name != "hostvars" {
                self.scanner.value()?;
                continue;
            }
            self.scanner.expect(b'{', "hostvars is an object")?;
            let mut first = true;
            while let Some(host) = self.scanner.name(&mut first)? {
                if graph.hosts.len() >= limits::INVENTORY_HOSTS {
                    let message = format!("has more than {} hosts", limits::INVENTORY_HOSTS);
                    return Ok(Err(Error::at(self.source, 0, message)));
                }
                if let Err(e) = self.host(&host, graph)? {
                    return Ok(Err(e));
                }
            }
        }
        Ok(Ok(()))
    }

    fn host(&mut self, host: &str, graph: &mut Graph) -> Scanned<()> {
        self.scanner.expect(b'{', "a host's variables are an object")?;
        let id = graph.add_host(0, host, self.file);
        let mut vars: Vec<Definition> = Vec::new();
        let mut first = true;
        while let Some(name) = self.scanner.name(&mut first)? {
            let line = self.scanner.line();
            let name = graph.pool.name(&name);
            if self.last.len() <= name as usize {
                self.last.resize(name as usize + 1, None);
            }
            let last = self.last[name as usize].as_ref();
            let text = self.scanner.value_like(last.map_or(&[], |(text, _)| text))?;
            let value = match last {
                Some((known, value)) if **known == *text => *value,
                _ => match graph.pool.add_json(text, || yaml::read_vars(text)) {
                    Ok(value) => {
                        self.last[name as usize] = Some((text.into(), value));
                        value
                    }
                    Err(e) => {
                        let message = format!("the host {host}, {}: {}", graph.pool.text(name), e.problem);
                        return Ok(Err(Error::at(self.source, line, message)));
                    }
                },
            };
            vars.push(Definition { name, value, place: Place { file: self.file, line } });
        }
        if let Some(entry) = graph.hosts.get_index_mut(id as usize) {
            match entry.1.vars.is_empty() {
                true => entry.1.vars = vars,
                false => entry.1.vars.extend(vars),
            }
        }
        Ok(Ok(()))
    }
}

/// A group's hosts, children and variables; a bare list is its hosts.
fn group(name: &str, entry: &Data, (source, file, line): (&str, u32, u32), graph: &mut Graph) -> Result<(), Error> {
    let wrong = |message: String| Error::at(source, line, message);
    let id = graph.add_group(name);
    let list = |data: Option<&Data>, what: &str| -> Result<Vec<String>, Error> {
        let Some(data) = data else { return Ok(Vec::new()) };
        let items = data.as_list().map(|items| items.iter().map(|i| i.as_str().map(str::to_owned)).collect());
        items.flatten().ok_or_else(|| wrong(format!("{what} of the group {name} must be a list of names")))
    };
    if entry.as_list().is_none() && entry.as_map().is_none() {
        return Err(wrong(format!("the group {name} must be an object, not {}", entry.type_name())));
    }
    let hosts = if entry.as_list().is_some() { Some(entry) } else { entry.get("hosts") };
    for child in list(entry.get("children"), "children")? {
        let child = graph.add_group(&child);
        graph.add_child(id, child, &|m| wrong(m))?;
    }
    for host in list(hosts, "hosts")? {
        graph.add_host(id, &host, file);
    }
    for (key, value) in entry.get("vars").and_then(Data::as_map).into_iter().flatten() {
        let Some(key) = key.as_str() else { continue };
        let var = Named { name: key, value: value.clone(), place: Place { file, line } };
        graph.set(name, var, &|m| wrong(m))?;
    }
    Ok(())
}
