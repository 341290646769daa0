//! Variables in files beside inventories: `group_vars/NAME` and `host_vars/NAME`, each a file or a directory of files;
//! and facts that Ansible remembered.

use super::Error;
use super::graph::Graph;
use super::pool::{Definition, Encrypted, Place, ValueKey};
use super::scan::{Fault, Scanner};
use crate::plan::{Data, limits};
use crate::sys::ahead;
use crate::vars::Vault;
use crate::vars::vault::{Keyring, is_sealed};
use crate::yaml::{self, Content, Flavour};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// What files of variables may end in; the first that exists counts.
const EXTENSIONS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

/// A directory `group_vars` or `host_vars`.
pub struct Folder {
    path: PathBuf,
    names: BTreeSet<String>,
}

impl Folder {
    /// Lists `PLACE/KIND`; empty where there is none.
    pub fn open(place: &Path, kind: &str) -> Result<Folder, Error> {
        let path = place.join(kind);
        let names = if path.is_dir() { names(&path)? } else { BTreeSet::new() };
        Ok(Folder { path, names })
    }

    /// The variables of a group or host.
    pub fn load(&self, name: &str, graph: &mut Graph, keyring: &Keyring) -> Result<Vec<Definition>, Error> {
        let mut vars = Vec::new();
        let names = [name.to_owned()];
        self.load_each(&names, (graph, keyring), |_, _, found| vars = found)?;
        Ok(vars)
    }

    /// The variables of groups or hosts, given to `take` with their numbers in `names`, in that order. Ten thousand files
    /// are read for one export: what needs neither passwords nor the graph is done on all processors.
    pub fn load_each(
        &self,
        names: &[String],
        (graph, keyring): (&mut Graph, &Keyring),
        mut take: impl FnMut(&mut Graph, usize, Vec<Definition>),
    ) -> Result<(), Error> {
        let mut at = 0;
        ahead::in_order(
            names,
            |name| self.read(name),
            |files| {
                let mut vars = Vec::new();
                for (path, text) in files? {
                    vars.extend(enter((&path, text?), graph, keyring)?);
                }
                take(graph, at, vars);
                at += 1;
                Ok(())
            },
        )
    }

    /// The files of a group or host, each with what it holds.
    fn read(&self, name: &str) -> Result<Vec<ReadFile>, Error> {
        let mut found = Vec::new();
        // A host may be a directory's path (chroots); its name is none of ours then.
        for extension in EXTENSIONS.iter().filter(|_| !name.contains('/')) {
            let full = format!("{name}{extension}");
            if !self.names.contains(&full) {
                continue;
            }
            let path = self.path.join(full);
            if path.is_dir() {
                directory(&path, &mut found, 0)?;
            } else {
                found.push(path);
            }
            break;
        }
        let read = |path: PathBuf| {
            let text = Text::read(&path);
            (path, text)
        };
        Ok(found.into_iter().map(read).collect())
    }
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |e| Error::at(&path.to_string_lossy(), 0, format!("cannot be read: {e}"))
}

fn names(path: &Path) -> Result<BTreeSet<String>, Error> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(unreadable(path))? {
        let name = entry.map_err(unreadable(path))?.file_name();
        found.extend(name.to_str().map(str::to_owned));
    }
    Ok(found)
}

/// The files of variables in a directory and those beneath it, in the order of their names.
fn directory(path: &Path, found: &mut Vec<PathBuf>, depth: usize) -> Result<(), Error> {
    if depth > limits::INCLUDE_DEPTH {
        return Err(Error::at(&path.to_string_lossy(), 0, "directories are nested too deep".to_owned()));
    }
    for name in names(path)?.into_iter().filter(|n| !n.starts_with('.') && !n.ends_with('~')) {
        let inside = path.join(&name);
        let extension = inside.extension().and_then(|e| e.to_str()).map(|e| format!(".{e}")).unwrap_or_default();
        if inside.is_dir() {
            if extension.is_empty() {
                directory(&inside, found, depth + 1)?;
            }
        } else if EXTENSIONS.contains(&extension.as_str()) {
            found.push(inside);
        }
    }
    Ok(())
}

/// A file, and what it holds.
type ReadFile = (PathBuf, Result<Text, Error>);

/// A variable of a file.
struct Var {
    name: String,
    line: u32,
    value: Data,
    key: ValueKey,
}

/// What a file of variables holds.
enum Text {
    /// Encrypted as a whole: it takes a password.
    Sealed(Vec<u8>),
    /// Its variables.
    Vars(Vec<Var>),
}

impl Text {
    fn read(path: &Path) -> Result<Text, Error> {
        let bytes = crate::sys::file::read_bounded(path, limits::YAML as u64).map_err(unreadable(path))?;
        if is_sealed(&bytes) {
            return Ok(Text::Sealed(bytes));
        }
        Ok(Text::Vars(parse(path, &bytes, Encrypted::No)?))
    }
}

/// The variables of a text.
fn parse(path: &Path, bytes: &[u8], encrypted: Encrypted) -> Result<Vec<Var>, Error> {
    let shown = path.to_string_lossy();
    let syntax = |e: yaml::Error| {
        let mark = e.mark.unwrap_or_default();
        // Of what was encrypted, only the place is told.
        let problem = if encrypted == Encrypted::Whole { "is not YAML".to_owned() } else { e.problem };
        Error { column: mark.column, ..Error::at(&shown, mark.line, problem) }
    };
    let (data, lines) = with_lines(bytes).map_err(syntax)?;
    let map = match data {
        Data::Map(map) => map,
        Data::Null => return Ok(Vec::new()),
        other => {
            let message = format!("must hold a dictionary of variables, not {}", other.type_name());
            return Err(Error::at(&shown, 1, message));
        }
    };
    let mut vars = Vec::with_capacity(map.len());
    for (name, value) in map {
        let Some(name) = name.as_str() else {
            return Err(Error::at(&shown, 1, format!("a variable's name must be text, not {}", name.type_name())));
        };
        let line = lines.get(name).copied().unwrap_or(0);
        vars.push(Var { name: name.to_owned(), line, key: ValueKey::of(&value), value });
    }
    Ok(vars)
}

