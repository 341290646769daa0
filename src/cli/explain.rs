//! `explain`: what a code in brackets means.

use super::{Exit, Ui};
use crate::{bundle, source};
use anyhow::bail;
use serde_json::json;

/// Explain a code that a message shows in brackets
#[derive(clap::Args)]
pub(super) struct Args {
    /// The code, as in B10
    code: String,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let code = args.code.trim_matches(['[', ']']);
    if let Some((title, text)) = bundle::explain(code) {
        let code = code.to_uppercase();
        ui.result(&json!({ "code": code, "title": title, "text": text }), &format!("{code}: {title}\n\n{text}"))?;
        return Ok(Exit::Done);
    }
    if code.starts_with(['B', 'b']) {
        bail!("{code} is not a code of this version; bundles have B01 to B14");
    }
    let Some(found) = source::explain(code) else {
        bail!("{code} is not a code of this version");
    };
    let value = json!({ "code": found.code.to_string(), "title": found.title, "text": found.text });
    ui.result(&value, &format!("{}: {}\n\n{}", found.code, found.title, found.text))?;
    Ok(Exit::Done)
}
