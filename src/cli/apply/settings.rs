//! Ansible's settings as far as `apply` honours them: the environment over `ansible.cfg`.

use crate::apply::Gathering;
use crate::source::inventory::GroupNames;
use crate::spec;
use crate::vars::Configuration;
use anyhow::{Context, bail};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What becomes of a key that is written twice in a dictionary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Severity {
    /// It is warned about.
    #[default]
    Warn,
    /// It is an error.
    Error,
    /// Nothing is said.
    Ignore,
}

/// The settings of a run.
#[derive(Debug, Default)]
pub(super) struct Settings {
    file: HashMap<(String, String), String>,
    /// The `ansible.cfg` that was read.
    pub path: Option<PathBuf>,
}

impl Settings {
    /// Reads the first `ansible.cfg` of those that Ansible looks for.
    pub fn read() -> anyhow::Result<Settings> {
        let home = std::env::var_os("HOME").map(|h| Path::new(&h).join(".ansible.cfg"));
        let named = std::env::var_os("ANSIBLE_CONFIG").filter(|p| !p.is_empty()).map(PathBuf::from);
        let named = named.map(|p| if p.is_dir() { p.join("ansible.cfg") } else { p });
        let places = [named, Some("ansible.cfg".into()), home, Some("/etc/ansible/ansible.cfg".into())];
        let Some(path) = places.into_iter().flatten().find(|p| p.is_file()) else { return Ok(Settings::default()) };
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let file = parse(&text).with_context(|| format!("reading {}", path.display()))?;
        let path = std::fs::canonicalize(&path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Settings { file, path: Some(path) })
    }

    /// A setting by its variable of the environment, else by section and key of the file.
    pub fn text(&self, variable: &str, (section, key): (&str, &str)) -> Option<String> {
        let set = std::env::var(variable).ok();
        set.or_else(|| self.file.get(&(section.to_owned(), key.to_owned())).cloned())
    }

    /// A setting of `[defaults]`, whose variable is `ANSIBLE_` and its name in capitals.
    pub fn in_defaults(&self, key: &str) -> Option<String> {
        self.text(&format!("ANSIBLE_{}", key.to_ascii_uppercase()), ("defaults", key))
    }

    /// A setting that is on or off.
    pub fn flag(&self, key: &str) -> Option<bool> {
        let value = self.in_defaults(key).filter(|v| !v.is_empty())?;
        spec::boolean(&crate::plan::Data::str(&value)).ok()
    }

    /// Directories of `roles_path`; what is not there is left out, as Ansible does.
    pub fn roles_path(&self) -> Vec<PathBuf> {
        let listed = self.in_defaults("roles_path").unwrap_or_default();
        let base = self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let set_here = std::env::var_os("ANSIBLE_ROLES_PATH").is_some();
        let place = |p: PathBuf| if set_here || p.is_absolute() { p } else { base.join(p) };
        std::env::split_paths(&OsString::from(listed)).map(|p| place(expand_home(p))).filter(|p| p.is_dir()).collect()
    }

    /// `hash_behaviour = merge`.
    pub fn merges_hashes(&self) -> anyhow::Result<bool> {
        match self.in_defaults("hash_behaviour").as_deref() {
            None | Some("replace") => Ok(false),
            Some("merge") => Ok(true),
            Some(other) => bail!("hash_behaviour is merge or replace, not {other:?}"),
        }
    }

    /// `force_valid_group_names`.
    pub fn group_names(&self) -> anyhow::Result<GroupNames> {
        let set = self.text("ANSIBLE_TRANSFORM_INVALID_GROUP_CHARS", ("defaults", "force_valid_group_names"));
        match set.as_deref() {
            None | Some("never") => Ok(GroupNames::Never),
            Some("ignore") => Ok(GroupNames::Ignore),
            Some("always") => Ok(GroupNames::Always),
            Some("silently") => Ok(GroupNames::Silently),
            Some(other) => bail!("force_valid_group_names is never, ignore, always or silently, not {other:?}"),
        }
    }

