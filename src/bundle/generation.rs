//! A generation of the export: from its signed index to what one host gets of it. The only way in is
//! [`Generation::open`], which verifies; everything else is reached from there by digest and checked before it is used.

use super::age::{self, AgeError, Identity, Recipient};
use super::digest::Digest;
use super::fault::Fault;
use super::lines;
use super::signed;
use super::trust::{Signer, Trust};
use crate::plan::export::{BLOBS, Blob, FORMAT, HostIndex, Index, KIND, Part, Sealed, Secrets, Shard, UNSEALED};
use crate::plan::limits;
use flate2::read::DeflateDecoder;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

/// Gets files of an export.
pub trait Fetch {
    /// The bytes of the file at `path`, at most `limit`; `None` where there is none. More bytes are `EFBIG`.
    fn fetch(&mut self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>>;
}

/// Why a generation cannot be used.
#[derive(Debug)]
pub enum GenerationError {
    /// A file could not be read.
    Read(String, io::Error),
    /// A file that the index leads to is not there. Where the generation was pruned meanwhile, a newer one is.
    Missing(String),
    /// A file is not what its digest or size says.
    Differs(String, &'static str),
    /// The index is not signed as it should be.
    Untrusted(Fault),
    /// A file is not as this format writes it.
    Document(String, String),
    /// The format is newer than this program.
    Newer(u32),
    /// The host's secrets are sealed to somebody else: to whom, and who this is.
    Foreign(String, Recipient),
    /// The host's secrets are sealed, and this node has no identity.
    NoIdentity(String),
    /// The host's secrets are not what was sealed.
    Unopened(AgeError),
}

impl fmt::Display for GenerationError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            GenerationError::Read(path, e) => write!(f, "reading {path}: {e}"),
            GenerationError::Missing(path) => write!(f, "{path} is missing"),
            GenerationError::Differs(path, why) => write!(f, "{path} {why}"),
            GenerationError::Untrusted(fault) => write!(f, "its index is not trusted: {fault}"),
            GenerationError::Document(what, why) => write!(f, "{what} cannot be read: {why}"),
            GenerationError::Newer(found) => {
                write!(f, "its format is {found}, newer than the {FORMAT} that this program knows")
            }
            GenerationError::Foreign(to, own) => {
                write!(f, "this node's secrets are sealed to {to}, but its identity is that of {own}")
            }
            GenerationError::NoIdentity(to) => {
                write!(f, "this node's secrets are sealed to {to}, but the node has no identity")
            }
            GenerationError::Unopened(why) => write!(f, "this node's secrets cannot be opened: {why}"),
        }
    }
}

impl std::error::Error for GenerationError {}

impl GenerationError {
    /// Whether the generation may have been replaced while it was read, so that reading anew can help.
    pub fn may_be_gone(&self) -> bool {
        matches!(self, GenerationError::Missing(_) | GenerationError::Differs(..))
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            GenerationError::Read(..) => "see whether the export is served",
            GenerationError::Missing(_) | GenerationError::Differs(..) | GenerationError::Document(..) => {
                "run compute-init export again on the control node; where it goes on, find out who changes the export"
            }
            GenerationError::Untrusted(Fault::Unsigned) => "export it with --key",
            GenerationError::Untrusted(_) => {
                "export it with the cluster's export key, or put that key into trust.d/export of the image or into \
                 compute_init_export_key of the metadata"
            }
            GenerationError::Newer(_) => "install the executor that belongs to the builder which wrote it",
            GenerationError::Foreign(..) | GenerationError::NoIdentity(_) => {
                "give the node its identity (compute-init enrol), then export with its recipient"
            }
            GenerationError::Unopened(_) => "run compute-init export again on the control node",
        }
    }
}

type Result<T> = std::result::Result<T, GenerationError>;

/// A generation whose index is signed by a trusted key.
pub struct Generation {
    index: Index,
    signer: Signer,
    digest: Digest,
}

impl Generation {
    /// Verifies a signed index.
    pub fn open(bytes: &[u8], trust: &Trust) -> Result<Generation> {
        let (document, signer) = signed::verify(bytes, trust).map_err(GenerationError::Untrusted)?;
        // Known before the rest is read: a newer format may have members that this one has not.
        let head: serde_json::Value = document_of(document.as_bytes(), "its index")?;
        let wrong = |why: &str| Err(GenerationError::Document("its index".to_owned(), why.to_owned()));
        if head.get("kind").and_then(serde_json::Value::as_str) != Some(KIND) {
            return wrong("it is signed, but not as an export");
        }
        match head.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => return Err(GenerationError::Newer(u32::try_from(format).unwrap_or(u32::MAX))),
            None => return wrong("it does not say its format"),
        }
        let index: Index = document_of(document.as_bytes(), "its index")?;
        if index.content.shards.is_empty() {
            return wrong("it has no shards");
        }
        Ok(Generation { index, signer, digest: Digest::of(bytes) })
    }

    /// What was signed.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Who signed it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The digest of the signed index: the generation's name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The index of the host with this short name; `None` where it is not exported.
    pub fn host(&self, short: &str, from: &mut dyn Fetch) -> Result<Option<HostIndex>> {
        let shards = &self.index.content.shards;
        let shard: Shard = read(&shards[shard_of(short, shards.len())], "a shard", from)?;
        let Some(blob) = shard.0.get(short) else { return Ok(None) };
        let host: HostIndex = read(blob, "a host's index", from)?;
        if host.host != short {
            return Err(GenerationError::Document(
                format!("the index of host {short}"),
                format!("it is that of {}", host.host),
            ));
        }
        Ok(Some(host))
    }

    /// All hosts by short name, and where the index of each is.
    pub fn hosts(&self, from: &mut dyn Fetch) -> Result<BTreeMap<String, Blob>> {
        let mut all = BTreeMap::new();
        for blob in &self.index.content.shards {
            let shard: Shard = read(blob, "a shard", from)?;
            all.extend(shard.0);
        }
        Ok(all)
    }

    /// The parts of a host in one: the common one, its class's, its own.
    pub fn merged(&self, host: &HostIndex, from: &mut dyn Fetch) -> Result<Part> {
        let content = &self.index.content;
        let mut all: Part = read(&content.common, "the common part", from)?;
        if let Some(class) = host.class {
            let blob = content.classes.get(class as usize).ok_or_else(|| {
                GenerationError::Document(format!("the index of host {}", host.host), format!("class {class} is none"))
            })?;
            lay(&mut all, read(blob, "the part of a class", from)?);
        }
        lay(&mut all, host.own.clone());
        Ok(all)
    }
}

