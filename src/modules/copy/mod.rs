//! `ansible.builtin.copy`: content, role files and directories, or files that are on the node already, to where they
//! belong. Template ends here too.

mod remote;
mod tree;

use super::attributes::{AttrDiff, Wanted, add_path_info, described};
use super::file::{self, Request, State};
use super::install::{Install, refused_with_output, unsafe_writes};
use super::params::{Params, failure, map, output_text, plain, text};
use super::{Context, Diff, Failure, Outcome, difference, digest, json, paths};
use crate::plan::{Data, Map};
use crate::spec::Args;
use nix::unistd::AccessFlags;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is copied, and what it is called.
pub struct Source {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its path, for messages and the result.
    pub path: String,
    /// The name it has in a directory: a path when it comes from a directory itself.
    pub name: PathBuf,
    /// Its permission bits, for `mode: preserve`.
    pub mode: u32,
    /// It is the task's `content`.
    pub inline: bool,
}

/// How it is copied: what copy and template have in common.
pub struct Copy<'a> {
    /// The task's arguments.
    pub args: &'a Args,
    /// `dest`.
    pub dest: PathBuf,
    /// `follow`.
    pub follow: bool,
}

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let dest = PathBuf::from(args.os("dest").unwrap_or_default());
    let src = args.text("src").filter(|s| !s.is_empty());
    let content = args.value("content");
    let with_path = |failure: Failure| -> Failure { failure };
    match (src, content) {
        (None, None) => Err(with_path(Failure::new("src (or content) is required"))),
        (Some(_), Some(_)) => Err(Failure::new("src and content are mutually exclusive")),
        (None, Some(_)) if paths::ends_in_slash(&dest) => Err(Failure::new("can not use content with a dir as dest")),
        (None, Some(content)) => {
            let copy = Copy { args, dest, follow: args.flag("follow") };
            let source = Source {
                bytes: content_bytes(content),
                path: String::new(),
                name: paths::basename(&copy.dest).into(),
                mode: 0o600,
                inline: true,
            };
            copy.single(ctx, source)
        }
        (Some(_), None) if args.flag("remote_src") => remote::run(ctx, args),
        (Some(src), None) => from_role(ctx, args, &src, dest),
    }
}

/// The bytes of `content`; what is no text is written as JSON or as Python shows it.
fn content_bytes(content: &Data) -> Vec<u8> {
    match content {
        Data::Map(_) | Data::List(_) | Data::Tuple(_) => json::dumps(content, json::Style::Line).into_bytes(),
        Data::Bytes(bytes) => bytes.clone(),
        other => other.text_bytes().map_or_else(|| plain(other).into_bytes(), <[u8]>::to_vec),
    }
}

fn from_role(ctx: &Context, args: &Args, src: &str, dest: PathBuf) -> Result<Outcome, Failure> {
    let found = ctx.files.find("files", src).map_err(|tried| not_found(src, &tried))?;
    match ctx.files.list(&found) {
        Ok(_) => tree::copy(ctx, args, &tree::Top { path: found, slash: src.ends_with('/') }, dest),
        Err(_) => {
            let copy = Copy { args, dest, follow: args.flag("follow") };
            let source = read_source(ctx, args, &found, paths::basename(Path::new(&found)).into())?;
            copy.single(ctx, source)
        }
    }
}

/// What Ansible says of a file that none of the search paths has.
pub fn not_found(name: &str, tried: &[String]) -> Failure {
    let list: String = tried.iter().map(|p| format!("\n\t{p}")).collect();
    Failure::new(format!(
        "Could not find or access '{name}'\nSearched in:{list} on the Ansible Controller.\nIf you are using a module and expect the file to exist on the remote, see the remote_src option"
    ))
}

/// What Ansible says of a file that was found and can't be had.
pub fn unreadable(path: &str, e: &std::io::Error) -> Failure {
    match e.kind() {
        // It says itself what it is.
        std::io::ErrorKind::Other => Failure::new(e.to_string()),
        _ => Failure::new(format!("could not find src={path}, {e}")),
    }
}

/// A file of the role.
fn read_source(ctx: &Context, args: &Args, path: &str, name: PathBuf) -> Result<Source, Failure> {
    let plain = args.choice("decrypt").unwrap_or(true);
    let bytes = if plain { ctx.files.read_plain(path) } else { ctx.files.read(path) };
    let bytes = bytes.map_err(|e| unreadable(path, &e))?;
    let mode = ctx.files.mode(path).unwrap_or(0o644);
    Ok(Source { bytes, path: path.to_owned(), name, mode, inline: false })
}

