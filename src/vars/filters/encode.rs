//! Base64, digests, UUIDs, password hashes, quoting and URLs.

use super::args::{integer, like, none, soft, unless_none};
use crate::vars::crypt::{self, Algorithm, Settings};
use crate::vars::{CallArgs, Dict, Env, Outcome, TemplateError, Text, TextKey, Value};
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::fmt::Write;

/// Python's decoder minds padding but not the bits behind the last byte.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of text or bytes.
fn bytes(value: &Value) -> Outcome<Vec<u8>> {
    match value.defined()? {
        Value::Bytes(b) => Ok(b.to_vec()),
        other => Ok(soft(other)?.to_bytes()),
    }
}

/// Encodings that the filters take; text is UTF-8 or one of these.
#[derive(Clone, Copy, Debug, Default)]
pub enum Encoding {
    #[default]
    Utf8,
    Utf16Le,
    Utf16Be,
    Utf16,
    Latin1,
    Ascii,
}

fn encoding(value: Option<Value>) -> Outcome<Encoding> {
    value.map_or(Ok(Encoding::Utf8), |name| named(&name.text()?))
}

/// The encoding of that name, as Python's codecs have it.
pub fn named(name: &str) -> Outcome<Encoding> {
    Ok(match &*name.to_lowercase().replace('_', "-") {
        "utf-8" | "utf8" => Encoding::Utf8,
        "utf-16-le" | "utf-16le" => Encoding::Utf16Le,
        "utf-16-be" | "utf-16be" => Encoding::Utf16Be,
        "utf-16" | "utf16" => Encoding::Utf16,
        "latin-1" | "latin1" | "latin" | "l1" | "iso-8859-1" | "iso8859-1" | "8859" | "cp819" => Encoding::Latin1,
        "ascii" | "us-ascii" => Encoding::Ascii,
        _ => return Err(TemplateError::other(format!("unknown encoding: {name}"))),
    })
}

fn encode(text: &Text, encoding: Encoding) -> Outcome<Vec<u8>> {
    let refused = || TemplateError::other("the text cannot be encoded");
    let units = || text.as_str().encode_utf16();
    Ok(match encoding {
        Encoding::Utf8 => text.to_bytes(),
        Encoding::Utf16Le => units().flat_map(u16::to_le_bytes).collect(),
        Encoding::Utf16Be => units().flat_map(u16::to_be_bytes).collect(),
        Encoding::Utf16 => std::iter::once(0xfeff).chain(units()).flat_map(u16::to_le_bytes).collect(),
        Encoding::Latin1 => {
            let byte = |c: char| u8::try_from(c as u32).map_err(|_| refused());
            text.as_str().chars().map(byte).collect::<Outcome<_>>()?
        }
        Encoding::Ascii if text.as_str().is_ascii() => text.to_bytes(),
        Encoding::Ascii => return Err(refused()),
    })
}

