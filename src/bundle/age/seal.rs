//! Sealing, without chance: whatever is random in the format comes from a secret, the recipient and the text itself.
//! The same text sealed to the same recipient is the same file, so that an unchanged export is one. To those without
//! the secret it looks like chance; what they learn is that two sealed parts are equal, which digests say anyway.

use super::keys::Recipient;
use super::{CHUNK, SHORT, VERSION, cipher, derive, mac, nonce, wrapping_key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::Nonce;
use chacha20poly1305::aead::Aead;
use curve25519_dalek::montgomery::MontgomeryPoint;
use hmac::Mac;

/// Seals; holds the secret that stands in for chance.
pub struct Sealer {
    secret: [u8; 32],
}

/// Something that is about to be sealed.
pub struct Prepared<'a> {
    seed: [u8; 32],
    recipient: Recipient,
    plain: &'a [u8],
}

impl Sealer {
    /// Seals with a secret that nobody else has.
    pub fn new(secret: [u8; 32]) -> Sealer {
        Sealer { secret }
    }

    /// Looks at text and recipient; the costly part comes with [`Prepared::seal`].
    pub fn prepare<'a>(&self, recipient: Recipient, plain: &'a [u8]) -> Prepared<'a> {
        let mut mac =
            <super::HmacSha256 as hmac::digest::KeyInit>::new_from_slice(&self.secret).expect("HMAC takes any key");
        mac.update(&recipient.0);
        mac.update(plain);
        Prepared { seed: mac.finalize().into_bytes().into(), recipient, plain }
    }
}

impl Prepared<'_> {
    /// Equal for what would be sealed to the same file; says nothing to those without the secret.
    pub fn tag(&self) -> [u8; 16] {
        let mut tag = [0; 16];
        tag.copy_from_slice(&derive(&self.seed, &[], b"compute-init tag")[..16]);
        tag
    }

    /// The file.
    pub fn seal(&self) -> Vec<u8> {
        let ephemeral = derive(&self.seed, &[], b"compute-init ephemeral");
        let random = derive(&self.seed, &[], b"compute-init file key and nonce");
        let (mut file_key, mut salt) = ([0; SHORT], [0; SHORT]);
        file_key.copy_from_slice(&random[..SHORT]);
        salt.copy_from_slice(&random[SHORT..]);
        let share = MontgomeryPoint::mul_base_clamped(ephemeral).0;
        let shared = MontgomeryPoint(self.recipient.0).mul_clamped(ephemeral).0;
        let wrapping = cipher(wrapping_key(&shared, &share, &self.recipient.0));
        let wrapped = wrapping.encrypt(&Nonce::default(), &file_key[..]).expect("16 bytes can be sealed");
        let base64 = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        let mut file = VERSION.to_vec();
        file.extend(format!("-> X25519 {}\n{}\n---", base64(&share), base64(&wrapped)).bytes());
        let mac = mac(&file_key, &file).finalize().into_bytes();
        file.extend(format!(" {}\n", base64(&mac)).bytes());
        file.extend(salt);
        let body = cipher(derive(&file_key, &salt, b"payload"));
        let chunks = self.plain.len().div_ceil(CHUNK).max(1);
        for number in 0..chunks {
            let piece = &self.plain[number * CHUNK..self.plain.len().min((number + 1) * CHUNK)];
            let sealed = body.encrypt(&nonce(number, chunks), piece);
            file.extend(sealed.expect("a chunk of 64 KiB can be sealed"));
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AgeError, Identity, open};
    use super::Sealer;

    fn seal(plain: &[u8], to: &Identity) -> Vec<u8> {
        Sealer::new([1; 32]).prepare(to.recipient(), plain).seal()
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_identity_alone() {
        let (own, other) = (Identity::from_random([7; 32]), Identity::from_random([8; 32]));
        for length in [0, 1, 100, 65_535, 65_536, 65_537, 200_000] {
            let plain: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let sealed = seal(&plain, &own);
            assert_eq!(open(&sealed, &own).unwrap(), plain, "{length}");
            assert_eq!(open(&sealed, &other), Err(AgeError::Foreign(other.recipient())));
        }
    }

    #[test]
    fn the_same_is_sealed_to_the_same_and_nothing_else_is() {
        let (own, other) = (Identity::from_random([7; 32]), Identity::from_random([8; 32]));
        let sealer = Sealer::new([1; 32]);
        let tag = |to: &Identity, text: &[u8]| sealer.prepare(to.recipient(), text).tag();
        assert_eq!(seal(b"x", &own), seal(b"x", &own));
        assert_eq!(tag(&own, b"x"), tag(&own, b"x"));
        assert_ne!(tag(&own, b"x"), tag(&other, b"x"));
        assert_ne!(tag(&own, b"x"), tag(&own, b"y"));
        assert_ne!(seal(b"x", &own), Sealer::new([2; 32]).prepare(own.recipient(), b"x").seal());
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_found() {
        let own = Identity::from_random([7; 32]);
        let sealed = seal(b"the munge key", &own);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&changed, &own).is_err(), "byte {at}");
            assert!(open(&sealed[..at], &own).is_err(), "cut at {at}");
        }
        assert!(open(&[sealed.clone(), vec![0]].concat(), &own).is_err());
        let long = seal(&vec![5; 65_536 * 2], &own);
        assert!(open(&long[..long.len() - 65_552], &own).is_err(), "a chunk less");
    }

    #[test]
    fn headers_are_bounded() {
        let own = Identity::from_random([7; 32]);
        let stanza = "-> X25519 aaaa\n\n";
        for bad in [
            format!("age-encryption.org/v1\n{}", "-> scrypt a\n\n".repeat(1000)),
            format!("age-encryption.org/v1\n{stanza}"),
            format!("age-encryption.org/v1\n-> {}\n", "x".repeat(5000)),
            format!("age-encryption.org/v1\n-> x\n{}", format!("{}\n", "A".repeat(64)).repeat(5000)),
            "age-encryption.org/v2\n".to_owned(),
            String::new(),
        ] {
            assert!(matches!(open(bad.as_bytes(), &own), Err(AgeError::Format(_))), "{}", &bad[..bad.len().min(60)]);
        }
    }
}
