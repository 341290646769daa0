//! Users and groups as the node knows them: its files first, `getent` where nsswitch names other sources. Never the
//! C library's own lookups, which load the node's modules into a foreign process.

use super::exec;
use super::{Context, Failure};
use crate::sys::command::Command;
use std::cell::RefCell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A line of passwd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Password field, mostly `x`.
    pub password: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Comment.
    pub gecos: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// A line of group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Group id.
    pub gid: u32,
    /// Members beside those who have it as primary group.
    pub members: Vec<String>,
}

/// A line of shadow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadow {
    /// The hash.
    pub password: String,
    /// Days before a change is allowed; -1 where it is empty.
    pub min: i64,
    /// Days after which a change is needed.
    pub max: i64,
    /// Days of warning.
    pub warn: i64,
    /// The day the account expires.
    pub expire: i64,
}

/// A file as it was read, and what told it from others then.
struct Known {
    path: PathBuf,
    version: [u64; 6],
    lines: Rc<[String]>,
}

/// Files that are kept: passwd, group, shadow and nsswitch.conf, of one root.
const KNOWN: usize = 8;
/// Younger changes than this could be followed by others that no time tells apart.
const FRESH: Duration = Duration::from_millis(100);

thread_local! {
    static FILES: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// The lines of a file, read again only where it has changed: a task asks for every owner and group that it meets.
fn known_lines(path: &Path) -> Option<Rc<[String]>> {
    let meta = std::fs::metadata(path).ok()?;
    let time = |seconds: i64, nanos: i64| seconds.unsigned_abs() * 1_000_000_000 + nanos.unsigned_abs();
    let (modified, changed) = (time(meta.mtime(), meta.mtime_nsec()), time(meta.ctime(), meta.ctime_nsec()));
    let version = [meta.dev(), meta.ino(), meta.size(), modified, changed, u64::from(meta.mode())];
    let found = FILES.with_borrow(|files| {
        let known = files.iter().find(|k| k.version == version && k.path == path)?;
        Some(Rc::clone(&known.lines))
    });
    if found.is_some() {
        return found;
    }
    let bytes = std::fs::read(path).ok()?;
    let lines: Rc<[String]> = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let settled = now.checked_sub(Duration::from_nanos(changed)).is_some_and(|age| age > FRESH);
    FILES.with_borrow_mut(|files| {
        files.retain(|k| k.path != path);
        files.truncate(KNOWN - 1);
        if settled {
            files.push(Known { path: path.to_owned(), version, lines: Rc::clone(&lines) });
        }
    });
    Some(lines)
}

/// The accounts of a root.
pub struct Accounts<'a> {
    ctx: &'a Context<'a>,
    root: PathBuf,
}

