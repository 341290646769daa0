//! The arguments of ansible.builtin.stat. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.stat
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.stat",
    params: &[
        Param {
            name: "checksum_algorithm",
            aliases: &["checksum", "checksum_algo"],
            choices: &["md5", "sha1", "sha224", "sha256", "sha384", "sha512"],
            default: Some("\"sha1\""),
            ..Param::DEFAULT
        },
        Param { name: "follow", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param {
            name: "get_attributes",
            aliases: &["attr", "attributes"],
            kind: Kind::Bool,
            default: Some("true"),
            ..Param::DEFAULT
        },
        Param { name: "get_checksum", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param {
            name: "get_mime",
            aliases: &["mime", "mime_type", "mime-type"],
            kind: Kind::Bool,
            default: Some("true"),
            ..Param::DEFAULT
        },
        Param { name: "path", aliases: &["dest", "name"], kind: Kind::Path, required: true, ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};
