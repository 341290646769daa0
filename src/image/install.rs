//! What is installed, in which order, and how it is taken away again.
//!
//! The link `current` is switched after everything that it leads to is there, and the unit is enabled last: a root
//! that is used in between boots as it did before.

use super::item::{Change, Item, Mode, Ours};
use super::predecessor::{self, Predecessor};
use super::release::{Release, superfluous};
use super::{BUNDLES, COMMAND, EXECUTOR, Error, Root, TRUST, elf};
use crate::bundle::{CURRENT, Digest, Fault, PREVIOUS, PublicKey, Trust, Verified};
use crate::sys::file;
use serde::Serialize;
use std::borrow::Cow;
use std::path::Path;

pub(super) const UNIT: &str = "usr/lib/systemd/system/compute-init.service";
/// The node's configuration.
pub const CONFIG: &str = "etc/compute-init/config.yaml";
/// The executor's directory.
const PROGRAMS: &str = "usr/libexec/compute-init";
/// What nodes have of their exports.
const STAGED: &str = "var/lib/compute-init/staged";
/// In every text of ours, so that a later version knows it from a stranger's.
const MARK: &str = "Installed by compute-init";
/// In every program of ours.
const PROGRAM_MARK: &str = "compute-init";
pub(super) const WANTED: &str = "etc/systemd/system/multi-user.target.wants/compute-init.service";

/// Files that are the same on every node.
pub(super) const FILES: &[(&str, &[u8])] = &[
    (UNIT, include_bytes!("../../templates/units/compute-init.service")),
    (
        "usr/lib/systemd/system/compute-init-retry.timer",
        include_bytes!("../../templates/units/compute-init-retry.timer"),
    ),
    (
        "usr/lib/systemd/system/compute-init-retry.service",
        include_bytes!("../../templates/units/compute-init-retry.service"),
    ),
    (
        "usr/lib/systemd/system-preset/50-compute-init.preset",
        include_bytes!("../../templates/units/50-compute-init.preset"),
    ),
    ("usr/lib/tmpfiles.d/compute-init.conf", include_bytes!("../../templates/units/tmpfiles.conf")),
];
const CONFIG_TEXT: &[u8] = include_bytes!("../../templates/units/config.yaml");

/// What to install.
pub struct Install<'a> {
    /// The bundle's archive.
    pub bundle: &'a Path,
    /// The executor.
    pub executor: &'a Path,
    /// The builder, where it is to be on the node too.
    pub command: Option<&'a Path>,
    /// Trust keys to add, by file name.
    pub trust: &'a [(String, PublicKey)],
    /// The site's configuration, which was read and found right; none leaves what the root has.
    pub config: Option<&'a [u8]>,
}

/// What was done.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The bundle that is current now.
    pub bundle: Option<String>,
    /// The key that vouches for it.
    pub signer: Option<String>,
    /// What changed, or would change.
    pub changes: Vec<Change>,
    /// What somebody should know: what was found, and what became of it.
    pub notes: Vec<String>,
}

/// Installs. `watch` is told of every change before it is made.
pub fn install(root: &Root, what: &Install, mode: Mode, watch: &mut dyn FnMut(&Change)) -> Result<Report, Error> {
    let trust = trusted(root, what.trust)?;
    let bundle = Verified::archive(what.bundle, &trust).map_err(Error::Bundle)?;
    let executor = read_program(root, what.executor)?;
    let command = what.command.map(|path| read_program(root, path)).transpose()?;
    let release = Release { bundle: &bundle, trust: &trust };
    let predecessor = Predecessor::find(root)?;
    let digest = bundle.digest();
    let mut items = programs(&executor, command.as_deref());
    items.push(Item::Directory { path: TRUST, mode: 0o755 });
    items.extend(config(what.config));
    items.extend(what.trust.iter().map(|(name, key)| Item::File {
        path: format!("{TRUST}/{name}"),
        mode: 0o644,
        bytes: Cow::Owned(key.to_pem().into_bytes()),
    }));
    items.push(Item::Directory { path: BUNDLES, mode: 0o755 });
    items.push(Item::Release(&release));
    items.extend(units());
    let mut before = named(root, CURRENT)?;
    if before == Some(digest) {
        before = named(root, PREVIOUS)?;
    } else if let Some(before) = before {
        items.push(link(PREVIOUS, before));
    }
    items.push(link(CURRENT, digest));
    items.extend(predecessor::items(predecessor.as_ref()));
    items.extend(enabling());
    let kept: Vec<Digest> = before.into_iter().chain([digest]).collect();
    let notes = predecessor.iter().flat_map(Predecessor::notes).collect();
    let changes = carry_out(root, &items, mode, watch)?;
    let signer = bundle.signer().name.clone();
    let mut report = Report { bundle: Some(digest.to_string()), signer: Some(signer), changes, notes };
    let old = superfluous(root, &kept)?.into_iter().map(|name| Item::AbsentTree { path: format!("{BUNDLES}/{name}") });
    report.changes.extend(carry_out(root, &old.collect::<Vec<_>>(), mode, watch)?);
    Ok(report)
}

