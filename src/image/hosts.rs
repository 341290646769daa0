//! Fake builds on other machines, over the user's own ssh. A node gets the blobs that it lacks, verifies the bundle with
//! its own keys, and boots again; nothing is acted upon before its own executor has verified it.

use super::talk::{Deadline, Ended, Stream, talk};
use super::{EXECUTOR, Given, TRUST};
use crate::bundle::{BLOBS, Digest, MANIFEST, PublicKey, SIGNATURES, Verified};
use crate::plan::status::Status;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tar::{Builder, EntryType, Header};

/// Hosts that are worked on at the same time.
const AT_ONCE: usize = 8;
/// What ssh exits with where it did not get to run anything.
const SSH_FAILED: i32 = 255;
/// Bytes of what a host says that are kept.
const OUTPUT: usize = 4 << 20;
/// The exit code of what was not reached.
pub const UNREACHABLE: u8 = 4;

/// How hosts are reached.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// A configuration of ssh other than the user's.
    pub config: Option<std::path::PathBuf>,
    /// Whether to become root with sudo.
    pub sudo: Option<Sudo>,
    /// How long a host may take in all.
    pub limit: Duration,
}

/// The user at the other end is not root, and may become so without a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sudo;

/// What hosts get.
pub struct Parcel<'a> {
    /// The bundle; none where the previous one is to come back.
    pub bundle: Option<&'a Verified>,
    /// The executor.
    pub executor: &'a [u8],
    /// The development key with the name of its file, where it is one that signed.
    pub development: Option<(&'a str, &'a PublicKey)>,
    /// Whether machines with keys of their own take it, too.
    pub admission: super::Admission,
    /// What the boot is told.
    pub given: &'a Given,
}

/// How it went on one host.
#[derive(Clone, Debug, Serialize)]
pub struct HostResult {
    /// The host, as it was named.
    pub host: String,
    /// The boot's exit code; 4 where the host was not reached, 5 where it refused, 1 where nothing was run.
    pub code: u8,
    /// Blobs that were sent, of those that the bundle has.
    pub sent: usize,
    /// What went wrong before the boot.
    pub error: Option<String>,
    /// What the boot left.
    pub status: Option<Status>,
}

/// What a host has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    executor: Option<String>,
    blobs: BTreeSet<String>,
    /// The trusted keys: digest and file. Whose key it is, is in the bytes: a name says nothing.
    keys: Vec<(String, String)>,
    unit: bool,
}

/// Asks for what [`Found`] holds. All names are constants, so nothing needs quoting.
const PROBE: &str = "cd /; sha256sum usr/libexec/compute-init/compute-init-boot 2>/dev/null | sed 's/^/executor /'; \
    ls var/lib/compute-init/bundles/current/blobs/sha256 2>/dev/null | sed 's/^/blob /'; \
    sha256sum etc/compute-init/trust.d/*.pem 2>/dev/null | sed 's/^/key /'; \
    [ -d run/systemd/system ] && [ -e usr/lib/systemd/system/compute-init.service ] && echo unit; echo end";

/// Restarts the unit with its journal on standard error, then shows the status and exits as the boot did.
pub(super) const RESTART: &str = include_str!("../../templates/fake-build/restart");

