//! `build`: a source as a signed bundle. Nothing is written unless all of it is right.

use super::origin::{Findings, Origin, Outcome};
use super::{Exit, Ui, fake};
use crate::bundle::{Sealed, SigningKey, Summary, Unverified, assemble, source_date_epoch};
use crate::source::Diagnostic;
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
///
/// With --fake-build no file is written: the bundle is signed with your development key, installed at once, and the boot
/// runs again. Exits as the boot did.
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
    #[command(flatten)]
    fake: fake::Args,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let keys = args.key.iter().map(|file| read_key(file, ui)).collect::<anyhow::Result<Vec<_>>>()?;
    if args.fake.asked() {
        return fake::run(&args.fake, &args.origin, keys, ui);
    }
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    let time = source_date_epoch(epoch.as_deref())?;
    let (sealed, warnings) = match seal(&args.origin, &keys, ui)? {
        Sealing::Sealed { sealed, warnings } => (sealed, warnings),
        Sealing::Refused(exit) => return Ok(exit),
    };
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
        "diagnostics": warnings,
    });
    ui.result(&value, &describe(&args.output, archive.len(), &summary))?;
    Ok(Exit::Done)
}

/// What came of compiling and signing.
pub(super) enum Sealing {
    /// A bundle.
    Sealed { sealed: Box<Sealed>, warnings: Vec<Diagnostic> },
    /// None; the reasons have been shown.
    Refused(Exit),
}

/// Compiles, packs and signs.
pub(super) fn seal(origin: &Origin, keys: &[SigningKey], ui: &Ui) -> anyhow::Result<Sealing> {
    ui.progress(&format!("compiling {}", origin.name()));
    let compiled = match origin.compile(ui)? {
        Outcome::Compiled(compiled) => *compiled,
        Outcome::Refused(diagnostics, exit) => {
            let findings = Findings::new(&diagnostics);
            ui.result(&findings, &format!("{}: {}; nothing is built", origin.name(), findings.counts()))?;
            return Ok(Sealing::Refused(exit));
        }
    };
    let files: BTreeMap<String, Vec<u8>> =
        compiled.files.into_iter().map(|(path, file)| (path, file.bytes.to_vec())).collect();
    let mut sealed = assemble(&compiled.plan, &files).context("packing")?;
    for key in keys {
        sealed.sign(key);
    }
    Ok(Sealing::Sealed { sealed: Box::new(sealed), warnings: compiled.warnings })
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

/// Reads a private key, and says where others can too.
pub(super) fn read_key(path: &Path, ui: &Ui) -> anyhow::Result<SigningKey> {
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