/// Makes the previous bundle current, and the current one previous.
pub fn rollback(root: &Root, mode: Mode, watch: &mut dyn FnMut(&Change)) -> Result<Report, Error> {
    let link_path = format!("{BUNDLES}/{PREVIOUS}");
    let none = || Error::NoPrevious(root.path().join(&link_path));
    let previous = named(root, PREVIOUS)?.ok_or_else(none)?;
    let dir = super::item::place(root, &format!("{BUNDLES}/{}", previous.hex()))?;
    let verified = Verified::installed(&dir, &trusted(root, &[])?).map_err(Error::Bundle)?;
    let mut items = vec![link(CURRENT, previous)];
    items.extend(named(root, CURRENT)?.filter(|d| *d != previous).map(|digest| link(PREVIOUS, digest)));
    let changes = carry_out(root, &items, mode, watch)?;
    Ok(Report {
        bundle: Some(previous.to_string()),
        signer: Some(verified.signer().name.clone()),
        changes,
        notes: Vec::new(),
    })
}

/// Takes away what [`install`] put there, and brings back what it put aside. Configuration and trust keys stay: they are
/// the administrator's.
pub fn uninstall(root: &Root, mode: Mode, watch: &mut dyn FnMut(&Change)) -> Result<Report, Error> {
    let mut items = vec![Item::Absent { path: WANTED.to_owned() }];
    items.extend(predecessor::back(root, Path::new("/").join(UNIT).as_path())?);
    for (path, _) in FILES.iter().rev() {
        items.extend(replaced(root, path, Ours::Marked(b"", MARK))?);
    }
    items.push(Item::AbsentTree { path: BUNDLES.to_owned() });
    // What nodes told this root, secrets among it.
    items.push(Item::AbsentTree { path: STAGED.to_owned() });
    items.push(Item::AbsentTree { path: PROGRAMS.to_owned() });
    items.extend(replaced(root, COMMAND, Ours::Marked(b"", PROGRAM_MARK))?);
    let changes = carry_out(root, &items, mode, watch)?;
    Ok(Report { bundle: None, signer: None, changes, notes: Vec::new() })
}

/// Takes a file of ours away, and brings back the one that it replaced. A stranger's file stays.
fn replaced<'a>(root: &Root, path: &'static str, ours: Ours) -> Result<Vec<Item<'a>>, Error> {
    let place = super::item::place(root, path)?;
    let foreign = match file::lstat(&place).map_err(Error::io("looking at", &place))? {
        Some(meta) => !ours.holds(&place, &meta)?,
        None => false,
    };
    if foreign {
        return Ok(Vec::new());
    }
    Ok(vec![Item::Absent { path: path.to_owned() }, Item::Back { path: path.into() }])
}

fn carry_out(root: &Root, items: &[Item], mode: Mode, watch: &mut dyn FnMut(&Change)) -> Result<Vec<Change>, Error> {
    let mut leftovers = Vec::new();
    for item in items {
        leftovers.extend(item.leftovers(root)?.into_iter().map(|path| Item::Absent { path }));
    }
    let mut changes = Vec::new();
    for item in leftovers.iter().chain(items) {
        let Some(change) = item.change(root)? else { continue };
        watch(&change);
        if mode == Mode::Make {
            item.make(root)?;
        }
        changes.push(change);
    }
    Ok(changes)
}

fn programs<'a>(executor: &'a [u8], command: Option<&'a [u8]>) -> Vec<Item<'a>> {
    let program = |path: &str, bytes: &'a [u8]| Item::File { path: path.to_owned(), mode: 0o755, bytes: bytes.into() };
    let mut items = vec![Item::Directory { path: PROGRAMS, mode: 0o755 }, program(EXECUTOR, executor)];
    if let Some(bytes) = command {
        items.push(Item::Directory { path: "usr/bin", mode: 0o755 });
        items.push(Item::Aside { path: COMMAND.into(), ours: Ours::Marked(bytes, PROGRAM_MARK) });
        items.push(program(COMMAND, bytes));
    }
    items
}

