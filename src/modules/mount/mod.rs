//! `mount`: mount points and their lines in fstab, as ansible.posix.mount keeps them.
//!
//! `fstab` edits the text, `mounted` knows what is mounted, and the system's mount and umount do the rest.

pub mod fstab;
mod hidden;
pub mod mounted;

use super::exec::{self, Ran};
use super::params::{Params, change, text};
use super::{Context, Failure, Outcome};
use crate::plan::Data;
use crate::spec::Args;
use crate::sys::clock;
use fstab::Entry;
use mounted::Mounts;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let mountinfo = fs::read("/proc/self/mountinfo").ok();
    let returned = run_with(ctx, args, mountinfo.map(|m| String::from_utf8_lossy(&m).into_owned()));
    match args.text("opts").filter(|_| args.flag("opts_no_log")) {
        Some(opts) => hidden::hidden(&opts, returned),
        None => returned,
    }
}

struct Wanted<'a> {
    ctx: &'a Context<'a>,
    state: String,
    entry: Entry,
    fstab: String,
    keep_backup: bool,
    backup_file: String,
    mounts: Mounts,
    outcome: Outcome,
}

pub(super) fn run_with(ctx: &Context, args: &Args, mountinfo: Option<String>) -> Result<Outcome, Failure> {
    let mut warnings = Vec::new();
    if mountinfo.is_none() {
        warnings.push("Cannot open file /proc/self/mountinfo. Bind mounts might be misinterpreted.".to_owned());
    }
    let mut opts = args.text("opts").unwrap_or_else(|| "defaults".to_owned());
    let noauto = opts.split(',').any(|o| o == "noauto");
    let boot = args.choice("boot").unwrap_or(true);
    match (boot, noauto) {
        (true, true) => warnings.push("Ignore the 'boot' due to 'opts' contains 'noauto'.".to_owned()),
        (true, false) => {}
        (false, _) => opts.push_str(",noauto"),
    }
    let state = args.text("state").unwrap_or_default();
    let entry = Entry {
        src: args.text("src"),
        name: args.text("path").unwrap_or_default(),
        fstype: args.text("fstype"),
        opts,
        dump: args.text("dump").unwrap_or_else(|| "0".to_owned()),
        passno: args.text("passno").unwrap_or_else(|| "0".to_owned()),
    };
    if matches!(state.as_str(), "mounted" | "present" | "ephemeral") && (entry.src.is_none() || entry.fstype.is_none())
    {
        let lacking: Vec<&str> = [("src", &entry.src), ("fstype", &entry.fstype)]
            .into_iter()
            .filter_map(|(n, v)| v.is_none().then_some(n))
            .collect();
        let msg = format!("state is {state} but all of the following are missing: {}", lacking.join(", "));
        return Err(Failure::new(msg));
    }
    let mut wanted = Wanted {
        ctx,
        state,
        entry,
        fstab: args.text("fstab").unwrap_or_else(|| "/etc/fstab".to_owned()),
        keep_backup: args.flag("backup"),
        backup_file: String::new(),
        mounts: Mounts::parse(mountinfo.as_deref().unwrap_or_default()),
        outcome: Outcome::default(),
    };
    wanted.apply()?;
    Ok(wanted.finish(boot, &warnings))
}

