//! `iptables`: rules, chains and policies through the system's iptables and ip6tables, asked first whether there is
//! anything to do.

use super::exec::{self, Ran};
use super::params::{Params, change, map, text};
use super::{Context, Failure, Outcome};
use crate::plan::Data;
use crate::spec::Args;
use std::ffi::OsString;

/// `-w` takes seconds since this version; before, it is left out.
const WAIT_SINCE: [u32; 3] = [1, 6, 0];

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let six = args.text("ip_version").as_deref() == Some("ipv6");
    let mut rule =
        Rule { args, icmp: if six { "--icmpv6-type" } else { "--icmp-type" }, log: false, wait: args.text("wait") };
    let shown = rule.words().join(" ");
    let program = exec::program(ctx, if six { "ip6tables" } else { "iptables" })?;
    let (flush, chain) = (args.flag("flush"), args.text("chain"));
    if !flush && chain.is_none() {
        return Err(Failure::new("Either chain or flush parameter must be specified."));
    }
    if ["log_prefix", "log_level"].iter().any(|name| args.text(name).is_some_and(|v| !v.is_empty())) {
        match args.text("jump").as_deref() {
            None => rule.log = true,
            Some("LOG") => {}
            Some(_) => return Err(Failure::new("Logging options can only be used with the LOG jump target.")),
        }
    }
    let version = version(&exec::checked(ctx, vec![program.clone(), "--version".into()])?.out());
    if version < WAIT_SINCE {
        rule.wait = None;
    }
    let firewall = Firewall { ctx, args, program, chain, rule };
    let changed = firewall.reach(flush, shown.is_empty())?;
    let given = |name: &str| args.value(name).cloned().unwrap_or(Data::Null);
    let mut outcome = Outcome { changed, ..Outcome::default() };
    outcome.result = map([("flush", Data::Bool(flush)), ("rule", text(shown)), ("failed", Data::Bool(false))]);
    for name in ["ip_version", "table", "chain", "state", "chain_management"] {
        outcome.result.insert(Data::str(name), given(name));
    }
    if changed {
        outcome.changes.push(change("rules", args.text("chain").unwrap_or_else(|| "all chains".to_owned())));
    }
    Ok(outcome)
}

/// The numbers of `iptables v1.8.9 (nf_tables)`.
fn version(said: &str) -> [u32; 3] {
    let numbers = said.split_once(" v").map_or("", |(_, rest)| rest);
    let mut parts = numbers.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// What a rule matches and does, as iptables' own words.
struct Rule<'a> {
    args: &'a Args,
    icmp: &'static str,
    /// It jumps to LOG without being told to.
    log: bool,
    wait: Option<String>,
}

/// How a parameter becomes words.
enum Shape {
    /// A flag and its value; `!` before the value negates the flag.
    Value,
    /// A flag and all values, with commas.
    Commas,
}