/// The site's configuration, over one that is kept; or defaults where there is none.
fn config<'a>(given: Option<&'a [u8]>) -> Vec<Item<'a>> {
    let Some(bytes) = given else { return vec![Item::Default { path: CONFIG, bytes: CONFIG_TEXT }] };
    vec![
        Item::Aside { path: CONFIG.into(), ours: Ours::OneOf([bytes, CONFIG_TEXT]) },
        Item::File { path: CONFIG.to_owned(), mode: 0o644, bytes: bytes.into() },
    ]
}

fn units<'a>() -> impl Iterator<Item = Item<'a>> {
    let directories = ["usr/lib/systemd/system", "usr/lib/systemd/system-preset", "usr/lib/tmpfiles.d"];
    let directories = directories.into_iter().map(|path| Item::Directory { path, mode: 0o755 });
    let file = |(path, bytes): &(&'static str, &'static [u8])| {
        let aside = Item::Aside { path: (*path).into(), ours: Ours::Marked(bytes, MARK) };
        [aside, Item::File { path: (*path).to_owned(), mode: 0o644, bytes: Cow::Borrowed(*bytes) }]
    };
    directories.chain(FILES.iter().flat_map(file))
}

/// What `systemctl enable` would make.
fn enabling<'a>() -> [Item<'a>; 4] {
    let link = |path: &str| Item::Link { path: path.to_owned(), target: format!("/{UNIT}") };
    [
        Item::Directory { path: "etc/systemd/system/multi-user.target.wants", mode: 0o755 },
        Item::Aside { path: predecessor::UNIT.into(), ours: Ours::Link },
        link(predecessor::UNIT),
        link(WANTED),
    ]
}

fn link<'a>(name: &str, digest: Digest) -> Item<'a> {
    Item::Link { path: format!("{BUNDLES}/{name}"), target: digest.hex() }
}

/// The bundle that a link in the bundles' directory names.
fn named(root: &Root, name: &str) -> Result<Option<Digest>, Error> {
    let place = super::item::place(root, &format!("{BUNDLES}/{name}"))?;
    let target = std::fs::read_link(place).ok();
    Ok(target.and_then(|t| t.to_str().and_then(Digest::from_hex)))
}

/// The keys that the root trusts already, and those that are added.
fn trusted(root: &Root, added: &[(String, PublicKey)]) -> Result<Trust, Error> {
    if let Some((name, _)) = added.iter().find(|(name, _)| !name.ends_with(".pem")) {
        return Err(Error::KeyName(name.clone()));
    }
    let dir = root.resolve(TRUST).map_err(Error::io("looking for", root.path().join(TRUST)))?;
    for (name, key) in added {
        let path = dir.join(name);
        let there = std::fs::read_to_string(&path).ok().and_then(|pem| PublicKey::from_pem(&pem).ok());
        if there.is_some_and(|there| there.id() != key.id()) {
            return Err(Error::KeyTaken { path });
        }
    }
    match Trust::directory(&dir) {
        Ok(trust) => trust.with(added),
        Err(Fault::NoTrust { place }) => Trust::keys(&place, added.to_vec()),
        Err(fault) => Err(fault),
    }
    .map_err(Error::Trust)
}

/// Reads a program that will run in the root, whatever libraries that has or has not.
fn read_program(root: &Root, path: &Path) -> Result<Vec<u8>, Error> {
    let refuse = |why: String| Error::Executor { path: path.to_owned(), why };
    let bytes = std::fs::read(path).map_err(Error::io("reading", path))?;
    let program = elf::parse(&bytes).map_err(|why| refuse(why.to_owned()))?;
    if program.dynamic {
        return Err(refuse("it is dynamically linked, and the node's libraries may not fit".to_owned()));
    }
    let machine = machine(root);
    if program.machine != machine {
        let (is, wanted) = (elf::name(program.machine), elf::name(machine));
        return Err(refuse(format!("it is for {is}, the root is {wanted}")));
    }
    Ok(bytes)
}

/// The machine that the root is for: that of its own programs, else ours.
pub(super) fn machine(root: &Root) -> u16 {
    let candidates = ["usr/lib/systemd/systemd", "usr/bin/sh", "bin/sh", "usr/bin/env"];
    let read = |path: &&str| std::fs::read(root.resolve(path).ok()?).ok();
    let parsed = candidates.iter().filter_map(read).find_map(|bytes| elf::parse(&bytes).ok());
    parsed.map_or_else(elf::here, |program| program.machine)
}
