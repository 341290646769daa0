//! Where Ansible looks for roles and files, in its order.

use super::tree::{Entry, Tree, join};

/// What a search found, or the paths it tried.
pub type Searched = Result<String, Vec<String>>;

/// The directory of a role: `roles/` beside the playbook, each roles path, beside the role that asks for it, beside
/// the playbook.
pub fn find_role(tree: &Tree, name: &str, playbook_dir: &str, asking_role: Option<&str>) -> Searched {
    let mut places = vec![join(playbook_dir, "roles")];
    places.extend(tree.roles_paths().map(|p| Some(p.to_owned())));
    places.push(asking_role.map(|path| super::parent(path).to_owned()));
    places.push(Some(playbook_dir.to_owned()));
    let mut tried = Vec::new();
    if let Some(path) = tree.absolute(name).and_then(|name| join("", name)) {
        return if tree.has_directory(&path) { Ok(path) } else { Err(vec![path]) };
    }
    for place in places.into_iter().flatten() {
        // A name may lead out of a directory of roles and back in: `../common`.
        let Some(path) = join(&place, name).or_else(|| tree.around(&place, name)) else { continue };
        if tree.has_directory(&path) {
            return Ok(path);
        }
        if !tried.contains(&path) {
            tried.push(path);
        }
    }
    Err(tried)
}

/// A file that a task names: in `kind/` and beside it, for each role from the inside out, then for the task file's
/// directory, then for the playbook's.
pub fn find_file(tree: &Tree, kind: &str, name: &str, directories: &[String]) -> Searched {
    let mut tried: Vec<String> = Vec::new();
    let named_kind = name.split('/').next() == Some(kind);
    for dir in directories {
        let mut candidates = Vec::new();
        // A directory below a role's tasks/ stands for its role.
        if let Some(role) = super::parent(dir).strip_suffix("/tasks") {
            candidates.push(join(role, &format!("{kind}/{name}")));
            candidates.push(join(super::parent(dir), name));
        }
        if !named_kind && !kind.is_empty() {
            candidates.push(join(dir, &format!("{kind}/{name}")));
        }
        candidates.push(join(dir, name));
        for path in candidates.into_iter().flatten() {
            if tree.has_file(&path) || tree.has_directory(&path) {
                return Ok(path);
            }
            if !tried.contains(&path) {
                tried.push(path);
            }
        }
    }
    Err(tried)
}

/// The main file of a role's directory (`tasks`, `vars`, ...), or the one that `*_from` names: with `.yml`, `.yaml`,
/// `.json` or as it is. For `vars` and `defaults` it may be a directory of files.
pub fn main_file(tree: &Tree, directory: &str, stem: &str) -> Option<(String, Entry)> {
    for extension in [".yml", ".yaml", ".json", ""] {
        let path = join(directory, &format!("{stem}{extension}"))?;
        // `*_from` is a name within the directory, never a way out of it.
        if !path.starts_with(&format!("{directory}/")) {
            return None;
        }
        if tree.has_file(&path) {
            return Some((path, Entry::File));
        }
        if extension.is_empty() && tree.has_directory(&path) {
            return Some((path, Entry::Directory));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{find_file, find_role, main_file};
    use crate::source::{Entry, FileBytes, Tree};

    fn tree(paths: &[&str]) -> Tree {
        Tree::memory(paths.iter().map(|p| ((*p).to_owned(), FileBytes::default())).collect())
    }

    #[test]
    fn files_are_found_in_ansibles_order() {
        let tree = tree(&["roles/r/templates/a.j2", "roles/r/a.j2", "templates/b.j2", "b.j2", "roles/r/tasks/sub/c"]);
        let dirs: Vec<String> = ["roles/r", "roles/r/tasks", ""].iter().map(|s| (*s).to_owned()).collect();
        let find = |name: &str| find_file(&tree, "templates", name, &dirs);
        assert_eq!(find("a.j2").as_deref(), Ok("roles/r/templates/a.j2"));
        assert_eq!(find("templates/a.j2").as_deref(), Ok("roles/r/templates/a.j2"));
        assert_eq!(find("b.j2").as_deref(), Ok("templates/b.j2"));
        let tried = find("x.j2").expect_err("is not there");
        assert_eq!(tried[0], "roles/r/templates/x.j2");
        assert_eq!(tried.last().map(String::as_str), Some("x.j2"));
        assert!(find("../../../../etc/passwd").is_err());
    }

    #[test]
    fn roles_are_found_beside_the_playbook_or_the_asking_role() {
        let tree = tree(&["roles/a/tasks/main.yml", "more/b/tasks/main.yml", "more/c/tasks/main.yml"]);
        assert_eq!(find_role(&tree, "a", "", None).as_deref(), Ok("roles/a"));
        assert_eq!(find_role(&tree, "c", "", Some("more/b")).as_deref(), Ok("more/c"));
        assert_eq!(find_role(&tree, "z", "", None), Err(vec!["roles/z".to_owned(), "z".to_owned()]));
        assert_eq!(find_role(&tree, "../more/c", "roles", None).as_deref(), Ok("more/c"));
        assert!(find_role(&tree, "../a", "", None).is_err());
    }

    #[test]
    fn main_files_have_extensions_or_are_directories() {
        let tree = tree(&["r/tasks/main.yaml", "r/vars/main/a.yml", "r/tasks/other"]);
        assert_eq!(main_file(&tree, "r/tasks", "main"), Some(("r/tasks/main.yaml".to_owned(), Entry::File)));
        assert_eq!(main_file(&tree, "r/vars", "main"), Some(("r/vars/main".to_owned(), Entry::Directory)));
        assert_eq!(main_file(&tree, "r/tasks", "other"), Some(("r/tasks/other".to_owned(), Entry::File)));
        assert_eq!(main_file(&tree, "r/tasks", "../vars/main/a"), None);
    }
}
