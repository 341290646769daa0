//! What this node gets of a generation of the export: the signed index first, and nothing that it does not lead to.
//! A generation that is older than one this node has used, or past its end, is refused.

use super::config::Config;
use super::keyring::Keyring;
use super::report::Sender;
use super::session::Session;
use super::stop::Stop;
use crate::bundle::Trust;
use crate::bundle::generation::{self, Fetch, Generation, GenerationError};
use crate::bundle::report::ReportKey;
use crate::plan::export::{CURRENT, HostIndex, Part, Secrets};
use crate::plan::{Data, Map, limits};
use crate::sys::file::{self, Look};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The newest generation that this node has used.
const SEEN: &str = "export-seen.json";
/// Bytes of that record.
const SEEN_SIZE: u64 = 64 << 10;
/// How often a generation is read anew that changes under our eyes.
const TRIES: u32 = 4;
/// Between these, so that whoever writes gets through.
const PAUSE: Duration = Duration::from_millis(300);

/// What this node gets.
pub struct Served {
    /// The host's variables, `groups` among them.
    pub hostvars: Map,
    /// Values of other hosts.
    pub others: Vec<(String, Map)>,
    /// Files by their path in the classic layout.
    pub files: Vec<(String, Vec<u8>)>,
    /// In a few words: which generation, who signed it, how much was read.
    pub note: String,
    /// What a report of this boot is made with, where one is wanted.
    pub sender: Option<Sender>,
    seen: Seen,
}

/// What is remembered of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    cluster: String,
    serial: u64,
    digest: String,
}

/// Counts what is read.
struct Counted<'a> {
    from: &'a mut dyn Fetch,
    bytes: u64,
    requests: u32,
}

impl Fetch for Counted<'_> {
    fn fetch(&mut self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        self.requests += 1;
        let found = self.from.fetch(path, limit)?;
        let length = found.as_ref().map_or(0, Vec::len) as u64;
        self.bytes += length;
        if self.bytes > limits::EXPORT_TOTAL {
            return Err(io::Error::from_raw_os_error(nix::libc::EFBIG));
        }
        Ok(found)
    }
}

/// Reads what this node gets; `first` is the index, where it has been read already. `None` where no generation is there.
pub fn read(
    session: &Session,
    keys: (&Keyring, &Trust),
    first: Option<Vec<u8>>,
    from: &mut dyn Fetch,
) -> Result<Option<Served>, Stop> {
    let mut from = Counted { from, bytes: first.as_ref().map_or(0, Vec::len) as u64, requests: 0 };
    let mut first = first;
    let mut tries = 1;
    loop {
        match once(session, keys, first.take(), &mut from) {
            Ok(served) => return Ok(served),
            Err(Trouble::Stop(stop)) => return Err(stop),
            Err(Trouble::Generation(e)) if replaced(&e) && tries < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            Err(Trouble::Generation(e)) => return Err(stop(&e, tries)),
        }
    }
}

enum Trouble {
    Generation(GenerationError),
    Stop(Stop),
}

