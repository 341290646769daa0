//! A play from start to end: roles and handlers known first, then its sections, each followed by its handlers.

use super::frame::{Frame, Kind};
use super::handlers::Handler;
use super::role::{Instance, Use, parent_dir};
use super::scope::Scope;
use super::walk::Flow;
use super::{Inventory, Run};
use crate::plan::{Block, Data, Key, Map, Play};
use crate::vars::Files;
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

/// The play that runs.
pub(super) struct Current<'p> {
    pub play: &'p Play,
    pub frame: Rc<Frame<'p>>,
    /// Roles in the order in which they were loaded.
    pub roles: RefCell<Vec<Rc<Instance<'p>>>>,
    /// Variables of `vars_files`, in order.
    pub vars_files: RefCell<Vec<Map>>,
    pub handlers: RefCell<Vec<Handler<'p>>>,
    /// Names that were notified and not flushed yet, in order.
    pub notified: RefCell<Vec<String>>,
    /// Roles that ran to their end, by identity.
    pub completed: RefCell<HashSet<String>>,
    /// Instances of statically imported roles, by the block that stands for them.
    imports: RefCell<Vec<(*const Block, Rc<Instance<'p>>)>>,
}

impl<'p> Current<'p> {
    fn new(play: &'p Play, dir: String) -> Current<'p> {
        Current {
            play,
            frame: Frame::play(&play.keywords, dir),
            roles: RefCell::default(),
            vars_files: RefCell::default(),
            handlers: RefCell::default(),
            notified: RefCell::default(),
            completed: RefCell::default(),
            imports: RefCell::default(),
        }
    }

    /// The role that an import block stands for.
    pub fn imported(&self, block: &Block) -> Option<Rc<Instance<'p>>> {
        let imports = self.imports.borrow();
        imports.iter().find(|(b, _)| std::ptr::eq(*b, block)).map(|(_, role)| Rc::clone(role))
    }

    /// Remembers the role that an import block stands for.
    pub fn add_import(&self, block: &Block, role: &Rc<Instance<'p>>) {
        self.imports.borrow_mut().push((std::ptr::from_ref(block), Rc::clone(role)));
    }
}

/// What a play is called.
pub fn title(play: &Play) -> String {
    play.name.clone().unwrap_or_else(|| play.hosts.join(","))
}

/// Whether the play's patterns name this host. `localhost` always does: on a node, this is it.
pub(super) fn targets(inventory: &Inventory, play: &Play) -> bool {
    let member = |name: &str| {
        let group = inventory.groups.get(&Key(name)).and_then(Data::as_list);
        matches!(name, "all" | "*" | "localhost" | "127.0.0.1" | "::1")
            || name == inventory.host
            || name.contains("{{")
            || group.is_some_and(|g| g.iter().any(|h| h.as_str() == Some(&inventory.host)))
    };
    let parts: Vec<&str> = play.hosts.iter().flat_map(|p| p.split([',', ':'])).map(str::trim).collect();
    let any = parts.iter().any(|p| !p.starts_with(['!', '&']) && member(p));
    let all = parts.iter().filter_map(|p| p.strip_prefix('&')).all(member);
    let none = !parts.iter().filter_map(|p| p.strip_prefix('!')).any(member);
    any && all && none
}

impl<'p> Run<'p> {
    /// Runs a play. False: it failed.
    pub(super) fn play(&self, play: &'p Play) -> bool {
        let current = Current::new(play, parent_dir(&self.world.plan.playbook));
        let flow = match self.prepare(&current) {
            Ok(roles) => self.sections_of(&current, &roles),
            Err(message) => self.fatal(play.span, &current.frame, &message),
        };
        flow != Flow::Failed
    }

    /// Loads what must be known before the first task: roles, imports, handlers, vars_files.
    fn prepare(&self, play: &Current<'p>) -> Result<Vec<Rc<Instance<'p>>>, String> {
        let mut roles = Vec::new();
        for used in &play.play.roles {
            let role = Instance::new(self.world.plan, Use::of(used), Vec::new())?;
            self.add_handlers(play, &role, &play.frame);
            play.roles.borrow_mut().push(Rc::clone(&role));
            roles.push(role);
        }
        // Ansible's order: what imports bring comes behind the play's own, and post_tasks are read before tasks.
        self.add_play_handlers(play);
        for role in &roles {
            self.collect_role_imports(play, role);
        }
        for section in [&play.play.pre_tasks, &play.play.post_tasks, &play.play.tasks] {
            self.collect_imports(play, (self.world.plan, section), &[]);
        }
        self.load_vars_files(play)?;
        Ok(roles)
    }

    fn load_vars_files(&self, play: &Current<'p>) -> Result<(), String> {
        for item in &play.play.vars_files {
            let choices = match item {
                Data::List(list) => list.clone(),
                one => vec![one.clone()],
            };
            let found = {
                let scope = Scope::new(self, play, &play.frame, None);
                let files = super::files::TaskFiles::new(self, &play.frame);
                let templar = self.templar(&scope, &files);
                let mut found = None;
                let mut tried = Vec::new();
                let mut undefined = false;
                for choice in &choices {
                    let Ok(name) = templar.value(choice) else {
                        undefined = true;
                        continue;
                    };
                    let Some(name) = name.as_str() else {
                        return Err(format!("vars_files takes file names, not {}", name.type_name()));
                    };
                    match files.find("vars", name) {
                        Ok(path) => {
                            found = Some(
                                files
                                    .read_vars(&path)
                                    .map(|v| (path.clone(), v))
                                    .map_err(|e| format!("reading {path}: {e}"))?,
                            );
                            break;
                        }
                        Err(paths) => tried.extend(paths),
                    }
                }
                if found.is_none() && !undefined {
                    return Err(format!("vars file was not found; tried {}", tried.join(", ")));
                }
                found
            };
            // An undefined variable in the name skips the file, as in Ansible before facts are gathered.
            let Some((path, vars)) = found else { continue };
            match vars {
                Data::Map(map) => play.vars_files.borrow_mut().push(map),
                Data::Null => {}
                other => return Err(format!("{path} must hold a dictionary, not {}", other.type_name())),
            }
        }
        Ok(())
    }

    /// `--list-tasks`: nothing is run.
    #[cfg(feature = "builder")]
    pub(super) fn listing(&self) -> bool {
        self.world.options.listing
    }

    /// A node never lists.
    #[cfg(not(feature = "builder"))]
    pub(super) fn listing(&self) -> bool {
        false
    }

    fn sections_of(&self, play: &Current<'p>, roles: &[Rc<Instance<'p>>]) -> Flow {
        if !self.listing() && self.gather(play) == Flow::Failed {
            return Flow::Failed;
        }
        let flow = self.run_sections(play, roles);
        let force = play.play.force_handlers || self.world.options.force_handlers;
        if flow == Flow::Failed && force {
            self.flush_handlers(play);
        }
        flow
    }

