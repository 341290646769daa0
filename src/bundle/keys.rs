//! Ed25519 keys in the files that `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write.

use super::digest::Digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};

/// The SHA-256 digest of a public key in SPKI DER form: `openssl pkey -pubin -in KEY.pem -outform DER | sha256sum`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    /// Reads 64 hex digits.
    pub fn from_hex(hex: &str) -> Option<KeyId> {
        Digest::from_hex(hex).map(KeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0.hex())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a key cannot be used. Never holds the key.
#[derive(Debug)]
pub struct KeyError(pub String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

/// A key that signs bundles.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key from the kernel's random numbers.
    pub fn generate() -> io::Result<SigningKey> {
        let mut seed = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut seed)?;
        Ok(SigningKey(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Reads PKCS#8 PEM.
    pub fn from_pem(pem: &str) -> Result<SigningKey, KeyError> {
        if pem.contains("ENCRYPTED PRIVATE KEY") {
            return Err(KeyError("it is encrypted; decrypt it first (openssl pkey -in KEY -out PLAIN)".to_owned()));
        }
        if pem.contains("PUBLIC KEY") {
            return Err(KeyError("it is a public key; the private one signs".to_owned()));
        }
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem)
            .map(SigningKey)
            .map_err(|_| KeyError("not an Ed25519 private key in PKCS#8 PEM form".to_owned()))
    }

    /// PKCS#8 PEM, in the older of its two versions: openssl before 3.2 does not read the newer.
    pub fn to_pem(&self) -> String {
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).expect("an Ed25519 key has a PKCS#8 form").to_string()
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// A secret for `purpose` that only who has this key can make.
    #[cfg(feature = "builder")]
    pub fn secret_for(&self, purpose: &str) -> [u8; 32] {
        let mut secret = [0; 32];
        hkdf::Hkdf::<sha2::Sha256>::new(None, &self.0.to_bytes())
            .expand(purpose.as_bytes(), &mut secret)
            .expect("32 bytes are few enough for HKDF-SHA256");
        secret
    }

    /// What this key and who has the identity of `recipient` share.
    #[cfg(feature = "builder")]
    pub(super) fn shared_with(&self, recipient: &super::age::Recipient) -> [u8; 32] {
        curve25519_dalek::montgomery::MontgomeryPoint(recipient.0).mul_clamped(self.0.to_scalar_bytes()).0
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A key that bundles are verified with.
#[derive(Clone)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads SPKI PEM.
    pub fn from_pem(pem: &str) -> Result<PublicKey, KeyError> {
        if pem.contains("PRIVATE KEY") {
            return Err(KeyError("it is a private key, which must never be on a node".to_owned()));
        }
        let key = VerifyingKey::from_public_key_pem(pem.trim_end())
            .map_err(|_| KeyError("not an Ed25519 public key in SPKI PEM form".to_owned()))?;
        if key.is_weak() {
            return Err(KeyError("it is a weak key that verifies anything".to_owned()));
        }
        Ok(PublicKey(key))
    }

    /// Reads SPKI PEM, its base64 alone, or the 32 bytes of the key in base64: what fits into a line of metadata.
    pub fn from_text(text: &str) -> Result<PublicKey, KeyError> {
        /// What comes before the key in its SPKI DER form.
        const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        if text.len() as u64 > crate::plan::limits::KEY {
            return Err(KeyError("it is too long for a key".to_owned()));
        }
        if text.contains("PRIVATE KEY") {
            return PublicKey::from_pem(text);
        }
        // Metadata may have lost the line ends, or spelt them.
        let body = text.replace("-----BEGIN PUBLIC KEY-----", "").replace("-----END PUBLIC KEY-----", "");
        let body: String = body.replace("\\n", "").split_whitespace().collect();
        let bytes =
            STANDARD.decode(&body).map_err(|_| KeyError("neither PEM nor base64 of a public key".to_owned()))?;
        let der = if bytes.len() == 32 { [&SPKI[..], &bytes].concat() } else { bytes };
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        PublicKey::from_pem(&pem)
    }

    /// SPKI PEM.
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("an Ed25519 key has an SPKI form")
    }

    /// Its name in signatures.
    pub fn id(&self) -> KeyId {
        let der = self.0.to_public_key_der().expect("an Ed25519 key has an SPKI form");
        KeyId(Digest::of(der.as_bytes()))
    }

    /// The key's 32 bytes.
    pub(super) fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The same point for agreeing on a secret, instead of signing.
    pub(super) fn montgomery(&self) -> [u8; 32] {
        self.0.to_montgomery().0
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.0.verify_strict(message, &s).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::{PublicKey, SigningKey};

    #[test]
    fn a_public_key_fits_into_a_line() {
        let key = SigningKey::generate().unwrap().public();
        let pem = key.to_pem();
        let body: String = pem.lines().filter(|l| !l.starts_with("--")).collect();
        let raw = &body[16..];
        for text in [&pem, &pem.replace('\n', " "), &pem.replace('\n', "\\n"), &body, &format!(" {body}\n"), raw] {
            assert!(text.len() <= 255);
            assert_eq!(PublicKey::from_text(text).unwrap().id(), key.id(), "{text}");
        }
        let secret = SigningKey::generate().unwrap().to_pem();
        for bad in ["", "x", "AAAA", &body[..40], &format!("{body}{body}"), &secret, &"A".repeat(20_000)] {
            assert!(PublicKey::from_text(bad).is_err(), "{bad}");
        }
        // The key that verifies anything.
        assert!(PublicKey::from_text("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").is_err());
    }
}
