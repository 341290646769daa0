//! Modules that only tell of the node: `service_facts`, `mount_facts`, `infiniband_facts`.

use super::exec;
use super::params::{Params, int, list, map, text};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Key, Map};
use crate::spec::Args;
use crate::sys::order;
use crate::vars::glob_matches;
use std::fs;

/// `service_facts`: every service, its state and whether it is enabled.
pub fn services(ctx: &Context, _: &Args) -> Result<Outcome, Failure> {
    let mut services = Map::default();
    if ctx.runner.which("service").is_some() && ctx.runner.which("chkconfig").is_none() {
        init_scripts(ctx, &mut services)?;
    }
    let first = fs::read("/proc/1/comm").unwrap_or_default();
    if ctx.runner.which("systemctl").is_some() && String::from_utf8_lossy(&first).contains("systemd") {
        units(ctx, &mut services)?;
        unit_files(ctx, &mut services)?;
    }
    if services.is_empty() {
        let msg = "Failed to find any services. This can be due to privileges or some other configuration issue.";
        return Ok(Outcome { skipped: true, ..Outcome::default() }.with("msg", text(msg)));
    }
    let facts = Map::from_iter([(Data::str("services"), Data::Map(services))]);
    Ok(Outcome { facts, ..Outcome::default() })
}

fn service(name: &str, state: &str, status: Option<&str>, source: &str) -> Data {
    let mut facts = map([("name", text(name)), ("state", text(state)), ("source", text(source))]);
    if let Some(status) = status {
        facts.insert(Data::str("status"), text(status));
    }
    Data::Map(facts)
}

fn init_scripts(ctx: &Context, services: &mut Map) -> Result<(), Failure> {
    let argv = vec![exec::program(ctx, "service")?, "--status-all".into()];
    for line in exec::look(ctx, argv)?.out().lines() {
        let Some((sign, name)) = line.trim_start().strip_prefix("[ ").and_then(|l| l.split_once(" ]")) else {
            continue;
        };
        let state = match sign {
            "+" => "running",
            "-" => "stopped",
            _ => continue,
        };
        services.insert(text(name.trim()), service(name.trim(), state, None, "sysv"));
    }
    Ok(())
}

fn systemctl(ctx: &Context, verb: &str) -> Result<String, Failure> {
    let mut argv = vec![exec::program(ctx, "systemctl")?];
    argv.extend([verb, "--no-pager", "--type", "service", "--all"].map(Into::into));
    Ok(exec::look(ctx, argv)?.out())
}

fn units(ctx: &Context, services: &mut Map) -> Result<(), Failure> {
    for line in systemctl(ctx, "list-units")?.lines().filter(|l| l.contains(".service")) {
        let mut fields: Vec<&str> = line.split_whitespace().collect();
        let bad = ["not-found", "masked", "failed"].into_iter().find(|b| fields.contains(b));
        if bad.is_some() && fields.first().is_some_and(|f| !f.contains(".service")) {
            // A dot that marks a unit in trouble stands before its name.
            fields.remove(0);
        }
        let (Some(name), Some(active), Some(sub)) = (fields.first(), fields.get(2), fields.get(3)) else { continue };
        let state = if *sub == "running" { "running" } else { "stopped" };
        services.insert(text(*name), service(name, state, Some(bad.unwrap_or(active)), "systemd"));
    }
    Ok(())
}

