//! A bundle: the plan and the files it needs as signed bytes, and back. `docs/bundle-format.md` describes the bytes.
//!
//! Writing goes [`assemble`] -> [`Sealed::archive`]. Reading goes `archive` or `installed` (bounds and names) ->
//! `verify` (signature, format, digests, plan) -> [`Verified`], which is the only way to a plan that may be acted
//! upon. This room writes no files and decides no policy.

pub mod age;
mod archive;
mod digest;
mod fault;
pub mod generation;
mod installed;
mod keys;
mod layout;
pub mod lines;
pub mod report;
pub mod signed;
mod summary;
mod trust;
mod verify;
mod write;

pub use digest::Digest;
pub use fault::{Error, Fault, explain};
pub use installed::{BLOBS, CURRENT, MANIFEST, PREVIOUS, SIGNATURES, current};
pub use keys::{KeyError, KeyId, PublicKey, SigningKey};
pub use summary::{FileSummary, PlaySummary, RoleSummary, Summary};
pub use trust::{Signer, Trust};
pub use verify::{Unverified, Verified};
pub use write::{BuildError, Sealed, assemble, source_date_epoch};
