//! Password hashes as crypt(3) knows them: `$1$`, `$5$`, `$6$` and bcrypt, for the password_hash filter.
//!
//! Defaults are those of Ansible with passlib, which sites install: 656,000 rounds for `$6$`.
//! Parameters that libxcrypt answers with its failure token (`*0`) are errors here: that token locks an account.

use super::random;
use md5::{Digest, Md5};
use std::cell::RefCell;
use std::fmt::Write;

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BCRYPT_ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Rounds that a template may ask for: some seconds of work.
const MOST_ROUNDS: u32 = 10_000_000;
/// bcrypt's cost is a power of two; 16 is some seconds of work.
const MOST_COST: u32 = 16;

/// Hashes that are kept, and the longest secret whose hash is.
const KEPT: (usize, usize) = (64, 1024);

/// A hash, and all that it was made of.
struct Made {
    algorithm: Algorithm,
    secret: Vec<u8>,
    settings: Settings,
    hash: String,
}

thread_local! {
    /// A variable that hashes a password is evaluated by each task that uses it, and one hash is more work than all else
    /// that a boot does.
    static MADE: RefCell<Vec<Made>> = const { RefCell::new(Vec::new()) };
}

/// A way to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `$1$`
    Md5,
    /// `$2b$`
    Bcrypt,
    /// `$5$`
    Sha256,
    /// `$6$`
    Sha512,
}

/// What a hash is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The salt; random where there is none.
    pub salt: Option<String>,
    /// The random salt's length.
    pub salt_size: Option<usize>,
    /// Rounds, or bcrypt's cost.
    pub rounds: Option<u32>,
    /// bcrypt's variant (`2a`, `2b`, `2y`).
    pub ident: Option<String>,
}

#[cfg(feature = "builder")]
impl Settings {
    /// The same with the fewest rounds, where the number asked for is one that is allowed: whether hashing works does not
    /// depend on it.
    pub fn with_little_work(mut self, algorithm: Algorithm) -> Settings {
        let (least, most) = match algorithm {
            Algorithm::Md5 => return self,
            Algorithm::Bcrypt => (4, MOST_COST),
            Algorithm::Sha256 | Algorithm::Sha512 => (1000, MOST_ROUNDS),
        };
        if self.rounds.is_none_or(|rounds| rounds == 0 || (least..=most).contains(&rounds)) {
            self.rounds = Some(least);
        }
        self
    }
}

