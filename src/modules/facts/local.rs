//! `ansible_local`: the site's own facts, JSON or INI, from files or programs under facts.d.

use super::super::params::text;
use super::Source;
use crate::plan::{Data, Map};
use crate::sys::command::Command;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) fn collect(source: &Source) -> Map {
    let directory = source.fact_path.clone();
    let mut facts = Map::default();
    for name in source.names(&directory) {
        let Some(base) = name.strip_suffix(".fact").filter(|b| !b.starts_with('.')) else { continue };
        facts.insert(text(base), one(source, &format!("{}/{name}", directory.trim_end_matches('/'))));
    }
    super::super::params::map([("local", Data::Map(facts))])
}

/// One fact; a text that says why, where it cannot be had.
fn one(source: &Source, path: &str) -> Data {
    let full = source.path(path);
    let executable = match full.metadata() {
        Ok(meta) => meta.permissions().mode() & 0o100 != 0,
        Err(e) => return text(format!("Could not stat fact ({path}): {e}")),
    };
    let content = match executable {
        true => match output(source, &full, path) {
            Ok(out) => out,
            Err(why) => return text(why),
        },
        false => source.raw(path).unwrap_or_default().into_bytes(),
    };
    let Ok(content) = String::from_utf8(content) else {
        return text(format!("error loading fact - output of running \"{path}\" was not utf-8"));
    };
    match serde_json::from_str::<serde_json::Value>(&content) {
        Ok(value) => from_json(value),
        Err(_) => ini(&content).map_or_else(
            || text(format!("error loading facts as JSON or ini - please check content: {path}")),
            Data::Map,
        ),
    }
}

fn output(source: &Source, full: &Path, shown: &str) -> Result<Vec<u8>, String> {
    let command =
        Command { argv: vec![full.into()], timeout: Some(super::PATIENCE), read_only: true, ..Command::default() };
    match source.runner().run(&command) {
        Ok(ran) if ran.rc == 0 => Ok(ran.stdout),
        Ok(ran) => Err(format!(
            "Failure executing fact script ({shown}), rc: {}, err: {}",
            ran.rc,
            String::from_utf8_lossy(&ran.stderr)
        )),
        Err(e) => Err(format!("Could not execute fact script ({shown}): {e:?}")),
    }
}

/// JSON as final data.
pub(crate) fn from_json(value: serde_json::Value) -> Data {
    use serde_json::Value;
    match value {
        Value::Null => Data::Null,
        Value::Bool(b) => Data::Bool(b),
        Value::Number(n) => match n.as_i64() {
            Some(i) => Data::Int(i.into()),
            None => n.as_u64().map_or_else(|| Data::Float(n.as_f64().unwrap_or_default()), |u| Data::Int(u.into())),
        },
        Value::String(s) => Data::Unsafe(s),
        Value::Array(l) => Data::List(l.into_iter().map(from_json).collect()),
        Value::Object(m) => Data::Map(m.into_iter().map(|(k, v)| (text(k), from_json(v))).collect()),
    }
}

/// Python's ConfigParser: sections of lower-case keys, continued lines, `DEFAULT` for all. `None`: it is none.
fn ini(content: &str) -> Option<Map> {
    let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut open_value = false;
    for line in content.lines() {
        let bare = line.trim();
        if bare.starts_with(['#', ';']) {
            continue;
        }
        if bare.is_empty() {
            open_value = false;
            continue;
        }
        if line.starts_with([' ', '\t']) && open_value {
            let (_, value) = sections.last_mut()?.1.last_mut()?;
            value.push('\n');
            value.push_str(bare);
            continue;
        }
        if let Some(name) = bare.strip_prefix('[').and_then(|b| b.split_once(']')).map(|(n, _)| n) {
            if sections.iter().any(|(n, _)| n == name) {
                return None;
            }
            sections.push((name.to_owned(), Vec::new()));
            open_value = false;
            continue;
        }
        let at = bare.find(['=', ':']).filter(|at| *at > 0)?;
        let key = bare[..at].trim().to_lowercase();
        let options = &mut sections.last_mut()?.1;
        if options.iter().any(|(k, _)| *k == key) {
            return None;
        }
        options.push((key, bare[at + 1..].trim().to_owned()));
        open_value = true;
    }
    let defaults = sections.iter().find(|(n, _)| n == "DEFAULT").map(|(_, o)| o.clone()).unwrap_or_default();
    let mut facts = Map::default();
    for (name, options) in sections.into_iter().filter(|(n, _)| n != "DEFAULT") {
        let inherited = defaults.iter().filter(|(k, _)| !options.iter().any(|(o, _)| o == k)).cloned();
        let all: Vec<(String, String)> = options.iter().cloned().chain(inherited).collect();
        facts.insert(text(name), Data::Map(all.into_iter().map(|(k, v)| (text(k), text(v))).collect()));
    }
    Some(facts)
}
