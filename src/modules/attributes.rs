//! Owner, group, mode, SELinux context and chattr's flags: what every module that makes files takes, looked at and set
//! as Ansible does. Links are never followed here; whoever wants that resolves them first.

use super::accounts::Accounts;
use super::params::{Params, change, failure, int, output_text, text};
use super::{Context, Failure, paths};
use crate::plan::status::Change;
use crate::plan::{Data, Key, Map};
use crate::spec::Args;
use crate::sys::command::Command;
use crate::sys::file::{Look, current_umask};
use crate::sys::mode::{self, Base, ModeError};
use crate::sys::selinux;
use std::fs::{Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a task wants a file to look like.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The file.
    pub path: PathBuf,
    /// `mode` as given: a number, octal text or a symbolic mode.
    pub mode: Option<Data>,
    /// `owner`.
    pub owner: Option<String>,
    /// `group`.
    pub group: Option<String>,
    /// `seuser`, `serole`, `setype`, `selevel`.
    pub context: [Option<String>; 4],
    /// `attributes`.
    pub attributes: Option<String>,
}

/// What was different, in the form of Ansible's `diff`.
#[derive(Clone, Debug, Default)]
pub struct AttrDiff {
    /// Before.
    pub before: Map,
    /// After.
    pub after: Map,
}

impl AttrDiff {
    /// Notes a difference.
    pub fn note(&mut self, name: &str, before: Data, after: Data) {
        self.before.insert(Data::str(name), before);
        self.after.insert(Data::str(name), after);
    }

    /// The dictionary that is returned as `diff`; a side that nothing was said of is not there.
    pub fn into_map(self) -> Map {
        let mut map = Map::default();
        for (name, side) in [("before", self.before), ("after", self.after)] {
            if !side.is_empty() {
                map.insert(Data::str(name), Data::Map(side));
            }
        }
        map
    }

    /// What of it belongs into the report.
    pub fn changes(&self, ctx: &Context, path: &Path) -> Vec<Change> {
        let names = ["owner", "group", "mode", "attributes", "secontext"];
        let differs = |name: &&&str| self.after.contains_key(&Key(name));
        names.iter().filter(differs).map(|name| described(ctx, name, path)).collect()
    }
}

/// A change of a file for the report, with its mode and owner after it.
pub fn described(ctx: &Context, what: &str, path: &Path) -> Change {
    let mut change = change(what, path.to_string_lossy());
    if let Ok(meta) = path.symlink_metadata() {
        change.mode = Some(format!("{:04o}", meta.mode() & mode::BITS));
        change.owner = Some(format!("{}:{}", user_name(ctx, meta.uid()), group_name(ctx, meta.gid())));
    }
    change
}

impl Wanted {
    /// What the common arguments of `args` want of `path`; with `follow` of what a link leads to.
    pub fn from_args(ctx: &Context, args: &Args, path: &Path) -> Wanted {
        let path = if args.flag("follow") && path.is_symlink() { paths::realpath(path) } else { path.to_owned() };
        let mut context = ["seuser", "serole", "setype", "selevel"].map(|name| args.text(name));
        if context.iter().any(|c| c.as_deref() == Some("_default")) {
            let default = default_context(ctx, &path).unwrap_or_default();
            let parts: Vec<&str> = default.splitn(4, ':').collect();
            for (i, part) in context.iter_mut().enumerate().filter(|(_, p)| p.as_deref() == Some("_default")) {
                *part = parts.get(i).map(|p| (*p).to_owned());
            }
        }
        Wanted {
            path,
            mode: args.value("mode").cloned(),
            owner: args.text("owner"),
            group: args.text("group"),
            context,
            attributes: args.text("attributes").or_else(|| args.text("attr")),
        }
    }

    /// The same of another file.
    pub fn of(&self, path: impl Into<PathBuf>) -> Wanted {
        Wanted { path: path.into(), ..self.clone() }
    }

    /// Makes the file so. Whether anything was (or would be) different.
    pub fn apply(&self, ctx: &Context, diff: &mut AttrDiff) -> Result<bool, Failure> {
        self.apply_all(ctx, diff).map_err(|failure| with_path_info(ctx, failure))
    }