impl Wanted<'_> {
    fn apply(&mut self) -> Result<(), Failure> {
        if self.state != "ephemeral" {
            self.ensure_fstab()?;
        }
        match self.state.as_str() {
            "absent_from_fstab" => self.forget().map(drop),
            "absent" => self.absent(),
            "unmounted" => self.unmounted(),
            "mounted" => self.mounted(),
            "ephemeral" => self.ephemeral(),
            "present" => self.remember().map(drop),
            "remounted" => self.remounted(),
            other => Err(Failure::new(format!("value of state must be one of the documented ones, got: {other}"))),
        }
    }

    fn note(&mut self, what: &str) {
        self.outcome.changed = true;
        let target = if what == "content" { self.fstab.clone() } else { self.entry.name.clone() };
        self.outcome.changes.push(change(what, target));
    }

    fn is_mounted(&self, source: Option<&str>) -> bool {
        mounted::is_mount_point(Path::new(&self.entry.name)) || self.mounts.has(&self.entry.name, source)
    }

    fn ensure_fstab(&self) -> Result<(), Failure> {
        let path = Path::new(&self.fstab);
        if path.exists() || self.ctx.check {
            return Ok(());
        }
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, b""));
        made.map_err(|e| Failure::new(format!("Failed to open {} due to {e}", self.fstab)))
    }

    fn read_fstab(&self) -> Result<Vec<u8>, Failure> {
        match fs::read(&self.fstab) {
            Ok(bytes) => Ok(bytes),
            // Check mode has not made it.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && self.ctx.check => Ok(Vec::new()),
            Err(e) => Err(Failure::new(format!("reading {}: {e}", self.fstab))),
        }
    }

    /// Writes fstab; the text before, where that was a change.
    fn edit(&mut self, edit: fn(&[u8], &Entry) -> (Vec<u8>, bool)) -> Result<Option<Vec<u8>>, Failure> {
        let old = self.read_fstab()?;
        let (new, changed) = edit(&old, &self.entry);
        if !changed {
            return Ok(None);
        }
        self.note("content");
        if self.ctx.diff {
            self.outcome.diff.push(super::Diff {
                before_header: self.fstab.clone(),
                after_header: self.fstab.clone(),
                before: old.clone(),
                after: new.clone(),
                prepared: None,
            });
        }
        if !self.ctx.check {
            if self.keep_backup {
                self.backup_file = backup(&self.fstab)?;
            }
            self.write_fstab(&new)?;
        }
        Ok(Some(old))
    }

    fn write_fstab(&self, bytes: &[u8]) -> Result<(), Failure> {
        replace(Path::new(&self.fstab), bytes).map_err(|e| Failure::new(format!("writing {}: {e}", self.fstab)))
    }

    fn remember(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.edit(fstab::set)
    }

    fn forget(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.edit(fstab::unset)
    }

    fn absent(&mut self) -> Result<(), Failure> {
        if self.forget()?.is_none() || self.ctx.check {
            return Ok(());
        }
        if self.is_mounted(None) {
            self.umount_or_fail()?;
        }
        let name = self.entry.name.clone();
        if Path::new(&name).exists() {
            fs::remove_dir(&name).map_err(|e| Failure::new(format!("Error rmdir {name}: {e}")))?;
            self.note("removed");
        }
        Ok(())
    }

    fn unmounted(&mut self) -> Result<(), Failure> {
        if self.is_mounted(None) {
            if !self.ctx.check {
                self.umount_or_fail()?;
            }
            self.note("unmounted");
        }
        Ok(())
    }

    fn mounted(&mut self) -> Result<(), Failure> {
        let made = self.make_directories()?;
        let before = self.remember()?;
        let source = self.entry.src.clone();
        let ran = if self.is_mounted(source.as_deref()) {
            match before.is_some() && !self.ctx.check {
                true => Some(self.remount()?),
                false => None,
            }
        } else {
            self.note("mounted");
            if self.ctx.check { None } else { Some(self.mount()?) }
        };
        match ran {
            Some((rc, said)) if rc != 0 => {
                // A line that does not work may break the next boot: everything is put back.
                if let Some(before) = before {
                    self.write_fstab(&before)?;
                }
                Err(self.mount_failed(made, &said))
            }
            _ => Ok(()),
        }
    }

    fn ephemeral(&mut self) -> Result<(), Failure> {
        let made = self.make_directories()?;
        let source = self.entry.src.clone();
        let mounted = self.is_mounted(source.as_deref());
        if mounted && !self.same_source()? {
            return Err(Failure::new(
                "Ephemeral mount point is already mounted with a different source than the specified one. Failing in \
                 order to prevent an unwanted unmount or override operation. Try replacing this command with a \
                 \"state: unmounted\" followed by a \"state: ephemeral\", or use a different destination path.",
            ));
        }
        self.note("mounted");
        if self.ctx.check {
            return Ok(());
        }
        let (rc, said) = if mounted { self.remount()? } else { self.mount()? };
        if rc != 0 { Err(self.mount_failed(made, &said)) } else { Ok(()) }
    }

    fn remounted(&mut self) -> Result<(), Failure> {
        self.note("remounted");
        if self.ctx.check {
            return Ok(());
        }
        match self.remount()? {
            (0, _) => Ok(()),
            (_, said) => Err(Failure::new(format!("Error remounting {}: {said}", self.entry.name))),
        }
    }

    fn mount_failed(&self, made: Vec<PathBuf>, said: &str) -> Failure {
        for directory in made.iter().rev() {
            // Not empty or in use: it is no longer ours alone.
            let _ = fs::remove_dir(directory);
        }
        Failure::new(format!("Error mounting {}: {said}", self.entry.name))
    }

    /// Whether what is mounted at an ephemeral mount point is the source asked for.
    fn same_source(&self) -> Result<bool, Failure> {
        let source = self.entry.src.as_deref().unwrap_or_default();
        if self.mounts.has(&self.entry.name, Some(source)) {
            return Ok(true);
        }
        let argv = vec![exec::program(self.ctx, "mount")?, "-v".into()];
        let out = exec::look(self.ctx, argv)?.out();
        if out.is_empty() {
            return Err(Failure::new("Unable to retrieve mount info with command 'mount -v'"));
        }
        Ok(out.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.len() > 2 && fields[0] == source && fields[2] == self.entry.name
        }))
    }

    /// Makes the mount point and its parents; those it made, outermost first.
    fn make_directories(&mut self) -> Result<Vec<PathBuf>, Failure> {
        let name = self.entry.name.clone();
        let path = Path::new(&name);
        if path.exists() || self.ctx.check {
            return Ok(Vec::new());
        }
        let mut missing: Vec<&Path> =
            path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
        missing.reverse();
        let mut made = Vec::new();
        for directory in missing {
            match fs::create_dir(directory) {
                Ok(()) => made.push(directory.to_owned()),
                Err(_) if directory.is_dir() => {}
                Err(e) => return Err(Failure::new(format!("Error making dir {name}: {e}"))),
            }
        }
        self.outcome.changes.push(change("created", name));
        Ok(made)
    }

    fn fstab_args(&self, argv: &mut Vec<OsString>) {
        if self.fstab != "/etc/fstab" {
            argv.extend(["-T".into(), self.fstab.clone().into()]);
        }
    }

    /// An ephemeral mount names everything, since no fstab does.
    fn source_args(&self, argv: &mut Vec<OsString>) {
        if self.state != "ephemeral" {
            self.fstab_args(argv);
            return;
        }
        argv.extend(["-t".into(), self.entry.fstype.clone().unwrap_or_default().into()]);
        if self.entry.opts != "defaults" {
            argv.extend(["-o".into(), self.entry.opts.clone().into()]);
        }
        argv.push(self.entry.src.clone().unwrap_or_default().into());
    }

    fn mount(&self) -> Result<(i32, String), Failure> {
        let mut argv = vec![exec::program(self.ctx, "mount")?];
        self.source_args(&mut argv);
        argv.push(self.entry.name.clone().into());
        Ok(said(exec::change(self.ctx, argv)?))
    }

    fn umount(&self) -> Result<(i32, String), Failure> {
        let argv = vec![exec::program(self.ctx, "umount")?, self.entry.name.clone().into()];
        Ok(said(exec::change(self.ctx, argv)?))
    }

    fn umount_or_fail(&self) -> Result<(), Failure> {
        match self.umount()? {
            (0, _) => Ok(()),
            (_, said) => Err(Failure::new(format!("Error unmounting {}: {said}", self.entry.name))),
        }
    }

    /// Remounts; where the file system cannot, unmounts and mounts.
    fn remount(&self) -> Result<(i32, String), Failure> {
        let with_options = self.state == "remounted" && self.entry.opts != "defaults";
        let options = match with_options {
            true => format!("remount,{}", self.entry.opts),
            // Else older commands would change the file system that the directory lies on, and all of it.
            false if self.is_bind() => "remount,bind".to_owned(),
            false => "remount".to_owned(),
        };
        let mut argv = vec![exec::program(self.ctx, "mount")?, "-o".into(), options.into()];
        self.source_args(&mut argv);
        argv.push(self.entry.name.clone().into());
        let ran = exec::change(self.ctx, argv)?;
        if ran.rc == 0 {
            return Ok((0, String::new()));
        }
        if with_options {
            return Err(Failure::new(
                "Options were specified with remounted, but the remount command failed. Failing in order to prevent an \
                 unexpected mount result. Try replacing this command with a \"state: unmounted\" followed by a \
                 \"state: mounted\" using the full desired mount options instead.",
            ));
        }
        match self.umount()? {
            (0, _) => self.mount(),
            failed => Ok(failed),
        }
    }

    fn is_bind(&self) -> bool {
        self.entry.opts.split(',').any(|option| matches!(option, "bind" | "rbind"))
    }

    fn finish(self, boot: bool, warnings: &[String]) -> Outcome {
        let mut outcome = self.outcome;
        let mut set = |name: &str, value: Data| {
            outcome.result.insert(Data::str(name), value);
        };
        set("name", text(self.entry.name));
        set("opts", text(self.entry.opts));
        set("dump", text(self.entry.dump));
        set("passno", text(self.entry.passno));
        set("fstab", text(self.fstab));
        set("boot", text(if boot { "yes" } else { "no" }));
        set("warnings", super::params::list(warnings.iter().cloned()));
        set("backup_file", text(self.backup_file));
        if let Some(src) = self.entry.src {
            set("src", text(src));
        }
        if let Some(fstype) = self.entry.fstype {
            set("fstype", text(fstype));
        }
        outcome
    }
}

fn said(ran: Ran) -> (i32, String) {
    match ran.rc {
        0 => (0, String::new()),
        rc => (rc, ran.out() + &ran.err()),
    }
}

/// A copy beside the file, named as Ansible names backups.
fn backup(path: &str) -> Result<String, Failure> {
    let now = clock::local(clock::now().0);
    let stamp =
        format!("{:04}-{:02}-{:02}@{:02}:{:02}:{:02}", now.year, now.month, now.day, now.hour, now.minute, now.second);
    let to = format!("{path}.{}.{stamp}~", std::process::id());
    fs::copy(path, &to).map_err(|e| Failure::new(format!("Could not make backup of {path} to {to}: {e}")))?;
    Ok(to)
}

/// Replaces the file that `path` leads to, keeping its owner, mode and context.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let real = path.canonicalize()?;
    crate::sys::file::replace(&real, bytes, &crate::sys::file::Look::of_or_fresh(&real)?)
}
