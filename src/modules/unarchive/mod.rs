//! `ansible.builtin.unarchive`: unpacks tar and zip archives with the node's own programs, and only where something is
//! different from what lies there.

mod tar;
mod zip;
mod zip_list;

use super::attributes::{AttrDiff, Wanted, add_path_info};
use super::params::{Params, change, failure, int, list, map, output_text, text};
use super::private::Private;
use super::{Context, Diff, Failure, Outcome, download, exec, paths};
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::command::Command;
use crate::vars::glob_matches;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is unpacked, and where to.
struct Job<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    src: PathBuf,
    dest: PathBuf,
}

/// How the archive and the directory compare.
#[derive(Default)]
struct Comparison {
    /// Everything is there as it should be.
    unpacked: bool,
    /// What is not, itemised.
    diff: String,
    /// Files that are newer than the archive's, and stay.
    newer: Vec<String>,
}

/// A kind of archive.
trait Archive {
    /// Its name in the result.
    fn name(&self) -> &'static str;
    /// What it holds, as far as the task wants it.
    fn files(&self) -> &[String];
    /// What is different.
    fn compare(&self, job: &Job) -> Result<Comparison, Failure>;
    /// The command that unpacks it.
    fn extraction(&self, job: &Job, found: &Comparison) -> Vec<OsString>;
}

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let copied = ctx.raw.contains_key(&crate::plan::Key("copy"));
    if copied && ctx.raw.contains_key(&crate::plan::Key("remote_src")) {
        return Err(Failure::new("parameters are mutually exclusive: ('copy', 'remote_src')"));
    }
    let remote = if copied { !args.flag("copy") } else { args.flag("remote_src") };
    if let Some(creates) = args.os("creates").filter(|c| Path::new(c).exists()) {
        let msg = format!("skipped, since {} exists", creates.to_string_lossy());
        return Ok(Outcome { skipped: true, ..Outcome::default() }.with("msg", text(msg)));
    }
    let given = PathBuf::from(args.os("dest").unwrap_or_default());
    // tar and unzip run there, and are told it too.
    let absolute = if given.is_absolute() { Ok(given.clone()) } else { std::path::absolute(&given) };
    let dest = absolute.map_err(|e| Failure::new(format!("finding {}: {e}", given.display())))?;
    let named = args.os("src").unwrap_or_default();
    // The archive of a role lies in the bundle: tar and unzip need it as a file.
    let held = if remote { None } else { Some(from_role(ctx, args, &named)?) };
    if !dest.is_dir() {
        return Err(Failure::new(format!("dest '{}' must be an existing dir", dest.display())));
    }
    let fetched = match (&held, named.to_string_lossy()) {
        (None, url) if url.contains("://") => Some(download::to_private(ctx, args, &url)?),
        _ => None,
    };
    let src = held.or(fetched);
    let path = src.as_ref().map_or_else(|| PathBuf::from(&named), |file| file.path.clone());
    let job = Job { ctx, args, src: checked(path)?, dest };
    let mut outcome = job.run()?;
    if !given.is_absolute() {
        let (given, dest) = (given.display(), job.dest.display());
        let warning = format!("Relative destination path '{given}' was resolved to absolute path '{dest}'.");
        super::file::add_warnings(&mut outcome.result, vec![warning]);
    }
    Ok(outcome)
}

fn from_role(ctx: &Context, args: &Args, named: &OsString) -> Result<Private, Failure> {
    let named = named.to_string_lossy();
    let found = ctx.files.find("files", &named).map_err(|tried| super::copy::not_found(&named, &tried))?;
    let plain = args.choice("decrypt").unwrap_or(true);
    let bytes = if plain { ctx.files.read_plain(&found) } else { ctx.files.read(&found) };
    Private::new(ctx, &bytes.map_err(|e| super::copy::unreadable(&found, &e))?, "source")
}

/// An archive that can be read and is not empty.
fn checked(path: PathBuf) -> Result<PathBuf, Failure> {
    let shown = path.display().to_string();
    let meta = path.metadata().map_err(|_| Failure::new(format!("Source '{shown}' does not exist")))?;
    if !paths::may(&path, nix::unistd::AccessFlags::R_OK) {
        return Err(Failure::new(format!("Source '{shown}' not readable")));
    }
    if meta.len() == 0 {
        return Err(Failure::new(format!("Invalid archive '{shown}', the file is 0 bytes")));
    }
    std::path::absolute(path).map_err(|e| Failure::new(format!("Source '{shown}' not readable, {e}")))
}