    fn apply_all(&self, ctx: &Context, diff: &mut AttrDiff) -> Result<bool, Failure> {
        let mut changed = self.apply_context(ctx, diff)?;
        changed |= self.apply_owner(ctx, diff)?;
        changed |= self.apply_group(ctx, diff)?;
        changed |= self.apply_mode(ctx, diff)?;
        changed |= self.apply_flags(ctx, diff)?;
        Ok(changed)
    }

    /// How a file that now looks like `base` is to look when it is put in its place; what differs goes to `diff`.
    pub fn look(&self, ctx: &Context, base: &Look, diff: &mut AttrDiff) -> Result<Look, Failure> {
        let uid = self.owner.as_deref().map(|o| self.uid(ctx, o)).transpose()?.unwrap_or(base.uid);
        let gid = self.group.as_deref().map(|g| self.gid(ctx, g)).transpose()?.unwrap_or(base.gid);
        let mode = match &self.mode {
            Some(mode) => self.bits(mode, Base { mode: base.mode, directory: false, umask: current_umask() })?,
            None => base.mode,
        };
        let mut context = base.context.clone();
        if let Some(now) = base.context.as_deref().filter(|_| selinux::enabled()) {
            context = Some(self.merged_context(now));
        }
        if uid != base.uid {
            diff.note("owner", int(base.uid), int(uid));
        }
        if gid != base.gid {
            diff.note("group", int(base.gid), int(gid));
        }
        if mode != base.mode {
            diff.note("mode", text(format!("0{:03o}", base.mode)), text(format!("0{mode:03o}")));
        }
        Ok(Look { mode, uid, gid, context })
    }

    /// In check mode what is not there counts as different and is not looked at further.
    fn only_would_be(&self, ctx: &Context) -> bool {
        ctx.check && !self.path.exists()
    }

    fn lstat(&self) -> Result<Metadata, Failure> {
        self.path.symlink_metadata().map_err(|e| self.failed(format!("[Errno {}] {e}", e.raw_os_error().unwrap_or(0))))
    }

    fn failed(&self, msg: impl Into<String>) -> Failure {
        failure(msg, [("path", paths::shown(&self.path))])
    }

    fn uid(&self, ctx: &Context, owner: &str) -> Result<u32, Failure> {
        if let Ok(id) = owner.trim().parse() {
            return Ok(id);
        }
        let user = Accounts::new(ctx, Path::new("/")).user(owner)?;
        user.map(|u| u.uid).ok_or_else(|| self.failed(format!("chown failed: failed to look up user {owner}")))
    }

    fn gid(&self, ctx: &Context, group: &str) -> Result<u32, Failure> {
        if let Ok(id) = group.trim().parse() {
            return Ok(id);
        }
        let found = Accounts::new(ctx, Path::new("/")).group(group)?;
        found.map(|g| g.gid).ok_or_else(|| self.failed(format!("chgrp failed: failed to look up group {group}")))
    }

    fn apply_owner(&self, ctx: &Context, diff: &mut AttrDiff) -> Result<bool, Failure> {
        let Some(owner) = &self.owner else { return Ok(false) };
        if self.only_would_be(ctx) {
            return Ok(true);
        }
        let (now, uid) = (self.lstat()?.uid(), self.uid(ctx, owner)?);
        if now == uid {
            return Ok(false);
        }
        diff.note("owner", int(now), int(uid));
        if !ctx.check {
            std::os::unix::fs::lchown(&self.path, Some(uid), None)
                .map_err(|e| self.failed(format!("chown failed: {e}")))?;
        }
        Ok(true)
    }

    fn apply_group(&self, ctx: &Context, diff: &mut AttrDiff) -> Result<bool, Failure> {
        let Some(group) = &self.group else { return Ok(false) };
        if self.only_would_be(ctx) {
            return Ok(true);
        }
        let (now, gid) = (self.lstat()?.gid(), self.gid(ctx, group)?);
        if now == gid {
            return Ok(false);
        }
        diff.note("group", int(now), int(gid));
        if !ctx.check {
            std::os::unix::fs::lchown(&self.path, None, Some(gid))
                .map_err(|e| self.failed(format!("chgrp failed: {e}")))?;
        }
        Ok(true)
    }

