//! `remote_src`: the source is on the node already. A file is streamed; of a directory what is missing or different is
//! copied, as Ansible's module does it.

use super::super::attributes::{AttrDiff, Wanted, add_path_info, described};
use super::super::install::{Install, refused_with_output, unsafe_writes};
use super::super::params::{Params, failure, map, text};
use super::super::{Context, Failure, Outcome, digest, paths};
use super::{bits, require_writable, settle_target};
use crate::plan::Data;
use crate::spec::Args;
use crate::sys::file::{Look, Staged};
use crate::sys::order;
use nix::unistd::AccessFlags;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Runs the module for a source on the node.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let src = PathBuf::from(args.os("src").unwrap_or_default());
    let Ok(meta) = src.metadata() else {
        return Err(Failure::new(format!("Source {} not found", src.display())));
    };
    if !paths::may(&src, AccessFlags::R_OK) {
        return Err(Failure::new(format!("Source {} not readable", src.display())));
    }
    if meta.is_dir() {
        return directory(ctx, args, &src);
    }
    if !meta.is_file() {
        return Err(Failure::new(format!("Cannot copy invalid source '{}': not a file", src.display())));
    }
    file(ctx, args, &src)
}

fn wanted(ctx: &Context, args: &Args, src: &Path, path: &Path) -> Wanted {
    let mut wanted = Wanted::from_args(ctx, args, path);
    if wanted.mode.as_ref().and_then(Data::as_str) == Some("preserve") {
        wanted.mode = Some(text(format!("0{:03o}", bits(src))));
    }
    wanted
}

fn file(ctx: &Context, args: &Args, src: &Path) -> Result<Outcome, Failure> {
    let unreadable = |e: io::Error| Failure::new(format!("reading {}: {e}", src.display()));
    let hash = |path: &Path, name: &str| digest::of_file(path, name).unwrap_or_else(|| Ok(String::new()));
    let checksum = hash(src, "sha1").map_err(unreadable)?;
    if let Some(expected) = args.text("checksum").filter(|c| *c != checksum) {
        return Err(failure(
            "Copied file does not match the expected checksum. Transfer failed.",
            [("checksum", text(checksum)), ("expected_checksum", text(expected))],
        ));
    }
    let mut target = PathBuf::from(args.os("dest").unwrap_or_default());
    if paths::ends_in_slash(&target) && !target.exists() {
        if ctx.check {
            let msg = format!("dest directory {} would be created", paths::dirname(&target).display());
            let result = map([("msg", text(msg)), ("src", paths::shown(src))]);
            let changes = vec![described(ctx, "created", &target)];
            return Ok(Outcome { changed: true, result, changes, ..Outcome::default() });
        }
        make_directories(ctx, args, &target)?;
    }
    if target.is_dir() {
        target.push(paths::basename(src));
    }
    let existed = target.exists();
    let target = settle_target(target, args.flag("follow"))?;
    if !unsafe_writes(ctx, args) {
        require_writable(&target)?;
    }
    if existed && !args.choice("force").unwrap_or(true) {
        let mut result = map([("msg", text("file already exists"))]);
        result.extend(map([("src", paths::shown(src)), ("dest", paths::shown(&target))]));
        add_path_info(ctx, &mut result);
        return Ok(Outcome { result, ..Outcome::default() });
    }
    let same = target.is_file() && hash(&target, "sha1").is_ok_and(|h| h == checksum);
    let differs = !same || target.is_symlink();
    let wanted = wanted(ctx, args, src, &target);
    let mut result = map([("dest", paths::shown(&target)), ("src", paths::shown(src))]);
    if differs && !ctx.check {
        let install = Install {
            wanted: &Wanted { path: target.clone(), ..wanted.clone() },
            validate: args.text("validate").filter(|v| !v.is_empty()),
            backup: args.flag("backup"),
            unsafe_writes: unsafe_writes(ctx, args),
            refused: refused_with_output,
        };
        let mut from = File::open(src).map_err(unreadable)?;
        let modified = from.metadata().and_then(|m| m.modified()).map_err(unreadable)?;
        let installed = install.run(ctx, &mut from)?;
        // A copy of what is on the node keeps its time; where that cannot be set it has none of its own to lose.
        let _ = File::options().write(true).open(&target).and_then(|f| f.set_modified(modified));
        if let Some(backup) = installed.backup {
            result.insert(Data::str("backup_file"), paths::shown(&backup));
        }
    }
    result.extend(map([("md5sum", text(hash(src, "md5").map_err(unreadable)?)), ("checksum", text(checksum))]));
    let mut diff = AttrDiff::default();
    let changed = wanted.apply(ctx, &mut diff)? | differs;
    add_path_info(ctx, &mut result);
    let mut changes = diff.changes(ctx, &target);
    if differs {
        changes.push(described(ctx, if existed { "content" } else { "created" }, &target));
    } else if changed && changes.is_empty() {
        changes.push(described(ctx, "state", &target));
    }
    Ok(Outcome { changed, result, changes, ..Outcome::default() })
}

