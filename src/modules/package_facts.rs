//! `package_facts`: what is installed, from dpkg's own list or from rpm. Other package managers are not known here.

use super::exec;
use super::params::{Params, map, output_text, text};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Key, Map};
use crate::spec::Args;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// dpkg's list.
const STATUS: &str = "/var/lib/dpkg/status";
/// Bytes of a line of it that are read; fields that are longer are none of those that count.
const LINE: u64 = 65_536;
/// The managers that `auto` tries, in Ansible's order.
const MANAGERS: [&str; 2] = ["rpm", "apt"];

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let asked = args.texts("manager").unwrap_or_else(|| vec!["auto".to_owned()]);
    let mut managers: Vec<String> = asked.iter().map(|m| m.to_lowercase()).collect();
    if managers.iter().any(|m| m == "auto") {
        managers.retain(|m| m != "auto");
        managers.extend(MANAGERS.iter().map(|m| (*m).to_owned()));
    }
    let unsupported: Vec<&str> = managers.iter().map(String::as_str).filter(|m| !MANAGERS.contains(m)).collect();
    if !unsupported.is_empty() {
        return Err(Failure::new(format!("Unsupported package managers requested: {}", unsupported.join(", "))));
    }
    let all = args.text("strategy").as_deref() == Some("all");
    let mut seen: Vec<&str> = Vec::new();
    let mut packages: Option<Map> = None;
    for manager in &managers {
        if seen.contains(&manager.as_str()) || (packages.is_some() && !all) {
            continue;
        }
        seen.push(manager);
        let found = if manager == "apt" { debian(Path::new(STATUS))? } else { rpm(ctx)? };
        if let Some(found) = found {
            packages.get_or_insert_default().extend(found);
        }
    }
    let Some(packages) = packages else {
        let list: Vec<String> = managers.iter().map(|m| format!("'{m}'")).collect();
        let msg = "Could not detect a supported package manager from the following list: ";
        return Err(Failure::new(format!(
            "{msg}[{}], or the required Python library is not installed. Check warnings for details.",
            list.join(", ")
        )));
    };
    Ok(Outcome { facts: map([("packages", Data::Map(packages))]), ..Outcome::default() })
}

/// Adds a package under its name; several versions of one are a list.
fn add(packages: &mut Map, name: Data, package: Map) {
    let list = packages.entry(name).or_insert_with(|| Data::List(Vec::new()));
    if let Data::List(list) = list {
        list.push(Data::Map(package));
    }
}

/// What dpkg has installed; `None` where there is no dpkg. Where a package came from is not in its list: `origin` is
/// empty, as python-apt has it without package indexes.
fn debian(status: &Path) -> Result<Option<Map>, Failure> {
    let failed = |e: io::Error| Failure::new(format!("reading {}: {e}", status.display()));
    let mut reader = match File::open(status) {
        Ok(file) => BufReader::new(file),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut native = None;
    let mut packages = Vec::new();
    let mut stanza: Map = Map::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let more = io::Read::take(&mut reader, LINE).read_until(b'\n', &mut line).map_err(failed)? > 0;
        if !more || line == b"\n" {
            let installed =
                stanza.get(&Key("Status")).and_then(Data::as_str).is_some_and(|s| s.ends_with(" installed"));
            if let (true, Some(name)) = (installed, stanza.get(&Key("Package"))) {
                if name.as_str() == Some("dpkg") {
                    native = stanza.get(&Key("Architecture")).cloned();
                }
                packages.push(std::mem::take(&mut stanza));
            }
            stanza.clear();
            if !more {
                break;
            }
            continue;
        }
        let field = line.split(|b| *b == b':').next().unwrap_or_default();
        if let Some(known) =
            ["Package", "Status", "Version", "Architecture", "Section"].iter().find(|f| f.as_bytes() == field)
        {
            let value = line[field.len() + 1..].trim_ascii();
            stanza.insert(Data::str(*known), output_text(value.to_vec()));
        }
    }
    let mut found = Map::default();
    for stanza in packages {
        let field = |name: &str| stanza.get(&Key(name)).cloned().unwrap_or_else(|| text(""));
        let (name, arch) = (field("Package"), field("Architecture"));
        // A package of another architecture than dpkg's own goes by both names.
        let foreign = native.as_ref().is_some_and(|n| *n != arch) && arch.as_str() != Some("all");
        let name = match (foreign, name.as_str(), arch.as_str()) {
            (true, Some(name), Some(arch)) => text(format!("{name}:{arch}")),
            _ => name,
        };
        let package = map([
            ("name", name.clone()),
            ("version", field("Version")),
            ("arch", arch),
            ("category", field("Section")),
            ("origin", text("")),
            ("source", text("apt")),
        ]);
        add(&mut found, name, package);
    }
    Ok(Some(found))
}