impl From<GenerationError> for Trouble {
    fn from(e: GenerationError) -> Trouble {
        Trouble::Generation(e)
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Trouble {
        Trouble::Stop(stop)
    }
}

/// Whether another generation may have come while this one was read.
fn replaced(e: &GenerationError) -> bool {
    e.may_be_gone() || matches!(e, GenerationError::Read(_, e) if e.raw_os_error() == Some(nix::libc::ESTALE))
}

fn stop(e: &GenerationError, tries: u32) -> Stop {
    let often = if tries > 1 { format!(" (read {tries} times)") } else { String::new() };
    let what = format!("the export's generation: {e}{often}");
    match e {
        GenerationError::Read(path, e) if e.kind() == io::ErrorKind::PermissionDenied => {
            Stop::refused(format!("the export's {path} may not be read: {e}"))
        }
        GenerationError::Read(path, e) if e.kind() == io::ErrorKind::TimedOut => {
            Stop::unreachable(format!("reading the export's {path} took too long: {e}"))
        }
        GenerationError::Read(..) => Stop::unreachable(what),
        _ => Stop::refused(what),
    }
    .hint(e.hint())
}

fn once(
    session: &Session,
    (keyring, trust): (&Keyring, &Trust),
    first: Option<Vec<u8>>,
    from: &mut Counted,
) -> Result<Option<Served>, Trouble> {
    let bytes = match first {
        Some(bytes) => bytes,
        None => match from.fetch(CURRENT, limits::EXPORT_INDEX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(e) => return Err(GenerationError::Read(CURRENT.to_owned(), e).into()),
        },
    };
    let generation = Generation::open(&bytes, trust)?;
    let seen = acceptable(&session.config, &generation)?;
    let host = generation.host(&session.host, from)?.ok_or_else(|| {
        Stop::unconfigured(format!("the export does not name this node ({})", session.host))
            .hint("the node is left alone until it is deployed")
    })?;
    let part = generation.merged(&host, from)?;
    let identity = match host.sealed {
        Some(_) => keyring.identity(&session.config)?,
        None => None,
    };
    let secrets = generation::secrets(&host, identity.as_ref(), from)?;
    let files = files(&part, &secrets, from)?;
    let (index, signer) = (generation.index(), &generation.signer().name);
    let (bytes, requests) = (from.bytes, from.requests);
    let note = format!("serial {} signed by {signer}, {bytes} bytes read in {requests} requests", index.serial);
    let others = others(&part, &secrets, &host.name);
    let sender = session.config.report.and_then(|_| {
        let key = ReportKey::of_node(identity.as_ref()?, trust.key(&generation.signer().key)?);
        Some(Sender { key, serial: index.serial })
    });
    Ok(Some(Served { hostvars: hostvars(&host, part, secrets), others, files, note, sender, seen }))
}

/// Whether the generation is one that this node may use, and what is to be remembered of it.
fn acceptable(config: &Config, generation: &Generation) -> Result<Seen, Stop> {
    let index = generation.index();
    let now = u64::try_from(crate::sys::clock::now().0).unwrap_or(0);
    if let Some(end) = index.expires.filter(|end| *end <= now) {
        return Err(Stop::refused(format!("the export's generation ended {} minutes ago", (now - end) / 60))
            .hint("run compute-init export on the control node; or this node's clock is wrong"));
    }
    let seen = Seen { cluster: index.cluster.clone(), serial: index.serial, digest: generation.digest().hex() };
    let path = record(config);
    let Some(before) = remembered(&path)? else { return Ok(seen) };
    let forget = || format!("if that is meant, remove {} on this node", path.display());
    if before.cluster != seen.cluster {
        let what = format!("the export is cluster {:?}'s, but this node belongs to {:?}", seen.cluster, before.cluster);
        return Err(Stop::refused(what).hint(forget()));
    }
    if before.serial > seen.serial {
        let what = format!(
            "the export's generation is an old one: its serial is {}, and this node has used {}",
            seen.serial, before.serial
        );
        return Err(Stop::refused(what).hint(forget()));
    }
    if before.serial == seen.serial && before.digest != seen.digest {
        let what = format!("the export's generation has the serial {} of another that this node has used", seen.serial);
        return Err(Stop::refused(what).hint(forget()));
    }
    Ok(seen)
}

fn record(config: &Config) -> PathBuf {
    config.state_dir.join(SEEN)
}

fn remembered(path: &std::path::Path) -> Result<Option<Seen>, Stop> {
    let bytes = match file::read_bounded(path, SEEN_SIZE) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Stop::failed(format!("reading {}: {e}", path.display()))),
    };
    // Forgetting it would let an old generation in.
    serde_json::from_slice(&bytes).map(Some).map_err(|_| {
        Stop::refused(format!("{} cannot be read", path.display()))
            .hint("remove it: the node then takes whatever generation is served next")
    })
}

impl Served {
    /// Remembers the generation, after which no older one is taken.
    pub fn remember(&self, config: &Config) -> Result<(), Stop> {
        let path = record(config);
        let mut text = serde_json::to_vec(&self.seen).map_err(|e| Stop::failed(format!("writing {SEEN}: {e}")))?;
        text.push(b'\n');
        let look = Look { mode: 0o600, ..Look::default() };
        file::replace_if_different(&path, &text, &look)
            .map(drop)
            .map_err(|e| Stop::failed(format!("writing {}: {e}", path.display())))
    }
}

