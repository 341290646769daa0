//! `verify`: whether a bundle would be accepted, and how to check its signature by hand.

use super::{Exit, Ui};
use crate::bundle::{PublicKey, SigningKey, Trust, Verified};
use anyhow::{Context, bail};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Verify a bundle as a node does: signature, digests, nothing missing, nothing added
#[derive(clap::Args)]
pub(super) struct Args {
    /// The archive, or the directory of an installed bundle
    bundle: PathBuf,
    #[command(flatten)]
    keys: Keys,
}

/// Which keys are trusted.
#[derive(clap::Args)]
pub(super) struct Keys {
    /// Directory of trusted public keys (*.pem)
    #[arg(long, value_name = "DIR", default_value = "/etc/compute-init/trust.d")]
    trust: PathBuf,
    /// A trusted public key, instead of a directory; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    key: Vec<PathBuf>,
}

impl Keys {
    /// Reads them.
    pub(super) fn load(&self) -> anyhow::Result<Trust> {
        if self.key.is_empty() {
            return Ok(Trust::directory(&self.trust)?);
        }
        Ok(Trust::keys("--key", named_keys(&self.key)?)?)
    }
}

/// The public keys in `files`, by file name.
pub(super) fn named_keys(files: &[PathBuf]) -> anyhow::Result<Vec<(String, PublicKey)>> {
    let name = |file: &PathBuf| file.file_name().unwrap_or(file.as_os_str()).display().to_string();
    files.iter().map(|file| Ok((name(file), read_public(file)?))).collect()
}

fn read_public(file: &Path) -> anyhow::Result<PublicKey> {
    let pem = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    PublicKey::from_pem(&pem).or_else(|error| match SigningKey::from_pem(&pem) {
        Ok(_) => bail!("{} is a private key: give its public key (openssl pkey -pubout)", file.display()),
        Err(_) => Err(error).with_context(|| format!("reading {}", file.display())),
    })
}

/// Verifies either form.
pub(super) fn open(bundle: &Path, trust: &Trust) -> anyhow::Result<Verified> {
    if bundle.is_dir() {
        let real = bundle.canonicalize().with_context(|| format!("opening {}", bundle.display()))?;
        return Ok(Verified::installed(&real, trust)?);
    }
    Ok(Verified::archive(bundle, trust)?)
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let verified = open(&args.bundle, &args.keys.load()?)?;
    let summary = verified.summary();
    let signer = verified.signer();
    let mut text = format!(
        "verified     {}\ndigest       {}\nsigned by    {} ({})\ncontent      {} files, {} bytes with the plan",
        args.bundle.display(),
        summary.digest,
        signer.name,
        signer.key,
        summary.files.len(),
        summary.size,
    );
    if args.bundle.is_file() {
        text += &by_hand(&args.bundle, &verified);
    }
    let value = json!({
        "verified": true,
        "digest": summary.digest,
        "signer": { "name": signer.name, "key": signer.key.to_string() },
        "files": summary.files.len(),
        "size": summary.size,
    });
    ui.result(&value, &text)?;
    Ok(Exit::Done)
}

/// Commands that check the signature without this program.
fn by_hand(bundle: &Path, verified: &Verified) -> String {
    let signer = verified.signer();
    let Some(signature) = verified.signatures().get(&signer.key) else { return String::new() };
    let member = |digest: crate::bundle::Digest| format!("blobs/sha256/{}", digest.hex());
    let (manifest, signature) = (member(verified.digest()), member(crate::bundle::Digest::of(signature)));
    format!(
        "\n\nThe same by hand, with PUBLIC.pem the key of {}:\n  \
         tar -xzf {} {manifest} \\\n    {signature}\n  \
         openssl pkeyutl -verify -rawin -pubin -inkey PUBLIC.pem \\\n    -in {manifest} \\\n    -sigfile {signature}",
        signer.name,
        bundle.display(),
    )
}
