//! One execution: conditions, arguments, the module, and what the author makes of its result.

use super::Run;
use super::files::{OurFiles, TaskFiles};
use super::frame::Frame;
use super::inherit::{conditions, module_defaults};
use super::manner::Manner;
use super::result::Done;
use super::scope::Scope;
use crate::modules::accounts::Accounts;
use crate::modules::{self, Context, Module, Origin};
use crate::plan::{Action, Args, Data, Key, Map, Task};
use crate::spec;
use crate::sys::command::{Command, CommandError, Output, Runner};
use crate::sys::identity::{self, Assumed, Identity};
use crate::vars::{OMIT, Templar};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Modules that Ansible runs on the controller, whatever user the task becomes.
const ON_CONTROLLER: [&str; 9] = [
    "ansible.builtin.assert",
    "ansible.builtin.debug",
    "ansible.builtin.fail",
    "ansible.builtin.include_vars",
    "ansible.builtin.pause",
    "ansible.builtin.set_fact",
    "ansible.builtin.set_stats",
    "ansible.builtin.validate_argument_spec",
    "ansible.builtin.wait_for_connection",
];

/// Whether a module asks nothing of the host that it is for.
#[cfg(feature = "builder")]
fn on_controller(module: &str) -> bool {
    ON_CONTROLLER.contains(&module) || matches!(module, "ansible.builtin.add_host" | "ansible.builtin.group_by")
}

/// Modules that take no `async`, for Ansible does (part of) their work on the controller.
const NOT_ASYNC: [&str; 18] = [
    "add_host",
    "assemble",
    "assert",
    "async_status",
    "copy",
    "debug",
    "fail",
    "fetch",
    "gather_facts",
    "group_by",
    "include_vars",
    "pause",
    "raw",
    "script",
    "set_fact",
    "set_stats",
    "template",
    "unarchive",
];

/// Makes this thread the task's user, until the module is done. Commands become that user by themselves.
fn assume(context: &Context<'_>, module: &str) -> Result<Option<Assumed>, String> {
    let Some(name) = context.become_user.filter(|_| !ON_CONTROLLER.contains(&module)) else { return Ok(None) };
    let accounts = Accounts::new(context, Path::new("/"));
    let user = accounts.user(name).map_err(|f| f.msg)?.ok_or_else(|| format!("there is no user {name:?} to become"))?;
    if user.uid == nix::unistd::geteuid().as_raw() {
        return Ok(None);
    }
    let groups = accounts.groups_of(&user).map_err(|f| f.msg)?;
    let identity = Identity { uid: user.uid, gid: user.gid, groups };
    identity::assume(&identity).map(Some).map_err(|e| format!("becoming {name}: {e}"))
}

/// `~` in paths is the home of the user that the task becomes, `~NAME` that of another.
fn at_home(context: &Context<'_>, spec: &'static spec::ModuleSpec, args: &mut Map) {
    let of_path =
        |name: &Data| name.as_str().and_then(|n| spec.parameter(n)).is_some_and(|p| p.kind == spec::Kind::Path);
    for (_, value) in args.iter_mut().filter(|(name, _)| of_path(name)) {
        let (Data::Str(path) | Data::Unsafe(path)) = value else { continue };
        let Some(rest) = path.strip_prefix('~') else { continue };
        let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let Some(name) = Some(name).filter(|n| !n.is_empty()).or(context.become_user) else { continue };
        // Who the user is, and that there is one, is asked again when the task becomes him.
        if let Ok(Some(user)) = Accounts::new(context, Path::new("/")).user(name) {
            *path = format!("{}{rest}", user.home.trim_end_matches('/'));
        }
    }
}

impl<'p> Run<'p> {
    /// Runs a task once: for its one item, or without a loop.
    pub(super) fn item(&self, task: &Task, module: &str, frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>) -> Done {
        match self.excluded(task, frame, scope) {
            Ok(None) => {}
            Ok(Some(condition)) => return Done::skipped(&condition),
            Err(message) => return Done::failure(message),
        }
        let done = match self.manner(task, frame, scope) {
            Err(message) => Done::failure(message),
            Ok(manner) => {
                let mut done = self.attempts(task, module, frame, scope, &manner);
                done.no_log |= manner.no_log;
                done.delegated = manner.delegated;
                return done;
            }
        };
        // When even the keywords cannot be evaluated, whether the task is secret is unknown: assume it is.
        Done { no_log: done.no_log || task.keywords.no_log.is_some(), ..done }
    }

