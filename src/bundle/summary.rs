//! What is in a bundle, for people and for `--json`. Names and counts only; nothing here can be acted upon.

use super::digest::Digest;
use super::keys::KeyId;
use super::write::role_of;
use crate::plan::manifest::Manifest;
use crate::plan::{Action, Node, Plan};
use crate::sys::order;
use serde::Serialize;

/// A bundle's contents.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The bundle's identity.
    pub digest: String,
    /// The plan's format.
    pub format: u32,
    /// The playbook's path in the source tree.
    pub playbook: String,
    /// Ids of the keys that signed.
    pub signatures: Vec<String>,
    /// Digest of the plan.
    pub plan: String,
    /// Length of the plan and of all files, each stored once.
    pub size: u64,
    /// The plays.
    pub plays: Vec<PlaySummary>,
    /// The roles that can be reached, by name.
    pub roles: Vec<RoleSummary>,
    /// The files, by path.
    pub files: Vec<FileSummary>,
}

/// A play.
#[derive(Debug, Serialize)]
pub struct PlaySummary {
    /// Its name, or its hosts where it has none.
    pub name: String,
    /// The roles it lists.
    pub roles: Vec<String>,
    /// Its own tasks: `pre_tasks`, `tasks` and `post_tasks`.
    pub tasks: usize,
    /// Its own handlers.
    pub handlers: usize,
}

/// A role.
#[derive(Debug, Serialize)]
pub struct RoleSummary {
    /// Its name.
    pub name: String,
    /// Its directory in the source tree.
    pub path: String,
    /// Tasks in its task files.
    pub tasks: usize,
    /// Its handlers.
    pub handlers: usize,
    /// Its files in the bundle.
    pub files: usize,
}

/// A file.
#[derive(Debug, Serialize)]
pub struct FileSummary {
    /// Its path in the source tree.
    pub path: String,
    /// The role it belongs to.
    pub role: Option<String>,
    /// Digest of its bytes.
    pub digest: String,
    /// Its length.
    pub size: u64,
    /// Its permissions, octal.
    pub mode: String,
}

impl Summary {
    pub(super) fn new(
        plan: &Plan,
        manifest: &Manifest,
        digest: Digest,
        signatures: impl Iterator<Item = KeyId>,
    ) -> Summary {
        let files: Vec<FileSummary> = plan
            .files
            .iter()
            .map(|(path, file)| FileSummary {
                path: path.clone(),
                role: role_of(plan, path).map(str::to_owned),
                digest: file.digest.clone(),
                size: file.size,
                mode: format!("{:04o}", file.mode),
            })
            .collect();
        Summary {
            digest: digest.to_string(),
            format: plan.format,
            playbook: plan.playbook.clone(),
            signatures: signatures.map(|k| k.to_string()).collect(),
            plan: manifest.layers.first().map(|l| l.digest.clone()).unwrap_or_default(),
            size: manifest.layers.iter().map(|l| l.size).sum(),
            plays: plays(plan),
            roles: roles(plan, &files),
            files,
        }
    }
}

fn plays(plan: &Plan) -> Vec<PlaySummary> {
    let name = |key: &String| plan.roles.get(key).map_or(key.clone(), |r| r.name.clone());
    plan.plays
        .iter()
        .map(|play| PlaySummary {
            name: play.name.clone().unwrap_or_else(|| play.hosts.join(", ")),
            roles: play.roles.iter().map(|r| name(&r.role)).collect(),
            tasks: count(&play.pre_tasks) + count(&play.tasks) + count(&play.post_tasks),
            handlers: count(&play.handlers),
        })
        .collect()
}

fn roles(plan: &Plan, files: &[FileSummary]) -> Vec<RoleSummary> {
    let mut roles: Vec<RoleSummary> = plan
        .roles
        .values()
        .map(|role| {
            let below =
                |path: &&String| path.strip_prefix(role.path.as_str()).is_some_and(|p| p.starts_with("/tasks/"));
            RoleSummary {
                name: role.name.clone(),
                path: role.path.clone(),
                tasks: plan.task_files.iter().filter(|(path, _)| below(path)).map(|(_, nodes)| count(nodes)).sum(),
                handlers: role.handlers.values().map(|nodes| count(nodes)).sum(),
                files: files.iter().filter(|f| f.role.as_ref() == Some(&role.name)).count(),
            }
        })
        .collect();
    order::by(&mut roles, |a, b| a.name.cmp(&b.name));
    roles
}

/// Tasks in a list of nodes, blocks opened; what the compiler adds (`meta: noop`) is not counted.
fn count(nodes: &[Node]) -> usize {
    nodes
        .iter()
        .map(|node| match node {
            Node::Task(task) => match task.action {
                Action::Meta(crate::plan::Meta::Noop) => 0,
                Action::Meta(_) | Action::Module(_) | Action::IncludeTasks { .. } | Action::IncludeRole { .. } => 1,
            },
            Node::Block(block) => count(&block.block) + count(&block.rescue) + count(&block.always),
        })
        .sum()
}
