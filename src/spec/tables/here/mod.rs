//! Tables of what only `apply` runs. Written by tests/tools/make-spec.py.

use crate::spec::ModuleSpec;

mod add_host;
mod apt;
mod async_status;
mod at;
mod dnf;
mod fetch;
mod filesize;
mod filesystem;
mod group_by;
mod package;

/// Every table, by short name.
pub(in crate::spec) static HERE: &[&ModuleSpec] = &[
    &add_host::SPEC,
    &apt::SPEC,
    &async_status::SPEC,
    &at::SPEC,
    &dnf::SPEC,
    &fetch::SPEC,
    &filesize::SPEC,
    &filesystem::SPEC,
    &group_by::SPEC,
    &package::SPEC,
];
