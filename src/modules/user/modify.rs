//! A user who is there: usermod's command line, and none where nothing differs.

use super::super::Failure;
use super::super::accounts::{Group, User};
use super::super::exec::{self, Ran};
use super::super::params::Params;
use super::{Wanted, date, day};
use std::ffi::OsString;

/// What libuser's tools need in commands of their own.
#[derive(Default)]
struct LocalRest {
    expires: Option<i64>,
    add: Vec<String>,
    del: Vec<String>,
}

impl Wanted<'_> {
    /// Changes what differs. `None`: nothing does.
    pub(super) fn modify(&self) -> Result<Option<Ran>, Failure> {
        if self.local {
            exec::program(self.ctx, "lgroupmod")?;
            exec::program(self.ctx, "lchage")?;
        }
        let tool = self.tool("usermod")?;
        let info = self.info()?.ok_or_else(|| Failure::new(format!("failed to look up user name: {}", self.name)))?;
        let mut argv = vec![tool];
        let mut rest = LocalRest::default();
        self.push_changed_ids(&mut argv, &info)?;
        self.push_groups(&mut argv, &mut rest)?;
        self.push_changed_texts(&mut argv, &info);
        self.push_changed_expiry(&mut argv, &mut rest);
        let hash = self.changed_password(&info);
        if hash.is_none() {
            self.push_lock(&mut argv, &info);
        }
        let mut ran = None;
        if argv.len() > 1 {
            argv.push(self.name.clone().into());
            ran = Some(self.change(argv)?);
        }
        if let Some(hash) = hash.filter(|_| ran.as_ref().is_none_or(|r| r.rc == 0)) {
            self.set_password(ran.get_or_insert_default(), hash)?;
        }
        if !self.local || ran.as_ref().is_some_and(|r| r.rc != 0) {
            return Ok(ran);
        }
        self.modify_local_rest(ran, &rest)
    }

    /// Whether this usermod knows `-a`, told by its own help; only asked where the answer is needed.
    fn can_append(&self, tool: &OsString) -> Result<bool, Failure> {
        let ran = exec::look(self.ctx, vec![tool.clone(), "--help".into()])?;
        let text = ran.out() + &ran.err();
        Ok(text.lines().any(|l| l.trim().starts_with("-a, --append")))
    }

    fn push_changed_ids(&self, argv: &mut Vec<OsString>, info: &User) -> Result<(), Failure> {
        if let Some(uid) = self.uid.filter(|uid| *uid != i64::from(info.uid)) {
            argv.extend(["-u".into(), uid.to_string().into()]);
            if self.args.flag("non_unique") {
                argv.push("-o".into());
            }
        }
        if let Some(group) = &self.group {
            let group = self.existing_group(group)?;
            if group.gid != info.gid {
                argv.extend(["-g".into(), group.gid.to_string().into()]);
            }
        }
        Ok(())
    }

    /// The names in `groups`, as given, once each.
    pub(super) fn asked_groups(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.groups.as_deref().unwrap_or_default().split(',').filter(|n| !n.is_empty()) {
            if !names.iter().any(|n| n == name.trim()) {
                names.push(name.trim().to_owned());
            }
        }
        names
    }

    /// The group, which must exist.
    pub(super) fn existing_group(&self, name: &str) -> Result<Group, Failure> {
        self.accounts.group_like(name)?.ok_or_else(|| Failure::new(format!("Group {name} does not exist")))
    }

    fn push_groups(&self, argv: &mut Vec<OsString>, rest: &mut LocalRest) -> Result<(), Failure> {
        let Some(asked) = &self.groups else { return Ok(()) };
        let current: Vec<String> =
            self.accounts.groups()?.into_iter().filter(|g| g.members.contains(&self.name)).map(|g| g.name).collect();
        let mut groups: Vec<String> = Vec::new();
        for name in self.asked_groups() {
            let name = self.existing_group(&name)?.name;
            if !groups.contains(&name) {
                groups.push(name);
            }
        }
        let missing: Vec<String> = groups.iter().filter(|g| !current.contains(g)).cloned().collect();
        let surplus: Vec<String> = current.iter().filter(|g| !groups.contains(g)).cloned().collect();
        let needed = match self.append {
            true => !asked.is_empty() && !missing.is_empty(),
            false => !missing.is_empty() || !surplus.is_empty(),
        };
        if !needed {
            return Ok(());
        }
        let can_append = self.append && self.can_append(&argv[0])?;
        if can_append {
            argv.push("-a".into());
        }
        if self.local {
            rest.add = missing;
            rest.del = if self.append { Vec::new() } else { surplus };
        } else if self.append && !can_append {
            let differing: Vec<String> = missing.into_iter().chain(surplus).collect();
            argv.extend(["-A".into(), differing.join(",").into()]);
        } else {
            argv.extend(["-G".into(), groups.join(",").into()]);
        }
        Ok(())
    }

    fn push_changed_texts(&self, argv: &mut Vec<OsString>, info: &User) {
        let differing = |name: &str, now: &str| self.args.text(name).filter(|want| want != now);
        if let Some(comment) = differing("comment", &info.gecos) {
            argv.extend(["-c".into(), comment.into()]);
        }
        if let Some(home) = differing("home", &info.home) {
            argv.extend(["-d".into(), home.into()]);
            if self.args.flag("move_home") {
                argv.push("-m".into());
            }
        }
        if let Some(shell) = differing("shell", &info.shell) {
            argv.extend(["-s".into(), shell.into()]);
        }
    }

    fn push_changed_expiry(&self, argv: &mut Vec<OsString>, rest: &mut LocalRest) {
        let Some(expires) = self.expires else { return };
        let now = self.accounts.shadow(&self.name).map_or(0, |s| s.expire);
        let wanted = match expires < 0 {
            true if now < 0 => return,
            true => None,
            false if now >= 0 && now == day(expires) => return,
            false => Some(day(expires)),
        };
        if self.local {
            rest.expires = Some(wanted.unwrap_or(-1));
        } else {
            argv.push("-e".into());
            argv.push(wanted.map(date).unwrap_or_default().into());
        }
    }

    /// The hash, where the user has another one and the task may change it.
    fn changed_password(&self, info: &User) -> Option<&str> {
        let always = self.args.text("update_password").as_deref() != Some("on_create");
        let bare = |hash: &str| hash.trim_start_matches('!').to_owned();
        self.password.as_deref().filter(|hash| always && bare(&info.password) != bare(hash))
    }

    /// The lock alone; a new hash carries its own.
    fn push_lock(&self, argv: &mut Vec<OsString>, info: &User) {
        let locked = info.password.starts_with('!');
        match self.password_lock {
            Some(true) if !locked => argv.push("-L".into()),
            Some(false) if locked => argv.push("-U".into()),
            _ => {}
        }
    }

    fn modify_local_rest(&self, ran: Option<Ran>, rest: &LocalRest) -> Result<Option<Ran>, Failure> {
        let mut all = ran.clone().unwrap_or_default();
        let mut any = ran.is_some();
        let name = || OsString::from(self.name.clone());
        let mut commands = Vec::new();
        if let Some(days) = rest.expires {
            commands.push(vec![exec::program(self.ctx, "lchage")?, "-E".into(), days.to_string().into(), name()]);
        }
        let lgroupmod = exec::program(self.ctx, "lgroupmod")?;
        let members = rest.add.iter().map(|g| ("-M", g)).chain(rest.del.iter().map(|g| ("-m", g)));
        commands.extend(members.map(|(flag, group)| vec![lgroupmod.clone(), flag.into(), name(), group.into()]));
        for argv in commands {
            any = true;
            self.also(&mut all, argv)?;
            if all.rc != 0 {
                break;
            }
        }
        Ok(any.then_some(all))
    }
}
