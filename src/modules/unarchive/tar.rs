//! Archives of GNU tar, plain or compressed: tar itself lists, compares and unpacks.

use super::{Archive, Comparison, Job, matches};
use crate::modules::Failure;
use crate::modules::params::Params;
use std::ffi::OsString;
use std::io::Read;

/// The first bytes of what gzip packed; tar finds out by itself how everything else is compressed.
const GZIP: &[u8] = b"\x1f\x8b";
/// What tar says at the end of a line about something that is not there.
const MISSING: &str = ": Warning: Cannot stat: No such file or directory";

/// An archive that tar can read.
pub(super) struct Tar {
    program: OsString,
    option: &'static str,
    name: &'static str,
    files: Vec<String>,
}

/// Lists the archive; else why tar cannot.
pub(super) fn open(job: &Job) -> Result<Tar, String> {
    let found = ["gtar", "tar"].iter().find_map(|name| job.ctx.runner.which(name));
    let program = found.ok_or("Unable to find required 'gtar' or 'tar' binary in the path")?.into_os_string();
    let shown = program.to_string_lossy().into_owned();
    let version = job.command(vec![program.clone(), "--version".into()], true).map_err(|f| f.msg)?;
    let version = version.out();
    if !(version.starts_with("tar") && version.contains("GNU")) {
        return Err(format!("Command \"{shown}\" is not GNU tar. GNU tar required."));
    }
    let (option, name) = kind(job);
    let mut tar = Tar { program, option, name, files: Vec::new() };
    let listed = job.command(tar.argv(job, "--list", false), true).map_err(|f| f.msg)?;
    if listed.rc != 0 {
        let why = format!("Unable to list files in the archive: {}", listed.err());
        return Err(format!("Command \"{shown}\" could not handle archive: {why}"));
    }
    let excluded = excludes(job);
    let names = listed.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(unescaped);
    // Names from the root are taken from the directory that is unpacked to, as tar does it.
    let names = names.map(|name| name.strip_prefix('/').map_or(name.clone(), str::to_owned));
    tar.files = names.filter(|name| !matches(&excluded, name)).collect();
    if tar.files.is_empty() {
        let why = "found no files in archive. Empty archive files are not supported.";
        return Err(format!("Command \"{shown}\" {why}"));
    }
    Ok(tar)
}

/// How the archive is compressed.
fn kind(job: &Job) -> (&'static str, &'static str) {
    let mut start = Vec::new();
    // What cannot be read now cannot be listed either, and tar says why.
    let _ = std::fs::File::open(&job.src).map(|file| file.take(8).read_to_end(&mut start));
    if start.starts_with(GZIP) { ("-z", "TgzArchive") } else { ("", "TarArchive") }
}

fn excludes(job: &Job) -> Vec<String> {
    let given = job.args.texts("exclude").unwrap_or_default();
    given.iter().map(|e| e.trim_end_matches('/').to_owned()).collect()
}

/// A name as tar lists it: what is no plain text stands behind a backslash.
fn unescaped(line: &[u8]) -> String {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, tail)) = rest.split_first() {
        let octal = || {
            let digits = tail.get(..3).and_then(|d| std::str::from_utf8(d).ok())?;
            u8::from_str_radix(digits, 8).ok()
        };
        let simple = tail.first().and_then(|c| match c {
            b'\\' => Some(b'\\'),
            b'n' => Some(b'\n'),
            b't' => Some(b'\t'),
            b'r' => Some(b'\r'),
            _ => None,
        });
        match (first, octal(), simple) {
            (b'\\', Some(byte), _) => {
                out.push(byte);
                rest = &tail[3..];
            }
            (b'\\', None, Some(byte)) => {
                out.push(byte);
                rest = &tail[1..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Tar {
    fn argv(&self, job: &Job, mode: &str, owned: bool) -> Vec<OsString> {
        let mut argv = vec![self.program.clone(), mode.into(), "-C".into(), job.dest.clone().into_os_string()];
        if !self.option.is_empty() {
            argv.push(self.option.into());
        }
        let own = job.words("extra_opts");
        if !own.is_empty() {
            argv.push("--show-transformed-names".into());
            argv.extend(own);
        }
        if owned {
            for name in ["owner", "group"] {
                argv.extend(job.args.text(name).map(|value| OsString::from(format!("--{name}={value}"))));
            }
            if job.args.flag("keep_newer") {
                argv.push("--keep-newer-files".into());
            }
        }
        argv.extend(excludes(job).into_iter().map(|e| OsString::from(format!("--exclude={e}"))));
        argv.extend(["-f".into(), job.src.clone().into_os_string()]);
        argv.extend(job.words("include"));
        argv
    }
}

impl Archive for Tar {
    fn name(&self) -> &'static str {
        self.name
    }

    fn files(&self) -> &[String] {
        &self.files
    }

    fn compare(&self, job: &Job) -> Result<Comparison, Failure> {
        let ran = job.command(self.argv(job, "--diff", true), true)?;
        let given = |name: &str| job.args.value(name).is_some();
        let root = nix::unistd::geteuid().is_root();
        let (out, err) = (ran.out(), ran.err());
        let counts = |line: &&str| {
            if line.ends_with(&format!(": {MISSING}")) {
                return false;
            }
            // What the task sets itself is seen to afterwards.
            (root && !given("owner") && line.ends_with(": Uid differs"))
                || (root && !given("group") && line.ends_with(": Gid differs"))
                || (!given("mode") && line.ends_with(": Mode differs"))
                || line.ends_with(": Mod time differs")
                || line.ends_with(MISSING)
                || line.contains(": Invalid owner")
                || line.contains(": Invalid group")
        };
        let different = out.lines().chain(err.lines()).any(|line| counts(&line));
        Ok(Comparison { unpacked: !different, ..Comparison::default() })
    }

    fn extraction(&self, job: &Job, _: &Comparison) -> Vec<OsString> {
        self.argv(job, "--extract", true)
    }
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn names_are_read_as_tar_writes_them() {
        let cases = [("plain", "plain"), ("a\\303\\274", "aü"), ("b\\\\c", "b\\c"), ("d\\ne", "d\ne"), ("\\9", "\\9")];
        for (listed, name) in cases {
            assert_eq!(unescaped(listed.as_bytes()), name);
        }
    }
}
