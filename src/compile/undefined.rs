//! Variables that nothing in the source defines, though something with nearly the same name is: slips of the pen.
//! The control export may define any name, so a name alone proves nothing; one that is nearly another does.

use super::context::Compiler;
use crate::plan::{Action, Args, Data, Key, Keywords, Loop, Map, Node, Origin, RoleUse, Task};
use crate::source::{Code, Diagnostic};
use crate::yaml::Flavour;
use std::collections::BTreeSet;

/// Names that the source gives to variables.
#[derive(Default)]
struct Defined {
    names: BTreeSet<String>,
    /// Some name is computed: it may be any.
    open: bool,
}

impl Compiler<'_> {
    /// Warns of variables that are hardly named as they were meant.
    pub fn undefinable(&mut self) {
        let mut defined = Defined::default();
        self.defined(&mut defined);
        if defined.open {
            return;
        }
        for (name, place) in std::mem::take(&mut self.uses) {
            let known = defined.names.contains(&name) || name.starts_with("ansible_") || name.len() < 5;
            if known || self.bag.texts().any(|text| is_guarded(text, &name)) {
                continue;
            }
            let Some(near) = defined.names.iter().find(|other| is_slip(&name, other)) else { continue };
            let message = format!("nothing in this source defines the variable `{name}`");
            let hint =
                format!("did you mean `{near}`? If the inventory defines it, `{name} is defined` or default() says so");
            self.bag.push(Diagnostic::warning(Code::UNDEFINED_VARIABLE, place.file, message).at(place.at).hint(hint));
        }
    }

    fn defined(&self, to: &mut Defined) {
        to.map(&self.options.extra_vars);
        for play in &self.plan.plays {
            to.map(&play.keywords.vars);
            play.roles.iter().for_each(|used| to.role(used));
            let lists = [&play.pre_tasks, &play.tasks, &play.post_tasks, &play.handlers];
            lists.into_iter().for_each(|list| to.nodes(list));
        }
        for role in self.plan.roles.values() {
            role.defaults.values().chain(role.vars.values()).for_each(|map| to.map(map));
            role.dependencies.iter().for_each(|used| to.role(used));
            role.handlers.values().for_each(|list| to.nodes(list));
            let specs = role.argument_specs.values().filter_map(|spec| spec.get("options").and_then(Data::as_map));
            specs.for_each(|options| to.map(options));
        }
        self.plan.task_files.values().for_each(|list| to.nodes(list));
        let yaml = |path: &str| [".yml", ".yaml", ".json"].iter().any(|e| path.ends_with(e));
        for (_, file) in self.files.iter().filter(|(path, _)| yaml(path)) {
            if let Ok(Data::Map(map)) = crate::yaml::read(&file.bytes, Flavour::Ansible) {
                to.map(&map);
            }
        }
    }
}

impl Defined {
    fn name(&mut self, name: &str) {
        self.open |= name.contains("{{");
        self.names.insert(name.to_owned());
    }

    fn map(&mut self, map: &Map) {
        map.keys().filter_map(Data::as_str).for_each(|name| self.name(name));
    }

    fn role(&mut self, used: &RoleUse) {
        self.map(&used.params);
        self.map(&used.keywords.vars);
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Task(task) => self.task(task),
                Node::Block(block) => {
                    self.map(&block.keywords.vars);
                    match &block.origin {
                        Origin::ImportTasks { params, .. } => self.map(params),
                        Origin::ImportRole { used } => self.role(used),
                        _ => {}
                    }
                    [&block.block, &block.rescue, &block.always].into_iter().for_each(|list| self.nodes(list));
                }
            }
        }
    }

    fn task(&mut self, task: &Task) {
        self.map(&task.keywords.vars);
        task.register.iter().for_each(|name| self.name(name));
        if let Some(Loop { var, index_var, .. }) = &task.loop_ {
            [var, index_var].into_iter().flatten().filter_map(Data::as_str).for_each(|name| self.name(name));
        }
        match &task.action {
            Action::IncludeTasks { apply, .. } | Action::IncludeRole { apply, .. } => {
                let Keywords { vars, .. } = apply.as_ref();
                self.map(vars);
            }
            Action::Module(name) => self.module(name, &task.args),
            Action::Meta(_) => {}
        }
    }

    fn module(&mut self, name: &str, args: &Args) {
        let map = match args {
            Args::Map(map) => map,
            Args::Template { with, .. } => {
                self.open |= name == "ansible.builtin.set_fact";
                with
            }
        };
        match name {
            "ansible.builtin.set_fact" => self.map(map),
            "ansible.builtin.include_vars" => {
                map.get(&Key("name")).and_then(Data::as_str).into_iter().for_each(|name| self.name(name));
            }
            "ansible.builtin.getent" => {
                let database = map.get(&Key("database")).and_then(Data::as_str).unwrap_or("{{");
                self.name(&format!("getent_{database}"));
            }
            _ => {}
        }
    }
}

/// Whether somewhere the author foresees that a variable is not defined.
fn is_guarded(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let rest = &text[at + name.len()..];
        if text[..at].ends_with(part) || rest.starts_with(part) {
            return false;
        }
        // `name.member['x'] | default(...)`, `(name) is defined`, `'name' in vars`
        let rest = rest.trim_start_matches(|c: char| part(c) || ".[]'\")".contains(c)).trim_start();
        let filter = rest.strip_prefix('|').map(str::trim_start);
        let word = filter.or_else(|| rest.strip_prefix("is ").map(|r| r.trim_start().trim_start_matches("not ")));
        let guards = ["default", "d(", "defined", "undefined", "mandatory"];
        word.is_some_and(|w| guards.iter().any(|g| w.trim_start().starts_with(g)))
            || rest.starts_with("in ")
            || rest.starts_with("not in ")
    })
}

/// Whether one name is the other with one letter more, less, other, or two swapped. A number or a plural is another name.
fn is_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 || a == b {
        return false;
    }
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - end], &b[..b.len() - end]);
    let counted = a.iter().chain(b).any(char::is_ascii_digit);
    let plural = end == 0 && matches!((a, b), (['s'], []) | ([], ['s']));
    match (a, b) {
        _ if counted || plural => false,
        ([w, x], [y, z]) => w == z && x == y,
        (a, b) => a.len() <= 1 && b.len() <= 1 && same > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_guarded, is_slip};

    #[test]
    fn slips_are_one_letter_off() {
        assert!(is_slip("chrony_sevrers", "chrony_servers") && is_slip("chrony_server", "chrony_sever"));
        assert!(!is_slip("nfs_server", "nfs_servers") && !is_slip("eth0_name", "eth1_name"));
        assert!(!is_slip("mount_opts", "mount_path") && !is_slip("same", "same"));
    }

    #[test]
    fn guards_are_seen() {
        for text in ["{{ abcde | default('x') }}", "abcde is defined", "abcde.x['y'] is not defined", "'abcde' in vars"]
        {
            assert!(is_guarded(text, "abcde"), "{text}");
        }
        assert!(!is_guarded("{{ abcde | upper }} {{ my_abcde is defined }}", "abcde"));
    }
}