impl Algorithm {
    /// By Ansible's or passlib's name.
    pub fn named(name: &str) -> Option<Algorithm> {
        Some(match name {
            "md5" | "md5_crypt" => Algorithm::Md5,
            "blowfish" | "bcrypt" => Algorithm::Bcrypt,
            "sha256" | "sha256_crypt" => Algorithm::Sha256,
            "sha512" | "sha512_crypt" => Algorithm::Sha512,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5_crypt",
            Algorithm::Bcrypt => "bcrypt",
            Algorithm::Sha256 => "sha256_crypt",
            Algorithm::Sha512 => "sha512_crypt",
        }
    }

    /// The salt's length, or the longest that is allowed.
    pub fn salt_size(self) -> usize {
        match self {
            Algorithm::Md5 => 8,
            Algorithm::Bcrypt => 22,
            Algorithm::Sha256 | Algorithm::Sha512 => 16,
        }
    }

    /// Rounds where nobody asks for a number: Ansible's defaults for passlib.
    fn default_rounds(self) -> u32 {
        match self {
            Algorithm::Md5 => 1000,
            Algorithm::Bcrypt => 12,
            Algorithm::Sha256 => 535_000,
            Algorithm::Sha512 => 656_000,
        }
    }

    fn unsupported(self) -> String {
        format!("crypt.crypt does not support '{}' algorithm", self.name())
    }
}

/// Hashes `secret`.
pub fn hash(algorithm: Algorithm, secret: &[u8], settings: &Settings) -> Result<String, String> {
    if secret.contains(&0) {
        return Err("embedded null character".to_owned());
    }
    let size = settings.salt_size.filter(|n| *n > 0).unwrap_or(algorithm.salt_size());
    let salt = match settings.salt.as_deref().filter(|s| !s.is_empty()) {
        Some(salt) => salt.to_owned(),
        None => random_salt(size.min(64)).map_err(|e| format!("reading random numbers: {e}"))?,
    };
    if !salt.bytes().all(|b| ALPHABET.contains(&b)) {
        return Err("invalid characters in salt".to_owned());
    }
    let exact = algorithm == Algorithm::Bcrypt && salt.len() != algorithm.salt_size();
    if exact || salt.len() > algorithm.salt_size() {
        return Err("invalid salt size".to_owned());
    }
    // With a random salt no hash is made twice.
    let again = settings.salt.as_deref() == Some(salt.as_str()) && secret.len() <= KEPT.1;
    if again && let Some(hash) = made_before(algorithm, secret, settings) {
        return Ok(hash);
    }
    let hash = computed(algorithm, secret, &salt, settings)?;
    if again {
        let made = Made { algorithm, secret: secret.to_owned(), settings: settings.clone(), hash: hash.clone() };
        MADE.with_borrow_mut(|all| {
            all.truncate(KEPT.0 - 1);
            all.push(made);
        });
    }
    Ok(hash)
}

fn made_before(algorithm: Algorithm, secret: &[u8], settings: &Settings) -> Option<String> {
    MADE.with_borrow(|all| {
        let same = |m: &&Made| m.algorithm == algorithm && m.secret == secret && m.settings == *settings;
        all.iter().find(same).map(|m| m.hash.clone())
    })
}

fn computed(algorithm: Algorithm, secret: &[u8], salt: &str, settings: &Settings) -> Result<String, String> {
    match algorithm {
        // crypt(3) refuses rounds for MD5.
        Algorithm::Md5 if settings.rounds.is_some_and(|r| r != 0) => Err(algorithm.unsupported()),
        Algorithm::Md5 => Ok(format!("$1${salt}${}", md5_crypt(secret, salt.as_bytes()))),
        Algorithm::Bcrypt => bcrypt(secret, salt, settings),
        Algorithm::Sha256 | Algorithm::Sha512 => sha_crypt(algorithm, secret, salt, settings.rounds),
    }
}

/// A salt of `length` characters.
pub fn random_salt(length: usize) -> std::io::Result<String> {
    let mut bytes = vec![0u8; length];
    random::system(&mut bytes)?;
    Ok(bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 63)])).collect())
}

fn sha_crypt(algorithm: Algorithm, secret: &[u8], salt: &str, rounds: Option<u32>) -> Result<String, String> {
    let count = rounds.filter(|r| *r != 0).unwrap_or(algorithm.default_rounds());
    if count > MOST_ROUNDS {
        return Err(format!("{count} rounds are more than the {MOST_ROUNDS} allowed"));
    }
    let params = sha_crypt::Params::new(count).map_err(|_| algorithm.unsupported())?;
    let mut out = String::from(if algorithm == Algorithm::Sha256 { "$5$" } else { "$6$" });
    // What crypt(3) assumes by itself is not written.
    if count != 5_000 {
        let _ = write!(out, "rounds={count}$");
    }
    out.push_str(salt);
    out.push('$');
    if algorithm == Algorithm::Sha256 {
        let digest = sha_crypt::sha256_crypt(secret, salt.as_bytes(), params);
        spread(&digest, 10, |[a, b, c]| [c + 1, a + 1, b + 1], &mut out);
        encode(u32::from(digest[31]) << 8 | u32::from(digest[30]), 3, &mut out);
    } else {
        let digest = sha_crypt::sha512_crypt(secret, salt.as_bytes(), params);
        spread(&digest, 21, |[a, b, c]| [b + 1, c + 1, a + 1], &mut out);
        encode(u32::from(digest[63]), 2, &mut out);
    }
    Ok(out)
}

/// Three bytes at a time in the order that SHA-crypt's description lists: a third apart, rotating.
fn spread(digest: &[u8], third: usize, next: fn([usize; 3]) -> [usize; 3], out: &mut String) {
    let mut at = [0, third, 2 * third];
    for _ in 0..third {
        let [a, b, c] = at.map(|i| u32::from(digest[i]));
        encode(a << 16 | b << 8 | c, 4, out);
        at = next(at);
    }
}

/// `count` characters of six bits each, the lowest first.
fn encode(mut bits: u32, count: usize, out: &mut String) {
    for _ in 0..count {
        out.push(char::from(ALPHABET[(bits & 63) as usize]));
        bits >>= 6;
    }
}

