//! The executor: whether it can run on the image's machine, and whether it does.

use super::{Findings, Verdict};
use crate::image::{EXECUTOR, Root, elf};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

const CHECK: &str = "executor";
const AGAIN: &str = "run install again";

pub(super) fn look(root: &Root, findings: &mut Findings) {
    let place = match root.resolve(EXECUTOR) {
        Ok(place) => place,
        Err(e) => return findings.advise(CHECK, Verdict::Problem, format!("/{EXECUTOR}: {e}"), AGAIN),
    };
    let bytes = match std::fs::read(&place) {
        Ok(bytes) => bytes,
        Err(e) => return findings.advise(CHECK, Verdict::Problem, format!("/{EXECUTOR}: {e}"), AGAIN),
    };
    let program = match elf::parse(&bytes) {
        Ok(program) => program,
        Err(why) => return findings.advise(CHECK, Verdict::Problem, format!("/{EXECUTOR}: {why}"), AGAIN),
    };
    if program.dynamic {
        let detail = format!("/{EXECUTOR} is dynamically linked: the node's libraries may not fit");
        findings.advise(CHECK, Verdict::Problem, detail, "install a static executor");
    }
    owned(&place, findings);
    let machine = super::super::install::machine(root);
    if program.machine != machine {
        let (is, wanted) = (elf::name(program.machine), elf::name(machine));
        let detail = format!("/{EXECUTOR} is for {is}, the image is for {wanted}");
        return findings.advise(CHECK, Verdict::Problem, detail, "install the executor of that machine");
    }
    if machine != elf::here() {
        let detail = format!("not tried: the image is for {}, this machine is not", elf::name(machine));
        return findings.add(CHECK, Verdict::Note, detail);
    }
    match version(root, &place) {
        Ok(said) if said.ends_with(concat!(" ", env!("CARGO_PKG_VERSION"))) => findings.add(CHECK, Verdict::Ok, said),
        Ok(said) => {
            let detail = format!("{said}; this is compute-init {}", env!("CARGO_PKG_VERSION"));
            findings.add(CHECK, Verdict::Note, detail);
        }
        Err(why) => findings.advise(CHECK, Verdict::Problem, format!("/{EXECUTOR} does not run: {why}"), AGAIN),
    }
}

fn owned(place: &Path, findings: &mut Findings) {
    let Ok(meta) = place.metadata() else { return };
    let ours = nix::unistd::geteuid().as_raw();
    if meta.mode() & 0o022 != 0 || (meta.uid() != 0 && meta.uid() != ours) {
        let detail = format!("/{EXECUTOR}: others than root can change it (mode {:04o})", meta.mode() & 0o7777);
        findings.advise(CHECK, Verdict::Problem, detail, "chown root:root and chmod 0755");
    }
    if meta.mode() & 0o111 == 0 {
        findings.advise(CHECK, Verdict::Problem, format!("/{EXECUTOR} is not executable"), "chmod 0755");
    }
}

/// What it says its version is. As root it runs in the image, with nothing of this machine around it.
fn version(root: &Root, place: &Path) -> Result<String, String> {
    let mut command = match nix::unistd::geteuid().is_root() {
        true => {
            let mut command = Command::new("chroot");
            command.arg(root.path()).arg(Path::new("/").join(EXECUTOR));
            command
        }
        false => Command::new(place),
    };
    let output = command.arg("--version").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    let output = output.output().map_err(|e| e.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or("").to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{}, {}", output.status, text(&output.stderr))),
    }
}
