//! `nodes`: what is exported for each node, what differs from before, and what Slurm says.

use super::verify::named_keys;
use super::{Exit, Ui};
use crate::bundle::{SigningKey, Trust};
use crate::export::nodes::{Disk, Node, ask_slurm, nodes};
use crate::sys::command::SystemRunner;
use anyhow::{Context, bail};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// Show all nodes of the export: what is exported for them, what changes, and their state in Slurm
///
/// With --plan, exits with 2 where a node's next boot would see something else than the generation before had for it.
/// It is told by content, offline: no node is asked.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The directory that nodes mount
    #[arg(long, value_name = "DIR", default_value = "/exports/cluster")]
    dest: PathBuf,
    /// Directory of the public keys that may sign the export
    #[arg(long, value_name = "DIR", default_value = "/etc/compute-init/trust.d/export")]
    trust: PathBuf,
    /// A key that may sign it, public or private, instead of a directory; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    key: Vec<PathBuf>,
    /// Show what each node's next boot would see changed
    #[arg(long)]
    plan: bool,
    /// The generation that --plan compares with, by its serial number [default: the one before]
    #[arg(long, value_name = "SERIAL", requires = "plan")]
    since: Option<u64>,
    /// Do not ask Slurm
    #[arg(long)]
    no_slurm: bool,
    /// Show it again every SECONDS until interrupted
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5")]
    watch: Option<u64>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    loop {
        let exit = show(args, ui)?;
        let Some(seconds) = args.watch else { return Ok(exit) };
        std::thread::sleep(Duration::from_secs(seconds.max(1)));
    }
}

fn show(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let trust = trust(args)?;
    let mut disk = Disk(args.dest.clone());
    let reading = || format!("reading the export {}", args.dest.display());
    let current = disk.current(&trust).with_context(reading)?;
    let earlier = match (args.plan, args.since) {
        (false, _) => None,
        (true, None) => disk.previous(&current, &trust).with_context(reading)?,
        (true, Some(serial)) => match disk.serial(serial, &trust).with_context(reading)? {
            None => bail!("no generation with the serial {serial} is kept in {}", args.dest.display()),
            some => some,
        },
    };
    let mut all = nodes(&current, earlier.as_ref(), &mut disk).with_context(reading)?;
    if !args.no_slurm
        && let Err(why) = ask_slurm(&mut all, &SystemRunner::new())
    {
        ui.warn(&why);
    }
    let changed = all.iter().filter(|n| !n.changes.is_empty()).count();
    let index = current.index();
    let mut text =
        format!("generation {}, serial {}, {} hosts", &current.digest().hex()[..12], index.serial, index.content.hosts);
    match &earlier {
        Some(earlier) => text += &format!("; {changed} differ from serial {}", earlier.index().serial),
        None if args.plan => text += "; no earlier generation is kept to compare with",
        None => {}
    }
    text += &table(&all);
    let value = json!({
        "generation": current.digest().to_string(), "serial": index.serial, "created": index.created,
        "since": earlier.as_ref().map(|e| e.index().serial), "nodes": all,
    });
    ui.result(&value, &text)?;
    Ok(if changed > 0 { Exit::Source } else { Exit::Done })
}

fn trust(args: &Args) -> anyhow::Result<Trust> {
    if args.key.is_empty() {
        return Ok(Trust::directory(&args.trust)?);
    }
    let mut keys = Vec::new();
    for file in &args.key {
        let pem = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        match SigningKey::from_pem(&pem) {
            Ok(key) => keys.push((file.display().to_string(), key.public())),
            Err(_) => keys.extend(named_keys(std::slice::from_ref(file))?),
        }
    }
    Ok(Trust::keys("--key", keys)?)
}

fn table(nodes: &[Node]) -> String {
    let mut text = String::new();
    let width = nodes.iter().map(|n| n.host.len()).max().unwrap_or(0).max(4);
    for node in nodes {
        let state = node.state.as_deref().unwrap_or("-");
        let changes = if node.changes.is_empty() { "-".to_owned() } else { node.changes.join(", ") };
        let reason = node.reason.as_deref().map(|r| format!("  ({r})")).unwrap_or_default();
        text += &format!("\n{:<width$}  {state:<12}  {changes}{reason}", node.host);
    }
    text
}
