//! `generate_ssh_key`: a key pair in the user's home, made by ssh-keygen.

use super::super::Failure;
use super::super::accounts::User;
use super::super::exec;
use super::super::params::{Params, failure, int, text};
use super::{Report, Wanted};
use crate::plan::Data;
use crate::sys::command::Command;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;

impl Wanted<'_> {
    /// Makes the key where it is missing and reports its fingerprint.
    pub(super) fn ssh_key(&self, info: &User, report: &mut Report) -> Result<(), Failure> {
        let kind = self.args.text("ssh_key_type").unwrap_or_else(|| "rsa".to_owned());
        let file = self.args.text("ssh_key_file").unwrap_or_else(|| format!(".ssh/id_{kind}"));
        let key = if file.starts_with('/') {
            file
        } else if !self.path(&info.home).exists() && !self.ctx.check {
            return Err(self.failed(format!("User {} home directory does not exist", self.name)));
        } else {
            format!("{}/{file}", info.home.trim_end_matches('/'))
        };
        if self.generate(&key, &kind, info, report)? {
            report.outcome.changed = true;
        }
        report.set("ssh_fingerprint", text(self.fingerprint(&key)?));
        report.set("ssh_key_file", text(&key));
        let public = fs::read(self.path(&format!("{key}.pub"))).ok();
        let public = public.map(|b| text(String::from_utf8_lossy(&b).trim()));
        report.set("ssh_public_key", public.unwrap_or(Data::Null));
        Ok(())
    }

    fn failed(&self, msg: String) -> Failure {
        failure(msg, [("name", text(&self.name)), ("rc", int(1))])
    }

    /// Whether a key was made (or would be).
    fn generate(&self, key: &str, kind: &str, info: &User, report: &mut Report) -> Result<bool, Failure> {
        let directory = Path::new(key).parent().and_then(Path::to_str).unwrap_or("/");
        if !self.path(directory).exists() {
            if self.ctx.check {
                return Ok(true);
            }
            fs::DirBuilder::new()
                .mode(0o700)
                .create(self.path(directory))
                .and_then(|()| chown(self.path(directory), Some(info.uid), Some(info.gid)))
                .map_err(|e| self.failed(format!("Failed to create {directory}: {e}")))?;
        }
        let force = self.args.flag("force");
        let passphrase = self.args.text("ssh_key_passphrase");
        let public = format!("{key}.pub");
        let mut stdin = Vec::new();
        for (path, what) in [(key, "private"), (public.as_str(), "public")] {
            if !self.path(path).exists() {
                continue;
            }
            if !force {
                report.warnings.push(text(format!(
                    "Found existing ssh key {what} file \"{path}\", no force, so skipping ssh-keygen generation"
                )));
                return Ok(false);
            }
            report.warnings.push(text(format!("Overwriting existing ssh key {what} file \"{path}\"")));
            if what == "private" && passphrase.is_some() {
                // ssh-keygen would ask before it overwrites; Ansible takes that question for an answer.
                return Ok(false);
            }
            if what == "private" {
                stdin = b"y\n".to_vec();
            } else if !self.ctx.check {
                fs::remove_file(self.path(path)).map_err(|e| self.failed(format!("removing {path}: {e}")))?;
            }
        }
        if self.ctx.check {
            return Ok(true);
        }
        self.keygen(key, kind, stdin)?;
        for path in [key, public.as_str()] {
            chown(self.path(path), Some(info.uid), Some(info.gid))
                .map_err(|e| self.failed(format!("giving {path} to {}: {e}", self.name)))?;
        }
        Ok(true)
    }

    fn keygen(&self, key: &str, kind: &str, stdin: Vec<u8>) -> Result<(), Failure> {
        let mut argv: Vec<OsString> = vec![exec::program(self.ctx, "ssh-keygen")?, "-t".into(), kind.into()];
        if let Some(bits) = self.args.int("ssh_key_bits").filter(|b| *b > 0) {
            argv.extend(["-b".into(), bits.to_string().into()]);
        }
        let comment = self.args.text("ssh_key_comment").unwrap_or_else(|| {
            let host = fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
            format!("ansible-generated on {}", String::from_utf8_lossy(&host).trim())
        });
        argv.extend(["-C".into(), comment.into(), "-f".into(), key.into()]);
        let mut command = Command { argv, stdin, ..Command::default() };
        match self.args.text("ssh_key_passphrase") {
            None => command.argv.extend(["-N".into(), OsString::new()]),
            // An argument would show it to everybody: without a terminal ssh-keygen asks on standard input, twice.
            Some(passphrase) => {
                command.stdin = format!("{passphrase}\n{passphrase}\n").into_bytes();
                command.env = vec![("SSH_ASKPASS_REQUIRE".into(), "never".into())];
                command.detached = true;
            }
        }
        let ran = exec::run(self.ctx, command)?;
        self.demand_success(&ran)
    }

    fn fingerprint(&self, key: &str) -> Result<String, Failure> {
        if !self.path(key).exists() {
            return Ok(String::new());
        }
        let argv = vec![exec::program(self.ctx, "ssh-keygen")?, "-l".into(), "-f".into(), key.into()];
        let ran = exec::look(self.ctx, argv)?;
        Ok(if ran.rc == 0 { ran.out() } else { ran.err() }.trim().to_owned())
    }
}
