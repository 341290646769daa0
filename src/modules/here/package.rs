//! `package`, `apt` and `dnf`: software, by the system's own package manager. Options that would change more than
//! packages (whole upgrades, caches, other roots) are refused here rather than done by half.

use crate::modules::exec::{self, Ran};
use crate::modules::params::{Params, change, failure, int, list, text};
use crate::modules::{Context, Failure, Outcome};
use crate::plan::{Data, Key};
use crate::spec::{self, Args};
use std::ffi::OsString;
use std::time::{Duration, SystemTime};

/// Where apt keeps what it fetched; its time tells how old that is.
const APT_LISTS: &str = "/var/lib/apt/lists";
/// Parameters of apt that are not done here.
const NOT_BY_APT: [&str; 5] = ["autoclean", "clean", "deb", "fail_on_autoremove", "policy_rc_d"];
/// Parameters of dnf that are not done here.
const NOT_BY_DNF: [&str; 9] = [
    "autoremove",
    "bugfix",
    "conf_file",
    "disable_excludes",
    "download_dir",
    "download_only",
    "list",
    "releasever",
    "security",
];

/// Runs `package`: with the package manager that is here, or the one that `use` names.
pub fn any(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let named = args.text("use").filter(|n| n != "auto");
    let name = match named {
        Some(name) => name.trim_start_matches("ansible.builtin.").to_owned(),
        None => {
            let here = [("dnf", "dnf"), ("apt-get", "apt")].into_iter().find(|(p, _)| ctx.runner.which(p).is_some());
            here.map_or_else(String::new, |(_, module)| module.to_owned())
        }
    };
    let run: crate::modules::Run = match name.as_str() {
        "apt" => apt,
        "dnf" | "yum" => dnf,
        "" => {
            return Err(Failure::new(
                "Could not detect which package manager to use. Try gathering facts or setting the \"use\" option.",
            ));
        }
        other => {
            return Err(Failure::new(format!("Could not find a matching action for the \"{other}\" package manager.")));
        }
    };
    let spec =
        spec::find_anywhere(&name).ok_or_else(|| Failure::new(format!("the module {name} has no specification")))?;
    let mut given = args.map().clone();
    given.shift_remove(&Key("use"));
    let args = spec::check(spec, &given)
        .map_err(|problems| Failure::new(problems.into_iter().map(|p| p.message).collect::<Vec<_>>().join("; ")))?;
    run(ctx, &args)
}

/// Runs `apt`.
pub fn apt(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    refuse(args, &NOT_BY_APT, "apt")?;
    let state = args.text("state").unwrap_or_default();
    if args.text("upgrade").is_some_and(|u| u != "no") || matches!(state.as_str(), "build-dep" | "fixed") {
        return Err(Failure::new("apt: only the states present, latest and absent of named packages can be had here"));
    }
    let updated = update_apt(ctx, args)?;
    let names = args.texts("package").unwrap_or_default();
    let names: Vec<String> = names.iter().flat_map(|n| n.split(',')).map(|n| n.trim().to_owned()).collect();
    let mut outcome = Outcome::default().with("cache_updated", Data::Bool(updated));
    if names.is_empty() && !args.flag("autoremove") {
        outcome.changed = updated;
        return Ok(outcome);
    }
    let wanted = match state.as_str() {
        "latest" => names,
        "absent" => with_state(ctx, names, true)?,
        _ => with_state(ctx, names, false)?,
    };
    if wanted.is_empty() && !args.flag("autoremove") {
        return Ok(outcome);
    }
    let mut argv: Vec<String> = vec!["-y".to_owned()];
    for option in args.text("dpkg_options").unwrap_or_default().split(',').filter(|o| !o.is_empty()) {
        argv.extend(["-o".to_owned(), format!("Dpkg::Options::=--{option}")]);
    }
    let mut flag = |on: bool, option: &str| argv.extend(on.then(|| option.to_owned()));
    flag(ctx.check, "--simulate");
    flag(args.flag("autoremove"), "--auto-remove");
    flag(args.flag("purge") && state == "absent", "--purge");
    flag(args.flag("only_upgrade"), "--only-upgrade");
    flag(args.flag("allow_unauthenticated"), "--allow-unauthenticated");
    flag(args.flag("allow_downgrade"), "--allow-downgrades");
    flag(args.flag("allow_change_held_packages"), "--allow-change-held-packages");
    flag(args.flag("force"), "--force-yes");
    flag(args.choice("install_recommends") == Some(true), "-oAPT::Install-Recommends=yes");
    flag(args.choice("install_recommends") == Some(false), "-oAPT::Install-Recommends=no");
    if let Some(release) = args.text("default_release") {
        argv.extend(["-t".to_owned(), release]);
    }
    argv.push(if state == "absent" { "remove" } else { "install" }.to_owned());
    argv.push("--".to_owned());
    argv.extend(wanted.iter().cloned());
    let ran = run(ctx, "apt-get", &argv)?;
    let nothing = ran.out().contains("0 upgraded, 0 newly installed, 0 to remove");
    outcome.changed = !nothing;
    for name in wanted.iter().filter(|_| outcome.changed) {
        outcome.changes.push(change(if state == "absent" { "removed" } else { "installed" }, name));
    }
    Ok(outcome.with("stdout", text(ran.out())).with("stderr", text(ran.err())))
}

