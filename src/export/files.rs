//! The site's own files of an export: what every node gets, what one host gets, and templates that are rendered for
//! each host.
//!
//! A directory in today's layout, as far as it has these: `hosts`, `manila_share_info.yml`, `cacerts/*`, `cvmfs/*`,
//! `hostconfig/<host>/*`; and `hosts.j2`, `hostconfig/*.j2`, which are templates: the first is rendered once, the others
//! for every host into its directory, without their ending.

use super::resolve::Problem;
use super::scope::{Scope, World};
use super::{ClusterExport, ExportFile, short};
use crate::plan::{Data, Map, limits};
use crate::sys::file::read_bounded;
use crate::vars::{Conversion, Rendering, Templar};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::rc::Rc;

/// Directories whose files every node may have.
const FOLDERS: [&str; 2] = ["cacerts", "cvmfs"];
/// What a template's name ends in.
const TEMPLATE: &str = ".j2";

/// Adds the files of a directory to an export; gives what cannot be rendered, and for which hosts.
pub fn add(
    dir: &Path,
    world: &Rc<World>,
    hosts: &[u32],
    export: &mut ClusterExport,
) -> io::Result<BTreeMap<Problem, BTreeSet<u32>>> {
    let mut problems = BTreeMap::new();
    let plain = |path: &str, secret: bool| -> io::Result<Option<ExportFile>> {
        let bytes = read(&dir.join(path))?;
        Ok(bytes.map(|bytes| ExportFile { path: path.to_owned(), bytes, secret }))
    };
    export.shared.extend(plain("hosts", false)?);
    if let Some(source) = read(&dir.join("hosts.j2"))? {
        let first = hosts.first().copied().unwrap_or_default();
        match render(world, first, &dir.join("hosts.j2"), &source) {
            Ok(bytes) => {
                export.shared.retain(|f| f.path != "hosts");
                export.shared.push(ExportFile { path: "hosts".to_owned(), bytes, secret: false });
            }
            Err(problem) => drop(problems.insert(problem, hosts.iter().copied().collect())),
        }
    }
    export.shared.extend(plain("manila_share_info.yml", true)?);
    for folder in FOLDERS {
        for name in names(&dir.join(folder))? {
            export.shared.extend(plain(&format!("{folder}/{name}"), false)?);
        }
    }
    let own = dir.join("hostconfig");
    let templates: Vec<String> = names(&own)?.into_iter().filter(|n| n.ends_with(TEMPLATE)).collect();
    for host in hosts {
        let name = world.inventory.name(*host);
        let mut files = Vec::new();
        for template in &templates {
            let path = own.join(template);
            let Some(source) = read(&path)? else { continue };
            let target = format!("hostconfig/{}/{}", short(name), template.trim_end_matches(TEMPLATE));
            match render(world, *host, &path, &source) {
                Ok(bytes) => files.push(ExportFile { path: target, bytes, secret: true }),
                Err(problem) => drop(problems.entry(problem).or_insert_with(BTreeSet::new).insert(*host)),
            }
        }
        for file in names(&own.join(short(name)))? {
            let path = format!("hostconfig/{}/{file}", short(name));
            files.retain(|f: &ExportFile| f.path != path);
            files.extend(plain(&path, true)?);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(host) = export.hosts.get_mut(name) {
            host.files = files;
        }
    }
    Ok(problems)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let told = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    match path.metadata() {
        Ok(meta) if meta.is_file() => read_bounded(path, limits::EXPORT_FILE).map(Some).map_err(told),
        Ok(_) => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(told(e)),
    }
}

/// Names of the files in a directory, sorted; hidden ones are nobody's.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_file() {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

fn render(world: &Rc<World>, host: u32, path: &Path, source: &[u8]) -> Result<Vec<u8>, Problem> {
    let scope = Scope { world: Rc::clone(world), host };
    let name = path.to_string_lossy();
    let how = Rendering { name: &name, conversion: Conversion::Text, playbook: false, ..Rendering::default() };
    let extra: Map = [("ansible_managed", "Ansible managed")]
        .into_iter()
        .map(|(k, v)| (Data::str(k), Data::Unsafe(v.to_owned())))
        .collect();
    Templar::new(&scope, &**world).file(source, &how, &extra).map_err(|e| Problem {
        place: match e.place {
            Some((line, _)) => format!("{name}:{line}"),
            None => name.clone().into_owned(),
        },
        message: e.message.clone(),
    })
}
