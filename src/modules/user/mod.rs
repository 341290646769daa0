//! `user`: users through the system's useradd, usermod, userdel and chage.
//!
//! `create` and `modify` make the command lines, `password` sets hashes, `home` makes home directories, `ssh_key` key
//! pairs.

mod create;
mod home;
mod modify;
mod password;
mod ssh_key;

use super::accounts::{Accounts, User};
use super::exec::{self, Ran};
use super::params::{Params, change, failure, int, text};
use super::{Context, Failure, Outcome};
use crate::plan::Data;
use crate::spec::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    run_at(ctx, args, Path::new("/"))
}

/// What the task asks for.
struct Wanted<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    root: PathBuf,
    accounts: Accounts<'a>,
    name: String,
    uid: Option<i64>,
    group: Option<String>,
    /// `groups` joined with commas; empty text means: no groups at all.
    groups: Option<String>,
    password: Option<String>,
    password_lock: Option<bool>,
    /// Seconds since the epoch, rounded down.
    expires: Option<i64>,
    home: Option<String>,
    local: bool,
    create_home: bool,
    append: bool,
}

pub(super) fn run_at(ctx: &Context, args: &Args, root: &Path) -> Result<Outcome, Failure> {
    let wanted = Wanted {
        ctx,
        args,
        root: root.to_owned(),
        accounts: Accounts::new(ctx, root),
        name: args.text("name").unwrap_or_default(),
        uid: args.int("uid"),
        group: args.text("group"),
        groups: args.texts("groups").map(|g| g.join(",")),
        password: args.text("password"),
        password_lock: args.choice("password_lock"),
        expires: args.float("expires").map(|f| f.floor() as i64),
        home: args.text("home"),
        local: args.flag("local"),
        create_home: args.choice("create_home").unwrap_or(true),
        append: args.flag("append"),
    };
    if args.text("umask").is_some() && wanted.local {
        return Err(Failure::new("'umask' can not be used with 'local'"));
    }
    wanted.demand_one_line()?;
    let mut report = Report::default();
    wanted.warn(&mut report);
    report.set("name", text(&wanted.name));
    let absent = args.text("state").as_deref() == Some("absent");
    report.set("state", text(if absent { "absent" } else { "present" }));
    let exists = wanted.exists()?;
    if ctx.check && exists == absent {
        return Ok(Outcome { changed: true, changes: vec![change("user", &wanted.name)], ..Outcome::default() });
    }
    if absent {
        if exists {
            let ran = wanted.remove()?;
            wanted.finish(Some(ran), &mut report)?;
            report.set("force", args.flag("force"));
            report.set("remove", args.flag("remove"));
        }
    } else {
        wanted.present(exists, &mut report)?;
    }
    Ok(report.outcome(&wanted.name))
}

/// What is going to be the result.
#[derive(Default)]
struct Report {
    outcome: Outcome,
    warnings: Vec<Data>,
}

impl Report {
    fn set(&mut self, name: &str, value: impl Into<Data>) {
        self.outcome.result.insert(Data::str(name), value.into());
    }

    fn outcome(mut self, name: &str) -> Outcome {
        if self.outcome.changed {
            self.outcome.changes.push(change("user", name));
        }
        if !self.warnings.is_empty() {
            self.outcome.result.insert(Data::str("warnings"), Data::List(self.warnings));
        }
        self.outcome
    }
}

