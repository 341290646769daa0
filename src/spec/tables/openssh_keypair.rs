//! The arguments of community.crypto.openssh_keypair. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// community.crypto.openssh_keypair
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "community.crypto.openssh_keypair",
    params: &[
        Param {
            name: "backend",
            choices: &["auto", "cryptography", "opensshbin"],
            default: Some("\"auto\""),
            ..Param::DEFAULT
        },
        Param { name: "comment", ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "passphrase", secret: true, ..Param::DEFAULT },
        Param { name: "path", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param {
            name: "private_key_format",
            choices: &["auto", "pkcs1", "pkcs8", "ssh"],
            default: Some("\"auto\""),
            ..Param::DEFAULT
        },
        Param {
            name: "regenerate",
            choices: &["never", "fail", "partial_idempotence", "full_idempotence", "always"],
            default: Some("\"partial_idempotence\""),
            ..Param::DEFAULT
        },
        Param { name: "size", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "state", choices: &["present", "absent"], default: Some("\"present\""), ..Param::DEFAULT },
        Param {
            name: "type",
            choices: &["rsa", "dsa", "rsa1", "ecdsa", "ed25519"],
            default: Some("\"rsa\""),
            ..Param::DEFAULT
        },
    ],
    file_common: true,
    ..ModuleSpec::DEFAULT
};
