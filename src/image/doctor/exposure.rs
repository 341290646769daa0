//! What others on the node could read or write and should not, and what an image should not carry at all.

use super::{Findings, Verdict, there};
use crate::image::{CONFIG, Root};
use crate::plan::limits;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Our directories.
const OURS: [&str; 4] =
    ["etc/compute-init", "var/lib/compute-init", "usr/libexec/compute-init", "usr/lib/compute-init"];
/// Secrets that roles write, and images sometimes hold.
const SECRETS: [&str; 2] = ["etc/munge/munge.key", "etc/ceph"];
/// What opens a node's secrets, where the configuration does not name another place.
const IDENTITY: &str = "etc/compute-init/identity";
/// Files looked at; an image holds a few hundred of ours.
const FILES: usize = 100_000;

pub(super) fn look(root: &Root, findings: &mut Findings) {
    let before = findings.0.len();
    for path in OURS {
        let Ok(real) = root.resolve(path) else { continue };
        walk(&real, &format!("/{path}"), &mut |path, place| ours(path, place, findings), &mut 0);
    }
    for path in SECRETS {
        let Ok(real) = root.resolve(path) else { continue };
        walk(&real, &format!("/{path}"), &mut |path, place| secret(path, place, findings), &mut 0);
    }
    identity(root, findings);
    if there(root, "var/lib/compute-init/staged/current") {
        findings.advise(
            "exposure",
            Verdict::Warning,
            "/var/lib/compute-init/staged holds what a node was told: variables and secrets of the machine that booted",
            "remove it from images (install --uninstall does, and a new image has none)",
        );
    }
    if let Ok(text) = root.resolve(CONFIG).and_then(std::fs::read_to_string)
        && text.contains("PRIVATE KEY")
    {
        findings.add("exposure", Verdict::Problem, format!("/{CONFIG} holds a private key"));
    }
    if findings.0.len() == before {
        findings.add("exposure", Verdict::Ok, "no secrets, and nothing that others could change");
    }
}

/// What opens a node's secrets is that node's alone.
fn identity(root: &Root, findings: &mut Findings) {
    let Ok(real) = root.resolve(IDENTITY) else { return };
    let Ok(meta) = real.symlink_metadata() else { return };
    if meta.mode() & 0o077 != 0 {
        let detail =
            format!("/{IDENTITY}: others can read what opens this node's secrets (mode {:04o})", meta.mode() & 0o7777);
        findings.advise(
            "exposure",
            Verdict::Problem,
            detail,
            "chmod 0600; the boot refuses it, and so it may be known already",
        );
    }
    if root.path() != Path::new("/") {
        findings.advise(
            "exposure",
            Verdict::Warning,
            format!("/{IDENTITY} is in the image: whoever has a copy of it opens what is sealed to its nodes"),
            "give nodes their identities on the config drive or as credentials (docs/export.md)",
        );
    }
}

/// Calls `see` with every file and directory below `place`, links not followed.
fn walk(place: &Path, path: &str, see: &mut dyn FnMut(&str, &Path), count: &mut usize) {
    *count += 1;
    let Ok(meta) = place.symlink_metadata() else { return };
    if meta.is_symlink() || *count > FILES {
        return;
    }
    see(path, place);
    if meta.is_dir() {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let path = format!("{path}/{}", entry.file_name().display());
            walk(&entry.path(), &path, see, count);
        }
    }
}

fn ours(path: &str, place: &Path, findings: &mut Findings) {
    let Ok(meta) = place.symlink_metadata() else { return };
    let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
    if mode & 0o022 != 0 || (owner != 0 && owner != nix::unistd::geteuid().as_raw()) {
        let detail = format!("{path}: others than root can change it (mode {mode:04o}, owner {owner})");
        findings.advise("exposure", Verdict::Problem, detail, "chown root:root and chmod go-w");
    }
    if path.contains("/staged/") && mode & 0o077 != 0 {
        let detail = format!("{path}: others can read what a node was told (mode {mode:04o})");
        findings.advise("exposure", Verdict::Problem, detail, "remove /var/lib/compute-init/staged from the image");
    }
    let small = meta.is_file() && meta.len() <= limits::KEY;
    if small && std::fs::read(place).is_ok_and(|bytes| has(&bytes, b"PRIVATE KEY-----")) {
        let hint = "remove it, and make a new key: whoever has the image has this one";
        findings.advise("exposure", Verdict::Problem, format!("{path} is a private key"), hint);
    }
}

fn secret(path: &str, place: &Path, findings: &mut Findings) {
    let Ok(meta) = place.symlink_metadata() else { return };
    if meta.is_file() && (path.ends_with(".key") || path.ends_with(".keyring")) && meta.mode() & 0o077 != 0 {
        let detail = format!("{path}: others can read this secret (mode {:04o})", meta.mode() & 0o7777);
        findings.advise("exposure", Verdict::Problem, detail, "chmod 0400, or leave it out: its role writes it");
    }
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part == text)
}