    fn apply_mode(&self, ctx: &Context, diff: &mut AttrDiff) -> Result<bool, Failure> {
        let Some(wanted) = &self.mode else { return Ok(false) };
        if self.only_would_be(ctx) {
            return Ok(true);
        }
        let meta = self.lstat()?;
        let now = meta.mode() & mode::BITS;
        let bits = self.bits(wanted, Base { mode: now, directory: meta.is_dir(), umask: current_umask() })?;
        if now == bits {
            return Ok(false);
        }
        diff.note("mode", text(format!("0{now:03o}")), text(format!("0{bits:03o}")));
        if ctx.check {
            return Ok(true);
        }
        if meta.is_symlink() {
            // A link has no mode of its own; Ansible tries, and leaves the target as it was.
            return Ok(false);
        }
        std::fs::set_permissions(&self.path, Permissions::from_mode(bits))
            .map_err(|e| Failure { msg: format!("chmod failed: {e}"), ..self.failed("") })?;
        Ok(self.lstat()?.mode() & mode::BITS != now)
    }

    fn bits(&self, wanted: &Data, base: Base) -> Result<u32, Failure> {
        let parsed = match wanted {
            Data::Int(i) => u32::try_from(*i).ok().filter(|m| m & !mode::BITS == 0).ok_or(ModeError::Range(0)),
            other => mode::parse(&super::params::plain(other), base),
        };
        parsed.map_err(|e| {
            let (msg, details) = match e {
                ModeError::Symbolic(clause) => {
                    let why = format!("bad symbolic permission for mode: {clause}");
                    ("mode must be in octal or symbolic form", why)
                }
                ModeError::Range(_) => {
                    let why = super::params::plain(wanted);
                    ("Invalid mode supplied, only permission info is allowed", why)
                }
            };
            failure(msg, [("path", paths::shown(&self.path)), ("details", text(details))])
        })
    }

    fn merged_context(&self, now: &str) -> String {
        let mut parts: Vec<String> = now.splitn(4, ':').map(str::to_owned).collect();
        for (part, wanted) in parts.iter_mut().zip(&self.context) {
            if let Some(wanted) = wanted {
                part.clone_from(wanted);
            }
        }
        parts.join(":")
    }

    fn apply_context(&self, ctx: &Context, diff: &mut AttrDiff) -> Result<bool, Failure> {
        if !selinux::enabled() || self.context.iter().all(Option::is_none) {
            return Ok(false);
        }
        if self.only_would_be(ctx) {
            return Ok(true);
        }
        let read = |e| self.failed(format!("failed to retrieve selinux context: {e}"));
        let Some(now) = selinux::context(&self.path).map_err(read)? else { return Ok(false) };
        let wanted = self.merged_context(&now);
        if now == wanted {
            return Ok(false);
        }
        let list = |context: &str| Data::List(context.splitn(4, ':').map(text).collect());
        diff.note("secontext", list(&now), list(&wanted));
        if !ctx.check {
            selinux::set(&self.path, &wanted).map_err(|e| self.failed(format!("invalid selinux context: {e}")))?;
        }
        Ok(true)
    }

    fn apply_flags(&self, ctx: &Context, diff: &mut AttrDiff) -> Result<bool, Failure> {
        let Some(wanted) = &self.attributes else { return Ok(false) };
        if self.only_would_be(ctx) {
            return Ok(true);
        }
        let (sign, wanted) = match wanted.strip_prefix(['-', '+']) {
            Some(rest) => (&wanted[..1], rest),
            None => ("=", wanted.as_str()),
        };
        let now = letters(ctx, &self.path);
        if now.as_deref().unwrap_or_default() == wanted && sign != "-" {
            return Ok(false);
        }
        let Some(chattr) = ctx.runner.which("chattr") else { return Ok(false) };
        diff.note("attributes", now.map_or(Data::Null, text), text(format!("{sign}{wanted}")));
        if !ctx.check {
            let word = format!("{sign}{wanted}");
            let argv = [chattr.as_os_str(), word.as_ref(), self.path.as_os_str()];
            let output = ctx.runner.run(&Command::new(argv)).map_err(|e| self.failed(format!("chattr failed: {e}")))?;
            if output.rc != 0 || !output.stderr.is_empty() {
                let why = [output.stdout, output.stderr].concat();
                let details = format!("Error while setting attributes: {}", String::from_utf8_lossy(&why));
                return Err(failure("chattr failed", [("path", paths::shown(&self.path)), ("details", text(details))]));
            }
        }
        Ok(true)
    }
}

