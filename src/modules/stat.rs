//! `ansible.builtin.stat`: what the node knows of a path; and the part of it that find returns too.

use super::attributes;
use super::params::{Params, int, map, output_text, text};
use super::{Context, Failure, Outcome, digest, paths};
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::command::Command;
use nix::unistd::AccessFlags;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let path = PathBuf::from(args.os("path").unwrap_or_default());
    let meta = if args.flag("follow") { path.metadata() } else { path.symlink_metadata() };
    let meta = match meta {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let absent = Data::Map(map([("exists", Data::Bool(false))]));
            return Ok(Outcome { result: map([("stat", absent)]), ..Outcome::default() });
        }
        Err(e) => return Err(Failure::new(super::params::words_of(&e))),
    };
    let mut stat = map([("exists", Data::Bool(true)), ("path", paths::shown(&path))]);
    stat.extend(described(ctx, &meta, Names::Both));
    stat.extend(map([
        ("blocks", int(meta.blocks())),
        ("block_size", int(meta.blksize())),
        ("device_type", int(meta.rdev())),
    ]));
    for (name, flag) in
        [("readable", AccessFlags::R_OK), ("writeable", AccessFlags::W_OK), ("executable", AccessFlags::X_OK)]
    {
        stat.insert(Data::str(name), Data::Bool(paths::may(&path, flag)));
    }
    if meta.is_symlink() {
        stat.insert(Data::str("lnk_source"), paths::shown(&paths::realpath(&path)));
        stat.insert(Data::str("lnk_target"), paths::shown(&std::fs::read_link(&path).unwrap_or_default()));
    }
    if meta.is_file() && args.choice("get_checksum").unwrap_or(true) {
        let algorithm = args.text("checksum_algorithm").unwrap_or_else(|| "sha1".to_owned());
        if let Some(Ok(digest)) = digest::of_file(&path, &algorithm) {
            stat.insert(Data::str("checksum"), text(digest));
        }
    }
    if args.choice("get_mime").unwrap_or(true) {
        stat.extend(mime(ctx, &path));
    }
    if args.choice("get_attributes").unwrap_or(true) {
        stat.extend(flags(ctx, &path));
    }
    Ok(Outcome { result: map([("stat", Data::Map(stat))]), ..Outcome::default() })
}

/// Whether owner and group are always named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Left out where nobody knows them (stat).
    Both,
    /// Empty where nobody knows them (find).
    Always,
}

/// What both modules say of a file.
pub fn described(ctx: &Context, meta: &Metadata, names: Names) -> Map {
    let mode = meta.mode();
    let kind = meta.file_type();
    let bit = |bits: u32| Data::Bool(mode & bits != 0);
    let time = |seconds: i64, nanos: i64| Data::Float(seconds as f64 + nanos as f64 * 1e-9);
    let mut out = map([
        ("mode", text(format!("{:04o}", mode & 0o7777))),
        ("isdir", Data::Bool(kind.is_dir())),
        ("ischr", Data::Bool(kind.is_char_device())),
        ("isblk", Data::Bool(kind.is_block_device())),
        ("isreg", Data::Bool(kind.is_file())),
        ("isfifo", Data::Bool(kind.is_fifo())),
        ("islnk", Data::Bool(kind.is_symlink())),
        ("issock", Data::Bool(kind.is_socket())),
        ("uid", int(meta.uid())),
        ("gid", int(meta.gid())),
        ("size", int(meta.size())),
        ("inode", int(meta.ino())),
        ("dev", int(meta.dev())),
        ("nlink", int(meta.nlink())),
        ("atime", time(meta.atime(), meta.atime_nsec())),
        ("mtime", time(meta.mtime(), meta.mtime_nsec())),
        ("ctime", time(meta.ctime(), meta.ctime_nsec())),
    ]);
    let bits = [
        ("wusr", 0o200),
        ("rusr", 0o400),
        ("xusr", 0o100),
        ("wgrp", 0o020),
        ("rgrp", 0o040),
        ("xgrp", 0o010),
        ("woth", 0o002),
        ("roth", 0o004),
        ("xoth", 0o001),
        ("isuid", 0o4000),
        ("isgid", 0o2000),
    ];
    out.extend(bits.iter().map(|(name, bits)| (Data::str(*name), bit(*bits))));
    let user = attributes::user_name(ctx, meta.uid());
    let group = attributes::group_name(ctx, meta.gid());
    for (name, known, number) in [("pw_name", user, meta.uid()), ("gr_name", group, meta.gid())] {
        let nameless = known == number.to_string();
        if !nameless {
            out.insert(Data::str(name), text(known));
        } else if names == Names::Always {
            out.insert(Data::str(name), text(""));
        }
    }
    out
}

/// What `file` makes of it.
fn mime(ctx: &Context, path: &Path) -> Map {
    let unknown = || map([("mimetype", text("unknown")), ("charset", text("unknown"))]);
    let Some(program) = ctx.runner.which("file") else { return unknown() };
    let argv = [program.as_os_str(), "--mime-type".as_ref(), "--mime-encoding".as_ref(), path.as_os_str()];
    let Ok(output) = ctx.runner.run(&Command::new(argv).read_only()) else { return unknown() };
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let parsed = shown.rsplit_once(':').and_then(|(_, rest)| rest.split_once(';'));
    match parsed.filter(|_| output.rc == 0) {
        Some((kind, charset)) => {
            let charset = charset.split_once('=').map_or("unknown", |(_, c)| c.trim());
            map([("mimetype", text(kind.trim())), ("charset", text(charset))])
        }
        None => unknown(),
    }
}

/// What `lsattr` makes of it.
fn flags(ctx: &Context, path: &Path) -> Map {
    let Some(flags) = attributes::flags(ctx, path) else {
        return map([("version", Data::Null), ("attributes", Data::List(Vec::new())), ("attr_flags", text(""))]);
    };
    let names = flags.letters.chars().filter_map(|c| FLAGS.iter().find(|(l, _)| *l == c));
    let names = names.map(|(_, name)| text(*name)).collect();
    map([
        ("version", output_text(flags.version.into_bytes())),
        ("attributes", Data::List(names)),
        ("attr_flags", text(flags.letters)),
    ])
}

/// chattr's letters, as Ansible names them.
const FLAGS: &[(char, &str)] = &[
    ('A', "noatime"),
    ('a', "append"),
    ('c', "compressed"),
    ('C', "nocow"),
    ('d', "nodump"),
    ('D', "dirsync"),
    ('e', "extents"),
    ('E', "encrypted"),
    ('h', "blocksize"),
    ('i', "immutable"),
    ('I', "indexed"),
    ('j', "journalled"),
    ('N', "inline"),
    ('s', "zero"),
    ('S', "synchronous"),
    ('t', "notail"),
    ('T', "blockroot"),
    ('u', "undelete"),
    ('X', "compressedraw"),
    ('Z', "compresseddirty"),
];
