//! `ansible.posix.authorized_key`: public keys in a user's authorized_keys file. `line` reads and writes its lines.
//!
//! The directory of the file belongs to the user, who could put a link in its place: it is opened once, as no link,
//! and everything happens beneath that handle.

mod line;

use self::line::{Entry, Options};
use super::accounts::{Accounts, User};
use super::attributes::{add_path_info, default_context, described};
use super::params::Params;
use super::{Context, Diff, Failure, Outcome, paths};
use crate::plan::Data;
use crate::plan::limits::EXPORT_FILE;
use crate::spec::Args;
use crate::sys::file::{self, Look};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Parameters as they are returned.
const RETURNED: [&str; 10] =
    ["user", "key", "path", "manage_dir", "state", "key_options", "exclusive", "comment", "validate_certs", "follow"];

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let given = args.text("key").unwrap_or_default();
    if given.starts_with("http") {
        return Err(Failure::new(format!("Error getting key from: {given}: a node does not ask others for keys")));
    }
    let user = find_user(ctx, args)?;
    let path = match (args.os("path"), &user) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(user)) => Path::new(&user.home).join(".ssh/authorized_keys"),
        (None, None) => return Err(Failure::new("there is neither a user nor a path")),
    };
    let before = read(&path)?;
    let mut keys = Entry::all(&before);
    let changed = enforce(args, &given, &mut keys)?;
    let mut outcome = Outcome { changed, ..Outcome::default() };
    for name in RETURNED {
        outcome.result.insert(Data::str(name), args.get(name).cloned().unwrap_or(Data::Null));
    }
    outcome = outcome.with("keyfile", paths::shown(&path));
    if !changed {
        add_path_info(ctx, &mut outcome.result);
        return Ok(outcome);
    }
    let after = line::text_of(keys);
    let target = if args.flag("follow") { paths::realpath(&path) } else { path.clone() };
    if ctx.diff {
        outcome.diff.push(Diff {
            before_header: path.display().to_string(),
            after_header: target.display().to_string(),
            before: before.into_bytes(),
            after: after.clone().into_bytes(),
            prepared: None,
        });
        outcome = outcome.clone().with("diff", super::difference::returned(&outcome.diff[0]));
    }
    outcome.changes.push(described(ctx, if target.exists() { "content" } else { "created" }, &target));
    if let Some(user) = user.filter(|_| !ctx.check) {
        write(ctx, args, (&target, after.as_bytes()), &user)?;
    }
    add_path_info(ctx, &mut outcome.result);
    Ok(outcome)
}

/// The user; in check mode with a path nobody needs to be there yet.
fn find_user(ctx: &Context, args: &Args) -> Result<Option<User>, Failure> {
    let has_path = args.text("path").is_some();
    if ctx.check && has_path {
        return Ok(None);
    }
    let name = args.text("user").unwrap_or_default();
    match Accounts::new(ctx, Path::new("/")).user(&name)? {
        Some(user) => Ok(Some(user)),
        None if ctx.check => {
            Err(Failure::new("Either user must exist or you must provide full path to key file in check mode"))
        }
        None => Err(Failure::new(format!("Failed to lookup user {name}: \"getpwnam(): name not found: '{name}'\""))),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    if !path.is_file() {
        return Ok(String::new());
    }
    let bytes =
        file::read_bounded(path, EXPORT_FILE).map_err(|e| Failure::new(format!("reading {}: {e}", path.display())))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::new(format!("{} is not UTF-8", path.display())))?;
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Brings `keys` to what the task asks for. Whether anything was different.
fn enforce(args: &Args, given: &str, keys: &mut Vec<Entry>) -> Result<bool, Failure> {
    let absent = args.text("state").as_deref() == Some("absent");
    let base = keys.len();
    let mut wanted = Vec::new();
    let mut changed = false;
    let lines = given.split(['\n', '\r']).filter(|l| !l.is_empty() && !l.starts_with('#'));
    for (rank, line) in lines.enumerate() {
        let mut new =
            Entry::parse(line, base + rank).ok_or_else(|| Failure::new(format!("invalid key specified: {line}")))?;
        if let Some(options) = args.text("key_options") {
            new.options = Some(Options::parse(&options));
        }
        if let Some(comment) = args.text("comment") {
            new.comment = comment;
        }
        let found = keys.iter().position(|k| k.key == new.key);
        if absent {
            if let Some(at) = found {
                keys.remove(at);
                changed = true;
            }
            continue;
        }
        wanted.push(new.key.clone());
        match found {
            Some(at) if keys[at].same(&new) => {}
            found => {
                if let Some(at) = found {
                    keys.remove(at);
                }
                keys.push(new);
                changed = true;
            }
        }
    }
    if !absent && args.flag("exclusive") {
        let before = keys.len();
        keys.retain(|k| wanted.contains(&k.key));
        changed |= keys.len() != before;
    }
    Ok(changed)
}

fn write(ctx: &Context, args: &Args, (target, content): (&Path, &[u8]), user: &User) -> Result<(), Failure> {
    let directory = paths::dirname(target);
    let failed =
        |what: &str, path: &Path, e: io::Error| Failure::new(format!("Failed to {what} {} : {e}", path.display()));
    let manage = args.choice("manage_dir").unwrap_or(true);
    if manage {
        make_directory(&directory).map_err(|e| failed("create directory", &directory, e))?;
    } else {
        std::fs::create_dir_all(&directory).map_err(|e| failed("create directory", &directory, e))?;
    }
    let handle = open_directory(&directory, manage).map_err(|e| failed("open directory", &directory, e))?;
    if manage {
        nix::unistd::fchown(&handle, Some(user.uid.into()), Some(user.gid.into()))
            .map_err(io::Error::from)
            .and_then(|()| handle.set_permissions(Permissions::from_mode(0o700)))
            .map_err(|e| failed("change the owner of directory", &directory, e))?;
    }
    // Beneath the handle: whatever the user puts in the directory's place meanwhile is not followed.
    let beneath = Path::new("/proc/self/fd").join(handle.as_raw_fd().to_string()).join(paths::basename(target));
    let context = default_context(ctx, target);
    let look = Look { mode: 0o600, uid: user.uid, gid: user.gid, context };
    file::replace(&beneath, content, &look).map_err(|e| failed("write to file", target, e))
}

fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// The directory itself; where it is going to be given to the user, no link to another one.
fn open_directory(path: &Path, no_link: bool) -> io::Result<File> {
    let links = if no_link { nix::libc::O_NOFOLLOW } else { 0 };
    OpenOptions::new().read(true).custom_flags(nix::libc::O_DIRECTORY | nix::libc::O_CLOEXEC | links).open(path)
}
