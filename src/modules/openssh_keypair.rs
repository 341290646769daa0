//! `community.crypto.openssh_keypair`: a key pair that ssh-keygen makes, where there is none or not the right one.

use super::attributes::{AttrDiff, Wanted};
use super::params::{Params, change, failure, int, map, text};
use super::{Context, Diff, Failure, Outcome, exec, json, paths};
use crate::plan::limits::KEY;
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::file::{Look, read_bounded, replace};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What ssh-keygen says of a key that it cannot read.
const UNREADABLE: [&str; 3] = ["is not a public key file", "incorrect passphrase", "load failed"];

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    if args.text("passphrase").is_some_and(|p| !p.is_empty()) || args.text("backend").as_deref() == Some("cryptography")
    {
        let msg = "keys are made by ssh-keygen here, which takes a passphrase as an argument that all users can read: \
                   passphrase and the backend cryptography are not supported";
        return Err(Failure::new(msg));
    }
    if args.text("private_key_format").is_some_and(|f| f != "auto") {
        let msg = "'auto' is the only valid option for 'private_key_format' when 'backend' is not 'cryptography'";
        return Err(Failure::new(msg));
    }
    let program = ctx.runner.which("ssh-keygen");
    let program = program.ok_or_else(|| Failure::new("Cannot find the OpenSSH binary in the PATH"))?;
    let kind = args.text("type").unwrap_or_default();
    let path = PathBuf::from(args.os("path").unwrap_or_default());
    let mut public = path.clone().into_os_string();
    public.push(".pub");
    let task = Task {
        ctx,
        args,
        program: program.into_os_string(),
        size: size(&kind, args.int("size"))?,
        kind,
        public: public.into(),
        path,
        comment: args.text("comment"),
    };
    task.check_path()?;
    task.run()
}

/// The key's length, checked as the kind demands.
fn size(kind: &str, given: Option<i64>) -> Result<i64, Failure> {
    let (default, fits, msg): (i64, fn(i64) -> bool, &str) = match kind {
        "dsa" => (1024, |s| s == 1024, "DSA keys must be exactly 1024 bits as specified by FIPS 186-2."),
        "ecdsa" => (
            256,
            |s| matches!(s, 256 | 384 | 521),
            "For ECDSA keys, size determines the key length by selecting from one of three elliptic curve sizes: \
             256, 384 or 521 bits. Attempting to use bit lengths other than these three values for ECDSA keys will \
             cause this module to fail.",
        ),
        "ed25519" => return Ok(256),
        _ => (
            4096,
            |s| s >= 1024,
            "For RSA keys, the minimum size is 1024 bits and the default is 4096 bits. Attempting to use bit lengths \
             under 1024 will cause the module to fail.",
        ),
    };
    let size = given.unwrap_or(default);
    if fits(size) { Ok(size) } else { Err(Failure::new(msg)) }
}

struct Task<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    program: OsString,
    kind: String,
    size: i64,
    path: PathBuf,
    public: PathBuf,
    comment: Option<String>,
}

/// A private key as `ssh-keygen -l` tells of it.
#[derive(Clone)]
struct Private {
    size: i64,
    kind: String,
    fingerprint: String,
}

/// A public key's line.
#[derive(Clone)]
struct Public {
    kind: String,
    data: String,
    comment: String,
}

impl Public {
    fn parse(line: &str) -> Option<Public> {
        let mut words = line.trim_matches([' ', '\n']).splitn(3, ' ');
        let (kind, data) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Public { kind, data, comment: words.next().unwrap_or_default().to_owned() })
    }

    fn line(&self) -> String {
        format!("{} {}", self.kind, self.data)
    }
}

/// Both halves, as far as they are there.
#[derive(Clone, Default)]
struct Pair {
    private: Option<Private>,
    public: Option<Public>,
}

