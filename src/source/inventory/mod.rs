//! Inventories as Ansible reads them: INI, YAML and the JSON of `ansible-inventory --list`, directories of these, with
//! `group_vars` and `host_vars` beside them. One reader for `apply`, `plan` and `export`.
//!
//! Ten thousand hosts have almost the same variables, so nothing is copied per host: names and values are numbers into
//! a pool, and a host is a list of groups and what it has of its own.

mod files;
mod graph;
mod ini;
mod listing;
mod nested;
mod pattern;
mod pool;
mod range;
mod scan;
#[cfg(test)]
mod tests;

pub use graph::GroupNames;
pub use pool::{Definition, NameId, Place, ValueId};

use crate::plan::{Data, Map, limits};
use crate::vars::Vault;
use crate::vars::vault::{Keyring, is_sealed};
use crate::yaml::{self, Content, Flavour};
use graph::{Graph, Group, find, settled};
use indexmap::IndexMap;
use pool::{Encrypted, Pool, number};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Endings of files that a directory may hold beside inventories.
const IGNORED: [&str; 13] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".ini", ".cfg", ".retry"];

/// Names of this machine, which Ansible knows without an inventory.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// An inventory that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, or what stands for it.
    pub file: String,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Error {
    fn at(file: &str, line: u32, message: String) -> Error {
        Error { file: file.to_owned(), line, column: 0, message, hint: None }
    }

    fn hint(self, hint: &str) -> Error {
        Error { hint: Some(hint.to_owned()), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().filter(|n| *n > 0) {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// What is read.
pub struct Sources<'a> {
    /// Files, directories, host lists with commas, or `-` for standard input, in order.
    pub inventories: &'a [String],
    /// A playbook's directory, whose `group_vars` and `host_vars` come over the inventories'.
    pub playbook_dir: Option<&'a Path>,
    /// A fact cache: a directory of JSON files.
    pub facts: Option<&'a Path>,
    /// Opens encrypted files.
    pub keyring: &'a Keyring,
}

/// A host or group that no file names.
#[derive(Clone, Debug)]
pub enum Added {
    /// A host, in these groups, with these variables.
    Host {
        /// Its name.
        name: String,
        /// Its groups.
        groups: Vec<String>,
        /// Its variables.
        vars: Map,
    },
    /// A host that is put into a group.
    Member {
        /// The group.
        group: String,
        /// The host.
        host: String,
        /// Groups that the group becomes a child of.
        parents: Vec<String>,
    },
}

/// Puts what a run added into the graph.
fn add(added: &Added, graph: &mut Graph) -> Result<(), Error> {
    let file = graph.pool.file("add_host", Encrypted::No);
    let at = |m: String| Error::at("add_host", 0, m);
    match added {
        Added::Host { name, groups, vars } => {
            for group in groups.iter().map(String::as_str).chain(groups.is_empty().then_some("ungrouped")) {
                let group = graph.add_group(group);
                graph.add_host(group, name, file);
            }
            for (key, value) in vars {
                let Some(key) = key.as_str() else { continue };
                graph.set(name, Named { name: key, value: value.clone(), place: Place { file, line: 0 } }, &at)?;
            }
        }
        Added::Member { group, host, parents } => {
            let group = graph.add_group(group);
            graph.add_host(group, host, file);
            for parent in parents {
                let parent = graph.add_group(parent);
                graph.add_child(parent, group, &at)?;
            }
        }
    }
    Ok(())
}

/// A variable as it is set.
struct Named<'a> {
    name: &'a str,
    value: Data,
    place: Place,
}

/// Hosts, groups and variables, complete.
pub struct Inventory {
    pool: Pool,
    groups: Vec<Group>,
    group_index: HashMap<String, u32>,
    hosts: IndexMap<String, Host>,
    /// The first is that of hosts in no group.
    chains: Vec<Chain>,
    /// Variables of the names of this machine that no inventory has.
    implicit: HashMap<&'static str, Vec<Definition>>,
    /// Names of groups were met that are no names of variables.
    odd_names: bool,
}

/// A host: its groups, and variables of its own.
struct Host {
    chain: u32,
    own: Vec<Definition>,
    source: u32,
}

/// Groups that hosts have in common, outermost first, and what comes of their variables.
struct Chain {
    names: Vec<String>,
    vars: Vec<Definition>,
}

/// Reads inventories.
pub fn read(sources: &Sources) -> Result<Inventory, Error> {
    read_with(sources, &Grown::default())
}

/// What a run does to inventories.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grown<'a> {
    /// Hosts and groups that its tasks added.
    pub added: &'a [Added],
    /// Dictionaries of one name are merged instead of replaced.
    pub merge_hashes: bool,
    /// What becomes of names of groups that are no names of variables.
    pub names: GroupNames,
    /// Lists of hosts may have ranges (`advanced_host_list`).
    pub ranges: bool,
}

/// Reads inventories, and takes what a run does to them.
pub fn read_with(sources: &Sources, grown: &Grown) -> Result<Inventory, Error> {
    let mut graph = Graph::new();
    graph.merge_hashes = grown.merge_hashes;
    graph.names = grown.names;
    graph.ranges = grown.ranges;
    for source in sources.inventories {
        read_source(source, &mut graph, (sources.keyring, 0))?;
    }
    for added in grown.added {
        add(added, &mut graph)?;
    }
    graph.reconcile();
    let mut places: Vec<PathBuf> = Vec::new();
    for source in sources.inventories {
        let path = Path::new(source);
        if path.is_dir() {
            places.push(path.to_owned());
        } else if path.is_file() {
            places.push(crate::sys::file::parent(path).to_owned());
        }
    }
    places.extend(sources.playbook_dir.map(Path::to_owned));
    complete(graph, &places, sources)
}

fn read_source(source: &str, graph: &mut Graph, (keyring, depth): (&Keyring, usize)) -> Result<(), Error> {
    let path = Path::new(source);
    if source == "-" {
        let file = graph.pool.file("standard input", Encrypted::No);
        return listing::read(std::io::stdin().lock(), ("standard input", file), graph);
    }
    if source.contains(',') && !path.exists() {
        let file = graph.pool.file(source, Encrypted::No);
        let ungrouped = graph.add_group("ungrouped");
        for host in source.split(',').map(str::trim).filter(|h| !h.is_empty()) {
            let (names, port) = match graph.ranges {
                true => range::expand(host).map_err(|why| Error::at(source, 0, why))?,
                false => {
                    let (name, port) = range::port(host);
                    (vec![name.to_owned()], port)
                }
            };
            for name in names {
                graph.add_host(ungrouped, &name, file);
                if let Some(port) = port {
                    let value = Data::Int(i128::from(port));
                    let var = Named { name: "ansible_port", value, place: Place { file, line: 0 } };
                    graph.set(&name, var, &|m| Error::at(source, 0, m))?;
                }
            }
        }
        return Ok(());
    }
    let unreadable = |e: std::io::Error| Error::at(source, 0, format!("the inventory cannot be read: {e}"));
    if !path.is_dir() {
        return read_file(source, graph, keyring);
    }
    if depth > limits::INCLUDE_DEPTH {
        return Err(Error::at(source, 0, "directories are nested too deep".to_owned()));
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let ignored = |name: &str| {
        name.starts_with('.')
            || matches!(name, "host_vars" | "group_vars" | "vars_plugins")
            || IGNORED.iter().any(|end| name.ends_with(end))
    };
    for name in names.iter().filter(|n| !ignored(n)) {
        read_source(&path.join(name).to_string_lossy(), graph, (keyring, depth + 1))?;
    }
    Ok(())
}

fn read_file(source: &str, graph: &mut Graph, keyring: &Keyring) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let unreadable = |e: std::io::Error| Error::at(source, 0, format!("the inventory cannot be read: {e}"));
    if source == "/dev/null" {
        return Ok(());
    }
    let path = Path::new(source);
    let mut opened = File::open(path).map_err(unreadable)?;
    let meta = opened.metadata().map_err(unreadable)?;
    let mut head = [0; 4096];
    let length = opened.read(&mut head).map_err(unreadable)?;
    let head = &head[..length];
    if meta.permissions().mode() & 0o111 != 0 && head.starts_with(b"#!") {
        return Err(Error::at(source, 1, "is a program that makes an inventory".to_owned())
            .hint("nothing of an inventory is run here: give the output of ansible-inventory --list"));
    }
    let encrypted = if is_sealed(head) { Encrypted::Whole } else { Encrypted::No };
    let file = graph.pool.file(source, encrypted);
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let yaml = matches!(extension, "yml" | "yaml" | "json");
    if head.trim_ascii_start().starts_with(b"{") && is_listing(source).map_err(unreadable)? {
        let text = File::open(path).map_err(unreadable)?;
        return listing::read(text, (source, file), graph);
    }
    let mut bytes = crate::sys::file::read_bounded(path, limits::YAML as u64).map_err(unreadable)?;
    if encrypted == Encrypted::Whole {
        bytes = keyring.open(&bytes).map_err(|why| Error::at(source, 1, why))?;
    }
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    let mut broken = None;
    if yaml || extension.is_empty() {
        match yaml::document(&bytes, Flavour::Ansible) {
            Ok(document) if matches!(document.root.content, Content::Map(_)) => {
                return nested::read(&document.root, (source, file), graph);
            }
            Ok(document) => {
                let what = document.root.data().type_name();
                let message = format!("an inventory must be a dictionary of groups, not {what}");
                broken = Some(Error::at(source, document.root.start.line, message));
            }
            Err(e) => {
                let mark = e.mark.unwrap_or_default();
                broken = Some(Error { column: mark.column, ..Error::at(source, mark.line, e.problem) });
            }
        }
    }
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        Error::at(source, number(line + 1), "is not UTF-8".to_owned())
    })?;
    let sections = text.lines().any(|l| l.trim_start().starts_with('['));
    match broken {
        // Without an ending it may be either; what looks like YAML is told as YAML.
        Some(e) if yaml || !sections && text.lines().any(|l| l.trim_end().ends_with(':')) => Err(e),
        _ => ini::read(text, (source, file), graph),
    }
}

