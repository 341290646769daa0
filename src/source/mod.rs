//! Finds and reads what an author wrote: a tree of playbooks, roles and files, and diagnostics that point into it.
//!
//! Knows Ansible's layout and search order, not its language.

mod code;
mod diagnostic;
pub mod inventory;
mod render;
mod search;
pub mod shipped;
mod tree;

pub use code::{CODES, Code, Explanation, explain};
pub use diagnostic::{Bag, Diagnostic, Diagnostics, Location, Note, Severity};
pub use render::{Colour, render, render_json};
pub use search::{Searched, find_file, find_role, main_file};
pub use tree::{Entry, FileBytes, ReadError, Tree, join, parent};
