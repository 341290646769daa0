//! What a node leaves of its boot for the control node, where `report` says so: a word in Slurm's record of the node, for
//! `compute-init nodes`. It is never worth failing a boot for.

use super::session::Session;
use super::slurm;
use crate::bundle::report::{Report, ReportKey};

/// What a report is made with: the key that the generation's sealed part proves, and its serial number.
pub struct Sender {
    /// What this node and the control node share.
    pub key: ReportKey,
    /// The serial number of the generation that was staged.
    pub serial: u64,
}

/// Leaves the report of a boot that has ended; with `--no-resume` Slurm is left alone.
pub fn leave(session: &mut Session) {
    if session.options.no_resume {
        return;
    }
    let (Some(field), Some(sender)) = (session.config.report, session.sender.take()) else { return };
    let report = Report {
        serial: sender.serial,
        state: session.status.state.to_string(),
        changed: session.status.recap.changed.into(),
        time: u64::try_from(crate::sys::clock::now().0).unwrap_or(0),
    };
    let word = report.word(&sender.key, &session.host);
    if let Err(why) = slurm::note(session.runner, &session.host, field, &word) {
        session.line(&format!("report   not left: {why}"));
    }
}