/// `update_cache`, unless what is there is young enough.
fn update_apt(ctx: &Context, args: &Args) -> Result<bool, Failure> {
    let valid = u64::try_from(args.int("cache_valid_time").unwrap_or(0)).unwrap_or(0);
    if !args.choice("update_cache").unwrap_or(valid > 0) || ctx.check {
        return Ok(false);
    }
    let age = std::fs::metadata(APT_LISTS).and_then(|m| m.modified()).ok();
    let age = age.and_then(|t| SystemTime::now().duration_since(t).ok());
    if age.is_some_and(|a| a < Duration::from_secs(valid)) {
        return Ok(false);
    }
    run(ctx, "apt-get", &["update".to_owned()]).map(|_| true)
}

/// The packages that are installed, or that are not. `name=version` must have that version.
fn with_state(ctx: &Context, names: Vec<String>, installed: bool) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for name in names {
        let (bare, version) = name.split_once('=').map_or((name.as_str(), None), |(n, v)| (n, Some(v)));
        let query = ["dpkg-query", "-W", "-f=${db:Status-Status} ${Version}\n", "--", bare];
        let ran = exec::look(ctx, query.into_iter().map(OsString::from).collect())?;
        let here = ran.out().lines().filter_map(|l| l.split_once(' ')).any(|(status, has)| {
            status == "installed" && version.is_none_or(|v| has == v || crate::vars::glob_matches(v, has))
        });
        if here == installed {
            found.push(name);
        }
    }
    Ok(found)
}

/// Runs `dnf` (and `yum`, which is the same program where there is dnf).
pub fn dnf(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    refuse(args, &NOT_BY_DNF, "dnf")?;
    if args.text("installroot").is_some_and(|r| r != "/") {
        return Err(Failure::new("dnf: installroot is not done here"));
    }
    let absent = matches!(args.text("state").as_deref(), Some("absent" | "removed"));
    let latest = args.text("state").as_deref() == Some("latest");
    let names = args.texts("name").unwrap_or_default();
    let names: Vec<String> = names.iter().flat_map(|n| n.split(',')).map(|n| n.trim().to_owned()).collect();
    if args.flag("update_cache") && !ctx.check {
        run(ctx, "dnf", &["-y".to_owned(), "makecache".to_owned()])?;
    }
    let mut wanted = Vec::new();
    for name in names {
        // Groups and files to install are for dnf itself to judge.
        let known = !name.starts_with('@') && !name.contains('/');
        let there = known && exec::look(ctx, ["rpm", "-q", "--", &name].map(OsString::from).to_vec())?.rc == 0;
        if latest || !known || there == absent {
            wanted.push(name);
        }
    }
    let mut outcome = Outcome::default();
    let mut results = Vec::new();
    if !wanted.is_empty() {
        let mut argv = vec![if ctx.check { "--assumeno" } else { "-y" }.to_owned()];
        let mut flag = |on: bool, option: &str| argv.extend(on.then(|| option.to_owned()));
        flag(args.flag("disable_gpg_check"), "--nogpgcheck");
        flag(args.flag("allowerasing"), "--allowerasing");
        flag(args.flag("nobest"), "--nobest");
        flag(args.flag("skip_broken"), "--skip-broken");
        flag(args.flag("cacheonly"), "--cacheonly");
        flag(args.choice("install_weak_deps") == Some(false), "--setopt=install_weak_deps=False");
        for (option, name) in
            [("--enablerepo=", "enablerepo"), ("--disablerepo=", "disablerepo"), ("--exclude=", "exclude")]
        {
            argv.extend(args.texts(name).unwrap_or_default().iter().map(|v| format!("{option}{v}")));
        }
        argv.push(if absent { "remove" } else { "install" }.to_owned());
        argv.push("--".to_owned());
        argv.extend(wanted.iter().cloned());
        let ran = run(ctx, "dnf", &argv)?;
        outcome.changed = !ran.out().contains("Nothing to do");
        for name in wanted.iter().filter(|_| outcome.changed) {
            outcome.changes.push(change(if absent { "removed" } else { "installed" }, name));
            results.push(format!("{}: {name}", if absent { "Removed" } else { "Installed" }));
        }
    }
    let msg = if outcome.changed { "" } else { "Nothing to do" };
    Ok(outcome.with("msg", text(msg)).with("rc", int(0)).with("results", list(results)))
}

/// Fails on parameters that were given and are not done here.
fn refuse(args: &Args, names: &[&str], module: &str) -> Result<(), Failure> {
    let given = |name: &str| match args.get(name) {
        None | Some(Data::Bool(false)) => false,
        Some(value) => value.truthy(),
    };
    match names.iter().find(|n| given(n)) {
        Some(name) => Err(Failure::new(format!("{module}: the parameter {name} is not done here"))),
        None => Ok(()),
    }
}

/// Runs a package manager, which must not ask anything.
fn run(ctx: &Context, program: &str, argv: &[String]) -> Result<Ran, Failure> {
    let mut all = vec![exec::program(ctx, program)?];
    all.extend(argv.iter().map(OsString::from));
    let shown = all.iter().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let mut command = crate::sys::command::Command { argv: all, read_only: ctx.check, ..Default::default() };
    for (name, value) in [("DEBIAN_FRONTEND", "noninteractive"), ("DEBIAN_PRIORITY", "critical"), ("LC_ALL", "C.UTF-8")]
    {
        command.env.push((name.into(), value.into()));
    }
    let ran = exec::run(ctx, command)?;
    // dnf --assumeno ends with 1 when there was something that it would have done.
    if ran.rc != 0 && !(ctx.check && program == "dnf") {
        let pairs = [("rc", int(ran.rc)), ("stdout", text(ran.out())), ("stderr", text(ran.err()))];
        return Err(failure(format!("'{shown}' failed: {}", ran.err()), pairs));
    }
    Ok(ran)
}
