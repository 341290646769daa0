//! What the image brings for the control export and for the roles: the kernel's NFS, mount helpers, commands, versions.

use super::{Findings, Verdict, names, there};
use crate::bundle::Verified;
use crate::image::Root;
use crate::sys::file::read_bounded;

/// Where programs are.
const PATH: [&str; 4] = ["usr/sbin", "usr/bin", "sbin", "bin"];
/// Commands without which hardly a role works.
const NEEDED: [&str; 3] = ["systemctl", "getent", "mount"];
/// Commands of a Slurm node.
const SLURM: [&str; 3] = ["slurmd", "munged", "scontrol"];
/// What shipped roles start, and an image may well do without.
const HELPERS: [(&str, &str); 2] = [("manila", "mount.ceph"), ("eessi", "cvmfs_config")];
/// Where systemd keeps the library that has its version in its name.
const LIBRARIES: [&str; 4] =
    ["usr/lib/systemd", "usr/lib64/systemd", "usr/lib/x86_64-linux-gnu/systemd", "usr/lib/aarch64-linux-gnu/systemd"];
/// Bytes of os-release and of modules.builtin.
const SIZE: u64 = 1 << 20;

pub(super) fn look(root: &Root, bundle: Option<&Verified>, findings: &mut Findings) {
    kernels(root, findings);
    let lacks = |name: &&str| !PATH.iter().any(|directory| there(root, &format!("{directory}/{name}")));
    if lacks(&"mount.nfs") {
        findings.advise(
            "nfs",
            Verdict::Warning,
            "no mount.nfs: the control export is mounted without it, shares that roles mount are not",
            "install nfs-utils (EL) or nfs-common (Debian) where nodes mount NFS shares",
        );
    }
    let missing: Vec<&str> = NEEDED.iter().filter(|name| lacks(name)).copied().collect();
    if !missing.is_empty() {
        findings.add("commands", Verdict::Problem, format!("not in the image: {}", missing.join(", ")));
    }
    let has = |role: &str| bundle.is_some_and(|b| b.summary().plays.iter().any(|p| p.roles.iter().any(|r| r == role)));
    for (role, program) in HELPERS {
        if has(role) && lacks(&program) {
            let detail = format!("no {program}: nodes whose metadata switches {role} on need it");
            findings.add("commands", Verdict::Note, detail);
        }
    }
    let slurm = has("openhpc");
    let absent: Vec<&str> = SLURM.iter().filter(|name| lacks(name)).copied().collect();
    if slurm && !absent.is_empty() {
        let detail = format!("the bundle has the role openhpc, and the image lacks {}", absent.join(", "));
        findings.advise("commands", Verdict::Warning, detail, "install Slurm and munge into the image");
    } else if missing.is_empty() {
        findings.add("commands", Verdict::Ok, "what the roles start is there");
    }
    findings.add("versions", Verdict::Note, versions(root));
}

/// Each kernel of the image, and whether it can mount NFS.
fn kernels(root: &Root, findings: &mut Findings) {
    let kernels = names(root, "usr/lib/modules");
    if kernels.is_empty() {
        let detail = "no kernel in the image: whether the one it boots with has NFS is not known";
        return findings.add("nfs", Verdict::Note, detail);
    }
    for kernel in kernels {
        let has = |module: &str| module_of(root, &kernel, module);
        let found: Vec<&str> = ["nfs", "nfsv4", "nfsv3"].into_iter().filter(|module| has(module)).collect();
        if found.contains(&"nfs") && found.len() > 1 {
            findings.add("nfs", Verdict::Ok, format!("kernel {kernel} has {}", found.join(", ")));
        } else {
            let detail = format!("kernel {kernel} lacks nfs with nfsv4 or nfsv3: the control export can't be mounted");
            findings.advise("nfs", Verdict::Problem, detail, "install the kernel's full set of modules");
        }
    }
}

/// Whether a kernel has a module, as a file (however compressed) or built in.
fn module_of(root: &Root, kernel: &str, module: &str) -> bool {
    let base = format!("usr/lib/modules/{kernel}");
    let file = format!("{module}.ko");
    let is = |name: &String| *name == file || name.strip_prefix(&file).is_some_and(|rest| rest.starts_with('.'));
    if names(root, &format!("{base}/kernel/fs/nfs")).iter().any(is) {
        return true;
    }
    let Ok(path) = root.resolve(&format!("{base}/modules.builtin")) else { return false };
    let text = read_bounded(&path, SIZE).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().any(|line| line.ends_with(&format!("/{file}")))
}

fn versions(root: &Root) -> String {
    let path = ["etc/os-release", "usr/lib/os-release"].into_iter().find(|path| there(root, path)).unwrap_or_default();
    let text = root.resolve(path).and_then(|path| read_bounded(&path, SIZE)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unnamed").trim_matches('"');
    let systemd = LIBRARIES.iter().flat_map(|directory| names(root, directory)).find_map(|name| {
        let rest = name.strip_prefix("libsystemd-shared-")?;
        Some(rest.trim_end_matches(".so").to_owned())
    });
    let systemd = systemd.unwrap_or_else(|| "not found".to_owned());
    format!("{name}, systemd {systemd}, compute-init {}", env!("CARGO_PKG_VERSION"))
}
