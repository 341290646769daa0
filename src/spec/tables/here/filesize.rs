//! The arguments of community.general.filesize. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// community.general.filesize
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "community.general.filesize",
    params: &[
        Param { name: "blocksize", kind: Kind::Raw, ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "path", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "size", kind: Kind::Raw, required: true, ..Param::DEFAULT },
        Param { name: "source", kind: Kind::Path, default: Some("\"/dev/zero\""), ..Param::DEFAULT },
        Param { name: "sparse", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
    ],
    file_common: true,
    ..ModuleSpec::DEFAULT
};
