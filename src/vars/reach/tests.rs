//! What templates reach, as data.

use super::{Chosen, Group, Names, Reach, text};

/// `group: use`, `host.name`, one a word.
fn shown(reach: &Reach) -> String {
    let group = |g: &Group| match g {
        Group::Named(name) => name.clone(),
        Group::Any(_) => "ANY".to_owned(),
    };
    let host = |c: &Chosen| match c {
        Chosen::Name(name) => name.clone(),
        Chosen::Own => "own".to_owned(),
        Chosen::First(group) => format!("{group}[0]"),
        Chosen::Members(group) => format!("{group}[*]"),
        Chosen::Variable(name, _) => format!("({name})"),
        Chosen::Any(_) => "ANY".to_owned(),
    };
    let names = |n: &Names| match n {
        Names::Nothing => "-".to_owned(),
        Names::One(name) => name.clone(),
        Names::In(name, _) => format!("({name})"),
        Names::Any(_) => "ANY".to_owned(),
    };
    let groups = reach.groups.iter().map(|(g, u)| format!("{}:{u:?}", group(g)));
    groups
        .chain(reach.hosts.iter().map(|r| format!("{}.{}", host(&r.host), names(&r.names))))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn groups_and_hosts_are_followed() {
    let table = [
        ("{{ inventory_hostname in groups['a'] and inventory_hostname not in groups.b }}", "a:Member b:Member"),
        ("{{ groups['a'] | first }}{{ groups['b'].0 }}{{ groups['c'][0] }}", "a:First b:First c:First"),
        ("{{ x if groups['a'] | length > 0 else y }}{{ groups['b'] | count == 0 }}", "a:First b:First"),
        ("{{ groups['a'] | length > 1 }}{{ groups['b'] | length }}", "a:Whole b:Whole"),
        ("{% if groups['a'] %}1{% endif %}{{ not groups['b'] }}", "a:First b:First"),
        ("{{ groups['a'] | join(' ') }}{{ groups['b'][1] }}{{ groups['c'] | last }}", "a:Whole b:Whole c:Whole"),
        ("{{ groups.get('a', []) | intersect(groups['b']) }}", "a:Whole b:Whole"),
        ("{{ groups[g] }}", "ANY:Whole"),
        ("{{ groups }}", "ANY:Whole"),
        ("{{ 'a' in groups }}", "a:Member"),
        ("{{ 'h' in groups['a'] }}", "a:Whole"),
        ("{{ groups['a'] is defined }}", "a:Member"),
        ("{{ hostvars[groups['a'].0].x }}", "a:First a[0].x"),
        ("{{ hostvars[groups['a'] | first]['x'].y }}", "a:First a[0].x"),
        ("{{ hostvars.h.x }}{{ hostvars['i'].get('y') }}", "h.x i.y"),
        ("{{ hostvars[inventory_hostname].x }}", "own.x"),
        ("{{ hostvars[other].x }}", "(other).x"),
        ("{{ hostvars[other ~ '1'].x }}", "ANY.x"),
        ("{{ hostvars['h'][name] }}", "h.(name)"),
        ("{{ hostvars['h'][name ~ '1'] }}", "h.ANY"),
        ("{{ hostvars['h'] }}", "h.ANY"),
        ("{{ groups['a'] | map('extract', hostvars, 'x') | join }}", "a:Whole a[*].x"),
        ("{{ groups['a'] | map('extract', hostvars, ['x', 'y']) | list }}", "a:Whole a[*].x"),
        ("{{ l | map('extract', hostvars, 'x') | list }}", "ANY.x"),
        ("{% for h in groups['a'] %}{{ hostvars[h].x }}{% endfor %}", "a:Whole a[*].x"),
        ("{% for h in hostvars %}{{ hostvars[h].x }}{% endfor %}", "ANY.- ANY.x"),
        ("{% for h in hostvars.values() %}{{ h.x }}{% endfor %}", "ANY.x"),
        (
            "{{ hostvars.values() | selectattr('group_names', 'contains', 's') | selectattr('m', 'eq', 'e') | map(attribute=w) }}",
            "s[*].- s[*].m s[*].(w)",
        ),
        ("{{ hostvars.values() | rejectattr('group_names', 'contains', 's') | map(attribute='x') }}", "ANY.- ANY.x"),
        ("{{ (hostvars[groups['a'].0 | default(None)] | default({})).x | default('') }}", "a:First a[0].x"),
        ("{{ f | targets(hostvars, 'x') }}", "ANY.ANY"),
        ("{{ 'h' in hostvars }}{{ hostvars | length }}", "ANY.- h.-"),
        ("{% set h = groups['a'] | first %}{{ hostvars[h].x }}", "a:First a[0].x"),
        ("{{ (groups['a'] + groups['b'])[0] }}", "a:Whole b:Whole"),
        ("{{ hostvars[groups['a'].0].x if groups['a'] | count > 0 else '' }}", "a:First a[0].x"),
        ("{{ groups['a'] | list | first }}", "a:First a:Whole"),
    ];
    for (source, want) in table {
        let found = text(source).unwrap_or_else(|| panic!("parses: {source}"));
        let (mut shown, mut want): (Vec<String>, Vec<String>) = (
            shown(&found).split_whitespace().map(str::to_owned).collect(),
            want.split_whitespace().map(str::to_owned).collect(),
        );
        shown.sort();
        want.sort();
        assert_eq!(shown, want, "{source}");
    }
}

#[test]
fn what_may_be_missing_is_told() {
    let table = [
        ("{{ a }}{{ b | default(c) }}", "a! b c!"),
        ("{{ a.b.c | default('') }}", "a"),
        ("{{ a is defined and a.b > d }}", "a d!"),
        ("{{ (a | int) | default(0) }}", "a!"),
        ("{{ lookup('vars', 'a') }}{{ lookup('vars', 'b', default='') }}", "a! b"),
        ("{{ vars['a'] }}{{ vars.b }}", "a! b!"),
        ("{{ x.get('y', z) }}", "x z!"),
        ("{% set a = b %}{{ a }}{% for i in l %}{{ i }}{% endfor %}", "b! l!"),
    ];
    for (source, want) in table {
        let found = text(source).unwrap_or_else(|| panic!("parses: {source}"));
        let mark = |n: &String| if found.optional.contains(n) { n.clone() } else { format!("{n}!") };
        assert_eq!(found.variables.keys().map(mark).collect::<Vec<_>>().join(" "), want, "{source}");
        assert_eq!(found.computed, None, "{source}");
    }
    for source in
        ["{{ vars[x] }}", "{{ lookup('vars', 'a' ~ b) }}", "{{ vars | dict2items }}", "{{ q('varnames', '^x') }}"]
    {
        assert!(text(source).is_some_and(|r| r.computed.is_some()), "{source}");
    }
    assert!(text("{{ x y }}").is_none());
}
