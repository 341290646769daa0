//! `inspect`: what is in a bundle. Shows unsigned ones too, and says so.

use super::{Exit, Ui};
use crate::bundle::{Summary, Unverified};
use std::fmt::Write;
use std::path::PathBuf;

/// Show what is in a bundle: plays, roles, tasks, files, digests, signatures
///
/// The bundle must be whole, but who signed it is not checked: that is `verify`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The archive
    bundle: PathBuf,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let summary = Unverified::archive(&args.bundle)?.summary();
    ui.result(&summary, &describe(&summary))?;
    Ok(Exit::Done)
}

fn describe(summary: &Summary) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, summary);
    text
}

fn write_all(out: &mut String, summary: &Summary) -> std::fmt::Result {
    writeln!(out, "digest     {}", summary.digest)?;
    writeln!(out, "playbook   {} (plan format {})", summary.playbook, summary.format)?;
    writeln!(out, "size       {} bytes in {} files and the plan", summary.size, summary.files.len())?;
    match summary.signatures.as_slice() {
        [] => writeln!(out, "signed     by nobody: no node will accept it")?,
        keys => writeln!(out, "signed by  {} (not verified here)", keys.join("\n           "))?,
    }
    writeln!(out, "\nplays")?;
    for play in &summary.plays {
        writeln!(out, "  {}: {}", play.name, counts(play.tasks, play.handlers))?;
        if !play.roles.is_empty() {
            writeln!(out, "    roles {}", play.roles.join(", "))?;
        }
    }
    let width = summary.roles.iter().map(|r| r.name.len()).max().unwrap_or(0);
    writeln!(out, "\nroles")?;
    for role in &summary.roles {
        let counts = counts(role.tasks, role.handlers);
        writeln!(out, "  {:width$}  {counts}, {}", role.name, plural(role.files, "file"))?;
    }
    writeln!(out, "\nfiles")?;
    for file in &summary.files {
        let digest = file.digest.get(..19).unwrap_or(&file.digest);
        writeln!(out, "  {} {:>8}  {digest}  {}", file.mode, file.size, file.path)?;
    }
    Ok(())
}

fn counts(tasks: usize, handlers: usize) -> String {
    format!("{}, {}", plural(tasks, "task"), plural(handlers, "handler"))
}

fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
