//! `ansible.builtin.assemble`: one file from the fragments of a directory, of this node or of the role.

use super::attributes::{AttrDiff, Wanted, described};
use super::copy::{Copy, Source, not_found};
use super::install::{Install, refused_in_words, unsafe_writes};
use super::params::{Params, map, text};
use super::{Context, Failure, Outcome, digest, paths};
use crate::plan::limits::RENDERED;
use crate::plan::{Data, Key, Map};
use crate::spec::Args;
use crate::sys::file::{holds, read_bounded};
use crate::sys::order;
use crate::vars::pyre::{Flags, Regex};
use std::path::{Path, PathBuf};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let remote = args.choice("remote_src").unwrap_or(true);
    if ctx.check {
        let outcome = Outcome { skipped: true, ..Outcome::default() };
        return Ok(outcome.with("msg", text("check mode is not supported for this task.")));
    }
    let src = args.text("src").unwrap_or_default();
    if remote { of_node(ctx, args, &src) } else { of_role(ctx, args, &src) }
}

/// Fragments on this node.
fn of_node(ctx: &Context, args: &Args, src: &str) -> Result<Outcome, Failure> {
    let directory = Path::new(src);
    if !directory.exists() {
        return Err(Failure::new(format!("Source ({src}) does not exist")));
    }
    if !directory.is_dir() {
        return Err(Failure::new(format!("Source ({src}) is not a directory")));
    }
    let choice = Choice::new(args)?;
    if let Some(command) = args.text("validate").filter(|v| !v.is_empty() && !v.contains("%s")) {
        return Err(Failure::new(format!("validate must contain %s: {command}")));
    }
    let cannot = |path: &Path, e: std::io::Error| Failure::new(format!("reading {}: {e}", path.display()));
    let mut names = Vec::new();
    for entry in directory.read_dir().map_err(|e| cannot(directory, e))? {
        names.push(entry.map_err(|e| cannot(directory, e))?.file_name());
    }
    order::ascending(&mut names);
    let mut joined = Joined::new(args, false);
    for name in names {
        let path = directory.join(&name);
        if choice.takes(&name.to_string_lossy())? && path.is_file() {
            joined.add(&read_bounded(&path, RENDERED as u64).map_err(|e| cannot(&path, e))?)?;
        }
    }
    install(ctx, args, &joined.bytes)
}

/// Fragments of the role, put together as Ansible's controller does it, then copied.
fn of_role(ctx: &Context, args: &Args, src: &str) -> Result<Outcome, Failure> {
    let found = ctx.files.find("files", src).map_err(|tried| not_found(src, &tried))?;
    let not_a_directory = |_| Failure::new(format!("Source ({found}) is not a directory"));
    let mut names = ctx.files.list(&found).map_err(not_a_directory)?;
    order::ascending(&mut names);
    let choice = Choice::new(args)?;
    let mut joined = Joined::new(args, true);
    for (name, is_directory) in names {
        if !is_directory && choice.takes(&name)? {
            let path = format!("{}/{name}", found.trim_end_matches('/'));
            let bytes = ctx.files.read_plain(&path).map_err(|e| Failure::new(format!("reading {path}: {e}")))?;
            joined.add(&bytes)?;
        }
    }
    let dest = PathBuf::from(args.os("dest").unwrap_or_default());
    let name = paths::basename(&dest).into();
    let source = Source { bytes: joined.bytes, path: found, name, mode: 0o644, inline: false };
    let mut outcome = Copy { args, dest, follow: false }.single(ctx, source)?;
    // Copy returns a list of differences, assemble the one.
    if let Some(diff) = outcome.result.get_mut(&Key("diff"))
        && let Data::List(all) = diff
    {
        *diff = all.pop().unwrap_or_else(|| Data::Map(Map::default()));
    }
    Ok(outcome)
}

/// Which files of the directory are fragments.
struct Choice {
    pattern: Option<Regex>,
    ignore_hidden: bool,
}

impl Choice {
    fn new(args: &Args) -> Result<Choice, Failure> {
        let compiled = args.text("regexp").map(|regexp| {
            Regex::new(&regexp, Flags::default())
                .map_err(|e| Failure::new(format!("Invalid Regexp ({e}) in \"{regexp}\"")))
        });
        Ok(Choice { pattern: compiled.transpose()?, ignore_hidden: args.flag("ignore_hidden") })
    }

    fn takes(&self, name: &str) -> Result<bool, Failure> {
        if self.ignore_hidden && name.starts_with('.') {
            return Ok(false);
        }
        let Some(pattern) = &self.pattern else { return Ok(true) };
        pattern.search(name).map(|found| found.is_some()).map_err(Failure::new)
    }
}