/// What `lsattr` says of a file.
pub struct Flags {
    /// The inode's generation.
    pub version: String,
    /// The letters of the flags that are set.
    pub letters: String,
}

/// The flags of a file, where there is an `lsattr` and its file system has them.
pub fn flags(ctx: &Context, path: &Path) -> Option<Flags> {
    let lsattr = ctx.runner.which("lsattr")?;
    let argv = [lsattr.as_os_str(), "-vd".as_ref(), path.as_os_str()];
    let output = ctx.runner.run(&Command::new(argv).read_only()).ok().filter(|o| o.rc == 0)?;
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = words.split_whitespace();
    Some(Flags { version: words.next()?.to_owned(), letters: words.next()?.replace('-', "") })
}

/// The letters of a file's flags alone: some file systems have flags, but no versions.
fn letters(ctx: &Context, path: &Path) -> Option<String> {
    let lsattr = ctx.runner.which("lsattr")?;
    let argv = [lsattr.as_os_str(), "-d".as_ref(), path.as_os_str()];
    let output = ctx.runner.run(&Command::new(argv).read_only()).ok().filter(|o| o.rc == 0)?;
    Some(String::from_utf8_lossy(&output.stdout).split_whitespace().next()?.replace('-', ""))
}

/// The context that the policy wants for a path, asked of the node's own tool.
pub fn default_context(ctx: &Context, path: &Path) -> Option<String> {
    if !selinux::enabled() {
        return None;
    }
    let tool = ctx.runner.which("matchpathcon")?;
    let argv = [tool.as_os_str(), "-n".as_ref(), path.as_os_str()];
    let output = ctx.runner.run(&Command::new(argv).read_only()).ok().filter(|o| o.rc == 0)?;
    let context = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!context.is_empty() && context != "<<none>>").then_some(context)
}

/// A failure that names a path, with what is said of the file there.
pub fn with_path_info(ctx: &Context, mut failure: Failure) -> Failure {
    add_path_info(ctx, &mut failure.result);
    failure
}

/// Adds what every module that returns `path` or `dest` says of the file there.
pub fn add_path_info(ctx: &Context, result: &mut Map) {
    let Some(path) = result.get(&Key("path")).or_else(|| result.get(&Key("dest"))).filter(|p| !p.is_null()) else {
        return;
    };
    let path = PathBuf::from(super::params::os_text(path));
    let (Ok(target), Ok(meta)) = (path.metadata(), path.symlink_metadata()) else { return };
    let mut put = |name: &str, value: Data| drop(result.insert(Data::str(name), value));
    put("uid", int(meta.uid()));
    put("gid", int(meta.gid()));
    put("owner", text(user_name(ctx, meta.uid())));
    put("group", text(group_name(ctx, meta.gid())));
    put("mode", text(format!("0{:03o}", meta.mode() & mode::BITS)));
    put("state", text(state(&meta, &target)));
    if selinux::enabled()
        && let Ok(Some(context)) = selinux::context(&path)
    {
        put("secontext", output_text(context.into_bytes()));
    }
    put("size", int(meta.size()));
}

fn state(meta: &Metadata, target: &Metadata) -> &'static str {
    if meta.is_symlink() {
        "link"
    } else if meta.is_dir() {
        "directory"
    } else if target.nlink() > 1 {
        "hard"
    } else {
        "file"
    }
}

/// A uid's name, or the number where it has none.
pub fn user_name(ctx: &Context, uid: u32) -> String {
    let user = Accounts::new(ctx, Path::new("/")).user_by_id(uid).ok().flatten();
    user.map_or_else(|| uid.to_string(), |u| u.name)
}

/// A gid's name, or the number where it has none.
pub fn group_name(ctx: &Context, gid: u32) -> String {
    let group = Accounts::new(ctx, Path::new("/")).group_by_id(gid).ok().flatten();
    group.map_or_else(|| gid.to_string(), |g| g.name)
}
