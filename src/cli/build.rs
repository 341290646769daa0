//! `build`: a source as a signed bundle. Nothing is written unless all of it is right.

use super::origin::{Findings, Origin, Outcome};
use super::{Exit, Ui};
use crate::bundle::{SigningKey, Summary, Unverified, assemble, source_date_epoch};
use crate::sys::file::{self, Look};
use anyhow::Context;
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Compile a playbook and its roles into a bundle
///
/// The same source gives the same bytes on every machine. SOURCE_DATE_EPOCH dates the members of the archive (0 where
/// it is not set) and changes neither digest nor signature.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    origin: Origin,
    /// The bundle to write
    #[arg(short, long, value_name = "BUNDLE", default_value = "compute-init.bundle")]
    output: PathBuf,
    /// A private key to sign with (see keygen); may be repeated while keys change
    #[arg(short, long, value_name = "FILE")]
    key: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let keys = args.key.iter().map(|file| read_key(file, ui)).collect::<anyhow::Result<Vec<_>>>()?;
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    let time = source_date_epoch(epoch.as_deref())?;
    ui.progress(&format!("compiling {}", args.origin.name()));
    let compiled = match args.origin.compile(ui)? {
        Outcome::Compiled(compiled) => *compiled,
        Outcome::Refused(diagnostics, exit) => {
            let findings = Findings::new(&diagnostics);
            ui.result(&findings, &format!("{}: {}; nothing is built", args.origin.name(), findings.counts()))?;
            return Ok(exit);
        }
    };
    let files: BTreeMap<String, Vec<u8>> =
        compiled.files.into_iter().map(|(path, file)| (path, file.bytes.to_vec())).collect();
    let mut sealed = assemble(&compiled.plan, &files).context("packing")?;
    for key in &keys {
        sealed.sign(key);
    }
    if keys.is_empty() {
        ui.warn("the bundle is not signed, and no node will accept it: build with --key (see keygen)");
    }
    let archive = sealed.archive(time)?;
    // What no reader accepts is not written.
    let summary = Unverified::bytes(&args.output, &archive)?.summary();
    write(&args.output, &archive)?;
    let value = json!({
        "bundle": args.output,
        "archive_size": archive.len(),
        "summary": summary,
        "diagnostics": compiled.warnings,
    });
    ui.result(&value, &describe(&args.output, archive.len(), &summary))?;
    Ok(Exit::Done)
}

fn describe(output: &Path, size: usize, summary: &Summary) -> String {
    let tasks: usize = summary.roles.iter().map(|r| r.tasks).chain(summary.plays.iter().map(|p| p.tasks)).sum();
    let signed = match summary.signatures.as_slice() {
        [] => "nobody".to_owned(),
        keys => keys.join("\n           "),
    };
    format!(
        "bundle     {} ({size} bytes)\ndigest     {}\nsigned by  {signed}\ncontent    plays {}, roles {}, tasks {tasks}, \
         files {}",
        output.display(),
        summary.digest,
        summary.plays.len(),
        summary.roles.len(),
        summary.files.len(),
    )
}

fn read_key(path: &Path, ui: &Ui) -> anyhow::Result<SigningKey> {
    let context = || format!("reading the key {}", path.display());
    let mode = path.metadata().with_context(context)?.permissions().mode();
    if mode & 0o077 != 0 {
        ui.warn(&format!("others can read the key {}: chmod 600 it", path.display()));
    }
    let pem = std::fs::read_to_string(path).with_context(context)?;
    SigningKey::from_pem(&pem).with_context(context)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let context = || format!("writing {}", path.display());
    let look = Look::of_or_fresh(path).with_context(context)?;
    file::replace(path, bytes, &look).with_context(context)
}
