//! The vault passwords of one command, what they opened, and where encrypted values stand, for messages.
//!
//! Nothing of it is stored: it ends with the command.

use super::cipher::{Envelope, Fault};
use super::{Vault, is_sealed};
use crate::plan::{Data, limits};
use crate::vars::filters::vault;
use crate::vars::registry::Filter;
use crate::yaml::{self, Content, Flavour, Node};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

/// A shorter text is no secret that can be told from other text.
const SHORTEST: usize = 4;
/// The same for a value of a file that is encrypted as a whole: much in it is no secret.
const SHORTEST_IN_FILE: usize = 8;
/// What is shown instead of a secret.
const MASK: &str = "********";

/// A password and the label of its vault id.
#[derive(Clone)]
pub struct Password {
    /// The label; `default` where none was given.
    pub label: String,
    /// The password itself.
    pub secret: Vec<u8>,
}

/// Passwords, in the order in which they are tried.
#[derive(Default)]
pub struct Keyring {
    passwords: Vec<Password>,
    /// What was opened: deriving a key takes milliseconds, and a loop may ask often.
    opened: RefCell<HashMap<Vec<u8>, Vec<u8>>>,
    /// Where envelopes stand.
    places: RefCell<HashMap<Vec<u8>, String>>,
    /// Texts that must not be shown, longest first.
    secrets: RefCell<BTreeSet<Secret>>,
}

/// A secret, ordered by falling length, so that one that holds another is masked first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Secret(std::cmp::Reverse<usize>, String);

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Keyring of {} passwords", self.passwords.len())
    }
}

impl Keyring {
    /// A keyring with these passwords.
    pub fn new(passwords: Vec<Password>) -> Keyring {
        Keyring { passwords, ..Keyring::default() }
    }

    /// A file of variables, whole or in parts encrypted; `path` is for messages.
    pub fn read_vars(&self, path: &str, bytes: &[u8]) -> Result<Data, String> {
        let whole = is_sealed(bytes);
        let text = if whole { self.open(bytes).map_err(|why| format!("{path}: {why}"))? } else { bytes.to_vec() };
        let data = yaml::read_vars(&text).map_err(|e| format!("{path}: {e}"))?;
        if whole {
            self.conceal(&data);
        } else if bytes.windows(6).any(|w| w == b"!vault")
            && let Ok(document) = yaml::document(&text, Flavour::Ansible)
        {
            self.note_within(path, &document.root);
        }
        Ok(data)
    }

    /// Remembers where the encrypted values beneath a node stand.
    fn note_within(&self, path: &str, node: &Node) {
        match &node.content {
            Content::Scalar(Data::Vault(envelope)) => {
                self.note(envelope, &format!("{path}:{}:{}", node.start.line, node.start.column));
            }
            Content::Scalar(_) => {}
            Content::List(items) => items.iter().for_each(|i| self.note_within(path, i)),
            Content::Map(pairs) => pairs.iter().for_each(|(_, v)| self.note_within(path, v)),
        }
    }

    /// Remembers where an encrypted value stands.
    pub fn note(&self, envelope: &str, place: &str) {
        self.places.borrow_mut().insert(envelope.as_bytes().to_vec(), place.to_owned());
    }

    /// The text with every secret in it masked.
    pub fn masked(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for Secret(_, secret) in self.secrets.borrow().iter() {
            if out.contains(secret.as_str()) {
                out = out.replace(secret.as_str(), MASK);
            }
        }
        out
    }

    fn conceal_text(&self, text: &str, shortest: usize) {
        let mut secrets = self.secrets.borrow_mut();
        // Diffs show lines, results one text in which newlines are escaped.
        let lines = text.lines().map(str::trim);
        let quoted = serde_json::to_string(text.trim_end()).unwrap_or_default();
        let whole = [text.trim().to_owned(), quoted.trim_matches('"').to_owned()];
        for part in lines.map(str::to_owned).chain(whole).filter(|s| s.chars().count() >= shortest) {
            secrets.insert(Secret(std::cmp::Reverse(part.len()), part));
        }
    }

    fn conceal_at(&self, data: &Data, depth: usize) {
        if depth > limits::DEPTH {
            return;
        }
        match data {
            Data::Str(text) | Data::Unsafe(text) if !text.contains("{{") => self.conceal_text(text, SHORTEST_IN_FILE),
            Data::List(items) | Data::Tuple(items) => items.iter().for_each(|d| self.conceal_at(d, depth + 1)),
            Data::Map(map) => map.values().for_each(|d| self.conceal_at(d, depth + 1)),
            _ => {}
        }
    }