impl Copy<'_> {
    /// Copies one file and returns what the task returns.
    pub fn single(&self, ctx: &Context, source: Source) -> Result<Outcome, Failure> {
        let path = source.path.clone();
        if let Some(mut outcome) = self.one(ctx, &source)? {
            let dest = outcome.result.get(&crate::plan::Key("path")).cloned();
            if let Some(dest) = dest.filter(|_| !outcome.result.contains_key(&crate::plan::Key("dest"))) {
                outcome.result.insert(Data::str("dest"), dest);
            }
            return Ok(outcome);
        }
        let result = map([("dest", paths::shown(&self.dest)), ("src", text(path))]);
        Ok(Outcome { result, ..Outcome::default() })
    }

    /// Copies one file; `None` where there is one already and `force` is off.
    fn one(&self, ctx: &Context, source: &Source) -> Result<Option<Outcome>, Failure> {
        let force = self.args.choice("force").unwrap_or(true);
        let mut target = self.dest.clone();
        if paths::ends_in_slash(&target) {
            target.push(&source.name);
        }
        let mut now = Existing::at(&target, self.follow)?;
        if now.is_directory {
            if source.inline {
                let diff = ("diff", Data::List(Vec::new()));
                return Err(failure("can not use content with a dir as dest", [diff]));
            }
            target.push(&source.name);
            now = Existing::at(&target, self.follow)?;
        }
        if now.exists && !force {
            return Ok(None);
        }
        let checksum = digest::sha1(&source.bytes);
        let mut outcome = if now.is_file && crate::sys::file::holds(&now.path, &source.bytes) {
            self.attributes_only(ctx, source)?
        } else {
            let mut diffs = Vec::new();
            if ctx.diff {
                let header = if source.inline { target.display().to_string() } else { source.path.clone() };
                diffs.push(difference::of_content(&target, &source.bytes, &header));
            }
            if ctx.check {
                return Ok(Some(self.would_change(ctx, &target, &checksum, diffs)));
            }
            let shown = Data::List(diffs.iter().map(difference::returned).collect());
            self.replace(ctx, source, diffs).map_err(|mut failure| {
                failure.result.entry(Data::str("checksum")).or_insert_with(|| text(checksum.as_str()));
                failure.result.insert(Data::str("diff"), shown);
                failure
            })?
        };
        let known = outcome.result.contains_key(&crate::plan::Key("checksum"));
        if !known {
            outcome.result.insert(Data::str("checksum"), text(checksum));
        }
        Ok(Some(outcome))
    }

    fn would_change(&self, ctx: &Context, target: &Path, _checksum: &str, diffs: Vec<Diff>) -> Outcome {
        let shown = Data::List(diffs.iter().map(difference::returned).collect());
        let changes = vec![described(ctx, if target.exists() { "content" } else { "created" }, target)];
        Outcome { changed: true, result: map([("diff", shown)]), changes, diff: diffs, ..Outcome::default() }
    }

    /// The content is right already; only its looks are seen to, as the file module does it.
    fn attributes_only(&self, ctx: &Context, source: &Source) -> Result<Outcome, Failure> {
        let mut dest = self.dest.clone();
        if self.follow && dest.is_symlink() {
            dest = paths::realpath(&dest);
        }
        let mut request = Request::new(&dest, self.wanted(ctx, source, &dest));
        request.state = Some(State::File);
        request.follow = true;
        request.force = self.args.flag("force");
        request.basename = Some(source.name.clone());
        file::ensure(ctx, request)
    }

    fn wanted(&self, ctx: &Context, source: &Source, path: &Path) -> Wanted {
        let mut wanted = Wanted::from_args(ctx, self.args, path);
        if wanted.mode.as_ref().and_then(Data::as_str) == Some("preserve") {
            wanted.mode = Some(text(format!("0{:03o}", source.mode)));
        }
        wanted
    }

    /// Puts the content in place.
    fn replace(&self, ctx: &Context, source: &Source, diffs: Vec<Diff>) -> Result<Outcome, Failure> {
        let checksum = digest::sha1(&source.bytes);
        if let Some(expected) = self.args.text("checksum").filter(|c| *c != checksum) {
            return Err(failure(
                "Copied file does not match the expected checksum. Transfer failed.",
                [("checksum", text(checksum)), ("expected_checksum", text(expected))],
            ));
        }
        let target = self.place(ctx, source)?;
        let existed = target.exists();
        let installed = self.install(ctx, source, &target)?;
        let mut result = map([
            ("dest", paths::shown(&target)),
            ("src", output_text(source.path.clone().into_bytes())),
            ("md5sum", text(digest::md5(&source.bytes))),
            ("checksum", text(checksum)),
            ("diff", Data::List(diffs.iter().map(difference::returned).collect())),
        ]);
        if let Some(backup) = installed.backup {
            result.insert(Data::str("backup_file"), paths::shown(&backup));
        }
        let wanted = self.wanted(ctx, source, &target);
        wanted.apply(ctx, &mut AttrDiff::default())?;
        add_path_info(ctx, &mut result);
        let changes = vec![described(ctx, if existed { "content" } else { "created" }, &target)];
        Ok(Outcome { changed: true, result, changes, diff: diffs, ..Outcome::default() })
    }

    fn install(&self, ctx: &Context, source: &Source, target: &Path) -> Result<super::install::Installed, Failure> {
        // A link that is not followed is replaced by a file, which then is a new one.
        let wanted = Wanted { path: target.to_owned(), ..self.wanted(ctx, source, target) };
        Install {
            wanted: &wanted,
            validate: self.args.text("validate").filter(|v| !v.is_empty()),
            backup: self.args.flag("backup"),
            unsafe_writes: unsafe_writes(ctx, self.args),
            refused: refused_with_output,
        }
        .run(ctx, &mut &source.bytes[..])
    }

    /// The path that is written: directories made on the way, links followed where that is asked for.
    fn place(&self, ctx: &Context, source: &Source) -> Result<PathBuf, Failure> {
        let mut target = self.dest.clone();
        if paths::ends_in_slash(&target) {
            target.push(&source.name);
            self.make_parents(ctx, &target)?;
        }
        if target.is_dir() {
            target.push(&source.name);
        }
        let target = settle_target(target, self.follow)?;
        if !unsafe_writes(ctx, self.args) {
            require_writable(&target)?;
        }
        Ok(target)
    }

    fn make_parents(&self, ctx: &Context, target: &Path) -> Result<(), Failure> {
        let parent = paths::dirname(target);
        let mut missing: Vec<&Path> =
            parent.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
        missing.reverse();
        let mut wanted = Wanted::from_args(ctx, self.args, &parent);
        wanted.mode = self.args.value("directory_mode").cloned();
        for directory in missing {
            std::fs::create_dir(directory)
                .map_err(|e| Failure::new(format!("could not create {}: {e}", directory.display())))?;
            wanted.of(directory).apply(ctx, &mut AttrDiff::default())?;
        }
        Ok(())
    }
}