fn md5_crypt(secret: &[u8], salt: &[u8]) -> String {
    let inner = Md5::new().chain_update(secret).chain_update(salt).chain_update(secret).finalize();
    let mut outer = Md5::new().chain_update(secret).chain_update(b"$1$").chain_update(salt);
    for start in (0..secret.len()).step_by(16) {
        outer.update(&inner[..(secret.len() - start).min(16)]);
    }
    let mut bits = secret.len();
    while bits > 0 {
        if bits & 1 == 1 {
            outer.update([0]);
        } else {
            outer.update(&secret[..1]);
        }
        bits >>= 1;
    }
    let mut digest = outer.finalize();
    for round in 0..1000 {
        let mut step = Md5::new();
        let odd = round % 2 == 1;
        step.update(if odd { secret } else { &digest[..] });
        if round % 3 != 0 {
            step.update(salt);
        }
        if round % 7 != 0 {
            step.update(secret);
        }
        step.update(if odd { &digest[..] } else { secret });
        digest = step.finalize();
    }
    let mut out = String::with_capacity(22);
    for [a, b, c] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        encode(u32::from(digest[a]) << 16 | u32::from(digest[b]) << 8 | u32::from(digest[c]), 4, &mut out);
    }
    encode(u32::from(digest[11]), 2, &mut out);
    out
}

fn bcrypt(secret: &[u8], salt: &str, settings: &Settings) -> Result<String, String> {
    let ident = settings.ident.as_deref().filter(|i| !i.is_empty()).unwrap_or("2b");
    let cost = settings.rounds.filter(|r| *r != 0).unwrap_or(Algorithm::Bcrypt.default_rounds());
    if !matches!(ident, "2a" | "2b" | "2y") || !(4..=31).contains(&cost) {
        return Err(Algorithm::Bcrypt.unsupported());
    }
    if cost > MOST_COST {
        return Err(format!("a cost of {cost} is more than the {MOST_COST} allowed"));
    }
    let raw = bcrypt_salt(salt).ok_or("invalid characters in salt")?;
    let mut key = secret.to_vec();
    key.push(0);
    key.truncate(72);
    let mut state: blowfish::Blowfish = blowfish::Blowfish::bc_init_state();
    state.salted_expand_key(&raw, &key);
    for _ in 0..1u32 << cost {
        state.bc_expand_key(&key);
        state.bc_expand_key(&raw);
    }
    let mut digest = Vec::with_capacity(24);
    for pair in b"OrpheanBeholderScryDoubt".chunks(8) {
        let word = |at: usize| pair[at..at + 4].iter().fold(0u32, |w, b| w << 8 | u32::from(*b));
        let mut block = [word(0), word(4)];
        for _ in 0..64 {
            block = state.bc_encrypt(block);
        }
        digest.extend(block.iter().flat_map(|w| w.to_be_bytes()));
    }
    Ok(format!("${ident}${cost:02}${}{}", bcrypt_text(&raw), bcrypt_text(&digest[..23])))
}

fn bcrypt_salt(salt: &str) -> Option<[u8; 16]> {
    let mut raw = Vec::with_capacity(17);
    let mut bits = 0u32;
    let mut count = 0;
    for b in salt.bytes() {
        bits = bits << 6 | u32::try_from(BCRYPT_ALPHABET.iter().position(|a| *a == b)?).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            raw.push((bits >> count & 0xff) as u8);
        }
    }
    raw.get(..16)?.try_into().ok()
}

