//! `community.general.filesystem`: makes, grows and wipes file systems with the system's own tools. For `apply` only: what
//! a node's disks hold is not the business of its boot.

use crate::modules::exec::{self, Ran};
use crate::modules::params::{Params, change, failure, int, text};
use crate::modules::{Context, Failure, Outcome};
use crate::spec::Args;
use std::ffi::OsString;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What is known of a kind of file system: its tools, and the options that they take.
struct Kind {
    /// As blkid names it.
    names: &'static [&'static str],
    make: &'static str,
    force: &'static [&'static str],
    /// How `make` is told the UUID.
    make_uuid: &'static [&'static str],
    /// What follows the UUID there.
    after_uuid: &'static [&'static str],
    /// The tool that changes the UUID of one that is there.
    change_uuid: Option<&'static [&'static str]>,
    grow: Option<Grow>,
}

/// How a file system is made larger.
struct Grow {
    command: &'static [&'static str],
    /// The command wants the directory where it is mounted.
    mounted: bool,
    size: fn(&Disk) -> Result<Option<u64>, Failure>,
}

const NONE: Kind =
    Kind { names: &[], make: "", force: &[], make_uuid: &[], after_uuid: &[], change_uuid: None, grow: None };

const fn ext(names: &'static [&'static str], make: &'static str) -> Kind {
    Kind {
        names,
        make,
        force: &["-F"],
        make_uuid: &["-U"],
        change_uuid: Some(&["tune2fs", "-U"]),
        grow: Some(Grow { command: &["resize2fs"], mounted: false, size: |disk| disk.ext_size() }),
        ..NONE
    }
}

const KINDS: [Kind; 11] = [
    ext(&["ext2"], "mkfs.ext2"),
    ext(&["ext3"], "mkfs.ext3"),
    ext(&["ext4", "ext4dev"], "mkfs.ext4"),
    Kind {
        names: &["xfs"],
        make: "mkfs.xfs",
        force: &["-f"],
        change_uuid: Some(&["xfs_admin", "-U"]),
        grow: Some(Grow { command: &["xfs_growfs"], mounted: true, size: |disk| disk.xfs_size() }),
        ..NONE
    },
    Kind {
        names: &["btrfs"],
        make: "mkfs.btrfs",
        force: &["-f"],
        grow: Some(Grow {
            command: &["btrfs", "filesystem", "resize", "max"],
            mounted: true,
            size: |disk| disk.btrfs_size(),
        }),
        ..NONE
    },
    Kind {
        names: &["vfat"],
        make: "mkfs.vfat",
        grow: Some(Grow { command: &["fatresize", "-s", "max"], mounted: false, size: |disk| disk.fat_size() }),
        ..NONE
    },
    Kind {
        names: &["LVM2_member", "lvm"],
        make: "pvcreate",
        force: &["-f"],
        make_uuid: &["-u", "--uuid"],
        after_uuid: &["--norestorefile"],
        change_uuid: Some(&["pvchange", "-u"]),
        grow: Some(Grow { command: &["pvresize"], mounted: false, size: |disk| disk.volume_size() }),
    },
    Kind { names: &["swap"], make: "mkswap", force: &["-f"], ..NONE },
    Kind { names: &["f2fs"], make: "mkfs.f2fs", force: &["-f"], ..NONE },
    Kind { names: &["reiserfs"], make: "mkfs.reiserfs", force: &["-q"], ..NONE },
    Kind { names: &["ocfs2"], make: "mkfs.ocfs2", force: &["-Fx"], ..NONE },
];

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let path = args.text("dev").unwrap_or_default();
    let present = args.text("state").as_deref() == Some("present");
    if !Path::new(&path).exists() {
        let msg = format!("Device {path} not found.");
        return if present { Err(Failure::new(msg)) } else { Ok(Outcome::default().with("msg", text(msg))) };
    }
    let disk = Disk { ctx, path };
    let (found, asked) = disk.holds()?;
    if !present {
        return if found.is_empty() { Ok(Outcome::default()) } else { disk.wipe() };
    }
    let name = args.text("fstype").unwrap_or_default();
    let Some(kind) = KINDS.iter().find(|kind| kind.names.contains(&name.as_str())) else {
        return Err(Failure::new(format!("module does not support this filesystem ({name}) yet.")));
    };
    let uuid = args.text("uuid").filter(|uuid| !uuid.is_empty());
    if uuid.is_some() && kind.change_uuid.is_none() && kind.make_uuid.is_empty() {
        return Err(Failure::new(format!("module does not support UUID option for this filesystem ({name}) yet.")));
    }
    let same = kind.names.contains(&found.as_str());
    match (same, &uuid) {
        (true, _) if args.flag("resizefs") => disk.grow(kind, &name),
        (true, Some(uuid)) => disk.change_uuid(kind, uuid),
        (true, None) if !args.flag("force") => Ok(Outcome::default()),
        (false, _) if !found.is_empty() && !args.flag("force") => {
            let msg = format!("'{}' is already used as {found}, use force=true to overwrite", disk.path);
            Err(failure(msg, [("rc", int(asked.rc)), ("err", text(asked.err()))]))
        }
        _ => disk.make(kind, args, uuid.as_deref()),
    }
}