impl<'a> Accounts<'a> {
    /// The accounts of the system at `root`, `/` but in tests.
    pub fn new(ctx: &'a Context<'a>, root: &Path) -> Accounts<'a> {
        Accounts { ctx, root: root.to_owned() }
    }

    fn lines(&self, file: &str) -> Rc<[String]> {
        known_lines(&self.root.join(file)).unwrap_or_default()
    }

    /// Whether `database` has sources beyond this node's files.
    fn remote(&self, database: &str) -> bool {
        self.lines("etc/nsswitch.conf").iter().any(|line| {
            let line = line.split('#').next().unwrap_or_default();
            line.split_once(':').is_some_and(|(name, sources)| {
                name.trim() == database
                    && sources.split_whitespace().any(|s| {
                        !s.starts_with('[') && !s.ends_with(']') && !matches!(s, "files" | "compat" | "systemd")
                    })
            })
        })
    }

    /// The lines that `getent DATABASE [KEY]` gives, where it is worth asking.
    fn ask(&self, database: &str, key: Option<&str>) -> Result<Vec<String>, Failure> {
        if !self.remote(database) {
            return Ok(Vec::new());
        }
        let mut argv = vec!["getent".into(), database.into()];
        argv.extend(key.map(Into::into));
        // Not exec::run: asking who a user is must not itself need to become that user.
        let command = Command { argv, read_only: true, ..Command::default() };
        match self.ctx.runner.run(&command) {
            Ok(output) if output.rc == 0 => {
                let ran = exec::Ran { rc: 0, stdout: output.stdout, stderr: Vec::new() };
                Ok(ran.out().lines().map(str::to_owned).collect())
            }
            Ok(output) if output.rc == 2 || output.rc == 3 => Ok(Vec::new()),
            Ok(output) => Err(Failure::new(format!("getent {database} ended with {}", output.rc))),
            Err(e) => Err(Failure::new(format!("asking getent for {database}: {e:?}"))),
        }
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> Result<Option<User>, Failure> {
        let found = |line: &String| parse_user(line).filter(|u| u.name == name);
        if let Some(user) = self.lines("etc/passwd").iter().find_map(found) {
            return Ok(Some(user));
        }
        Ok(self.ask("passwd", Some(name))?.iter().find_map(found))
    }

    /// The user with this id.
    pub fn user_by_id(&self, uid: u32) -> Result<Option<User>, Failure> {
        let found = |line: &String| parse_user(line).filter(|u| u.uid == uid);
        if let Some(user) = self.lines("etc/passwd").iter().find_map(found) {
            return Ok(Some(user));
        }
        Ok(self.ask("passwd", Some(&uid.to_string()))?.iter().find_map(found))
    }

    /// Whether `file` (`passwd`, `group`) itself has a line for `name`; an error where the file is missing.
    pub fn in_file(&self, file: &str, name: &str) -> Result<bool, Failure> {
        let path = self.root.join("etc").join(file);
        if !path.exists() {
            let kind = if file == "group" { "group" } else { "account" };
            let msg = format!(
                "'local: true' specified but unable to find local {kind} file {} to parse.",
                Path::new("/etc").join(file).display()
            );
            return Err(Failure::new(msg));
        }
        let prefix = format!("{name}:");
        Ok(self.lines(&format!("etc/{file}")).iter().any(|l| l.starts_with(&prefix)))
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Result<Option<Group>, Failure> {
        let found = |line: &String| parse_group(line).filter(|g| g.name == name);
        if let Some(group) = self.lines("etc/group").iter().find_map(found) {
            return Ok(Some(group));
        }
        Ok(self.ask("group", Some(name))?.iter().find_map(found))
    }

    /// The group with this id.
    pub fn group_by_id(&self, gid: u32) -> Result<Option<Group>, Failure> {
        let found = |line: &String| parse_group(line).filter(|g| g.gid == gid);
        if let Some(group) = self.lines("etc/group").iter().find_map(found) {
            return Ok(Some(group));
        }
        Ok(self.ask("group", Some(&gid.to_string()))?.iter().find_map(found))
    }

    /// The group that `text` names, by id first where it is a number.
    pub fn group_like(&self, text: &str) -> Result<Option<Group>, Failure> {
        if let Ok(gid) = text.trim().parse()
            && let Some(group) = self.group_by_id(gid)?
        {
            return Ok(Some(group));
        }
        self.group(text)
    }

    /// Every group, this node's first.
    pub fn groups(&self) -> Result<Vec<Group>, Failure> {
        let mut groups: Vec<Group> = self.lines("etc/group").iter().filter_map(|l| parse_group(l)).collect();
        for line in self.ask("group", None)? {
            if let Some(group) = parse_group(&line).filter(|g| groups.iter().all(|known| known.name != g.name)) {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// The ids of all groups of a user, the primary one first.
    pub fn groups_of(&self, user: &User) -> Result<Vec<u32>, Failure> {
        let mut ids = vec![user.gid];
        for group in self.groups()? {
            if group.members.contains(&user.name) && !ids.contains(&group.gid) {
                ids.push(group.gid);
            }
        }
        Ok(ids)
    }

    /// The shadow entry of a user, where there is one and we may read it.
    pub fn shadow(&self, name: &str) -> Option<Shadow> {
        self.lines("etc/shadow").iter().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let number = |i: usize| fields.get(i).and_then(|f| f.parse().ok()).unwrap_or(-1);
            (fields.len() >= 8 && fields[0] == name).then(|| Shadow {
                password: fields[1].to_owned(),
                min: number(3),
                max: number(4),
                warn: number(5),
                expire: number(7),
            })
        })
    }
}

fn parse_user(line: &str) -> Option<User> {
    let f: Vec<&str> = line.split(':').collect();
    if f.len() != 7 || f[0].is_empty() {
        return None;
    }
    Some(User {
        name: f[0].to_owned(),
        password: f[1].to_owned(),
        uid: f[2].parse().ok()?,
        gid: f[3].parse().ok()?,
        gecos: f[4].to_owned(),
        home: f[5].to_owned(),
        shell: f[6].to_owned(),
    })
}

fn parse_group(line: &str) -> Option<Group> {
    let f: Vec<&str> = line.split(':').collect();
    if f.len() != 4 || f[0].is_empty() {
        return None;
    }
    let members = f[3].split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
    Some(Group { name: f[0].to_owned(), gid: f[2].parse().ok()?, members })
}