/// Puts the variables of a file into the graph's pool, decrypted where it is encrypted.
fn enter((path, text): (&Path, Text), graph: &mut Graph, keyring: &Keyring) -> Result<Vec<Definition>, Error> {
    let shown = path.to_string_lossy();
    let (vars, encrypted) = match text {
        Text::Vars(vars) => (vars, Encrypted::No),
        Text::Sealed(bytes) => {
            let bytes = keyring.open(&bytes).map_err(|why| Error::at(&shown, 1, why))?;
            (parse(path, &bytes, Encrypted::Whole)?, Encrypted::Whole)
        }
    };
    if vars.is_empty() {
        return Ok(Vec::new());
    }
    let file = graph.pool.file(&shown, encrypted);
    let mut definitions = Vec::with_capacity(vars.len());
    for Var { name, line, value, key } in vars {
        if encrypted == Encrypted::Whole {
            keyring.conceal(&value);
        }
        note(&value, (&shown, line), keyring);
        let (name, value) = (graph.pool.name(&name), graph.pool.add_known(key, value));
        definitions.push(Definition { name, value, place: Place { file, line } });
    }
    Ok(definitions)
}

/// Remembers where envelopes stand, for messages.
fn note(value: &Data, place: (&str, u32), keyring: &Keyring) {
    match value {
        Data::Vault(envelope) => keyring.note(envelope, &format!("{}:{}", place.0, place.1)),
        Data::List(items) => items.iter().for_each(|i| note(i, place, keyring)),
        Data::Map(map) => map.values().for_each(|v| note(v, place, keyring)),
        _ => {}
    }
}

/// Names of a dictionary, and the lines on which they stand.
type Lines = HashMap<String, u32>;

/// The value of a file, and the lines of its names. Ten thousand of these are read for one export: each is parsed once.
fn with_lines(bytes: &[u8]) -> Result<(Data, Lines), yaml::Error> {
    if let Some(data) = yaml::read_json(bytes) {
        return Ok((data, json_lines(bytes).unwrap_or_default()));
    }
    let root = yaml::document(bytes, Flavour::Ansible)?.root;
    let lines = match &root.content {
        Content::Map(pairs) => pairs.iter().filter_map(|(k, _)| Some((k.as_str()?.to_owned(), k.start.line))).collect(),
        _ => Lines::new(),
    };
    Ok((root.into_data(), lines))
}

/// The lines of a JSON object's names; what is no object has none.
fn json_lines(bytes: &[u8]) -> Result<Lines, Fault> {
    let mut scanner = Scanner::new(bytes, limits::YAML);
    let (mut lines, mut first) = (Lines::new(), true);
    scanner.expect(b'{', "no object")?;
    while let Some(name) = scanner.name(&mut first)? {
        let line = scanner.line();
        lines.insert(name, line);
        scanner.value()?;
    }
    Ok(lines)
}

/// Facts of hosts that Ansible's `jsonfile` cache holds: a file per host. They override what the inventory says.
pub fn facts(cache: &Path, graph: &mut Graph) -> Result<(), Error> {
    let listed = names(cache)?;
    let hosts: Vec<(usize, PathBuf)> = graph
        .hosts
        .keys()
        .enumerate()
        .filter(|(_, h)| listed.contains(*h))
        .map(|(at, h)| (at, cache.join(h)))
        .collect();
    ahead::in_order(
        &hosts,
        |(at, path)| Ok((*at, path.to_string_lossy().into_owned(), remembered(path)?)),
        |read| {
            let (at, shown, facts) = read?;
            let file = graph.pool.file(&shown, Encrypted::No);
            for Var { name, line, value, key } in facts {
                let (name, value) = (graph.pool.name(&name), graph.pool.add_known(key, value));
                if let Some((_, host)) = graph.hosts.get_index_mut(at) {
                    host.vars.push(Definition { name, value, place: Place { file, line } });
                }
            }
            Ok(())
        },
    )
}

/// What a file of facts holds.
fn remembered(path: &Path) -> Result<Vec<Var>, Error> {
    let bytes = crate::sys::file::read_bounded(path, limits::EXPORT_FILE).map_err(unreadable(path))?;
    let Ok(Data::Map(facts)) = yaml::read_vars(&bytes) else {
        let message = "is no file of a jsonfile fact cache: it holds no dictionary".to_owned();
        return Err(Error::at(&path.to_string_lossy(), 1, message));
    };
    let var = |(name, value): (Data, Data)| {
        let value = foreign(value);
        Some(Var { name: name.as_str()?.to_owned(), line: 0, key: ValueKey::of(&value), value })
    };
    Ok(facts.into_iter().filter_map(var).collect())
}

/// Text from a machine is never a template.
fn foreign(value: Data) -> Data {
    match value {
        Data::Str(text) => Data::Unsafe(text),
        Data::List(items) => Data::List(items.into_iter().map(foreign).collect()),
        Data::Map(map) => Data::Map(map.into_iter().map(|(k, v)| (k, foreign(v))).collect()),
        other => other,
    }
}
