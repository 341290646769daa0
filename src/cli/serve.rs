//! `serve`: lets the compute network mount the export.

use super::{Exit, Ui};
use crate::export::serve::{Network, serve};
use crate::sys::command::SystemRunner;
use serde_json::json;
use std::path::PathBuf;

/// Let the compute network mount the export over NFS, read-only
///
/// Writes /etc/exports.d/compute-init.exports (ro, root_squash, secure) and runs `exportfs -r`. A web server or an object
/// store needs none of this: nodes verify what they read wherever it comes from (docs/export.md).
#[derive(clap::Args)]
pub(super) struct Args {
    /// A network that may mount it, ADDRESS/LENGTH; may be repeated
    #[arg(short, long, value_name = "NETWORK", required = true)]
    network: Vec<String>,
    /// The directory that nodes mount
    #[arg(long, value_name = "DIR", default_value = "/exports/cluster")]
    dest: PathBuf,
    /// Where the server's further exports are
    #[arg(long, value_name = "DIR", default_value = "/etc/exports.d", hide = true)]
    folder: PathBuf,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let networks = args.network.iter().map(|n| Network::parse(n)).collect::<Result<Vec<_>, _>>()?;
    let served = serve(&args.dest, &networks, &args.folder, &SystemRunner::new())?;
    let kind = if served.changed { "written" } else { "as it was" };
    let server = match &served.exportfs {
        None => "exportfs is not installed: the NFS server reads the file when it starts (package nfs-kernel-server)",
        Some(said) if said.is_empty() => "exportfs -r done",
        Some(said) => said.as_str(),
    };
    let text = format!("exports    {} ({kind})\nserver     {server}", served.file.display());
    let value = json!({ "file": served.file, "changed": served.changed, "exportfs": served.exportfs });
    ui.result(&value, &text)?;
    Ok(Exit::Done)
}
