//! Answers for commands that must not or cannot run in a sandbox (`compute-init try`), and says which those were.

use super::{Command, CommandError, Output, Record, Runner};
use std::cell::RefCell;
use std::path::PathBuf;

/// A harmless answer for a command that is not run.
#[derive(Clone, Debug, Default)]
pub struct Canned {
    /// The first words of the commands that it answers: `systemctl`, or `systemctl is-active`. The longest match wins.
    pub words: String,
    /// Exit code.
    pub rc: i32,
    /// Standard output.
    pub stdout: String,
}

/// Runs what is harmless and installed; answers for the rest.
pub struct SandboxRunner<'a> {
    inner: &'a dyn Runner,
    canned: Vec<Canned>,
    not_run: RefCell<Vec<Record>>,
}

impl<'a> SandboxRunner<'a> {
    /// A sandbox over `inner` in which the commands of `canned` are answered for.
    pub fn new(inner: &'a dyn Runner, canned: Vec<Canned>) -> SandboxRunner<'a> {
        SandboxRunner { inner, canned, not_run: RefCell::default() }
    }

    /// What was not run since the last call.
    pub fn take_not_run(&self) -> Vec<Record> {
        self.not_run.take()
    }

    /// The answer for a command: the longest that its first words match.
    fn answer(&self, command: &Command) -> Option<&Canned> {
        let mut words = vec![command.program()];
        words.extend(command.argv.iter().skip(1).map(|a| a.to_string_lossy().into_owned()));
        let matches = |canned: &&Canned| {
            let wanted: Vec<&str> = canned.words.split_whitespace().collect();
            !wanted.is_empty() && wanted.len() <= words.len() && wanted.iter().zip(&words).all(|(a, b)| a == b)
        };
        self.canned.iter().filter(matches).max_by_key(|c| c.words.split_whitespace().count())
    }
}

impl Runner for SandboxRunner<'_> {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let canned = self.answer(command);
        let first = command.argv.first().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
        if canned.is_none() && self.inner.which(&first).is_some() {
            return self.inner.run(command);
        }
        let output = canned.map_or_else(Output::default, |c| Output {
            rc: c.rc,
            stdout: c.stdout.clone().into_bytes(),
            stderr: Vec::new(),
        });
        self.not_run.borrow_mut().push(Record { rc: Some(output.rc), ran: false, ..Record::of(command) });
        Ok(output)
    }

    fn which(&self, program: &str) -> Option<PathBuf> {
        // What a node has and this machine has not is answered for, so it must seem to be there.
        Some(self.inner.which(program).unwrap_or_else(|| PathBuf::from("/usr/bin").join(program)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::SystemRunner;
    use super::*;

    fn canned(words: &str, stdout: &str) -> Canned {
        Canned { words: words.into(), rc: 0, stdout: stdout.into() }
    }

    #[test]
    fn answers_for_what_it_names_and_what_is_missing_and_runs_the_rest() {
        let system = SystemRunner::new();
        let list = vec![canned("systemctl", ""), canned("systemctl is-active", "active\n")];
        let sandbox = SandboxRunner::new(&system, list);
        let out = |argv: &[&str]| String::from_utf8(sandbox.run(&Command::new(argv)).unwrap().stdout).unwrap();
        assert_eq!(out(&["/bin/systemctl", "is-active", "munge"]), "active\n");
        assert_eq!(out(&["systemctl", "start", "munge"]), "");
        assert_eq!(out(&["/opt/none/slurm-tool", "--secret"]), "");
        assert_eq!(out(&["echo", "here"]), "here\n");
        let seen: Vec<String> = sandbox.take_not_run().iter().map(|r| r.argv.join(" ")).collect();
        assert_eq!(seen, ["/bin/systemctl is-active munge", "systemctl start munge", "/opt/none/slurm-tool --secret"]);
        assert!(sandbox.which("scontrol").is_some());
    }

    #[test]
    fn a_word_must_match_whole() {
        let system = SystemRunner::new();
        let sandbox = SandboxRunner::new(&system, vec![canned("echo he", "no")]);
        assert_eq!(sandbox.run(&Command::new(["echo", "hello"])).unwrap().stdout, b"hello\n");
        assert!(sandbox.take_not_run().is_empty());
    }
}
