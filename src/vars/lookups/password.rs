//! The password lookup: a password kept in a file, made when the file is not there.

use super::keyvalue::parse;
use super::options::{Options, term};
use crate::sys::file::{self, Look};
use crate::vars::crypt::{self, Algorithm, Settings};
use crate::vars::env::Aim;
use crate::vars::filters::chance::seeded;
use crate::vars::filters::number::parse_int;
use crate::vars::random::{Source, System};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Characters of a password that a role may ask for.
const LONGEST: usize = 4096;
/// Bytes of a password's file.
const FILE: u64 = 64 << 10;

/// What kind of password is wanted.
struct Wanted {
    length: usize,
    chars: String,
    encrypt: Option<String>,
    ident: Option<String>,
    seed: Option<Value>,
}

pub fn password(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "password");
    let mut defaults: Vec<(String, Value)> = Vec::new();
    for name in ["length", "chars", "encrypt", "ident", "seed"] {
        defaults.extend(options.take(name).map(|v| (name.to_owned(), v)));
    }
    let mut out = Vec::new();
    for value in &terms {
        let text = term(value)?;
        let (path, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let parsed = parse(rest).map_err(TemplateError::other)?;
        let path = match &parsed.raw {
            Some(more) => format!("{path} {more}"),
            None => path.to_owned(),
        };
        if !text.starts_with(&path) {
            let message = "Unrecognized value after key=value parameters given to password lookup";
            return Err(TemplateError::other(message));
        }
        let mut given = defaults.clone();
        for (name, value) in parsed.options {
            if !["length", "encrypt", "chars", "ident", "seed"].contains(&&*name) {
                let message = format!("Unrecognized parameter(s) given to password lookup: {name}");
                return Err(TemplateError::other(message));
            }
            given.retain(|(n, _)| *n != name);
            given.push((name, Value::from(value)));
        }
        out.push(Value::from(Wanted::new(&given)?.get(&path, env)?));
    }
    Ok(out)
}

/// A name of Python's `string` module, or the characters themselves.
fn characters(name: &str) -> &str {
    match name {
        "ascii_letters" => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "ascii_lowercase" => "abcdefghijklmnopqrstuvwxyz",
        "ascii_uppercase" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "digits" => "0123456789",
        "hexdigits" => "0123456789abcdefABCDEF",
        "octdigits" => "01234567",
        "punctuation" => "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        "whitespace" => " \t\n\r\x0b\x0c",
        other => other,
    }
}

