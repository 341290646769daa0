//! Installing into a root file system: what is there afterwards, what a second run does, and what is refused.

mod install;
mod interrupted;
mod refusals;
mod scratch;
