//! The arguments of ansible.builtin.user. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.user
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.user",
    params: &[
        Param { name: "append", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "authorization", ..Param::DEFAULT },
        Param { name: "comment", ..Param::DEFAULT },
        Param {
            name: "create_home",
            aliases: &["createhome"],
            kind: Kind::Bool,
            default: Some("true"),
            ..Param::DEFAULT
        },
        Param { name: "expires", kind: Kind::Float, ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "generate_ssh_key", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "group", ..Param::DEFAULT },
        Param { name: "groups", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "hidden", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "home", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "local", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "login_class", ..Param::DEFAULT },
        Param { name: "move_home", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "name", aliases: &["user"], required: true, ..Param::DEFAULT },
        Param { name: "non_unique", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "password", secret: true, ..Param::DEFAULT },
        Param { name: "password_expire_max", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "password_expire_min", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "password_expire_warn", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "password_lock", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "profile", ..Param::DEFAULT },
        Param { name: "remove", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "role", ..Param::DEFAULT },
        Param { name: "seuser", ..Param::DEFAULT },
        Param { name: "shell", ..Param::DEFAULT },
        Param { name: "skeleton", ..Param::DEFAULT },
        Param { name: "ssh_key_bits", kind: Kind::Int, default: Some("0"), ..Param::DEFAULT },
        Param { name: "ssh_key_comment", ..Param::DEFAULT },
        Param { name: "ssh_key_file", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "ssh_key_passphrase", secret: true, ..Param::DEFAULT },
        Param { name: "ssh_key_type", default: Some("\"rsa\""), ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "system", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "uid", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "umask", ..Param::DEFAULT },
        Param {
            name: "update_password",
            choices: &["always", "on_create"],
            default: Some("\"always\""),
            ..Param::DEFAULT
        },
    ],
    ..ModuleSpec::DEFAULT
};
