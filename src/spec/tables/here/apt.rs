//! The arguments of ansible.builtin.apt. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.apt
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.apt",
    params: &[
        Param { name: "allow_change_held_packages", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param {
            name: "allow_downgrade",
            aliases: &["allow-downgrade", "allow_downgrades", "allow-downgrades"],
            kind: Kind::Bool,
            default: Some("false"),
            ..Param::DEFAULT
        },
        Param {
            name: "allow_unauthenticated",
            aliases: &["allow-unauthenticated"],
            kind: Kind::Bool,
            default: Some("false"),
            ..Param::DEFAULT
        },
        Param { name: "autoclean", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "autoremove", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "cache_valid_time", kind: Kind::Int, default: Some("0"), ..Param::DEFAULT },
        Param { name: "clean", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "deb", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "default_release", aliases: &["default-release"], ..Param::DEFAULT },
        Param { name: "dpkg_options", default: Some("\"force-confdef,force-confold\""), ..Param::DEFAULT },
        Param { name: "fail_on_autoremove", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "force_apt_get", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "install_recommends", aliases: &["install-recommends"], kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "lock_timeout", kind: Kind::Int, default: Some("60"), ..Param::DEFAULT },
        Param { name: "only_upgrade", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "package", aliases: &["pkg", "name"], kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "policy_rc_d", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "purge", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param {
            name: "state",
            choices: &["absent", "build-dep", "fixed", "latest", "present"],
            default: Some("\"present\""),
            ..Param::DEFAULT
        },
        Param { name: "update_cache", aliases: &["update-cache"], kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "update_cache_retries", kind: Kind::Int, default: Some("5"), ..Param::DEFAULT },
        Param { name: "update_cache_retry_max_delay", kind: Kind::Int, default: Some("12"), ..Param::DEFAULT },
        Param {
            name: "upgrade",
            choices: &["dist", "full", "no", "safe", "yes"],
            default: Some("\"no\""),
            ..Param::DEFAULT
        },
    ],
    required_one_of: &[&["autoremove", "deb", "package", "update_cache", "upgrade"]],
    mutually_exclusive: &[&["deb", "package", "upgrade"]],
    ..ModuleSpec::DEFAULT
};
