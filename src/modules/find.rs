//! `ansible.builtin.find`: files below directories, by name, age, size, mode and content.

use super::file::add_warnings;
use super::params::{Params, failure, int, map, text};
use super::stat::{Names, described};
use super::{Context, Failure, Outcome, digest, paths};
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::clock;
use crate::sys::mode::{self, Base};
use crate::sys::order;
use crate::vars::pyre::{Flags, Regex};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Entries looked at before the search is given up.
const ENTRIES: i64 = 2_000_000;
/// Bytes of a file that `contains` looks through.
const CONTENT: u64 = 64 << 20;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let mut search = Search::new(ctx, args)?;
    for path in args.texts("paths").unwrap_or_default() {
        let expanded = super::exec::expand(ctx, path.as_ref());
        let path = PathBuf::from(expanded);
        if !path.is_dir() {
            let why = format!("'{}' is not a directory", path.display());
            search.skip_path(&path, &why);
            continue;
        }
        search.walk(&path)?;
    }
    let msg = match search.warnings.is_empty() {
        true => "All paths examined",
        false => "Not all paths examined, check warnings for details",
    };
    let mut result = map([
        ("matched", int(search.found.len() as i64)),
        ("files", Data::List(search.found)),
        ("msg", text(msg)),
        ("examined", int(search.examined)),
        ("skipped_paths", Data::Map(search.skipped)),
    ]);
    add_warnings(&mut result, search.warnings);
    Ok(Outcome { result, ..Outcome::default() })
}

struct Search<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    patterns: Vec<Regex>,
    excludes: Vec<Regex>,
    contains: Option<Regex>,
    age: Option<i64>,
    size: Option<i64>,
    mode: Option<u32>,
    now: f64,
    found: Vec<Data>,
    skipped: Map,
    warnings: Vec<String>,
    examined: i64,
}

