//! Names and ids of users and groups: the node's own files first, `getent` for what they do not know. Never the C
//! library's lookups: they load the node's NSS modules into a static binary of another libc.

use super::command::{Command, Runner};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a directory service may take to answer.
const GETENT: Duration = Duration::from_secs(30);

/// The users and groups of a root.
pub struct Users<'a> {
    root: PathBuf,
    runner: Option<&'a dyn Runner>,
}

/// Which of the two files.
#[derive(Clone, Copy)]
enum Database {
    Passwd,
    Group,
}

impl Database {
    fn name(self) -> &'static str {
        match self {
            Database::Passwd => "passwd",
            Database::Group => "group",
        }
    }
}

impl<'a> Users<'a> {
    /// The users of this machine; `runner` asks `getent`.
    pub fn of_machine(runner: &'a dyn Runner) -> Users<'a> {
        Users { root: "/".into(), runner: Some(runner) }
    }

    /// The users that a root's files name, and no others.
    pub fn of_root(root: &Path) -> Users<'static> {
        Users { root: root.into(), runner: None }
    }

    /// The uid of a name, or of a number that is written as text.
    pub fn uid(&self, name: &str) -> Option<u32> {
        self.id(Database::Passwd, name)
    }

    /// The gid of a name, or of a number that is written as text.
    pub fn gid(&self, name: &str) -> Option<u32> {
        self.id(Database::Group, name)
    }

    /// The name of a uid.
    pub fn user_name(&self, uid: u32) -> Option<String> {
        self.line(Database::Passwd, &uid.to_string(), 2).and_then(|l| field(&l, 0))
    }

    /// The name of a gid.
    pub fn group_name(&self, gid: u32) -> Option<String> {
        self.line(Database::Group, &gid.to_string(), 2).and_then(|l| field(&l, 0))
    }

    /// The home directory of a user.
    pub fn home(&self, name: &str) -> Option<PathBuf> {
        self.line(Database::Passwd, name, 0).and_then(|l| field(&l, 5)).map(PathBuf::from)
    }

    /// The primary group of a user.
    pub fn primary(&self, name: &str) -> Option<u32> {
        self.line(Database::Passwd, name, 0).and_then(|l| field(&l, 3))?.parse().ok()
    }

    /// The groups that the group file gives a user, besides the primary one.
    pub fn supplementary(&self, name: &str) -> Vec<u32> {
        let text = self.read(Database::Group);
        let of_user = text.lines().filter(|l| {
            let members = l.splitn(4, ':').nth(3).unwrap_or_default();
            members.split(',').any(|m| m.trim() == name)
        });
        of_user.filter_map(|l| field(l, 2)?.parse().ok()).collect()
    }

    fn id(&self, database: Database, name: &str) -> Option<u32> {
        // Ansible tries the number first: a user named "1000" is not to be had by name.
        if let Ok(id) = name.trim().parse() {
            return Some(id);
        }
        self.line(database, name, 0).and_then(|l| field(&l, 2))?.parse().ok()
    }

    /// The entry whose field `column` is `key`.
    fn line(&self, database: Database, key: &str, column: usize) -> Option<String> {
        if key.is_empty() || key.starts_with('-') || key.contains([':', '\n', '\0']) {
            return None;
        }
        let text = self.read(database);
        let here = text.lines().find(|l| l.split(':').nth(column) == Some(key)).map(str::to_owned);
        here.or_else(|| self.ask(database, key))
    }

    fn read(&self, database: Database) -> String {
        let bytes = std::fs::read(self.root.join("etc").join(database.name())).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn ask(&self, database: Database, key: &str) -> Option<String> {
        let command = Command { timeout: Some(GETENT), ..Command::new(["getent", database.name(), key]) };
        let output = self.runner?.run(&command.read_only()).ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().next().filter(|_| output.rc == 0).map(str::to_owned)
    }
}

fn field(line: &str, column: usize) -> Option<String> {
    line.split(':').nth(column).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::command::{CommandError, Output};
    use super::*;
    use std::cell::RefCell;

    struct Getent(RefCell<Vec<String>>);

    impl Runner for Getent {
        fn run(&self, command: &Command) -> Result<Output, CommandError> {
            let words: Vec<_> = command.argv.iter().map(|a| a.to_string_lossy().into_owned()).collect();
            self.0.borrow_mut().push(words.join(" "));
            match words[2].as_str() {
                "ldap" | "5000" => Ok(Output {
                    rc: 0,
                    stdout: b"ldap:*:5000:5001::/home/ldap:/bin/sh\n".to_vec(),
                    ..Output::default()
                }),
                _ => Ok(Output { rc: 2, ..Output::default() }),
            }
        }

        fn which(&self, _: &str) -> Option<PathBuf> {
            None
        }
    }

    fn root() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(
            dir.path().join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nann:x:1000:100:A:/home/ann:/bin/sh\nbroken\n",
        )
        .unwrap();
        std::fs::write(
            dir.path().join("etc/group"),
            "root:x:0:\nusers:x:100:\nwheel:x:10:bob,ann\nadm:x:4:ann\nann2:x:9:xann\n",
        )
        .unwrap();
        dir
    }

    #[test]
    fn files_come_first_and_getent_second() {
        let (dir, getent) = (root(), Getent(RefCell::default()));
        let users = Users { root: dir.path().into(), runner: Some(&getent) };
        assert_eq!((users.uid("ann"), users.gid("wheel"), users.uid("007")), (Some(1000), Some(10), Some(7)));
        assert_eq!(users.supplementary("ann"), [10, 4]);
        assert_eq!((users.home("ann"), users.primary("ann")), (Some("/home/ann".into()), Some(100)));
        assert!(getent.0.borrow().is_empty());
        assert_eq!((users.uid("ldap"), users.user_name(5000)), (Some(5000), Some("ldap".into())));
        assert_eq!(getent.0.take(), ["getent passwd ldap", "getent passwd 5000"]);
    }

    #[test]
    fn what_nobody_knows_is_none_and_odd_names_are_not_asked_for() {
        let (dir, getent) = (root(), Getent(RefCell::default()));
        let users = Users { root: dir.path().into(), runner: Some(&getent) };
        for name in ["-s", "", "a:b", "a\nb"] {
            assert_eq!(users.uid(name), None, "{name:?}");
        }
        assert!(getent.0.borrow().is_empty());
        assert_eq!((users.uid("nobody-here"), users.group_name(77)), (None, None));
        let bare = Users::of_root(&dir.path().join("absent"));
        assert_eq!((bare.uid("root"), bare.uid("12"), bare.supplementary("ann").len()), (None, Some(12), 0));
    }
}
