//! Zip archives: unzip unpacks, zipinfo tells times, sizes and permissions, which are compared with what lies there.

use super::zip_list::{self, Member};
use super::{Archive, Comparison, Job, matches, unreadable};
use crate::modules::Failure;
use crate::modules::accounts::Accounts;
use crate::modules::params::Params;
use crate::plan::Data;
use crate::plan::limits::BUNDLE_UNPACKED;
use crate::sys::file::read_bounded;
use crate::sys::{clock, mode};
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// An archive that unzip can read.
pub(super) struct Zip {
    unzip: OsString,
    zipinfo: OsString,
    members: Vec<Member>,
    files: Vec<String>,
}

/// Opens the archive; the inner error says why it is none for unzip.
pub(super) fn open(job: &Job) -> Result<Result<Zip, String>, Failure> {
    let which = |name: &str| job.ctx.runner.which(name).map(std::path::PathBuf::into_os_string);
    let (unzip, zipinfo) = match (which("unzip"), which("zipinfo")) {
        (Some(unzip), Some(zipinfo)) => (unzip, zipinfo),
        (unzip, zipinfo) => {
            let missing = [(unzip.is_none(), "unzip"), (zipinfo.is_none(), "zipinfo")];
            let names: Vec<&str> = missing.iter().filter(|(gone, _)| *gone).map(|(_, name)| *name).collect();
            return Ok(Err(format!("Unable to find required '{}' binary in the path.", names.join("' or '"))));
        }
    };
    let ran = job.command(vec![unzip.clone(), "-l".into(), job.src.clone().into()], true)?;
    if ran.rc != 0 {
        let program = unzip.to_string_lossy();
        return Ok(Err(format!("Command \"{program}\" could not handle archive: {}", ran.err())));
    }
    let bytes = read_bounded(&job.src, BUNDLE_UNPACKED).map_err(|e| unreadable(e.to_string()))?;
    let members = zip_list::members(&bytes).map_err(unreadable)?;
    let (include, exclude) =
        (job.args.texts("include").unwrap_or_default(), job.args.texts("exclude").unwrap_or_default());
    let wanted = |name: &&str| if include.is_empty() { !matches(&exclude, name) } else { matches(&include, name) };
    let files = members.iter().map(|m| m.name.as_str()).filter(wanted).map(str::to_owned).collect();
    Ok(Ok(Zip { unzip, zipinfo, members, files }))
}

/// A line of zipinfo's.
struct Entry<'l> {
    /// `d`, `-`, `l` or `?`.
    kind: char,
    permissions: &'l str,
    size: u64,
    /// `YYYYMMDD.HHMMSS`, local time.
    time: &'l str,
    path: &'l str,
}

impl<'l> Entry<'l> {
    fn parse(line: &'l str) -> Option<Entry<'l>> {
        let mut rest = line.trim_start();
        let mut fields = [""; 7];
        for field in &mut fields {
            let end = rest.find(char::is_whitespace)?;
            *field = &rest[..end];
            rest = rest[end..].trim_start();
        }
        let kind = fields[0].chars().next()?;
        let marks = &fields[0][1..];
        let fits = matches!(fields[0].len(), 7 | 10) && fields[6].len() == 15 && "dl-?".contains(kind);
        if !fits || !marks.chars().all(|c| "rwxstah-".contains(c)) {
            return None;
        }
        Some(Entry { kind, permissions: marks, size: fields[3].parse().ok()?, time: fields[6], path: rest })
    }

    fn letter(&self) -> char {
        match self.kind {
            _ if self.path.ends_with('/') => 'd',
            'l' => 'L',
            _ => 'f',
        }
    }

    /// The permission bits; those of a file system without owners are what the umask leaves.
    fn bits(&self, umask: u32) -> u32 {
        let (marks, umask) = match self.permissions {
            marks if marks.len() == 9 => (marks, 0),
            _ if self.path.ends_with('/') => ("rwxrwxrwx", umask),
            "rwx---" => ("rwxrwxrwx", umask),
            _ => ("rw-rw-rw-", umask),
        };
        // unzip itself sets no special bits.
        let set = |c: char| u32::from(matches!(c, 'r' | 'w' | 'x' | 's' | 't'));
        marks.chars().fold(0, |bits, c| bits << 1 | set(c)) & !umask
    }
}

/// How a file's own time compares with the archive's.
fn time_of(meta: &Metadata) -> (String, bool) {
    let t = clock::local(meta.mtime());
    let text = format!("{:04}{:02}{:02}.{:02}{:02}{:02}", t.year, t.month, t.day, t.hour, t.minute, t.second);
    (text, meta.mtime_nsec() != 0)
}

impl Zip {
    /// The itemised difference of one member, if there is one.
    fn difference(&self, job: &Job, entry: &Entry, newer: &mut Vec<String>) -> Result<Option<String>, Failure> {
        let letter = entry.letter();
        let path = job.dest.join(entry.path.trim_end_matches('/'));
        let Ok(meta) = path.symlink_metadata() else {
            return Ok(Some(format!(">{letter}++++++.?? {}\n", entry.path)));
        };
        let right_kind = match letter {
            'd' => meta.is_dir(),
            'L' => meta.is_symlink(),
            _ => meta.is_file(),
        };
        if !right_kind {
            return Ok(Some(format!("c{letter}++++++.?? {}\n", entry.path)));
        }
        let mut marks: Vec<char> = format!(".{letter}.......??").chars().collect();
        let before = marks.clone();
        if meta.is_file() {
            let (time, fraction) = time_of(&meta);
            if job.args.flag("keep_newer") {
                if entry.time > time.as_str() {
                    marks[4] = 't';
                } else if time.as_str() > entry.time || fraction {
                    newer.push(entry.path.to_owned());
                    return Ok(None);
                }
            } else if time != entry.time || fraction {
                marks[4] = 't';
            }
            if entry.size != meta.len() {
                marks[3] = 's';
            }
            let known = self.members.iter().find(|m| m.name == entry.path).map(|m| m.crc);
            if known != Some(crc(&path)?) {
                marks[2] = 'c';
            }
        }
        if letter != 'L' && self.mode(job, entry, &meta)? != meta.mode() & mode::BITS {
            marks[5] = 'p';
        }
        let (uid, gid) = owners(job)?;
        if meta.uid() != uid {
            marks[6] = 'o';
        }
        if meta.gid() != gid {
            marks[6] = 'g';
        }
        let line = || format!("{} {}\n", marks.iter().collect::<String>(), entry.path);
        Ok((marks != before).then(line))
    }

