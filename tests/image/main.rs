//! Installing into a root file system: what is there afterwards, what a second run does, and what is refused.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

mod disks;
mod doctor;
mod foreign;
mod initramfs;
mod install;
mod interrupted;
mod refusals;
mod scratch;
