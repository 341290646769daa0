//! What filters, tests, lookups and objects see of the template that runs: variables, files, commands, bounds, and
//! each other. How variables and text are templated is in `templar`.

use super::crypt::{Algorithm, Settings};
use super::error::{ErrorKind, Outcome, TemplateError};
use super::eval::Scope;
use super::jinja::Style;
use super::methods;
use super::object::CallArgs;
use super::registry;
use super::value::Value;
use super::{Files, Var, Variables};
use crate::plan::{Hashing, Timestamp, limits};
use crate::sys::command::Runner;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// How deep macros, includes and variables may call each other, all together.
const CALLS: usize = 220;
/// Bytes of stack that evaluating may take: half of what the smallest thread has that runs templates.
const STACK: usize = 1_000_000;

/// Tests whose answer is the machine's, not the variables'.
const OUTSIDE_TESTS: [&str; 9] =
    ["exists", "file", "directory", "link", "link_exists", "mount", "is_file", "is_dir", "same_file"];
/// Filters that give another answer each time, or ask the machine.
const OUTSIDE_FILTERS: [&str; 6] = ["random", "shuffle", "password_hash", "fileglob", "realpath", "strftime"];
/// Filters that need not know all members of a mapping whose members are computed.
const LAZY_FILTERS: [&str; 10] =
    ["default", "d", "mandatory", "type_debug", "length", "count", "ternary", "list", "attr", "json_query"];
/// Lookups whose answer is their terms' and the variables' alone.
const PURE_LOOKUPS: [&str; 13] = [
    "vars",
    "varnames",
    "dict",
    "items",
    "list",
    "indexed_items",
    "nested",
    "together",
    "sequence",
    "subelements",
    "flattened",
    "cartesian",
    "config",
];

/// Where a scope's variables come from.
pub(super) enum Source<'t> {
    /// The caller's.
    Borrowed(&'t dyn Variables),
    /// Another host's.
    Host(Rc<dyn Variables>),
    /// More variables over another scope's.
    Over(HashMap<String, Var, Hashing>, Rc<Source<'t>>),
}

impl Source<'_> {
    pub(super) fn get(&self, name: &str) -> Option<Var> {
        match self {
            Source::Borrowed(v) => v.get(name),
            Source::Host(v) => v.get(name),
            Source::Over(own, below) => own.get(name).cloned().or_else(|| below.get(name)),
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Source::Borrowed(v) => v.names(),
            Source::Host(v) => v.names(),
            Source::Over(own, below) => {
                let mut names = below.names();
                names.extend(own.keys().filter(|k| below.get(k).is_none()).cloned());
                names
            }
        }
    }

    pub(super) fn facts(&self) -> Option<Rc<dyn Variables>> {
        match self {
            Source::Borrowed(v) => v.facts(),
            Source::Host(v) => v.facts(),
            Source::Over(_, below) => below.facts(),
        }
    }

    fn host(&self, host: &str) -> Option<Rc<dyn Variables>> {
        match self {
            Source::Borrowed(v) => v.host(host),
            Source::Host(v) => v.host(host),
            Source::Over(_, below) => below.host(host),
        }
    }

    pub(super) fn hosts(&self) -> Vec<String> {
        match self {
            Source::Borrowed(v) => v.hosts(),
            Source::Host(v) => v.hosts(),
            Source::Over(_, below) => below.hosts(),
        }
    }
}

/// What all scopes of one evaluation share: bounds, the path of variables, other hosts' scopes.
pub(super) struct Shared {
    steps: Cell<u64>,
    calls: Cell<usize>,
    /// Variables being templated, outermost first: the scope's number and the name.
    pub(super) path: RefCell<Vec<(usize, String)>>,
    /// Counts what must not be remembered.
    pub(super) impure: Cell<u64>,
    scopes_made: Cell<usize>,
    /// How many operands of `unvault` are being evaluated.
    pub(super) shut: Cell<usize>,
    kept: RefCell<Vec<Rc<Scope>>>,
    hosts: RefCell<HashMap<String, Host, Hashing>>,
    stack: usize,
}

