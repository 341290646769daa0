//! The arguments of community.general.filesystem. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// community.general.filesystem
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "community.general.filesystem",
    params: &[
        Param { name: "dev", aliases: &["device"], kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param {
            name: "fstype",
            aliases: &["type"],
            choices: &[
                "bcachefs", "btrfs", "ext2", "ext3", "ext4", "ext4dev", "f2fs", "lvm", "ocfs2", "reiserfs", "swap",
                "ufs", "vfat", "xfs",
            ],
            ..Param::DEFAULT
        },
        Param { name: "opts", ..Param::DEFAULT },
        Param { name: "resizefs", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "state", choices: &["present", "absent"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "uuid", ..Param::DEFAULT },
    ],
    mutually_exclusive: &[&["resizefs", "uuid"]],
    required_if: &[("state", "present", &["fstype"])],
    ..ModuleSpec::DEFAULT
};
