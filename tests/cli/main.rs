//! The builder's command line, as a black box: what it prints, what it writes, how it exits.

mod become_user;
mod build;
mod fake;
mod install;
mod render;
mod run;
mod small;
mod status;
