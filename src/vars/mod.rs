//! Variables and templates as Ansible 2.16 evaluates them (Jinja2 3.1 on Python values, jinja2_native off).
//!
//! Flow: `Templar` takes raw [`Data`], finds templates in it, evaluates them with `jinja` against [`Variables`]
//! (lazily: a variable is templated when it is used) and gives final [`Data`].

mod access;
pub mod analysis;
mod calendar;
mod compare;
mod convert;
pub mod crypt;
mod env;
mod error;
mod eval;
mod filters;
mod format;
mod glob;
mod hashset;
mod hostvars;
mod ipaddr;
pub mod jinja;
mod jmespath;
pub mod literal;
mod lookups;
mod methods;
mod nearest;
mod object;
mod ops;
pub mod pyre;
mod pytext;
pub mod random;
#[cfg(feature = "builder")]
pub mod reach;
pub mod registry;
mod repr;
mod templar;
#[cfg(test)]
mod testing;
mod tests;
pub mod time;
mod value;
pub mod vault;
mod version;

pub use compare::{TextKey, too_deep};
pub use env::Env;
pub use error::{ErrorKind, Outcome, TemplateError};
pub use eval::Conversion;
pub use filters::json::{Style as JsonStyle, dumps as json_text};
pub use glob::matches as glob_matches;
pub use nearest::nearest;
pub use object::{CallArgs, Function, Object};
pub use repr::{float_repr, repr_text};
pub use templar::Rendering;
pub use value::{Dict, Range, Set, Text, Value, escaped_byte, text_to_bytes};
pub use vault::Vault;

use crate::plan::{Data, Map};
use crate::sys::command::Runner;
use std::rc::Rc;

/// The value of `omit`: an argument that equals it is left out. Ansible's own tokens start likewise.
pub const OMIT: &str = "__omit_place_holder__compute_init";

/// A raw variable.
#[derive(Clone, Debug)]
pub struct Var {
    /// Its value, not yet templated.
    pub data: Rc<Data>,
    /// Whether text in it may be templates; facts and registered results are final.
    pub templated: bool,
}

/// Where variables come from: one view of all layers, highest precedence first.
pub trait Variables {
    /// The raw value of `name`.
    fn get(&self, name: &str) -> Option<Var>;
    /// All names, for `vars` and the varnames lookup.
    fn names(&self) -> Vec<String>;
    /// `hostvars[host]`: that host's variables; `None` where no other host is known.
    fn host(&self, _host: &str) -> Option<Rc<dyn Variables>> {
        None
    }
    /// The hosts of `hostvars`, in inventory order.
    fn hosts(&self) -> Vec<String> {
        Vec::new()
    }
    /// `ansible_facts`: this node's facts by their names without prefix, each computed only when it is asked for.
    /// Evaluation shows it as a dictionary; `None` when no facts were gathered.
    fn facts(&self) -> Option<Rc<dyn Variables>> {
        None
    }
}

/// A configuration file of Ansible's, for the `config` lookup.
#[cfg(feature = "builder")]
pub trait Configuration: std::fmt::Debug {
    /// The value of a key in a section.
    fn in_file(&self, section: &str, key: &str) -> Option<String>;
    /// The file that was read.
    fn path(&self) -> Option<String>;
}

/// Files as roles name them: relative names are searched for as Ansible does (`templates/`, `files/`, `vars/` of the
/// role, the task file's directory, the playbook's), absolute ones are the node's, and those beneath
/// [`crate::plan::SOURCE_ROOT`] the bundle's.
pub trait Files {
    /// The absolute path of `name`, searched for as `kind` (`templates`, `files`, `vars`, `tasks` or empty); else the
    /// paths that were tried.
    fn find(&self, kind: &str, name: &str) -> Result<String, Vec<String>>;
    /// The directories where files of a kind are looked for, each in turn, whether they are there or not.
    fn places(&self, kind: &str) -> Vec<String> {
        self.find(kind, ".").map_or_else(|tried| tried, |found| vec![found])
    }
    /// The bytes of an absolute path.
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>>;
    /// Who can open what Ansible Vault encrypted; nobody on a node.
    fn vault(&self) -> Option<&dyn Vault> {
        None
    }
    /// Ansible's configuration file, as far as a run heeds one.
    #[cfg(feature = "builder")]
    fn configuration(&self) -> Option<&dyn Configuration> {
        None
    }
    /// The bytes of an absolute path, decrypted if Ansible Vault encrypted them.
    fn read_plain(&self, path: &str) -> std::io::Result<Vec<u8>> {
        let bytes = self.read(path)?;
        if !vault::is_sealed(&bytes) {
            return Ok(bytes);
        }
        if self.vault().is_none_or(Vault::is_empty) {
            let message = format!("A vault password or secret must be specified to decrypt {path}");
            return Err(std::io::Error::other(message));
        }
        vault::opened(self.vault(), &bytes).map_err(|why| std::io::Error::other(format!("{path}: {why}")))
    }
    /// A file of variables: decrypted, and its values remembered as secrets, if Ansible Vault encrypted it.
    fn read_vars(&self, path: &str) -> std::io::Result<Data> {
        let bytes = self.read(path)?;
        let sealed = vault::is_sealed(&bytes);
        let text = if sealed { self.read_plain(path)? } else { bytes };
        let data = crate::yaml::read_vars(&text).map_err(|e| std::io::Error::other(format!("{path}: {e}")))?;
        if let (true, Some(vault)) = (sealed, self.vault()) {
            vault.conceal(&data);
        }
        Ok(data)
    }
    /// Names below an absolute directory, each with whether it is a directory; not recursive, sorted.
    fn list(&self, path: &str) -> std::io::Result<Vec<(String, bool)>>;
    /// What an absolute path is on this machine; `None` where nothing is there, and for the bundle's files, which are
    /// what links led to when it was built.
    fn node(&self, path: &str) -> Option<FileNode> {
        FileNode::at(std::path::Path::new(path))
    }
    /// Permission bits of an absolute path, for `mode: preserve`; `None` where nobody knows.
    fn mode(&self, path: &str) -> Option<u32> {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).ok().map(|m| m.mode() & 0o7777)
    }
    /// When an absolute path was last changed, in seconds since the epoch; `None` where nobody knows.
    fn modified(&self, path: &str) -> Option<i64> {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).ok().map(|m| m.mtime())
    }
}

