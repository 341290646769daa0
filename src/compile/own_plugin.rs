//! Plugins that a site wrote itself, in Python: found where Ansible would load them, and refused by name where they are
//! used. None of them is ever run.

use super::collection;
use super::context::{Compiler, Scope, location_of};
use crate::plan::{Span, limits};
use crate::source::{Code, Diagnostic, join};
use std::collections::BTreeSet;

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A task's action.
    Module,
    /// `value | name`
    Filter,
    /// `value is name`
    Test,
    /// `lookup('name')`
    Lookup,
}

impl Kind {
    /// Directories beside a playbook or in a role.
    fn directories(self) -> &'static [&'static str] {
        match self {
            Kind::Module => &["library", "action_plugins"],
            Kind::Filter => &["filter_plugins"],
            Kind::Test => &["test_plugins"],
            Kind::Lookup => &["lookup_plugins"],
        }
    }

    /// Directories below `plugins/` of a collection.
    fn in_collection(self) -> &'static [&'static str] {
        match self {
            Kind::Module => &["modules", "action"],
            Kind::Filter => &["filter"],
            Kind::Test => &["test"],
            Kind::Lookup => &["lookup"],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Module => "module",
            Kind::Filter => "filter",
            Kind::Test => "test",
            Kind::Lookup => "lookup",
        }
    }

    /// How to do without.
    fn instead(self) -> &'static str {
        match self {
            Kind::Module => {
                "a node has no Python: use a module that exists, `script` with a shell script, or `command` with a \
                 program of the image"
            }
            Kind::Filter => {
                "a node has no Python: use filters that exist (map, selectattr, combine, regex_replace, json_query), a \
                 macro in the template, or evaluate it in the inventory, which the control export carries"
            }
            Kind::Test => "a node has no Python: write the condition out, with tests that exist (match, in, version)",
            Kind::Lookup => {
                "a node has no Python: use lookup('pipe') with a program of the image, or evaluate it in the inventory, \
                 which the control export carries"
            }
        }
    }
}

impl Compiler<'_> {
    /// The site's own plugin of that name, refused where it is used. `None`: there is none.
    pub fn own_plugin(&self, scope: &Scope, kind: Kind, name: &str) -> Option<Diagnostic> {
        let path = self.written(scope, kind, name)?;
        let message = format!("the {} `{name}` is the site's own, in {path}", kind.word());
        Some(Diagnostic::error(Code::OWN_PLUGIN, &scope.file, message).hint(kind.instead()))
    }

    /// The file of Python that has a plugin.
    fn written(&self, scope: &Scope, kind: Kind, name: &str) -> Option<String> {
        let mut roots: BTreeSet<&str> = self.plan.roles.values().map(|r| r.path.as_str()).collect();
        roots.extend(scope.role_paths.iter().map(String::as_str));
        let beside = roots.iter().copied().chain([self.playbook_dir.as_str()]);
        let mut places: Vec<String> =
            beside.flat_map(|root| kind.directories().iter().filter_map(move |d| join(root, d))).collect();
        let mut short = name;
        if let [namespace, collection, last] = name.splitn(3, '.').collect::<Vec<_>>()[..] {
            short = last;
            places = self.of_collection(kind, &format!("{namespace}/{collection}"));
        }
        let listed = scope.collections.iter().chain(&self.role_collections(scope)).cloned().collect::<BTreeSet<_>>();
        places.extend(listed.iter().flat_map(|c| self.of_collection(kind, &c.replacen('.', "/", 1))));
        places.iter().find_map(|place| self.file_with(place, kind, short))
    }

    fn role_collections(&self, scope: &Scope) -> Vec<String> {
        scope.role_paths.iter().filter_map(|path| collection::of_path(path)).collect()
    }

    fn of_collection(&self, kind: Kind, name: &str) -> Vec<String> {
        let roots = self.collection_roots();
        let places = |root: &String| {
            let plugins = format!("{root}/{name}/plugins");
            kind.in_collection().iter().map(move |d| format!("{plugins}/{d}")).collect::<Vec<_>>()
        };
        roots.iter().flat_map(places).collect()
    }

    /// A module or lookup is a file; a filter or test is a name that a file gives in a dictionary.
    fn file_with(&self, place: &str, kind: Kind, name: &str) -> Option<String> {
        let files = self.tree.walk(place).ok()?;
        files.into_iter().find(|path| {
            let file = path.rsplit('/').next().unwrap_or(path);
            let stem = file.split('.').next().unwrap_or(file);
            let plain = matches!(kind, Kind::Module | Kind::Lookup);
            if plain || !file.ends_with(".py") {
                return stem == name && !file.ends_with(".md");
            }
            let text = self.tree.read(path, limits::YAML as u64).map(|f| f.bytes).unwrap_or_default();
            gives(&String::from_utf8_lossy(&text), name)
        })
    }

    /// Notes files of Python beside the playbook or in roles that a node does without: nothing that runs there uses them,
    /// or there is a native one.
    pub fn spared_plugins(&mut self) {
        // Where something is wrong, one of them may be what is missing.
        if self.bag.has_errors() {
            return;
        }
        let mut roots: BTreeSet<String> = self.plan.roles.values().map(|r| r.path.clone()).collect();
        roots.insert(self.playbook_dir.clone());
        let kinds = [Kind::Module, Kind::Filter, Kind::Test, Kind::Lookup];
        let own = kinds.iter().flat_map(|k| k.directories()).chain(&["callback_plugins", "module_utils"]);
        let places: Vec<String> = own.flat_map(|d| roots.iter().filter_map(move |r| join(r, d))).collect();
        for path in places.iter().flat_map(|place| self.tree.walk(place).unwrap_or_default()) {
            let file = path.rsplit('/').next().unwrap_or(&path);
            if !file.ends_with(".py") || file == "__init__.py" {
                continue;
            }
            let message = format!("{path} is left out: a node has no Python, and what runs there does without it");
            let start = location_of(Span::default());
            self.bag.push(Diagnostic::note_about(Code::OWN_PLUGIN, &path, message).at(start));
        }
    }
}

/// Whether Python's text has a dictionary with that key, as `filters()` and `tests()` return it.
fn gives(text: &str, name: &str) -> bool {
    ['\'', '"'].iter().any(|quote| {
        let key = format!("{quote}{name}{quote}");
        text.match_indices(&key).any(|(at, _)| text[at + key.len()..].trim_start().starts_with([':', ']']))
    }) || text.contains(&format!("dict({name}="))
}

#[cfg(test)]
mod tests {
    use super::gives;

    #[test]
    fn names_of_filters_are_keys() {
        assert!(gives("return {\n  'ours': ours,\n}", "ours") && gives("{\"ours\" : f}", "ours"));
        assert!(gives("f['ours'] = g", "ours"));
        assert!(!gives("print('ours')", "ours") && !gives("{'theirs': 'ours'}", "ours"));
    }
}
