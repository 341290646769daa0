//! The plays of a playbook on the hosts that are this machine: one host after the other, each with what it knows so
//! far, and all that a task of one adds to the inventory in reach of those that follow.

use super::super::console::Console;
use super::super::inventory::{self, Inventories};
use super::cache::Cache;
use super::later::Source;
use crate::apply::{self, Blobs, Gathering, Session, World};
use crate::compile::Compiled;
use crate::compile::Known;
use crate::modules::{facts::Facts, here};
use crate::plan::{Data, FileRef, Map, Play};
use crate::source::FileBytes;
use crate::sys::command::SystemRunner;
use crate::vars::Templar;
use anyhow::Context;
use indexmap::IndexMap;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::rc::Rc;

/// What is known from playbook to playbook.
pub(super) struct Hosts {
    pub inventories: Inventories,
    cache: Cache,
    /// `--limit`.
    pub limit: Option<String>,
    sessions: IndexMap<String, Session>,
    /// The facts of each host, as they were when it last gathered.
    facts: BTreeMap<String, Rc<Facts<'static>>>,
    /// Hosts that failed: they are out of the run.
    failed: BTreeSet<String>,
    /// Names that were warned about.
    warned: BTreeSet<String>,
}

/// Keywords of plays, roles, blocks and tasks, and Jinja's own names.
const RESERVED: [&str; 70] = [
    "action",
    "always",
    "any_errors_fatal",
    "args",
    "async",
    "async_val",
    "become",
    "become_exe",
    "become_flags",
    "become_method",
    "become_user",
    "block",
    "changed_when",
    "check_mode",
    "collections",
    "connection",
    "debugger",
    "delay",
    "delegate_facts",
    "delegate_to",
    "diff",
    "environment",
    "fact_path",
    "failed_when",
    "force_handlers",
    "gather_facts",
    "gather_subset",
    "gather_timeout",
    "handlers",
    "hosts",
    "ignore_errors",
    "ignore_unreachable",
    "local_action",
    "loop",
    "loop_control",
    "loop_with",
    "max_fail_percentage",
    "module_defaults",
    "name",
    "no_log",
    "notify",
    "order",
    "poll",
    "port",
    "post_tasks",
    "pre_tasks",
    "register",
    "remote_user",
    "rescue",
    "retries",
    "roles",
    "run_once",
    "serial",
    "strategy",
    "tags",
    "tasks",
    "throttle",
    "timeout",
    "until",
    "vars_files",
    "vars_prompt",
    "when",
    "with_",
    "cycler",
    "dict",
    "joiner",
    "lipsum",
    "namespace",
    "range",
    "undef",
];

impl Hosts {
    pub fn new(inventories: Inventories, limit: Option<String>, cache: Cache) -> Hosts {
        Hosts {
            inventories,
            cache,
            limit,
            sessions: IndexMap::new(),
            facts: BTreeMap::new(),
            failed: BTreeSet::new(),
            warned: BTreeSet::new(),
        }
    }

