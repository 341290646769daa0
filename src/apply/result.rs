//! Results as roles read them: the dictionaries that register stores, shaped as ansible-core's task executor does.

use super::host::cleaned;
use crate::modules::{Diff, Failure, Origin, Outcome};
use crate::plan::status::Change;
use crate::plan::{Data, Key, Map};

/// How one execution of a module, or one item of a loop, ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    /// The result, with `changed` and `failed`.
    pub result: Map,
    /// What the module found out, to be stored.
    pub facts: Map,
    pub set: Map,
    pub include_vars: Map,
    pub changes: Vec<Change>,
    pub diff: Vec<Diff>,
    /// It is not to be shown.
    pub no_log: bool,
    /// The name under which delegate_to named this host.
    pub delegated: Option<String>,
    /// Whose word it is.
    pub origin: Origin,
}

impl Done {
    /// What a module returned.
    pub fn of(returned: Result<Outcome, Failure>) -> Done {
        match returned {
            Ok(outcome) => {
                let mut done = Done {
                    result: outcome.result,
                    facts: outcome.facts,
                    set: outcome.set,
                    include_vars: outcome.include_vars,
                    changes: outcome.changes,
                    diff: outcome.diff,
                    no_log: false,
                    delegated: None,
                    origin: Origin::Module,
                };
                done.put("changed", Data::Bool(outcome.changed));
                if outcome.skipped {
                    done.put("skipped", Data::Bool(true));
                }
                let failed =
                    outcome.failed || done.get("rc").is_some_and(|rc| !matches!(rc, Data::Int(0) | Data::Null));
                if outcome.failed || !done.has("failed") {
                    done.put("failed", Data::Bool(failed));
                }
                if !done.facts.is_empty() {
                    let facts = done.facts.clone();
                    done.put("ansible_facts", Data::Map(facts));
                } else if !done.set.is_empty() {
                    let set = done.set.clone();
                    done.put("ansible_facts", Data::Map(set));
                } else if !done.include_vars.is_empty() {
                    let vars = done.include_vars.clone();
                    done.put("ansible_facts", Data::Map(vars));
                }
                done.add_lines();
                done
            }
            Err(failure) => {
                let mut done = Done { result: failure.result, origin: failure.origin, ..Done::default() };
                done.put("msg", Data::Unsafe(failure.msg));
                if !done.has("changed") && done.origin == Origin::Module {
                    done.put("changed", Data::Bool(false));
                }
                done.put("failed", Data::Bool(true));
                done.add_lines();
                done
            }
        }
    }

    /// A failure before a module ran: there is no word on what changed.
    pub fn failure(msg: impl Into<String>) -> Done {
        let mut done = Done { origin: Origin::Error, ..Done::default() };
        done.put("msg", Data::Unsafe(msg.into()));
        done.put("failed", Data::Bool(true));
        done
    }

    /// A task whose conditions were false.
    pub fn skipped(condition: &Data) -> Done {
        let mut done = Done::default();
        done.put("changed", Data::Bool(false));
        done.put("skipped", Data::Bool(true));
        done.put("skip_reason", Data::str("Conditional result was False"));
        done.put("false_condition", condition.clone());
        done
    }

    /// The aggregate of a loop.
    pub fn aggregate(items: Vec<Done>) -> Done {
        let mut done = Done::default();
        let all = |f: fn(&Done) -> bool| !items.is_empty() && items.iter().all(f);
        let any = |f: fn(&Done) -> bool| items.iter().any(f);
        let (changed, failed, skipped) = (any(Done::is_changed), any(Done::says_failed), all(Done::is_skipped));
        let msg = match (failed, skipped) {
            (true, _) => "One or more items failed",
            (_, true) => "All items skipped",
            _ => "All items completed",
        };
        done.no_log = any(|d| d.no_log);
        done.delegated = items.iter().find_map(|d| d.delegated.clone());
        for item in &items {
            done.changes.extend(item.changes.iter().cloned());
        }
        let results = items.into_iter().map(|d| Data::Map(cleaned(d.result))).collect();
        done.put("results", Data::List(results));
        done.put("changed", Data::Bool(changed));
        done.put("msg", Data::str(msg));
        done.put("skipped", Data::Bool(skipped));
        if failed {
            done.put("failed", Data::Bool(true));
        }
        done
    }

    /// A loop without items.
    pub fn empty_loop() -> Done {
        let mut done = Done::default();
        done.put("changed", Data::Bool(false));
        done.put("skipped", Data::Bool(true));
        done.put("skipped_reason", Data::str("No items in the list"));
        done.put("results", Data::List(Vec::new()));
        done
    }