/// Whether JSON is that of `ansible-inventory --list`, which has `_meta` at its top, near its begin or its end.
fn is_listing(source: &str) -> std::io::Result<bool> {
    use std::io::{Seek, SeekFrom};
    const NEAR: u64 = 1 << 20;
    let mut file = File::open(source)?;
    let mut text = Vec::new();
    file.by_ref().take(NEAR).read_to_end(&mut text)?;
    let length = file.metadata()?.len();
    if length > NEAR {
        file.seek(SeekFrom::Start(length.saturating_sub(NEAR).max(NEAR)))?;
        file.take(NEAR).read_to_end(&mut text)?;
    }
    Ok(text.windows(7).any(|w| w == b"\"_meta\""))
}

/// Adds the files of variables and merges what groups have in common.
fn complete(mut graph: Graph, places: &[PathBuf], sources: &Sources) -> Result<Inventory, Error> {
    let mut group_folders = Vec::new();
    let mut host_folders = Vec::new();
    for place in places {
        group_folders.push(files::Folder::open(place, "group_vars")?);
        host_folders.push(files::Folder::open(place, "host_vars")?);
    }
    let mut beside: Vec<Vec<Vec<Definition>>> = Vec::new();
    let names: Vec<String> = graph.groups.iter().map(|g| g.name.clone()).collect();
    for folder in &group_folders {
        let mut found = Vec::with_capacity(names.len());
        folder.load_each(&names, (&mut graph, sources.keyring), |_, _, vars| found.push(vars))?;
        beside.push(found);
    }
    let names: Vec<String> = graph.hosts.keys().cloned().collect();
    for folder in &host_folders {
        folder.load_each(&names, (&mut graph, sources.keyring), |graph, at, vars| {
            if let Some((_, host)) = graph.hosts.get_index_mut(at) {
                host.vars.extend(vars);
            }
        })?;
    }
    let mut implicit = HashMap::new();
    for name in LOCAL {
        if graph.hosts.contains_key(name) {
            continue;
        }
        let mut vars = Vec::new();
        for folder in &host_folders {
            vars.extend(folder.load(name, &mut graph, sources.keyring)?);
        }
        implicit.insert(name, settled(vars, graph.merging()));
    }
    if let Some(cache) = sources.facts {
        files::facts(cache, &mut graph)?;
    }
    Ok(Inventory { implicit, ..joined(graph, &beside) })
}

