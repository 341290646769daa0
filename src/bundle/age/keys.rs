//! A node's identity (secret) and the recipient (public) that belongs to it, as `age-keygen` writes them.

use bech32::{Bech32, Hrp};
use curve25519_dalek::montgomery::MontgomeryPoint;
use std::fmt;

/// The readable part of a recipient.
const PUBLIC: &str = "age";
/// The readable part of an identity.
const SECRET: &str = "age-secret-key-";

/// To whom something is sealed: a public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient(pub(in crate::bundle) [u8; 32]);

/// Who can open it: a private key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity(pub(super) [u8; 32]);

/// Why a text is no key. Never holds the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgeKeyError(pub String);

impl fmt::Display for AgeKeyError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AgeKeyError {}

fn decode(text: &str, kind: &str) -> Option<[u8; 32]> {
    let (hrp, bytes) = bech32::decode(text).ok()?;
    // A key that was typed with the newer checksum is another text: encoded again it must be the same.
    let again = bech32::encode_lower::<Bech32>(hrp, &bytes).ok()?;
    (hrp == Hrp::parse(kind).ok()? && again.eq_ignore_ascii_case(text)).then(|| bytes.try_into().ok())?
}

fn encode(bytes: &[u8; 32], kind: &str) -> String {
    let hrp = Hrp::parse(kind).expect("our own kinds of keys are valid");
    bech32::encode_lower::<Bech32>(hrp, bytes).expect("32 bytes fit into a Bech32 text")
}

/// Points of order eight.
const OF_ORDER_EIGHT: [[u8; 32]; 2] = [
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
];

/// Whether a point shares the same secret with everybody. The few that do are known, and comparing costs nothing, where
/// multiplying would take a second for ten thousand recipients.
fn is_of_low_order(point: &[u8; 32]) -> bool {
    /// Nought and one, and about the field's prime: minus one, and other spellings of both.
    const SMALL: [[u8; 32]; 5] =
        [[0; 32], spelt(1, 0, 0), spelt(0xec, 0xff, 0x7f), spelt(0xed, 0xff, 0x7f), spelt(0xee, 0xff, 0x7f)];
    let mut point = *point;
    // The highest bit does not count.
    point[31] &= 0x7f;
    SMALL.contains(&point) || OF_ORDER_EIGHT.contains(&point)
}

