//! Opening: header, file key, body. Every step is checked before its result is used.

use super::keys::{Identity, Recipient};
use super::{CHUNK, SHORT, TAG, VERSION, cipher, decrypt, derive, mac, nonce, wrapping_key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::Nonce;
use curve25519_dalek::montgomery::MontgomeryPoint;
use hmac::Mac;
use std::fmt;

/// Stanzas of a header: one recipient here, a few in files that others wrote.
const STANZAS: usize = 64;
/// Bytes of a header's line.
const LINE: usize = 1024;

/// Why something cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgeError {
    /// It is not in the age format.
    Format(&'static str),
    /// It is sealed to somebody else.
    Foreign(Recipient),
    /// It was changed, or cut, after it was sealed.
    Changed,
}

impl fmt::Display for AgeError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            AgeError::Format(why) => write!(f, "it is not a file in the age format: {why}"),
            AgeError::Foreign(own) => write!(f, "it is not sealed to {own}"),
            AgeError::Changed => f.write_str("it was changed or cut after it was sealed"),
        }
    }
}

impl std::error::Error for AgeError {}

/// Opens what is sealed to `identity`.
pub fn open(sealed: &[u8], identity: &Identity) -> Result<Vec<u8>, AgeError> {
    let header = Header::read(sealed)?;
    let file_key = header.file_key(identity)?;
    mac(&file_key, header.signed).verify_slice(&header.mac).map_err(|_| AgeError::Changed)?;
    let Some((salt, body)) = header.rest.split_at_checked(SHORT) else { return Err(AgeError::Changed) };
    let body_cipher = cipher(derive(&file_key, salt, b"payload"));
    let chunks = body.len().div_ceil(CHUNK + TAG);
    let mut plain = Vec::with_capacity(body.len());
    for (number, chunk) in body.chunks(CHUNK + TAG).enumerate() {
        let opened = decrypt(&body_cipher, &nonce(number, chunks), chunk).ok_or(AgeError::Changed)?;
        // Only an empty file may end with an empty chunk.
        if opened.is_empty() && number > 0 {
            return Err(AgeError::Changed);
        }
        plain.extend_from_slice(&opened);
    }
    if chunks == 0 { Err(AgeError::Changed) } else { Ok(plain) }
}

struct Header<'a> {
    /// Share and wrapped file key of each X25519 stanza.
    stanzas: Vec<([u8; 32], Vec<u8>)>,
    /// What the MAC covers.
    signed: &'a [u8],
    mac: Vec<u8>,
    rest: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8]) -> Result<Header<'a>, AgeError> {
        let mut at = VERSION.len();
        if !bytes.starts_with(VERSION) {
            return Err(AgeError::Format("its first line is another"));
        }
        let mut stanzas = Vec::new();
        let mut count = 0;
        loop {
            let start = at;
            let line = next_line(bytes, &mut at)?;
            if let Some(mac) = line.strip_prefix("--- ") {
                let mac = unpadded(mac).ok_or(AgeError::Format("its header ends oddly"))?;
                return Ok(Header { stanzas, signed: &bytes[..start + 3], mac, rest: &bytes[at..] });
            }
            let Some(arguments) = line.strip_prefix("-> ") else { return Err(AgeError::Format("a stanza is wanted")) };
            count += 1;
            if count > STANZAS {
                return Err(AgeError::Format("it has too many recipients"));
            }
            let body = stanza_body(bytes, &mut at)?;
            if let Some(share) = arguments.strip_prefix("X25519 ") {
                let share = unpadded(share).and_then(|s| s.try_into().ok());
                stanzas.push((share.ok_or(AgeError::Format("a share is not 32 bytes"))?, body));
            }
        }
    }

    fn file_key(&self, identity: &Identity) -> Result<[u8; SHORT], AgeError> {
        let recipient = identity.recipient();
        for (share, wrapped) in &self.stanzas {
            let shared = MontgomeryPoint(*share).mul_clamped(identity.0).0;
            if shared == [0; 32] || wrapped.len() != SHORT + TAG {
                return Err(AgeError::Format("a stanza cannot be used"));
            }
            let wrapping = cipher(wrapping_key(&shared, share, &recipient.0));
            let key = decrypt(&wrapping, &Nonce::default(), wrapped).and_then(|key| key.try_into().ok());
            if let Some(key) = key {
                return Ok(key);
            }
        }
        Err(AgeError::Foreign(recipient))
    }
}

fn next_line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<&'a str, AgeError> {
    let rest = &bytes[*at..];
    let end = rest.iter().take(LINE).position(|b| *b == b'\n').ok_or(AgeError::Format("its header is cut"))?;
    *at += end + 1;
    std::str::from_utf8(&rest[..end]).map_err(|_| AgeError::Format("its header is not text"))
}

/// Lines of 64 characters, ended by a shorter one.
fn stanza_body(bytes: &[u8], at: &mut usize) -> Result<Vec<u8>, AgeError> {
    let mut text = String::new();
    loop {
        let line = next_line(bytes, at)?;
        text.push_str(line);
        if line.len() < 64 {
            return unpadded(&text).ok_or(AgeError::Format("a stanza is not base64"));
        }
        if line.len() > 64 || text.len() > 16 * LINE {
            return Err(AgeError::Format("a stanza is too long"));
        }
    }
}

fn unpadded(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}
