//! The tool whose place we take: ansible-init. Its name leads to us. Where it runs playbooks besides the one that we
//! replace, it goes on doing so, under a name of its own and before us.

use super::item::{Item, Ours, aside, place};
use super::{Error, Root};
use crate::sys::file;
use std::borrow::Cow;
use std::path::Path;

/// Its unit, under the name that scripts know.
pub(super) const UNIT: &str = "etc/systemd/system/ansible-init.service";
/// Where a package has it.
const VENDOR: &str = "usr/lib/systemd/system/ansible-init.service";
/// Its playbooks, which it runs in the order of their names.
const PLAYBOOKS: &str = "etc/ansible-init/playbooks";
/// Its unit where it goes on.
const OTHERS: &str = "etc/systemd/system/ansible-init-others.service";
const OTHERS_DIRECTORY: &str = "etc/systemd/system/ansible-init-others.service.d";
const OTHERS_ORDER: &str = "etc/systemd/system/ansible-init-others.service.d/compute-init.conf";
const OTHERS_WANTED: &str = "etc/systemd/system/multi-user.target.wants/ansible-init-others.service";
const ORDER: &[u8] = include_bytes!("../../templates/units/ansible-init-others.conf");
/// Bytes of a unit.
const SIZE: u64 = 1 << 20;

/// An ansible-init that was found in a root.
pub(super) struct Predecessor {
    /// Its unit's text.
    unit: Vec<u8>,
    /// The playbooks in whose place we are, there or put aside already.
    replaced: Vec<String>,
    /// The playbooks that it goes on running.
    others: Vec<String>,
}

impl Predecessor {
    /// Looks for its unit and its playbooks.
    pub(super) fn find(root: &Root) -> Result<Option<Predecessor>, Error> {
        let mut unit = None;
        for path in [UNIT, &aside(UNIT), VENDOR] {
            let place = place(root, path)?;
            let meta = file::lstat(&place).map_err(Error::io("looking at", &place))?;
            if unit.is_none() && meta.is_some_and(|meta| meta.is_file()) {
                unit = Some(file::read_bounded(&place, SIZE).map_err(Error::io("reading", &place))?);
            }
        }
        let Some(unit) = unit else { return Ok(None) };
        let directory = root.resolve(PLAYBOOKS).map_err(Error::io("looking for", root.path().join(PLAYBOOKS)))?;
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        let (replaced, others) = names.into_iter().filter(|name| is_playbook(name)).partition(|name| is_ours(name));
        Ok(Some(Predecessor { unit, replaced, others }))
    }

    /// What becomes of it, for the report.
    pub(super) fn notes(&self) -> Vec<String> {
        if self.others.is_empty() {
            return vec!["ansible-init runs nothing else: its name leads to compute-init".to_owned()];
        }
        vec![format!(
            "ansible-init goes on as ansible-init-others.service, before compute-init: {}",
            self.others.join(", ")
        )]
    }
}

/// What is to be there: the old tool under its new name where it has work left, nothing of that where it has none.
pub(super) fn items(found: Option<&Predecessor>) -> Vec<Item<'_>> {
    let Some(found) = found.filter(|found| !found.others.is_empty()) else {
        return [OTHERS_WANTED, OTHERS_ORDER, OTHERS].map(|path| Item::Absent { path: path.to_owned() }).into();
    };
    let file = |path: &str, bytes| Item::File { path: path.to_owned(), mode: 0o644, bytes: Cow::Borrowed(bytes) };
    let mut items = vec![
        Item::Directory { path: OTHERS_DIRECTORY, mode: 0o755 },
        file(OTHERS_ORDER, ORDER),
        file(OTHERS, &found.unit),
    ];
    let playbook = |name: &String| Item::Aside { path: format!("{PLAYBOOKS}/{name}").into(), ours: Ours::Nothing };
    items.extend(found.replaced.iter().map(playbook));
    items.push(Item::Directory { path: "etc/systemd/system/multi-user.target.wants", mode: 0o755 });
    items.push(Item::Link { path: OTHERS_WANTED.to_owned(), target: format!("/{OTHERS}") });
    items
}

/// What brings it back: its unit where the name leads to `ours`, and its playbooks.
pub(super) fn back<'a>(root: &Root, ours: &Path) -> Result<Vec<Item<'a>>, Error> {
    let mut items = items(None);
    items.push(Item::AbsentTree { path: OTHERS_DIRECTORY.to_owned() });
    if std::fs::read_link(place(root, UNIT)?).is_ok_and(|target| target == ours) {
        items.push(Item::Absent { path: UNIT.to_owned() });
        items.push(Item::Back { path: UNIT.into() });
    }
    let directory = root.resolve(PLAYBOOKS).map_err(Error::io("looking for", root.path().join(PLAYBOOKS)))?;
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let Some(name) = entry.file_name().into_string().ok() else { continue };
        if let Some(before) = name.strip_suffix(&aside("")).filter(|before| is_playbook(before)) {
            items.push(Item::Back { path: format!("{PLAYBOOKS}/{before}").into() });
        }
    }
    Ok(items)
}

fn is_playbook(name: &str) -> bool {
    name.ends_with(".yml") || name.ends_with(".yaml")
}

/// Whether a playbook is the one that we replace: `compute-init`, whatever its number.
fn is_ours(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem = stem.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
    stem == "compute-init" || stem == "compute_init"
}

#[cfg(test)]
mod tests {
    use super::{is_ours, is_playbook};

    #[test]
    fn our_playbook_is_known_by_its_name() {
        for name in ["compute-init.yml", "1-compute-init.yml", "10_compute_init.yaml"] {
            assert!(is_ours(name) && is_playbook(name), "{name}");
        }
        for name in ["0-site.yml", "compute-init-extras.yml", "my-compute-init.yml"] {
            assert!(!is_ours(name), "{name}");
        }
        assert!(!is_playbook("1-compute-init.yml.before-compute-init"));
    }
}
