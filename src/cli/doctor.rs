//! `doctor`: what is right and wrong with an image, before a node boots it.

use super::{Exit, Ui};
use crate::boot::config;
use crate::image::doctor::{Finding, Findings, Verdict, examine};
use crate::image::{self, Root};
use crate::plan::limits;
use crate::sys::file::read_bounded;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

/// Look at an image: would its nodes boot as they should?
///
/// Exits with 0 where nothing is wrong, 1 for problems (or warnings with --strict), 5 where the bundle or its keys would
/// be refused. Nothing is changed.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The root file system: a mounted image, a directory, or /
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Warnings count as problems
    #[arg(long)]
    strict: bool,
    /// Show what is as it should be, too
    #[arg(short, long)]
    all: bool,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let root = Root::open(&args.root)?;
    let mut findings = examine(&root);
    configuration(&root, &mut findings);
    let worst = findings.worst();
    ui.result(&findings.0, &describe(&findings, args))?;
    Ok(match worst {
        Verdict::Refused => Exit::Refused,
        Verdict::Problem => Exit::Machine,
        Verdict::Warning if args.strict => Exit::Machine,
        Verdict::Warning | Verdict::Note | Verdict::Ok => Exit::Done,
    })
}

fn configuration(root: &Root, findings: &mut Findings) {
    let name = format!("/{}", image::CONFIG);
    let text = root.resolve(image::CONFIG).and_then(|path| read_bounded(&path, limits::CONFIG));
    match text.map(|text| config::parse(&name, &text)) {
        Ok(Ok(_)) => findings.add("configuration", Verdict::Ok, format!("{name} is read")),
        Ok(Err(mistakes)) => {
            let hint = "docs/boot.md has the settings; a node with such a configuration refuses every boot";
            mistakes.into_iter().for_each(|line| findings.advise("configuration", Verdict::Refused, line, hint));
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            findings.add("configuration", Verdict::Note, format!("no {name}: the defaults count"));
        }
        Err(e) => findings.add("configuration", Verdict::Refused, format!("{name}: {e}")),
    }
}

fn describe(findings: &Findings, args: &Args) -> String {
    let mut text = String::new();
    for Finding { check, verdict, detail, hint } in &findings.0 {
        if *verdict == Verdict::Ok && !args.all {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<8} {check}: {detail}", verdict.word());
        if let Some(hint) = hint {
            let _ = writeln!(text, "         hint: {hint}");
        }
    }
    let count = |wanted: &[Verdict]| findings.0.iter().filter(|f| wanted.contains(&f.verdict)).count();
    let (problems, warnings) = (count(&[Verdict::Problem, Verdict::Refused]), count(&[Verdict::Warning]));
    let checks = findings.0.len();
    text + &format!("{}: {checks} findings, {problems} problems, {warnings} warnings", args.root.display())
}
