//! Which files of the tree tasks can use: those that they name, and where a name is a template all that it could mean.

use super::Findings;
use super::argument::{Action as Named, short};
use super::context::{Compiler, Scope, location};
use super::split::split_args;
use super::template::is_template;
use crate::plan::{Data, FileRef, Task, limits};
use crate::source::{Code, Diagnostic, Entry, find_file, join};
use crate::spec;
use crate::vars::vault::is_sealed;
use crate::yaml::Node;
use sha2::{Digest, Sha256};

/// A name with templates in it: what stands between them must match, they match anything.
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    pub fn new(name: &str) -> Pattern {
        let mut parts = Vec::new();
        let mut rest = name;
        while let Some((at, close)) = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")]
            .iter()
            .filter_map(|(open, close)| rest.find(open).map(|at| (at, *close)))
            .min()
        {
            parts.push(rest[..at].to_owned());
            rest = rest[at..].find(close).map_or("", |end| &rest[at + end + 2..]);
        }
        parts.push(rest.to_owned());
        Pattern(parts)
    }

    /// The directory that every match lies in.
    pub fn directory(&self) -> &str {
        self.0.first().and_then(|p| p.rsplit_once('/')).map_or("", |(dir, _)| dir)
    }

    pub fn matches(&self, name: &str) -> bool {
        let Some(mut rest) = name.strip_prefix(self.0[0].as_str()) else { return false };
        let Some((last, middle)) = self.0[1..].split_last() else { return rest.is_empty() };
        for part in middle {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

/// A name that begins with `role_path` or `playbook_dir`, as a path in the tree (marked by a leading NUL).
pub(super) fn beneath_source_root(name: &str, scope: &Scope, c: &Compiler) -> String {
    for (variable, path) in [("role_path", scope.role_paths.first()), ("playbook_dir", Some(&c.playbook_dir))] {
        for written in [format!("{{{{ {variable} }}}}/"), format!("{{{{{variable}}}}}/")] {
            if let (Some(rest), Some(path)) = (name.strip_prefix(&written), path) {
                return format!("\0{path}/{rest}");
            }
        }
    }
    name.to_owned()
}

impl Compiler<'_> {
    /// Files that a module reads from the source.
    pub fn reach_files(&mut self, scope: &Scope, named: &Named, task: &Task) {
        let flag = |name: &str| named.arg(name).is_some_and(|d| spec::boolean(d) == Ok(true));
        let text = |name: &str| named.arg(name).and_then(Data::as_str).map(str::to_owned);
        let (option, kind) = match short(&named.name) {
            "template" => ("src", "templates"),
            "unarchive" if named.arg("copy").is_some_and(|d| spec::boolean(d) == Ok(false)) => ("", ""),
            "copy" | "unarchive" | "patch" if !flag("remote_src") => ("src", "files"),
            "assemble" if named.arg("remote_src").is_some_and(|d| spec::boolean(d) == Ok(false)) => ("src", "files"),
            "ansible.posix.patch" if !flag("remote_src") => ("src", "files"),
            "uri" if !flag("remote_src") => ("src", "files"),
            "synchronize" | "ansible.posix.synchronize" => ("src", "files"),
            "script" => ("_raw_params", "files"),
            "include_vars" if named.arg("dir").is_some() => ("dir", "vars"),
            "include_vars" if named.arg("file").is_some() => ("file", "vars"),
            "include_vars" => ("_raw_params", "vars"),
            _ => ("", ""),
        };
        if let Some(mut name) = text(option).filter(|_| !kind.is_empty()) {
            if short(&named.name) == "script" {
                name = split_args(&name).ok().and_then(|p| p.into_iter().next()).unwrap_or_default();
            }
            let as_it_is = named.arg("decrypt").is_some_and(|d| spec::boolean(d) == Ok(false));
            let outer = std::mem::replace(&mut self.sealed_allowed, as_it_is);
            self.need(scope, named.node(option), (kind, &name));
            self.sealed_allowed = outer;
        }
        if short(&named.name) == "uri" {
            self.reach_form(scope, named);
        }
        self.reach_loop(scope, named.key, task);
    }

    /// Files that a form carries.
    fn reach_form(&mut self, scope: &Scope, named: &Named) {
        let fields = named.arg("body").and_then(Data::as_map).cloned().unwrap_or_default();
        let file = |field: &Data| match field.get("content") {
            Some(content) if content.truthy() => None,
            _ => field.get("filename").and_then(Data::as_str).map(str::to_owned),
        };
        for name in fields.values().filter_map(file) {
            self.need(scope, named.node("body"), ("files", &name));
        }
    }

    /// Files that a loop lists.
    fn reach_loop(&mut self, scope: &Scope, node: &Node, task: &Task) {
        let Some(found) = &task.loop_ else { return };
        match found.with.as_deref().map(short) {
            Some("file") => self.loop_terms(scope, node, ("files", &found.items)),
            Some("template") => self.loop_terms(scope, node, ("templates", &found.items)),
            Some("fileglob" | "filetree" | "first_found") => self.whole(scope, "files"),
            _ => {}
        }
        if matches!(found.with.as_deref().map(short), Some("first_found")) {
            self.whole(scope, "templates");
            self.whole(scope, "vars");
        }
    }

    fn loop_terms(&mut self, scope: &Scope, node: &Node, (kind, items): (&str, &Data)) {
        let one = std::slice::from_ref(items);
        for name in items.as_list().unwrap_or(one).iter().filter_map(Data::as_str) {
            self.need(scope, node, (kind, name));
        }
    }

    /// A file by the name that a task gives it: found, or reported with the paths that were tried.
    pub fn need(&mut self, scope: &Scope, node: &Node, (kind, name): (&str, &str)) {
        let name = beneath_source_root(name, scope, self);
        let in_tree = name.strip_prefix('\0');
        if is_template(&name) {
            match in_tree {
                Some(path) => self.matching("", &Pattern::new(path)),
                None if name.starts_with('/') => {}
                None => self.open_files(scope, kind, &name),
            }
            return;
        }
        // An absolute name is the node's own file; a URL is nobody's here.
        if in_tree.is_none() && (name.starts_with(['/', '~']) || name.contains("://") || name.is_empty()) {
            return;
        }
        let found = match in_tree {
            Some(path) => match join("", path) {
                Some(path) if self.tree.entry(&path).is_ok() => Ok(path),
                other => Err(other.into_iter().collect()),
            },
            None => find_file(self.tree, kind, name.trim_end_matches('/'), &scope.directories(&self.playbook_dir)),
        };
        match found {
            Ok(path) => self.reach(scope, kind, &path),
            Err(tried) if tried.is_empty() => self.outside(scope, node, in_tree.unwrap_or(&name)),
            Err(tried) if !scope.never => {
                let shown = in_tree.unwrap_or(&name);
                let what = if kind == "templates" { "template" } else { "file" };
                let mut diagnostic =
                    scope.diagnostic(Code::FILE_NOT_FOUND, format!("there is no {what} `{shown}`")).at(location(node));
                for path in tried {
                    diagnostic = diagnostic.note(format!("tried {path}"));
                }
                self.bag.push(diagnostic);
            }
            Err(_) => {}
        }
    }

    /// Reports a name that leads out of the tree wherever it starts.
    pub fn outside(&mut self, scope: &Scope, node: &Node, name: &str) {
        let message = format!("`{name}` leads out of the source tree");
        let hint = "copy what is needed into the source tree, or give its directory with --roles-path".to_owned();
        self.error_hint(scope, node, Code::OUTSIDE, (message, hint));
    }

    /// Everything that a templated name could mean, in the role's and the playbook's directory of its kind.
    fn open_files(&mut self, scope: &Scope, kind: &str, name: &str) {
        let pattern = Pattern::new(name);
        for dir in scope.directories(&self.playbook_dir) {
            for place in [join(&dir, kind), join(&dir, pattern.directory()).filter(|_| !pattern.directory().is_empty())]
            {
                let Some(place) = place.filter(|p| self.tree.has_directory(p)) else { continue };
                let named_here = name.starts_with(&format!("{kind}/")) || !place.ends_with(kind);
                let base = if named_here { dir.as_str() } else { place.as_str() };
                self.matching(base, &pattern);
            }
        }
    }

    fn matching(&mut self, base: &str, pattern: &Pattern) {
        let Some(start) = join(base, pattern.directory()) else { return };
        match self.tree.walk(&start) {
            Ok(paths) => {
                for path in paths {
                    let relative = if base.is_empty() { &path } else { path[base.len()..].trim_start_matches('/') };
                    // A name may also mean a directory that holds the file.
                    let dirs = relative.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| &relative[..at]);
                    if pattern.matches(relative) || dirs.into_iter().any(|d| pattern.matches(d)) {
                        self.add(&path);
                    }
                }
            }
            Err(crate::source::ReadError::Missing) => {}
            // `apply` reads what the task names from the disk; links may lead in circles that nobody follows.
            Err(_) if self.options.findings == Findings::AtRunTime => {}
            Err(e) => self.unreadable(&start, &e),
        }
    }

    /// A role's whole directory of a kind, and the playbook's.
    pub fn whole(&mut self, scope: &Scope, kind: &str) {
        self.open_files(scope, kind, "{{ anything }}");
    }

    fn reach(&mut self, scope: &Scope, kind: &str, path: &str) {
        match self.tree.entry(path) {
            Ok(Entry::Directory) => self.matching(path, &Pattern::new("{{ anything }}")),
            _ if kind == "templates" => self.template_file(scope, path),
            Ok(Entry::File) if kind == "vars" => {
                self.vars_file(path);
                self.add(path);
            }
            _ => {
                self.add(path);
                self.refuse_sealed(path);
            }
        }
    }

    /// A file that the node would have to decrypt.
    fn refuse_sealed(&mut self, path: &str) {
        let sealed = self.files.get(path).is_some_and(|f| is_sealed(&f.bytes));
        if sealed && !self.sealed_allowed && self.options.keyring.is_none() {
            let message = "this file is encrypted with Ansible Vault, and a node cannot decrypt it";
            let hint =
                "keep secrets in the control export, or write `decrypt: false` where the file shall arrive as it is";
            self.bag.push(Diagnostic::error(Code::VAULT_FILE, path, message).hint(hint));
        }
    }

    /// Takes a file into the bundle.
    pub fn add(&mut self, path: &str) {
        if self.files.contains_key(path) {
            return;
        }
        if self.files.len() >= limits::BUNDLE_MEMBERS {
            let message = format!("more than {} files are needed", limits::BUNDLE_MEMBERS);
            self.bag.push(Diagnostic::error(Code::UNREADABLE, path, message));
            return;
        }
        match self.tree.read(path, limits::BUNDLE_ARCHIVE) {
            Ok(file) => {
                let digest = Sha256::digest(&file.bytes);
                let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
                let reference =
                    FileRef { digest: format!("sha256:{hex}"), size: file.bytes.len() as u64, mode: file.mode };
                self.plan.files.insert(path.to_owned(), reference);
                self.files.insert(path.to_owned(), file);
            }
            Err(e) => self.unreadable(path, &e),
        }
    }

    /// Takes a template into the bundle, with what it includes.
    fn template_file(&mut self, scope: &Scope, path: &str) {
        let first = !self.files.contains_key(path);
        self.add(path);
        if first {
            self.template_text(scope, path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn templated_names_match_what_they_could_be() {
        let pattern = Pattern::new("conf/{{ os }}-{{ version }}.j2");
        assert_eq!(pattern.directory(), "conf");
        assert!(pattern.matches("conf/Rocky-9.j2"));
        assert!(!pattern.matches("conf/Rocky9.j2"));
        assert!(!pattern.matches("conf/Rocky-9.yml"));
        assert!(Pattern::new("{{ x }}").matches("anything/at/all"));
        assert!(Pattern::new("plain").matches("plain"));
        assert!(!Pattern::new("plain").matches("plainer"));
    }
}