/// A device or a file that is used as one.
struct Disk<'a> {
    ctx: &'a Context<'a>,
    path: String,
}

impl Disk<'_> {
    fn argv(&self, words: &[&str]) -> Result<Vec<OsString>, Failure> {
        let (first, rest) = words.split_first().ok_or_else(|| Failure::new("no command"))?;
        let mut argv = vec![exec::program(self.ctx, first)?];
        argv.extend(rest.iter().map(OsString::from));
        Ok(argv)
    }

    fn ask(&self, words: &[&str]) -> Result<String, Failure> {
        Ok(exec::checked_look(self.ctx, self.argv(words)?)?.out())
    }

    fn changed(&self, what: &str) -> Outcome {
        Outcome { changed: true, changes: vec![change(what, self.path.as_str())], ..Outcome::default() }
    }

    /// The kind of file system that is there, and how blkid said it. Nothing where it knows none.
    fn holds(&self) -> Result<(String, Ran), Failure> {
        let ran =
            exec::look(self.ctx, self.argv(&["blkid", "-c", "/dev/null", "-o", "value", "-s", "TYPE", &self.path])?)?;
        Ok((ran.out().trim().to_owned(), ran))
    }

    fn wipe(&self) -> Result<Outcome, Failure> {
        if !self.ctx.check {
            exec::checked(self.ctx, self.argv(&["wipefs", "--all", &self.path])?)?;
        }
        Ok(self.changed("removed"))
    }

    fn make(&self, kind: &Kind, args: &Args, uuid: Option<&str>) -> Result<Outcome, Failure> {
        let done = self.changed("created");
        if self.ctx.check {
            return Ok(done);
        }
        let opts = args.text("opts").unwrap_or_default();
        let opts: Vec<&str> = opts.split_whitespace().collect();
        let mut words = [&[kind.make], kind.force, &opts].concat();
        if let (Some(uuid), Some(option)) = (uuid, kind.make_uuid.first())
            && !kind.make_uuid.iter().any(|o| opts.contains(o))
        {
            words.extend([*option, uuid]);
            words.extend(kind.after_uuid);
        }
        words.push(&self.path);
        exec::checked(self.ctx, self.argv(&words)?)?;
        if let (Some(uuid), true) = (uuid, kind.make_uuid.is_empty()) {
            self.change_uuid(kind, uuid)?;
        }
        Ok(done)
    }

    fn change_uuid(&self, kind: &Kind, uuid: &str) -> Result<Outcome, Failure> {
        let mut words = kind.change_uuid.unwrap_or_default().to_vec();
        // pvchange draws one itself.
        if words.first() != Some(&"pvchange") {
            words.push(uuid);
        }
        words.push(&self.path);
        if self.ctx.check {
            let name = kind.names.first().copied().unwrap_or_default();
            let msg = format!("Changing {name} filesystem UUID on device {}", self.path);
            return Ok(self.changed("attributes").with("msg", text(msg)));
        }
        let ran = exec::checked(self.ctx, self.argv(&words)?)?;
        Ok(self.changed("attributes").with("msg", text(ran.out())))
    }

    fn grow(&self, kind: &Kind, name: &str) -> Result<Outcome, Failure> {
        let Some(grow) = &kind.grow else {
            return Err(Failure::new(format!("module does not support resizing {name} filesystem yet.")));
        };
        let there = self.size()?;
        let now = (grow.size)(self)?.ok_or_else(|| {
            Failure::new(format!("unable to process {} output for {}", grow.command.join(" "), self.path))
        })?;
        if now >= there {
            let msg = format!("{name} filesystem is using the whole device {}", self.path);
            return Ok(Outcome::default().with("msg", text(msg)));
        }
        if self.ctx.check {
            let msg = format!("resizing filesystem {name} on device {}", self.path);
            return Ok(self.changed("content").with("msg", text(msg)));
        }
        let target = match grow.mounted {
            true => self.mount_point()?.ok_or_else(|| self.not_mounted(name))?,
            false => self.path.clone(),
        };
        let words = [grow.command, &[target.as_str()]].concat();
        let ran = exec::checked(self.ctx, self.argv(&words)?)?;
        Ok(self.changed("content").with("msg", text(ran.out())))
    }

    fn not_mounted(&self, name: &str) -> Failure {
        Failure::new(format!("{} needs to be mounted for {name} operations", self.path))
    }

    /// Bytes of the device.
    fn size(&self) -> Result<u64, Failure> {
        let looked = std::fs::metadata(&self.path);
        let meta = looked.map_err(|e| Failure::new(format!("looking at {}: {e}", self.path)))?;
        if meta.is_file() {
            return Ok(meta.len());
        }
        if !meta.file_type().is_block_device() {
            return Err(Failure::new(format!("Target device not supported: {}", self.path)));
        }
        let said = self.ask(&["blockdev", "--getsize64", &self.path])?;
        said.trim().parse().map_err(|_| Failure::new(format!("blockdev says no size of {}: {said}", self.path)))
    }

    fn mount_point(&self) -> Result<Option<String>, Failure> {
        let words = ["findmnt", "--mtab", "--noheadings", "--output", "TARGET", "--source", &self.path];
        let ran = exec::look(self.ctx, self.argv(&words)?)?;
        Ok(ran.out().lines().next().filter(|_| ran.rc == 0).map(|line| line.trim().to_owned()))
    }

    fn ext_size(&self) -> Result<Option<u64>, Failure> {
        let said = self.ask(&["tune2fs", "-l", &self.path])?;
        Ok(after(&said, "Block count:").zip(after(&said, "Block size:")).and_then(|(n, size)| size.checked_mul(n)))
    }

    fn xfs_size(&self) -> Result<Option<u64>, Failure> {
        let place = self.mount_point()?.unwrap_or_else(|| self.path.clone());
        let said = self.ask(&["xfs_info", &place])?;
        let Some(data) = said.lines().find(|l| l.starts_with("data ")) else { return Ok(None) };
        Ok(after(data, "bsize=").zip(after(data, "blocks=")).and_then(|(n, size)| size.checked_mul(n)))
    }

    fn btrfs_size(&self) -> Result<Option<u64>, Failure> {
        let place = self.mount_point()?.ok_or_else(|| self.not_mounted("btrfs"))?;
        Ok(after(&self.ask(&["btrfs", "filesystem", "usage", "-b", &place])?, "Device size:"))
    }

    fn fat_size(&self) -> Result<Option<u64>, Failure> {
        let said = self.ask(&["fatresize", "--info", &self.path])?;
        let sizes = said.lines().skip(1).filter_map(|l| l.split_once(':'));
        let size = sizes.into_iter().find(|(name, _)| matches!(name.trim(), "Size" | "Cur size"));
        Ok(size.and_then(|(_, value)| value.trim().parse().ok()))
    }

    fn volume_size(&self) -> Result<Option<u64>, Failure> {
        let words = ["pvs", "--noheadings", "-o", "pv_size", "--units", "b", "--nosuffix", &self.path];
        Ok(self.ask(&words)?.trim().parse().ok())
    }
}

