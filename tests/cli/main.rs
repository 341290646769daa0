//! The builder's command line, as a black box: what it prints, what it writes, how it exits.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

mod become_user;
mod build;
mod control;
mod fake;
mod hosts;
mod install;
mod render;
mod run;
mod small;
mod status;
mod vault;
