//! The arguments of community.general.ini_file. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// community.general.ini_file
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "community.general.ini_file",
    params: &[
        Param { name: "allow_no_value", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "create", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "exclusive", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "follow", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "ignore_spaces", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "modify_inactive_option", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "no_extra_spaces", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "option", ..Param::DEFAULT },
        Param { name: "path", aliases: &["dest"], kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "section", ..Param::DEFAULT },
        Param {
            name: "section_has_values",
            kind: Kind::List(&Kind::Dict),
            options: &[
                Param { name: "option", required: true, ..Param::DEFAULT },
                Param { name: "value", ..Param::DEFAULT },
                Param { name: "values", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
            ],
            ..Param::DEFAULT
        },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "value", ..Param::DEFAULT },
        Param { name: "values", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
    ],
    file_common: true,
    mutually_exclusive: &[&["value", "values"]],
    ..ModuleSpec::DEFAULT
};
