//! The executor as a node runs it: its binary, a signed bundle, an export, metadata; state in a directory of the
//! test's own. Slurm is a stand-in that answers from files and records what it was asked; the real one is tested in
//! containers.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

mod export;
#[path = "../bundle/forge.rs"]
#[allow(dead_code, reason = "shared with the tests of the bundle")]
mod forge;
mod harness;
mod metadata;
mod once;
mod resume;
mod robust;
mod sample;
mod signed;
mod storm;
mod tls;
mod trusted;
