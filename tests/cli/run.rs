//! Runs the builder and holds what came of it.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What a command did.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The builder, with a clean environment, in `dir`.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compute-init"));
    command.args(args).current_dir(dir).env_clear();
    command
}

pub fn run(dir: &Path, args: &[&str]) -> Ran {
    ran(&mut command(dir, args))
}

pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Ran { code: output.status.code().expect("an exit code"), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A directory with a key pair in it: `compute-init.key` and `compute-init.pub.pem`.
pub fn with_key() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    run(dir.path(), &["keygen", "-q"]).expect(0);
    dir
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Asserts that standard error says `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "{text:?} is not in {:?}", self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {:?}", self.out))
    }
}