    pub fn put(&mut self, name: &str, value: Data) {
        self.result.insert(Data::str(name), value);
    }

    pub fn get(&self, name: &str) -> Option<&Data> {
        self.result.get(&Key(name))
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the play goes on without this host: where `failed_when` was judged that decides, even if `failed` says
    /// otherwise because `until` ran out of attempts.
    pub fn is_failed(&self) -> bool {
        let judged = |result: &Data| result.get("failed_when_result").map(Data::truthy);
        let own = self.get("failed_when_result").map(Data::truthy);
        let of_items = || {
            let items = self.get("results").and_then(Data::as_list).unwrap_or_default();
            items.iter().filter_map(judged).reduce(|a, b| a | b)
        };
        own.or_else(of_items).unwrap_or_else(|| self.says_failed())
    }

    fn says_failed(&self) -> bool {
        self.get("failed").is_some_and(Data::truthy)
    }

    pub fn is_changed(&self) -> bool {
        self.get("changed").is_some_and(Data::truthy)
    }

    pub fn is_skipped(&self) -> bool {
        self.get("skipped").is_some_and(Data::truthy)
    }

    /// `msg`, else a word on what failed.
    pub fn message(&self) -> String {
        why(|name| self.get(name))
    }

    /// `stdout_lines` and `stderr_lines` beside every `stdout` and `stderr`.
    fn add_lines(&mut self) {
        for (name, lines) in [("stdout", "stdout_lines"), ("stderr", "stderr_lines")] {
            if self.has(lines) {
                continue;
            }
            let Some(text) = self.get(name).and_then(Data::as_str) else { continue };
            let list = split_lines(text).into_iter().map(Data::Unsafe).collect();
            self.put(lines, Data::List(list));
        }
    }

    /// What register stores.
    pub fn registered(&self) -> Map {
        cleaned(self.result.clone())
    }
}

/// Python's `str.splitlines`.
fn split_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    while let Some(at) = rest.find(ends) {
        lines.push(rest[..at].to_owned());
        let tail = &rest[at..];
        let end = tail.chars().next().map_or(1, char::len_utf8);
        rest = tail.strip_prefix("\r\n").unwrap_or(&tail[end..]);
    }
    if !rest.is_empty() {
        lines.push(rest.to_owned());
    }
    lines
}

/// Ansible's `boolean(value, strict=False)`.
pub(super) fn boolean(value: &Data) -> bool {
    match value {
        Data::Bool(b) => *b,
        Data::Int(i) => *i == 1,
        Data::Float(f) => *f == 1.0,
        other => other
            .as_str()
            .is_some_and(|s| matches!(s.to_lowercase().trim(), "y" | "yes" | "on" | "1" | "true" | "t" | "1.0")),
    }
}

/// Why a result failed, in the first words that it has: many a module leaves `msg` empty.
pub fn why<'a>(get: impl Fn(&str) -> Option<&'a Data>) -> String {
    let text = |name| get(name).and_then(Data::as_str).map(str::trim).filter(|s| !s.is_empty());
    let conditions = ["changed_when_result", "failed_when_result"];
    if let Some(words) = conditions.into_iter().chain(["msg", "reason", "stderr"]).find_map(text) {
        return words.to_owned();
    }
    match get("rc") {
        Some(Data::Int(rc)) => format!("a command ended with {rc} and said nothing"),
        _ => "the task failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_as_python_splits_them() {
        for (text, lines) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a\n", vec!["a"]),
            ("a\r\nb\rc\n\nd", vec!["a", "b", "c", "", "d"]),
            ("\n", vec![""]),
            ("a\u{2028}b", vec!["a", "b"]),
        ] {
            assert_eq!(split_lines(text), lines, "{text:?}");
        }
    }

    #[test]
    fn a_loop_fails_changes_and_skips_as_its_items_do() {
        let item = |changed: bool, failed: bool, skipped: bool| {
            let mut d = Done::default();
            d.put("changed", Data::Bool(changed));
            d.put("failed", Data::Bool(failed));
            d.put("skipped", Data::Bool(skipped));
            d
        };
        let one = Done::aggregate(vec![item(true, false, false), item(false, false, true)]);
        assert!(one.is_changed() && !one.is_failed() && !one.is_skipped());
        assert!(Done::aggregate(vec![item(false, false, true)]).is_skipped());
        assert!(Done::aggregate(vec![item(false, true, false), item(false, false, true)]).is_failed());
        assert!(Done::empty_loop().is_skipped());
    }
}
