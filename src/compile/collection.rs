//! Collections: where their roles lie, and in which of them a name without a collection is looked for.

use super::context::{Compiler, Scope};
use crate::plan::Map;
use crate::source::{Code, join};
use crate::yaml::Node;

/// A role of a collection.
pub(super) struct Found {
    /// Its full name.
    pub name: String,
    /// `namespace.collection`.
    pub collection: String,
    /// Its directory.
    pub path: String,
}

/// The collection in which a path lies.
pub(super) fn of_path(path: &str) -> Option<String> {
    let (_, inside) = path.rsplit_once("ansible_collections/")?;
    let mut parts = inside.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(namespace), Some(name), Some("roles")) => Some(format!("{namespace}.{name}")),
        _ => None,
    }
}

impl Compiler<'_> {
    /// The collections of `collections:`, else those around.
    pub fn collections(&mut self, scope: &Scope, node: &Node) -> Vec<String> {
        let Some(value) = node.get("collections") else { return scope.collections.clone() };
        let mut names = Vec::new();
        for item in self.items(value) {
            match item.as_str() {
                Some(name) => names.push(name.to_owned()),
                None => self.error(scope, item, Code::WRONG_TYPE, "`collections` takes names of collections"),
            }
        }
        names
    }

    /// A scope with the collections and variables of a play, block or task.
    pub fn beneath(&mut self, scope: &Scope, node: &Node, vars: &Map) -> Scope {
        let collections = self.collections(scope, node);
        Scope { collections, known: scope.known.with_vars(vars), ..scope.clone() }
    }

    /// A role that a full name means, or a name together with the collections around.
    pub fn collection_role(&self, scope: &Scope, name: &str) -> Option<Found> {
        if name.contains('/') {
            return None;
        }
        let full = name.splitn(3, '.').collect::<Vec<_>>();
        if let [namespace, collection, role] = full[..] {
            return self.role_of(&format!("{namespace}.{collection}"), role);
        }
        scope.collections.iter().find_map(|c| self.role_of(c, name))
    }

    /// Directories `ansible_collections`: beside the playbook, and in each roles path.
    pub fn collection_roots(&self) -> Vec<String> {
        let mut roots = vec![join(&self.playbook_dir, "collections"), Some("collections".to_owned())];
        roots.extend(self.tree.roles_paths().map(|p| Some(p.to_owned())));
        roots.into_iter().flatten().map(|root| format!("{root}/ansible_collections")).collect()
    }

    fn role_of(&self, collection: &str, role: &str) -> Option<Found> {
        let (namespace, name) = collection.split_once('.')?;
        let roots = self.collection_roots();
        let mut places: Vec<String> = roots.iter().map(|root| format!("{root}/{namespace}/{name}/roles")).collect();
        let of_paths = self.tree.collections().filter(|(c, _)| *c == collection);
        places.extend(of_paths.map(|(_, path)| path.to_owned()));
        let parts = role.replace('.', "/");
        let path = places.iter().filter_map(|p| join(p, &parts)).find(|p| self.tree.has_directory(p))?;
        Some(Found { name: format!("{collection}.{role}"), collection: collection.to_owned(), path })
    }
}

#[cfg(test)]
mod tests {
    use super::of_path;

    #[test]
    fn paths_tell_their_collection() {
        assert_eq!(of_path("collections/ansible_collections/a/b/roles/c").as_deref(), Some("a.b"));
        assert_eq!(of_path("usr/ansible_collections/a/b/playbooks/c"), None);
        assert_eq!(of_path("roles/a.b.c"), None);
    }
}