fn joined(graph: Graph, beside: &[Vec<Vec<Definition>>]) -> Inventory {
    let Graph { mut pool, groups, hosts, merge_hashes, odd_names, .. } = graph;
    let mut of: Vec<Vec<u32>> = vec![Vec::new(); hosts.len()];
    let mut order: Vec<u32> = (1..number(groups.len())).collect();
    let rank = |g: &u32| {
        let group = &groups[*g as usize];
        (group.depth, group.priority, group.name.clone())
    };
    order.sort_by_cached_key(rank);
    for group in order {
        for host in &groups[group as usize].members {
            of[*host as usize].push(group);
        }
    }
    let mut chains: Vec<Chain> = vec![merged(&groups, beside, &[], merge_hashes.then_some(&mut pool))];
    let mut known: HashMap<Vec<u32>, u32> = [(Vec::new(), 0)].into_iter().collect();
    let mut done = IndexMap::with_capacity(hosts.len());
    for ((name, host), chain) in hosts.into_iter().zip(of) {
        let chain = match known.get(&chain) {
            Some(id) => *id,
            None => {
                let id = number(chains.len());
                chains.push(merged(&groups, beside, &chain, merge_hashes.then_some(&mut pool)));
                known.insert(chain, id);
                id
            }
        };
        let mut own = host.vars;
        if merge_hashes {
            // A host's dictionaries are merged over its groups'.
            own.splice(0..0, chains[chain as usize].vars.iter().copied());
        }
        let own = settled(own, merge_hashes.then_some(&mut pool));
        done.insert(name, Host { chain, own, source: host.source });
    }
    let group_index = groups.iter().enumerate().map(|(at, g)| (g.name.clone(), number(at))).collect();
    Inventory { pool, groups, group_index, hosts: done, chains, odd_names, implicit: HashMap::new() }
}

