//! Facts that are kept from run to run: a JSON file a host, as Ansible's `jsonfile` cache keeps them.

use super::settings::Settings;
use crate::plan::{Data, Map};
use crate::vars::{JsonStyle, Value, json_text};
use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::path::PathBuf;

/// Where facts are kept; nowhere unless the settings say so.
#[derive(Debug, Default)]
pub(super) struct Cache(Option<(PathBuf, String)>);

impl Cache {
    /// What `fact_caching` says: `memory`, or `jsonfile` with a directory.
    pub fn of(settings: &Settings) -> anyhow::Result<Cache> {
        let text = |variable: &str, key: &str| settings.text(variable, ("defaults", key)).filter(|v| !v.is_empty());
        let plugin = text("ANSIBLE_CACHE_PLUGIN", "fact_caching").unwrap_or_else(|| "memory".to_owned());
        match plugin.rsplit('.').next().unwrap_or_default() {
            "memory" => Ok(Cache(None)),
            "jsonfile" => {
                let directory = text("ANSIBLE_CACHE_PLUGIN_CONNECTION", "fact_caching_connection");
                let directory = directory.context("the jsonfile cache needs fact_caching_connection, a directory")?;
                let prefix = text("ANSIBLE_CACHE_PLUGIN_PREFIX", "fact_caching_prefix").unwrap_or_default();
                let directory = std::path::absolute(&directory).with_context(|| format!("finding {directory}"))?;
                Ok(Cache(Some((directory, prefix))))
            }
            other => bail!("facts can be kept in memory or by jsonfile, not by {other}"),
        }
    }

    fn file(&self, host: &str) -> Option<PathBuf> {
        let (directory, prefix) = self.0.as_ref()?;
        // A host's name becomes a file's name.
        (!host.contains('/') && !host.starts_with('.')).then(|| directory.join(format!("{prefix}{host}")))
    }

    /// What is kept of a host.
    pub fn load(&self, host: &str) -> anyhow::Result<Map> {
        let Some(path) = self.file(host) else { return Ok(Map::default()) };
        let bytes = match std::fs::read(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Map::default()),
            read => read.with_context(|| format!("reading {}", path.display()))?,
        };
        match crate::yaml::read_vars(&bytes).with_context(|| format!("reading {}", path.display()))? {
            Data::Map(facts) => Ok(facts),
            other => bail!("{} must hold a dictionary, not {}", path.display(), other.type_name()),
        }
    }

    /// Keeps what is known of a host.
    pub fn save(&self, host: &str, facts: &Map) -> anyhow::Result<()> {
        let Some(path) = self.file(host).filter(|_| !facts.is_empty()) else { return Ok(()) };
        let text = json_text(&Value::from_data(&Data::Map(facts.clone())), &JsonStyle::default());
        let text = text.map_err(|e| anyhow::anyhow!("keeping the facts of {host}: {e}"))?;
        let parent = crate::sys::file::parent(&path);
        std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Forgets a host.
    pub fn forget(&self, host: &str) -> anyhow::Result<()> {
        let Some(path) = self.file(host) else { return Ok(()) };
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e).with_context(|| format!("removing {}", path.display())),
            _ => Ok(()),
        }
    }
}
