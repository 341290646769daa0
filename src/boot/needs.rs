//! What templates on this node can ask of other hosts: which hosts, and which of their variables. A template that says
//! which variables it reads is taken at its word; of another every name that stands in it counts, so that it may be
//! too much, never too little.

use crate::plan::{Data, Key, Map, Plan};
use crate::sys::order;
use crate::vars::analysis::{self, OtherHosts};
use std::collections::BTreeSet;

/// Templates of templates are followed this far.
const ROUNDS: usize = 32;

/// What is asked of other hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The hosts; empty where nobody asks.
    pub hosts: BTreeSet<String>,
    /// Names of their variables.
    pub names: BTreeSet<String>,
}

/// One host's variables, and the groups.
pub struct Known<'a> {
    /// This node's hostvars.
    pub vars: &'a Map,
    /// What the bundle has: its roles' and plays' own variables name others' too.
    pub plan: &'a Plan,
    /// `groups`.
    pub groups: &'a Map,
    /// This node's name in the inventory.
    pub host: &'a str,
}

impl Asked {
    /// Nobody asks for anything.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The values of `vars`, another host's variables, that are asked for, with what these refer to.
    pub fn select(&self, vars: &Map) -> Map {
        let mut wanted: BTreeSet<String> = self.names.clone();
        let mut chosen = Map::default();
        for _ in 0..ROUNDS {
            let mut more = BTreeSet::new();
            for (key, value) in vars {
                let Some(name) = key.as_str().filter(|n| wanted.contains(*n)) else { continue };
                if chosen.get(&Key(name)).is_none() {
                    texts(value, &mut |text| more.extend(names_in(text)));
                    chosen.insert(key.clone(), value.clone());
                }
            }
            if more.is_empty() {
                break;
            }
            wanted.extend(more);
        }
        chosen
    }
}

/// What is asked by `sources` (templates of the bundle) and by this host's variables as far as the names in `used`
/// reach them. With no `used` every variable counts as reached.
pub fn of(known: &Known, used: &[String], sources: &[String]) -> Asked {
    let start: BTreeSet<String> = match used {
        [] => order::set(known.vars.keys().filter_map(|k| k.as_str().map(str::to_owned))),
        used => order::set(used.iter().cloned()),
    };
    let reached = closure(known.vars, start);
    let mut asking: Vec<String> = sources.iter().filter(|text| mentions(text)).cloned().collect();
    for name in &reached {
        if let Some(value) = known.vars.get(&Key(name)) {
            texts(value, &mut |text| {
                if is_template(text) && mentions(text) {
                    asking.push(text.to_owned());
                }
            });
        }
    }
    let mut asked = Asked::default();
    for text in asking {
        let words = closure(known.vars, template_words(&text).collect());
        asked.hosts.extend(hosts(known, &text, &words));
        match read_of_others(&text) {
            Some(read) => {
                asked.names.extend(read.named_by.iter().flat_map(|by| known.named(by)));
                asked.names.extend(read.names);
            }
            None => asked.names.extend(words),
        }
    }
    asked.hosts.remove(known.host);
    asked
}

/// What a template reads of other hosts, where it says so.
fn read_of_others(text: &str) -> Option<OtherHosts> {
    let found = if is_template(text) { analysis::text(text) } else { analysis::condition(text) };
    found.ok().map(|usage| usage.hosts).filter(|hosts| !hosts.unknown)
}

/// The variables that a template uses; every word of it where that cannot be told.
fn names_in(text: &str) -> BTreeSet<String> {
    if !is_template(text) {
        return BTreeSet::new();
    }
    match analysis::text(text) {
        Ok(usage) if !usage.computed_variables && !usage.hosts.unknown => {
            order::set(usage.variables.into_iter().map(|v| v.name))
        }
        _ => order::set(template_words(text)),
    }
}

impl Known<'_> {
    /// The names that a variable can hold: plain texts beneath it, in any place that may define it.
    fn named(&self, variable: &str) -> BTreeSet<String> {
        let roles = self.plan.roles.values().flat_map(|r| r.defaults.values().chain(r.vars.values()));
        let plays = self.plan.plays.iter().map(|p| &p.keywords.vars);
        let mut found = order::set([variable.to_owned()]);
        for vars in roles.chain(plays).chain([self.vars]) {
            found.extend(closure(vars, order::set([variable.to_owned()])));
        }
        found
    }
}

