//! `version`: of this program and of the formats that it writes.

use super::{Exit, Ui};
use crate::plan::{FORMAT, manifest::ARTIFACT_TYPE};
use serde_json::json;

/// Print the versions of this program and of the formats it writes
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    let value = json!({ "version": version, "plan": FORMAT, "bundle": ARTIFACT_TYPE });
    let text = format!("compute-init {version}\nplan format  {FORMAT}\nbundle type  {ARTIFACT_TYPE}");
    ui.result(&value, &text)?;
    Ok(Exit::Done)
}
