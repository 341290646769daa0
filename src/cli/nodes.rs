//! `nodes`: what is exported for each node, what differs from before, and what Slurm says.

use super::verify::named_keys;
use super::{Exit, Ui};
use crate::bundle::{SigningKey, Trust};
use crate::export::nodes::{Disk, Node, ask_slurm, nodes};
use crate::export::reports::{self, Reported, Source};
use crate::sys::command::SystemRunner;
use crate::vars::time::civil_from_days;
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
    /// A key that may sign it, instead of a directory; may be repeated. With the private one, nodes' reports are told from
    /// those that somebody else made
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
    let (trust, keys) = keys(args)?;
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
    if !args.no_slurm
        && let Err(why) = reports::ask(&mut all, &keys, &SystemRunner::new(), &mut Source::new(&current, &mut disk))
    {
        ui.warn(&format!("nodes' reports are not shown: {why}"));
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

/// The keys that the export is verified with, and those of them that also tell whether a report is its node's own.
fn keys(args: &Args) -> anyhow::Result<(Trust, Vec<SigningKey>)> {
    if args.key.is_empty() {
        return Ok((Trust::directory(&args.trust)?, Vec::new()));
    }
    let (mut keys, mut private) = (Vec::new(), Vec::new());
    for file in &args.key {
        let pem = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        match SigningKey::from_pem(&pem) {
            Ok(key) => {
                keys.push((file.display().to_string(), key.public()));
                private.push(key);
            }
            Err(_) => keys.extend(named_keys(std::slice::from_ref(file))?),
        }
    }
    Ok((Trust::keys("--key", keys)?, private))
}

fn table(nodes: &[Node]) -> String {
    let mut text = String::new();
    let width = nodes.iter().map(|n| n.host.len()).max().unwrap_or(0).max(4);
    for node in nodes {
        let state = node.state.as_deref().unwrap_or("-");
        let changes = if node.changes.is_empty() { "-".to_owned() } else { node.changes.join(", ") };
        let reason = node.reason.as_deref().map(|r| format!("  ({r})")).unwrap_or_default();
        let report = node.report.as_ref().map_or("-".to_owned(), told);
        text += &format!("\n{:<width$}  {state:<12}  {report:<44}  {changes}{reason}", node.host);
    }
    text
}

/// `ready, 3 changed, 2026-11-22T10:00:00Z` of the generation with a serial number, and whether it is to be believed.
fn told(report: &Reported) -> String {
    let Reported { serial, state, changed, time, genuine } = report;
    let days = i64::try_from(time / 86_400).unwrap_or(i64::MAX);
    let when = civil_from_days(days).map_or("?".to_owned(), |(year, month, day)| {
        let (hour, minute) = (time / 3600 % 24, time / 60 % 60);
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}Z")
    });
    let doubt = match genuine {
        Some(true) => "",
        Some(false) => ", NOT ITS OWN",
        None => ", not verified",
    };
    format!("{state}, {changed} changed, {when}, serial {serial}{doubt}")
}
