//! A user who is not there yet: useradd's command line.

use super::super::Failure;
use super::super::exec::{self, Ran};
use super::super::params::Params;
use super::{Wanted, date, day};
use std::ffi::OsString;
use std::path::Path;

impl Wanted<'_> {
    /// Creates the user; owns the home directory's parents' making too, because useradd cannot make them.
    pub(super) fn create_with_parents(&self) -> Result<Ran, Failure> {
        let lacks_parents = self
            .home
            .as_deref()
            .filter(|h| !h.is_empty() && self.create_home)
            .is_some_and(|home| !self.path(parent(home)).is_dir());
        let ran = self.create()?;
        if lacks_parents && let (Some(info), Some(home)) = (self.info()?, &self.home) {
            self.give_home(home, &info)?;
        }
        Ok(ran)
    }

    fn create(&self) -> Result<Ran, Failure> {
        if self.local {
            // Both must be there before anything is done.
            exec::program(self.ctx, "lgroupmod")?;
            exec::program(self.ctx, "lchage")?;
        }
        let mut argv = vec![self.tool("useradd")?];
        self.push_ids(&mut argv)?;
        let groups = match self.groups.as_deref() {
            Some(g) if !g.is_empty() => self.supplementary()?,
            _ => Vec::new(),
        };
        if self.groups.as_deref().is_some_and(|g| !g.is_empty()) && !self.local {
            argv.extend(["-G".into(), groups.join(",").into()]);
        }
        self.push_text(&mut argv, "-c", "comment");
        if let Some(home) = &self.home {
            if self.create_home && !self.path(parent(home)).is_dir() {
                self.make_home(home)?;
            }
            argv.extend(["-d".into(), home.into()]);
        }
        self.push_text(&mut argv, "-s", "shell");
        self.push_expiry(&mut argv);
        self.push_home_options(&mut argv);
        if self.args.flag("system") {
            argv.push("-r".into());
        }
        argv.push(self.name.clone().into());
        let mut ran = self.change(argv)?;
        if let Some(hash) = self.password.as_deref().filter(|_| ran.rc == 0) {
            // Until then useradd's own "!" keeps the account closed.
            self.set_password(&mut ran, hash)?;
        }
        match self.local && ran.rc == 0 {
            true => self.create_local_rest(ran, &groups),
            false => Ok(ran),
        }
    }

    fn push_ids(&self, argv: &mut Vec<OsString>) -> Result<(), Failure> {
        if let Some(uid) = self.uid {
            argv.extend(["-u".into(), uid.to_string().into()]);
            if self.args.flag("non_unique") {
                argv.push("-o".into());
            }
        }
        self.push_text(argv, "-Z", "seuser");
        if let Some(group) = &self.group {
            if self.accounts.group_like(group)?.is_none() {
                return Err(Failure::new(format!("Group {group} does not exist")));
            }
            argv.extend(["-g".into(), group.into()]);
        } else if self.accounts.group_like(&self.name)?.is_some() {
            // Without this useradd would try to make a group of the same name (USERGROUPS_ENAB of login.defs).
            argv.push(if self.local { "-n" } else { "-N" }.into());
        }
        Ok(())
    }

    fn push_text(&self, argv: &mut Vec<OsString>, flag: &str, parameter: &str) {
        if let Some(value) = self.args.os(parameter) {
            argv.extend([flag.into(), value]);
        }
    }

    fn push_expiry(&self, argv: &mut Vec<OsString>) {
        if let Some(expires) = self.expires.filter(|_| !self.local) {
            argv.push("-e".into());
            argv.push(if expires < 0 { OsString::new() } else { date(day(expires)).into() });
        }
    }

    fn push_home_options(&self, argv: &mut Vec<OsString>) {
        if !self.create_home {
            argv.push("-M".into());
            return;
        }
        if !self.local {
            argv.push("-m".into());
        }
        self.push_text(argv, "-k", "skeleton");
        if let Some(umask) = self.args.text("umask") {
            argv.extend(["-K".into(), format!("UMASK={umask}").into()]);
        }
    }

    /// The groups asked for, without the user's primary one, each known to exist.
    fn supplementary(&self) -> Result<Vec<String>, Failure> {
        let primary = self.info()?.map(|u| u.gid);
        let mut names = Vec::new();
        for name in self.asked_groups() {
            let group = self.existing_group(&name)?;
            if primary != Some(group.gid) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// luseradd knows neither expiry nor groups: two more tools do.
    fn create_local_rest(&self, mut ran: Ran, groups: &[String]) -> Result<Ran, Failure> {
        if let Some(expires) = self.expires {
            let days = if expires < 0 { -1 } else { day(expires) };
            let lchage = exec::program(self.ctx, "lchage")?;
            self.also(&mut ran, vec![lchage, "-E".into(), days.to_string().into(), self.name.clone().into()])?;
        }
        for group in groups {
            if ran.rc != 0 {
                break;
            }
            let lgroupmod = exec::program(self.ctx, "lgroupmod")?;
            self.also(&mut ran, vec![lgroupmod, "-M".into(), self.name.clone().into(), group.into()])?;
        }
        Ok(ran)
    }

    /// Runs a further command, with its output after that of the ones before.
    pub(super) fn also(&self, ran: &mut Ran, argv: Vec<OsString>) -> Result<(), Failure> {
        let next = self.change(argv)?;
        append(ran, next);
        Ok(())
    }
}

/// The outcome of two commands as if they were one.
pub(super) fn append(ran: &mut Ran, next: Ran) {
    ran.rc = next.rc;
    ran.stdout.extend(next.stdout);
    ran.stderr.extend(next.stderr);
}

fn parent(path: &str) -> &str {
    Path::new(path).parent().and_then(Path::to_str).unwrap_or("")
}
