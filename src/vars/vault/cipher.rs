//! The envelope's text form and its cipher: PBKDF2-HMAC-SHA256, AES-256 in counter mode, HMAC-SHA256 over the
//! ciphertext, everything in hexadecimal, twice. Bytes in, bytes or the reason out.

use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{KeyInit, Mac};
use sha2::Sha256;

/// Rounds of key derivation; the format has no field for them.
const ROUNDS: u32 = 10_000;
/// AES's block, to which the text is padded.
const BLOCK: usize = 16;
/// Characters in a line of an envelope's body.
const WIDTH: usize = 80;

/// Why an envelope was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is damaged, or no envelope at all.
    Malformed,
    /// It is of a version or cipher that nobody uses any more.
    Unknown,
    /// Another password sealed it, or somebody changed it.
    Wrong,
}

/// An envelope, taken apart.
pub struct Envelope {
    /// The label that its header names.
    pub label: Option<String>,
    salt: Vec<u8>,
    mac: Vec<u8>,
    sealed: Vec<u8>,
}

/// What a password and a salt make.
struct Keys {
    cipher: [u8; 32],
    mac: [u8; 32],
    counter: [u8; BLOCK],
}

impl Keys {
    fn derive(password: &[u8], salt: &[u8]) -> Keys {
        let mut bytes = [0u8; 80];
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, ROUNDS, &mut bytes);
        let mut keys = Keys { cipher: [0; 32], mac: [0; 32], counter: [0; BLOCK] };
        keys.cipher.copy_from_slice(&bytes[..32]);
        keys.mac.copy_from_slice(&bytes[32..64]);
        keys.counter.copy_from_slice(&bytes[64..]);
        keys
    }

    /// Counter mode is its own inverse.
    fn apply(&self, bytes: &mut [u8]) {
        ctr::Ctr128BE::<aes::Aes256>::new(&self.cipher.into(), &self.counter.into()).apply_keystream(bytes);
    }

    fn authenticator(&self, sealed: &[u8]) -> hmac::Hmac<Sha256> {
        let mac = hmac::Hmac::<Sha256>::new_from_slice(&self.mac).expect("HMAC takes keys of any length");
        mac.chain_update(sealed)
    }
}

impl Envelope {
    /// Takes an envelope apart.
    pub fn parse(bytes: &[u8]) -> Result<Envelope, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::Malformed)?;
        let (header, body) = text.split_once('\n').ok_or(Fault::Malformed)?;
        let fields: Vec<&str> = header.trim().split(';').collect();
        let label = match fields.as_slice() {
            ["$ANSIBLE_VAULT", "1.1", "AES256", ..] => None,
            ["$ANSIBLE_VAULT", "1.2", "AES256", label, ..] => Some((*label).to_owned()),
            ["$ANSIBLE_VAULT", ..] => return Err(Fault::Unknown),
            _ => return Err(Fault::Malformed),
        };
        let digits: String = body.split_whitespace().collect();
        let inner = unhex(digits.as_bytes())?;
        let mut parts = inner.splitn(3, |b| *b == b'\n');
        let mut part = || parts.next().ok_or(Fault::Malformed).and_then(unhex);
        Ok(Envelope { label, salt: part()?, mac: part()?, sealed: part()? })
    }

    /// The text in it.
    pub fn open(&self, password: &[u8]) -> Result<Vec<u8>, Fault> {
        let keys = Keys::derive(password, &self.salt);
        keys.authenticator(&self.sealed).verify_slice(&self.mac).map_err(|_| Fault::Wrong)?;
        let mut text = self.sealed.clone();
        keys.apply(&mut text);
        let padding = usize::from(*text.last().ok_or(Fault::Malformed)?);
        if padding == 0 || padding > BLOCK || padding > text.len() {
            return Err(Fault::Malformed);
        }
        text.truncate(text.len() - padding);
        Ok(text)
    }
}

/// An envelope around a text. The label `default` is not written, as Ansible does not write it.
pub fn seal(text: &[u8], password: &[u8], salt: &[u8], label: &str) -> String {
    let keys = Keys::derive(password, salt);
    let padding = BLOCK - text.len() % BLOCK;
    let mut sealed = text.to_vec();
    sealed.resize(text.len() + padding, u8::try_from(padding).expect("at most a block"));
    keys.apply(&mut sealed);
    let mac = keys.authenticator(&sealed).finalize().into_bytes();
    let inner = [hex(salt), hex(&mac), hex(&sealed)].join("\n");
    let digits = hex(inner.as_bytes());
    let mut out = match label {
        "" | "default" => "$ANSIBLE_VAULT;1.1;AES256\n".to_owned(),
        label => format!("$ANSIBLE_VAULT;1.2;AES256;{label}\n"),
    };
    for line in digits.as_bytes().chunks(WIDTH) {
        out.extend(line.iter().map(|b| char::from(*b)));
        out.push('\n');
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing to text cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn unhex(digits: &[u8]) -> Result<Vec<u8>, Fault> {
    let value = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(Fault::Malformed);
    if !digits.len().is_multiple_of(2) {
        return Err(Fault::Malformed);
    }
    digits.chunks_exact(2).map(|pair| Ok(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_and_a_change_is_noticed() {
        for text in [&b""[..], b"x", b"0123456789abcdef", &[0xff; 1000]] {
            let sealed = seal(text, b"password", b"salt", "dev");
            let envelope = Envelope::parse(sealed.as_bytes()).expect("an envelope");
            assert_eq!(envelope.label.as_deref(), Some("dev"));
            assert_eq!(envelope.open(b"password").as_deref(), Ok(text));
            assert_eq!(envelope.open(b"passwore"), Err(Fault::Wrong));
            let mut changed = envelope;
            changed.sealed[0] ^= 1;
            assert_eq!(changed.open(b"password"), Err(Fault::Wrong));
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let bad = [
            "",
            "$ANSIBLE_VAULT;1.1;AES256",
            "$ANSIBLE_VAULT;1.1;AES256\nzz",
            "$ANSIBLE_VAULT;1.1;AES256\n616",
            "$ANSIBLE_VAULT;1.1;AES256\n3631\n",
            "nothing\nhere",
        ];
        for text in bad {
            assert_eq!(Envelope::parse(text.as_bytes()).err(), Some(Fault::Malformed), "{text}");
        }
        for text in ["$ANSIBLE_VAULT;1.0;AES\n00", "$ANSIBLE_VAULT;1.1;AES\n00", "$ANSIBLE_VAULT;9.9;AES256\n00"] {
            assert_eq!(Envelope::parse(text.as_bytes()).err(), Some(Fault::Unknown), "{text}");
        }
    }
}