    /// Runs the plays of a playbook that lies in `directory`. True: no host failed.
    pub fn run(
        &mut self,
        (compiled, source): (&Compiled, &Source),
        directory: &Path,
        options: &apply::Options,
        console: &mut Console,
    ) -> anyhow::Result<bool> {
        let runner = SystemRunner::with_environment(std::env::vars_os()).in_directory(directory);
        'plays: for play in &compiled.plan.plays {
            let patterns = patterns(play, &options.extra)?;
            let inventory::Ours { hosts: named, elsewhere, .. } = self.matched(play, &patterns, directory)?;
            let hosts: Vec<String> = named.iter().filter(|h| !self.failed.contains(*h)).cloned().collect();
            self.warn_of_names(play, &options.extra);
            console.begin_play(play.name.as_deref().unwrap_or(&patterns.join(",")));
            if named.is_empty() {
                console.no_hosts_matched();
                continue;
            }
            // Everyone has failed by now: Ansible ends here too.
            if hosts.is_empty() {
                break;
            }
            for host in &hosts {
                let inventory = self.inventories.view(host, directory)?;
                let facts = self.facts_of(host, options.gathering);
                let inventories = RefCell::new(&mut self.inventories);
                let world = World {
                    plan: &compiled.plan,
                    blobs: &Memory(&compiled.files),
                    modules: here::anywhere,
                    runner: &runner,
                    facts,
                    inventory: &inventory,
                    options,
                    later: Some(source),
                    elsewhere: elsewhere.as_deref(),
                    growing: Some(&|addition| {
                        let ours = addition.host() == host;
                        let mut inventories = inventories.borrow_mut();
                        inventories.add(addition);
                        let seen = ours.then(|| inventories.view(host, directory)).transpose();
                        seen.map_err(|e| format!("{e:#}"))
                    }),
                };
                let mut session = match self.sessions.shift_remove(host) {
                    Some(session) => session,
                    None => {
                        let mut session = Session::new(&world);
                        session.recall(&self.cache.load(host)?);
                        session
                    }
                };
                let left: Vec<String> = hosts.iter().filter(|h| !self.failed.contains(*h)).cloned().collect();
                session.refresh(&inventory, (&left, &hosts));
                for (other, known) in &self.sessions {
                    session.see(other, &known.seen());
                }
                console.about(host);
                if !session.play(&world, play, console) {
                    self.failed.insert(host.clone());
                }
                let over = self.failed.contains(host) && session.report().for_all;
                self.cache.save(host, &session.facts())?;
                self.sessions.insert(host.clone(), session);
                if over {
                    break 'plays;
                }
            }
            // A play that no host survives is the last.
            if hosts.iter().all(|h| self.failed.contains(h)) {
                break;
            }
        }
        let mut recaps: Vec<_> = self.sessions.iter().map(|(host, s)| (host.clone(), s.report().recap)).collect();
        recaps.sort_by(|(a, _), (b, _)| a.cmp(b));
        console.recaps(&recaps);
        Ok(self.failed.is_empty())
    }

    /// The facts that a play sees: with smart gathering, those of the first that gathered.
    fn facts_of(&mut self, host: &str, gathering: Gathering) -> Rc<Facts<'static>> {
        let kept = self.facts.get(host).filter(|_| gathering == Gathering::Smart).cloned();
        let facts = kept.unwrap_or_else(|| Rc::new(Facts::new(Rc::new(SystemRunner::new()))));
        self.facts.insert(host.to_owned(), Rc::clone(&facts));
        facts
    }

    /// Forgets the facts that earlier runs kept of the hosts of the inventory.
    pub fn forget(&mut self) -> anyhow::Result<()> {
        self.inventories.all()?.iter().try_for_each(|host| self.cache.forget(host))
    }

    /// Variables that take a name which Ansible or Jinja uses itself.
    fn warn_of_names(&mut self, play: &Play, extra: &Map) {
        for name in play.keywords.vars.keys().chain(extra.keys()).filter_map(Data::as_str) {
            let name = name.to_owned();
            if RESERVED.contains(&name.as_str()) && !self.warned.contains(&name) {
                super::super::console::warn(&format!("Found variable using reserved name: {name}"));
                self.warned.insert(name);
            }
        }
    }

    /// The hosts of a play that are this machine.
    pub fn named(&mut self, play: &Play, extra: &Map, directory: &Path) -> anyhow::Result<Vec<String>> {
        Ok(self.matched(play, &patterns(play, extra)?, directory)?.hosts)
    }

    fn matched(&mut self, play: &Play, patterns: &[String], directory: &Path) -> anyhow::Result<inventory::Ours> {
        let connection = play.keywords.connection.as_ref().and_then(Data::as_str);
        let how = inventory::Chosen {
            limit: self.limit.as_deref(),
            local: matches!(connection, Some("local" | "ansible.builtin.local")),
        };
        let ours = self.inventories.ours(patterns, &how, directory)?;
        for pattern in &ours.unknown {
            super::super::console::warn(&format!("Could not match supplied host pattern, ignoring: {pattern}"));
        }
        Ok(ours)
    }
}

/// The patterns of a play. They may be templates over extra variables and the play's own.
fn patterns(play: &Play, extra: &Map) -> anyhow::Result<Vec<String>> {
    let mut vars = play.keywords.vars.clone();
    vars.extend(extra.iter().map(|(k, v)| (k.clone(), v.clone())));
    let known = Known(vars);
    let templar = Templar::new(&known, &known);
    let mut patterns = Vec::new();
    for pattern in &play.hosts {
        match templar.value(&Data::str(pattern)).with_context(|| format!("evaluating `hosts: {pattern}`"))? {
            Data::List(list) => patterns.extend(list.iter().map(crate::spec::python_str)),
            one => patterns.push(crate::spec::python_str(&one)),
        }
    }
    Ok(patterns)
}

/// The files of a build that was not packed.
pub(super) struct Memory<'a>(pub &'a BTreeMap<String, FileBytes>);

impl Blobs for Memory<'_> {
    fn read(&self, path: &str, _: &FileRef) -> io::Result<Vec<u8>> {
        let file = self.0.get(path).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, path.to_owned()))?;
        Ok(file.bytes.to_vec())
    }
}