impl Wanted {
    fn new(given: &[(String, Value)]) -> Outcome<Wanted> {
        let find = |name: &str| given.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let text = |name: &str| find(name).map(|v| v.text()).transpose();
        let length = match find("length") {
            None => 20,
            Some(value) => {
                let shown = value.text()?;
                let bad = || TemplateError::other(format!("invalid literal for int() with base 10: '{shown}'"));
                value.as_int().or_else(|| parse_int(&shown, 10)).ok_or_else(bad)?
            }
        };
        let length = usize::try_from(length.max(0)).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(TemplateError::other(format!("a password of {length} characters is refused")));
        }
        let sets: Vec<String> = match find("chars") {
            None => ["ascii_letters", "digits", ".,:-_"].map(str::to_owned).to_vec(),
            Some(Value::List(list)) => list.borrow().iter().map(Value::text).collect::<Outcome<_>>()?,
            Some(other) => {
                let names = other.text()?;
                let comma = names.contains(",,").then(|| ",".to_owned());
                let rest = names.replace(",,", ",");
                comma.into_iter().chain(rest.split(',').filter(|n| !n.is_empty()).map(str::to_owned)).collect()
            }
        };
        let chars: String = sets.iter().flat_map(|s| characters(s).chars()).filter(|c| !"\"'".contains(*c)).collect();
        Ok(Wanted {
            length,
            chars,
            encrypt: text("encrypt")?.filter(|e| !e.is_empty()),
            ident: text("ident")?,
            seed: find("seed"),
        })
    }

    fn generate(&self) -> Outcome<String> {
        let chars: Vec<char> = self.chars.chars().collect();
        if chars.is_empty() && self.length > 0 {
            return Err(TemplateError::other("Cannot choose from an empty sequence"));
        }
        let mut twister = self.seed.as_ref().map(seeded).transpose()?;
        let mut out = String::new();
        for _ in 0..self.length {
            let drawn = match &mut twister {
                Some(twister) => twister.below(chars.len() as u128),
                None => System.below(chars.len() as u128),
            };
            out.push(chars[drawn.map_err(|e| TemplateError::other(e.to_string()))? as usize]);
        }
        Ok(out)
    }

    fn get(&self, path: &str, env: &Env) -> Outcome<String> {
        let named = path != "/dev/null";
        // What check mode makes up is forgotten.
        let keeps = named && env.aim == Aim::Use;
        if named && !path.starts_with('/') {
            let why = "a password's file must have an absolute path on a node";
            return Err(TemplateError::other(format!("password lookup of '{path}': {why}")));
        }
        let stored = if named { stored(path)? } else { None };
        let is_new = stored.is_none();
        let (secret, mut salt, ident) = match stored {
            Some(content) => parts(&content),
            None => (self.generate()?, None, None),
        };
        let Some(encrypt) = &self.encrypt else {
            if is_new && keeps {
                store(path, &secret)?;
            }
            return Ok(secret);
        };
        if let (Some(stored), Some(asked)) = (&ident, &self.ident)
            && stored != asked
        {
            let message = format!("The ident parameter provided ({asked}) does not match the stored one ({stored}).");
            return Err(TemplateError::other(message));
        }
        let unsupported = || TemplateError::other(format!("crypt.crypt does not support '{encrypt}' algorithm"));
        let algorithm = Algorithm::named(encrypt).ok_or_else(unsupported)?;
        let bcrypt = (algorithm == Algorithm::Bcrypt).then(|| "2b".to_owned());
        let wanted_ident = ident.clone().or_else(|| self.ident.clone()).or(bcrypt);
        let had_salt = salt.is_some();
        if !had_salt {
            let size = if algorithm == Algorithm::Bcrypt { 22 } else { algorithm.salt_size() };
            salt = Some(crypt::random_salt(size).map_err(|e| TemplateError::other(e.to_string()))?);
        }
        let salt = salt.unwrap_or_default();
        if keeps && (is_new || !had_salt || wanted_ident != ident) {
            let tail = wanted_ident.as_ref().map(|i| format!(" ident={i}")).unwrap_or_default();
            store(path, &format!("{secret} salt={salt}{tail}"))?;
        }
        let settings = Settings { salt: Some(salt), ident: wanted_ident, ..Settings::default() };
        crypt::hash(algorithm, secret.as_bytes(), &settings).map_err(TemplateError::other)
    }
}

fn stored(path: &str) -> Outcome<Option<String>> {
    match file::read_bounded(Path::new(path), FILE) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(TemplateError::other(format!("reading the password's file '{path}': {e}"))),
    }
}

/// Password, salt and ident as a file keeps them.
fn parts(content: &str) -> (String, Option<String>, Option<String>) {
    let Some((secret, rest)) = content.rsplit_once(" salt=") else { return (content.to_owned(), None, None) };
    match rest.rsplit_once(" ident=") {
        Some((salt, ident)) => (secret.to_owned(), Some(salt.to_owned()), Some(ident.to_owned())),
        None => (secret.to_owned(), Some(rest.to_owned()), None),
    }
}

fn store(path: &str, content: &str) -> Outcome<()> {
    let failed = |e: std::io::Error| TemplateError::other(format!("writing the password's file '{path}': {e}"));
    let target = Path::new(path);
    let parent = file::parent(target);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
    let look = Look { mode: 0o600, ..Look::fresh(target).map_err(failed)? };
    file::replace(target, format!("{content}\n").as_bytes(), &look).map_err(failed)
}
