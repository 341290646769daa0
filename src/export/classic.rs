//! Today's layout of an export: one flat file of variables per host, everything in it, and the site's files as they are.
//! Nodes that do not know signed generations read this; whoever can read it can read every secret in it.

use super::resolve::Resolver;
use super::scope::World;
use super::{ClusterExport, ExportFile, Other, json, short};
use crate::sys::file::{self, Look};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;

/// Who owns the files: the user that the share's root is squashed to.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Written {
    /// Files of the export.
    pub files: usize,
    /// Those of them that were new or other than before.
    pub changed: usize,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Writes an export in today's layout. Every file is replaced as a whole, and left alone where it is right.
pub fn write(
    dest: &Path,
    world: &Rc<World>,
    export: &ClusterExport,
    resolver: &mut Resolver,
    owner: Owner,
) -> io::Result<Written> {
    let mut writer = Writer { dest, owner, written: Written::default() };
    let groups = groups(world);
    for name in export.hosts.keys() {
        if let Some(host) = world.inventory.host(name) {
            let bytes = hostvars(world, host, &groups, resolver);
            writer.put(&format!("hostvars/{}/hostvars.yml", short(name)), &bytes)?;
        }
    }
    // What is asked of hosts that are not exported themselves, and no more.
    let mut others: BTreeMap<&String, &Other> = BTreeMap::new();
    for (name, other) in export.hosts.values().flat_map(|h| h.others.iter()) {
        if !export.hosts.contains_key(name) && !other.vars.vars.is_empty() {
            others.insert(name, other);
        }
    }
    for (name, other) in others {
        let vars: BTreeMap<&str, Value> = other.vars.vars.iter().map(|(k, v)| (k.as_str(), json::plain(v))).collect();
        writer.put(&format!("hostvars/{}/hostvars.yml", short(name)), &pretty(&vars))?;
    }
    let files = export.shared.iter().chain(export.hosts.values().flat_map(|h| &h.files));
    for ExportFile { path, bytes, .. } in files {
        writer.put(path, bytes)?;
    }
    Ok(writer.written)
}

struct Writer<'a> {
    dest: &'a Path,
    owner: Owner,
    written: Written,
}

impl Writer<'_> {
    fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let target = self.dest.join(path);
        let told = |e: io::Error| io::Error::new(e.kind(), format!("writing {}: {e}", target.display()));
        self.directory(file::parent(&target)).map_err(told)?;
        let look = Look { mode: 0o400, uid: self.owner.uid, gid: self.owner.gid, context: None };
        self.written.files += 1;
        self.written.bytes += bytes.len() as u64;
        let right = file::holds(&target, bytes)
            && Look::of(&target).is_ok_and(|l| (l.mode, l.uid, l.gid) == (look.mode, look.uid, look.gid));
        if !right {
            file::replace(&target, bytes, &look).map_err(told)?;
            self.written.changed += 1;
        }
        Ok(())
    }

    /// Makes directories that are missing, for the export's user alone.
    fn directory(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        if path.is_dir() {
            return Ok(());
        }
        if path != self.dest {
            self.directory(file::parent(path))?;
        }
        std::fs::create_dir(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o500))?;
        std::os::unix::fs::chown(path, Some(self.owner.uid), Some(self.owner.gid))
    }
}

/// A host's `hostvars.yml`.
fn hostvars(world: &Rc<World>, host: u32, groups: &Value, resolver: &mut Resolver) -> Vec<u8> {
    let inventory = &world.inventory;
    let mut vars: BTreeMap<String, Value> = BTreeMap::new();
    for definition in inventory.definitions(host) {
        for (name, data) in resolver.plain(host, &definition) {
            vars.insert(name, json::plain(&data));
        }
    }
    let name = inventory.name(host);
    vars.insert("inventory_hostname".to_owned(), json!(name));
    vars.insert("inventory_hostname_short".to_owned(), json!(short(name)));
    vars.insert("group_names".to_owned(), json!(inventory.group_names(host)));
    vars.insert("groups".to_owned(), groups.clone());
    pretty(&vars)
}

/// As Ansible's to_nice_json writes it.
fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, indent);
    value.serialize(&mut writer).expect("names are text, and memory takes all of it");
    text.push(b'\n');
    text
}

/// `groups`, as every host sees it.
fn groups(world: &World) -> Value {
    let inventory = &world.inventory;
    let mut names: Vec<(&str, &[u32])> = inventory.groups().collect();
    names.sort_unstable();
    let list = |members: &[u32]| members.iter().map(|h| json!(inventory.name(*h))).collect();
    Value::Object(names.into_iter().map(|(name, members)| (name.to_owned(), list(members))).collect::<Map<_, _>>())
}