impl Wanted<'_> {
    fn exists(&self) -> Result<bool, Failure> {
        match self.local {
            true => self.accounts.in_file("passwd", &self.name),
            false => Ok(self.accounts.user(&self.name)?.is_some()),
        }
    }

    /// The user as it is, with the hash from shadow where passwd refers to it.
    fn info(&self) -> Result<Option<User>, Failure> {
        if !self.exists()? {
            return Ok(None);
        }
        let mut user = self.accounts.user(&self.name)?;
        if let Some(user) = user.as_mut().filter(|u| u.password.len() <= 1) {
            user.password = self.accounts.shadow(&self.name).map(|s| s.password).unwrap_or_default();
        }
        Ok(user)
    }

    fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// The tool, in its flavour of libuser where `local` asks for it.
    fn tool(&self, name: &str) -> Result<OsString, Failure> {
        match self.local {
            true => exec::program(self.ctx, &format!("l{name}")),
            false => exec::program(self.ctx, name),
        }
    }

    /// Runs a command that changes the user; in check mode only says that it worked.
    fn change(&self, argv: Vec<OsString>) -> Result<Ran, Failure> {
        if self.ctx.check {
            return Ok(Ran::default());
        }
        exec::change(self.ctx, argv)
    }

    fn remove(&self) -> Result<Ran, Failure> {
        let mut argv = vec![self.tool("userdel")?];
        if self.args.flag("force") && !self.local {
            argv.push("-f".into());
        }
        if self.args.flag("remove") {
            argv.push("-r".into());
        }
        argv.push(self.name.clone().into());
        self.change(argv)
    }

    /// Takes in how the main command ended.
    fn finish(&self, ran: Option<Ran>, report: &mut Report) -> Result<(), Failure> {
        let Some(ran) = ran else { return Ok(()) };
        self.demand_success(&ran)?;
        report.outcome.changed = true;
        if !ran.stdout.is_empty() {
            report.set("stdout", text(ran.out()));
        }
        if !ran.stderr.is_empty() {
            report.set("stderr", text(ran.err()));
        }
        Ok(())
    }

    fn demand_success(&self, ran: &Ran) -> Result<(), Failure> {
        match ran.rc {
            0 => Ok(()),
            rc => Err(failure(ran.err(), [("name", text(&self.name)), ("rc", int(rc))])),
        }
    }

    fn present(&self, exists: bool, report: &mut Report) -> Result<(), Failure> {
        let ran = if exists {
            let ran = self.modify()?;
            report.set("append", self.append);
            report.set("move_home", self.args.flag("move_home"));
            ran
        } else {
            let ran = self.create_with_parents()?;
            report.set("system", self.args.flag("system"));
            report.set("create_home", self.create_home);
            Some(ran)
        };
        self.finish(ran, report)?;
        if self.password.is_some() {
            report.set("password", text("NOT_LOGGING_PASSWORD"));
        }
        if !self.exists()? {
            return Ok(());
        }
        let Some(info) = self.info()? else {
            return Err(Failure::new(format!("failed to look up user name: {}", self.name)));
        };
        report.set("uid", int(info.uid));
        report.set("group", int(info.gid));
        report.set("comment", text(&info.gecos));
        report.set("home", text(&info.home));
        report.set("shell", text(&info.shell));
        if let Some(groups) = &self.groups {
            report.set("groups", text(groups));
        }
        self.ensure_home(&info, report)?;
        if self.args.flag("generate_ssh_key") {
            self.ssh_key(&info, report)?;
        }
        if let Some(ran) = self.password_expiry()? {
            self.demand_success(&ran)?;
            report.outcome.changed = true;
        }
        Ok(())
    }

    /// A home directory that is missing is made even where nothing else changes.
    fn ensure_home(&self, info: &User, report: &mut Report) -> Result<(), Failure> {
        let home = self.home.as_deref().unwrap_or(&info.home);
        if !self.create_home || self.path(home).exists() {
            return Ok(());
        }
        if !self.ctx.check {
            self.make_home(home)?;
            self.give_home(home, info)?;
        }
        report.outcome.changed = true;
        Ok(())
    }

    /// `chage`, where one of the password's ages is not as asked.
    fn password_expiry(&self) -> Result<Option<Ran>, Failure> {
        let asked = ["password_expire_min", "password_expire_max", "password_expire_warn"].map(|n| self.args.int(n));
        if asked.iter().all(Option::is_none) {
            return Ok(None);
        }
        let Some(now) = self.accounts.shadow(&self.name) else { return Ok(None) };
        let differing: Vec<(&str, i64)> = ["-m", "-M", "-W"]
            .into_iter()
            .zip(asked.into_iter().zip([now.min, now.max, now.warn]))
            .filter_map(|(flag, (want, have))| want.filter(|w| *w != have).map(|w| (flag, w)))
            .collect();
        if differing.is_empty() {
            return Ok(None);
        }
        let mut argv = vec![exec::program(self.ctx, "chage")?];
        for (flag, days) in differing {
            argv.extend([flag.into(), days.to_string().into()]);
        }
        argv.push(self.name.clone().into());
        self.change(argv).map(Some)
    }

    fn warn(&self, report: &mut Report) {
        if self.groups.is_none() && self.append {
            report.warnings.push(text(
                "'append' is set, but no 'groups' are specified. Use 'groups' for appending new groups.\
                 This will change to an error in Ansible 2.14.",
            ));
        }
        if self.password.as_deref().is_some_and(looks_unhashed) {
            report.warnings.push(text(
                "The input password appears not to have been hashed. \
                 The 'password' argument must be encrypted for this module to work properly.",
            ));
        }
    }
}

/// Whether a password can hardly be crypt(3)'s output.
fn looks_unhashed(password: &str) -> bool {
    if password.is_empty() || matches!(password, "*" | "!" | "*************") {
        return false;
    }
    let fields: Vec<&str> = password.split('$').collect();
    if password.contains([':', '*', '!']) || fields.len() < 3 {
        return true;
    }
    let digest = fields[fields.len() - 1];
    let foreign = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '='));
    let length = match fields[1] {
        "1" => Some(22),
        "5" => Some(43),
        "6" => Some(86),
        _ => None,
    };
    digest.contains(foreign) || length.is_some_and(|n| digest.len() != n)
}

/// The day of a time in seconds since the epoch.
fn day(seconds: i64) -> i64 {
    seconds.div_euclid(86400)
}

/// A day since the epoch as `YYYY-MM-DD` (the civil-from-days algorithm of the proleptic Gregorian calendar).
pub(super) fn date(day: i64) -> String {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{:02}", of_year - (153 * shifted + 2) / 5 + 1)
}
