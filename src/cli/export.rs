//! `export`: what the control node serves to its nodes, from an inventory.

use super::{Exit, Ui, vault};
use crate::export;
use crate::source::inventory;
use std::path::PathBuf;

/// Write what compute nodes need to rejoin, from an Ansible inventory
#[derive(clap::Args)]
pub(super) struct Args {
    /// An inventory: a file or directory as Ansible reads it, the JSON of `ansible-inventory --list`, or `-` for the
    /// latter on standard input; may be repeated
    #[arg(short, long, value_name = "SOURCE", required = true)]
    inventory: Vec<String>,
    /// A fact cache of Ansible (`jsonfile`)
    #[arg(long, value_name = "DIR")]
    facts: Option<PathBuf>,
    /// Only print what the inventory came to, as `ansible-inventory --list` does
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    vault: vault::Passwords,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let keyring = vault::keyring(&args.vault)?;
    let sources = inventory::Sources {
        inventories: &args.inventory,
        playbook_dir: None,
        facts: args.facts.as_deref(),
        keyring: &keyring,
    };
    let inventory = inventory::read(&sources)?;
    if args.list {
        ui.print(&serde_json::to_string_pretty(&export::list(&inventory))?)?;
        return Ok(Exit::Done);
    }
    Ok(Exit::Done)
}
