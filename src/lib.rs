//! compute-init compiles Ansible roles into a signed bundle and applies it on a compute node at boot.
//!
//! The rooms stand in the order in which data flows; `tests/layers.rs` holds the table of who may use whom
//! (`docs/architecture.md`).

pub mod plan;

pub mod sys;
pub mod yaml;

pub mod apply;
pub mod boot;
pub mod bundle;
#[cfg(feature = "builder")]
pub mod cli;
#[cfg(feature = "builder")]
pub mod compile;
#[cfg(feature = "builder")]
pub mod export;
#[cfg(feature = "builder")]
pub mod image;
pub mod modules;
#[cfg(feature = "builder")]
pub mod source;
pub mod spec;
pub mod vars;