    /// The first of a task's conditions that is false; errors are worded as Ansible words them.
    pub(super) fn excluded(
        &self,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
    ) -> Result<Option<Data>, String> {
        let conditions = conditions(task, frame);
        if conditions.is_empty() {
            return Ok(None);
        }
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        for condition in conditions {
            match templar.condition(&condition) {
                Ok(true) => {}
                Ok(false) => return Ok(Some(condition)),
                Err(e) => {
                    return Err(e.of_condition(&condition));
                }
            }
        }
        Ok(None)
    }

    /// `until` and `retries` around one execution.
    fn attempts(
        &self,
        task: &Task,
        module: &str,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
        manner: &Manner,
    ) -> Done {
        let (retries, delay) = match self.retries(task, frame, scope) {
            Ok(both) => both,
            Err(message) => return Done::failure(message),
        };
        let total = retries.map_or(1, |r| r + 1);
        for attempt in 1..=total {
            let mut done = self.execute(task, module, frame, scope, manner);
            if done.origin != Origin::Module {
                return done;
            }
            if total > 1 {
                done.put("attempts", Data::Int(attempt.into()));
            }
            if let Some(name) = &task.register {
                scope.set_local(name, Data::Map(done.registered()));
            }
            self.judge(task, frame, scope, &mut done);
            if let Some(name) = &task.register {
                scope.set_local(name, Data::Map(done.registered()));
            }
            if retries.is_none() {
                return done;
            }
            let satisfied =
                if task.until.is_empty() { Ok(!done.is_failed()) } else { self.all(&task.until, frame, scope) };
            match satisfied {
                Ok(true) => return done,
                Err(message) => return Done::failure(message),
                Ok(false) if attempt == total => {
                    done.put("attempts", Data::Int(retries.unwrap_or(0).into()));
                    done.put("failed", Data::Bool(true));
                    return done;
                }
                Ok(false) => {
                    self.listener.borrow_mut().retry(total - attempt);
                    if !self.pause(delay, manner.deadline) {
                        return Done::failure("the deadline passed before the task's condition was met");
                    }
                }
            }
        }
        Done::failure("no attempt was made")
    }

    fn retries(
        &self,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
    ) -> Result<(Option<u64>, Duration), String> {
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        let number = |value: &Option<Data>, name: &str| -> Result<Option<f64>, String> {
            let Some(value) = value else { return Ok(None) };
            let value = templar.value(value).map_err(|e| e.to_string())?;
            let number = match &value {
                Data::Int(i) => Some(*i as f64),
                Data::Float(f) => Some(*f),
                other => other.as_str().and_then(|s| s.trim().parse().ok()),
            };
            number.map(Some).ok_or_else(|| format!("{name} takes a number, not {}", value.type_name()))
        };
        let retries = match number(&task.retries, "retries")? {
            None if task.until.is_empty() => None,
            None => Some(3),
            Some(n) if n <= 0.0 => Some(0),
            Some(n) => Some(n as u64),
        };
        let delay = match number(&task.delay, "delay")? {
            None => 5.0,
            Some(d) if d < 0.0 => 1.0,
            Some(d) => d.min(86_400.0),
        };
        Ok((retries, Duration::from_secs_f64(delay)))
    }

    /// Waits, but not past the deadline. False: the deadline comes first.
    pub(super) fn pause(&self, time: Duration, deadline: Option<Instant>) -> bool {
        let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
        std::thread::sleep(left.map_or(time, |l| l.min(time)));
        left.is_none_or(|l| l > time)
    }

