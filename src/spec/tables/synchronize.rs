//! The arguments of ansible.posix.synchronize. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.posix.synchronize
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.posix.synchronize",
    params: &[
        Param { name: "archive", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "checksum", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "compress", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "copy_links", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "delay_updates", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "delete", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "dest", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "dest_port", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "dirs", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "existing_only", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "group", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "link_dest", kind: Kind::List(&Kind::Path), ..Param::DEFAULT },
        Param { name: "links", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "mode", choices: &["pull", "push"], default: Some("\"push\""), ..Param::DEFAULT },
        Param { name: "owner", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "partial", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "perms", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "private_key", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "recursive", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "rsync_opts", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "rsync_path", ..Param::DEFAULT },
        Param { name: "rsync_timeout", kind: Kind::Int, default: Some("0"), ..Param::DEFAULT },
        Param { name: "set_remote_user", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "src", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "ssh_connection_multiplexing", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "times", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "use_ssh_args", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "verify_host", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};