/// Delivers to all hosts, some at a time. `say` is told what each is doing and what it says. Results are in the order of
/// `hosts`.
pub fn deliver(hosts: &[String], ssh: &Ssh, parcel: &Parcel, say: &(dyn Fn(&str, &str) + Sync)) -> Vec<HostResult> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, HostResult)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(hosts.len()) {
            scope.spawn(|| {
                while let Some((at, host)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, hosts.get(n)?)))
                {
                    let result = one(host, ssh, parcel, &|line| say(host, line));
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Why a host got no boot.
struct Refusal(u8, String);

fn one(host: &str, ssh: &Ssh, parcel: &Parcel, say: &dyn Fn(&str)) -> HostResult {
    let mut result = HostResult { host: host.to_owned(), code: 0, sent: 0, error: None, status: None };
    if let Err(Refusal(code, why)) = attempt(host, ssh, parcel, say, &mut result) {
        (result.code, result.error) = (code, Some(why));
    }
    result
}

fn attempt(host: &str, ssh: &Ssh, parcel: &Parcel, say: &dyn Fn(&str), result: &mut HostResult) -> Result<(), Refusal> {
    if !is_host(host) {
        return Err(Refusal(1, format!("{host:?} is not the name of a host")));
    }
    let remote = Remote { host, ssh, say, deadline: Deadline::of(ssh.limit) };
    let found = parse(&remote.run(PROBE, &[])?.1)?;
    // Whoever is refused stays as it was: this comes before anything is sent.
    let admit = admission(&found, parcel)?;
    if found.executor.as_ref() != Some(&Digest::of(parcel.executor).hex()) {
        say("sending the executor");
        remote.put(EXECUTOR, "0755", parcel.executor)?;
    }
    if let Some((name, pem)) = admit {
        remote.put(&format!("{TRUST}/{name}"), "0644", pem.as_bytes())?;
    }
    let stream = match parcel.bundle {
        Some(bundle) => {
            let (stream, sent) = stream(bundle, &found.blobs).map_err(|e| Refusal(1, format!("packing: {e}")))?;
            result.sent = sent;
            say(&format!("sending {sent} of {} blobs", bundle.blobs().count()));
            stream
        }
        None => Vec::new(),
    };
    let take = if parcel.bundle.is_some() { "--receive" } else { "--undo" };
    let boot = match found.unit && *parcel.given == Given::default() {
        true => RESTART.to_owned(),
        false => {
            let words: Vec<String> = parcel.given.arguments().iter().map(|word| quote(word)).collect();
            format!("exec /{EXECUTOR} --json {}", words.join(" "))
        }
    };
    let (code, out) = remote.run(&format!("/{EXECUTOR} {take} || exit $?; {boot}"), &stream)?;
    result.code = code;
    result.status = serde_json::from_str(&out).ok();
    if result.status.is_none() {
        result.error = Some("the bundle was not taken, or the boot left no status".to_owned());
    }
    Ok(())
}

/// The development key's file that the host has yet to be given, if it may be.
fn admission<'p>(found: &Found, parcel: &Parcel<'p>) -> Result<Option<(&'p str, String)>, Refusal> {
    let Some((name, key)) = parcel.development else { return Ok(None) };
    let pem = key.to_pem();
    let digest = Digest::of(pem.as_bytes()).hex();
    if found.keys.iter().any(|(known, _)| *known == digest) {
        return Ok(None);
    }
    if !found.keys.is_empty() && parcel.admission == super::Admission::NotAsked {
        let files: Vec<&str> = found.keys.iter().filter_map(|(_, file)| file.rsplit('/').next()).collect();
        let keys = files.join(", ");
        return Err(Refusal(1, format!("it trusts {keys}, and not your development key: see --trust-development")));
    }
    Ok(Some((name, pem)))
}

struct Remote<'a> {
    host: &'a str,
    ssh: &'a Ssh,
    say: &'a dyn Fn(&str),
    deadline: Deadline,
}

impl Remote<'_> {
    /// Runs a script there. Its exit code and output; what it says goes to `say`.
    fn run(&self, script: &str, input: &[u8]) -> Result<(u8, String), Refusal> {
        let failed = |e: io::Error| Refusal(UNREACHABLE, format!("running ssh: {e}"));
        let mut command = Command::new("ssh");
        command.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15"]);
        if let Some(config) = &self.ssh.config {
            command.arg("-F").arg(config);
        }
        let script = match self.ssh.sudo {
            Some(Sudo) => format!("exec sudo -n sh -c {}", quote(script)),
            None => format!("exec sh -c {}", quote(script)),
        };
        command.arg("--").arg(self.host).arg(script);
        let (mut out, mut last) = (String::new(), String::new());
        let ended = talk(command, input.to_vec(), &self.deadline, &mut |stream, line| match stream {
            // More is no status, and no list of blobs either.
            Stream::Out if out.len() + line.len() < OUTPUT => out.extend([line, "\n"]),
            Stream::Out => (),
            Stream::Err => {
                (self.say)(line);
                line.clone_into(&mut last);
            }
        });
        match ended.map_err(failed)? {
            Ended::Late => Err(Refusal(UNREACHABLE, format!("it did not come to an end within {}", self.deadline))),
            Ended::Code(SSH_FAILED | -1) => Err(Refusal(UNREACHABLE, format!("ssh: {last}"))),
            Ended::Code(code) => Ok((u8::try_from(code).unwrap_or(u8::MAX), out)),
        }
    }

    /// Puts a file in its place once all of it has arrived. `path` is a name of ours, relative to the root.
    fn put(&self, path: &str, mode: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let digest = Digest::of(bytes).hex();
        let script = format!(
            "umask 022; mkdir -p \"$(dirname /{path})\" && cat > /{path}.new && \
             echo '{digest}  /{path}.new' | sha256sum -c --status && chmod {mode} /{path}.new && mv -f /{path}.new /{path}"
        );
        match self.run(&script, bytes)? {
            (0, _) => Ok(()),
            (code, _) => Err(Refusal(1, format!("writing /{path} there ended with {code}"))),
        }
    }
}

/// Nothing that ssh would take for an option, a command or several words.
fn is_host(host: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | ':' | '[' | ']' | '%');
    !host.is_empty() && host.len() <= 320 && !host.starts_with('-') && host.chars().all(good)
}

