//! The arguments of ansible.builtin.uri. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.uri
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.uri",
    params: &[
        Param { name: "body", kind: Kind::Raw, ..Param::DEFAULT },
        Param {
            name: "body_format",
            choices: &["form-urlencoded", "json", "raw", "form-multipart"],
            default: Some("\"raw\""),
            ..Param::DEFAULT
        },
        Param { name: "ca_path", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "ciphers", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "client_cert", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "client_key", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "creates", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "decompress", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "dest", kind: Kind::Path, ..Param::DEFAULT },
        Param {
            name: "follow_redirects",
            choices: &["all", "no", "none", "safe", "urllib2", "yes"],
            default: Some("\"safe\""),
            ..Param::DEFAULT
        },
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "force_basic_auth", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "headers", kind: Kind::Dict, default: Some("{}"), ..Param::DEFAULT },
        Param { name: "http_agent", default: Some("\"ansible-httpget\""), ..Param::DEFAULT },
        Param { name: "method", default: Some("\"GET\""), ..Param::DEFAULT },
        Param { name: "remote_src", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "removes", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "return_content", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "src", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "status_code", kind: Kind::List(&Kind::Int), default: Some("[200]"), ..Param::DEFAULT },
        Param { name: "timeout", kind: Kind::Int, default: Some("30"), ..Param::DEFAULT },
        Param { name: "unix_socket", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "unredirected_headers", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "url", ..Param::DEFAULT },
        Param { name: "url_password", aliases: &["password"], secret: true, ..Param::DEFAULT },
        Param { name: "url_username", aliases: &["user"], ..Param::DEFAULT },
        Param { name: "use_gssapi", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "use_netrc", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "use_proxy", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "validate_certs", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
    ],
    file_common: true,
    mutually_exclusive: &[&["body", "src"]],
    ..ModuleSpec::DEFAULT
};
