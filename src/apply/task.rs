//! A task from its tags to its place in the report: loops, includes and meta actions are told apart here.

use super::Run;
use super::files::TaskFiles;
use super::frame::Frame;
use super::inherit::{effective, tags};
use super::play::Current;
use super::report::{Event, Failed, Outcome, TaskStart};
use super::result::{Done, boolean, why};
use super::scope::Scope;
use super::walk::Flow;
use crate::modules::Origin;
use crate::plan::status::TaskReport;
use crate::plan::{Action, Data, Map, Meta, Span, Task, limits};
use crate::vars::glob_matches;
use std::rc::Rc;
use std::time::Instant;

/// What is known of a task before it runs.
pub(super) struct Title {
    role: Option<String>,
    name: String,
    named: bool,
    place: String,
    started: Instant,
}

impl<'p> Run<'p> {
    /// Runs a task, or a handler.
    pub(super) fn task(&self, play: &Current<'p>, task: &Task, frame: &Rc<Frame<'p>>) -> Flow {
        let scope = Scope::new(self, play, frame, Some(task));
        if !self.in_handler.get() && !self.tagged(task, frame, &scope) {
            return Flow::Next;
        }
        #[cfg(feature = "builder")]
        if self.listing() {
            self.list(task, frame, &scope);
            return Flow::Next;
        }
        let title = self.title(task, frame, &scope);
        if self.waiting.get() {
            let wanted = self.world.options.start_at.as_deref().unwrap_or_default();
            let is_wanted = |name: &str| name == wanted || glob_matches(wanted, name);
            let full = title.role.as_ref().map(|r| format!("{r} : {}", title.name));
            if !is_wanted(&title.name)
                && !full.as_deref().is_some_and(is_wanted)
                && !matches!(task.action, Action::IncludeTasks { .. } | Action::IncludeRole { .. })
            {
                return Flow::Next;
            }
            self.waiting.set(false);
        }
        self.count.set(self.count.get() + 1);
        if self.count.get() > limits::TASKS {
            return self.fatal(
                task.span,
                frame,
                "more tasks ran than one boot may run: does an include include itself?",
            );
        }
        match &task.action {
            Action::Meta(meta) => {
                self.announce(&title);
                self.meta(play, task, *meta, frame, &scope)
            }
            Action::Module(module) => {
                self.announce(&title);
                let done = match self.named_module(module, frame, &scope) {
                    Ok(module) => self.module(play, task, &module, frame, &scope),
                    Err(message) => Done::failure(message),
                };
                self.finish(play, task, frame, &scope, title, done)
            }
            Action::IncludeTasks { .. } | Action::IncludeRole { .. } => {
                self.announce(&title);
                self.include(play, task, frame, &scope, title)
            }
        }
    }