/// One word of a POSIX shell.
pub(super) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn parse(text: &str) -> Result<Found, Refusal> {
    let mut found = Found::default();
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("executor", rest)) => found.executor = rest.split(' ').next().map(str::to_owned),
            Some(("blob", name)) if Digest::from_hex(name).is_some() => drop(found.blobs.insert(name.to_owned())),
            Some(("key", rest)) => found.keys.extend(rest.split_once("  ").map(|(d, f)| (d.to_owned(), f.to_owned()))),
            None if line == "unit" => found.unit = true,
            None if line == "end" => return Ok(found),
            _ => (),
        }
    }
    Err(Refusal(1, "the host did not say what it has".to_owned()))
}

/// The installed form as a tar archive in which the blobs that a host has are links; and how many are not.
pub(super) fn stream(bundle: &Verified, have: &BTreeSet<String>) -> io::Result<(Vec<u8>, usize)> {
    let hex = bundle.digest().hex();
    let mut builder = Builder::new(Vec::new());
    let file = |builder: &mut Builder<Vec<u8>>, name: String, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes)
    };
    file(&mut builder, format!("{hex}/{MANIFEST}"), bundle.manifest_bytes())?;
    for (key, signature) in bundle.signatures() {
        file(&mut builder, format!("{hex}/{SIGNATURES}/{key}"), signature)?;
    }
    let mut sent = 0;
    for (digest, size) in bundle.blobs() {
        let blob = digest.trim_start_matches("sha256:");
        let name = format!("{hex}/{BLOBS}/{blob}");
        if have.contains(blob) {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Link);
            header.set_mode(0o644);
            header.set_size(0);
            builder.append_link(&mut header, name, blob)?;
            continue;
        }
        sent += 1;
        file(&mut builder, name, &bundle.blob(digest, size).map_err(|fault| io::Error::other(fault.to_string()))?)?;
    }
    Ok((builder.into_inner()?, sent))
}

#[cfg(test)]
mod tests {
    use super::{Found, Given, Parcel, Refusal, is_host, parse, quote};
    use crate::bundle::{Digest, PublicKey, SigningKey};
    use crate::image::Admission;
    use std::process::Command;

    #[test]
    fn a_key_is_known_by_its_bytes_and_not_by_its_name() {
        let (ours, theirs) = (SigningKey::generate().unwrap().public(), SigningKey::generate().unwrap().public());
        let digest = |key: &PublicKey| Digest::of(key.to_pem().as_bytes()).hex();
        let given = Given::default();
        let parcel = |admission| Parcel {
            bundle: None,
            executor: b"",
            development: Some(("development-x.pem", &ours)),
            admission,
            given: &given,
        };
        let host = |keys: &[(String, &str)]| Found {
            keys: keys.iter().map(|(digest, file)| (digest.clone(), (*file).to_owned())).collect(),
            ..Found::default()
        };
        let asked = |found: &Found, admission| super::admission(found, &parcel(admission)).map_err(|r| r.1);
        let sent = Some(("development-x.pem", ours.to_pem()));
        // A machine without any key is a developer's own.
        assert_eq!(asked(&host(&[]), Admission::NotAsked), Ok(sent.clone()));
        assert_eq!(asked(&host(&[(digest(&ours), "t/renamed.pem")]), Admission::NotAsked), Ok(None));
        // Another's key under our name vouches for nothing of ours.
        let impostor = host(&[(digest(&theirs), "t/development-x.pem")]);
        let refused = asked(&impostor, Admission::NotAsked).unwrap_err();
        assert!(refused.contains("trusts development-x.pem") && refused.contains("--trust-development"), "{refused}");
        assert_eq!(asked(&impostor, Admission::Asked), Ok(sent));
    }

    #[test]
    fn what_ssh_would_misread_is_no_host() {
        for host in ["node1", "root@node1.cluster", "fe80::1%eth0", "user@[::1]"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", "-oProxyCommand=x", "a b", "a;b", "a\nb", "$(x)", "a/b"] {
            assert!(!is_host(host), "{host:?}");
        }
    }

    #[test]
    fn a_word_stays_a_word_in_a_shell() {
        for word in ["", "plain", "two words", "it's", "$HOME `x` \\ \" ; &", "a\nb", "''"] {
            let said = Command::new("sh").args(["-c", &format!("printf %s {}", quote(word))]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
        }
    }

    #[test]
    fn what_a_host_says_is_read_to_its_end() {
        let hex = "a".repeat(64);
        let found = parse(&format!(
            "executor {hex}  usr/x\nblob {hex}\nblob nonsense\nkey {hex}  etc/a b.pem\nkey odd\nunit\nend\n"
        ));
        let Ok(found) = found else { panic!("refused") };
        let keys = vec![(hex.clone(), "etc/a b.pem".to_owned())];
        let expected = Found { executor: Some(hex.clone()), blobs: [hex].into(), keys, unit: true };
        assert_eq!(found, expected);
        for cut in ["", "unit\n", "Welcome to node1\n"] {
            assert!(matches!(parse(cut), Err(Refusal(1, _))), "{cut}");
        }
    }
}