/// The names, the names in the templates that they stand for, and so on; a plain short text that a name stands for
/// may itself be a name (`map(attribute=which)`).
fn closure(vars: &Map, start: BTreeSet<String>) -> BTreeSet<String> {
    let mut all = start.clone();
    let mut next = start;
    for _ in 0..ROUNDS {
        let mut found = BTreeSet::new();
        for name in &next {
            let Some(value) = vars.get(&Key(name)) else { continue };
            texts(value, &mut |text| {
                if is_template(text) {
                    found.extend(names_in(text));
                } else if is_name(text) {
                    found.insert(text.to_owned());
                }
            });
        }
        next = order::set(found.difference(&all).cloned());
        if next.is_empty() {
            break;
        }
        all.extend(next.iter().cloned());
    }
    all
}

/// The hosts a text can mean: members of the groups that it names, and hosts that it names; where it names neither,
/// any.
fn hosts(known: &Known, text: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let tokens = tokens(text);
    let all: BTreeSet<String> = match known.groups.get(&Key("all")) {
        Some(list) => order::set(members(list)),
        None => order::set(known.groups.values().flat_map(members)),
    };
    let mut found: BTreeSet<String> =
        order::set(tokens.iter().map(|t| t.text).filter(|t| all.contains(*t)).map(str::to_owned));
    let pointed = grouped(&tokens);
    let group = |name: &str| known.groups.get(&Key(name));
    if !pointed.is_empty() && pointed.iter().all(|name| group(name).is_some()) {
        found.extend(pointed.iter().filter_map(|name| group(name)).flat_map(members));
        return found;
    }
    found.extend(names.iter().filter_map(|name| group(name)).flat_map(members));
    if found.is_empty() { all } else { found }
}

fn members(list: &Data) -> impl Iterator<Item = String> {
    list.as_list().unwrap_or(&[]).iter().filter_map(|h| h.as_str().map(str::to_owned))
}

/// Groups that a text points at: `groups['x']`, `groups.x`, `groups.get('x')`, and a `selectattr` by `group_names`.
fn grouped<'t>(tokens: &[Token<'t>]) -> Vec<&'t str> {
    let mut found = Vec::new();
    for (n, token) in tokens.iter().enumerate() {
        if token.text == "groups" && !token.quoted {
            found.extend(tokens[n + 1..].iter().find(|t| t.quoted || t.text != "get").map(|t| t.text));
        }
    }
    // selectattr('group_names', 'contains', 'x'): the test's name is quoted too.
    for three in tokens.windows(3) {
        if three[0].text == "group_names" && matches!(three[1].text, "contains" | "in") {
            found.push(three[2].text);
        }
    }
    found
}

