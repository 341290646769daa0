//! Generations of the export: what is written, what a host reads of it, and everything that is refused.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

mod age;
mod cluster;
mod crash;
mod reading;
mod scale;
mod writing;