/// Another host: its variables, what of them was templated, and its scope's number. It borrows nothing, so that a
/// scope may be lent for a shorter time than it was made for.
#[derive(Clone)]
struct Host {
    variables: Rc<dyn Variables>,
    memo: Rc<Memo>,
    number: usize,
}

/// Variables that were templated.
type Memo = RefCell<HashMap<String, Remembered, Hashing>>;

/// A variable that was templated, and whether text from outside is in it.
#[derive(Clone)]
pub(super) struct Remembered {
    pub(super) value: Value,
    pub(super) tainted: bool,
}

/// What evaluating is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Its result.
    Use,
    /// Its result in check mode: lookups keep nothing.
    Trial,
    /// To know whether it can be: nothing is kept, and hashes are made with as little work as is allowed.
    #[cfg(feature = "builder")]
    Judging,
}

impl Aim {
    /// How a password is hashed.
    #[cfg_attr(not(feature = "builder"), expect(unused_variables, reason = "only the builder judges"))]
    pub(super) fn hashing(self, settings: Settings, algorithm: Algorithm) -> Settings {
        match self {
            Aim::Use | Aim::Trial => settings,
            #[cfg(feature = "builder")]
            Aim::Judging => settings.with_little_work(algorithm),
        }
    }
}

/// The scope of a running template.
pub struct Env<'t> {
    pub(super) source: Rc<Source<'t>>,
    pub(super) files: &'t dyn Files,
    pub(super) runner: Option<&'t dyn Runner>,
    /// What evaluating is for.
    pub(super) aim: Aim,
    /// `jinja2_native`: what a template gives keeps its type.
    pub(super) native: bool,
    pub(super) shared: Rc<Shared>,
    /// Which scope this is, for the path of variables.
    pub(super) number: usize,
    pub(super) memo: Rc<Memo>,
    /// Whether text from outside was met in the template that runs.
    pub(super) tainted: Cell<bool>,
    /// Directories that includes are looked for in, after the role's.
    pub(super) search: RefCell<Vec<String>>,
    /// How the file that is rendered writes its tags: so do those that it includes.
    pub(super) style: Rc<Style>,
}

