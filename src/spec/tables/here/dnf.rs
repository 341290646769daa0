//! The arguments of ansible.builtin.dnf. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.dnf
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.dnf",
    aliases: &["ansible.builtin.yum", "yum"],
    params: &[
        Param { name: "allow_downgrade", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "allowerasing", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "autoremove", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "bugfix", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "cacheonly", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "conf_file", ..Param::DEFAULT },
        Param { name: "disable_excludes", ..Param::DEFAULT },
        Param { name: "disable_gpg_check", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "disable_plugin", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "disablerepo", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "download_dir", ..Param::DEFAULT },
        Param { name: "download_only", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "enable_plugin", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "enablerepo", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "exclude", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "install_repoquery", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "install_weak_deps", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "installroot", default: Some("\"/\""), ..Param::DEFAULT },
        Param { name: "list", ..Param::DEFAULT },
        Param { name: "lock_timeout", kind: Kind::Int, default: Some("30"), ..Param::DEFAULT },
        Param { name: "name", aliases: &["pkg"], kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "nobest", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "releasever", ..Param::DEFAULT },
        Param { name: "security", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "skip_broken", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "sslverify", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "installed", "latest", "present", "removed"], ..Param::DEFAULT },
        Param {
            name: "update_cache",
            aliases: &["expire-cache"],
            kind: Kind::Bool,
            default: Some("false"),
            ..Param::DEFAULT
        },
        Param { name: "update_only", kind: Kind::Bool, default: Some("\"no\""), ..Param::DEFAULT },
        Param { name: "use_backend", choices: &["auto", "dnf4", "dnf5"], default: Some("\"auto\""), ..Param::DEFAULT },
        Param { name: "validate_certs", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
    ],
    required_one_of: &[&["name", "list", "update_cache"]],
    mutually_exclusive: &[&["name", "list"]],
    ..ModuleSpec::DEFAULT
};
