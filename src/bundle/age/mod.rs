//! The age format, version 1, with X25519 recipients only: what an export's secrets are sealed with. `age -d` opens what
//! is written here, and what `age -r` wrote is opened here. Nothing is ever released before it is authenticated: a
//! sealed part is small, so it is opened whole, in memory.

mod keys;
mod open;
#[cfg(feature = "builder")]
mod seal;

pub use keys::{AgeKeyError, Identity, Recipient};
pub use open::{AgeError, open};
#[cfg(feature = "builder")]
pub use seal::Sealer;

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use hmac::Mac;
use sha2::Sha256;

/// The first line of every file.
const VERSION: &[u8] = b"age-encryption.org/v1\n";
/// What the key that wraps a file key is made for.
const WRAP: &[u8] = b"age-encryption.org/v1/X25519";
/// Bytes of a chunk of the body.
const CHUNK: usize = 64 << 10;
/// Bytes that authentication adds to a chunk and to a file key.
const TAG: usize = 16;
/// Bytes of a file key, and of the nonce before the body.
const SHORT: usize = 16;

pub(super) type HmacSha256 = hmac::Hmac<Sha256>;

pub(super) fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut key).expect("32 bytes are few enough for HKDF-SHA256");
    key
}

/// The key that wraps the file key, from what sender and recipient share.
fn wrapping_key(shared: &[u8; 32], share: &[u8; 32], recipient: &[u8; 32]) -> [u8; 32] {
    derive(shared, &[share.as_slice(), recipient].concat(), WRAP)
}

/// The header's MAC, over everything up to and with its three dashes.
fn mac(file_key: &[u8; SHORT], header: &[u8]) -> HmacSha256 {
    let key = derive(file_key, &[], b"header");
    let mut mac = <HmacSha256 as hmac::digest::KeyInit>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(header);
    mac
}

/// The nonce of a chunk: its number, and whether it is the last.
fn nonce(number: usize, chunks: usize) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(number as u64).to_be_bytes());
    nonce[11] = u8::from(number + 1 == chunks);
    Nonce::from(nonce)
}

fn cipher(key: [u8; 32]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&Key::from(key))
}

/// What a cipher makes of one piece; `None` where it is not authentic.
fn decrypt(cipher: &ChaCha20Poly1305, nonce: &Nonce, bytes: &[u8]) -> Option<Vec<u8>> {
    cipher.decrypt(nonce, bytes).ok()
}
