//! Inventories as data: what patterns choose, and what is refused with its place. What is read is compared with Ansible
//! itself in `tests/export`.

use super::{GroupNames, Grown, Inventory, Sources, read, read_with};
use crate::vars::vault::Keyring;
use std::fs;
use tempfile::TempDir;

/// Reads an inventory of these files; the first names the source, a directory where it ends in a slash.
fn inventory(files: &[(&str, &str)]) -> Result<Inventory, String> {
    let dir = TempDir::new().expect("a directory");
    let root = dir.path().to_string_lossy().into_owned();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        if *name != "nowhere" {
            fs::write(path, text).expect("writes");
        }
    }
    let sources = [format!("{root}/{}", files[0].0)];
    let keyring = Keyring::default();
    let wanted = Sources { inventories: &sources, playbook_dir: None, facts: None, keyring: &keyring };
    read(&wanted).map_err(|e| e.to_string().replace(&format!("{root}/"), ""))
}

fn chosen(inventory: &Inventory, pattern: &str) -> String {
    let hosts = inventory.matching(pattern).expect("is a pattern");
    hosts.iter().map(|h| inventory.name(*h)).collect::<Vec<_>>().join(" ")
}

const CLUSTER: &str =
    "[compute]\nn[1:4]\ngpu[1:2].x\n[gpu]\ngpu[1:2].x\n[login]\nlogin\n[all_nodes:children]\ncompute\nlogin\n";

#[test]
fn patterns_choose_as_ansible_limits() {
    let inventory = inventory(&[("hosts", CLUSTER)]).expect("reads");
    let table = [
        ("compute:!gpu", "n1 n2 n3 n4"),
        ("compute,!n1,!n3", "n2 n4 gpu1.x gpu2.x"),
        ("compute:&gpu", "gpu1.x gpu2.x"),
        ("!compute", "login"),
        ("n?", "n1 n2 n3 n4"),
        ("compute[1:2]", "n2 n3"),
        ("compute[0]", "n1"),
        ("compute[-1]", "gpu2.x"),
        ("compute[4:]", "gpu1.x gpu2.x"),
        ("~n[13]", "n1 n3"),
        ("~(n4|login)", "login n4"),
        ("*.x", "gpu1.x gpu2.x"),
        ("n4 , n1", "n4 n1"),
        ("login:n1:login", "login n1"),
        ("all", "gpu1.x gpu2.x n1 n2 n3 n4 login"),
        ("n[!1-3]", "n4"),
    ];
    for (pattern, want) in table {
        assert_eq!(chosen(&inventory, pattern), want, "{pattern}");
    }
}

#[test]
fn a_limit_in_a_file_chooses_what_its_lines_choose() {
    let inventory = inventory(&[("hosts", CLUSTER)]).expect("reads");
    let dir = TempDir::new().expect("a directory");
    let limit = dir.path().join("limit");
    let pattern = format!("@{}", limit.display());
    fs::write(&limit, "n1\n\nlogin\n").expect("writes");
    assert_eq!(chosen(&inventory, &pattern), "n1 login");
    fs::write(&limit, "").expect("writes");
    assert_eq!(inventory.matching(&pattern).expect("is no limit").len(), 7);
    let error = inventory.matching(&format!("@{}", dir.path().display())).expect_err("is a directory");
    assert!(error.contains("must be a file"), "{error}");
}

#[test]
fn names_of_groups_stay_or_are_replaced_as_it_is_set() {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("hosts");
    fs::write(&file, "[a-b]\nx-y\n[a-b:vars]\nv=1\n[1c:children]\na-b\n").expect("writes");
    let (sources, keyring) = ([file.to_string_lossy().into_owned()], Keyring::default());
    let wanted = Sources { inventories: &sources, playbook_dir: None, facts: None, keyring: &keyring };
    let (kept, replaced) = (["1c", "a-b"], ["_c", "a_b"]);
    let table = [
        (GroupNames::Never, kept, true),
        (GroupNames::Ignore, kept, false),
        (GroupNames::Always, replaced, true),
        (GroupNames::Silently, replaced, false),
    ];
    for (names, want, said) in table {
        let read = read_with(&wanted, &Grown { names, ..Grown::default() }).expect("reads");
        assert_eq!(read.group_names(0), want, "{names:?}");
        assert_eq!(read.definitions(0).len(), 1, "{names:?}");
        assert_eq!(read.said_of_names(names).is_some(), said, "{names:?}");
    }
}