fn bcrypt_text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 2);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(char::from(BCRYPT_ALPHABET[(bits >> (18 - 6 * i) & 63) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    //! Expected values: `crypt.crypt` of CPython 3.11 on Debian 12 (libxcrypt).
    use super::{Algorithm, Settings, hash, made_before};

    #[test]
    fn a_hash_is_made_once_of_the_same_and_anew_of_anything_else() {
        let few = with("saltsalt", Some(1000));
        let first = hash(Algorithm::Sha512, b"secret", &few).unwrap();
        assert_eq!(made_before(Algorithm::Sha512, b"secret", &few).as_deref(), Some(first.as_str()));
        for (algorithm, secret, settings) in [
            (Algorithm::Sha256, &b"secret"[..], few.clone()),
            (Algorithm::Sha512, b"other", few.clone()),
            (Algorithm::Sha512, b"secret", with("saltsalt", Some(1001))),
            (Algorithm::Sha512, b"secret", with("othersalt", Some(1000))),
        ] {
            assert_eq!(made_before(algorithm, secret, &settings), None);
            assert_ne!(hash(algorithm, secret, &settings).unwrap(), first);
        }
        assert_eq!(hash(Algorithm::Sha512, b"secret", &few).unwrap(), first);
        let random = Settings { rounds: Some(1000), ..Settings::default() };
        let drawn = hash(Algorithm::Sha512, b"secret", &random).unwrap();
        assert_ne!(hash(Algorithm::Sha512, b"secret", &random).unwrap(), drawn);
    }

    fn with(salt: &str, rounds: Option<u32>) -> Settings {
        Settings { salt: Some(salt.to_owned()), rounds, ..Settings::default() }
    }

    #[test]
    fn hashes_as_crypt_does() {
        let cases: [(Algorithm, &str, Settings, &str); 9] = [
            (
                Algorithm::Sha512,
                "secret",
                with("saltsalt", Some(5000)),
                "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
            ),
            (
                Algorithm::Sha512,
                "secret",
                with("saltsalt", Some(1000)),
                "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/",
            ),
            (Algorithm::Sha256, "", with("abc", Some(5000)), "$5$abc$bBHLwRRW2Li0XKaX13kz/g2fkDil4Jx46aNvd.48MS8"),
            (
                Algorithm::Sha256,
                "pass w\u{f6}rd",
                with("0123456789abcdef", Some(5000)),
                "$5$0123456789abcdef$YPmfDXKrlXk2ozsgzeY4YNjuQe5sr2S0mcEbcMrylm6",
            ),
            (Algorithm::Md5, "secret", with("saltsalt", None), "$1$saltsalt$9xy1btjgzLYfb7hivXtC//"),
            (
                Algorithm::Md5,
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                with("s", None),
                "$1$s$cDfaFG4DRganaGr.5QJB6/",
            ),
            (
                Algorithm::Bcrypt,
                "secret",
                with("aaaaaaaaaaaaaaaaaaaaaa", None),
                "$2b$12$aaaaaaaaaaaaaaaaaaaaaOpMI7cm5J3IGt8K1gTzg.ucKtQauuDGu",
            ),
            (
                Algorithm::Bcrypt,
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                with("abcdefghijklmnopqrstuu", Some(10)),
                "$2b$10$abcdefghijklmnopqrstuuhBb/0dYbuuS1CS8hp30IXhlFBW2VAWG",
            ),
            (
                Algorithm::Bcrypt,
                "secret",
                Settings { ident: Some("2y".into()), ..with("abcdefghijklmnopqrstuu", Some(10)) },
                "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u",
            ),
        ];
        for (algorithm, secret, settings, expected) in cases {
            assert_eq!(hash(algorithm, secret.as_bytes(), &settings).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn refuses_what_would_lock_an_account_or_never_end() {
        let error = |a, s: &Settings| hash(a, b"secret", s).expect_err("these parameters are refused");
        assert_eq!(
            error(Algorithm::Sha512, &with("salt", Some(10))),
            "crypt.crypt does not support 'sha512_crypt' algorithm"
        );
        assert_eq!(
            error(Algorithm::Md5, &with("salt", Some(10))),
            "crypt.crypt does not support 'md5_crypt' algorithm"
        );
        assert_eq!(
            error(Algorithm::Bcrypt, &with(&"a".repeat(22), Some(3))),
            "crypt.crypt does not support 'bcrypt' algorithm"
        );
        assert_eq!(error(Algorithm::Sha256, &with("sa lt", None)), "invalid characters in salt");
        assert_eq!(error(Algorithm::Sha256, &with(&"a".repeat(17), None)), "invalid salt size");
        assert_eq!(error(Algorithm::Bcrypt, &with("short", None)), "invalid salt size");
        assert!(error(Algorithm::Sha512, &with("salt", Some(999_999_999))).contains("rounds"));
        assert!(hash(Algorithm::Sha512, b"a\0b", &Settings::default()).is_err());
    }

    #[test]
    fn salts_are_random() {
        let quick = Settings { rounds: Some(1000), ..Settings::default() };
        let one = hash(Algorithm::Sha512, b"x", &quick).expect("the kernel has random numbers");
        let two = hash(Algorithm::Sha512, b"x", &quick).expect("the kernel has random numbers");
        assert_ne!(one, two);
        assert_eq!(one.split('$').nth(3).map(str::len), Some(16));
    }
}