impl Rule<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.args.text(name).filter(|v| !v.is_empty())
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.args.texts(name).unwrap_or_default()
    }

    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(wait) = self.wait.as_deref().filter(|w| !w.is_empty()) {
            words.extend(["-w".to_owned(), wait.to_owned()]);
        }
        for (name, flag) in [("protocol", "-p"), ("source", "-s"), ("destination", "-d")] {
            self.add(&mut words, name, flag, &Shape::Value);
        }
        for name in self.list("match") {
            push(&mut words, "-m", &name);
        }
        self.tcp_flags(&mut words);
        match self.log {
            true => push(&mut words, "-j", "LOG"),
            false => self.add(&mut words, "jump", "-j", &Shape::Value),
        }
        if self.text("jump").is_some_and(|j| j.eq_ignore_ascii_case("tee")) {
            self.add(&mut words, "gateway", "--gateway", &Shape::Value);
        }
        for (name, flag) in
            [("log_prefix", "--log-prefix"), ("log_level", "--log-level"), ("to_destination", "--to-destination")]
        {
            self.add(&mut words, name, flag, &Shape::Value);
        }
        self.add_with("multiport", &mut words, &[("destination_ports", "--dports", Shape::Commas)]);
        for (name, flag) in [
            ("to_source", "--to-source"),
            ("goto", "-g"),
            ("in_interface", "-i"),
            ("out_interface", "-o"),
            ("fragment", "-f"),
            ("set_counters", "-c"),
            ("source_port", "--source-port"),
            ("destination_port", "--destination-port"),
            ("to_ports", "--to-ports"),
            ("set_dscp_mark", "--set-dscp"),
            ("set_dscp_mark_class", "--set-dscp-class"),
        ] {
            self.add(&mut words, name, flag, &Shape::Value);
        }
        match self.args.text("syn").as_deref() {
            Some("match") => words.push("--syn".to_owned()),
            Some("negate") => words.extend(["!".to_owned(), "--syn".to_owned()]),
            _ => {}
        }
        self.matches(&mut words);
        words
    }

    /// The words that need a match extension, which is loaded unless `match` names it.
    fn matches(&self, words: &mut Vec<String>) {
        match self.loads("state") && !self.loads("conntrack") {
            true => self.add(words, "ctstate", "--state", &Shape::Commas),
            false => self.add_with("conntrack", words, &[("ctstate", "--ctstate", Shape::Commas)]),
        }
        let ranges = [("src_range", "--src-range", Shape::Value), ("dst_range", "--dst-range", Shape::Value)];
        self.add_with("iprange", words, &ranges);
        self.add_with("set", words, &[("match_set", "--match-set", Shape::Value)]);
        if self.text("match_set").is_some() || self.loads("set") {
            words.extend(self.text("match_set_flags"));
        }
        let limits = [("limit", "--limit", Shape::Value), ("limit_burst", "--limit-burst", Shape::Value)];
        self.add_always("limit", words, &limits);
        self.add_always("owner", words, &[("uid_owner", "--uid-owner", Shape::Value)]);
        self.add_always("owner", words, &[("gid_owner", "--gid-owner", Shape::Value)]);
        if !self.log && self.args.text("jump").is_none() && self.text("reject_with").is_some() {
            push(words, "-j", "REJECT");
        }
        self.add(words, "reject_with", "--reject-with", &Shape::Value);
        self.add(words, "icmp_type", self.icmp, &Shape::Value);
        self.add_always("comment", words, &[("comment", "--comment", Shape::Value)]);
    }

    fn loads(&self, extension: &str) -> bool {
        self.list("match").iter().any(|m| m == extension)
    }

    fn add(&self, words: &mut Vec<String>, name: &str, flag: &str, shape: &Shape) {
        match shape {
            Shape::Value => {
                if let Some(value) = self.args.text(name) {
                    push(words, flag, &value);
                }
            }
            Shape::Commas => {
                let all = self.list(name);
                if !all.is_empty() {
                    words.extend([flag.to_owned(), all.join(",")]);
                }
            }
        }
    }

    /// Loads an extension where one of its parameters is given and `match` does not load it, then adds them.
    fn add_with(&self, extension: &str, words: &mut Vec<String>, params: &[(&str, &str, Shape)]) {
        // Ports have always been loaded for themselves.
        if extension == "multiport" || !self.loads(extension) {
            return self.add_always(extension, words, params);
        }
        params.iter().for_each(|(name, flag, shape)| self.add(words, name, flag, shape));
    }

    fn add_always(&self, extension: &str, words: &mut Vec<String>, params: &[(&str, &str, Shape)]) {
        let given = |name: &str, shape: &Shape| match shape {
            Shape::Value => self.text(name).is_some(),
            Shape::Commas => !self.list(name).is_empty(),
        };
        if params.iter().any(|(name, _, shape)| given(name, shape)) {
            words.extend(["-m".to_owned(), extension.to_owned()]);
        }
        params.iter().for_each(|(name, flag, shape)| self.add(words, name, flag, shape));
    }

    fn tcp_flags(&self, words: &mut Vec<String>) {
        let Some(Data::Map(flags)) = self.args.value("tcp_flags") else { return };
        if let (Some(examined), Some(set)) = (flags.texts("flags"), flags.texts("flags_set")) {
            words.extend(["--tcp-flags".to_owned(), examined.join(","), set.join(",")]);
        }
    }
}

/// A flag and its value; `!` before the value negates the flag.
fn push(words: &mut Vec<String>, flag: &str, value: &str) {
    match value.strip_prefix('!') {
        Some(rest) => words.extend(["!".to_owned(), flag.to_owned(), rest.to_owned()]),
        None => words.extend([flag.to_owned(), value.to_owned()]),
    }
}

struct Firewall<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    program: OsString,
    chain: Option<String>,
    rule: Rule<'a>,
}

