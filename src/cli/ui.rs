//! What all commands share: colour, progress, JSON, and how an error is shown and counted.

use crate::bundle;
use crate::bundle::generation::GenerationError;
use crate::export::generation::WriteError;
use crate::source::{Colour, Diagnostic, render, render_json};
use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;
use std::io::{self, IsTerminal, Write};

/// Options of every command.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Print results and errors as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Print errors only
    #[arg(short, long, global = true)]
    quiet: bool,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// An error of this machine, or warnings where `--strict` makes them errors.
    Machine,
    /// Mistakes in the source.
    Source,
    /// A task failed.
    Failed,
    /// Something was not reached in time.
    Unreachable,
    /// A bundle or key was refused.
    Refused,
    /// What ansible-playbook exits with (`apply`, `plan`).
    Ansible(u8),
    /// What the executor exited with (`build --fake-build`).
    Boot(u8),
}

impl Exit {
    /// The exit code, as the help and `docs/cli.md` list them.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Machine => 1,
            Exit::Source => 2,
            Exit::Failed => 3,
            Exit::Unreachable => 4,
            Exit::Refused => 5,
            Exit::Ansible(code) | Exit::Boot(code) => code,
        }
    }
}

/// Where and how to print.
pub struct Ui {
    json: bool,
    quiet: bool,
    colour: bool,
}

impl Ui {
    pub(super) fn new(options: &Options) -> Ui {
        // no-color.org: set and not empty.
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let colour = match options.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !plain && io::stderr().is_terminal(),
        };
        Ui { json: options.json, quiet: options.quiet, colour }
    }

    /// Whether results are printed as JSON.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether messages may be coloured.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Says on standard error what is being done.
    pub fn progress(&self, text: &str) {
        if !self.quiet && !self.json {
            eprintln!("{} {text}", self.paint("32", "==>"));
        }
    }

    /// Says on standard error what is odd but does not stop anything.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            eprintln!("{}: {text}", self.paint("33;1", "warning"));
        }
    }

    /// Says on standard error what is wrong.
    pub fn error(&self, text: &str) {
        eprintln!("{}: {text}", self.paint("31;1", "error"));
    }

    /// Shows diagnostics on standard error, as JSON where asked for.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        if self.json {
            eprintln!("{}", render_json(diagnostics));
            return;
        }
        let colour = if self.colour { Colour::Always } else { Colour::Never };
        for diagnostic in diagnostics {
            eprintln!("{}", render(diagnostic, colour));
        }
    }

    /// Prints a result: as JSON where asked for, else the text.
    pub fn result(&self, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
        if self.json {
            return self.print(&serde_json::to_string_pretty(value).context("writing JSON")?);
        }
        if self.quiet { Ok(()) } else { self.print(text) }
    }

    /// Prints a line, or several. A reader that went away (`| head`) is no error.
    pub fn print(&self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
        match written {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e).context("writing to standard output"),
            _ => Ok(()),
        }
    }

    /// Shows an error with its causes and what to do about it, and says how to exit.
    pub(super) fn failed(&self, error: &anyhow::Error) -> Exit {
        let refused = error.chain().find_map(|cause| cause.downcast_ref::<bundle::Error>());
        let fault = refused.map(|r| &r.fault);
        let fault = fault.or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<bundle::Fault>()));
        let message = match (refused, fault) {
            // Its text holds all that its sources say.
            (Some(refused), _) => refused.to_string(),
            (None, Some(fault)) => format!("{fault} [{}]", fault.code()),
            (None, None) => format!("{error:#}"),
        };
        let hint = fault.map(|f| f.hint()).or_else(|| {
            error.chain().find_map(|cause| match cause.downcast_ref::<WriteError>() {
                Some(error) => error.hint(),
                None => cause.downcast_ref::<GenerationError>().map(GenerationError::hint),
            })
        });
        if self.json {
            let object = json!({ "error": { "message": message, "code": fault.map(|f| f.code()), "hint": hint } });
            println!("{object:#}");
        } else {
            eprintln!("{}: {message}", self.paint("31;1", "error"));
            if let Some(hint) = hint {
                eprintln!("  {}: {hint}", self.paint("36", "hint"));
            }
        }
        if fault.is_some() { Exit::Refused } else { Exit::Machine }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Ui};
    use crate::bundle::{Error, Fault};
    use anyhow::Context;

    #[test]
    fn only_what_was_refused_exits_so() {
        let ui = Ui { json: false, quiet: true, colour: false };
        let fault = || Error { bundle: "b".into(), fault: Fault::Unsigned };
        assert_eq!(ui.failed(&fault().into()), Exit::Refused);
        assert_eq!(ui.failed(&Err::<(), _>(fault()).context("installing").expect_err("an error")), Exit::Refused);
        assert_eq!(ui.failed(&anyhow::Error::from(Fault::Unsigned)), Exit::Refused);
        assert_eq!(ui.failed(&anyhow::anyhow!("disk full")), Exit::Machine);
        assert_eq!(Exit::Refused.code(), crate::plan::status::State::Refused.exit_code());
    }
}