    /// Arguments, module, facts: one run.
    fn execute(
        &self,
        task: &Task,
        module: &str,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
        manner: &Manner,
    ) -> Done {
        #[cfg(feature = "builder")]
        if let Some(message) = self.out_of_reach().filter(|_| manner.delegated.is_none() && !on_controller(module)) {
            return Done::failure(message);
        }
        let Some(Module { spec, run }) = (self.world.modules)(module) else {
            return Done::failure(format!("the module {module} is not in this executor"));
        };
        let files = TaskFiles::new(self, frame);
        let files = OurFiles(&files);
        let mut templar = self.templar(scope, &files);
        if manner.check {
            templar = templar.changing_nothing();
        }
        let (mut args, raw) = match manner.arguments.get() {
            Some(both) => both.clone(),
            None => match self.arguments(&templar, task, frame, spec) {
                Ok(both) => {
                    if task.retries.is_some() || !task.until.is_empty() {
                        manner.arguments.get_or_init(|| both.clone());
                    }
                    both
                }
                Err(message) => return Done::failure(message),
            },
        };
        if manner.asynchronous && NOT_ASYNC.contains(&super::task::short_action(module)) {
            return Done::of(Err(modules::Failure::refused("async is not supported for this task.")));
        }
        let runner = Bounded { inner: self.world.runner, deadline: manner.deadline };
        let context = Context {
            check: manner.check,
            diff: manner.diff,
            runner: &runner,
            files: &files,
            templar: &templar,
            environment: &manner.environment,
            become_user: manner.become_user.as_deref(),
            raw: &raw,
        };
        if !ON_CONTROLLER.contains(&module) {
            at_home(&context, spec, &mut args);
        }
        let args = match spec::check(spec, &args) {
            Ok(args) => args,
            Err(problems) => {
                let all: Vec<String> = problems.into_iter().map(|p| p.message).collect();
                // The module says so itself: it ran, and changed nothing. What runs on the controller refuses it before.
                let wrong = all.join("; ");
                return Done::of(Err(match ON_CONTROLLER.contains(&module) {
                    true => modules::Failure::refused(wrong),
                    false => modules::Failure::new(wrong),
                }));
            }
        };
        #[cfg(feature = "builder")]
        if manner.unwatched && !manner.check {
            let work = || match assume(&context, module) {
                Ok(_assumed) => Done::of(run(&context, &args)),
                Err(message) => Done::failure(message),
            };
            return super::background::start(work).unwrap_or_else(Done::failure);
        }
        let started = Instant::now();
        let mut done = match assume(&context, module) {
            Ok(_assumed) => Done::of(run(&context, &args)),
            Err(message) => Done::of(Err(modules::Failure::new(message))),
        };
        if let Some(limit) = manner.timeout.filter(|l| done.is_failed() && started.elapsed().as_secs() >= *l) {
            let action = super::task::short_action(module);
            done = Done::of(Err(modules::Failure::refused(format!(
                "The {action} action failed to execute in the expected time frame ({limit}) and was terminated"
            ))));
        }
        if manner.asynchronous && !manner.check {
            // A job that was waited for has begun and ended; there is none to ask for.
            done.put("started", Data::Int(1));
            done.put("finished", Data::Int(1));
        }
        #[cfg(feature = "builder")]
        self.extend_inventory(module, &mut done);
        self.remember(module, &done);
        done
    }

    /// Facts and variables that a module found are visible from now on.
    fn remember(&self, module: &str, done: &Done) {
        if done.is_failed() {
            return;
        }
        let mut host = self.host.borrow_mut();
        host.add_facts(&done.facts);
        host.set_facts(&done.set);
        Rc::make_mut(&mut host.included).extend(super::host::raw(&done.include_vars));
        if module == "ansible.builtin.setup" {
            host.gathered = true;
        }
    }

    /// The arguments, templated, with defaults beneath them and without what is omitted; and as written.
    fn arguments(
        &self,
        templar: &Templar<'_>,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        spec: &'static spec::ModuleSpec,
    ) -> Result<(Map, Map), String> {
        let wrong = |e: crate::vars::TemplateError| {
            if e.kind == crate::vars::ErrorKind::Undefined {
                format!("The task includes an option with an undefined variable. The error was: {e}")
            } else if e.context.len() == 1 && e.kind == crate::vars::ErrorKind::Other {
                // The task's own text: its place says it, and roles compare what a filter says.
                e.message
            } else {
                e.to_string()
            }
        };
        let mut raw = Map::default();
        match &task.args {
            Args::Map(map) => raw.extend(map.iter().map(|(k, v)| (k.clone(), v.clone()))),
            Args::Template { text, with } => {
                match templar.value(&Data::Str(text.clone())).map_err(wrong)? {
                    Data::Map(map) => raw.extend(map.into_iter().map(|(k, v)| (k, finished(v)))),
                    other => {
                        let text = crate::vars::Value::from_data(&other).text().unwrap_or_default();
                        return Err(format!("invalid or malformed argument: '{text}'"));
                    }
                }
                raw.extend(with.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
        }
        let (mut args, mut handed_on) = (Map::default(), Map::default());
        for defaults in module_defaults(task, frame) {
            let Data::Map(defaults) = templar.value(&defaults).map_err(wrong)? else { continue };
            for (name, values) in &defaults {
                let Some(module) = name.as_str().and_then(self.world.modules) else { continue };
                let pairs = values.as_map().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone()));
                if module.spec.name == spec.name {
                    args.extend(pairs);
                } else if spec.name == "ansible.builtin.service"
                    && module.spec.name == "ansible.builtin.systemd_service"
                {
                    handed_on.extend(pairs);
                }
            }
        }
        // The defaults of the module that does the work count least.
        for (name, value) in handed_on {
            args.entry(name).or_insert(value);
        }
        for (name, value) in &raw {
            let untemplated = spec
                .params
                .iter()
                .any(|p| p.untemplated && name.as_str().is_some_and(|n| n == p.name || p.aliases.contains(&n)));
            let value = match untemplated {
                true => value.clone(),
                // What is stored keeps what it is; modules get text.
                false if spec.name == "ansible.builtin.set_fact" => templar.value_as_made(value).map_err(wrong)?,
                false => templar.value(value).map_err(wrong)?,
            };
            args.insert(name.clone(), value);
        }
        // Free text that evaluates to a dictionary is the arguments, beneath those that are named.
        if !spec.free_form && args.get(&Key("_raw_params")).is_some_and(|v| v.as_map().is_some()) {
            let Some(Data::Map(mut whole)) = args.shift_remove(&Key("_raw_params")) else { return Ok((args, raw)) };
            whole.extend(args);
            args = whole;
        }
        args.retain(|_, v| !omitted(v));
        for value in args.values_mut() {
            drop_omitted(value);
        }
        Ok((args, raw))
    }