impl<'t> Env<'t> {
    /// A scope with nothing evaluated yet.
    pub(super) fn new(vars: &'t dyn Variables, files: &'t dyn Files) -> Env<'t> {
        let shared = Shared {
            steps: Cell::new(0),
            calls: Cell::new(0),
            path: RefCell::default(),
            impure: Cell::new(0),
            scopes_made: Cell::new(0),
            shut: Cell::new(0),
            kept: RefCell::default(),
            hosts: RefCell::default(),
            stack: stack_pointer(),
        };
        Env {
            source: Rc::new(Source::Borrowed(vars)),
            files,
            runner: None,
            aim: Aim::Use,
            native: false,
            shared: Rc::new(shared),
            number: 0,
            memo: Rc::default(),
            tainted: Cell::new(false),
            search: RefCell::default(),
            style: Rc::default(),
        }
    }

    /// A scope of its own with these variables, under the same bounds.
    pub(super) fn with_source(&self, source: Source<'t>) -> Env<'t> {
        self.scope(source, self.new_number(), Rc::default())
    }

    fn new_number(&self) -> usize {
        let number = self.shared.scopes_made.get() + 1;
        self.shared.scopes_made.set(number);
        number
    }

    fn scope(&self, source: Source<'t>, number: usize, memo: Rc<Memo>) -> Env<'t> {
        Env {
            source: Rc::new(source),
            files: self.files,
            runner: self.runner,
            aim: self.aim,
            native: self.native,
            shared: Rc::clone(&self.shared),
            number,
            memo,
            tainted: Cell::new(false),
            search: RefCell::new(self.search.borrow().clone()),
            style: Rc::clone(&self.style),
        }
    }

    /// The scope of another host.
    pub(super) fn host(&self, name: &str) -> Option<Env<'t>> {
        let known = self.shared.hosts.borrow().get(name).cloned();
        let host = match known {
            Some(host) => host,
            None => {
                let variables = self.source.host(name)?;
                let host = Host { variables, memo: Rc::default(), number: self.new_number() };
                self.shared.hosts.borrow_mut().insert(name.to_owned(), host.clone());
                host
            }
        };
        Some(self.scope(Source::Host(host.variables), host.number, host.memo))
    }

    /// `value | name(args)`. Views, iterators and ranges come back as lists.
    pub fn filter(&self, name: &str, value: Value, args: CallArgs) -> Outcome<Value> {
        let Some(filter) = registry::filter(name, self.files().vault()) else {
            return Err(unknown("filter", name, registry::filter_names()));
        };
        let short = registry::short_name(name);
        if OUTSIDE_FILTERS.contains(&short) {
            self.note_impure();
        }
        self.charge(1)?;
        let value = match &value {
            Value::Object(_) if !LAZY_FILTERS.contains(&short) => value.unrolled_mapping(self)?,
            _ => value,
        };
        let result = filter(self, value, args)?;
        if registry::STRING_FILTERS.contains(&short) {
            return result.into_literal();
        }
        result.unrolled(self)
    }

    /// `value is name(args)`.
    pub fn test(&self, name: &str, value: Value, args: CallArgs) -> Outcome<bool> {
        let Some(test) = registry::test(name) else {
            return Err(unknown("test", name, registry::test_names()));
        };
        if OUTSIDE_TESTS.contains(&registry::short_name(name)) {
            self.note_impure();
        }
        self.charge(1)?;
        test(self, value, args)
    }

    /// `query(name, terms, options)`; the result is not tainted yet.
    pub fn lookup(&self, name: &str, args: CallArgs) -> Outcome<Vec<Value>> {
        if !PURE_LOOKUPS.contains(&registry::short_name(name)) {
            self.note_impure();
        }
        match registry::lookup(name) {
            Some(lookup) => lookup(self, args),
            None => Err(TemplateError::other(format!("lookup plugin ({name}) not found"))),
        }
    }

    /// The template functions `lookup` and `query`.
    pub(super) fn lookup_function(&self, mut args: CallArgs) -> Outcome<Value> {
        if args.positional.is_empty() {
            return Err(TemplateError::other("lookup() missing 1 required positional argument: 'name'"));
        }
        let name = args.positional.remove(0).defined()?.text()?;
        let flag = |v: Option<Value>| v.map_or(Ok(false), |v| v.truthy());
        let want_list = flag(args.take("wantlist"))?;
        let allow_unsafe = flag(args.take("allow_unsafe"))?;
        let errors = args.take("errors").map_or(Ok(String::new()), |v| v.text())?;
        for term in &mut args.positional {
            *term = self.template(term)?;
        }
        let found = match self.lookup(&name, args) {
            Ok(found) => found,
            Err(e) if e.kind == ErrorKind::Other && (errors == "ignore" || errors == "warn") => {
                return Ok(if want_list { Value::list(Vec::new()) } else { Value::None });
            }
            Err(e) => return Err(e.within(format!("in lookup '{name}'"))),
        };
        if found.is_empty() || allow_unsafe {
            return Ok(Value::list(found));
        }
        self.tainted.set(true);
        let found: Vec<Value> = found.iter().map(Value::taint).collect();
        if want_list {
            return Ok(Value::list(found));
        }
        let texts: Option<Vec<&str>> = found.iter().map(Value::as_str).collect();
        Ok(match (texts, found.as_slice()) {
            (Some(texts), _) => {
                let literal = matches!(&found[0], Value::Str(t) if t.is_literal());
                let joined = Value::tainted(texts.join(","));
                if literal { joined.into_literal()? } else { joined }
            }
            (None, [only]) => only.clone(),
            _ => Value::list(found),
        })
    }

    /// Calls a function, macro or method.
    pub fn call(&self, callable: &Value, args: CallArgs) -> Outcome<Value> {
        self.charge(1)?;
        match callable {
            Value::Object(o) => o.call(self, args),
            Value::Method(m) => match &m.receiver {
                Value::Object(o) => match o.method(self, &m.name, args) {
                    Some(result) => result,
                    None => Err(TemplateError::other(format!("'{}' has no method '{}'", o.type_name(), m.name))),
                },
                receiver => methods::call(self, receiver, &m.name, args),
            },
            Value::Undefined(u) => Err(u.error()),
            other => Err(TemplateError::other(format!("'{}' object is not callable", other.type_name()))),
        }
    }

    /// The names of all variables.
    pub fn variable_names(&self) -> Vec<String> {
        self.source.names()
    }

    /// Files as roles name them.
    pub fn files(&self) -> &dyn Files {
        self.files
    }

    /// Where commands may be run; `None` where lookups may not.
    pub fn runner(&self) -> Option<&dyn Runner> {
        self.runner
    }

    /// Counts work against the bound on one evaluation: call it in loops whose length a template decides.
    pub fn charge(&self, steps: u64) -> Outcome<()> {
        let used = self.shared.steps.get().saturating_add(steps);
        self.shared.steps.set(used);
        if used > limits::TEMPLATE_STEPS {
            return Err(TemplateError::other("the template takes too many steps"));
        }
        Ok(())
    }

    /// Refuses text or a list of that many bytes before it is made.
    pub fn check_size(&self, size: usize) -> Outcome<()> {
        if size > limits::RENDERED {
            return Err(TemplateError::other("the result of the template is too large"));
        }
        Ok(())
    }

    /// Says that the result must not be remembered: it depends on the clock, on chance or on the machine.
    pub fn note_impure(&self) {
        self.shared.impure.set(self.shared.impure.get() + 1);
    }

    /// Says that text from outside was met: what the template gives is never templated again.
    pub(super) fn note_foreign(&self) {
        self.tainted.set(true);
    }

    /// Starts counting anew: the bound is on one evaluation.
    pub(super) fn restart(&self) {
        if self.shared.calls.get() == 0 {
            self.shared.steps.set(0);
        }
    }

    /// Refuses to go deeper than the stack allows.
    pub(super) fn check_stack(&self) -> Outcome<()> {
        if self.shared.stack.abs_diff(stack_pointer()) > STACK {
            return Err(too_deep());
        }
        Ok(())
    }

    /// Runs `inner` one call deeper.
    pub(super) fn deeper<T>(&self, inner: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let calls = self.shared.calls.get();
        if calls >= CALLS {
            return Err(too_deep());
        }
        self.check_stack()?;
        self.shared.calls.set(calls + 1);
        let out = inner();
        self.shared.calls.set(calls);
        if calls == 0 {
            let kept = std::mem::take(&mut *self.shared.kept.borrow_mut());
            kept.iter().for_each(|scope| scope.clear());
        }
        out
    }

    /// Remembers a scope that holds a macro which holds the scope, so that the ring is opened in the end.
    pub(super) fn keep_scope(&self, scope: &Rc<Scope>) {
        let mut kept = self.shared.kept.borrow_mut();
        if !kept.last().is_some_and(|last| Rc::ptr_eq(last, scope)) {
            kept.push(Rc::clone(scope));
        }
    }

    /// The time, on the node's clock or in UTC, without an offset.
    pub fn now(&self, utc: bool) -> Outcome<Timestamp> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let since = since.map_err(|_| TemplateError::other("the clock stands before 1970"))?;
        let micros = i64::try_from(since.as_micros()).map_err(|_| TemplateError::other("the clock is off"))?;
        let offset = if utc { 0 } else { crate::sys::clock::local(micros.div_euclid(1_000_000)).offset };
        super::time::from_local_micros(micros + i64::from(offset) * 1_000_000, None)
            .ok_or_else(|| TemplateError::other("the clock is off"))
    }
}

fn too_deep() -> TemplateError {
    TemplateError::new(ErrorKind::Recursion, "maximum recursion depth exceeded: templates call each other without end")
}

/// Roughly where the stack is: the address of a local.
#[inline(never)]
pub(super) fn stack_pointer() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

fn unknown(what: &str, name: &str, names: &[&str]) -> TemplateError {
    if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
        // No plugin can have this name, which Ansible says before it looks for one.
        let full = format!("ansible.builtin.{name}");
        return TemplateError::syntax(format!("Could not load \"{name}\": 'invalid plugin name: {full}'"));
    }
    let error = TemplateError::syntax(format!("No {what} named '{name}'."));
    match super::nearest(registry::short_name(name), names.iter().copied()) {
        Some(near) => error.within(format!("did you mean '{near}'?")),
        None => error,
    }
}
