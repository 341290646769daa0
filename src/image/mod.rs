//! Puts compute-init into a root file system: executor, bundle, trust keys, units. The root may be a mounted image, a
//! directory, or `/`.
//!
//! Everything that is to be there is a list of items in the order in which it is made; what is right already is
//! left alone, so that a second run changes nothing and an interrupted one is completed by the next.

mod cpio;
mod development;
pub mod doctor;
mod elf;
pub mod engine;
pub mod hosts;
mod initramfs;
mod install;
mod item;
mod predecessor;
mod release;
mod rerun;
mod root;
pub mod sandbox;
mod talk;

pub use development::{Admission, DevelopmentKey, trust_name};
pub use initramfs::Initramfs;
pub use install::{CONFIG, Install, Report, install, rollback, uninstall};
pub use item::{Change, Mode};
pub use rerun::{Given, Rerun, rerun};
pub use root::Root;

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The executor's place on a node.
pub const EXECUTOR: &str = "usr/libexec/compute-init/compute-init-boot";
/// The builder's place on a node, where it is installed too.
pub const COMMAND: &str = "usr/bin/compute-init";
/// The trust keys' directory.
pub const TRUST: &str = "etc/compute-init/trust.d";
/// The bundles' directory.
pub const BUNDLES: &str = "var/lib/compute-init/bundles";

/// Why nothing, or not everything, was installed.
#[derive(Debug)]
pub enum Error {
    /// The directory is no root file system.
    NotARoot {
        /// The directory.
        root: PathBuf,
        /// What is missing.
        why: String,
    },
    /// The executor cannot run on the node.
    Executor {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A trust key's file name does not end in `.pem`.
    KeyName(String),
    /// A development key that cannot be used.
    DevelopmentKey {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The root trusts a site's keys, and nobody said that it is for development.
    NotAdmitted {
        /// The root.
        root: PathBuf,
        /// The keys that it trusts.
        trusted: Vec<String>,
    },
    /// A trust key is to be added under a name that another key has.
    KeyTaken {
        /// The file in the root.
        path: PathBuf,
    },
    /// There is nothing to go back to.
    NoPrevious(PathBuf),
    /// Too many files of one name were put aside.
    Crowded(PathBuf),
    /// The system said no.
    Io {
        /// What was being done, as a gerund.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The bundle was refused.
    Bundle(crate::bundle::Error),
    /// The root's trust keys cannot be used.
    Trust(crate::bundle::Fault),
}

impl Error {
    fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { doing, path, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::NotARoot { root, why } => write!(f, "{} is not a root file system: {why}", root.display()),
            Error::Executor { path, why } => write!(f, "executor {}: {why}", path.display()),
            Error::KeyName(name) => write!(f, "trust key {name}: its name must end in .pem, or no node reads it"),
            Error::DevelopmentKey { path, why } => write!(f, "development key {}: {why}", path.display()),
            Error::NotAdmitted { root, trusted } => write!(
                f,
                "{} trusts {}, and not your development key: --trust-development adds it, and whoever holds that key \
                 can then configure the machine",
                root.display(),
                trusted.join(", ")
            ),
            Error::KeyTaken { path } => write!(
                f,
                "{} is another key: add the new one under another name, and remove the old one when no bundle needs it",
                path.display()
            ),
            Error::Crowded(path) => {
                write!(f, "{} was put aside too often: remove those of its copies that nobody needs", path.display())
            }
            Error::NoPrevious(path) => write!(f, "{} names no bundle: there is nothing to go back to", path.display()),
            Error::Io { doing, path, source } => write!(f, "{doing} {}: {source}", path.display()),
            Error::Bundle(error) => error.fmt(f),
            Error::Trust(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Bundle(error) => Some(error),
            Error::Trust(fault) => Some(fault),
            // The others' sources are part of their text.
            _ => None,
        }
    }
}
