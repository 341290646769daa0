//! `enrol`: an identity for each node, and the recipient to which the control node seals what is that node's.

use super::{Exit, Ui};
use crate::bundle::age::Identity;
use crate::source::inventory::{self, Sources};
use crate::vars::vault::Keyring;
use anyhow::{Context, bail};
use serde_json::json;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Make identities for nodes, and the recipients that their secrets are sealed to
///
/// An identity (DIR/HOST, mode 0600) goes to its node and nowhere else: as the systemd credential
/// `compute-init.identity`, as /etc/compute-init/identity, or on the config drive. Its recipient (DIR/HOST.pub) stays with
/// `compute-init export`. Hosts that are enrolled are left alone unless --renew is given. Keys are those of age:
/// `age-keygen -y` shows the recipient of an identity.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Names of hosts
    #[arg(value_name = "HOST", required_unless_present = "inventory")]
    hosts: Vec<String>,
    /// Enrol the hosts of an inventory: a file or directory as Ansible reads it, or the JSON of `ansible-inventory --list`
    #[arg(short, long, value_name = "SOURCE")]
    inventory: Vec<String>,
    /// Only these of the inventory, as a pattern of Ansible
    #[arg(short, long, value_name = "PATTERN", default_value = "all", requires = "inventory")]
    limit: String,
    /// Directory of the identities, which are secret
    #[arg(long, value_name = "DIR", default_value = "identities")]
    identities: PathBuf,
    /// Directory of the recipients, which are not
    #[arg(long, value_name = "DIR", default_value = "/etc/compute-init/recipients")]
    recipients: PathBuf,
    /// Day after which `export` refuses to seal to it, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
    /// Make a new identity also where there is one
    #[arg(long)]
    renew: bool,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let mut hosts: Vec<String> = args.hosts.iter().map(|h| short(h).to_owned()).collect();
    if !args.inventory.is_empty() {
        let keyring = Keyring::default();
        let sources = Sources { inventories: &args.inventory, playbook_dir: None, facts: None, keyring: &keyring };
        let inventory = inventory::read(&sources)?;
        let chosen = inventory.matching(&args.limit).map_err(anyhow::Error::msg)?;
        hosts.extend(chosen.into_iter().map(|host| short(inventory.name(host)).to_owned()));
    }
    hosts.sort();
    hosts.dedup();
    for host in &hosts {
        let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if host.is_empty() || host.len() > 64 || host.starts_with('-') || !plain {
            bail!("{host:?} cannot be the name of a node");
        }
    }
    let expires = match &args.expires {
        Some(day) if !is_day(day) => bail!("{day:?} is not a day YYYY-MM-DD"),
        Some(day) => format!(" expires={day}"),
        None => String::new(),
    };
    make(&args.identities, 0o700)?;
    make(&args.recipients, 0o755)?;
    let (mut made, mut kept) = (Vec::new(), 0);
    for host in &hosts {
        let (secret, public) = (args.identities.join(host), args.recipients.join(format!("{host}.pub")));
        // The recipient is written last: where it is there, the identity is too.
        if public.exists() && !args.renew {
            kept += 1;
            continue;
        }
        let mut random = [0; 32];
        File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut random)).context("reading random numbers")?;
        let identity = Identity::from_random(random);
        let recipient = identity.recipient();
        write(&secret, 0o600, &format!("# {host}\n# public key: {recipient}\n{}\n", identity.reveal()))?;
        write(&public, 0o644, &format!("{recipient}{expires}\n"))?;
        made.push(host);
    }
    let text = format!(
        "enrolled    {} hosts, {kept} were enrolled before\nidentities  {}  (secret: each to its node, then away)\n\
         recipients  {}  (for compute-init export --recipients)",
        made.len(),
        args.identities.display(),
        args.recipients.display()
    );
    let value = json!({ "enrolled": made, "kept": kept, "identities": args.identities, "recipients": args.recipients });
    ui.result(&value, &text)?;
    Ok(Exit::Done)
}

/// The name by which a node knows itself.
fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn is_day(text: &str) -> bool {
    crate::export::recipients::end_of(text).is_some()
}

fn make(dir: &Path, mode: u32) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(dir).with_context(|| format!("making {}", dir.display()))
}

/// A new file in the place of an old one, never readable by others than it shall be.
fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let new = path.with_file_name(format!(".{name}.new"));
    let written = (|| {
        match std::fs::remove_file(&new) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    })();
    written.with_context(|| format!("writing {}", path.display()))
}
