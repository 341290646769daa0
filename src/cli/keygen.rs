//! `keygen`: a signing key and the trust key that belongs to it.

use super::{Exit, Ui};
use crate::bundle::SigningKey;
use anyhow::{Context, bail};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Make a signing key, and beside it the public key for the nodes' trust.d
///
/// The key is Ed25519 in PKCS#8 PEM form, as `openssl genpkey -algorithm ed25519` makes it. Files that exist are never
/// overwritten.
#[derive(clap::Args)]
pub(super) struct Args {
    /// File of the private key; the public key goes to FILE with .pub.pem in place of its extension
    #[arg(short, long, value_name = "FILE", default_value = "compute-init.key")]
    output: PathBuf,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let private = &args.output;
    let public = private.with_extension("pub.pem");
    if *private == public {
        bail!("{} would be both keys: choose another name", private.display());
    }
    for path in [private, &public] {
        if path.symlink_metadata().is_ok() {
            bail!("{} exists, and keys are never overwritten: choose another name with -o", path.display());
        }
    }
    let key = SigningKey::generate().context("reading random numbers")?;
    create(private, 0o600, &key.to_pem())?;
    // Half a pair would be in the way of the next attempt.
    if let Err(error) = create(&public, 0o644, &key.public().to_pem()) {
        std::fs::remove_file(private).with_context(|| format!("removing {}", private.display()))?;
        return Err(error);
    }
    let id = key.public().id();
    let text = format!(
        "private key  {}  (keep it secret; it signs: compute-init build --key)\n\
         public key   {}  (for the nodes: compute-init install --trust)\n\
         key id       {id}",
        private.display(),
        public.display()
    );
    ui.result(&json!({ "private": private, "public": public, "id": id.to_string() }), &text)?;
    Ok(Exit::Done)
}

fn create(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    })
    .with_context(|| format!("writing {}", path.display()))
}