impl Job<'_> {
    fn run(&self) -> Result<Outcome, Failure> {
        let archive: Box<dyn Archive> = match zip::open(self)? {
            Ok(zip) => Box::new(zip),
            // tar says what is different only by comparing with what lies there, which Ansible leaves out.
            Err(_) if self.ctx.check => {
                let msg = "remote module (ansible.legacy.unarchive) does not support check mode when using gtar";
                return Ok(Outcome { skipped: true, ..Outcome::default() }.with("msg", text(msg)));
            }
            Err(why) => Box::new(tar::open(self).map_err(|tars| self.no_handler(&why, &tars))?),
        };
        let mut result = map([
            ("handler", text(archive.name())),
            ("dest", paths::shown(&self.dest)),
            ("src", paths::shown(&self.src)),
        ]);
        let found = archive.compare(self)?;
        let mut outcome = Outcome { changed: !found.unpacked, ..Outcome::default() };
        if !found.unpacked {
            outcome.changes.push(change("unpacked", self.dest.to_string_lossy()));
            if !self.ctx.check {
                self.extract(archive.as_ref(), &found, &mut result)?;
            }
        }
        if !found.diff.is_empty() {
            result.insert(Data::str("diff"), Data::Map(map([("prepared", text(found.diff.as_str()))])));
            if self.ctx.diff {
                outcome.diff.push(Diff { prepared: Some(found.diff), ..Diff::default() });
            }
        }
        if !self.ctx.check {
            self.attributes(archive.files(), &mut outcome)?;
        }
        if self.args.flag("list_files") {
            result.insert(Data::str("files"), list(archive.files()));
        }
        add_path_info(self.ctx, &mut result);
        outcome.result = result;
        Ok(outcome)
    }

    fn no_handler(&self, zip: &str, tar: &str) -> Failure {
        let src = self.src.display();
        let what = "Make sure the required command to extract the file is installed.";
        Failure::new(format!("Failed to find handler for \"{src}\". {what}\n{zip}\n{tar}"))
    }

    /// Runs a command on the archive, in the directory, in a locale whose messages are known.
    fn command(&self, argv: Vec<OsString>, read_only: bool) -> Result<exec::Ran, Failure> {
        let env = ["LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE"].map(|name| (name.into(), "C.UTF-8".into())).to_vec();
        exec::run(self.ctx, Command { argv, env, cwd: Some(self.dest.clone()), read_only, ..Command::default() })
    }

    fn extract(&self, archive: &dyn Archive, found: &Comparison, result: &mut Map) -> Result<(), Failure> {
        let argv = archive.extraction(self, found);
        let shown: Vec<Data> = argv.iter().map(|w| output_text(w.as_bytes().to_vec())).collect();
        let ran = self.command(argv, false)?;
        let rc = ran.rc;
        let said = map([
            ("cmd", Data::List(shown)),
            ("rc", int(rc)),
            ("out", output_text(ran.stdout)),
            ("err", output_text(ran.stderr)),
        ]);
        result.insert(Data::str("extract_results"), Data::Map(said));
        if rc == 0 {
            return Ok(());
        }
        add_path_info(self.ctx, result);
        let msg = format!("failed to unpack {} to {}", self.src.display(), self.dest.display());
        Err(Failure { result: std::mem::take(result), ..Failure::new(msg) })
    }

    /// Owner, group and mode of everything that was in the archive, and of the directories above it.
    fn attributes(&self, files: &[String], outcome: &mut Outcome) -> Result<(), Failure> {
        let wanted = Wanted::from_args(self.ctx, self.args, &self.dest);
        let mut tops: Vec<&str> = Vec::new();
        for file in files {
            self.attribute(&wanted, file, outcome)?;
            if let Some((top, _)) = file.split_once('/').filter(|(top, _)| !tops.contains(top)) {
                tops.push(top);
            }
        }
        tops.into_iter().try_for_each(|top| self.attribute(&wanted, top, outcome))
    }

    fn attribute(&self, wanted: &Wanted, name: &str, outcome: &mut Outcome) -> Result<(), Failure> {
        let path = self.dest.join(name);
        let mut diff = AttrDiff::default();
        if wanted.of(&path).apply(self.ctx, &mut diff)? {
            outcome.changed = true;
            outcome.changes.extend(diff.changes(self.ctx, &path));
        }
        Ok(())
    }

    /// A list argument, as words of a command.
    fn words(&self, name: &str) -> Vec<OsString> {
        self.args.texts(name).unwrap_or_default().into_iter().map(OsString::from).collect()
    }
}

/// Whether a name matches one of these shell patterns.
fn matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|p| p == name || glob_matches(p, name))
}

/// A failure of the archive itself.
fn unreadable(why: impl Into<String>) -> Failure {
    failure(format!("Unable to list files in the archive: {}", why.into()), [])
}