fn make_directories(ctx: &Context, args: &Args, target: &Path) -> Result<(), Failure> {
    let mut missing: Vec<&Path> = target.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
    missing.reverse();
    let mut wanted = Wanted::from_args(ctx, args, target);
    wanted.mode = args.value("directory_mode").cloned();
    for directory in missing {
        std::fs::create_dir(directory)
            .map_err(|e| Failure::new(format!("could not create {}: {e}", directory.display())))?;
        wanted.of(directory).apply(ctx, &mut AttrDiff::default())?;
    }
    Ok(())
}

/// Copies what of a directory is missing or different.
fn directory(ctx: &Context, args: &Args, src: &Path) -> Result<Outcome, Failure> {
    let given = PathBuf::from(args.os("dest").unwrap_or_default());
    let contents_only = paths::ends_in_slash(src);
    let shown = if given.is_dir() { given.join(paths::basename(src)) } else { given.clone() };
    let dest = if contents_only { given.clone() } else { given.join(src.file_name().unwrap_or_default()) };
    if dest.exists() && !dest.is_dir() {
        return Err(Failure::new(format!("cannot copy the directory {} to a file {}", src.display(), dest.display())));
    }
    if !dest.exists() && !paths::dirname(&given).exists() && !paths::ends_in_slash(&given) {
        let parent = paths::dirname(&given);
        return Err(Failure::new(format!("Destination directory {} does not exist", parent.display())));
    }
    let sync = Sync { ctx, links: args.choice("local_follow") != Some(true), owner: wanted(ctx, args, src, &dest) };
    let failed = |e: io::Error| Failure::new(format!("failed to copy: {} to {}: {e}", src.display(), dest.display()));
    let mut outcome = Outcome::default();
    outcome.changed = sync.directory(src, &dest, &mut outcome.changes).map_err(failed)?;
    if !ctx.check || dest.exists() {
        outcome.changed |= sync.own(&dest)?;
    }
    let mut diff = AttrDiff::default();
    outcome.changed |= sync.owner.of(&given).apply(ctx, &mut diff)?;
    outcome.result = map([
        ("dest", paths::shown(&shown)),
        ("src", paths::shown(src)),
        ("md5sum", Data::Null),
        ("checksum", Data::Null),
    ]);
    add_path_info(ctx, &mut outcome.result);
    if outcome.changed && outcome.changes.is_empty() {
        outcome.changes.push(described(ctx, "state", &dest));
    }
    Ok(outcome)
}

struct Sync<'a> {
    ctx: &'a Context<'a>,
    links: bool,
    owner: Wanted,
}

impl Sync<'_> {
    /// Makes `dest` hold what `src` holds. What it has besides stays. Whether anything was missing or different.
    fn directory(&self, src: &Path, dest: &Path, changes: &mut Vec<super::super::Change>) -> io::Result<bool> {
        let mut changed = false;
        if !dest.is_dir() {
            changed = true;
            if !self.ctx.check {
                std::fs::create_dir_all(dest)?;
                std::fs::set_permissions(dest, src.metadata()?.permissions())?;
            }
            changes.push(described(self.ctx, "created", dest));
        }
        let mut entries: Vec<_> = std::fs::read_dir(src)?.collect::<Result<_, _>>()?;
        order::by(&mut entries, |a, b| a.file_name().cmp(&b.file_name()));
        for entry in entries {
            let (from, to) = (entry.path(), dest.join(entry.file_name()));
            let meta = if self.links { from.symlink_metadata()? } else { from.metadata()? };
            if meta.is_dir() {
                changed |= self.directory(&from, &to, changes)?;
            } else if self.entry(&from, &to)? {
                changed = true;
                changes.push(described(self.ctx, "content", &to));
            }
        }
        Ok(changed)
    }

    fn entry(&self, from: &Path, to: &Path) -> io::Result<bool> {
        if self.links && from.is_symlink() {
            let target = std::fs::read_link(from)?;
            let same = std::fs::read_link(to).is_ok_and(|t| t == target);
            if !same && !self.ctx.check {
                crate::sys::file::replace_link(to, target.as_os_str())?;
            }
            return Ok(!same);
        }
        if same_content(from, to)? {
            return Ok(false);
        }
        if !self.ctx.check {
            let mut staged = Staged::beside(to)?;
            staged.fill(&mut File::open(from)?)?;
            staged.dress(&Look { mode: bits(from), ..Look::of_or_fresh(to)? })?;
            staged.commit()?;
        }
        Ok(true)
    }

    /// Owner and group for everything below.
    fn own(&self, path: &Path) -> Result<bool, Failure> {
        if self.owner.owner.is_none() && self.owner.group.is_none() {
            return Ok(false);
        }
        let only = Wanted { mode: None, attributes: None, ..self.owner.clone() };
        let mut changed = only.of(path).apply(self.ctx, &mut AttrDiff::default())?;
        if path.is_dir() && !path.is_symlink() {
            for (entry, _) in super::super::file::entries(path) {
                changed |= self.own(&entry)?;
            }
        }
        Ok(changed)
    }
}

fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    let (Ok(one), Ok(two)) = (a.metadata(), b.metadata()) else { return Ok(false) };
    if one.size() != two.size() || !two.is_file() {
        return Ok(false);
    }
    let hash = |path: &Path| digest::of_file(path, "sha256").unwrap_or_else(|| Ok(String::new()));
    Ok(hash(a)? == hash(b)?)
}
