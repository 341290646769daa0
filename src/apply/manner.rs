//! How a task is to be run: its keywords templated, and the variables that Ansible lets override them.

use super::Run;
use super::files::TaskFiles;
use super::frame::Frame;
use super::inherit::{environment, set};
use super::item::is_omit;
use super::result::boolean;
use super::scope::Scope;
use crate::plan::{Data, Key, Keywords, Map, Task};
use crate::spec;
use crate::vars::{Templar, Variables};
use std::cell::OnceCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How a task is to be run, templated from its keywords.
pub(super) struct Manner {
    pub check: bool,
    pub diff: bool,
    pub no_log: bool,
    pub become_user: Option<String>,
    /// The name under which delegate_to names this host.
    pub delegated: Option<String>,
    pub environment: Vec<(String, String)>,
    pub deadline: Option<Instant>,
    /// It has `async`.
    pub asynchronous: bool,
    /// `timeout`: how long the task may take, in seconds.
    pub timeout: Option<u64>,
    /// `async` with `poll: 0`: nobody waits for it.
    #[cfg(feature = "builder")]
    pub unwatched: bool,
    /// Arguments as templated and as written, where there may be several attempts: those of the first are those of all.
    pub arguments: OnceCell<(Map, Map)>,
}

impl<'p> Run<'p> {
    /// Templates a task's keywords.
    pub(super) fn manner(&self, task: &Task, frame: &Rc<Frame<'p>>, scope: &Scope<'_, 'p>) -> Result<Manner, String> {
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        let keyword = |field: fn(&Keywords) -> &Option<Data>| -> Result<Option<Data>, String> {
            // What evaluates to omit is as if it had not been written: what lies around counts.
            for value in set(task, frame, field) {
                let value = templar.value(value).map_err(|e| e.to_string())?;
                if !value.as_str().is_some_and(is_omit) {
                    return Ok(Some(value));
                }
            }
            Ok(None)
        };
        let flag = |name: &str, field: fn(&Keywords) -> &Option<Data>| -> Result<Option<bool>, String> {
            let truth = |value: Data| {
                spec::boolean(&value).map_err(|e| {
                    let text = spec::python_str(&value);
                    format!(
                        "the field '{name}' has an invalid value ({text}), and could not be converted to an bool. The \
                         error was: {e}"
                    )
                })
            };
            keyword(field)?.filter(|v| !v.is_null()).map(truth).transpose()
        };
        let no_log = flag("no_log", |k| &k.no_log)?.unwrap_or(false);
        let options = self.world.options;
        let elsewhere = keyword(|k| &k.delegate_to)?;
        let delegated = elsewhere.as_ref().and_then(Data::as_str);
        if let Some(host) = delegated {
            self.require_here(host)?;
        }
        let become_user = self.becomes(&templar, scope, [keyword(|k| &k.become_)?, keyword(|k| &k.become_user)?])?;
        let seconds = |value: Option<Data>| match value {
            Some(Data::Int(n)) if n > 0 => Some(Duration::from_secs(u64::try_from(n).unwrap_or(u64::MAX))),
            Some(other) => other.as_str().and_then(|s| s.parse().ok()).map(Duration::from_secs),
            None => None,
        };
        let asynchronous = task.async_.as_ref().map(|a| templar.value(a)).transpose().map_err(|e| e.to_string())?;
        #[cfg(feature = "builder")]
        let poll = task.poll.as_ref().map(|p| templar.value(p)).transpose().map_err(|e| e.to_string())?;
        #[cfg(feature = "builder")]
        let unwatched = asynchronous.as_ref().is_some_and(|a| seconds(Some(a.clone())).is_some())
            && poll.as_ref().is_some_and(|p| matches!(p, Data::Int(0)) || p.as_str() == Some("0"));
        let timeout = seconds(keyword(|k| &k.timeout)?);
        let limit = [timeout, seconds(asynchronous.clone())].into_iter().flatten().min();
        let own = limit.map(|l| Instant::now() + l);
        Ok(Manner {
            check: flag("check_mode", |k| &k.check_mode)?.unwrap_or(options.check),
            diff: flag("diff", |k| &k.diff)?.unwrap_or(options.diff),
            no_log,
            become_user,
            delegated: delegated.map(str::to_owned),
            environment: self.environment_of(&templar, task, frame)?,
            timeout: timeout.map(|t| t.as_secs()),
            asynchronous: asynchronous.is_some_and(|a| seconds(Some(a)).is_some()),
            #[cfg(feature = "builder")]
            unwatched,
            arguments: OnceCell::new(),
            deadline: [own, options.deadline].into_iter().flatten().min(),
        })
    }