/// Checks that a file can be put at `target`, and follows a link there where that is asked for.
fn settle_target(target: PathBuf, follow: bool) -> Result<PathBuf, Failure> {
    let target = if target.as_os_str().as_bytes().contains(&b'/') { target } else { Path::new(".").join(target) };
    let target = if follow && target.is_symlink() && target.exists() { paths::realpath(&target) } else { target };
    let parent = paths::dirname(&target);
    if !target.exists() && !parent.exists() {
        return Err(Failure::new(format!("Destination directory {} does not exist", parent.display())));
    }
    Ok(target)
}

/// Checks that something new can be put beside `target`.
fn require_writable(target: &Path) -> Result<(), Failure> {
    let parent = paths::dirname(target);
    match paths::may(&parent, AccessFlags::W_OK) {
        true => Ok(()),
        false => Err(Failure::new(format!("Destination {} not writable", parent.display()))),
    }
}

/// What is at a destination.
struct Existing {
    path: PathBuf,
    exists: bool,
    is_directory: bool,
    is_file: bool,
}

impl Existing {
    fn at(path: &Path, follow: bool) -> Result<Existing, Failure> {
        let meta = match if follow { path.metadata() } else { path.symlink_metadata() } {
            Ok(meta) => Some(meta),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => {
                let (shown, why) = (path.display(), super::params::words_of(&e));
                return Err(Failure::raised(format!("Failed to get information on remote file ({shown}): {why}")));
            }
        };
        Ok(Existing {
            path: path.to_owned(),
            exists: meta.is_some(),
            is_directory: meta.as_ref().is_some_and(std::fs::Metadata::is_dir),
            is_file: meta.as_ref().is_some_and(std::fs::Metadata::is_file),
        })
    }
}

/// The permission bits of a file on the node.
fn bits(path: &Path) -> u32 {
    path.metadata().map_or(0o644, |m| m.mode() & crate::sys::mode::BITS)
}

/// A relative path of a directory's entry, with its slashes as they are.
fn joined(base: &Path, name: &[u8]) -> PathBuf {
    base.join(OsString::from_vec(name.to_vec()))
}

/// The result of a task that copied several files.
fn several(dest: &Path, src: Data, outcome: Outcome) -> Outcome {
    let result: Map = map([("dest", paths::shown(dest)), ("src", src)]);
    Outcome { result, ..outcome }
}
