//! What `set_stats` collected over a run, as ansible-playbook shows it after the recap where `show_custom_stats` says so.

use crate::plan::{Data, Key, Map};
use crate::vars::{JsonStyle, Value, json_text};
use std::collections::BTreeMap;

/// Figures of the whole run, and of each host.
#[derive(Default)]
pub struct Stats {
    run: Map,
    hosts: BTreeMap<String, Map>,
}

impl Stats {
    /// Adds what a task of `host` returned as `ansible_stats`.
    pub fn add(&mut self, host: &str, returned: &Map) {
        let flag = |name: &str| returned.get(&Key(name)).is_some_and(Data::truthy);
        let Some(data) = returned.get(&Key("data")).and_then(Data::as_map) else { return };
        let place = if flag("per_host") { self.hosts.entry(host.to_owned()).or_default() } else { &mut self.run };
        for (name, value) in data {
            match place.get(name).filter(|_| flag("aggregate")) {
                // What is of another type stays as it was.
                Some(before) => {
                    if let Some(sum) = sum(before, value) {
                        place.insert(name.clone(), sum);
                    }
                }
                None => drop(place.insert(name.clone(), value.clone())),
            }
        }
    }

    /// The lines to print; none where nothing was collected.
    pub fn lines(&self) -> Vec<String> {
        let hosts = self.hosts.iter().map(|(host, map)| format!("\t{host}: {}", shown(map)));
        let run = (!self.run.is_empty()).then(|| format!("\tRUN: {}", shown(&self.run)));
        hosts.chain(run).collect()
    }
}

/// Python's `+`, and dictionaries one over the other; `None` where the types differ.
fn sum(before: &Data, value: &Data) -> Option<Data> {
    Some(match (before, value) {
        (Data::Map(a), Data::Map(b)) => {
            let mut merged = a.clone();
            for (name, value) in b {
                let both = merged.get(name).filter(|old| old.as_map().is_some() && value.as_map().is_some());
                let value = both.and_then(|old| sum(old, value)).unwrap_or_else(|| value.clone());
                merged.insert(name.clone(), value);
            }
            Data::Map(merged)
        }
        (Data::List(a), Data::List(b)) => Data::List([a.as_slice(), b].concat()),
        (Data::Int(a), Data::Int(b)) => Data::Int(a.checked_add(*b)?),
        (Data::Float(a), Data::Float(b)) => Data::Float(a + b),
        (Data::Bool(a), Data::Bool(b)) => Data::Int(i128::from(*a) + i128::from(*b)),
        (a, b) => Data::Unsafe(format!("{}{}", a.as_str()?, b.as_str()?)),
    })
}

/// JSON on one line, as Ansible makes it of one with many.
fn shown(map: &Map) -> String {
    let style = JsonStyle {
        sort_keys: true,
        ensure_ascii: false,
        indent: Some(" ".to_owned()),
        item: ",".to_owned(),
        ..JsonStyle::default()
    };
    let text = json_text(&Value::from_data(&Data::Map(map.clone())), &style);
    text.unwrap_or_else(|e| format!("({e})")).replace('\n', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(text: &str) -> Map {
        crate::yaml::read_vars(text.as_bytes()).ok().and_then(|d| d.as_map().cloned()).unwrap_or_default()
    }

    #[test]
    fn figures_add_up_where_they_are_alike() {
        let mut stats = Stats::default();
        let first = task("{aggregate: true, per_host: false, data: {n: 10, l: [1], d: {a: {x: 1}}, s: a, t: 1}}");
        let second = task("{aggregate: true, per_host: false, data: {n: 15, l: [2], d: {a: {y: 2}}, s: b, t: x}}");
        stats.add("h", &first);
        stats.add("h", &second);
        stats.add("h", &task("{aggregate: false, per_host: true, data: {n: 1}}"));
        stats.add("h", &task("{aggregate: false, per_host: true, data: {n: 2}}"));
        stats.add("h", &task("{aggregate: true}"));
        let run =
            "{ \"d\": {  \"a\": {   \"x\": 1,   \"y\": 2  } }, \"l\": [  1,  2 ], \"n\": 25, \"s\": \"ab\", \"t\": 1}";
        assert_eq!(stats.lines(), ["\th: { \"n\": 2}".to_owned(), format!("\tRUN: {run}")]);
        assert!(Stats::default().lines().is_empty());
    }
}
