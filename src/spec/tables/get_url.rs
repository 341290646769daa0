//! The arguments of ansible.builtin.get_url. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.get_url
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.get_url",
    params: &[
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "checksum", default: Some("\"\""), ..Param::DEFAULT },
        Param { name: "ciphers", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "client_cert", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "client_key", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "decompress", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "dest", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "force_basic_auth", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "headers", kind: Kind::Dict, ..Param::DEFAULT },
        Param { name: "http_agent", default: Some("\"ansible-httpget\""), ..Param::DEFAULT },
        Param { name: "timeout", kind: Kind::Int, default: Some("10"), ..Param::DEFAULT },
        Param { name: "tmp_dest", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "unredirected_headers", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "url", required: true, ..Param::DEFAULT },
        Param { name: "url_password", aliases: &["password"], secret: true, ..Param::DEFAULT },
        Param { name: "url_username", aliases: &["username"], ..Param::DEFAULT },
        Param { name: "use_gssapi", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "use_netrc", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "use_proxy", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "validate_certs", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
    ],
    file_common: true,
    ..ModuleSpec::DEFAULT
};