/// A path of this machine that may be a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNode {
    /// What the link says; `None` where it is none.
    pub link: Option<std::ffi::OsString>,
    /// Device and inode of what is there in the end; `None` for a link that leads nowhere.
    pub id: Option<(u64, u64)>,
    /// The path without links, as far as it can be told.
    pub real: String,
}

impl FileNode {
    /// What is at a path; `None` for nothing.
    pub fn at(path: &std::path::Path) -> Option<FileNode> {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::symlink_metadata(path).ok()?;
        let link = meta.is_symlink().then(|| std::fs::read_link(path).ok().map(std::path::PathBuf::into_os_string));
        let id = std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Some(FileNode { link: link.flatten(), id, real: real.to_string_lossy().into_owned() })
    }
}

/// A variable of many scopes that is never templated: large ones (`groups`) are converted once.
#[cfg(feature = "builder")]
pub struct Converted(Value);

#[cfg(feature = "builder")]
impl Converted {
    /// Converts data from outside.
    pub fn foreign(data: &Data) -> Converted {
        Converted(Value::from_foreign(data))
    }
}

/// Evaluates templates in one scope.
pub struct Templar<'a> {
    env: Env<'a>,
}

impl<'a> Templar<'a> {
    /// A templar for the scope that `vars` and `files` make.
    pub fn new(vars: &'a dyn Variables, files: &'a dyn Files) -> Templar<'a> {
        Templar { env: Env::new(vars, files) }
    }

    /// The same, with lookups that run commands (`pipe`, `lines`).
    pub fn with_runner(mut self, runner: &'a dyn Runner) -> Templar<'a> {
        self.env.runner = Some(runner);
        self
    }

    /// The same for check mode: a password that is not kept yet is made up, but not kept.
    pub fn changing_nothing(mut self) -> Templar<'a> {
        self.env.aim = env::Aim::Trial;
        self
    }

    /// The same where only whether a template can be evaluated counts: nothing is kept, and hashing takes as few rounds as
    /// is allowed.
    #[cfg(feature = "builder")]
    pub fn judging(mut self) -> Templar<'a> {
        self.env.aim = env::Aim::Judging;
        self
    }

    /// The same with a variable that was converted for other scopes already.
    #[cfg(feature = "builder")]
    pub fn with_converted(self, name: &str, value: &Converted) -> Templar<'a> {
        let known = env::Remembered { value: value.0.clone(), tainted: true };
        self.env.memo.borrow_mut().insert(name.to_owned(), known);
        self
    }

    /// The same with `jinja2_native` as it is set.
    pub fn native(mut self, native: bool) -> Templar<'a> {
        self.env.native = native;
        self
    }

    /// Whether `jinja2_native` is on.
    pub fn is_native(&self) -> bool {
        self.env.native
    }

    /// [`Templar::value`], with what expressions made told from what the author wrote (`set_fact`).
    pub fn value_as_made(&self, data: &Data) -> Result<Data, TemplateError> {
        self.env.restart();
        self.env.template(&Value::from_data(data))?.to_data_as_made()
    }

    /// `Templar.template`: every template in `data` evaluated, recursively, keeping types as Ansible does.
    pub fn value(&self, data: &Data) -> Result<Data, TemplateError> {
        self.env.restart();
        self.env.template(&self.env.read(data)?)?.to_data()
    }

    /// The same, but text that uses something undefined stays as it is.
    pub fn value_leniently(&self, data: &Data) -> Result<Data, TemplateError> {
        self.env.restart();
        self.env.template_leniently(&Value::from_data(data), 0)?.to_data()
    }

    /// `when`, `until`, `failed_when`, `changed_when`, `that`: one condition.
    pub fn condition(&self, expression: &Data) -> Result<bool, TemplateError> {
        self.env.restart();
        self.env.condition(&self.env.read(expression)?)
    }

    /// The contents of a file of templates (the `template` module); `extra` are variables over those of the scope
    /// (`ansible_managed`, `template_path`, ...).
    pub fn file(&self, source: &[u8], how: &Rendering, extra: &Map) -> Result<Vec<u8>, TemplateError> {
        self.env.restart();
        let extra =
            extra.iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), Value::from_data(v))).collect();
        let rendered = self.env.render_file(source, how, extra)?;
        Ok(text_to_bytes(&rendered.text()?))
    }

    /// A lookup by name with terms that are already templated: the list that `wantlist=True` gives.
    pub fn lookup(&self, name: &str, terms: Vec<Data>, options: Map) -> Result<Vec<Data>, TemplateError> {
        self.env.restart();
        let mut args = CallArgs::of(terms.iter().map(Value::from_data).collect());
        for (key, value) in &options {
            args = args.with(key.as_str().unwrap_or_default(), Value::from_data(value));
        }
        self.env.lookup(name, args)?.iter().map(|v| v.taint().to_data()).collect()
    }
}
