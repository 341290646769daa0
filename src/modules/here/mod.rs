//! Modules that only `apply` runs, on a machine whose operator looks on: they install software or change the
//! inventory of the run, which no node does at boot. Nothing here is in the executor.

mod async_status;
mod at;
mod fetch;
mod filesize;
mod filesystem;
mod inventory;
mod package;

use super::{Module, Run, on_node};
use crate::spec;

/// A module that nodes or `apply` run, by its short or full name.
pub fn anywhere(name: &str) -> Option<Module> {
    on_node(name).or_else(|| {
        let spec = spec::find_anywhere(name)?;
        Some(Module { spec, run: find(spec.name)? })
    })
}

/// The run side of a module of this folder.
fn find(name: &str) -> Option<Run> {
    let run: Run = match name {
        "ansible.builtin.add_host" => inventory::add_host,
        "ansible.builtin.group_by" => inventory::group_by,
        "ansible.posix.at" => at::run,
        "ansible.builtin.async_status" => async_status::run,
        "ansible.builtin.fetch" => fetch::run,
        "ansible.builtin.apt" => package::apt,
        "ansible.builtin.dnf" => package::dnf,
        "ansible.builtin.package" => package::any,
        "community.general.filesize" => filesize::run,
        "community.general.filesystem" => filesystem::run,
        _ => return None,
    };
    Some(run)
}

#[cfg(test)]
mod tests {
    use super::spec;

    /// What `apply` accepts, it must be able to run.
    #[test]
    fn every_specification_has_a_run_side() {
        let without: Vec<&str> = spec::here().map(|s| s.name).filter(|n| super::find(n).is_none()).collect();
        assert!(without.is_empty(), "accepted, but not run: {without:?}");
    }
}
