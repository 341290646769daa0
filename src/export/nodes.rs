//! What is exported for each node, what differs from an earlier generation, and what Slurm says of the node. All of it
//! is read: nothing is asked of a node.

use super::reports::Reported;
use crate::bundle::Trust;
use crate::bundle::generation::{self, Fetch, Generation, GenerationError};
use crate::plan::Data;
use crate::plan::export::{CURRENT, GENERATIONS, HostIndex, Part};
use crate::plan::limits;
use crate::sys::command::{Command, CommandError, Runner};
use crate::sys::file::read_bounded;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Time for sinfo, which waits for a controller that is away.
const SINFO: Duration = Duration::from_secs(30);

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its short name.
    pub host: String,
    /// It is in the generation in force.
    pub exported: bool,
    /// What is other than in the earlier generation: variables and files by name, `secrets`.
    pub changes: Vec<String>,
    /// Its state in Slurm, where Slurm was asked and knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Slurm's reason for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it said of its last boot, where it left a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Reported>,
}

/// The export's directory on this machine.
pub struct Disk(pub PathBuf);

impl Fetch for Disk {
    fn fetch(&mut self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        match read_bounded(&self.0.join(path), limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl Disk {
    /// The generation in force, verified.
    pub fn current(&mut self, trust: &Trust) -> Result<Generation, GenerationError> {
        self.open(CURRENT, trust)
    }

    /// The generation before the one in force, verified; `None` where none is kept.
    pub fn previous(&mut self, current: &Generation, trust: &Trust) -> Result<Option<Generation>, GenerationError> {
        self.newest(trust, |generation| generation.index().serial < current.index().serial)
    }

    /// The kept generation with this serial number, verified.
    pub fn serial(&mut self, serial: u64, trust: &Trust) -> Result<Option<Generation>, GenerationError> {
        self.newest(trust, |generation| generation.index().serial == serial)
    }

    fn newest(
        &mut self,
        trust: &Trust,
        wanted: impl Fn(&Generation) -> bool,
    ) -> Result<Option<Generation>, GenerationError> {
        let dir = self.0.join(GENERATIONS);
        let names = std::fs::read_dir(&dir)
            .and_then(|dir| dir.map(|e| Ok(e?.file_name())).collect::<io::Result<Vec<_>>>())
            .map_err(|e| GenerationError::Read(GENERATIONS.to_owned(), e))?;
        let mut best: Option<Generation> = None;
        for name in names.iter().filter_map(|n| n.to_str()).filter(|n| !n.contains('.')) {
            let generation = self.open(&format!("{GENERATIONS}/{name}"), trust)?;
            let newer = best.as_ref().is_none_or(|b| generation.index().serial > b.index().serial);
            if newer && wanted(&generation) {
                best = Some(generation);
            }
        }
        Ok(best)
    }

    fn open(&mut self, path: &str, trust: &Trust) -> Result<Generation, GenerationError> {
        match self.fetch(path, limits::EXPORT_INDEX) {
            Ok(Some(bytes)) => Generation::open(&bytes, trust),
            Ok(None) => Err(GenerationError::Missing(path.to_owned())),
            Err(e) => Err(GenerationError::Read(path.to_owned(), e)),
        }
    }
}

/// All nodes of the generation in force, and of the earlier one where there is one to compare with.
pub fn nodes(
    current: &Generation,
    earlier: Option<&Generation>,
    from: &mut dyn Fetch,
) -> Result<Vec<Node>, GenerationError> {
    let now = current.hosts(from)?;
    let Some(earlier) = earlier else {
        return Ok(now.into_keys().map(|host| Node { host, exported: true, ..Node::default() }).collect());
    };
    let before = earlier.hosts(from)?;
    // Where that is the same, only hosts whose own index is another can differ.
    let shared = shared(current) != shared(earlier);
    let names: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
    let mut nodes = Vec::new();
    for host in names {
        let changes = match (now.get(host), before.get(host)) {
            (Some(_), None) => vec!["new".to_owned()],
            (None, _) => vec!["gone".to_owned()],
            (Some(a), Some(b)) if a == b && !shared => Vec::new(),
            (Some(a), Some(b)) => {
                let (a, b) =
                    (generation::read(a, "a host's index", from)?, generation::read(b, "a host's index", from)?);
                differences((current, &a), (earlier, &b), from)?
            }
        };
        nodes.push(Node { host: host.clone(), exported: now.contains_key(host), changes, ..Node::default() });
    }
    Ok(nodes)
}

/// Digests of what hosts have in common.
fn shared(generation: &Generation) -> Vec<&str> {
    let content = &generation.index().content;
    content.classes.iter().chain([&content.common]).map(|blob| blob.digest.as_str()).collect()
}

fn differences(
    (current, now): (&Generation, &HostIndex),
    (earlier, before): (&Generation, &HostIndex),
    from: &mut dyn Fetch,
) -> Result<Vec<String>, GenerationError> {
    let (a, b): (Part, Part) = (current.merged(now, from)?, earlier.merged(before, from)?);
    let mut changes: Vec<String> = Vec::new();
    let names: BTreeSet<&String> = a.vars.keys().chain(b.vars.keys()).collect();
    let text = |part: &Part, name: &String| part.vars.get(name).map(json);
    changes.extend(names.into_iter().filter(|n| text(&a, n) != text(&b, n)).cloned());
    let files: BTreeSet<&String> = a.files.keys().chain(b.files.keys()).collect();
    changes.extend(files.into_iter().filter(|p| a.files.get(*p) != b.files.get(*p)).cloned());
    for (differs, name) in [
        (a.groups != b.groups || a.group_names != b.group_names, "groups"),
        (a.others != b.others, "hostvars of others"),
        (now.sealed != before.sealed, "secrets"),
    ] {
        if differs {
            changes.push(name.to_owned());
        }
    }
    Ok(changes)
}

fn json(value: &Data) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Adds what Slurm says of the nodes. An error is for people: the table is shown all the same.
pub fn ask_slurm(nodes: &mut [Node], runner: &dyn Runner) -> Result<(), String> {
    let command = Command { timeout: Some(SINFO), ..Command::new(["sinfo", "-N", "-h", "-o", "%N|%T|%E"]).read_only() };
    let output = match runner.run(&command) {
        Ok(output) => output,
        Err(CommandError::NotFound(_)) => return Err("Slurm's state is not shown: there is no sinfo here".to_owned()),
        Err(e) => return Err(format!("Slurm's state is not shown: {e}")),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.rc != 0 {
        let why = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
        return Err(format!("Slurm's state is not shown: {why}"));
    }
    let mut known: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for line in said.lines() {
        let mut fields = line.splitn(3, '|');
        if let (Some(name), Some(state), Some(reason)) = (fields.next(), fields.next(), fields.next()) {
            known.insert(name.trim(), (state.trim(), reason.trim()));
        }
    }
    for node in nodes {
        if let Some((state, reason)) = known.get(node.host.as_str()) {
            node.state = Some((*state).to_owned());
            node.reason = Some((*reason).to_owned()).filter(|r| !r.is_empty() && r != "none");
        }
    }
    Ok(())
}