/// A number by its first byte, those between, and its last.
const fn spelt(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

impl Recipient {
    /// Reads `age1...`.
    pub fn parse(text: &str) -> Result<Recipient, AgeKeyError> {
        let bad = |why: &str| AgeKeyError(format!("{text:?} is not an age recipient: {why}"));
        if text.len() > 128 {
            return Err(AgeKeyError("a text this long is not an age recipient".to_owned()));
        }
        if text.to_ascii_lowercase().starts_with(SECRET) {
            return Err(AgeKeyError(
                "it is an age identity, which is secret; the recipient (age1...) is wanted".into(),
            ));
        }
        if text.starts_with("ssh-") {
            return Err(bad("keys of ssh are not taken, only X25519 (age-keygen)"));
        }
        let bytes = decode(text, PUBLIC).ok_or_else(|| bad("wanted is age1 and 58 more characters"))?;
        if is_of_low_order(&bytes) {
            return Err(bad("it is a key that keeps nothing secret"));
        }
        Ok(Recipient(bytes))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&encode(&self.0, PUBLIC))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Identity {
    /// An identity of these random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Identity {
        Identity(bytes)
    }

    /// Reads a file as `age-keygen` writes it: lines with `#` are remarks, one line is the key.
    pub fn parse(text: &str) -> Result<Identity, AgeKeyError> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(AgeKeyError("wanted is one line AGE-SECRET-KEY-1..., as age-keygen writes it".to_owned()));
        };
        if line.to_ascii_lowercase().starts_with("age-plugin-") {
            return Err(AgeKeyError("identities of age's plugins are not taken".to_owned()));
        }
        let bytes = decode(line, SECRET)
            .ok_or_else(|| AgeKeyError("it is not an age identity (AGE-SECRET-KEY-1..., by age-keygen)".to_owned()))?;
        Ok(Identity(bytes))
    }

    /// What this identity and the owner of a point share.
    pub(in crate::bundle) fn shared_with(&self, point: [u8; 32]) -> [u8; 32] {
        MontgomeryPoint(point).mul_clamped(self.0).0
    }

    /// To whom is sealed what this identity opens.
    pub fn recipient(&self) -> Recipient {
        Recipient(MontgomeryPoint::mul_base_clamped(self.0).0)
    }

    /// The key itself, for the one file that may hold it.
    pub fn reveal(&self) -> String {
        encode(&self.0, SECRET).to_ascii_uppercase()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "identity of {}", self.recipient())
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, Recipient};

    #[test]
    fn keys_are_read_back_and_belong_together() {
        let identity = Identity::from_random([7; 32]);
        let text = identity.reveal();
        assert!(text.starts_with("AGE-SECRET-KEY-1") && text.len() == 74, "{}", text.len());
        assert_eq!(Identity::parse(&format!("# created: now\n# public key: x\n{text}\n")).unwrap(), identity);
        let recipient = identity.recipient().to_string();
        assert!(recipient.starts_with("age1") && recipient.len() == 62, "{recipient}");
        assert_eq!(Recipient::parse(&recipient).unwrap(), identity.recipient());
        assert!(!format!("{identity:?}").contains(&text));
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_shown() {
        let identity = Identity::from_random([7; 32]);
        let (secret, public) = (identity.reveal(), identity.recipient().to_string());
        let mut typo = public.clone();
        typo.replace_range(10..11, if &public[10..11] == "q" { "p" } else { "q" });
        for bad in ["", "age1", "ssh-ed25519 AAAA", &typo, &public[..60], &secret, &"age1".repeat(99)] {
            let error = Recipient::parse(bad).unwrap_err().to_string();
            assert!(!error.contains(&secret), "{error}");
        }
        let zero = super::encode(&[0; 32], super::PUBLIC);
        assert!(Recipient::parse(&zero).unwrap_err().0.contains("nothing secret"));
        let broken = secret.replace('Q', "P");
        for bad in ["", "# only a remark\n", &public, &broken, &format!("{secret}\n{secret}\n"), "AGE-PLUGIN-TPM-1X"] {
            let error = Identity::parse(bad).unwrap_err().to_string();
            assert!(!error.contains(&secret[20..40]) && !error.contains(&broken[20..40]), "{error}");
        }
    }

    #[test]
    fn points_that_keep_nothing_secret_are_all_known() {
        use super::{MontgomeryPoint, is_of_low_order};
        let keeps_nothing = |point: &[u8; 32]| MontgomeryPoint(*point).mul_clamped([1; 32]).0 == [0; 32];
        let mut found = 0;
        // Every spelling of a small number and of those around the field's prime, with and without the bit that does not
        // count.
        for (low, between, high) in [(0, 0, 0), (0, 0xff, 0x7f)] {
            for first in low..=0xff {
                for bit in [0, 0x80] {
                    let point = super::spelt(first, between, high | bit);
                    assert_eq!(is_of_low_order(&point), keeps_nothing(&point), "{point:?}");
                    found += usize::from(keeps_nothing(&point));
                }
            }
        }
        assert_eq!(found, 10);
        for n in 0..20 {
            let point = Identity::from_random([n; 32]).recipient().0;
            assert!(!is_of_low_order(&point) && !keeps_nothing(&point));
        }
        for start in [0xe0, 0x5f] {
            let eighth = super::OF_ORDER_EIGHT.iter().find(|p| p[0] == start).unwrap();
            assert!(keeps_nothing(eighth) && is_of_low_order(eighth));
        }
    }
}