#[test]
fn a_list_of_hosts_has_ranges_where_it_may() {
    let (sources, keyring) = (["a,b[10:12:2]".to_owned()], Keyring::default());
    let wanted = Sources { inventories: &sources, playbook_dir: None, facts: None, keyring: &keyring };
    let names = |ranges| {
        let read = read_with(&wanted, &Grown { ranges, ..Grown::default() }).expect("reads");
        read.hosts().map(|h| read.name(h).to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(true), "a b10 b12");
    assert_eq!(names(false), "a b[10:12:2]");
    let sources = ["a[1:x],".to_owned()];
    let wrong = Sources { inventories: &sources, ..wanted };
    assert!(read_with(&wrong, &Grown { ranges: true, ..Grown::default() }).is_err());
}

#[test]
fn patterns_that_mean_nothing_are_refused() {
    let inventory = inventory(&[("hosts", CLUSTER)]).expect("reads");
    for bad in
        ["nosuch", "compute:nosuch", "compute:!nosuch", "compute[99]", "~[", "", ":", "@/nowhere/limit", "x*", "n[1:2]"]
    {
        assert!(inventory.matching(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_no_inventory_is_refused_with_its_place() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("hosts", "a b\n")], "hosts:1: takes name=value after the host, not b"),
        (&[("hosts", "\n[x:what]\n")], "hosts:2: sections are hosts, vars or children, not [x:what]"),
        (&[("hosts", "[x y]\n")], "hosts:1: [x y] is no section"),
        (&[("hosts", "[x:vars]\nnothing\n[x]\n")], "hosts:2: a section of variables takes name=value"),
        (&[("hosts", "a t='open\n")], "hosts:1: a quote is not closed"),
        (&[("hosts", "[g]\nn[1\n")], "hosts:2: a bracket is not closed"),
        (&[("hosts", "n[5:1]\n")], "hosts:1: the range [5:1] ends before it begins"),
        (&[("hosts", "[a:children]\nb\n")], "hosts:2: the section [a:children] names a group that is not defined: b"),
        (&[("hosts", "[a:vars]\nb=1\n")], "hosts:1: the section [a:vars] is of a group that is not defined: a"),
        (&[("hosts", "[a]\n[b]\n[a:children]\nb\n[b:children]\na\n")], "hosts:6: the group a cannot be a child of b"),
        (&[("hosts", "[a]\n[a:children]\na\n")], "hosts:3: the group a cannot be a child of itself"),
        (&[("hosts", "[g]\n[g:vars]\nansible_group_priority=high\n")], "hosts:3: ansible_group_priority"),
        (&[("h.yml", "all:\n  hosts: [a]\n")], "h.yml:2:10: hosts of the group all must be a dictionary, not list"),
        (&[("h.yml", "all:\n  hosts:\n    a: 1\n")], "h.yml:3:8: the host a must be a dictionary, not int"),
        (&[("h.yml", "all:\n  hosts:\n    1:\n")], "h.yml:3:5: a host's name must be text, not int"),
        (&[("h.yml", "all:\n\thosts:\n")], "h.yml:2:1: found character that cannot start any token"),
        (&[("h.yml", "all: {\n")], "h.yml:2"),
        (
            &[("h.yml", "a:\n  children:\n    b:\n      children:\n        a:\n")],
            "the group b cannot be a child of a: it is one of its parents (b < a < b)",
        ),
        (&[("h.yml", "a:\n  host: {}\n")], "h.yml:2:9: the group a has hosts, vars and children, not host"),
        (&[("h.yml", "plugin: constructed\n")], "only Ansible runs"),
        (&[("h.yml", "- a\n")], "h.yml:1: an inventory must be a dictionary of groups, not list"),
        (&[("nowhere", "")], "nowhere: the inventory cannot be read"),
        (&[("l.json", "{\"_meta\": {\"hostvars\": {\"a\": {\"x\": 1,}}}}")], "l.json:1: is not JSON: a name in quotes"),
        (&[("l.json", "{\"_meta\": {\"hostvars\": {\"a\": {\"x\": 1}}")], "l.json:1: is not JSON"),
        (&[("l.json", "{\n\"g\": {\"hosts\": 1}, \"_meta\": {\"hostvars\": {}}}")], "l.json:2: hosts of the group g"),
        (&[("l.json", "{\"_meta\": {\"hostvars\": {}},\n\"a\": {\"children\": [\"a\"]}}")], "l.json:2: the group a"),
        (&[("l.json", "{\"_meta\": {\"hostvars\": {\"a\": []}}}")], "a host's variables are an object"),
        (&[("i/hosts", "a\n"), ("i/group_vars/all.yml", "x: [\n")], "i/group_vars/all.yml:2:1: "),
        (&[("i/hosts", "a\n"), ("i/host_vars/a.yml", "- x\n")], "i/host_vars/a.yml:1: must hold a dictionary"),
        (&[("i/hosts", "a\n"), ("i/host_vars/a", "1: x\n")], "i/host_vars/a:1: a variable's name must be text"),
        (&[("i/hosts", "a\n"), ("i/host_vars/a", "$ANSIBLE_VAULT;1.1;AES256\n6162\n")], "i/host_vars/a:1: "),
    ];
    for (files, want) in table {
        let error = inventory(files).err().unwrap_or_else(|| panic!("is read: {files:?}"));
        assert!(error.contains(want), "{error}\n  instead of\n{want}");
    }
}

#[test]
fn a_host_in_no_group_has_what_all_have() {
    let files = [("i/hosts", "a\n"), ("i/group_vars/all.yml", "x: 1\n"), ("i/host_vars/localhost.yml", "y: 2\n")];
    let inventory = inventory(&files).expect("reads");
    let names = |found: Vec<super::Definition>| {
        found.iter().map(|d| inventory.text(d.name).to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(inventory.implicit("localhost")), "x y");
    assert_eq!(names(inventory.definitions(0)), "x");
    assert_eq!(inventory.group_names(0), ["ungrouped"]);
    assert_eq!(inventory.place(inventory.definitions(0)[0].place).rsplit('/').next(), Some("all.yml:1"));
}

#[test]
fn a_program_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().expect("a directory");
    let program = dir.path().join("dynamic");
    fs::write(&program, "#!/bin/sh\ntouch made\n").expect("writes");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("changes");
    let (sources, keyring) = ([program.to_string_lossy().into_owned()], Keyring::default());
    let wanted = Sources { inventories: &sources, playbook_dir: None, facts: None, keyring: &keyring };
    let error = read(&wanted).err().expect("is refused").to_string();
    assert!(error.contains("ansible-inventory --list"), "{error}");
}

/// Hosts, each with a file of variables that says its number; more than are read in one go.
fn many() -> Vec<(String, String)> {
    let hosts = (0..300).map(|n| format!("n{n}\n")).collect();
    let own = |n: u32| (format!("i/host_vars/n{n}.yml"), format!("# of n{n}\nnumber: {n}\nshared: yes\n"));
    std::iter::once(("i/hosts".to_owned(), hosts)).chain((0..300).map(own)).collect()
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

#[test]
fn files_that_are_read_ahead_come_to_their_own_hosts() {
    let files = many();
    let inventory = inventory(&borrowed(&files)).expect("reads");
    let (number, shared) = (inventory.name_id("number").expect("is known"), inventory.name_id("shared").expect("is"));
    for host in inventory.hosts() {
        let own = inventory.get(host, number).expect("is set");
        assert_eq!(
            format!("n{}", serde_json::to_string(&**inventory.value(own.value)).expect("JSON")),
            inventory.name(host)
        );
        assert!(inventory.place(own.place).ends_with(&format!("host_vars/{}.yml:2", inventory.name(host))));
    }
    let values: std::collections::BTreeSet<_> =
        inventory.hosts().map(|h| inventory.get(h, shared).expect("is set").value).collect();
    assert_eq!(values.len(), 1, "equal values are stored once");
}

#[test]
fn of_many_broken_files_the_first_in_the_inventory_is_told() {
    let mut files = many();
    for (at, text) in [(299, "x: [\n"), (151, "- x\n"), (40, "$ANSIBLE_VAULT;1.1;AES256\n6162\n"), (41, "x: [\n")] {
        files[at + 1].1 = text.to_owned();
    }
    for _ in 0..5 {
        let error = inventory(&borrowed(&files)).err().expect("is refused");
        assert!(error.starts_with("i/host_vars/n40.yml:1: "), "{error}");
    }
    files[41].1 = String::new();
    let error = inventory(&borrowed(&files)).err().expect("is refused");
    assert!(error.starts_with("i/host_vars/n41.yml:2:1: "), "{error}");
}
