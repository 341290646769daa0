//! `ansible.builtin.known_hosts`: a host's key in a known_hosts file; ssh-keygen finds hosts, hashed or not.

use super::install::{Install, refused_in_words};
use super::params::{Params, change, failure, int, map, output_text, text};
use super::private::Private;
use super::{Context, Diff, Failure, Outcome, attributes, difference, exec};
use crate::plan::limits::RENDERED;
use crate::plan::{Data, Key, Map};
use crate::spec::Args;
use crate::sys::file::read_bounded;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Bytes of SHA-1's block, for HMAC.
const BLOCK: usize = 64;
/// Bytes of a hashed name's salt.
const SALT: usize = 20;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let host = args.text("name").unwrap_or_default().to_lowercase();
    let path = PathBuf::from(args.os("path").unwrap_or_default());
    let present = args.text("state").as_deref() != Some("absent");
    let program = exec::program(ctx, "ssh-keygen")?;
    let given = args.text("key").filter(|k| !k.is_empty());
    if given.is_none() && present {
        return Err(Failure::new("No key specified when adding a host"));
    }
    let key = match given {
        Some(key) if args.flag("hash_host") => Some(hashed(&host, &key)?),
        other => other,
    };
    let key = key.map(|key| if key.ends_with('\n') { key } else { key + "\n" });
    let task = Task { ctx, args, program, host, path, present, key };
    task.run()
}

struct Task<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    program: OsString,
    host: String,
    path: PathBuf,
    present: bool,
    key: Option<String>,
}

/// Where the host stands in the file.
#[derive(Default)]
struct Found {
    /// It does.
    known: bool,
    /// With another key.
    other: bool,
    /// The line with a key of the same kind, from 1.
    line: Option<usize>,
}

/// A line's parts that tell keys apart.
#[derive(PartialEq, Eq)]
struct Entry {
    marker: Option<String>,
    hosts: String,
    kind: String,
    key: String,
}

impl Entry {
    fn parse(line: &str) -> Option<Entry> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let first = words.next()?;
        let (marker, hosts) = if first.starts_with('@') { (Some(first), words.next()?) } else { (None, first) };
        Some(Entry { marker, hosts, kind: words.next()?, key: words.next()? })
    }
}

