//! Tasks for other hosts: on a node only what would run on it runs.

use super::context::{Compiler, Scope, location};
use crate::plan::{Data, Keywords};
use crate::source::{Code, Diagnostic};
use crate::yaml::Node;

/// Whether a host is this node by any of its names.
fn here(host: &str) -> bool {
    let squeezed: String = host.chars().filter(|c| !c.is_whitespace()).collect();
    matches!(
        squeezed.as_str(),
        "localhost"
            | "127.0.0.1"
            | "::1"
            | ""
            | "{{inventory_hostname}}"
            | "{{inventory_hostname_short}}"
            | "{{ansible_hostname}}"
            | "{{ansible_host}}"
            | "{{ansible_facts.hostname}}"
            | "{{ansible_facts['hostname']}}"
            | "{{ansible_nodename}}"
            | "{{ansible_fqdn}}"
            | "{{omit}}"
    )
}

impl Compiler<'_> {
    /// Whether a task or block is kept: one for another host is refused, or left out where it is plainly not ours.
    pub fn delegation(&mut self, scope: &Scope, node: &Node, keywords: &Keywords, register: Option<&str>) -> bool {
        let Some(host) = keywords.delegate_to.as_ref().and_then(Data::as_str) else { return true };
        if here(host) || scope.never {
            return true;
        }
        let at = location(node.get("delegate_to").unwrap_or(node));
        let once = keywords.run_once.as_ref().is_some_and(|r| crate::spec::boolean(r) == Ok(true));
        if once && register.is_none() {
            let message = format!("left out of the bundle: it runs once, on {host}, which is not this node's business");
            self.bag.push(Diagnostic::warning(Code::DELEGATED, &scope.file, message).at(at));
            return false;
        }
        let message = format!("this task is delegated to {host}, and a node runs only what is its own");
        let hint = match register {
            Some(name) => format!(
                "take it out of the play for nodes; what others need of its result (`{name}`) belongs in the control export"
            ),
            None => "take it out of the play for nodes, or give it a condition that is always false there".to_owned(),
        };
        self.bag.push(Diagnostic::error(Code::DELEGATED, &scope.file, message).at(at).hint(hint));
        true
    }
}