    /// The module of a task: its name may be a template where `apply` runs it.
    #[cfg(feature = "builder")]
    fn named_module<'m>(
        &self,
        module: &'m str,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
    ) -> Result<std::borrow::Cow<'m, str>, String> {
        if !module.contains("{{") {
            return Ok(module.into());
        }
        let files = TaskFiles::new(self, frame);
        let name = self.templar(scope, &files).value(&Data::str(module)).map_err(|e| e.to_string())?;
        let name = name.as_str().unwrap_or_default();
        match (self.world.modules)(name) {
            Some(module) => Ok(module.spec.name.into()),
            None => Err(format!("The module {name} was not found in configured module paths")),
        }
    }

    /// The module of a task.
    #[cfg(not(feature = "builder"))]
    fn named_module<'m>(
        &self,
        module: &'m str,
        _: &Rc<Frame<'p>>,
        _: &Scope<'_, 'p>,
    ) -> Result<std::borrow::Cow<'m, str>, String> {
        Ok(module.into())
    }

    pub(super) fn tagged(&self, task: &Task, frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>) -> bool {
        let tags = tags(task, frame);
        let options = self.world.options;
        if tags.is_empty() && options.tags.is_empty() && options.skip_tags.is_empty() {
            return true;
        }
        super::tags::selected(options, &self.tags_of(&tags, frame, scope))
    }

    /// Tags, templated; a list for each that evaluates to one.
    fn tags_of(&self, tags: &[Data], frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>) -> Vec<Data> {
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        tags.iter().map(|t| templar.value(t).unwrap_or_else(|_| t.clone())).collect()
    }

    /// Tells of a task instead of running it.
    #[cfg(feature = "builder")]
    fn list(&self, task: &Task, frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>) {
        let role = frame.role.as_ref().filter(|_| !matches!(task.action, Action::IncludeRole { .. }));
        let role = Self::role_title(role);
        let name = task.name.clone().unwrap_or_else(|| match &task.action {
            Action::IncludeRole { .. } => "include_role".to_owned(),
            _ => unnamed(task),
        });
        let place = self.place(task.span);
        let named = task.name.is_some();
        let start = TaskStart { role: role.as_deref(), name: &name, named, place: &place, handler: false };
        let mut tags = super::tags::names(&self.tags_of(&tags(task, frame), frame, scope));
        crate::sys::order::ascending(&mut tags);
        tags.dedup();
        self.listener.borrow_mut().listed(&start, &tags);
    }

    fn title(&self, task: &Task, frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>) -> Title {
        let plain = task.name.clone().unwrap_or_else(|| unnamed(task));
        let name = if task.name.is_some() && plain.contains("{{") {
            let files = TaskFiles::new(self, frame);
            let templar = self.templar(scope, &files);
            let value = templar.value(&Data::Str(plain.clone()));
            value.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or(plain)
        } else {
            plain
        };
        // An include of a role is titled by itself.
        let role = frame.role.as_ref().filter(|_| !matches!(task.action, Action::IncludeRole { .. }));
        let (named, place) = (task.name.is_some(), self.place(task.span));
        Title { role: Self::role_title(role), name, named, place, started: Instant::now() }
    }

    fn announce(&self, title: &Title) {
        let start = TaskStart {
            role: title.role.as_deref(),
            name: &title.name,
            named: title.named,
            place: &title.place,
            handler: self.in_handler.get(),
        };
        self.listener.borrow_mut().task(&start);
    }

    /// Gathering facts is a task to whoever watches.
    pub(super) fn gathered(&self, play: &Current<'p>) {
        let place = self.place(play.play.span);
        let start = TaskStart { role: None, name: "Gathering Facts", named: true, place: &place, handler: false };
        self.listener.borrow_mut().task(&start);
        let done = Done::of(Ok(crate::modules::Outcome::default()));
        self.tell(Outcome::Ok, None, &done, "setup");
        self.report.borrow_mut().recap.ok += 1;
    }

    /// Runs a module for every item of its loop, or once.
    fn module(
        &self,
        play: &Current<'p>,
        task: &Task,
        module: &str,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
    ) -> Done {
        let items = match self.loop_items(task, frame, scope) {
            Ok(None) => {
                let mut done = self.item(task, module, frame, scope);
                if done.origin == Origin::Action && !done.has("changed") {
                    done.put("changed", Data::Bool(false));
                }
                return done;
            }
            Ok(Some(items)) => items,
            // A loop that cannot be evaluated matters only if the task would run.
            Err(message) => {
                return match self.excluded(task, frame, scope) {
                    Ok(Some(condition)) => Done::skipped(&condition),
                    _ => Done::failure(message),
                };
            }
        };
        if items.is_empty() {
            return Done::empty_loop();
        }
        let mut all = Vec::new();
        // What the item before registered.
        let mut before: Option<Data> = None;
        for index in 0..items.len() {
            let inner = Scope::new(self, play, frame, Some(task));
            if let (Some(name), Some(before)) = (&task.register, &before) {
                inner.set_local(name, before.clone());
            }
            if let Err(message) = self.bind_item(task, frame, &inner, (&items, index)) {
                all.push(Done::failure(message));
                break;
            }
            let mut done = self.item(task, module, frame, &inner);
            if done.origin == Origin::Error {
                // The whole task ends with it: what came of items before is not kept.
                return done;
            }
            if let Some(name) = &task.register {
                inner.set_local(name, Data::Map(done.registered()));
            }
            let label = self.describe_item(task, frame, &inner, &items[index], &mut done);
            let outcome = self.outcome(task, frame, &inner, &done);
            self.tell(outcome, Some(&label), &done, module);
            if task.register.is_some() {
                before = Some(Data::Map(done.registered()));
            }
            all.push(done);
        }
        Done::aggregate(all)
    }

    /// Success or failure as the task's author sees it.
    fn outcome(&self, task: &Task, frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>, done: &Done) -> Outcome {
        if done.is_failed() {
            let files = TaskFiles::new(self, frame);
            let templar = self.templar(scope, &files);
            let ignore = effective(task, frame, |k| &k.ignore_errors);
            let ignore = ignore.and_then(|v| templar.value(v).ok()).is_some_and(|v| boolean(&v));
            return if ignore { Outcome::Ignored } else { Outcome::Failed };
        }
        match (done.is_skipped(), done.is_changed()) {
            (true, _) => Outcome::Skipped,
            (_, true) => Outcome::Changed,
            _ => Outcome::Ok,
        }
    }

    pub(super) fn tell(&self, outcome: Outcome, item: Option<&Data>, done: &Done, action: &str) {
        let mut shown = Map::default();
        let result = if done.no_log {
            let text = "the output has been hidden due to the fact that 'no_log: true' was specified for this result";
            shown.insert(Data::str("censored"), Data::str(text));
            shown.insert(Data::str("changed"), Data::Bool(done.is_changed()));
            &shown
        } else {
            &done.result
        };
        let item = if done.no_log { item.map(|_| &Data::Null) } else { item };
        let diff = if done.no_log { &[][..] } else { &done.diff };
        let aggregate = item.is_none() && done.has("results") && !done.no_log;
        let delegated = done.delegated.as_deref();
        self.listener.borrow_mut().result(&Event { outcome, item, aggregate, result, action, diff, delegated });
    }

    /// Registers, notifies, counts and reports a task's result.
    pub(super) fn finish(
        &self,
        play: &Current<'p>,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
        title: Title,
        mut done: Done,
    ) -> Flow {
        if let Some(name) = &task.register {
            let (mut host, result) = (self.host.borrow_mut(), Data::Map(done.registered()));
            match Self::module_of(task) {
                "ansible.builtin.include_vars" | "ansible.builtin.set_fact" => host.register_own(name, result),
                _ => host.register(name, result),
            }
        }
        if done.is_changed() && !done.is_failed() {
            let notified = self.notifications(task, frame, scope, &done).and_then(|names| self.notify(play, &names));
            if let Err(message) = notified {
                done = Done { no_log: done.no_log, ..Done::failure(message) };
            }
        }
        let outcome = self.outcome(task, frame, scope, &done);
        self.tell(outcome, None, &done, Self::module_of(task));
        self.record(task, frame, &title, outcome, &done)
    }

    /// Puts a result into the report and says how to go on.
    pub(super) fn record(
        &self,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        title: &Title,
        outcome: Outcome,
        done: &Done,
    ) -> Flow {
        let mut report = self.report.borrow_mut();
        let recap = &mut report.recap;
        match outcome {
            Outcome::Ok => recap.ok += 1,
            Outcome::Changed => {
                recap.ok += 1;
                recap.changed += 1;
            }
            Outcome::Skipped => recap.skipped += 1,
            Outcome::Ignored => {
                recap.ok += 1;
                recap.ignored += 1;
                recap.changed += u32::from(done.is_changed());
            }
            Outcome::Failed => recap.failed += 1,
        }
        let bad = matches!(outcome, Outcome::Failed | Outcome::Ignored);
        let message = bad.then(|| if done.no_log { CENSORED.to_owned() } else { failure_text(done) });
        report.tasks.push(TaskReport {
            role: title.role.clone(),
            task: title.name.clone(),
            place: title.place.clone(),
            result: outcome.word().to_owned(),
            ms: title.started.elapsed().as_secs_f64() * 1000.0,
            changes: if outcome == Outcome::Changed { done.changes.clone() } else { Vec::new() },
            message: message.clone(),
        });
        if outcome != Outcome::Failed {
            return Flow::Next;
        }
        report.for_all = effective(task, frame, |k| &k.any_errors_fatal).is_some_and(boolean);
        report.failed = Some(Failed {
            role: title.role.clone(),
            task: title.name.clone(),
            place: title.place.clone(),
            message: message.unwrap_or_default(),
        });
        drop(report);
        let mut host = self.host.borrow_mut();
        let mut about = Map::default();
        let name = task.name.as_ref().map(|_| title.name.clone()).unwrap_or_default();
        about.insert(Data::str("name"), Data::Unsafe(name));
        about.insert(Data::str("action"), Data::Unsafe(short_action(Self::module_of(task)).to_owned()));
        if let Some(role) = &frame.role {
            about.insert(Data::str("role"), Data::Unsafe(role.role.name.clone()));
        }
        host.register("ansible_failed_task", Data::Map(about));
        host.register("ansible_failed_result", Data::Map(done.registered()));
        Flow::Failed
    }

    /// A failure that no module reports: the plan itself cannot be followed.
    pub(super) fn fatal(&self, span: Span, frame: &Rc<Frame<'p>>, message: &str) -> Flow {
        let title = Title {
            role: Self::role_title(frame.role.as_ref()),
            name: "load".to_owned(),
            named: true,
            place: self.place(span),
            started: Instant::now(),
        };
        let done = Done::failure(message);
        self.announce(&title);
        self.tell(Outcome::Failed, None, &done, "load");
        self.record(&Task::default(), frame, &title, Outcome::Failed, &done)
    }

    fn notifications(
        &self,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
        done: &Done,
    ) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        let mut evaluate = |scope: &Scope<'_, 'p>| -> Result<(), String> {
            let files = TaskFiles::new(self, frame);
            let templar = self.templar(scope, &files);
            let around = || frame.inherited().map(|k| &k.notify).find(|n| !n.is_empty());
            let entries = Some(&task.notify).filter(|n| !n.is_empty()).or_else(around);
            for entry in entries.into_iter().flatten() {
                match templar.value(entry).map_err(|e| e.to_string())? {
                    Data::List(list) => names.extend(list.iter().filter_map(|n| n.as_str().map(str::to_owned))),
                    one => names.extend(one.as_str().map(str::to_owned)),
                }
            }
            Ok(())
        };
        let results = done.get("results").and_then(Data::as_list).filter(|_| task.loop_.is_some());
        match results {
            None => evaluate(scope)?,
            Some(results) => {
                for result in results.iter().filter(|r| r.get("changed").is_some_and(Data::truthy)) {
                    let var = result.get("ansible_loop_var").and_then(Data::as_str).unwrap_or("item");
                    if let Some(item) = result.get(var) {
                        scope.set_local(var, item.clone());
                    }
                    evaluate(scope)?;
                }
            }
        }
        Ok(names)
    }

    fn meta(&self, play: &Current<'p>, task: &Task, meta: Meta, frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>) -> Flow {
        match self.excluded(task, frame, scope) {
            Ok(None) => {}
            // Ansible shows it, but counts a meta action neither way.
            Ok(Some(condition)) => {
                self.tell(Outcome::Skipped, None, &Done::skipped(&condition), "meta");
                return Flow::Next;
            }
            Err(message) => return self.fatal(task.span, frame, &message),
        }
        match meta {
            Meta::Noop | Meta::RefreshInventory | Meta::ResetConnection => Flow::Next,
            Meta::ClearHostErrors => {
                self.forgiven.set(self.forgiven.get() + 1);
                let mut report = self.report.borrow_mut();
                report.failed = None;
                report.for_all = false;
                Flow::Next
            }
            Meta::FlushHandlers => self.flush_handlers(play),
            Meta::ClearFacts => {
                self.host.borrow_mut().clear_facts();
                Flow::Next
            }
            Meta::EndPlay | Meta::EndHost | Meta::EndBatch => Flow::End,
        }
    }
}

/// What is said of an error that may not be shown.
const CENSORED: &str = "censored: no_log was set; run the role by hand to see the error";

fn failure_text(done: &Done) -> String {
    let failed = |r: &&Data| r.get("failed").is_some_and(Data::truthy);
    let items = done.get("results").and_then(Data::as_list).unwrap_or_default();
    match items.iter().find(failed) {
        Some(item) => format!("{}: {}", done.message(), why(|name| item.get(name))),
        None => done.message(),
    }
}

/// The title of a task without a name: its action, and for an include_role the role as the author wrote it.
fn unnamed(task: &Task) -> String {
    if let Some(called) = &task.called {
        return called.clone();
    }
    match &task.action {
        Action::IncludeRole { name, .. } => format!("include_role : {}", name.as_str().unwrap_or_default()),
        Action::Module(name) => short_action(name).to_owned(),
        Action::IncludeTasks { .. } => "include_tasks".to_owned(),
        Action::Meta(_) => "meta".to_owned(),
    }
}

/// The last part of a module's full name.
pub(super) fn short_action(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").unwrap_or(name)
}
