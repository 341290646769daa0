//! Lines of an authorized_keys file, read and written as Ansible does: what it cannot read stays as it is.

use crate::sys::order;
use crate::vars::pyre::{Flags, Regex};

/// The key types that sshd knows.
const TYPES: [&str; 23] = [
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "ssh-dss",
    "ssh-rsa",
    "ssh-xmss@openssh.com",
    "ssh-xmss-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "ssh-dss-cert-v01@openssh.com",
];

/// The options before a key, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(Vec<(String, Option<String>)>);

/// A line.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key itself, which tells lines apart; the whole line where it is none.
    pub key: String,
    /// Its type; `None` for a line that is kept as it is.
    kind: Option<String>,
    /// Options; `None` where the line is no key.
    pub options: Option<Options>,
    /// The rest of the line.
    pub comment: String,
    /// Its place in the file.
    rank: usize,
}

impl Entry {
    /// The lines of a file. Of those with the same key the last one counts.
    pub fn all(content: &str) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (rank, line) in content.split_inclusive('\n').enumerate() {
            let entry = Entry::parse(line, rank).unwrap_or_else(|| Entry::kept(line, rank));
            entries.retain(|e| e.key != entry.key);
            entries.push(entry);
        }
        entries
    }

    fn kept(line: &str, rank: usize) -> Entry {
        Entry { key: line.to_owned(), kind: None, options: None, comment: String::new(), rank }
    }

    /// A line with a key; `None` where there is none in it.
    pub fn parse(line: &str, rank: usize) -> Option<Entry> {
        let line = line.replace(r"\#", "#");
        let words: Vec<&str> = line.split([' ', '\t', '\r', '\n']).filter(|w| !w.is_empty()).collect();
        if words.first() == Some(&"#") {
            return Some(Entry::kept(&line, rank));
        }
        let at = words.iter().position(|w| TYPES.contains(w))?;
        let key = words.get(at + 1)?;
        Some(Entry {
            key: (*key).to_owned(),
            kind: Some(words[at].to_owned()),
            options: Some(Options::parse(&words[..at].join(" "))),
            comment: words[at + 2..].join(" "),
            rank,
        })
    }

    /// Whether the two say the same.
    pub fn same(&self, other: &Entry) -> bool {
        (&self.key, &self.kind, &self.options, &self.comment)
            == (&other.key, &other.kind, &other.options, &other.comment)
    }
}

impl Options {
    /// `a,b="c,d"` as pairs; quotes keep commas.
    pub fn parse(text: &str) -> Options {
        let mut pairs = Vec::new();
        let pattern = Regex::new(r#"((?:[^,"']|"[^"]*"|'[^']*')+)"#, Flags::default());
        let parts = pattern.and_then(|p| p.split(text).map(|s| s.into_iter().map(|p| p.map(str::to_owned)).collect()));
        let parts: Vec<Option<String>> = parts.unwrap_or_default();
        let inner = if parts.len() > 2 { &parts[1..parts.len() - 1] } else { &[] };
        for part in inner.iter().flatten().filter(|p| *p != ",") {
            match part.split_once('=') {
                Some((name, value)) => pairs.push((name.to_owned(), Some(value.to_owned()))),
                None => pairs.push((part.clone(), None)),
            }
        }
        Options(pairs)
    }

    fn text(&self) -> String {
        let one = |(name, value): &(String, Option<String>)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        };
        let all: Vec<String> = self.0.iter().map(one).collect();
        if all.is_empty() { String::new() } else { all.join(",") + " " }
    }
}

/// The file that holds these lines.
pub fn text_of(mut entries: Vec<Entry>) -> String {
    order::by(&mut entries, |a, b| a.rank.cmp(&b.rank));
    let line = |e: &Entry| match &e.kind {
        None => e.key.clone(),
        Some(kind) => {
            let options = e.options.as_ref().map(Options::text).unwrap_or_default();
            format!("{options}{kind} {} {}\n", e.key, e.comment)
        }
    };
    entries.iter().map(line).collect()
}