/// What rpm has installed; `None` where there is no rpm.
fn rpm(ctx: &Context) -> Result<Option<Map>, Failure> {
    let Some(program) = ctx.runner.which("rpm") else { return Ok(None) };
    let format = "%{NAME}\t%{VERSION}\t%{RELEASE}\t%{EPOCH}\t%{ARCH}\n";
    let ran = exec::look(ctx, vec![program.into(), "-qa".into(), "--qf".into(), format.into()])?;
    if ran.rc != 0 {
        return Err(Failure::new(format!("rpm -qa ended with {}: {}", ran.rc, ran.err().trim_end())));
    }
    let mut found = Map::default();
    for line in ran.out().lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, version, release, epoch, arch] = fields[..] else { continue };
        let or_null = |value: &str| if value == "(none)" { Data::Null } else { text(value) };
        let package = map([
            ("name", text(name)),
            ("version", text(version)),
            ("release", text(release)),
            ("epoch", epoch.parse::<i64>().map_or(Data::Null, |n| Data::Int(n.into()))),
            ("arch", or_null(arch)),
            ("source", text("rpm")),
        ]);
        add(&mut found, text(name), package);
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::super::recorded::with_tools;
    use super::{Key, debian};
    use serde_json::json;

    #[test]
    fn dpkgs_list_gives_what_is_installed_and_only_that() {
        let dir = tempfile::tempdir().expect("a directory");
        let status = dir.path().join("status");
        let stanza = |name: &str, state: &str, arch: &str| {
            format!(
                "Package: {name}\nStatus: {state}\nArchitecture: {arch}\nSection: x\nVersion: 1:2\nDescription: a\n b: c\n\n"
            )
        };
        let installed = "install ok installed";
        let all = [
            stanza("dpkg", installed, "amd64"),
            stanza("gone", "deinstall ok config-files", "amd64"),
            stanza("libc6", installed, "amd64"),
            stanza("libc6", installed, "i386"),
            stanza("data", installed, "all"),
        ];
        std::fs::write(&status, all.concat()).expect("writes");
        let found = debian(&status).expect("reads").expect("there is a dpkg");
        let names: Vec<&str> = found.keys().filter_map(|k| k.as_str()).collect();
        assert_eq!(names, ["dpkg", "libc6", "libc6:i386", "data"]);
        let version = found[&Key("libc6:i386")].as_list().expect("a list")[0].get("version").cloned();
        assert_eq!(version.as_ref().and_then(|v| v.as_str()), Some("1:2"));
        assert!(debian(&dir.path().join("none")).expect("no error").is_none());
    }

    #[test]
    fn managers_that_nobody_knows_are_refused() {
        for (args, said) in [
            (json!({"manager": ["pacman"]}), "Unsupported package managers requested: pacman"),
            (
                json!({"manager": ["rpm"]}),
                "Could not detect a supported package manager from the following list: ['rpm']",
            ),
        ] {
            let (outcome, _) = with_tools("package_facts", args, json!([]), false);
            let msg = outcome.map(|_| ()).expect_err("a refusal").msg;
            assert!(msg.starts_with(said), "{msg}");
        }
    }
}
