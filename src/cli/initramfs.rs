//! `initramfs`: an archive that extends any initramfs, for nodes whose image does not have compute-init.

use super::{Exit, Ui, install, verify};
use crate::image::{Initramfs, Install};
use crate::sys::file::{self, Look, Staged};
use anyhow::{Context, bail};
use serde_json::json;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Write an archive that extends any initramfs (dracut with or without systemd, initramfs-tools)
///
/// At boot it verifies the bundle and carries it, with executor, keys and unit, into the root file system. Give it to the
/// boot loader after the initramfs (`initrd A B`), or have --onto join the two: an archive that does not start at a
/// multiple of four bytes is ignored by the kernel without a word.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The bundle's archive
    bundle: PathBuf,
    /// The archive to write
    #[arg(short, long, value_name = "FILE", required_unless_present = "directory")]
    output: Option<PathBuf>,
    /// Write the files into this directory instead, for a generator of initramfs images; it must not exist
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "gzip", "onto"])]
    directory: Option<PathBuf>,
    /// A public key for the root's trust.d (NAME.pem); may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    trust: Vec<PathBuf>,
    /// The executor [default: compute-init-boot beside this program, or else this machine's own]
    #[arg(long, value_name = "FILE")]
    executor: Option<PathBuf>,
    /// The configuration of nodes whose root has none
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Compress with gzip, which every kernel with an initramfs unpacks
    #[arg(long)]
    gzip: bool,
    /// Write this initramfs first, padded, and the archive behind it
    #[arg(long, value_name = "INITRD")]
    onto: Option<PathBuf>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let executor = install::executor(args.executor.as_deref())?;
    let trust = verify::named_keys(&args.trust)?;
    let config = match args.config.as_deref().map(install::read_configuration).transpose()? {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(mistakes)) => return Ok(install::mistaken(&mistakes, ui)),
    };
    let (command, config) = (None, config.as_deref());
    let what = Install { bundle: &args.bundle, executor: &executor, command, trust: &trust, config };
    let made = Initramfs::assemble(&what)?;
    let (path, size) = match (&args.directory, &args.output) {
        (Some(directory), _) => {
            made.write(directory)?;
            (directory, None)
        }
        (None, Some(output)) => (output, Some(write(args, output, &made.archive())?)),
        (None, None) => bail!("neither --output nor --directory is given"),
    };
    let value = json!({ "path": path, "bytes": size, "bundle": made.bundle, "signer": made.signer });
    let size = size.map(|size| format!(" ({size} bytes)")).unwrap_or_default();
    ui.result(
        &value,
        &format!("bundle   {}\nsigner   {}\nwritten  {}{size}", made.bundle, made.signer, path.display()),
    )?;
    Ok(Exit::Done)
}

/// Writes the archive, whole or not at all; its size with what it was put onto.
fn write(args: &Args, output: &Path, archive: &[u8]) -> anyhow::Result<u64> {
    let packed;
    let archive = match args.gzip {
        true => {
            packed = gzip(archive).context("compressing")?;
            &packed
        }
        false => archive,
    };
    let writing = || format!("writing {}", output.display());
    let mut staged = Staged::beside(output).with_context(writing)?;
    let mut size = archive.len() as u64;
    match &args.onto {
        None => staged.fill(&mut &archive[..]).with_context(writing)?,
        Some(base) => {
            let opened = File::open(base).with_context(|| format!("opening {}", base.display()))?;
            let length = opened.metadata().with_context(|| format!("opening {}", base.display()))?.len();
            let padding = length.next_multiple_of(4) - length;
            staged.fill(&mut opened.chain(io::repeat(0).take(padding)).chain(archive)).with_context(writing)?;
            size += length + padding;
        }
    }
    staged.dress(&Look { mode: 0o644, ..Look::fresh(output).with_context(writing)? }).with_context(writing)?;
    staged.commit().with_context(writing)?;
    file::sync_directory(file::parent(output)).with_context(writing)?;
    Ok(size)
}

/// Deterministic: no name, no time.
fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder =
        flate2::GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