/// Calls `see` with every text in a value, keys included.
fn texts(value: &Data, see: &mut dyn FnMut(&str)) {
    match value {
        Data::Str(text) => see(text),
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => items.iter().for_each(|item| texts(item, see)),
        Data::Map(map) => {
            for (key, value) in map {
                texts(key, see);
                texts(value, see);
            }
        }
        _ => {}
    }
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

fn mentions(text: &str) -> bool {
    text.contains("hostvars")
}

fn is_name(text: &str) -> bool {
    text.len() <= 100
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn template_words(text: &str) -> impl Iterator<Item = String> {
    let words = if is_template(text) { tokens(text) } else { Vec::new() };
    words.into_iter().flat_map(|t| t.text.split('.').filter(|w| is_name(w)).map(str::to_owned).collect::<Vec<_>>())
}

/// A word of a template: a name, or what stands between quotes.
#[derive(Clone, Copy, Debug)]
struct Token<'t> {
    text: &'t str,
    quoted: bool,
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                let end = bytes[at + 1..].iter().position(|b| *b == quote).map(|n| at + 1 + n);
                // An apostrophe in text quotes nothing: only what could be a name or a host does.
                let inner = end.map(|end| &text[at + 1..end]).filter(|inner| inner.len() <= 253);
                match inner.filter(|t| !t.is_empty() && t.bytes().all(|b| is_word(b) || b == b'-' || b == b'.')) {
                    Some(inner) => {
                        found.push(Token { text: inner, quoted: true });
                        at += inner.len() + 2;
                    }
                    None => at += 1,
                }
            }
            byte if is_word(byte) => {
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
                found.push(Token { text: &text[start..at], quoted: false });
            }
            _ => at += 1,
        }
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::{Asked, Known, of};
    use crate::plan::{Data, Map, Plan, Role};

    fn map(pairs: &[(&str, Data)]) -> Map {
        pairs.iter().map(|(k, v)| (Data::str(*k), v.clone())).collect()
    }

    fn list(items: &[&str]) -> Data {
        Data::List(items.iter().map(|i| Data::str(*i)).collect())
    }

    fn groups() -> Map {
        map(&[("all", list(&["n0", "n1", "ctl", "proxy"])), ("squid", list(&["proxy"])), ("control", list(&["ctl"]))])
    }

    fn asked(vars: &[(&str, Data)], used: &[&str], sources: &[&str]) -> Asked {
        let (vars, groups) = (map(vars), groups());
        let used: Vec<String> = used.iter().map(|u| (*u).to_owned()).collect();
        let sources: Vec<String> = sources.iter().map(|u| (*u).to_owned()).collect();
        let mut plan = Plan::default();
        let mut role = Role::default();
        role.defaults.insert("main".to_owned(), map(&[("what", Data::str("from_default"))]));
        plan.roles.insert("r".to_owned(), role);
        of(&Known { vars: &vars, plan: &plan, groups: &groups, host: "n0" }, &used, &sources)
    }

    #[test]
    fn a_template_that_says_what_it_reads_is_taken_at_its_word() {
        let found = asked(&[], &["x"], &["{{ hostvars[groups['control'].0].addr }} {{ secret | default('') }}"]);
        assert_eq!(found.names.into_iter().collect::<Vec<_>>(), ["addr"]);
        let found = asked(&[], &["x"], &["hostvars['ctl'].ready and password is defined"]);
        assert_eq!(found.names.into_iter().collect::<Vec<_>>(), ["ready"]);
        let found = asked(&[], &["x"], &["{{ hostvars | dict2items | map(attribute='value.secret') }}"]);
        assert!(found.names.contains("secret"), "what cannot be followed counts by its words");
    }

    #[test]
    fn names_in_a_roles_defaults_are_followed() {
        let text = "{{ groups['control'] | map('extract', hostvars, what) }}";
        let found = asked(&[], &["x"], &[text]);
        assert!(found.names.contains("from_default"), "{:?}", found.names);
    }

    #[test]
    fn only_reached_variables_ask() {
        let vars = [
            ("a", Data::str("{{ b }}")),
            ("b", Data::str("{{ hostvars[groups['control'].0].addr }}")),
            ("c", Data::str("x")),
        ];
        assert!(asked(&vars, &["c"], &[]).is_empty());
        let found = asked(&vars, &["a"], &[]);
        assert_eq!(found.hosts.into_iter().collect::<Vec<_>>(), ["ctl"]);
        assert!(found.names.contains("addr") && !found.names.contains("c"));
    }

    #[test]
    fn a_filter_by_group_narrows_and_an_attribute_by_name_is_followed() {
        let text = "{{ hostvars.values() | selectattr('group_names', 'contains', 'squid') | map(attribute=which) }}";
        let found = asked(&[("ips", Data::str(text)), ("which", Data::str("ansible_host"))], &["ips"], &[]);
        assert_eq!(found.hosts.into_iter().collect::<Vec<_>>(), ["proxy"]);
        assert!(found.names.contains("ansible_host"));
    }

    #[test]
    fn what_names_no_host_may_mean_any_but_ourselves() {
        let found = asked(&[], &["x"], &["{% for h in hostvars %}{{ hostvars[h].ip }}{% endfor %}"]);
        assert_eq!(found.hosts.into_iter().collect::<Vec<_>>(), ["ctl", "n1", "proxy"]);
        let found = asked(&[], &["x"], &["{{ hostvars['n1'].ip }}"]);
        assert_eq!(found.hosts.into_iter().collect::<Vec<_>>(), ["n1"]);
    }

    #[test]
    fn only_asked_values_are_taken_and_what_they_refer_to() {
        let found = asked(&[], &["x"], &["{{ hostvars['ctl'].addr }}"]);
        let other = map(&[
            ("addr", Data::str("{{ net }}.1")),
            ("net", Data::str("10.0.0")),
            ("vault_secret", Data::str("s3cret")),
        ]);
        let chosen = found.select(&other);
        assert_eq!(chosen.len(), 2);
        assert!(!chosen.contains_key(&crate::plan::Key("vault_secret")));
    }

    #[test]
    fn a_cycle_of_names_ends() {
        let vars = [("a", Data::str("{{ b }} {{ hostvars.ctl.a }}")), ("b", Data::str("{{ a }}"))];
        let found = asked(&vars, &["a"], &[]);
        assert!(found.hosts.contains("ctl"));
        assert_eq!(found.select(&map(&[("a", Data::str("{{ b }}")), ("b", Data::str("{{ a }}"))])).len(), 2);
    }
}