fn unit_files(ctx: &Context, services: &mut Map) -> Result<(), Failure> {
    for line in systemctl(ctx, "list-unit-files")?.lines().filter(|l| l.contains(".service")) {
        let mut fields = line.split_whitespace();
        let (Some(name), Some(status)) = (fields.next(), fields.next()) else { continue };
        match services.get_mut(&Key(name)) {
            None => {
                // Ansible asks for the state of each; templates have none.
                let state = if name.ends_with("@.service") { "unknown".to_owned() } else { state_of(ctx, name)? };
                services.insert(text(name), service(name, &state, Some(status), "systemd"));
            }
            Some(Data::Map(known)) => {
                let current = known.get(&Key("status")).and_then(Data::as_str);
                if !current.is_some_and(|s| matches!(s, "not-found" | "masked" | "failed")) {
                    known.insert(Data::str("status"), text(status));
                }
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn state_of(ctx: &Context, name: &str) -> Result<String, Failure> {
    let mut argv = vec![exec::program(ctx, "systemctl")?];
    argv.extend(["show", name, "--property=ActiveState"].map(Into::into));
    let ran = exec::look(ctx, argv)?;
    let state = ran.out().trim().strip_prefix("ActiveState=").map(str::to_owned);
    Ok(state.filter(|_| ran.rc == 0).unwrap_or_else(|| "unknown".to_owned()))
}

/// `mount_facts`: what is mounted, from the kernel's list and fstab.
pub fn mounts(_: &Context, args: &Args) -> Result<Outcome, Failure> {
    let wanted = |name: &str, value: &str| {
        args.texts(name).is_none_or(|patterns| patterns.iter().any(|p| glob_matches(p, value)))
    };
    let sources = args.texts("sources").unwrap_or_else(|| vec!["all".to_owned()]);
    let mut points = Map::default();
    let mut aggregate = Vec::new();
    for file in source_files(&sources)? {
        let text_of_file = String::from_utf8_lossy(&fs::read(&file).unwrap_or_default()).into_owned();
        for line in text_of_file.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [device, mount, fstype, options, ..] = fields[..] else { continue };
            if device.starts_with('#') || !wanted("devices", device) || !wanted("fstypes", fstype) {
                continue;
            }
            let number = |i: usize| int(fields.get(i).and_then(|f| f.parse::<i64>().ok()).unwrap_or(0));
            let context = map([("source", text(&file)), ("source_data", text(line))]);
            let facts = map([
                ("mount", text(mount)),
                ("device", text(device)),
                ("fstype", text(fstype)),
                ("options", text(options)),
                ("dump", number(4)),
                ("passno", number(5)),
                ("ansible_context", Data::Map(context)),
            ]);
            aggregate.push(Data::Map(facts.clone()));
            points.entry(text(mount)).or_insert(Data::Map(facts));
        }
    }
    let mut facts = map([("mount_points", Data::Map(points))]);
    if args.flag("include_aggregate_mounts") {
        facts.insert(Data::str("aggregate_mounts"), Data::List(aggregate));
    }
    Ok(Outcome { facts, ..Outcome::default() })
}

fn source_files(sources: &[String]) -> Result<Vec<String>, Failure> {
    let mut files: Vec<String> = Vec::new();
    for source in sources {
        match source.as_str() {
            "all" => files.extend(["/proc/mounts", "/etc/mtab", "/etc/fstab"].map(str::to_owned)),
            "dynamic" => files.extend(["/etc/mtab", "/proc/mounts"].map(str::to_owned)),
            "static" => files.push("/etc/fstab".to_owned()),
            "mount" => files.push("/proc/mounts".to_owned()),
            "" => return Err(Failure::new("sources contains an empty string")),
            path if path.starts_with('/') => files.push(path.to_owned()),
            other => return Err(Failure::new(format!("sources contains {other:?}, which is no path"))),
        }
    }
    files.dedup();
    Ok(files)
}

/// `infiniband_facts`: the ports of the node's InfiniBand adapters.
pub fn infiniband(_: &Context, _: &Args) -> Result<Outcome, Failure> {
    const BASE: &str = "/sys/class/infiniband";
    let names = |path: &str| -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned())).collect();
        order::ascending(&mut names);
        names
    };
    let mut ports = Vec::new();
    for device in names(BASE) {
        for port in names(&format!("{BASE}/{device}/ports")) {
            let read = |file: &str| {
                let bytes = fs::read(format!("{BASE}/{device}/ports/{port}/{file}")).unwrap_or_default();
                text(String::from_utf8_lossy(&bytes).trim())
            };
            ports.push(Data::Map(map([
                ("device", text(&device)),
                ("port", int(port.parse::<i64>().unwrap_or_default())),
                ("state", read("state")),
                ("phys_state", read("phys_state")),
                ("link_layer", read("link_layer")),
                ("rate", read("rate")),
                ("lid", read("lid")),
                ("sm_lid", read("sm_lid")),
                ("interfaces", list(names(&format!("{BASE}/{device}/device/net")))),
            ])));
        }
    }
    let facts = map([("infiniband_ports", Data::List(ports))]);
    Ok(Outcome { facts, ..Outcome::default() })
}

/// `terminate_user_sessions`: ends the sessions of a user who has any.
pub fn terminate_sessions(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let user = args.text("user").unwrap_or_default();
    let loginctl = exec::program(ctx, "loginctl")?;
    let listed = exec::look(ctx, vec![loginctl.clone(), "--no-legend".into(), "list-sessions".into()])?;
    if listed.rc != 0 {
        return Err(failed(&listed));
    }
    // Columns are session, uid, user, ... ; one by one, as the sites' own module of this name ends them.
    let own = |line: &str| {
        let mut columns = line.split_whitespace();
        let session = columns.next()?;
        (columns.nth(1) == Some(user.as_str())).then(|| session.to_string())
    };
    let sessions: Vec<String> = listed.out().lines().filter_map(own).collect();
    if sessions.is_empty() || ctx.check {
        return Ok(Outcome { changed: !sessions.is_empty(), ..Outcome::default() });
    }
    for session in sessions {
        let ran = exec::change(ctx, vec![loginctl.clone(), "terminate-session".into(), session.into()])?;
        if ran.rc != 0 {
            return Err(failed(&ran));
        }
    }
    Ok(Outcome { changed: true, changes: vec![super::params::change("sessions", user)], ..Outcome::default() })
}

fn failed(ran: &exec::Ran) -> Failure {
    super::params::failure(ran.err(), [("rc", int(ran.rc)), ("stdout", text(ran.out())), ("stderr", text(ran.err()))])
}
