//! A fake build's own export: variables that changed in the inventory reach the nodes with roles that changed.

use super::export::{self, Again, Ran};
use super::origin::Origin;
use super::{Exit, Ui, vault};
use std::path::{Path, PathBuf};

/// Where control nodes have their export.
const DEST: &str = "/exports/cluster";

/// Options of a fake build that exports.
#[derive(clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Fake build, exporting")]
pub(super) struct Args {
    /// Export this inventory again before the boot; may be repeated
    #[arg(short, long, value_name = "SOURCE", requires = "fake_build", conflicts_with = "undo")]
    inventory: Vec<String>,
    /// Where to, on this machine: what the control node serves [default: /exports/cluster]
    #[arg(long, value_name = "DIR", requires = "inventory")]
    dest: Option<PathBuf>,
    /// Write a generation that this key signs, instead of the classic layout; may be repeated
    #[arg(long, value_name = "FILE", requires = "inventory")]
    export_key: Vec<PathBuf>,
    /// Seal each host's secrets to these recipients (see export)
    #[arg(long, value_name = "PATH", requires = "export_key")]
    recipients: Option<PathBuf>,
    /// Hosts to export, as a pattern of Ansible
    #[arg(short, long, value_name = "PATTERN", requires = "inventory")]
    limit: Option<String>,
    /// The site's own files of the export
    #[arg(long, value_name = "DIR", requires = "inventory")]
    files: Option<PathBuf>,
    #[command(flatten)]
    vault: vault::Passwords,
}

/// What came of it.
pub(super) enum Exported {
    /// There was no inventory to export.
    NotAsked,
    /// It is in its place.
    Done,
    /// It was refused, and why has been shown.
    Refused(Exit),
}

impl Args {
    /// Where the export is, if there is one.
    pub(super) fn dest(&self) -> Option<&Path> {
        let asked = !self.inventory.is_empty();
        asked.then(|| self.dest.as_deref().unwrap_or(Path::new(DEST)))
    }

    /// What a watch looks at beside the source.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let sources = self.inventory.iter().map(PathBuf::from).chain(self.files.clone());
        let directory = |path: PathBuf| match path.is_dir() {
            true => path,
            false => crate::sys::file::parent(&path).to_owned(),
        };
        sources.filter(|path| path.exists()).map(directory).collect()
    }

    /// Exports, where that was asked for.
    pub(super) fn run(&self, origin: &Origin, ui: &Ui) -> anyhow::Result<Exported> {
        let Some(dest) = self.dest() else { return Ok(Exported::NotAsked) };
        let again = Again {
            inventory: &self.inventory,
            dest,
            keys: &self.export_key,
            recipients: self.recipients.as_deref(),
            limit: self.limit.as_deref(),
            files: self.files.as_deref(),
            vault: &self.vault,
        };
        let Ran { exit, text, .. } = export::again(&again, origin, ui)?;
        text.lines().for_each(|line| ui.progress(line));
        Ok(match exit {
            Exit::Done => Exported::Done,
            refused => Exported::Refused(refused),
        })
    }
}
