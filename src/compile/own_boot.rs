//! Playbooks that do the whole boot themselves: fetch the export, load their variables. Recognised here, so that they
//! build and boot as they are, and their authors hear what they would gain by leaving it to the stages.

use super::context::{Compiler, location_of};
use crate::plan::{Action, Args, Data, Key, Node, Play, Task};
use crate::source::{Code, Diagnostic};

/// The play variable that decides, whatever the tasks look like.
const SAID: &str = "compute_init_self_contained";

impl Compiler<'_> {
    /// Marks a plan that fetches its variables itself.
    pub fn own_boot(&mut self) {
        let said = self.plan.plays.iter().find_map(|p| match p.keywords.vars.get(&Key(SAID)) {
            Some(Data::Bool(said)) => Some((*said, p)),
            _ => None,
        });
        let given = self.names.iter().any(|n| n.starts_with("compute_init_") && n != SAID);
        let found = match said {
            Some((said, play)) => said.then_some(play),
            None if given => None,
            None => self.plan.plays.iter().find(|p| fetches(p)),
        };
        let Some(span) = found.map(|play| play.span) else { return };
        self.plan.self_contained = true;
        self.plan.resumes = self.plan.plays.iter().any(|play| own_tasks(play).iter().any(|t| runs(t, &["scontrol"])));
        let Some(file) = self.source_of(span) else { return };
        let message = "this play mounts its export and loads its variables itself: the stages mount, stage and overlay \
                       stand aside";
        let hint = "left to the stages, it would be mounted for them alone, with deadline and retries, and only what \
                    this node needs would be copied: see compute_init_metadata and compute_init_staged in docs/boot.md";
        self.bag.push(Diagnostic::warning(Code::SELF_CONTAINED, file, message).at(location_of(span)).hint(hint));
    }
}

/// Whether a play's own tasks, outside of roles, mount something and load variables.
fn fetches(play: &Play) -> bool {
    let tasks = own_tasks(play);
    tasks.iter().any(|t| is_module(t, "ansible.builtin.include_vars")) && tasks.iter().any(|t| mounts(t))
}

fn own_tasks(play: &Play) -> Vec<&Task> {
    let mut tasks = Vec::new();
    for list in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
        collect(list, &mut tasks);
    }
    tasks
}

fn collect<'p>(nodes: &'p [Node], tasks: &mut Vec<&'p Task>) {
    for node in nodes {
        match node {
            Node::Task(task) if task.role.is_none() => tasks.push(task),
            Node::Task(_) => {}
            Node::Block(block) => {
                [&block.block, &block.rescue, &block.always].into_iter().for_each(|list| collect(list, tasks));
            }
        }
    }
}

fn is_module(task: &Task, name: &str) -> bool {
    matches!(&task.action, Action::Module(module) if module == name)
}

/// The mount module, or the command.
fn mounts(task: &Task) -> bool {
    is_module(task, "ansible.posix.mount") || runs(task, &["mount", "mount.nfs", "mount.nfs4"])
}

/// Whether a task runs one of these programs by `command` or `shell`.
fn runs(task: &Task, programs: &[&str]) -> bool {
    let Args::Map(args) = &task.args else { return false };
    let line = ["_raw_params", "cmd"].iter().find_map(|name| args.get(&Key(name))).and_then(Data::as_str);
    let argv = args.get(&Key("argv")).and_then(Data::as_list).and_then(|words| words.first()).and_then(Data::as_str);
    let program = argv.or_else(|| line.and_then(|l| l.split_whitespace().next()));
    ["ansible.builtin.command", "ansible.builtin.shell"].iter().any(|m| is_module(task, m))
        && program.and_then(|p| p.rsplit('/').next()).is_some_and(|name| programs.contains(&name))
}