/// The fragments so far.
struct Joined {
    bytes: Vec<u8>,
    delimiter: Vec<u8>,
    /// Ansible's controller puts a line break after every delimiter, its module after those without one.
    always_break: bool,
    started: bool,
    break_needed: bool,
}

impl Joined {
    fn new(args: &Args, always_break: bool) -> Joined {
        let delimiter = args.text("delimiter").unwrap_or_default().into_bytes();
        Joined { bytes: Vec::new(), delimiter, always_break, started: false, break_needed: false }
    }

    fn add(&mut self, fragment: &[u8]) -> Result<(), Failure> {
        if self.break_needed {
            self.bytes.push(b'\n');
        }
        if self.started && !self.delimiter.is_empty() {
            // Once for every fragment: an escaped escape gets shorter each time, in Ansible too.
            self.delimiter = unescape(&self.delimiter)?;
            self.bytes.extend_from_slice(&self.delimiter);
            if self.always_break || self.delimiter.last() != Some(&b'\n') {
                self.bytes.push(b'\n');
            }
        }
        self.bytes.extend_from_slice(fragment);
        self.started = true;
        self.break_needed = fragment.last() != Some(&b'\n');
        match self.bytes.len() > RENDERED {
            true => Err(Failure::new(format!("the fragments are more than {RENDERED} bytes together"))),
            false => Ok(()),
        }
    }
}

/// Python's `codecs.escape_decode`.
fn unescape(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&code, tail)) = rest.split_first() else {
            return Err(Failure::new("the delimiter ends in a backslash"));
        };
        let mut taken = 0;
        match code {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(code),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'0'..=b'7' => {
                let digits = rest.iter().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let value = rest[..digits].iter().fold(0u32, |n, d| n * 8 + u32::from(d - b'0'));
                // As Python: the ninth bit is lost.
                out.push((value & 0xff) as u8);
                taken = digits - 1;
            }
            b'x' => {
                let digits = tail.get(..2).and_then(|d| std::str::from_utf8(d).ok());
                let value = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
                out.push(value.ok_or_else(|| Failure::new("invalid \\x escape in the delimiter"))?);
                taken = 2;
            }
            other => out.extend([b'\\', other]),
        }
        rest = &tail[taken..];
    }
    Ok(out)
}

fn install(ctx: &Context, args: &Args, content: &[u8]) -> Result<Outcome, Failure> {
    let dest = PathBuf::from(args.os("dest").unwrap_or_default());
    let wanted = Wanted::from_args(ctx, args, &dest);
    let mut result: Map = map([
        ("src", text(args.text("src").unwrap_or_default())),
        ("dest", paths::shown(&dest)),
        ("checksum", text(digest::sha1(content))),
        ("md5sum", text(digest::md5(content))),
        ("msg", text("OK")),
    ]);
    let mut changes = Vec::new();
    if !(dest.is_file() && holds(&dest, content)) {
        if dest.is_dir() {
            return Err(Failure::new(format!("{} is a directory", dest.display())));
        }
        let existed = dest.exists();
        let install = Install {
            wanted: &wanted,
            validate: args.text("validate").filter(|v| !v.is_empty()),
            backup: args.flag("backup") && existed,
            unsafe_writes: unsafe_writes(ctx, args),
            refused: refused_in_words,
        };
        let installed = install.run(ctx, &mut &content[..])?;
        if let Some(backup) = installed.backup {
            result.insert(Data::str("backup_file"), paths::shown(&backup));
        }
        if install.validate.is_some() {
            let passed = map([("rc", super::params::int(0)), ("stdout", text("")), ("stderr", text(""))]);
            result.insert(Data::str("validation"), Data::Map(passed));
        }
        changes.push(described(ctx, if existed { "content" } else { "created" }, &dest));
    }
    let mut diff = AttrDiff::default();
    if wanted.apply(ctx, &mut diff)? {
        changes.extend(diff.changes(ctx, &dest));
    }
    super::attributes::add_path_info(ctx, &mut result);
    Ok(Outcome { changed: !changes.is_empty(), result, changes, ..Outcome::default() })
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn delimiters_are_read_as_python_reads_them() {
        for (text, bytes) in [
            (r"a\nb", &b"a\nb"[..]),
            (r"\\n", b"\\n"),
            (r"\x41\101\7z", b"AA\x07z"),
            (r"\q\'", b"\\q'"),
            ("\\\n-", b"-"),
            (r"\777", b"\xff"),
        ] {
            assert_eq!(unescape(text.as_bytes()).ok().as_deref(), Some(bytes), "{text}");
        }
        for text in [r"a\", r"\x4", r"\xzz"] {
            assert!(unescape(text.as_bytes()).is_err(), "{text}");
        }
    }
}
