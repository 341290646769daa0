//! `docs/ansible-compatibility.md` is written from the tables that builder and executor work with, so that it can't lie.
//! `UPDATE=1 cargo test --test compatibility` writes it anew.

#![cfg(feature = "builder")]

use compute_init::compile::keyword::{BELOW_PLAY, BLOCK, COMMON, PLAY, PLAY_WITHOUT_EFFECT, TASK, WITHOUT_EFFECT};
use compute_init::compile::module::{COLLECTIONS, NOT_OURS, NOT_YET, PACKAGES};
use compute_init::modules::facts;
use compute_init::source::CODES;
use compute_init::spec::{self, Kind, Param};
use compute_init::vars::registry;
use compute_init::{apply, modules};
use std::fmt::Write as _;
use std::path::Path;

/// What works, and not as with ansible-playbook on a control machine.
const DIFFERENT: &[(&str, &str)] = &[
    ("hosts", "every pattern means this node: there is no other"),
    ("delegate_to", "this node by any of its names; another host is refused (CI0601)"),
    ("connection", "local, whatever kind of ssh is written; others are refused (CI0207)"),
    ("strategy", "linear, free and host_pinned are one with a single host; debug is refused (CI0207)"),
    ("vars_prompt", "refused (CI0207): there is nobody to ask at boot"),
    (
        "async, poll",
        "the task runs in the foreground, with its time as a deadline; apply runs it in the background with poll 0",
    ),
    (
        "uri, get_url, unarchive of a URL",
        "http natively; https, proxies and sockets by the node's own curl, so that its trust store and crypto policy apply; netrc and gssapi are not used",
    ),
    ("openssh_keypair", "by ssh-keygen; a passphrase, which would stand in its arguments, is refused"),
    ("become_user", "a user of this node; become_method says nothing, for no password is asked"),
    (
        "!vault, encrypted files, the filters vault and unvault",
        "opened by apply, plan and render, which take Ansible's options for passwords; a bundle holds no key: refused (CI0105, CI0502, CI0602)",
    ),
    ("fact_path", "/etc/ansible/facts.d only"),
    ("import names", "templates of variables that are given with -e only (CI0305)"),
    ("facts", "read when they are asked for, whatever gather_subset says"),
];

fn names<'a>(out: &mut String, title: &str, list: impl IntoIterator<Item = &'a str>) {
    let mut list: Vec<&str> = list.into_iter().collect();
    list.sort_unstable();
    list.dedup();
    let shown: Vec<String> = list.iter().map(|n| format!("`{n}`")).collect();
    let _ = writeln!(out, "\n{title} ({}): {}.", list.len(), shown.join(", "));
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::List(of) => format!("list of {}", self::kind(*of)),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn parameter(p: &Param) -> String {
    let mut text = format!("`{}`", p.name);
    if !p.aliases.is_empty() {
        let _ = write!(text, " (also {})", p.aliases.join(", "));
    }
    let _ = write!(text, " {}", kind(p.kind));
    if !p.choices.is_empty() {
        let _ = write!(text, " ({})", p.choices.join("/"));
    }
    if p.required {
        text.push_str(", required");
    }
    text
}

fn keywords(out: &mut String) {
    out.push_str("\n## Keywords\n");
    let none = |n: &&&str| WITHOUT_EFFECT.contains(n) || PLAY_WITHOUT_EFFECT.contains(n);
    names(out, "Of plays, blocks, tasks and roles", COMMON.iter().filter(|n| !none(n)).copied());
    names(out, "Of blocks, tasks and roles", BELOW_PLAY.iter().copied());
    names(out, "Of plays", PLAY.iter().filter(|n| !none(n)).copied());
    names(out, "Of blocks", BLOCK.iter().copied());
    names(out, "Of tasks", TASK.iter().copied().chain(["with_*", "listen"]));
    names(out, "Taken, without an effect", WITHOUT_EFFECT.iter().chain(PLAY_WITHOUT_EFFECT).copied());
    out.push_str("\n| different | how |\n| --- | --- |\n");
    for (what, how) in DIFFERENT {
        let _ = writeln!(out, "| {what} | {how} |");
    }
}

fn all_modules(out: &mut String) {
    out.push_str("\n## Modules\n\nBuilt into the language: `import_role`, `import_tasks`, `include_role`, `include_tasks`, `meta`.\n\n");
    let mut specs: Vec<_> = spec::all().collect();
    specs.sort_by_key(|s| s.name);
    out.push_str("| module | parameters |\n| --- | --- |\n");
    for spec in specs {
        let mut parameters: Vec<String> = spec.params.iter().map(parameter).collect();
        if spec.file_common {
            parameters.push("and those of all file modules (mode, owner, group, attributes, se*)".into());
        }
        if spec.any_params {
            parameters.push("and any other".into());
        }
        let _ = writeln!(out, "| `{}` | {} |", spec.name, parameters.join("; "));
    }
    names(out, "Refused, because they install software (CI0402)", PACKAGES.iter().copied());
    names(out, "Refused, because they are not for a node (CI0403)", NOT_OURS.iter().chain(COLLECTIONS).copied());
    names(out, "Run by `apply` all the same", spec::here().map(|s| s.name));
    out.push_str("\n| refused in a bundle | why |\n| --- | --- |\n");
    for (name, instead) in NOT_YET {
        let _ = writeln!(out, "| `{name}` | {instead} |");
    }
    out.push_str("\nAny other module is refused as unknown (CI0401): a node has no Python to run it.\n");
}

fn document() -> String {
    let mut out = String::from(
        "# What of Ansible 2.16 is supported\n\nWritten from the program's own tables by `UPDATE=1 cargo test --test \
         compatibility`; do not edit it. `compute-init explain CODE` tells more of a refusal.\n",
    );
    keywords(&mut out);
    all_modules(&mut out);
    out.push_str("\n## Templates\n");
    names(&mut out, "Filters", registry::filter_names().iter().copied());
    names(&mut out, "Tests", registry::test_names().iter().copied());
    names(&mut out, "Lookups, each also as `with_*`", registry::lookup_names().iter().copied());
    out.push_str("\nOthers are refused: CI0502, CI0503, CI0504.\n\n## Variables\n");
    names(&mut out, "Magic variables", apply::MAGIC.iter().copied());
    names(&mut out, "Facts, here without `ansible_`; and one per network interface", facts::known());
    out.push_str("\n## Refusals and warnings\n\n| code | meaning |\n| --- | --- |\n");
    for code in CODES {
        let _ = writeln!(out, "| {} | {} |", code.code, code.title);
    }
    out
}

#[test]
fn the_page_says_what_the_program_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ansible-compatibility.md");
    let wanted = document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("writes the page");
    }
    let found = std::fs::read_to_string(&path).expect("reads the page");
    assert!(found == wanted, "docs/ansible-compatibility.md is out of date: UPDATE=1 cargo test --test compatibility");
}

#[test]
fn every_module_that_the_page_names_can_run() {
    let missing: Vec<_> = spec::all().map(|s| s.name).filter(|name| modules::on_node(name).is_none()).collect();
    assert!(missing.is_empty(), "accepted when built, not run at boot: {missing:?}");
}

#[test]
fn what_is_refused_is_not_also_offered() {
    for name in PACKAGES.iter().chain(NOT_OURS).copied().chain(NOT_YET.iter().map(|(name, _)| *name)) {
        let offered = spec::find_anywhere(name).is_some_and(|found| spec::all().any(|s| s.name == found.name));
        assert!(!offered, "{name} is refused and has a specification");
    }
}
