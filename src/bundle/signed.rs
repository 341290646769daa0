//! A signed document in one file: the document on the first line, then a line `<key id> <base64 of the signature>` for
//! each key. Ed25519 over the first line without its line end.

use super::fault::Fault;
use super::keys::KeyId;
#[cfg(feature = "builder")]
use super::keys::SigningKey;
use super::trust::{Signer, Trust};
use crate::plan::limits;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Signs one line of text.
#[cfg(feature = "builder")]
pub fn sign(document: &str, keys: &[&SigningKey]) -> Vec<u8> {
    debug_assert!(!document.contains('\n'), "a signed document is one line");
    let mut bytes = format!("{document}\n");
    for key in keys {
        let signature = STANDARD.encode(key.sign(document.as_bytes()));
        bytes.push_str(&format!("{} {signature}\n", key.public().id()));
    }
    bytes.into_bytes()
}

/// The document and its signer, where a trusted key signed it.
pub fn verify<'a>(bytes: &'a [u8], trust: &Trust) -> Result<(&'a str, Signer), Fault> {
    let (document, signatures) = split(bytes)?;
    let signer = trust.signer(document.as_bytes(), &signatures)?;
    Ok((document, signer))
}

/// The document and its signatures, believed by nobody yet.
fn split(bytes: &[u8]) -> Result<(&str, BTreeMap<KeyId, Vec<u8>>), Fault> {
    let bad = |why: &str| Fault::document("the signed file", why.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| bad("it is not text"))?;
    let text = text.strip_suffix('\n').ok_or_else(|| bad("it is cut"))?;
    let mut lines = text.split('\n');
    let document = lines.next().unwrap_or_default();
    let mut signatures = BTreeMap::new();
    for line in lines {
        let (key, signature) = line.split_once(' ').ok_or_else(|| bad("a line is not a key's id and a signature"))?;
        let key = KeyId::from_hex(key).ok_or_else(|| bad("a line does not start with a key's id"))?;
        let signature = STANDARD.decode(signature).map_err(|_| bad("a signature is not base64"))?;
        if signatures.len() == limits::SIGNATURES || signatures.insert(key, signature).is_some() {
            return Err(bad("it has too many signatures, or a key's twice"));
        }
    }
    Ok((document, signatures))
}

#[cfg(test)]
mod tests {
    use super::{sign, verify};
    use crate::bundle::{Fault, SigningKey, Trust};

    #[test]
    fn a_document_is_its_signers_to_the_last_bit() {
        let (own, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let trust = Trust::keys("test", vec![("own.pem".to_owned(), own.public())]).unwrap();
        let bytes = sign("{\"a\":1}", &[&other, &own]);
        let (document, signer) = verify(&bytes, &trust).unwrap();
        assert_eq!((document, signer.name.as_str()), ("{\"a\":1}", "own.pem"));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            // Only a signature by a key that nobody trusts may differ.
            if let Ok((document, _)) = verify(&changed, &trust) {
                assert_eq!(document, "{\"a\":1}");
            }
            assert!(verify(&bytes[..at], &trust).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_is_not_signed_by_a_trusted_key_is_refused() {
        let (own, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let trust = Trust::keys("test", vec![("own.pem".to_owned(), own.public())]).unwrap();
        assert!(matches!(verify(b"{}\n", &trust), Err(Fault::Unsigned)));
        assert!(matches!(verify(&sign("{}", &[&other]), &trust), Err(Fault::UnknownSigner { .. })));
        let mixed = [b"{\"b\":2}\n".as_slice(), &sign("{}", &[&own])[3..]].concat();
        assert!(matches!(verify(&mixed, &trust), Err(Fault::BadSignature { .. })));
        let twice = [sign("{}", &[&own]), sign("{}", &[&own])[3..].to_vec()].concat();
        for bad in [&twice[..], b"", b"\n", b"{}\nx\n", b"{}\nx y\n", b"\xff\n", &b"{}\n".repeat(100)] {
            assert!(verify(bad, &trust).is_err());
        }
    }
}