/// This node's variables. It and the hosts of which it knows more are in their groups, however few of a group's hosts
/// are; where nobody asks for all hosts, those are the ones that it knows, in the inventory's order.
fn hostvars(host: &HostIndex, part: Part, secrets: Secrets) -> Map {
    let mut vars: Map =
        part.vars.into_iter().chain(secrets.vars).map(|(name, value)| (Data::Str(name), value)).collect();
    let mut groups = part.groups.unwrap_or_default();
    let own = part.group_names.unwrap_or_default();
    let others = part.others.unwrap_or_default();
    let known = others.iter().map(|(name, other)| (name, &other.group_names));
    for (member, names) in known.filter(|(name, _)| **name != host.name).chain([(&host.name, &own)]) {
        for group in names {
            let members = groups.entry(group.clone()).or_default();
            if !members.contains(member) {
                members.push(member.clone());
            }
        }
    }
    let all = groups.entry("all".to_owned()).or_insert_with(|| others.keys().cloned().collect());
    if !all.contains(&host.name) {
        all.push(host.name.clone());
    }
    let list = |hosts: Vec<String>| Data::List(hosts.into_iter().map(Data::Unsafe).collect());
    let groups = groups.into_iter().map(|(name, hosts)| (Data::Str(name), list(hosts))).collect();
    vars.insert(Data::str("groups"), Data::Map(groups));
    vars.insert(Data::str("inventory_hostname"), Data::Unsafe(host.name.clone()));
    vars
}

/// What is asked of other hosts, secrets included. The magic variables are made from this node's own view.
fn others(part: &Part, secrets: &Secrets, own: &str) -> Vec<(String, Map)> {
    let mut all = Vec::new();
    for (name, other) in part.others.iter().flatten().filter(|(name, _)| *name != own) {
        let hidden = secrets.others.get(name).into_iter().flatten();
        let vars = other.vars.iter().chain(hidden).map(|(name, value)| (Data::str(name.as_str()), value.clone()));
        all.push((name.clone(), vars.collect()));
    }
    all
}

/// The files, sealed ones included.
fn files(part: &Part, secrets: &Secrets, from: &mut Counted) -> Result<Vec<(String, Vec<u8>)>, Trouble> {
    let mut files = Vec::new();
    if part.files.len() + secrets.files.len() > limits::EXPORT_FILES {
        return Err(
            Stop::refused(format!("the export has more than {} files for this node", limits::EXPORT_FILES)).into()
        );
    }
    for (path, blob) in &part.files {
        check_path(path)?;
        files.push((path.clone(), generation::blob(blob, from)?));
    }
    for (path, text) in &secrets.files {
        check_path(path)?;
        let bytes = STANDARD.decode(text);
        files.push((
            path.clone(),
            bytes.map_err(|_| Stop::refused(format!("the export's sealed {path} is not base64")))?,
        ));
    }
    Ok(files)
}

/// Paths come from somebody who may have been broken into: plain names, and none of those that we write ourselves.
fn check_path(path: &str) -> Result<(), Stop> {
    let plain = path.len() <= 512 && path.split('/').count() <= 8 && path.split('/').all(super::generation::plain_name);
    if !plain || path.split('/').next() == Some("hostvars") {
        return Err(Stop::refused(format!("the export has a file {path:?}, which is not one for nodes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{HostIndex, Part, Secrets, hostvars};
    use crate::plan::export::OtherHost;
    use crate::plan::{Data, Key};

    #[test]
    fn hosts_are_in_their_groups_and_all_keeps_the_inventorys_order() {
        let text = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let other = |groups: &[&str]| OtherHost { group_names: text(groups), ..OtherHost::default() };
        let part = Part {
            groups: Some([("control".to_owned(), text(&["ctl"]))].into_iter().collect()),
            group_names: Some(text(&["compute", "control"])),
            others: Some(
                [("s2", other(&["squid"])), ("n0", other(&["compute"])), ("s1", other(&["squid", "control"]))]
                    .into_iter()
                    .map(|(name, other)| (name.to_owned(), other))
                    .collect(),
            ),
            ..Part::default()
        };
        let host = HostIndex { name: "n0".to_owned(), ..HostIndex::default() };
        let vars = hostvars(&host, part, Secrets::default());
        let list = |group: &str| {
            let members = vars.get(&Key("groups")).and_then(|g| g.get(group)).and_then(Data::as_list);
            members.into_iter().flatten().filter_map(Data::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(list("control"), "ctl s1 n0");
        assert_eq!((list("squid"), list("compute")), ("s2 s1".to_owned(), "n0".to_owned()));
        assert_eq!(list("all"), "s2 n0 s1");
    }
}
