//! `--list-tasks`, `--list-tags`, `--list-hosts` and `--syntax-check`: what a playbook has, in ansible-playbook's form.

use super::hosts::{Hosts, Memory};
use super::later::Source;
use crate::apply::{self, Event, Listener, Session, TaskStart, World};
use crate::compile::Compiled;
use crate::modules::{facts::Facts, here};
use crate::plan::status::Recap;
use crate::plan::{Data, Play};
use crate::sys::command::SystemRunner;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

/// What is listed.
#[derive(clap::Args, Clone, Copy, Debug)]
#[group(skip)]
pub(super) struct Wanted {
    /// List the tasks that would be met, and run nothing
    #[arg(long)]
    list_tasks: bool,
    /// List the tags, and run nothing
    #[arg(long)]
    list_tags: bool,
    /// List the hosts, and run nothing
    #[arg(long)]
    list_hosts: bool,
    /// Look whether the playbook can be understood, and run nothing
    #[arg(long)]
    syntax_check: bool,
}

impl Wanted {
    /// Whether anything is listed instead of run.
    pub fn any(self) -> bool {
        self.list_tasks || self.list_tags || self.list_hosts || self.syntax_check
    }

    /// The list of a playbook.
    pub fn list(
        self,
        (compiled, source): (&Compiled, &Source),
        (playbook, directory): (&Path, &Path),
        options: &apply::Options,
        hosts: &mut Hosts,
    ) -> anyhow::Result<String> {
        let mut text = format!("\nplaybook: {}", playbook.display());
        if !(self.list_tasks || self.list_tags || self.list_hosts) {
            return Ok(text);
        }
        for (at, play) in compiled.plan.plays.iter().enumerate() {
            let mut tags: Vec<String> =
                play.keywords.tags.iter().filter_map(|t| t.as_str().map(str::to_owned)).collect();
            tags.sort_unstable();
            let (patterns, title) = (play.hosts.join(","), apply::title(play));
            text += &format!("\n\n  play #{} ({patterns}): {title}\tTAGS: [{}]", at + 1, tags.join(","));
            if self.list_hosts {
                let named = hosts.named(play, &options.extra, directory)?;
                let patterns: Vec<String> = play.hosts.iter().map(|h| format!("'{h}'")).collect();
                text += &format!("\n    pattern: [{}]\n    hosts ({}):", patterns.join(", "), named.len());
                named.iter().for_each(|host| text += &format!("\n      {host}"));
            }
            if !(self.list_tasks || self.list_tags) {
                continue;
            }
            let found = tasks((compiled, source), (play, directory), options, hosts)?;
            if self.list_tasks {
                text += "\n    tasks:";
                found.tasks.iter().for_each(|task| text += &format!("\n      {task}"));
            }
            if self.list_tags {
                let all: BTreeSet<String> = found.tags.into_iter().chain(tags).collect();
                let all: Vec<String> = all.into_iter().collect();
                text += &format!("\n      TASK TAGS: [{}]", all.join(", "));
            }
        }
        Ok(text)
    }
}

fn tasks(
    (compiled, source): (&Compiled, &Source),
    (play, directory): (&Play, &Path),
    options: &apply::Options,
    hosts: &mut Hosts,
) -> anyhow::Result<Found> {
    let host = hosts.named(play, &options.extra, directory)?.into_iter().next();
    let inventory = hosts.inventories.view(host.as_deref().unwrap_or("localhost"), directory)?;
    let runner = SystemRunner::new();
    let world = World {
        plan: &compiled.plan,
        blobs: &Memory(&compiled.files),
        modules: here::anywhere,
        runner: &runner,
        facts: Rc::new(Facts::new(Rc::new(SystemRunner::new()))),
        inventory: &inventory,
        options: &apply::Options { listing: true, ..options.clone() },
        later: Some(source),
        elsewhere: None,
        growing: None,
    };
    let mut found = Found::default();
    Session::new(&world).play(&world, play, &mut found);
    Ok(found)
}

/// Takes down what it hears of.
#[derive(Default)]
struct Found {
    tasks: Vec<String>,
    tags: BTreeSet<String>,
}

impl Listener for Found {
    fn play(&mut self, _: &str) {}
    fn task(&mut self, _: &TaskStart) {}
    fn result(&mut self, _: &Event) {}
    fn retry(&mut self, _: u64) {}
    fn warning(&mut self, _: &str) {}
    fn included(&mut self, _: &str, _: Option<&Data>) {}
    fn no_hosts(&mut self) {}
    fn recap(&mut self, _: &Recap) {}
    fn listed(&mut self, task: &TaskStart, tags: &[String]) {
        let role = task.role.map(|r| format!("{r} : ")).unwrap_or_default();
        self.tasks.push(format!("{role}{}\tTAGS: [{}]", task.name, tags.join(", ")));
        self.tags.extend(tags.iter().cloned());
    }
}
