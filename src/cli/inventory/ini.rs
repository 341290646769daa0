//! INI inventories: `[group]`, `[group:vars]`, `[group:children]`, hosts with ranges and variables on their line.

use super::hosts::{Hosts, ranged};
use crate::plan::{Data, Map};
use crate::vars::literal;
use anyhow::{Context, bail};

enum Kind {
    Hosts,
    Vars,
    Children,
}

/// Adds the hosts and groups of an inventory file.
pub(super) fn read(text: &str, source: &str, hosts: &mut Hosts) -> anyhow::Result<()> {
    let (mut group, mut kind) = ("ungrouped".to_owned(), Kind::Hosts);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let place = || format!("{source}:{}: {line}", number + 1);
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default().trim();
            let (name, what) = name.split_once(':').unwrap_or((name, "hosts"));
            kind = match what {
                "hosts" => Kind::Hosts,
                "vars" => Kind::Vars,
                "children" => Kind::Children,
                other => {
                    return Err(anyhow::anyhow!("sections are hosts, vars or children, not {other}"))
                        .with_context(place);
                }
            };
            name.clone_into(&mut group);
            hosts.add_group(&group);
            continue;
        }
        match kind {
            Kind::Hosts => host_line(line, &group, hosts).with_context(place)?,
            Kind::Vars => {
                let (name, value) = line.split_once('=').context("takes name=value").with_context(place)?;
                hosts
                    .group_vars(&group, &[(Data::str(name.trim()), literal_value(value.trim()))].into_iter().collect());
            }
            Kind::Children => {
                let child = line.split(['#', ' ', '\t']).next().unwrap_or_default();
                hosts.add_group(child);
                hosts.add_child(&group, child).with_context(place)?;
            }
        }
    }
    Ok(())
}

fn host_line(line: &str, group: &str, hosts: &mut Hosts) -> anyhow::Result<()> {
    let mut words = words(line)?.into_iter();
    let pattern = words.next().unwrap_or_default();
    let (pattern, port) = match pattern.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && !host.contains(':') => {
            (host.to_owned(), port.parse().ok())
        }
        _ => (pattern, None),
    };
    let mut vars = Map::new();
    if let Some(port) = port {
        vars.insert(Data::str("ansible_port"), Data::Int(port));
    }
    for word in words {
        if word.starts_with('#') {
            break;
        }
        let Some((name, value)) = word.split_once('=') else { bail!("takes name=value after the host, not {word}") };
        vars.insert(Data::str(name), literal_value(value));
    }
    for host in ranged(&pattern)? {
        hosts.add_host(group, &host);
        hosts.host_vars(&host, &vars);
    }
    Ok(())
}

/// A Python literal where it is one, else the text.
fn literal_value(text: &str) -> Data {
    literal::evaluate_strictly(text).and_then(|v| v.to_data().ok()).unwrap_or_else(|| Data::str(text))
}

/// Splits at blanks outside of quotes; the quotes go away.
fn words(text: &str) -> anyhow::Result<Vec<String>> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\\', Some('"') | None) => word.extend(chars.next()),
            ('"' | '\'', None) => {
                quote = Some(c);
                open = true;
            }
            (c, None) if c.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (c, _) => word.push(c),
        }
    }
    if quote.is_some() {
        bail!("a quote is not closed in {text:?}");
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Key;

    #[test]
    fn values_are_literals_and_children_inherit() {
        let mut hosts = Hosts::new();
        let text =
            "a[01:02] n=5 t='x y' # end\n[kids]\nb:2222\n[top:children]\nkids\n[top:vars]\nlist=[1, 'x']\n; no\n";
        read(text, "test", &mut hosts).unwrap();
        hosts.finish();
        let keyring = crate::vars::vault::Keyring::default();
        let nothing = super::super::hosts::Beside { places: Vec::new(), keyring: &keyring };
        let view = hosts.view("b", &nothing).unwrap();
        assert_eq!(view.vars.get(&Key("ansible_port")), Some(&Data::Int(2222)));
        assert_eq!(view.vars.get(&Key("list")), Some(&Data::List(vec![Data::Int(1), Data::str("x")])));
        assert_eq!(view.group_names, ["kids", "top"]);
        let view = hosts.view("a02", &nothing).unwrap();
        assert_eq!(view.vars.get(&Key("n")), Some(&Data::Int(5)));
        assert_eq!(view.vars.get(&Key("t")), Some(&Data::str("x y")));
    }

    #[test]
    fn what_is_no_inventory_is_refused_with_its_line() {
        for bad in ["a b\n", "[x:what]\n", "[x:vars]\nnothing\n", "a t='open\n", "[a:children]\na\n", "x[5:1]\n"] {
            let error = read(bad, "file", &mut Hosts::new()).unwrap_err();
            assert!(format!("{error:#}").contains("file:"), "{bad}: {error:#}");
        }
    }
}
