//! One table a module. Written by tests/tools/make-spec.py.

use super::ModuleSpec;

#[cfg(feature = "builder")]
mod here;
#[cfg(feature = "builder")]
pub(super) use here::HERE;
mod assemble;
mod assert;
mod authorized_key;
mod blockinfile;
mod command;
mod copy;
mod cron;
mod debug;
mod fail;
mod file;
mod find;
mod gather_facts;
mod get_url;
mod getent;
mod group;
mod hostname;
mod include_vars;
mod infiniband_facts;
mod ini_file;
mod iptables;
mod known_hosts;
mod lineinfile;
mod modprobe;
mod mount;
mod mount_facts;
mod openssh_keypair;
mod package_facts;
mod patch;
mod pause;
mod ping;
mod raw;
mod replace;
mod script;
mod selinux;
mod service;
mod service_facts;
mod set_fact;
mod set_stats;
mod setup;
mod shell;
mod slurp;
mod stat;
mod synchronize;
mod sysctl;
mod systemd_service;
mod tempfile;
mod template;
mod terminate_user_sessions;
mod timezone;
mod unarchive;
mod uri;
mod user;
mod validate_argument_spec;
mod wait_for;
mod wait_for_connection;

/// Every table, by short name.
pub(super) static ALL: &[&ModuleSpec] = &[
    &assemble::SPEC,
    &assert::SPEC,
    &authorized_key::SPEC,
    &blockinfile::SPEC,
    &command::SPEC,
    &copy::SPEC,
    &cron::SPEC,
    &debug::SPEC,
    &fail::SPEC,
    &file::SPEC,
    &find::SPEC,
    &gather_facts::SPEC,
    &get_url::SPEC,
    &getent::SPEC,
    &group::SPEC,
    &hostname::SPEC,
    &include_vars::SPEC,
    &known_hosts::SPEC,
    &infiniband_facts::SPEC,
    &iptables::SPEC,
    &ini_file::SPEC,
    &lineinfile::SPEC,
    &modprobe::SPEC,
    &mount::SPEC,
    &mount_facts::SPEC,
    &package_facts::SPEC,
    &patch::SPEC,
    &openssh_keypair::SPEC,
    &pause::SPEC,
    &ping::SPEC,
    &raw::SPEC,
    &replace::SPEC,
    &script::SPEC,
    &selinux::SPEC,
    &service::SPEC,
    &service_facts::SPEC,
    &set_fact::SPEC,
    &set_stats::SPEC,
    &setup::SPEC,
    &shell::SPEC,
    &slurp::SPEC,
    &stat::SPEC,
    &synchronize::SPEC,
    &sysctl::SPEC,
    &systemd_service::SPEC,
    &tempfile::SPEC,
    &template::SPEC,
    &terminate_user_sessions::SPEC,
    &timezone::SPEC,
    &unarchive::SPEC,
    &uri::SPEC,
    &user::SPEC,
    &validate_argument_spec::SPEC,
    &wait_for::SPEC,
    &wait_for_connection::SPEC,
];