    /// The mode that the file is to have.
    fn mode(&self, job: &Job, entry: &Entry, meta: &Metadata) -> Result<u32, Failure> {
        let given = match job.args.value("mode") {
            None => return Ok(entry.bits(crate::sys::file::current_umask())),
            Some(Data::Int(bits)) => return Ok(u32::try_from(*bits).unwrap_or_default()),
            Some(other) => crate::modules::params::plain(other),
        };
        if let Ok(bits) = u32::from_str_radix(&given, 8) {
            return Ok(bits);
        }
        let umask = crate::sys::file::current_umask();
        let base = mode::Base { mode: meta.mode() & mode::BITS, directory: meta.is_dir(), umask };
        mode::parse(&given, base).map_err(|_| Failure::new(format!("mode {given:?} is not understood")))
    }
}

/// The owner and group that files are to have: those of the task, else whoever unpacks.
fn owners(job: &Job) -> Result<(u32, u32), Failure> {
    let accounts = Accounts::new(job.ctx, Path::new("/"));
    let number = |name: &str| name.parse::<u32>().ok();
    let uid = match job.args.text("owner") {
        None => None,
        Some(name) => accounts.user(&name)?.map(|u| u.uid).or(number(&name)),
    };
    let gid = match job.args.text("group") {
        None => None,
        Some(name) => accounts.group(&name)?.map(|g| g.gid).or(number(&name)),
    };
    let (own_uid, own_gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    Ok((uid.unwrap_or(own_uid), gid.unwrap_or(own_gid)))
}

fn crc(path: &Path) -> Result<u32, Failure> {
    let bytes = read_bounded(path, BUNDLE_UNPACKED);
    let bytes = bytes.map_err(|e| Failure::new(format!("reading {}: {e}", path.display())))?;
    let mut crc = flate2::Crc::new();
    crc.update(&bytes);
    Ok(crc.sum())
}

impl Archive for Zip {
    fn name(&self) -> &'static str {
        "ZipArchive"
    }

    fn files(&self) -> &[String] {
        &self.files
    }

    fn compare(&self, job: &Job) -> Result<Comparison, Failure> {
        let mut argv = vec![self.zipinfo.clone(), "-T".into(), "-s".into(), job.src.clone().into()];
        let excluded = job.words("exclude");
        if !excluded.is_empty() {
            argv.push("-x".into());
            argv.extend(excluded);
        }
        argv.extend(job.words("include"));
        let ran = job.command(argv, true)?;
        let mut found = Comparison { unpacked: ran.rc == 0, ..Comparison::default() };
        let excluded = job.args.texts("exclude").unwrap_or_default();
        for entry in ran.out().lines().filter_map(Entry::parse) {
            if excluded.iter().any(|e| e == entry.path) {
                continue;
            }
            if let Some(line) = self.difference(job, &entry, &mut found.newer)? {
                found.diff.push_str(&line);
                found.unpacked = false;
            }
        }
        Ok(found)
    }

    fn extraction(&self, job: &Job, found: &Comparison) -> Vec<OsString> {
        let mut argv = vec![self.unzip.clone(), "-o".into()];
        argv.extend(job.words("extra_opts"));
        argv.push(job.src.clone().into());
        let mut excluded = job.words("exclude");
        excluded.extend(found.newer.iter().map(OsString::from));
        if !excluded.is_empty() {
            argv.push("-x".into());
            argv.extend(excluded);
        }
        argv.extend(job.words("include"));
        argv.extend(["-d".into(), job.dest.clone().into()]);
        argv
    }
}