impl<'a> Search<'a> {
    fn new(ctx: &'a Context<'a>, args: &'a Args) -> Result<Search<'a>, Failure> {
        let regex = args.flag("use_regex");
        let compiled = |name: &str| -> Result<Vec<Regex>, Failure> {
            args.texts(name).unwrap_or_default().iter().map(|p| pattern(p, regex)).collect()
        };
        let mut patterns = compiled("patterns")?;
        if patterns.is_empty() {
            patterns.push(pattern(".*", true)?);
        }
        let contains = args.text("contains").map(|p| Regex::new(&p, Flags::default())).transpose();
        let mode = match args.value("mode") {
            None => None,
            Some(value) => match value.as_str() {
                Some("") => None,
                Some(text) => {
                    let base = Base { mode: 0, directory: false, umask: 0 };
                    Some(mode::parse(text, base).map_err(|e| Failure::new(format!("mode {text}: {e:?}")))?)
                }
                None => {
                    let kind = value.type_name();
                    return Err(Failure::new(format!(
                        "argument 'mode' is not a string and conversion is not allowed, value is of type {kind}"
                    )));
                }
            },
        };
        let (seconds, micros) = clock::now();
        Ok(Search {
            ctx,
            args,
            patterns,
            excludes: compiled("excludes")?,
            contains: contains.map_err(|e| Failure::new(format!("contains: {e}")))?,
            age: scaled(args, "age", &[("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604_800)])?,
            size: scaled(args, "size", &[("b", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40)])?,
            mode,
            now: seconds as f64 + f64::from(micros) * 1e-6,
            found: Vec::new(),
            skipped: Map::default(),
            warnings: Vec::new(),
            examined: 0,
        })
    }

    fn skip_path(&mut self, path: &Path, why: &str) {
        self.warnings.push(format!("Skipped '{}' path due to this access issue: {why}\n", path.display()));
        self.skipped.insert(paths::shown(path), text(why));
    }

    /// Everything below `top`, files of a directory before its directories, as `os.walk` gives them.
    fn walk(&mut self, top: &Path) -> Result<(), Failure> {
        let depth = self.args.int("depth").filter(|d| *d != 0);
        let mut todo = vec![(top.to_owned(), 1)];
        while let Some((directory, level)) = todo.pop() {
            let entries = match listing(&directory) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                    self.skipped.insert(paths::shown(&directory), text(e.to_string()));
                    continue;
                }
                Err(e) => {
                    self.skip_path(top, &e.to_string());
                    return Ok(());
                }
            };
            self.examined += entries.len() as i64;
            if self.examined > ENTRIES {
                return Err(Failure::new(format!("more than {ENTRIES} files below {}", top.display())));
            }
            if depth.is_some_and(|d| level > d) {
                continue;
            }
            let mut below = Vec::new();
            for (path, is_directory) in entries {
                self.consider(&path)?;
                let enter = is_directory && (self.args.flag("follow") || !path.is_symlink());
                if enter {
                    below.push((path, level + 1));
                }
            }
            if self.args.flag("recurse") {
                todo.extend(below.into_iter().rev());
            }
        }
        Ok(())
    }

    fn consider(&mut self, path: &Path) -> Result<(), Failure> {
        let name = paths::basename(path).to_string_lossy().into_owned();
        if name.starts_with('.') && !self.args.flag("hidden") {
            return Ok(());
        }
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            Err(e) => {
                let shown = path.display();
                self.warnings.push(format!("Skipped entry '{shown}' due to this access issue: {e}\n"));
                self.skipped.insert(paths::shown(path), text(e.to_string()));
                return Ok(());
            }
        };
        let kind = self.args.text("file_type").unwrap_or_default();
        let right_kind = match kind.as_str() {
            "any" => true,
            "directory" => meta.is_dir(),
            "link" => meta.is_symlink(),
            _ => meta.is_file(),
        };
        let sized = kind == "file" || (kind == "any" && meta.is_file());
        let wanted = right_kind
            && self.named(&name)?
            && self.old_enough(&meta)
            && (!sized || limit(self.size, meta.size() as f64))
            && self.mode_fits(&meta)
            && (kind != "file" || self.holds(path)?);
        if !wanted {
            return Ok(());
        }
        let mut entry = map([("path", paths::shown(path))]);
        entry.extend(described(self.ctx, &meta, Names::Always));
        if self.args.flag("get_checksum") && meta.is_file() {
            let digest = digest::of_file(path, "sha1").and_then(Result::ok);
            entry.insert(Data::str("checksum"), digest.map_or(Data::Null, text));
        }
        self.found.push(Data::Map(entry));
        Ok(())
    }

    fn named(&self, name: &str) -> Result<bool, Failure> {
        Ok(any(&self.patterns, name)? && !any(&self.excludes, name)?)
    }

    fn old_enough(&self, meta: &Metadata) -> bool {
        let stamp = match self.args.text("age_stamp").as_deref() {
            Some("atime") => (meta.atime(), meta.atime_nsec()),
            Some("ctime") => (meta.ctime(), meta.ctime_nsec()),
            _ => (meta.mtime(), meta.mtime_nsec()),
        };
        limit(self.age, self.now - (stamp.0 as f64 + stamp.1 as f64 * 1e-9))
    }

    fn mode_fits(&self, meta: &Metadata) -> bool {
        let bits = meta.mode() & mode::BITS;
        match self.mode {
            None => true,
            Some(mode) if self.args.choice("exact_mode").unwrap_or(true) => bits == mode,
            Some(mode) => bits & mode != 0,
        }
    }

    fn holds(&self, path: &Path) -> Result<bool, Failure> {
        let Some(contains) = &self.contains else { return Ok(true) };
        let bytes = crate::sys::file::read_bounded(path, CONTENT).ok();
        let Some(content) = bytes.and_then(|b| String::from_utf8(b).ok()) else { return Ok(false) };
        let found = if self.args.flag("read_whole_file") {
            contains.search(&content).map_err(Failure::new)?.is_some()
        } else {
            let mut found = false;
            for line in content.split_inclusive('\n') {
                found |= contains.match_start(line).map_err(Failure::new)?.is_some();
                if found {
                    break;
                }
            }
            found
        };
        Ok(found)
    }
}

/// At least `bound`, or at most its amount where it is negative.
fn limit(bound: Option<i64>, value: f64) -> bool {
    match bound {
        None => true,
        Some(bound) if bound >= 0 => value >= bound as f64,
        Some(bound) => value <= -(bound as f64),
    }
}

fn any(patterns: &[Regex], name: &str) -> Result<bool, Failure> {
    for pattern in patterns {
        if pattern.match_start(name).map_err(Failure::new)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn pattern(text: &str, regex: bool) -> Result<Regex, Failure> {
    let translated = if regex { text.to_owned() } else { glob(text) };
    let flags = Flags { dot_all: !regex, ..Flags::default() };
    Regex::new(&translated, flags).map_err(|e| Failure::new(format!("{text:?} is no pattern: {e}")))
}

/// A shell pattern as a regular expression, as Python's `fnmatch.translate` has it.
fn glob(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut i) = (String::new(), 0);
    while let Some(&c) = chars.get(i) {
        i += 1;
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => {
                let negated = chars.get(i) == Some(&'!');
                let first = i + usize::from(negated);
                let from = first + usize::from(chars.get(first) == Some(&']'));
                match chars.iter().skip(from).position(|c| *c == ']').map(|n| from + n) {
                    None => out.push_str("\\["),
                    Some(end) => {
                        let inner: String = chars[first..end].iter().collect();
                        let inner = inner.replace('\\', "\\\\").replace('[', "\\[").replace('^', "\\^");
                        out.push_str(if negated { "[^" } else { "[" });
                        out.push_str(&inner);
                        out.push(']');
                        i = end + 1;
                    }
                }
            }
            other => out.push_str(&crate::vars::pyre::escape(&other.to_string())),
        }
    }
    out.push_str("\\Z");
    out
}

/// A number with an optional unit: `2h`, `-10k`.
fn scaled(args: &Args, name: &str, units: &[(&str, i64)]) -> Result<Option<i64>, Failure> {
    let Some(given) = args.text(name) else { return Ok(None) };
    let lower = given.to_lowercase();
    let (number, factor) = match units.iter().find_map(|(unit, f)| Some((lower.strip_suffix(unit)?, *f))) {
        Some((number, factor)) => (number, factor),
        None => (lower.as_str(), 1),
    };
    let digits = number.strip_prefix('-').unwrap_or(number);
    let value = number.parse::<i64>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    let refused = || failure(format!("failed to process {name}"), [(name, text(given.as_str()))]);
    value.and_then(|v| v.checked_mul(factor)).map(Some).ok_or_else(refused)
}

fn listing(directory: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let is_directory = path.is_dir();
        entries.push((path, is_directory));
    }
    // Files come before directories, each in the order of their names.
    order::by(&mut entries, |a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    Ok(entries)
}
