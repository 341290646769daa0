//! `ansible.builtin.slurp`: a file's bytes in base64.

use super::params::{Params, map, text};
use super::{Context, Failure, Outcome, paths};
use crate::plan::limits::EXPORT_FILE;
use crate::spec::Args;
use base64::Engine;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Runs the module.
pub fn run(_ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let path = PathBuf::from(args.os("src").unwrap_or_default());
    let shown = path.display();
    let bytes = crate::sys::file::read_bounded(&path, EXPORT_FILE).map_err(|e| {
        Failure::new(match e.kind() {
            ErrorKind::NotFound => format!("file not found: {shown}"),
            ErrorKind::PermissionDenied => format!("file is not readable: {shown}"),
            ErrorKind::IsADirectory => format!("source is a directory and must be a file: {shown}"),
            _ => format!("unable to slurp file: {e}"),
        })
    })?;
    let content = base64::engine::general_purpose::STANDARD.encode(bytes);
    let result = map([("content", text(content)), ("source", paths::shown(&path)), ("encoding", text("base64"))]);
    Ok(Outcome { result, ..Outcome::default() })
}
