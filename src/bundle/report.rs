//! What a node leaves of a boot for the control node: one short word, authenticated by what the node's identity and the
//! export key's owner share. It proves that somebody who has this node's identity, or the export key, made it, and for
//! which host; not that it is true, and not that it is the last: whoever may write where it is left can take it away or
//! bring an older one back, which shows by its time.

use super::age::{Identity, derive};
use super::keys::PublicKey;
#[cfg(feature = "builder")]
use super::{age::Recipient, keys::SigningKey};
use hmac::Mac;

/// What every report starts with.
pub const START: &str = "ci1:";
/// What the key is made for.
const PURPOSE: &[u8] = b"compute-init report v1";
/// Hex digits of the authenticator.
const TAG: usize = 32;

/// What a node and the control node share, and nobody else.
pub struct ReportKey([u8; 32]);

/// What is told of a boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The serial number of the generation that it used.
    pub serial: u64,
    /// How it ended: a word.
    pub state: String,
    /// Tasks that changed something.
    pub changed: u64,
    /// When it ended, seconds since the epoch.
    pub time: u64,
}

impl ReportKey {
    /// The node's way to it.
    pub fn of_node(identity: &Identity, exporter: &PublicKey) -> ReportKey {
        ReportKey::of(&identity.shared_with(exporter.montgomery()), &identity.recipient().0, exporter)
    }

    /// The control node's way to it.
    #[cfg(feature = "builder")]
    pub fn of_exporter(key: &SigningKey, recipient: &Recipient) -> ReportKey {
        ReportKey::of(&key.shared_with(recipient), &recipient.0, &key.public())
    }

    fn of(shared: &[u8; 32], recipient: &[u8; 32], exporter: &PublicKey) -> ReportKey {
        ReportKey(derive(shared, &[recipient.as_slice(), &exporter.bytes()].concat(), PURPOSE))
    }

    fn tag(&self, host: &str, body: &str) -> String {
        let mut mac = <super::age::HmacSha256 as hmac::digest::KeyInit>::new_from_slice(&self.0)
            .expect("HMAC takes keys of any length");
        mac.update(host.as_bytes());
        mac.update(b":");
        mac.update(body.as_bytes());
        super::Digest::of(&mac.finalize().into_bytes()).hex()[..TAG].to_owned()
    }
}

impl Report {
    /// The report as one word: `ci1:SERIAL:STATE:CHANGED:TIME:AUTHENTICATOR`.
    pub fn word(&self, key: &ReportKey, host: &str) -> String {
        let body = format!("{START}{}:{}:{}:{}", self.serial, self.state, self.changed, self.time);
        let tag = key.tag(host, &body);
        body + ":" + &tag
    }

    /// Reads a word; believed by nobody yet.
    #[cfg(feature = "builder")]
    pub fn read(word: &str) -> Option<Report> {
        let mut parts = word.strip_prefix(START)?.split(':');
        let number = |part: Option<&str>| part?.parse::<u64>().ok();
        let report = Report {
            serial: number(parts.next())?,
            state: parts.next().filter(|s| s.len() <= 32 && s.bytes().all(|b| b.is_ascii_lowercase()))?.to_owned(),
            changed: number(parts.next())?,
            time: number(parts.next())?,
        };
        let tag = parts.next().filter(|tag| tag.len() == TAG);
        (tag.is_some() && parts.next().is_none()).then_some(report)
    }

    /// Whether this host made it, who shares the key.
    #[cfg(feature = "builder")]
    pub fn is_by(&self, word: &str, key: &ReportKey, host: &str) -> bool {
        // Nobody can ask often enough here for the time of comparing to tell anything.
        self.word(key, host) == word
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, ReportKey};
    use crate::bundle::SigningKey;
    use crate::bundle::age::Identity;

    fn report() -> Report {
        Report { serial: 1_795_000_000, state: "ready".to_owned(), changed: 3, time: 1_795_000_060 }
    }

    #[test]
    fn both_sides_have_the_same_key_and_others_have_not() {
        let (node, other) = (Identity::from_random([7; 32]), Identity::from_random([8; 32]));
        let (exporter, stranger) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let word = report().word(&ReportKey::of_node(&node, &exporter.public()), "n0");
        assert!(word.len() < 100, "it fits into a line: {word}");
        let read = Report::read(&word).unwrap();
        assert_eq!(read, report());
        let by = |key: &SigningKey, id: &Identity, host: &str| {
            read.is_by(&word, &ReportKey::of_exporter(key, &id.recipient()), host)
        };
        assert!(by(&exporter, &node, "n0"));
        assert!(!by(&exporter, &node, "n1"), "another host's word");
        assert!(!by(&exporter, &other, "n0"), "another identity");
        assert!(!by(&stranger, &node, "n0"), "another export key");
    }

    #[test]
    fn every_changed_character_is_found() {
        let (node, exporter) = (Identity::from_random([7; 32]), SigningKey::generate().unwrap());
        let key = ReportKey::of_exporter(&exporter, &node.recipient());
        let word = report().word(&key, "n0");
        for at in 0..word.len() {
            let mut changed = word.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(!Report::read(&changed).is_some_and(|r| r.is_by(&changed, &key, "n0")), "{changed}");
            assert!(!Report::read(&word[..at]).is_some_and(|r| r.is_by(&word[..at], &key, "n0")), "cut at {at}");
        }
        let tag = "0".repeat(32);
        for bad in ["", "ci1:", "maintenance on Friday", "ci2:1:ready:0:5:x", &format!("ci1:1:Ready 1:0:5:{tag}")] {
            assert_eq!(Report::read(bad), None, "{bad}");
        }
    }
}
