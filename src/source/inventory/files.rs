//! Variables in files beside inventories: `group_vars/NAME` and `host_vars/NAME`, each a file or a directory of files;
//! and facts that Ansible remembered.

use super::Error;
use super::graph::Graph;
use super::pool::{Definition, Encrypted, Place};
use super::scan::{Fault, Scanner};
use crate::plan::{Data, limits};
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
        let mut vars = Vec::new();
        for path in found {
            vars.extend(file(&path, graph, keyring)?);
        }
        Ok(vars)
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

/// The variables of a file, decrypted where it is encrypted.
fn file(path: &Path, graph: &mut Graph, keyring: &Keyring) -> Result<Vec<Definition>, Error> {
    let shown = path.to_string_lossy();
    let mut bytes = crate::sys::file::read_bounded(path, limits::YAML as u64).map_err(unreadable(path))?;
    let mut encrypted = Encrypted::No;
    if is_sealed(&bytes) {
        encrypted = Encrypted::Whole;
        bytes = keyring.open(&bytes).map_err(|why| Error::at(&shown, 1, why))?;
    }
    let number = graph.pool.file(&shown, encrypted);
    let syntax = |e: yaml::Error| {
        let mark = e.mark.unwrap_or_default();
        // Of what was encrypted, only the place is told.
        let problem = if encrypted == Encrypted::Whole { "is not YAML".to_owned() } else { e.problem };
        Error { column: mark.column, ..Error::at(&shown, mark.line, problem) }
    };
    let (data, lines) = with_lines(&bytes).map_err(syntax)?;
    let map = match data {
        Data::Map(map) => map,
        Data::Null => return Ok(Vec::new()),
        other => {
            let message = format!("must hold a dictionary of variables, not {}", other.type_name());
            return Err(Error::at(&shown, 1, message));
        }
    };
    if encrypted == Encrypted::Whole {
        keyring.conceal(&Data::Map(map.clone()));
    }
    let mut vars = Vec::with_capacity(map.len());
    for (name, value) in map {
        let Some(name) = name.as_str() else {
            return Err(Error::at(&shown, 1, format!("a variable's name must be text, not {}", name.type_name())));
        };
        let line = lines.get(name).copied().unwrap_or(0);
        note(&value, &format!("{shown}:{line}"), keyring);
        vars.push(graph.definition(name, value, Place { file: number, line }));
    }
    Ok(vars)
}

/// Remembers where envelopes stand, for messages.
pub fn note(value: &Data, place: &str, keyring: &Keyring) {
    match value {
        Data::Vault(envelope) => keyring.note(envelope, place),
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
    for at in 0..graph.hosts.len() {
        let Some(host) = graph.hosts.get_index(at).map(|(name, _)| name.clone()) else { continue };
        if !listed.contains(&host) {
            continue;
        }
        let path = cache.join(&host);
        let shown = path.to_string_lossy().into_owned();
        let bytes = crate::sys::file::read_bounded(&path, limits::EXPORT_FILE).map_err(unreadable(&path))?;
        let wrong = |what: &str| Error::at(&shown, 1, format!("is no file of a jsonfile fact cache: {what}"));
        let Ok(Data::Map(facts)) = yaml::read_vars(&bytes) else { return Err(wrong("it holds no dictionary")) };
        let file = graph.pool.file(&shown, Encrypted::No);
        for (name, value) in facts {
            let Some(name) = name.as_str() else { continue };
            let definition = graph.definition(name, foreign(value), Place { file, line: 0 });
            if let Some((_, host)) = graph.hosts.get_index_mut(at) {
                host.vars.push(definition);
            }
        }
    }
    Ok(())
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
