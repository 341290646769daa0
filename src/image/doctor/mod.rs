//! What is right and wrong with an image, before a node boots it: executor, bundle, keys, units, their order, what
//! others could read, and what the kernel and the image bring for the control export. Nothing is changed.
//!
//! Each check is one file; all of them look at everything, so that one run tells all there is to mend.

mod exposure;
mod network;
mod order;
mod program;
mod release;
mod units;

use super::Root;
use serde::Serialize;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Nothing to mend, but worth knowing.
    Note,
    /// It works; in some circumstances it will not.
    Warning,
    /// Nodes of this image will not do their work, or others can read or write what they should not.
    Problem,
    /// The bundle or its keys would be refused at every boot.
    Refused,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
            Verdict::Refused => "refused",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
}

/// What is found, in the order in which it is looked at.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds one.
    pub fn add(&mut self, check: &'static str, verdict: Verdict, detail: impl Into<String>) {
        self.0.push(Finding { check, verdict, detail: detail.into(), hint: None });
    }

    /// Adds one that something can be done about.
    pub fn advise(&mut self, check: &'static str, verdict: Verdict, detail: impl Into<String>, hint: &'static str) {
        self.0.push(Finding { check, verdict, detail: detail.into(), hint: Some(hint) });
    }

    /// The most serious of them.
    pub fn worst(&self) -> Verdict {
        self.0.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
    }
}

/// Looks at everything.
pub fn examine(root: &Root) -> Findings {
    let mut findings = Findings::default();
    let bundle = release::look(root, &mut findings);
    program::look(root, &mut findings);
    units::look(root, &mut findings);
    order::look(root, &mut findings);
    exposure::look(root, &mut findings);
    network::look(root, bundle.as_ref(), &mut findings);
    findings
}

/// Whether something is at `path`, links followed inside the root.
fn there(root: &Root, path: &str) -> bool {
    root.resolve(path).is_ok_and(|real| real.symlink_metadata().is_ok())
}

/// The names in a directory, sorted; none where there is no directory.
fn names(root: &Root, path: &str) -> Vec<String> {
    let Ok(directory) = root.resolve(path) else { return Vec::new() };
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