/// Bytes as text.
pub fn decode(bytes: &[u8], encoding: Encoding) -> Outcome<Text> {
    let wide = |pair: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units = bytes.chunks_exact(2).map(move |b| pair([b[0], b[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map(Text::new).map_err(|_| TemplateError::other("illegal UTF-16"))
    };
    match encoding {
        Encoding::Utf8 | Encoding::Ascii => Ok(Text::from_bytes(bytes)),
        Encoding::Utf16Le => wide(u16::from_le_bytes, bytes),
        Encoding::Utf16Be => wide(u16::from_be_bytes, bytes),
        Encoding::Utf16 => match bytes {
            [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest),
            [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest),
            rest => wide(u16::from_le_bytes, rest),
        },
        Encoding::Latin1 => Ok(Text::new(bytes.iter().map(|b| char::from(*b)).collect::<String>())),
    }
}

pub fn b64encode(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [code] = args.bind("b64encode", ["encoding"], 0)?;
    let raw = match value.defined()? {
        Value::Bytes(b) => b.to_vec(),
        other => encode(&soft(other)?, encoding(code)?)?,
    };
    Ok(Value::from(STANDARD.encode(raw)))
}

pub fn b64decode(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [code] = args.bind("b64decode", ["encoding"], 0)?;
    let mut raw = bytes(&value)?;
    // Python skips what is not of the alphabet and stops at the padding.
    raw.retain(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    let digits = raw.iter().position(|b| *b == b'=').unwrap_or(raw.len());
    if digits % 4 == 1 {
        return Err(TemplateError::other(format!(
            "Invalid base64-encoded string: number of data characters ({digits}) cannot be 1 more than a multiple of 4"
        )));
    }
    if digits % 4 != 0 && raw.len() - digits < 4 - digits % 4 {
        return Err(TemplateError::other("Incorrect padding"));
    }
    let decoded = LENIENT.decode(&raw[..digits]).map_err(|e| TemplateError::other(e.to_string()))?;
    decode(&decoded, encoding(code)?).map(Value::Str)
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// The digest of that name, in hexadecimal; `None` where the algorithm is not known.
pub fn digest(algorithm: &str, data: &[u8]) -> Option<String> {
    Some(match &*algorithm.to_ascii_lowercase() {
        "md5" => hex(&Md5::digest(data)),
        "sha1" => hex(&Sha1::digest(data)),
        "sha224" => hex(&Sha224::digest(data)),
        "sha256" => hex(&Sha256::digest(data)),
        "sha384" => hex(&Sha384::digest(data)),
        "sha512" => hex(&Sha512::digest(data)),
        _ => return None,
    })
}

pub fn md5(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("md5s", args)?;
    Ok(Value::from(hex(&Md5::digest(bytes(&value)?))))
}

pub fn sha1(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("secure_hash_s", args)?;
    Ok(Value::from(hex(&Sha1::digest(bytes(&value)?))))
}

pub fn hash(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [kind] = args.bind("get_hash", ["hashtype"], 0)?;
    let kind = kind.map_or(Ok("sha1".to_owned()), |k| k.text())?;
    let found = digest(&kind, &bytes(&value)?);
    found.map(Value::from).ok_or_else(|| TemplateError::other(format!("unsupported hash type {kind}")))
}

pub fn to_uuid(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [namespace] = args.bind("to_uuid", ["namespace"], 0)?;
    let namespace = namespace.map_or(Ok("361E6D51-FAEC-444A-9079-341386DA8E2E".to_owned()), |n| n.text())?;
    let plain = namespace.replace("urn:", "").replace("uuid:", "");
    let digits = plain.trim_matches(['{', '}']).replace('-', "");
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
    let number = number.ok_or_else(|| {
        let problem = "badly formed hexadecimal UUID string";
        TemplateError::other(format!("Invalid value '{namespace}' for 'namespace': {problem}"))
    })?;
    let digest = Sha1::new().chain_update(number.to_be_bytes()).chain_update(bytes(&value)?).finalize();
    let mut id = [0u8; 16];
    id.copy_from_slice(&digest[..16]);
    id[6] = id[6] & 0x0f | 0x50;
    id[8] = id[8] & 0x3f | 0x80;
    let text = hex(&id);
    let parts = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
    Ok(Value::from(parts.join("-")))
}

pub fn password_hash(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let names = ["hashtype", "salt", "salt_size", "rounds", "ident"];
    let [kind, salt, salt_size, rounds, ident] = args.bind("get_encrypted_password", names, 0)?;
    let kind = kind.map_or(Ok("sha512".to_owned()), |k| k.text())?;
    let algorithm = Algorithm::named(&kind)
        .ok_or_else(|| TemplateError::other(format!("crypt.crypt does not support '{kind}' algorithm")))?;
    let number = |value: Option<Value>| match unless_none(value) {
        None => Ok(None),
        Some(value) => integer(Some(value), 0).map(Some),
    };
    let too_many = || TemplateError::other("that many rounds are refused");
    let rounds = number(rounds)?.map(|r| u32::try_from(r).map_err(|_| too_many())).transpose()?;
    let settings = Settings {
        salt: unless_none(salt).map(|s| s.text()).transpose()?,
        salt_size: number(salt_size)?.and_then(|n| usize::try_from(n).ok()),
        rounds,
        ident: unless_none(ident).map(|i| i.text()).transpose()?,
    };
    let settings = env.aim.hashing(settings, algorithm);
    let Value::Str(secret) = value.defined()? else {
        return Err(TemplateError::other(format!("argument 1 must be str, not {}", value.type_name())));
    };
    crypt::hash(algorithm, &secret.to_bytes(), &settings).map(Value::from).map_err(TemplateError::other)
}

pub fn quote(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("quote", args)?;
    let text = if value.is_none() { Text::new("") } else { soft(&value)? };
    Ok(like(&text, shell_quoted(text.as_str())))
}

/// `shlex.quote`.
pub fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

/// `urllib.parse.quote`: `also` is safe beside letters, digits and `_.-~`.
fn percent(bytes: &[u8], also: &str) -> String {
    let mut out = String::with_capacity(bytes.len());
    for b in bytes {
        let c = char::from(*b);
        if b.is_ascii_alphanumeric() || "_.-~".contains(c) || also.contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

pub fn urlencode(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_urlencode", args)?;
    let query = |v: &Value| Ok::<_, TemplateError>(percent(&bytes(v)?, " ").replace(' ', "+"));
    match value.defined()? {
        Value::Str(text) => Ok(like(text, percent(&text.to_bytes(), "/"))),
        Value::Bytes(b) => Ok(Value::from(percent(b, "/"))),
        v if !v.is_iterable() => Ok(Value::from(percent(&bytes(v)?, "/"))),
        v => {
            let pairs = match v.is_mapping() {
                true => super::dict::members(env, v)?,
                false => pairs(env, v)?,
            };
            let parts: Outcome<Vec<String>> =
                pairs.iter().map(|(k, v)| Ok(format!("{}={}", query(k)?, query(v)?))).collect();
            Ok(Value::from(parts?.join("&")))
        }
    }
}

fn pairs(env: &Env, value: &Value) -> Outcome<Vec<(Value, Value)>> {
    let mut out = Vec::new();
    for pair in value.iterate(env)? {
        let pair = pair.iterate(env)?;
        let [key, member] = pair.as_slice() else {
            let problem = if pair.len() < 2 { "not enough" } else { "too many" };
            return Err(TemplateError::other(format!("{problem} values to unpack (expected 2)")));
        };
        out.push((key.clone(), member.clone()));
    }
    Ok(out)
}

/// Text, of which Python asks a method: nothing else has it.
fn text_only(value: &Value, method: &str) -> Outcome<Text> {
    match value.defined()? {
        Value::Str(text) => Ok(text.clone()),
        other => Err(TemplateError::other(format!("'{}' object has no attribute '{method}'", other.type_name()))),
    }
}

pub fn urldecode(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("unquote_plus", args)?;
    let text = text_only(&value, "replace")?;
    let source = text.to_bytes();
    let mut out = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        let digits = source.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok());
        let code =
            digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())).and_then(|d| u8::from_str_radix(d, 16).ok());
        match (source[at], code) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    Ok(like(&text, String::from_utf8_lossy(&out)))
}

/// The parts of a URL as `urllib.parse.urlsplit` sees them.
pub struct Url<'u> {
    /// Scheme, in lower case.
    pub scheme: String,
    /// User, host and port.
    pub netloc: &'u str,
    /// Path.
    pub path: &'u str,
    /// What follows `?`.
    pub query: &'u str,
    /// What follows `#`.
    pub fragment: &'u str,
}

/// Splits a URL; any text is one.
pub fn url_parts(text: &str) -> Result<Url<'_>, String> {
    let mut rest = text.trim_start_matches(|c: char| c <= ' ');
    let mut scheme = String::new();
    if let Some(colon) = rest.find(':') {
        let name = &rest[..colon];
        let valid = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(valid) {
            scheme = name.to_ascii_lowercase();
            rest = &rest[colon + 1..];
        }
    }
    let mut netloc = "";
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        (netloc, rest) = after.split_at(end);
        if netloc.contains('[') != netloc.contains(']') {
            return Err("Invalid IPv6 URL".to_owned());
        }
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Ok(Url { scheme, netloc, path, query, fragment })
}

pub fn urlsplit(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [query, alias] = args.bind("split_url", ["query", "alias"], 0)?;
    let text = text_only(&value, "decode")?;
    let failed = |problem: String| TemplateError::other(format!("unable to split the URL: {problem}"));
    // As browsers read URLs: without line breaks and tabs, and without control characters before them.
    let plain = text.as_str().replace(['\t', '\r', '\n'], "");
    let url = url_parts(plain.trim_start_matches(|c| c <= ' ')).map_err(failed)?;
    let (user, host) = match url.netloc.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, url.netloc),
    };
    let (host, port) = match (host.split_once(']'), host.split_once(':')) {
        (Some((inner, after)), _) => (inner.trim_start_matches('['), after.strip_prefix(':').unwrap_or("")),
        (None, Some((host, port))) => (host, port),
        (None, None) => (host, ""),
    };
    let port = match port {
        "" => Value::None,
        digits => {
            let number = digits.parse::<i128>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
            let bad = || failed(format!("Port could not be cast to integer value as '{digits}'"));
            match number.ok_or_else(bad)? {
                port @ 0..=65535 => Value::Int(port),
                _ => return Err(failed("Port out of range 0-65535".to_owned())),
            }
        }
    };
    let (name, password) = match user.map(|u| u.split_once(':').map_or((u, None), |(n, p)| (n, Some(p)))) {
        Some((name, password)) => (Value::from(name), password.map_or(Value::None, Value::from)),
        None => (Value::None, Value::None),
    };
    let hostname = if host.is_empty() { Value::None } else { Value::from(host.to_lowercase()) };
    let parts: Dict = [
        ("fragment", Value::from(url.fragment)),
        ("hostname", hostname),
        ("netloc", Value::from(url.netloc)),
        ("password", password),
        ("path", Value::from(url.path)),
        ("port", port),
        ("query", Value::from(url.query)),
        ("scheme", Value::from(url.scheme)),
        ("username", name),
    ]
    .into_iter()
    .map(|(k, v)| (Value::from(k), v))
    .collect();
    let query = query.map_or(Ok(String::new()), |q| q.text())?;
    if query.is_empty() {
        return Ok(Value::dict(parts));
    }
    let alias = alias.map_or(Ok("urlsplit".to_owned()), |a| a.text())?;
    let unknown = || TemplateError::other(format!("{alias}: unknown URL component: {query}"));
    parts.get(&TextKey(&query)).cloned().ok_or_else(unknown)
}