    /// Whether lists of hosts are `advanced_host_list`'s.
    pub fn ranges_of_hosts(&self) -> bool {
        let enabled = self.text("ANSIBLE_INVENTORY_ENABLED", ("inventory", "enable_plugins")).unwrap_or_default();
        let name = |plugin: &str| plugin.trim().trim_start_matches("ansible.builtin.").to_owned();
        enabled.split(',').map(name).find(|p| matches!(p.as_str(), "host_list" | "advanced_host_list"))
            == Some("advanced_host_list".to_owned())
    }

    /// `gathering`.
    pub fn gathering(&self) -> anyhow::Result<Gathering> {
        match self.in_defaults("gathering").as_deref() {
            None | Some("implicit") => Ok(Gathering::Implicit),
            Some("explicit") => Ok(Gathering::Explicit),
            Some("smart") => Ok(Gathering::Smart),
            Some(other) => bail!("gathering is implicit, explicit or smart, not {other:?}"),
        }
    }

    /// `duplicate_dict_key`.
    pub fn duplicate_keys(&self) -> anyhow::Result<Severity> {
        let set = self.text("ANSIBLE_DUPLICATE_YAML_DICT_KEY", ("defaults", "duplicate_dict_key"));
        match set.as_deref() {
            None | Some("warn") => Ok(Severity::Warn),
            Some("error") => Ok(Severity::Error),
            Some("ignore") => Ok(Severity::Ignore),
            Some(other) => bail!("duplicate_dict_key is warn, error or ignore, not {other:?}"),
        }
    }
}

impl Configuration for Settings {
    fn in_file(&self, section: &str, key: &str) -> Option<String> {
        self.file.get(&(section.to_owned(), key.to_ascii_lowercase())).cloned()
    }

    fn path(&self) -> Option<String> {
        self.path.as_ref().map(|path| path.to_string_lossy().into_owned())
    }
}

fn expand_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path,
    }
}

/// Sections of `key = value` lines; comments begin with `#` or `;`.
fn parse(text: &str) -> anyhow::Result<HashMap<(String, String), String>> {
    let mut found = HashMap::new();
    let mut section: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.split(" ;").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = Some(name.to_owned());
            continue;
        }
        match (&section, line.split_once(['=', ':'])) {
            (Some(section), Some((key, value))) => {
                found.insert((section.clone(), key.trim().to_ascii_lowercase()), value.trim().to_owned());
            }
            _ => bail!("line {}: a section or `key = value` is expected", number + 1),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_sections_of_pairs() {
        let found =
            parse("# c\n[defaults]\nroles_path = a:b ; why\nForce_handlers: yes\ngathering=smart\nforce_valid_group_names=silently\n\
                   [ssh_connection]\nx=1\n[inventory]\nenable_plugins = ini, advanced_host_list\n").unwrap();
        let get = |s: &str, k: &str| found.get(&(s.to_owned(), k.to_owned())).map(String::as_str);
        assert_eq!(get("defaults", "roles_path"), Some("a:b"));
        assert_eq!(get("defaults", "force_handlers"), Some("yes"));
        assert_eq!(get("ssh_connection", "x"), Some("1"));
        assert_eq!(get("defaults", "x"), None);
        let settings = Settings { file: found, path: None };
        assert_eq!(settings.gathering().unwrap(), Gathering::Smart);
        assert_eq!(settings.group_names().unwrap(), GroupNames::Silently);
        assert!(settings.ranges_of_hosts());
        let wrong =
            Settings { file: parse("[defaults]\ngathering=no\nforce_valid_group_names=x\n").unwrap(), path: None };
        assert!(wrong.gathering().is_err() && wrong.group_names().is_err() && !wrong.ranges_of_hosts());
        assert!(parse("x = 1").is_err());
        assert!(parse("[defaults]\nnonsense").is_err());
    }
}