/// Precedence 3 to 7, lowest first: `all` and the groups in the inventory, then their files.
fn merged(groups: &[Group], beside: &[Vec<Vec<Definition>>], chain: &[u32], pool: Option<&mut Pool>) -> Chain {
    let mut vars: Vec<Definition> = Vec::new();
    for group in std::iter::once(&0).chain(chain) {
        vars.extend(&groups[*group as usize].vars);
    }
    for place in beside {
        vars.extend(&place[0]);
    }
    for place in beside {
        for group in chain {
            vars.extend(&place[*group as usize]);
        }
    }
    let mut names: Vec<String> = chain.iter().map(|g| groups[*g as usize].name.clone()).collect();
    names.sort();
    Chain { names, vars: settled(vars, pool) }
}

impl Inventory {
    /// What Ansible says of names of groups that are no names of variables, if there are any.
    pub fn said_of_names(&self, how: GroupNames) -> Option<&'static str> {
        how.warning().filter(|_| self.odd_names)
    }

    /// All hosts, in the order in which the inventory names them.
    pub fn hosts(&self) -> std::ops::Range<u32> {
        0..number(self.hosts.len())
    }

    /// The members of `all`, in the order of `groups['all']`.
    pub fn all(&self) -> &[u32] {
        &self.groups[0].members
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<u32> {
        self.hosts.get_index_of(name).map(number)
    }

    /// A host's name.
    pub fn name(&self, host: u32) -> &str {
        self.hosts.get_index(host as usize).map_or("", |(name, _)| name)
    }

    /// The file that named a host first: `inventory_file`.
    pub fn source(&self, host: u32) -> String {
        self.pool.place(Place { file: self.hosts[host as usize].source, line: 0 })
    }

    /// Groups with their members, in the order in which the inventory names them.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.groups.iter().map(|g| (g.name.as_str(), g.members.as_slice()))
    }

    /// The members of a group.
    pub fn group(&self, name: &str) -> Option<&[u32]> {
        self.group_index.get(name).map(|g| self.groups[*g as usize].members.as_slice())
    }

    /// The groups and hosts that are named directly below each group, as `ansible-inventory --list` shows them.
    pub fn tree(&self) -> impl Iterator<Item = (&str, Vec<&str>, Vec<&str>)> {
        self.groups.iter().map(|g| {
            let children = g.children.iter().map(|c| self.groups[*c as usize].name.as_str()).collect();
            (g.name.as_str(), children, g.hosts.iter().map(|h| self.name(*h)).collect())
        })
    }

    /// A host's groups but `all`, sorted by name: `group_names`.
    pub fn group_names(&self, host: u32) -> &[String] {
        &self.chain(host).names
    }

    /// A number that hosts share whose groups are the same.
    pub fn class(&self, host: u32) -> u32 {
        self.hosts[host as usize].chain
    }

    fn chain(&self, host: u32) -> &Chain {
        &self.chains[self.hosts[host as usize].chain as usize]
    }

    /// The number of a variable's name.
    pub fn name_id(&self, name: &str) -> Option<NameId> {
        self.pool.known_name(name)
    }

    /// How many names of variables there are.
    pub fn names(&self) -> usize {
        self.pool.names()
    }

    /// A variable's name.
    pub fn text(&self, name: NameId) -> &Arc<str> {
        self.pool.text(name)
    }

    /// How many values there are.
    pub fn values(&self) -> usize {
        self.pool.values()
    }

    /// A value.
    pub fn value(&self, value: ValueId) -> &Arc<Data> {
        self.pool.value(value)
    }

    /// `FILE:LINE`.
    pub fn place(&self, place: Place) -> String {
        self.pool.place(place)
    }

    /// Whether a definition stands in a file that was encrypted as a whole.
    pub fn vaulted(&self, place: Place) -> bool {
        self.pool.vaulted(place)
    }

    /// What a variable is for a host.
    pub fn get(&self, host: u32, name: NameId) -> Option<&Definition> {
        find(&self.hosts[host as usize].own, name).or_else(|| find(&self.chain(host).vars, name))
    }

    /// All variables of a host, sorted by the numbers of their names.
    pub fn definitions(&self, host: u32) -> Vec<Definition> {
        over(&self.chain(host).vars, &self.hosts[host as usize].own)
    }

    /// The variables of a name of this machine that the inventory does not have.
    pub fn implicit(&self, name: &str) -> Vec<Definition> {
        over(&self.chains[0].vars, self.implicit.get(name).map_or(&[], Vec::as_slice))
    }
}

/// Definitions over others, sorted by name.
fn over(below: &[Definition], own: &[Definition]) -> Vec<Definition> {
    let mut all: Vec<Definition> = below.iter().filter(|d| find(own, d.name).is_none()).copied().collect();
    all.extend(own);
    all.sort_unstable_by_key(|d| d.name);
    all
}