impl Task<'_> {
    fn check_path(&self) -> Result<(), Failure> {
        let directory = paths::dirname(&self.path);
        let directory = if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory };
        if !directory.is_dir() {
            let shown = directory.display();
            let msg = format!("The directory {shown} does not exist or the file is not a directory");
            return Err(failure(msg, [("name", paths::shown(&directory))]));
        }
        if self.path.is_dir() {
            let msg = format!("{} is a directory. Please specify a path to a file.", self.path.display());
            return Err(Failure::new(msg));
        }
        Ok(())
    }

    fn run(&self) -> Result<Outcome, Failure> {
        let before = self.load()?;
        let mut outcome = Outcome::default();
        if self.args.text("state").as_deref() == Some("absent") {
            self.remove(&mut outcome)?;
            return Ok(self.finish(outcome, &before, &Pair::default(), &before));
        }
        if self.must_generate(&before)? {
            self.note(&mut outcome);
            if !self.ctx.check {
                self.generate()?;
            }
        } else if !self.public_fits(&before)? {
            self.note(&mut outcome);
            if !self.ctx.check {
                self.restore_public()?;
            }
        }
        let after = self.load()?;
        for path in [&self.path, &self.public] {
            if self.ctx.check && !path.exists() {
                outcome.changed = true;
                continue;
            }
            let mut diff = AttrDiff::default();
            outcome.changed |= Wanted::from_args(self.ctx, self.args, path).apply(self.ctx, &mut diff)?;
            outcome.changes.extend(diff.changes(self.ctx, path));
        }
        let shown = Pair {
            private: after.private.clone().or_else(|| before.private.clone()),
            public: after.public.clone().or_else(|| before.public.clone()),
        };
        Ok(self.finish(outcome, &before, &after, &shown))
    }

    fn note(&self, outcome: &mut Outcome) {
        outcome.changed = true;
        outcome.changes.push(change("key", self.path.to_string_lossy()));
    }

    fn argv(&self, words: &[&str], path: &Path) -> Vec<OsString> {
        let mut argv = vec![self.program.clone()];
        argv.extend(words.iter().map(OsString::from));
        argv.extend(["-f".into(), path.into()]);
        argv
    }

    fn load(&self) -> Result<Pair, Failure> {
        let mut pair = Pair::default();
        if self.path.exists() {
            let ran = exec::look(self.ctx, self.argv(&["-l"], &self.path))?;
            let out = ran.out();
            let words: Vec<&str> = out.split_whitespace().collect();
            if let (0, [size, fingerprint, .., kind]) = (ran.rc, words.as_slice()) {
                let kind = kind.trim_matches(['(', ')']).to_lowercase();
                let size = size.parse().unwrap_or_default();
                pair.private = Some(Private { size, kind, fingerprint: (*fingerprint).to_owned() });
            }
        }
        let line = read_bounded(&self.public, KEY).ok().map(|b| String::from_utf8_lossy(&b).into_owned());
        pair.public = line.as_deref().and_then(Public::parse);
        Ok(pair)
    }

    /// Whether a new pair is due; a key that cannot be read is not replaced unless the task says so.
    fn must_generate(&self, before: &Pair) -> Result<bool, Failure> {
        let regenerate = match self.args.flag("force") {
            true => "always".to_owned(),
            false => self.args.text("regenerate").unwrap_or_default(),
        };
        let careful = matches!(regenerate.as_str(), "never" | "fail" | "partial_idempotence");
        if self.path.exists() && careful && (before.private.is_none() || !self.is_readable()?) {
            let msg = "Unable to read the key. The key is protected with a passphrase or broken. Will not proceed. To \
                       force regeneration, call the module with `generate` set to `full_idempotence` or `always`, or \
                       with `force=true`.";
            return Err(Failure::new(msg));
        }
        let Some(private) = &before.private else { return Ok(true) };
        let fits = private.size == self.size && private.kind == self.kind;
        match regenerate.as_str() {
            "never" => Ok(false),
            "fail" if !fits => {
                let msg = "Key has wrong type and/or size. Will not proceed. To force regeneration, call the module \
                           with `generate` set to `partial_idempotence`, `full_idempotence` or `always`, or with \
                           `force=true`.";
                Err(Failure::new(msg))
            }
            "always" => Ok(true),
            _ => Ok(!fits),
        }
    }

    fn is_readable(&self) -> Result<bool, Failure> {
        let ran = exec::look(self.ctx, self.argv(&["-P", "", "-y"], &self.path))?;
        let err = ran.err();
        Ok(ran.rc != 255 && !UNREADABLE.iter().any(|said| err.contains(said)))
    }

    /// The public half of the private key as it lies there.
    fn derived(&self) -> Result<Public, Failure> {
        let ran = exec::look(self.ctx, self.argv(&["-P", "", "-y"], &self.path))?;
        match (ran.rc, Public::parse(&ran.out())) {
            (0, Some(public)) => Ok(public),
            _ => Err(Failure::new(format!("reading {}: {}", self.path.display(), ran.err().trim()))),
        }
    }

    fn public_fits(&self, before: &Pair) -> Result<bool, Failure> {
        let Some(public) = &before.public else { return Ok(false) };
        let derived = self.derived()?;
        let comment = self.comment.as_ref().is_none_or(|c| *c == public.comment);
        Ok(public.kind == derived.kind && public.data == derived.data && comment)
    }

    /// Makes the pair in a directory of its own, then puts both halves in place.
    fn generate(&self) -> Result<(), Failure> {
        let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid");
        let random = random.map_err(|e| Failure::new(format!("naming a directory: {e}")))?;
        let scratch = Scratch(std::env::temp_dir().join(format!("compute-init-{}", random.trim())));
        scratch.create().map_err(|e| Failure::new(format!("creating {}: {e}", scratch.0.display())))?;
        let made = scratch.0.join("key");
        let size = self.size.to_string();
        let comment = self.comment.as_deref().unwrap_or_default();
        let words = ["-q", "-N", "", "-b", &size, "-t", &self.kind, "-C", comment];
        let ran = exec::change(self.ctx, self.argv(&words, &made))?;
        if ran.rc != 0 {
            let said = if ran.stderr.is_empty() { ran.out() } else { ran.err() };
            return Err(failure(said.trim().to_owned(), [("rc", int(ran.rc))]));
        }
        self.put(&made, &self.path, 0o600)?;
        self.put(&scratch.0.join("key.pub"), &self.public, 0o644)
    }

    /// A half of a new pair; one that replaces another looks like it.
    fn put(&self, made: &Path, path: &Path, mode: u32) -> Result<(), Failure> {
        let writing = |e: std::io::Error| Failure::new(format!("writing {}: {e}", path.display()));
        let content = read_bounded(made, KEY).map_err(writing)?;
        self.place(&content, path, mode).map_err(writing)
    }

    fn place(&self, content: &[u8], path: &Path, mode: u32) -> std::io::Result<()> {
        let look = Look::of_or_fresh(path)?;
        let look = if path.exists() { look } else { Look { mode, ..look } };
        replace(path, content, &look)
    }

    fn restore_public(&self) -> Result<(), Failure> {
        let line = self.derived()?.line() + "\n";
        let lost = "The public key is missing or does not match the private key. Unable to regenerate the public key.";
        self.place(line.as_bytes(), &self.public, 0o644).map_err(|e| Failure::new(format!("{lost} ({e})")))?;
        let Some(comment) = self.comment.as_deref().filter(|c| !c.is_empty()) else { return Ok(()) };
        let ran = exec::change(self.ctx, self.argv(&["-q", "-c", "-C", comment], &self.path))?;
        if ran.rc == 0 { Ok(()) } else { Err(failure(ran.err().trim().to_owned(), [("rc", int(ran.rc))])) }
    }

    fn remove(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        for path in [&self.path, &self.public].into_iter().filter(|p| p.exists()) {
            outcome.changed = true;
            outcome.changes.push(change("removed", path.to_string_lossy()));
            if !self.ctx.check {
                std::fs::remove_file(path).map_err(|e| Failure::new(format!("removing {}: {e}", path.display())))?;
            }
        }
        Ok(())
    }

    fn finish(&self, outcome: Outcome, before: &Pair, after: &Pair, shown: &Pair) -> Outcome {
        let public = shown.public.as_ref();
        let mut result = map([
            ("size", int(self.size)),
            ("type", text(&self.kind)),
            ("filename", paths::shown(&self.path)),
            ("fingerprint", text(shown.private.as_ref().map_or("", |p| p.fingerprint.as_str()))),
            ("public_key", text(public.map(Public::line).unwrap_or_default())),
            ("comment", text(public.map_or("", |p| p.comment.as_str()))),
        ]);
        let mut diffs = Vec::new();
        if self.ctx.diff {
            let (before, after) = (properties(before), properties(after));
            let side = |map: &Map| (json::dumps(&Data::Map(map.clone()), json::Style::Sorted) + "\n").into_bytes();
            diffs.push(Diff { before: side(&before), after: side(&after), ..Diff::default() });
            let both = map([("before", Data::Map(before)), ("after", Data::Map(after))]);
            result.insert(Data::str("diff"), Data::Map(both));
        }
        let diff = if outcome.changed { diffs } else { Vec::new() };
        Outcome { result, diff, ..outcome }
    }
}

/// What a diff shows of a pair.
fn properties(pair: &Pair) -> Map {
    let mut shown = Map::default();
    if let Some(private) = &pair.private {
        shown.extend(map([
            ("size", int(private.size)),
            ("type", text(&private.kind)),
            ("fingerprint", text(&private.fingerprint)),
            ("format", text("")),
        ]));
    }
    if let Some(public) = &pair.public {
        shown.extend(map([("comment", text(&public.comment)), ("public_key", text(&public.data))]));
    }
    shown
}

/// A directory that only we can enter, gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn create(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().mode(0o700).create(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed with /tmp.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
