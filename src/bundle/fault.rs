//! Why a bundle is refused: one variant per thing that can be wrong, each with a stable code, a sentence that names
//! what and where, and what to do about it.

use super::keys::KeyId;
use crate::plan::status::State;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A bundle that was refused, and why.
#[derive(Debug)]
pub struct Error {
    /// The archive or the installed directory.
    pub bundle: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a bundle or with the keys that should vouch for it.
#[derive(Debug)]
pub enum Fault {
    /// It could not be read.
    Read {
        /// What was being done, as a gerund.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No bundle is installed.
    NotInstalled {
        /// The link that should name it.
        link: PathBuf,
        /// What the link is instead.
        why: String,
    },
    /// It is no archive as this format writes it.
    Archive(String),
    /// A member of the archive, or a file of the installed form, that must not be there.
    Member {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something is larger, or there is more of it, than may be.
    TooLarge {
        /// What.
        what: String,
        /// The bound, with its unit.
        limit: String,
    },
    /// `oci-layout` or `index.json` or the manifest is not as this format writes it.
    Document {
        /// The document.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no key to verify with.
    NoTrust {
        /// Where keys were looked for.
        place: String,
    },
    /// A trust key cannot be used.
    TrustFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody signed it.
    Unsigned,
    /// Only keys that are not trusted signed it.
    UnknownSigner {
        /// The keys that signed.
        signed: Vec<KeyId>,
        /// Names of the keys that are trusted.
        trusted: Vec<String>,
    },
    /// A trusted key is named, but it did not sign this.
    BadSignature {
        /// The key.
        key: KeyId,
        /// Its name.
        name: String,
    },
    /// The format is newer than this program.
    Newer {
        /// What it says it is.
        found: String,
    },
    /// A blob is missing or is not what the manifest says.
    Blob {
        /// Its digest or file name.
        name: String,
        /// What it is for.
        of: String,
        /// What is wrong with it.
        why: String,
    },
    /// The plan cannot be read, or does not fit the manifest.
    Plan(String),
}

/// Code, title and explanation of each fault, in the order of [`Fault`].
const CODES: &[(&str, &str, &str)] = &[
    (
        "B01",
        "the bundle cannot be read",
        "The file or directory could not be opened or read; the system's own message says why. Check the path, its permissions and the disk.",
    ),
    (
        "B02",
        "no bundle is installed",
        "/var/lib/compute-init/bundles/current must be a symbolic link to the digest of an installed bundle. `compute-init install BUNDLE --root DIR` makes it.",
    ),
    (
        "B03",
        "not a bundle archive",
        "A bundle is one gzip stream that holds one ustar archive, written by `compute-init build`. It may have been cut short or altered by a transfer, or been packed again by another tool. Copy it again, and compare `sha256sum` on both ends.",
    ),
    (
        "B04",
        "a member that must not be there",
        "A bundle holds oci-layout, index.json and the blobs that its manifest names, each a regular file, each once, sorted by name. Links, devices, directories, absolute or climbing paths and anything else are refused unread. Build the bundle again; do not add to it by hand.",
    ),
    (
        "B05",
        "larger than the bounds allow",
        "Every size and count of a bundle is bounded (src/plan/limits.rs), so that a hostile archive cannot exhaust the machine. Keep large files out of roles: put them on the export or into the image.",
    ),
    (
        "B06",
        "a document is malformed",
        "oci-layout, index.json and the manifest have exactly one spelling each. Build the bundle again.",
    ),
    (
        "B07",
        "no trust key",
        "Without a key nothing can be verified, and nothing unverified is ever run. Put the public key (`compute-init keygen`, or `openssl pkey -in KEY -pubout`) into /etc/compute-init/trust.d/NAME.pem, or give it with --trust.",
    ),
    (
        "B08",
        "a trust key cannot be used",
        "Trust keys are Ed25519 public keys in SPKI PEM form: regular files that only their owner can write, in a directory that only its owner can write. Symbolic links are refused, because they could lead out of the directory.",
    ),
    ("B09", "not signed", "The bundle was built without --key. Build it again with the site's signing key."),
    (
        "B10",
        "signed by a key that is not trusted",
        "The signature's key is not among the trust keys. If the site changed its key, put the new public key beside the old one in trust.d, on every node, before bundles are signed with it.",
    ),
    (
        "B11",
        "the signature does not fit",
        "The bundle names a trusted key, but the signature is not that key's over this manifest: the bundle was altered after it was signed, or the signature was taken from another bundle. Do not use it.",
    ),
    (
        "B12",
        "a newer format",
        "The bundle was written by a newer builder than this program understands. Install the executor that belongs to the builder; `compute-init install` does both.",
    ),
    (
        "B13",
        "a blob is not what was signed",
        "A file in the bundle is missing, or its length or SHA-256 digest differs from the signed manifest: damage on the way, or an attack. Copy or install the bundle again.",
    ),
    (
        "B14",
        "the plan does not fit",
        "The plan is signed, but it cannot be read or names files that the manifest does not have. The builder that wrote it is at fault, or a key signed something that no builder made.",
    ),
];

/// Title and explanation of a code.
pub fn explain(code: &str) -> Option<(&'static str, &'static str)> {
    CODES.iter().find(|(c, ..)| c.eq_ignore_ascii_case(code)).map(|(_, title, text)| (*title, *text))
}

impl Fault {
    /// The stable code, for `compute-init explain`.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Read { .. } => "B01",
            Fault::NotInstalled { .. } => "B02",
            Fault::Archive(_) => "B03",
            Fault::Member { .. } => "B04",
            Fault::TooLarge { .. } => "B05",
            Fault::Document { .. } => "B06",
            Fault::NoTrust { .. } => "B07",
            Fault::TrustFile { .. } => "B08",
            Fault::Unsigned => "B09",
            Fault::UnknownSigner { .. } => "B10",
            Fault::BadSignature { .. } => "B11",
            Fault::Newer { .. } => "B12",
            Fault::Blob { .. } => "B13",
            Fault::Plan(_) => "B14",
        }
    }

    /// What to do about it, in one sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Fault::Read { .. } => "check the path, its permissions and the disk",
            Fault::NotInstalled { .. } => "install one: compute-init install BUNDLE --root DIR",
            Fault::Archive(_) => "copy it again from where it was built and compare checksums",
            Fault::Member { .. } | Fault::Document { .. } => {
                "build it again; a bundle cannot be edited or packed by hand"
            }
            Fault::TooLarge { .. } => "keep large files out of roles: put them on the export or into the image",
            Fault::NoTrust { .. } => "put the site's public key there, as NAME.pem",
            Fault::TrustFile { .. } => "replace it by a regular file, mode 0644, as `openssl pkey -pubout` writes it",
            Fault::Unsigned => "build it with --key",
            Fault::UnknownSigner { .. } => "build it with a key the node trusts, or add this key to trust.d",
            Fault::BadSignature { .. } => "do not use it: build it again, and find out who changed it",
            Fault::Newer { .. } => "install the executor that belongs to the builder which wrote it",
            Fault::Blob { .. } => "copy or install it again",
            Fault::Plan(_) => "build it again with a released builder",
        }
    }

