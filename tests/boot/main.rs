//! The executor as a node runs it: its binary, a signed bundle, an export, metadata; state in a directory of the
//! test's own. Slurm is a stand-in that answers from files and records what it was asked; the real one is tested in
//! containers.

mod export;
mod harness;
mod metadata;
mod once;
mod resume;
mod robust;
