//! What templates name, as data.

use super::{Named, condition, file, text};
use crate::vars::jinja::Style;

fn names(of: &[Named]) -> Vec<&str> {
    of.iter().map(|n| n.name.as_str()).collect()
}

#[test]
fn names_are_free_unless_the_template_sets_them() {
    let source = "{% set a = b %}{{ a }}{% for x in xs if x != y %}{{ x }}{{ loop.index }}{% endfor %}{{ x }}\
        {% macro m(p, q=d) %}{{ p }}{{ q }}{{ z }}{{ caller() }}{% endmacro %}{{ m(range(n)) }}";
    let usage = text(source).expect("parses");
    assert_eq!(names(&usage.variables), ["b", "xs", "y", "x", "d", "z", "n"]);
}

#[test]
fn plugins_named_as_text_count() {
    let usage = text("{{ l | map('upper') | select('match', 'x') | selectattr('a', 'eq', 1) is subset(b) }}");
    let usage = usage.expect("parses");
    assert_eq!(names(&usage.filters), ["map", "upper", "select", "selectattr"]);
    assert_eq!(names(&usage.tests), ["match", "eq", "subset"]);
}

#[test]
fn places_are_lines_and_columns() {
    let usage = text("a\n  {{ b | nope }}").expect("parses");
    assert_eq!(usage.filters, [Named { name: "nope".into(), line: 2, column: 8 }]);
    let usage = condition("x is nosuch").expect("parses");
    assert_eq!(usage.variables, [Named { name: "x".into(), line: 1, column: 1 }]);
    let error = condition("x ==").expect_err("is no expression");
    assert_eq!((error.line, error.column), (1, 6));
    let headed = "#jinja2: variable_start_string: '[%', variable_end_string: '%]'\n{{ [% x | nope %] }}";
    let usage = file(headed, &Style::default()).expect("parses");
    assert_eq!(usage.filters, [Named { name: "nope".into(), line: 2, column: 9 }]);
    let odd = file("#jinja2: nonsense\n{{ x }}", &Style::default()).expect_err("no colon");
    assert!(odd.message.contains("override"));
    assert_eq!(text("{{ a\nb }}").expect_err("two names").line, 2);
    assert!(text("{% if x %}").expect_err("no end").message.contains("endif"));
}

#[test]
fn what_is_read_of_other_hosts() {
    let table: &[(&str, &[&str], &[&str], bool)] = &[
        ("{{ hostvars[groups['a'].0].x }}", &["x"], &[], false),
        ("{{ hostvars[h]['x'].y }}", &["x"], &[], false),
        ("{{ hostvars.h.get('x') }}", &["x"], &[], false),
        ("{{ groups['a'] | map('extract', hostvars, 'x') | join(' ') }}", &["x"], &[], false),
        ("{{ groups['a'] | map('extract', hostvars, ['x', 'y']) }}", &["x"], &[], false),
        ("{{ h | extract(hostvars) }}", &[], &[], true),
        ("{{ (hostvars[h] | default({})).x | default('') }}", &["x"], &[], false),
        (
            "{{ hostvars.values() | selectattr('g', 'contains', 's') | map(attribute=which) }}",
            &["g"],
            &["which"],
            false,
        ),
        ("{{ 'h' in hostvars and hostvars | length > 1 }}", &[], &[], false),
        ("{{ f | targets(hostvars, 'x') }}", &[], &[], true),
        ("{{ hostvars }}", &[], &[], true),
        ("{% for h in hostvars.values() %}{{ h.x }}{% endfor %}", &[], &[], true),
    ];
    for (source, want, by, unknown) in table {
        let hosts = text(source).expect("parses").hosts;
        assert_eq!(hosts.names.iter().map(String::as_str).collect::<Vec<_>>(), *want, "{source}");
        assert_eq!(hosts.named_by.iter().map(String::as_str).collect::<Vec<_>>(), *by, "{source}");
        assert_eq!(hosts.unknown, *unknown, "{source}");
    }
}

#[test]
fn lookups_and_computed_names() {
    let usage = text("{{ lookup('file', 'a.txt') }}{{ q(which, 1) }}{{ lookup('vars', 'b') }}").expect("parses");
    assert_eq!(usage.lookups[0].term.as_deref(), Some("a.txt"));
    assert_eq!(usage.lookups[1].plugin, None);
    assert_eq!(names(&usage.variables), ["which", "b"]);
    assert!(!usage.computed_variables);
    assert!(text("{{ lookup('vars', 'a' ~ b) }}").expect("parses").computed_variables);
    let source = "{% include 'x.j2' %}{% include ['y.j2', z] ignore missing %}{{ lookup('file', f) }}\
        {{ lookup('file', 'g', errors='ignore') }}{{ q('first_found', l) }}";
    let assets = text(source).expect("parses").assets;
    let seen: Vec<_> = assets.iter().map(|a| (a.kind, a.name.as_deref(), a.optional)).collect();
    assert_eq!(
        seen,
        [
            ("templates", Some("x.j2"), false),
            ("templates", Some("y.j2"), true),
            ("templates", None, true),
            ("files", None, false),
            ("files", Some("g"), true),
            ("files", None, true),
            ("templates", None, true),
            ("vars", None, true),
        ]
    );
    assert!(text("{{ vars[x] }}").expect("parses").computed_variables);
    assert!(!text("{{ vars['x'] }}{{ vars.y }}").expect("parses").computed_variables);
}