    /// Tries the passwords: those with the envelope's label first.
    fn try_all(&self, envelope: &[u8]) -> Result<Vec<u8>, String> {
        let parsed = Envelope::parse(envelope).map_err(|fault| match fault {
            Fault::Unknown => "it is encrypted with a version or cipher of Ansible Vault that is not known",
            Fault::Malformed | Fault::Wrong => "it is not a whole Ansible Vault envelope",
        })?;
        let sealed_by = parsed.label.as_ref().map(|l| format!(" (vault id {l})")).unwrap_or_default();
        if self.passwords.is_empty() {
            let way = "give one with --vault-password-file or --vault-id";
            return Err(format!(
                "it is encrypted with Ansible Vault{sealed_by}, and there is no vault password: {way}"
            ));
        }
        let matches = |p: &&Password| parsed.label.as_ref() == Some(&p.label);
        let others = self.passwords.iter().filter(|p| !matches(p));
        for password in self.passwords.iter().filter(matches).chain(others) {
            match parsed.open(&password.secret) {
                Ok(text) => return Ok(text),
                Err(Fault::Wrong) => {}
                Err(_) => return Err("it is not a whole Ansible Vault envelope".to_owned()),
            }
        }
        let labels: Vec<&str> = self.passwords.iter().map(|p| p.label.as_str()).collect();
        let given = labels.join(", ");
        Err(format!("none of the vault passwords that were given opens it{sealed_by}; given were those of: {given}"))
    }
}

impl Vault for Keyring {
    fn is_empty(&self) -> bool {
        self.passwords.is_empty()
    }

    fn open(&self, envelope: &[u8]) -> Result<Vec<u8>, String> {
        if let Some(known) = self.opened.borrow().get(envelope) {
            return Ok(known.clone());
        }
        let text = self.try_all(envelope).map_err(|why| match self.places.borrow().get(envelope) {
            Some(place) => format!("{place}: {why}"),
            None => why,
        })?;
        if let (Ok(text), true) = (std::str::from_utf8(&text), text.len() <= limits::SECRET) {
            self.conceal_text(text, SHORTEST);
        }
        self.opened.borrow_mut().insert(envelope.to_vec(), text.clone());
        Ok(text)
    }

    fn filter(&self, name: &str) -> Option<Filter> {
        match name {
            "unvault" => Some(vault::unvault),
            "vault" => Some(vault::vault),
            _ => None,
        }
    }

    fn conceal(&self, variables: &Data) {
        self.conceal_at(variables, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cipher::seal;
    use super::*;

    fn keyring(passwords: &[(&str, &str)]) -> Keyring {
        let password =
            |(label, secret): &(&str, &str)| Password { label: (*label).to_owned(), secret: (*secret).into() };
        Keyring::new(passwords.iter().map(password).collect())
    }

    #[test]
    fn the_label_is_tried_first_and_the_others_after_it() {
        let ring = keyring(&[("dev", "one"), ("prod", "two")]);
        for label in ["prod", "default", "unheard"] {
            assert_eq!(ring.open(seal(b"text", b"two", b"salt", label).as_bytes()).as_deref(), Ok(&b"text"[..]));
        }
        let why = ring.open(seal(b"text", b"three", b"salt", "prod").as_bytes()).expect_err("no password");
        assert!(why.contains("vault id prod") && why.contains("dev, prod"), "{why}");
        let why = keyring(&[]).open(seal(b"text", b"three", b"salt", "").as_bytes()).expect_err("no password");
        assert!(why.contains("--vault-password-file"), "{why}");
    }

    #[test]
    fn values_know_where_they_stand_and_are_masked_once_open() {
        let ring = keyring(&[("default", "pw")]);
        let envelope = seal(b"s3cret value", b"pw", b"salt", "");
        let indented: String = envelope.lines().map(|l| format!("  {l}\n")).collect();
        let file = format!("plain: 1\nkey: !vault |\n{indented}other: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  00\n");
        let data = ring.read_vars("vars.yml", file.as_bytes()).expect("reads");
        let Some(Data::Vault(key)) = data.get("key") else { panic!("{data:?}") };
        assert_eq!(ring.masked("it is s3cret value here"), "it is s3cret value here");
        assert_eq!(ring.open(key.as_bytes()).as_deref(), Ok(&b"s3cret value"[..]));
        assert_eq!(ring.masked("it is s3cret value here"), "it is ******** here");
        let Some(Data::Vault(other)) = data.get("other") else { panic!("{data:?}") };
        let why = ring.open(other.as_bytes()).expect_err("damaged");
        assert!(why.starts_with("vars.yml:"), "{why}");
    }

    #[test]
    fn a_whole_file_is_opened_and_its_values_are_secrets() {
        let ring = keyring(&[("default", "pw")]);
        let sealed = seal(b"a: topsecret\nb: [1, 'also secret']\nport: ssh\n", b"pw", b"salt", "");
        let data = ring.read_vars("f", sealed.as_bytes()).expect("reads");
        assert_eq!(data.get("a"), Some(&Data::str("topsecret")));
        assert_eq!(ring.masked("topsecret, also secret, 1, ssh"), "********, ********, 1, ssh");
        assert!(keyring(&[("default", "no")]).read_vars("f", sealed.as_bytes()).expect_err("shut").starts_with("f: "));
    }
}
