//! YAML inventories: groups with `hosts`, `vars` and `children`, nested.

use super::graph::Graph;
use super::pool::Place;
use super::{Error, Named, range};
use crate::plan::Data;
use crate::plan::limits::INCLUDE_DEPTH;
use crate::yaml::{Content, Node};

/// Adds the groups of an inventory file.
pub fn read(root: &Node, (source, file): (&str, u32), graph: &mut Graph) -> Result<(), Error> {
    let reader = Reader { source, file };
    let Some(groups) = reader.map(root, "an inventory")? else { return Ok(()) };
    for (name, _) in groups {
        if name.as_str() == Some("plugin") {
            return Err(reader
                .wrong(name, "this configures an inventory plugin, which only Ansible runs".to_owned())
                .hint("give the output of ansible-inventory --list instead"));
        }
    }
    for (name, entry) in groups {
        reader.group(name, entry, graph, 0)?;
    }
    Ok(())
}

type Pairs = [(Node, Node)];

struct Reader<'s> {
    source: &'s str,
    file: u32,
}

impl Reader<'_> {
    fn wrong(&self, node: &Node, message: String) -> Error {
        Error { column: node.start.column, ..Error::at(self.source, node.start.line, message) }
    }

    fn map<'n>(&self, node: &'n Node, what: &str) -> Result<Option<&'n Pairs>, Error> {
        match &node.content {
            Content::Map(pairs) => Ok(Some(pairs)),
            Content::Scalar(Data::Null) => Ok(None),
            Content::Scalar(Data::Map(map)) if map.is_empty() => Ok(None),
            _ => Err(self.wrong(node, format!("{what} must be a dictionary, not {}", node.data().type_name()))),
        }
    }

    fn group(&self, name: &Node, entry: &Node, graph: &mut Graph, depth: usize) -> Result<u32, Error> {
        let Some(text) = name.as_str().filter(|t| !t.is_empty()) else {
            return Err(self.wrong(name, format!("a group's name must be text, not {}", name.data().type_name())));
        };
        if depth > INCLUDE_DEPTH {
            return Err(self.wrong(name, format!("the group {text} is nested too deep")));
        }
        let id = graph.add_group(text);
        let Some(sections) = self.map(entry, &format!("the group {text}"))? else { return Ok(id) };
        for (key, value) in sections {
            match key.as_str() {
                Some("vars") => self.vars(text, value, graph)?,
                Some("hosts") => self.hosts((text, id), value, graph)?,
                Some("children") => self.children((text, id), value, graph, depth)?,
                _ => {
                    let key = key.as_str().unwrap_or("?");
                    return Err(self
                        .wrong(value, format!("the group {text} has hosts, vars and children, not {key}"))
                        .hint("Ansible skips what it does not know; take it away, or put it beneath vars"));
                }
            }
        }
        Ok(id)
    }

    fn vars(&self, group: &str, node: &Node, graph: &mut Graph) -> Result<(), Error> {
        for (name, value) in self.map(node, &format!("vars of the group {group}"))?.unwrap_or_default() {
            self.set(group, name, value, graph)?;
        }
        Ok(())
    }

    fn set(&self, entity: &str, name: &Node, value: &Node, graph: &mut Graph) -> Result<(), Error> {
        let Some(text) = name.as_str() else {
            return Err(self.wrong(name, format!("a variable's name must be text, not {}", name.data().type_name())));
        };
        let place = Place { file: self.file, line: name.start.line };
        graph.set(entity, Named { name: text, value: value.data(), place }, &|m| self.wrong(value, m))
    }

    fn hosts(&self, (group, id): (&str, u32), node: &Node, graph: &mut Graph) -> Result<(), Error> {
        let none = [];
        let pairs: Vec<(&Node, &Pairs)> = match node.as_str() {
            Some(_) => vec![(node, &none)],
            None => {
                let mut pairs = Vec::new();
                for (host, vars) in self.map(node, &format!("hosts of the group {group}"))?.unwrap_or_default() {
                    let shown = host.as_str().unwrap_or("?");
                    pairs.push((host, self.map(vars, &format!("the host {shown}"))?.unwrap_or_default()));
                }
                pairs
            }
        };
        for (pattern, vars) in pairs {
            let Some(text) = pattern.as_str() else {
                return Err(self
                    .wrong(pattern, format!("a host's name must be text, not {}", pattern.data().type_name()))
                    .hint("put it in quotes"));
            };
            let (names, port) = range::expand(text).map_err(|why| self.wrong(pattern, why))?;
            for host in &names {
                let new = !graph.hosts.contains_key(host);
                graph.add_host(id, host, self.file);
                if let Some(port) = port.filter(|_| new) {
                    let place = Place { file: self.file, line: pattern.start.line };
                    let value = Data::Int(i128::from(port));
                    graph.set(host, Named { name: "ansible_port", value, place }, &|m| self.wrong(pattern, m))?;
                }
                for (name, value) in vars {
                    self.set(host, name, value, graph)?;
                }
            }
        }
        Ok(())
    }

    fn children(&self, (group, id): (&str, u32), node: &Node, graph: &mut Graph, depth: usize) -> Result<(), Error> {
        if let Some(only) = node.as_str() {
            let child = graph.add_group(only);
            return graph.add_child(id, child, &|m| self.wrong(node, m));
        }
        for (child, entry) in self.map(node, &format!("children of the group {group}"))?.unwrap_or_default() {
            let below = self.group(child, entry, graph, depth + 1)?;
            graph.add_child(id, below, &|m| self.wrong(child, m))?;
        }
        Ok(())
    }
}