impl Firewall<'_> {
    /// Does what is to be done; whether anything was, or would be.
    fn reach(&self, flush: bool, no_rule: bool) -> Result<bool, Failure> {
        let present = self.args.text("state").as_deref() != Some("absent");
        if flush {
            return self.act(true, self.argv("-F"));
        }
        if let Some(policy) = self.args.text("policy") {
            let listed = exec::checked_look(self.ctx, self.listing())?.out();
            let now = listed.lines().next().and_then(|l| l.split_once("(policy ")).map(|(_, rest)| rest);
            let word = |c: char| !c.is_ascii_uppercase();
            let Some(now) = now.map(|rest| rest.split(word).next().unwrap_or_default()).filter(|p| !p.is_empty())
            else {
                return Err(Failure::new("Can't detect current policy"));
            };
            let mut argv = self.argv("-P");
            argv.push(policy.clone().into());
            return self.act(now != policy, argv);
        }
        if no_rule {
            let there = exec::look(self.ctx, self.listing())?.rc == 0;
            let changed = there != present;
            if changed && self.args.flag("chain_management") {
                self.act(true, self.argv(if present { "-N" } else { "-X" }))?;
            }
            return Ok(changed);
        }
        let there = exec::look(self.ctx, self.with_rule("-C"))?.rc == 0;
        let action = match (present, self.args.text("action").as_deref()) {
            (false, _) => "-D",
            (true, Some("insert")) => "-I",
            (true, _) => "-A",
        };
        self.act(there != present, self.with_rule(action))
    }

    fn act(&self, needed: bool, argv: Vec<OsString>) -> Result<bool, Failure> {
        if needed && !self.ctx.check {
            let _: Ran = exec::checked(self.ctx, argv)?;
        }
        Ok(needed)
    }

    fn argv(&self, action: &str) -> Vec<OsString> {
        let table = self.args.text("table").unwrap_or_else(|| "filter".to_owned());
        let mut argv = vec![self.program.clone(), "-t".into(), table.into(), action.into()];
        argv.extend(self.chain.clone().map(Into::into));
        if action == "-I" {
            argv.extend(self.args.text("rule_num").filter(|n| !n.is_empty()).map(Into::into));
        }
        argv
    }

    fn with_rule(&self, action: &str) -> Vec<OsString> {
        let mut argv = self.argv(action);
        argv.extend(self.rule.words().into_iter().map(Into::into));
        argv
    }

    fn listing(&self) -> Vec<OsString> {
        let mut argv = self.argv("-L");
        if self.args.flag("numeric") {
            argv.push("--numeric".into());
        }
        argv
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorded::{result, with_tools};
    use super::version;
    use serde_json::{Value, json};

    /// What Ansible runs (tests/tools/make-iptables.py); every rule and chain is missing there.
    #[test]
    fn iptables_is_called_as_ansible_calls_it() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../../tests/modules/iptables.json")).expect("JSON");
        assert!(cases.len() > 20);
        for case in cases {
            let fine = ["-A", "-I", "-N", "--version"];
            let mut answers: Vec<Value> = Vec::new();
            for call in case["calls"].as_array().expect("calls") {
                let words = call.as_array().expect("words");
                if words.iter().any(|w| fine.contains(&w.as_str().unwrap_or_default())) {
                    answers.push(json!({"argv": call, "stdout": "iptables v1.8.9 (nf_tables)\n"}));
                }
            }
            answers.push(json!({"argv": [], "rc": 1}));
            let (outcome, calls) = with_tools("iptables", case["args"].clone(), Value::Array(answers), false);
            let outcome = outcome.unwrap_or_else(|f| panic!("{case}: {}", f.msg));
            assert_eq!(json!(calls), case["calls"], "{case}");
            assert_eq!(result(&outcome, "rule"), case["rule"], "{case}");
            assert!(outcome.changed);
        }
    }

    #[test]
    fn what_makes_no_rule_is_refused_and_check_mode_only_asks() {
        let version = json!([{"argv": ["iptables", "--version"], "stdout": "iptables v1.8.9\n"}]);
        for (args, said) in [
            (json!({"jump": "DROP"}), "Either chain or flush parameter must be specified."),
            (json!({"chain": "INPUT", "jump": "DROP", "log_prefix": "x"}), "Logging options can only be used with"),
            (json!({"chain": "INPUT", "policy": "DROP"}), "Can't detect current policy"),
        ] {
            let (outcome, _) = with_tools("iptables", args, version.clone(), false);
            let msg = outcome.map(|_| ()).expect_err("a refusal").msg;
            assert!(msg.starts_with(said), "{msg}");
        }
        let absent = json!([
            {"argv": ["iptables", "--version"], "stdout": "iptables v1.8.9\n"},
            {"argv": ["iptables", "-t", "filter", "-C"], "rc": 1},
        ]);
        let rule = json!({"chain": "INPUT", "jump": "DROP"});
        let (outcome, calls) = with_tools("iptables", rule, absent, true);
        assert!(outcome.expect("a rule").changed);
        assert_eq!(calls.len(), 2);
    }

    #[test]
    fn versions_are_read_and_what_is_none_is_old() {
        assert_eq!(version("iptables v1.8.9 (nf_tables)\n"), [1, 8, 9]);
        assert_eq!(version("iptables v1.6\n"), [1, 6, 0]);
        assert_eq!(version("what"), [0, 0, 0]);
    }
}