impl Task<'_> {
    fn run(&self) -> Result<Outcome, Failure> {
        self.check_key()?;
        let found = self.find()?;
        let before = self.content()?;
        let after = self.after(before.as_deref().unwrap_or_default(), &found);
        let diff = self.diff(before.as_deref(), after.clone());
        if !self.present && found.line.is_none() && self.key.is_some() {
            return Ok(self.outcome(None, diff));
        }
        let changed = found.other || self.present != found.known;
        if self.ctx.check {
            let shown = ("diff", difference::returned(&diff));
            let outcome = self.outcome(Some(changed), diff);
            return Ok(Outcome { result: map([shown]), ..outcome });
        }
        if found.known && self.key.is_none() && !self.present {
            let argv = vec![
                self.program.clone(),
                "-R".into(),
                self.host.clone().into(),
                "-f".into(),
                self.path.clone().into(),
            ];
            let ran = exec::change(self.ctx, argv)?;
            if ran.rc != 0 {
                return Err(failure(ran.err().trim().to_owned(), [("rc", int(ran.rc)), ("stderr", text(ran.err()))]));
            }
        } else if changed {
            self.write(after.as_bytes())?;
        }
        Ok(self.outcome(changed.then_some(true), diff))
    }

    /// ssh-keygen must find the host in the key that is to be added.
    fn check_key(&self) -> Result<(), Failure> {
        let Some(key) = &self.key else { return Ok(()) };
        let several = self.host.split_once(',').is_some_and(|(first, _)| first.contains(|c: char| !c.is_whitespace()));
        if several {
            let msg = "Comma separated list of names is not supported. Please pass a single name to lookup in the \
                       known_hosts file.";
            return Err(Failure::new(msg));
        }
        let file = Private::new(self.ctx, key.as_bytes(), "known_hosts")?;
        if self.lookup(&file.path)?.stdout.is_empty() {
            return Err(Failure::new("Host parameter does not match hashed host field in supplied key"));
        }
        Ok(())
    }

    fn lookup(&self, path: &Path) -> Result<exec::Ran, Failure> {
        exec::look(
            self.ctx,
            vec![self.program.clone(), "-F".into(), self.host.clone().into(), "-f".into(), path.into()],
        )
    }

    fn find(&self) -> Result<Found, Failure> {
        if !self.path.exists() {
            return Ok(Found::default());
        }
        let ran = self.lookup(&self.path)?;
        let (out, err) = (ran.out(), ran.err());
        if out.is_empty() && err.is_empty() && matches!(ran.rc, 0 | 1) {
            return Ok(Found::default());
        }
        if ran.rc != 0 {
            return Err(Failure::new(format!("ssh-keygen failed (rc={}, stdout='{out}',stderr='{err}')", ran.rc)));
        }
        let Some(mut wanted) = self.key.as_deref().and_then(Entry::parse) else {
            return Ok(Found { known: true, ..Found::default() });
        };
        let mut at = None;
        for line in out.lines().filter(|l| !l.is_empty()) {
            if line.starts_with('#') {
                at = line
                    .split_once("found: line ")
                    .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
                continue;
            }
            let Some(entry) = Entry::parse(line) else { continue };
            // A name that is hashed already keeps its salt.
            if wanted.hosts.starts_with("|1|") && entry.hosts.starts_with("|1|") {
                wanted.hosts.clone_from(&entry.hosts);
            }
            if wanted == entry {
                return Ok(Found { known: true, other: false, line: at });
            }
            if wanted.kind == entry.kind {
                return Ok(Found { known: true, other: true, line: at });
            }
        }
        Ok(Found { known: true, other: true, line: None })
    }

    fn content(&self) -> Result<Option<String>, Failure> {
        match read_bounded(&self.path, RENDERED as u64) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Failure::new(format!("Failed to read {}: {e}", self.path.display()))),
        }
    }

    /// The file as it shall be.
    fn after(&self, before: &str, found: &Found) -> String {
        let gone = found.line.filter(|_| found.other || !self.present);
        let kept =
            before.split_inclusive('\n').enumerate().filter(|(at, _)| Some(at + 1) != gone).map(|(_, line)| line);
        let mut after: String = kept.collect();
        if self.present && (found.other || found.line.is_none()) {
            after.push_str(self.key.as_deref().unwrap_or_default());
        }
        after
    }

    fn diff(&self, before: Option<&str>, after: String) -> Diff {
        let header = self.path.display().to_string();
        Diff {
            before_header: if before.is_some() { header.clone() } else { "/dev/null".to_owned() },
            after_header: header,
            before: before.unwrap_or_default().as_bytes().to_vec(),
            after: after.into_bytes(),
            prepared: None,
        }
    }

    fn write(&self, content: &[u8]) -> Result<(), Failure> {
        let wanted = attributes::Wanted { path: self.path.clone(), ..attributes::Wanted::default() };
        let install =
            Install { wanted: &wanted, validate: None, backup: false, unsafe_writes: false, refused: refused_in_words };
        install
            .run(self.ctx, &mut &content[..])
            .map_err(|f| Failure::new(format!("Failed to write to file {}: {}", self.path.display(), f.msg)))?;
        Ok(())
    }

    /// The task's own arguments are its result.
    fn outcome(&self, changed: Option<bool>, diff: Diff) -> Outcome {
        let changed = changed.unwrap_or(false);
        let mut result: Map = map([
            ("name", text(self.args.text("name").unwrap_or_default())),
            ("path", output_text(self.path.as_os_str().as_encoded_bytes().to_vec())),
            ("state", text(if self.present { "present" } else { "absent" })),
            ("hash_host", Data::Bool(self.args.flag("hash_host"))),
            ("key", self.args.text("key").map_or(Data::Null, text)),
            ("diff", difference::returned(&diff)),
        ]);
        if self.ctx.raw.contains_key(&Key("host")) {
            result.insert(Data::str("host"), text(self.args.text("name").unwrap_or_default()));
        }
        attributes::add_path_info(self.ctx, &mut result);
        let changes = if changed { vec![change("content", self.path.to_string_lossy())] } else { Vec::new() };
        let diff = if self.ctx.diff && diff.before != diff.after { vec![diff] } else { Vec::new() };
        Outcome { changed, result, changes, diff, ..Outcome::default() }
    }
}

/// The key with its host's name hashed, as ssh's HashKnownHosts writes it.
fn hashed(host: &str, key: &str) -> Result<String, Failure> {
    let mut salt = [0u8; SALT];
    crate::vars::random::system(&mut salt).map_err(|e| Failure::new(format!("drawing a salt: {e}")))?;
    let mut words: Vec<String> = key.split_whitespace().map(str::to_owned).collect();
    let at = usize::from(words.first().is_some_and(|w| w.starts_with('@')));
    let Some(name) = words.get_mut(at) else {
        return Err(Failure::new("the key has no host"));
    };
    *name = format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hmac(&salt, host.as_bytes())));
    Ok(words.join(" "))
}

/// HMAC-SHA1 with a key shorter than a block.
fn hmac(key: &[u8; SALT], text: &[u8]) -> [u8; 20] {
    let pad = |byte: u8| {
        let mut block = [byte; BLOCK];
        block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
        block
    };
    let inner = sha1::Sha1::new().chain_update(pad(0x36)).chain_update(text).finalize();
    sha1::Sha1::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashed_as_ssh_keygen_hashes_them() {
        // ssh-keygen -H of `example.org`, salt AAAA...
        assert_eq!(STANDARD.encode(hmac(&[0; SALT], b"example.org")), "b30nVJpeVVWOG0qYD9b1ry0D0U4=");
        let line = hashed("h", "@revoked h ssh-rsa AAAA").unwrap();
        assert!(line.starts_with("@revoked |1|") && line.ends_with(" ssh-rsa AAAA"), "{line}");
    }
}
