//! The role set that the builder carries in itself: what `build` takes where no source is named.

use super::tree::{FileBytes, Tree};
use include_dir::{Dir, DirEntry, include_dir};
use std::collections::BTreeMap;

/// The shipped playbook, in the shipped tree.
pub const PLAYBOOK: &str = "compute-init.yml";
static TEMPLATES: Dir = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The shipped playbook and its roles.
pub fn tree() -> Tree {
    let mut files = BTreeMap::new();
    collect(&TEMPLATES, &mut files);
    files.retain(|path, _| path == PLAYBOOK || path.starts_with("roles/"));
    Tree::memory(files)
}

fn collect(dir: &Dir, files: &mut BTreeMap<String, FileBytes>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, files),
            DirEntry::File(file) => {
                let bytes = file.contents().to_vec();
                files.insert(file.path().to_string_lossy().into_owned(), FileBytes { bytes, mode: 0o644 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_shipped_tree_has_the_playbook_and_every_role() {
        let tree = super::tree();
        assert!(tree.has_file(super::PLAYBOOK));
        for role in ["resolv_conf", "etc_hosts", "nfs", "manila", "basic_users", "eessi", "openhpc"] {
            assert!(tree.has_file(&format!("roles/{role}/tasks/main.yml")), "{role}");
        }
        assert!(!tree.has_directory("sample") && !tree.has_directory("units"));
    }
}