    /// The user that a task becomes, unless that is root. Variables win over keywords, as in Ansible's play context.
    fn becomes(
        &self,
        templar: &Templar<'_>,
        scope: &Scope<'_, 'p>,
        [on, user]: [Option<Data>; 2],
    ) -> Result<Option<String>, String> {
        let variable = |name: &str, keyword: Option<Data>| match scope.get(name) {
            Some(var) if var.templated => templar.value(&var.data).map(Some).map_err(|e| e.to_string()),
            Some(var) => Ok(Some(var.data.as_ref().clone())),
            None => Ok(keyword),
        };
        #[cfg(feature = "builder")]
        let (on, user) = match &self.world.options.become_user {
            Some(default) => (on.or(Some(Data::Bool(true))), user.or_else(|| Some(Data::str(default.as_str())))),
            None => (on, user),
        };
        if !variable("ansible_become", on)?.is_some_and(|v| boolean(&v)) {
            return Ok(None);
        }
        let user = variable("ansible_become_user", user)?;
        #[cfg(feature = "builder")]
        if self.world.options.verbosity > 3 {
            let name = user.as_ref().and_then(Data::as_str).filter(|u| !u.is_empty()).unwrap_or("root");
            self.listener.borrow_mut().becoming(name);
        }
        Ok(user.as_ref().and_then(Data::as_str).filter(|u| !matches!(*u, "" | "root")).map(str::to_owned))
    }

    /// Delegation is to this host, or it is not the node's business.
    fn require_here(&self, host: &str) -> Result<(), String> {
        let inventory = self.world.inventory;
        let own = inventory.vars.get(&Key("ansible_host")).or_else(|| inventory.included.get(&Key("ansible_host")));
        let here = matches!(host, "localhost" | "127.0.0.1" | "::1")
            || host == inventory.host
            || own.and_then(Data::as_str) == Some(host);
        if here {
            Ok(())
        } else {
            Err(format!("delegate_to: {host} is another host; a node runs only what is its own"))
        }
    }

    fn environment_of(
        &self,
        templar: &Templar<'_>,
        task: &Task,
        frame: &Rc<Frame<'p>>,
    ) -> Result<Vec<(String, String)>, String> {
        let mut all: Vec<(String, String)> = Vec::new();
        for entry in environment(Some(task), frame) {
            let maps = match templar.value(&entry).map_err(|e| e.to_string())? {
                Data::Map(map) => vec![map],
                Data::List(list) => list.into_iter().filter_map(|m| m.as_map().cloned()).collect(),
                Data::Null => continue,
                other if other.as_str().is_some_and(|s| s.is_empty() || is_omit(s)) => continue,
                other => return Err(format!("environment must be a dictionary, received {}", other.type_name())),
            };
            for (name, value) in maps.into_iter().flatten() {
                let (Some(name), value) = (name.as_str().map(str::to_owned), shell_text(&value)) else { continue };
                all.retain(|(n, _)| *n != name);
                all.push((name, value));
            }
        }
        Ok(all)
    }
}

/// A value as Ansible puts it into the environment: Python's `str()` of a scalar.
pub(super) fn shell_text(value: &Data) -> String {
    match value {
        Data::Bool(b) => if *b { "True" } else { "False" }.to_owned(),
        Data::Int(i) => i.to_string(),
        Data::Float(f) => crate::yaml::python_float(*f),
        Data::Null => "None".to_owned(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