    pub(super) fn read(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Fault {
        Fault::Read { doing, path: path.into(), source }
    }

    pub(super) fn member(name: impl Into<String>, why: impl Into<String>) -> Fault {
        Fault::Member { name: name.into(), why: why.into() }
    }

    pub(super) fn document(name: impl Into<String>, why: impl fmt::Display) -> Fault {
        Fault::Document { name: name.into(), why: why.to_string() }
    }

    pub(super) fn bytes(what: impl Into<String>, limit: u64) -> Fault {
        Fault::TooLarge { what: what.into(), limit: format!("{limit} bytes") }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fault::Read { doing, path, source } => write!(f, "{doing} {}: {source}", path.display()),
            Fault::NotInstalled { link, why } => write!(f, "no bundle is installed: {} {why}", link.display()),
            Fault::Archive(why) => write!(f, "not a bundle archive: {why}"),
            Fault::Member { name, why } => write!(f, "member {name:?} {why}"),
            Fault::TooLarge { what, limit } => write!(f, "{what}: more than {limit}"),
            Fault::Document { name, why } => write!(f, "{name}: {why}"),
            Fault::NoTrust { place } => write!(f, "no trust key in {place}"),
            Fault::TrustFile { path, why } => write!(f, "trust key {}: {why}", path.display()),
            Fault::Unsigned => f.write_str("it is not signed"),
            Fault::UnknownSigner { signed, trusted } => {
                let signed: Vec<String> = signed.iter().map(|k| k.to_string()).collect();
                write!(f, "signed by {}, which is not trusted here ({} is)", signed.join(", "), trusted.join(", "))
            }
            Fault::BadSignature { key, name } => write!(f, "the signature is not that of key {name} ({key})"),
            Fault::Newer { found } => write!(f, "its format is newer than this program knows: {found}"),
            Fault::Blob { name, of, why } => write!(f, "blob {name} ({of}) {why}"),
            Fault::Plan(why) => write!(f, "plan: {why}"),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Fault::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Error {
    /// The state that a refused bundle ends a boot in, and the builder's exit code.
    pub fn state(&self) -> State {
        State::Refused
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "bundle {} is refused: {} [{}]", self.bundle.display(), self.fault, self.fault.code())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}
