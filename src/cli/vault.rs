//! Where vault passwords come from: files, scripts, the terminal, and Ansible's environment variables. They live as
//! long as the command and are shown nowhere.

use crate::sys::command::{Command, Runner, SystemRunner};
use crate::vars::Vault;
use crate::vars::vault::is_sealed;
use crate::vars::vault::keyring::{Keyring, Password};
use anyhow::{Context, bail};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;

/// The label of a password that was given without one.
const DEFAULT: &str = "default";
/// What stands for the terminal instead of a file.
const PROMPTS: [&str; 2] = ["prompt", "prompt_ask_vault_pass"];
/// A client script's way to say that it has no password of this label.
const LABEL_UNKNOWN: i32 = 2;

/// Options of commands that read what Ansible Vault encrypted; the names are Ansible's.
#[derive(clap::Args, Clone)]
pub(super) struct Passwords {
    /// Vault password: a file, or a program that prints it
    #[arg(long, visible_alias = "vault-pass-file", value_name = "FILE")]
    vault_password_file: Vec<String>,
    /// Vault password of a vault id: `LABEL@FILE`, `LABEL@prompt`; may be repeated
    #[arg(long, value_name = "ID")]
    vault_id: Vec<String>,
    /// Ask for a vault password
    #[arg(short = 'J', long, visible_alias = "ask-vault-pass")]
    ask_vault_password: bool,
}

/// The passwords that options and environment name.
pub(super) fn keyring(args: &Passwords) -> anyhow::Result<Rc<Keyring>> {
    let mut passwords: Vec<Password> = Vec::new();
    for (label, source) in sources(args) {
        let secret = match PROMPTS.contains(&source.as_str()) {
            true => asked(&label, &source)?,
            false => from_file(&label, Path::new(&source), &passwords)?,
        };
        if secret.is_empty() {
            bail!("the vault password of {source} is empty");
        }
        passwords.push(Password { label, secret });
    }
    Ok(Rc::new(Keyring::new(passwords)))
}

/// Labels and where their passwords are, in the order in which Ansible tries them.
fn sources(args: &Passwords) -> Vec<(String, String)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let default = variable("ANSIBLE_VAULT_IDENTITY").unwrap_or_else(|| DEFAULT.to_owned());
    let identities = variable("ANSIBLE_VAULT_IDENTITY_LIST").unwrap_or_default();
    let listed = identities.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned);
    let mut found = Vec::new();
    for id in listed.chain(args.vault_id.iter().cloned()) {
        match id.split_once('@') {
            Some((label, source)) => {
                let label = if label.is_empty() { &default } else { label };
                found.push((label.to_owned(), source.to_owned()));
            }
            None => found.push((default.clone(), id)),
        }
    }
    let files = args.vault_password_file.iter().cloned().chain(variable("ANSIBLE_VAULT_PASSWORD_FILE"));
    found.extend(files.map(|file| (default.clone(), file)));
    if args.ask_vault_password {
        found.push((default.clone(), PROMPTS[1].to_owned()));
    }
    found
}

/// The password in a file, or what an executable one prints.
fn from_file(label: &str, path: &Path, known: &[Password]) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let meta = path.metadata().with_context(|| format!("reading the vault password file {shown}"))?;
    if meta.is_file() && meta.permissions().mode() & 0o111 != 0 {
        return from_script(label, path);
    }
    let bytes = std::fs::read(path).with_context(|| format!("reading the vault password file {shown}"))?;
    let mut secret = bytes.trim_ascii().to_vec();
    if is_sealed(&secret) {
        let opened = Keyring::new(known.to_vec()).open(&secret);
        secret =
            opened.map_err(anyhow::Error::msg).with_context(|| format!("reading the vault password file {shown}"))?;
    }
    Ok(secret.trim_ascii().to_vec())
}

fn from_script(label: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let absolute = path.canonicalize().with_context(|| format!("finding the vault password program {shown}"))?;
    let mut command = Command { secret: true, read_only: true, ..Command::new([&absolute]) };
    let client = path.file_stem().is_some_and(|s| s.to_string_lossy().ends_with("-client"));
    if client {
        command.argv.extend(["--vault-id".into(), label.into()]);
    }
    let here = std::env::current_dir().context("finding the current directory")?;
    let runner = SystemRunner::with_environment(std::env::vars_os()).in_directory(&here);
    let ran = runner.run(&command).map_err(|e| anyhow::anyhow!("running the vault password program {shown}: {e}"))?;
    match ran.rc {
        0 => {}
        LABEL_UNKNOWN if client => bail!("the vault password program {shown} has no password of the vault id {label}"),
        rc => {
            bail!("the vault password program {shown} ended with {rc}: {}", String::from_utf8_lossy(&ran.stderr).trim())
        }
    }
    let end = ran.stdout.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |at| at + 1);
    Ok(ran.stdout[..end].to_vec())
}

/// Asks on the terminal, which shows nothing of the answer.
fn asked(label: &str, source: &str) -> anyhow::Result<Vec<u8>> {
    let open = || File::options().read(true).write(true).open("/dev/tty");
    let mut terminal = open().context("asking for a vault password: there is no terminal")?;
    match source == PROMPTS[1] {
        true => write!(terminal, "Vault password: "),
        false => write!(terminal, "Vault password ({label}): "),
    }
    .context("asking for a vault password")?;
    let before = tcgetattr(&terminal).context("asking for a vault password")?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent).context("asking for a vault password")?;
    let mut line = Vec::new();
    let read = open().and_then(|t| BufReader::new(t).read_until(b'\n', &mut line));
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &before).context("restoring the terminal")?;
    writeln!(terminal).context("asking for a vault password")?;
    read.context("reading the vault password")?;
    Ok(line.trim_ascii().to_vec())
}
