//! The seven stages.

pub mod config;
pub mod options;
mod overlay;
mod stop;

pub use stop::Stop;
