//! `render`: values with their types, where variables came from, and what is wrong when there is no value.

use crate::run::run;
use std::fs;

const VARS: &str =
    "port: 9090\nname: \"{{ host }}:{{ port }}\"\nhost: node-1\nloop_a: \"{{ loop_b }}\"\nloop_b: \"{{ loop_a }}\"\n";

fn with_vars() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("vars.yml"), VARS).expect("writes");
    dir
}

#[test]
fn an_expression_keeps_its_type_and_names_its_variables_places() {
    let dir = with_vars();
    let shown = run(dir.path(), &["render", "--json", "-x", "{{ port }}", "--vars", "vars.yml"]).expect(0).json();
    assert_eq!(shown["value"], 9090);
    assert_eq!(shown["type"], "int");
    assert_eq!(shown["variables"][0]["place"], "vars.yml:1:1");
    let nested =
        run(dir.path(), &["render", "--json", "-x", "name", "--vars", "vars.yml", "-e", "host=other"]).expect(0).json();
    assert_eq!(nested["value"], "other:9090");
    let places: Vec<&str> =
        nested["variables"].as_array().expect("a list").iter().filter_map(|v| v["place"].as_str()).collect();
    assert!(places.contains(&"-e") && places.contains(&"vars.yml:2:1"), "{places:?}");
}

#[test]
fn a_file_is_rendered_as_the_template_module_renders_it() {
    let dir = with_vars();
    fs::write(dir.path().join("t.j2"), "{% for i in [1, 2] %}\n{{ i }} {{ name }}\n{% endfor %}\n").expect("writes");
    let shown = run(dir.path(), &["render", "--json", "t.j2", "--vars", "vars.yml"]).expect(0).json();
    assert_eq!(shown["value"], "1 node-1:9090\n2 node-1:9090\n");
}

#[test]
fn what_cannot_be_rendered_says_why() {
    let dir = with_vars();
    let cases: &[(&[&str], &str)] = &[
        (&["render", "-x", "nope", "--vars", "vars.yml"], "'nope' is undefined"),
        (&["render", "-x", "loop_a", "--vars", "vars.yml"], "loop_b"),
        (&["render", "-x", "{{ 1 +", "--vars", "vars.yml"], "unexpected"),
        (&["render", "-x", "x", "--vars", "missing.yml"], "missing.yml"),
        (&["render", "missing.j2"], "missing.j2"),
    ];
    for (args, says) in cases {
        run(dir.path(), args).expect(1).says(says);
    }
    run(dir.path(), &["render"]).expect(2);
}
