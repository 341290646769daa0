//! The arguments of ansible.builtin.unarchive. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.unarchive
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.unarchive",
    params: &[
        Param { name: "copy", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "creates", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "decrypt", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "dest", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "exclude", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "extra_opts", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "include", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "io_buffer_size", kind: Kind::Int, default: Some("65536"), ..Param::DEFAULT },
        Param { name: "keep_newer", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "list_files", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "remote_src", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "src", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "validate_certs", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
    ],
    file_common: true,
    mutually_exclusive: &[&["include", "exclude"]],
    ..ModuleSpec::DEFAULT
};