    /// `changed_when` and `failed_when`; where the first cannot be evaluated, the second is not.
    fn judge(&self, task: &Task, frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>, done: &mut Done) {
        if done.has("skipped") {
            return;
        }
        let unclear = |done: &mut Done, name: &str, message: String| {
            done.put("failed", Data::Bool(true));
            done.put(name, Data::Unsafe(message));
        };
        if !task.changed_when.is_empty() {
            match self.all(&task.changed_when, frame, scope) {
                Ok(changed) => done.put("changed", Data::Bool(changed)),
                Err(message) => return unclear(done, "changed_when_result", message),
            }
        }
        if !task.failed_when.is_empty() {
            match self.all(&task.failed_when, frame, scope) {
                Ok(failed) => {
                    done.put("failed_when_result", Data::Bool(failed));
                    done.put("failed", Data::Bool(failed));
                }
                Err(message) => unclear(done, "failed_when_result", message),
            }
        }
    }

    fn all(&self, conditions: &[Data], frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>) -> Result<bool, String> {
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        for condition in conditions {
            match templar.condition(condition) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(e) => return Err(e.of_condition(condition)),
            }
        }
        Ok(true)
    }

    /// The module of a task, when it is one.
    pub(super) fn module_of(task: &Task) -> &str {
        match &task.action {
            Action::Module(name) => name,
            Action::IncludeTasks { .. } => "include_tasks",
            Action::IncludeRole { .. } => "include_role",
            Action::Meta(_) => "meta",
        }
    }
}

/// Whether a text is an omit token: ours, or one that an export carried along, which ends in forty digits of a digest.
pub(super) fn is_omit(text: &str) -> bool {
    let digest = |rest: &str| rest.len() == 40 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    text == OMIT || text.strip_prefix("__omit_place_holder__").is_some_and(digest)
}

fn omitted(value: &Data) -> bool {
    value.as_str().is_some_and(is_omit)
}

fn drop_omitted(value: &mut Data) {
    match value {
        Data::Map(map) => {
            map.retain(|_, v| !omitted(v));
            map.values_mut().for_each(drop_omitted);
        }
        Data::List(list) => {
            list.retain(|v| !omitted(v));
            list.iter_mut().for_each(drop_omitted);
        }
        _ => {}
    }
}

/// Marks the text of a finished value, so that it is not templated once more.
fn finished(value: Data) -> Data {
    match value {
        Data::Str(s) => Data::Unsafe(s),
        Data::List(l) => Data::List(l.into_iter().map(finished).collect()),
        Data::Tuple(l) => Data::Tuple(l.into_iter().map(finished).collect()),
        Data::Map(m) => Data::Map(m.into_iter().map(|(k, v)| (k, finished(v))).collect()),
        other => other,
    }
}

/// A runner whose commands end before a deadline.
struct Bounded<'a> {
    inner: &'a dyn Runner,
    deadline: Option<Instant>,
}

impl Runner for Bounded<'_> {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let Some(deadline) = self.deadline else { return self.inner.run(command) };
        let left = deadline.saturating_duration_since(Instant::now());
        let mut command = command.clone();
        command.timeout = Some(command.timeout.map_or(left, |t| t.min(left)));
        self.inner.run(&command)
    }

    fn which(&self, program: &str) -> Option<PathBuf> {
        self.inner.which(program)
    }
}