/// The number that follows a word.
fn after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    #[test]
    fn numbers_are_read_after_their_words() {
        let xfs = "data     =                       bsize=4096   blocks=5120, imaxpct=25\n";
        assert_eq!((after(xfs, "bsize="), after(xfs, "blocks=")), (Some(4096), Some(5120)));
        assert_eq!(
            after("Block count:              20480\nBlock size:               1024\n", "Block size:"),
            Some(1024)
        );
        assert_eq!((after("Block count: many", "Block count:"), after("", "x")), (None, None));
    }

    /// Whatever the task may name has a tool, or is refused in the module's own words.
    #[test]
    fn every_kind_is_a_choice_and_has_a_tool() {
        let spec = spec::find_anywhere("filesystem").expect("a specification");
        let choices = spec.params.iter().find(|p| p.name == "fstype").map(|p| p.choices).unwrap_or_default();
        let known: Vec<&str> = KINDS.iter().flat_map(|k| k.names).copied().filter(|n| *n != "LVM2_member").collect();
        let without: Vec<&&str> = choices.iter().filter(|c| !known.contains(c)).collect();
        assert_eq!(without, [&"bcachefs", &"ufs"]);
        assert!(known.iter().all(|k| choices.contains(k)) && KINDS.iter().all(|k| !k.make.is_empty()));
    }
}
