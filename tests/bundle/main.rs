//! The bundle as bytes: what is written, what is read back, and everything that is refused.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

mod forge;
mod installed;
mod refusals;
mod released;
mod tools;
mod trust;
mod writing;