    fn run_sections(&self, play: &Current<'p>, roles: &[Rc<Instance<'p>>]) -> Flow {
        let steps: [&dyn Fn() -> Flow; 7] = [
            &|| self.nodes(play, &play.play.pre_tasks, &play.frame),
            &|| self.flush_handlers(play),
            &|| {
                for role in roles {
                    match self.role(play, role, &play.frame) {
                        Flow::Next => {}
                        other => return other,
                    }
                }
                Flow::Next
            },
            &|| self.nodes(play, &play.play.tasks, &play.frame),
            &|| self.flush_handlers(play),
            &|| self.nodes(play, &play.play.post_tasks, &play.frame),
            &|| self.flush_handlers(play),
        ];
        for step in steps {
            match step() {
                Flow::Next => {}
                other => return other,
            }
        }
        Flow::Next
    }

    /// `gather_facts`: from here on facts are answered; each is computed when it is first asked for.
    fn gather(&self, play: &Current<'p>) -> Flow {
        let wanted = match &play.play.gather_facts {
            None => self.gathers_unasked(),
            Some(value) => {
                let scope = Scope::new(self, play, &play.frame, None);
                let files = super::files::TaskFiles::new(self, &play.frame);
                let value = self.templar(&scope, &files).value(value).unwrap_or(Data::Bool(true));
                super::result::boolean(&value)
            }
        };
        #[cfg(feature = "builder")]
        if let Some(message) = self.out_of_reach().filter(|_| wanted) {
            return self.fatal(play.play.span, &play.frame, &message);
        }
        if wanted {
            self.environment_fact(play);
            self.host.borrow_mut().gathered = true;
            self.gathered(play);
        }
        Flow::Next
    }

    /// Whether a play gathers facts that does not say so.
    #[cfg(feature = "builder")]
    fn gathers_unasked(&self) -> bool {
        match self.world.options.gathering {
            super::Gathering::Implicit => true,
            super::Gathering::Explicit => false,
            super::Gathering::Smart => !self.host.borrow().gathered,
        }
    }

    /// On a node, every such play does.
    #[cfg(not(feature = "builder"))]
    fn gathers_unasked(&self) -> bool {
        true
    }

    /// The play's `environment` is what gathering sees. What refers to facts that are not there yet is left out.
    fn environment_fact(&self, play: &Current<'p>) {
        let found = {
            let scope = Scope::new(self, play, &play.frame, None);
            let files = super::files::TaskFiles::new(self, &play.frame);
            let templar = self.templar(&scope, &files);
            let mut found = Map::default();
            for layer in &play.play.keywords.environment {
                let pairs = match layer {
                    Data::Map(map) => map.clone(),
                    other => templar.value(other).ok().and_then(|v| v.as_map().cloned()).unwrap_or_default(),
                };
                found.extend(pairs.into_iter().filter_map(|(k, v)| Some((k, templar.value(&v).ok()?))));
            }
            found
        };
        if !found.is_empty() {
            let mut all = self.world.facts.get("env").and_then(|e| e.as_map().cloned()).unwrap_or_default();
            all.extend(found.into_iter().map(|(k, v)| (k, Data::Unsafe(super::manner::shell_text(&v)))));
            self.host.borrow_mut().add_facts(&[(Data::str("env"), Data::Map(all))].into_iter().collect());
        }
    }

    /// The frame in which a role's handler or an import stands when nothing else surrounds it.
    pub(super) fn role_frame(&self, around: &Rc<Frame<'p>>, role: &Rc<Instance<'p>>) -> Rc<Frame<'p>> {
        let mut frame = Rc::clone(around);
        for role in role.parents.iter().chain([role]) {
            let mut inner = frame.inner(Kind::Role, role.keywords.clone());
            inner.role = Some(Rc::clone(role));
            inner.dir = format!("{}/handlers", role.role.path);
            frame = Rc::new(inner);
        }
        frame
    }
}
