//! The units: there, as this version writes them, enabled, and not hidden by others of the same name.

use super::{Findings, Verdict, names};
use crate::image::Root;
use crate::image::install::{FILES, UNIT, WANTED};
use crate::image::predecessor;
use std::path::{Path, PathBuf};

const AGAIN: &str = "run install again";
/// Where a unit of the same name would count instead of ours.
const ABOVE: &str = "etc/systemd/system/compute-init.service";

pub(super) fn look(root: &Root, findings: &mut Findings) {
    let mut sound = true;
    for (path, bytes) in FILES {
        let found = root.resolve(path).and_then(std::fs::read);
        let (verdict, detail) = match found {
            Ok(found) if found == *bytes => continue,
            Ok(_) => (Verdict::Warning, format!("/{path} is not as this version writes it")),
            Err(e) => (Verdict::Problem, format!("/{path}: {e}")),
        };
        sound = false;
        findings.advise("units", verdict, detail, AGAIN);
    }
    for path in [WANTED, predecessor::UNIT] {
        if !leads_to_us(root, path) {
            sound = false;
            findings.advise("units", Verdict::Problem, format!("/{path} does not lead to compute-init.service"), AGAIN);
        }
    }
    if let Ok(place) = root.place(ABOVE)
        && place.symlink_metadata().is_ok()
    {
        sound = false;
        let masked = std::fs::read_link(&place).is_ok_and(|target| target == Path::new("/dev/null"));
        let why = if masked { "the unit is masked" } else { "it counts instead of ours" };
        findings.advise("units", Verdict::Problem, format!("/{ABOVE}: {why}"), "remove it; settings go into a drop-in");
    }
    for directory in ["etc/systemd/system", "usr/lib/systemd/system"] {
        for name in names(root, &format!("{directory}/compute-init.service.d")) {
            findings.add("units", Verdict::Note, format!("drop-in /{directory}/compute-init.service.d/{name}"));
        }
    }
    if sound {
        findings.add("units", Verdict::Ok, "enabled, also as ansible-init.service");
    }
}

/// Whether a link names our unit, however it is written.
fn leads_to_us(root: &Root, path: &str) -> bool {
    let Ok(place) = root.place(path) else { return false };
    if !place.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
        return false;
    }
    let unit: Option<PathBuf> = root.resolve(UNIT).ok();
    root.resolve(path).ok() == unit && unit.is_some_and(|unit| unit.is_file())
}
