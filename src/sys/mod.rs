//! The operating system: commands, durable writes, mounts, identities, beneath-root files. The one room that may hold
//! `unsafe`; it knows nothing of Ansible or bundles.

#[cfg(feature = "builder")]
pub mod ahead;
pub mod child;
pub mod clock;
pub mod command;
pub mod directory;
pub mod file;
pub mod http;
pub mod identity;
pub mod lock;
pub mod mode;
pub mod mount;
pub mod order;
#[cfg(feature = "builder")]
pub mod pipe;
pub mod remote;
pub mod resolve;
pub mod selinux;
mod stack;
pub mod utime;
#[cfg(feature = "builder")]
pub mod watch;
pub mod zone;