/// The shard in which a host is.
pub fn shard_of(short: &str, count: usize) -> usize {
    let digest = Digest::of(short.as_bytes()).bytes();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    usize::try_from(u64::from_be_bytes(first) % count.max(1) as u64).unwrap_or(0)
}

/// Puts a part over those beneath it.
fn lay(all: &mut Part, over: Part) {
    for name in &over.without {
        all.vars.shift_remove(name);
    }
    all.vars.extend(over.vars);
    all.files.extend(over.files);
    all.group_names = over.group_names.or(all.group_names.take());
    all.groups = over.groups.or(all.groups.take());
    all.others = over.others.or(all.others.take());
}

/// A blob's bytes, inflated where it is deflated.
pub fn blob(blob: &Blob, from: &mut dyn Fetch) -> Result<Vec<u8>> {
    let path = format!("{BLOBS}/{}", blob.digest);
    if [Some(blob.size), blob.inflated, blob.told].into_iter().flatten().any(|size| size > limits::EXPORT_FILE) {
        return Err(GenerationError::Differs(path, "is larger than a file of an export may be"));
    }
    let bytes = match from.fetch(&path, blob.size) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(GenerationError::Missing(path)),
        Err(e) if e.raw_os_error() == Some(nix::libc::EFBIG) => {
            return Err(GenerationError::Differs(path, "is larger than its index says"));
        }
        Err(e) => return Err(GenerationError::Read(path, e)),
    };
    if bytes.len() as u64 != blob.size {
        return Err(GenerationError::Differs(path, "is not as large as its index says"));
    }
    if Digest::of(&bytes).hex() != blob.digest {
        return Err(GenerationError::Differs(path, "does not have the digest that its index says"));
    }
    let Some(size) = blob.inflated else { return Ok(bytes) };
    let mut plain = Vec::new();
    let inflated = DeflateDecoder::new(&bytes[..]).take(size + 1).read_to_end(&mut plain);
    if inflated.is_err() || plain.len() as u64 != size {
        return Err(GenerationError::Differs(path, "does not inflate to what its index says"));
    }
    match blob.told {
        None => Ok(plain),
        Some(size) => lines::expand(&plain, size)
            .ok_or(GenerationError::Differs(path, "does not tell the lines that its index says")),
    }
}

/// A document in a blob.
pub fn read<T: DeserializeOwned>(from: &Blob, what: &str, fetch: &mut dyn Fetch) -> Result<T> {
    document_of(&blob(from, fetch)?, what)
}

fn document_of<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    // Not the parser's words: they may quote a value.
    serde_json::from_slice(bytes).map_err(|e| {
        GenerationError::Document(what.to_owned(), format!("not as this format writes it (column {})", e.column()))
    })
}

/// A host's secrets, opened by its identity.
pub fn secrets(host: &HostIndex, identity: Option<&Identity>, from: &mut dyn Fetch) -> Result<Secrets> {
    let Some(sealed) = &host.sealed else { return Ok(Secrets { host: host.host.clone(), ..Secrets::default() }) };
    let opened = opened(sealed, identity, from)?;
    let secrets: Secrets = document_of(&opened, "what is sealed")?;
    if secrets.host != host.host {
        return Err(GenerationError::Document("what is sealed".to_owned(), "it is another host's".to_owned()));
    }
    Ok(secrets)
}

fn opened(sealed: &Sealed, identity: Option<&Identity>, from: &mut dyn Fetch) -> Result<Vec<u8>> {
    if sealed.recipient == UNSEALED {
        return blob(&sealed.blob, from);
    }
    let to = || sealed.recipient.clone();
    let identity = identity.ok_or_else(|| GenerationError::NoIdentity(to()))?;
    if identity.recipient().to_string() != sealed.recipient {
        return Err(GenerationError::Foreign(to(), identity.recipient()));
    }
    age::open(&blob(&sealed.blob, from)?, identity).map_err(GenerationError::Unopened)
}
