//! Bounds, places, merge keys and JSON: what the conformance data does not hold.

use super::{Content, Flavour, document, read, read_all, read_vars};
use crate::plan::{Data, limits};

fn ansible(text: &str) -> Data {
    read(text.as_bytes(), Flavour::Ansible).expect("reads")
}

fn error(text: &str) -> String {
    read(text.as_bytes(), Flavour::Ansible).expect_err("is refused").to_string()
}

fn json(data: &Data) -> String {
    serde_json::to_string(data).expect("serialises")
}

#[test]
fn merge_keys_give_way_to_own_keys() {
    let got = ansible("a: &a {x: 1, y: 2}\nb:\n  y: 3\n  <<: *a\n");
    assert_eq!(json(&got), r#"{"a":{"x":1,"y":2},"b":{"x":1,"y":3}}"#);
    assert_eq!(
        error("b:\n  <<: 5\n"),
        "while constructing a mapping (line 2, column 3): \
         expected a mapping or list of mappings for merging, but found scalar at line 2, column 7"
    );
}

#[test]
fn duplicates_are_reported_where_they_stand_but_not_for_merged_keys() {
    let text = "a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\nc: {k: 1, 'k': 2}\n";
    let doc = document(text.as_bytes(), Flavour::Ansible).expect("reads");
    let found: Vec<_> =
        doc.duplicates.iter().map(|d| (d.key.as_str(), d.first.column, d.second.line, d.second.column)).collect();
    assert_eq!(found, [("k", 5, 5, 11)]);
}

#[test]
fn nodes_know_where_they_stand() {
    let doc = document("- name: é x\n  copy:\n    dest: \"/a\"\n".as_bytes(), Flavour::Ansible).expect("reads");
    let Content::List(items) = &doc.root.content else { panic!("a list") };
    let dest = items[0].get("copy").and_then(|c| c.get("dest")).expect("dest");
    assert_eq!((dest.start.line, dest.start.column, dest.end.column), (3, 11, 15));
    let name = items[0].get("name").expect("name");
    assert_eq!((name.start.column, name.end.column), (9, 12));
}

#[test]
fn unsafe_spreads_and_is_refused_by_the_plain_loader() {
    assert_eq!(
        json(&ansible("!unsafe {a: ['{{ x }}', 5]}")),
        r#"{"!map":[[{"!unsafe":"a"},[{"!unsafe":"{{ x }}"},5]]]}"#
    );
    let refused = read(b"!unsafe x", Flavour::Safe).expect_err("is refused").to_string();
    assert_eq!(refused, "could not determine a constructor for the tag '!unsafe' at line 1, column 1");
}

#[test]
fn billion_laughs_depth_and_self_reference_end() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..10 {
        let refs = vec![format!("*a{}", n - 1); 10].join(",");
        bomb += &format!("a{n}: &a{n} [{refs}]\n");
    }
    assert!(error(&bomb).contains("aliases expand to more than"));
    assert!(error(&"[".repeat(limits::DEPTH + 2)).contains("nested deeper than"));
    assert!(error("a: &a [*a]\n").contains("recursive"));
    let mut merges = "a0: &a0 {k: 1}\n".to_owned();
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 10].join(",");
        merges += &format!("a{n}: &a{n} {{<<: [{refs}]}}\n");
    }
    assert!(error(&merges).contains("expand to more than"));
}

#[test]
fn text_that_is_not_utf8_names_its_place() {
    let error = read(b"a: 1\nb: \xff\n", Flavour::Ansible).expect_err("is refused").to_string();
    assert_eq!(error, "the text is not UTF-8 at line 2, column 4");
}

#[test]
fn values_without_a_meaning_are_errors() {
    for text in
        ["a: 2024-13-01", "a: !!int x", "a: !!bool maybe", "a: !!binary a", "a: 0b_", "a: !!str [x]", "a: !!set [x]"]
    {
        assert!(error(text).ends_with("at line 1, column 4"), "{text}: {}", error(text));
    }
    assert!(error("a: 1\n---\nb: 2\n").contains("expected a single document"));
    assert_eq!(read_all(b"a: 1\n---\nb\n", Flavour::Safe).expect("reads").len(), 2);
}

#[test]
fn hostvars_are_json_first() {
    let read = |text: &str| json(&read_vars(text.as_bytes()).expect("reads"));
    // YAML would say True and 420; JSON has no such forms, and Ansible tries it first.
    assert_eq!(read(r#"{"a": "yes", "b": 1e3, "c": "\/"}"#), r#"{"a":"yes","b":1000.0,"c":"/"}"#);
    assert_eq!(read("{\"a\":\t1}"), r#"{"a":1}"#);
    assert_eq!(read("a: yes"), r#"{"a":true}"#);
    assert_eq!(read(r#"{"a": {"__ansible_unsafe": "{{ x }}"}}"#), r#"{"a":{"!unsafe":"{{ x }}"}}"#);
    assert_eq!(read(r#"{"a": {"!unsafe": "{{ x }}"}}"#), r#"{"a":{"!map":[["!unsafe","{{ x }}"]]}}"#);
    assert_eq!(read(r#"{"a": 123456789012345678901234567890}"#), r#"{"a":{"!int":"123456789012345678901234567890"}}"#);
    assert_eq!(read(""), "null");
}

/// What PyYAML makes of block scalars whose last line has no line break; the parser behind us ends the process there.
#[test]
fn block_scalars_may_end_with_the_text() {
    let cases = [
        ("a: |\n  x", r#"{"a":"x"}"#),
        ("a: |-\n  x", r#"{"a":"x"}"#),
        ("a: |+\n  x\n ", r#"{"a":"x\n"}"#),
        ("a: >\n  x\n  y", r#"{"a":"x y"}"#),
        ("- |\n  x\n   ", r#"["x\n "]"#),
        ("- |\n  x\n ", r#"["x\n"]"#),
        ("- |2\n   ", r#"[" "]"#),
        ("|\n   ", r#""""#),
        ("a: >+\n  x # é", r#"{"a":"x # é"}"#),
        ("a: |", r#"{"a":""}"#),
    ];
    for (text, want) in cases {
        assert_eq!(json(&ansible(text)), want, "{text:?}");
    }
    assert_eq!(error("a: |\n  x\n y"), error("a: |\n  x\n y\n"));
}

/// Texts that end anywhere are read or refused; none ends the process.
#[test]
fn a_text_may_end_anywhere() {
    let text = "%YAML 1.1\n---\na: &x |+2\n    x\n   y\nb: >-\n  é\n\n  z # no\n? [*x, {k: 'it''s', \"\\x41\\u00e9\\\n q\"}]\n\
                : !!str plain\n  text\n\tc\n...\n# end\n--- !unsafe\n- - |\n   x\n  - @\r\n";
    for end in (0..=text.len()).filter(|i| text.is_char_boundary(*i)) {
        for start in (0..end).filter(|i| text.is_char_boundary(*i)) {
            let _ = read_all(&text.as_bytes()[start..end], Flavour::Ansible);
        }
    }
}

/// A comma right behind a tag ends the parser's process, so it is refused; the same text elsewhere is text.
#[test]
fn commas_behind_exclamation_marks() {
    for text in ["[!t, x]", "[!!str,x]", "{k: 'it'!s, l: 1}", "[!<tag:yaml.org,2002:str>, x]", "[a - !b, c]"] {
        assert!(read(text.as_bytes(), Flavour::Ansible).is_err(), "{text}");
    }
    assert_eq!(
        json(&ansible("- hello !world, x\n- 'a !b, c'\n- >\n  !x, y\n")),
        r#"["hello !world, x","a !b, c","!x, y\n"]"#
    );
    for (text, wanted) in [
        ("{password: '!', uid: 2}", r#"{"password":"!","uid":2}"#),
        (r#"[{"a":"!","b":1}]"#, r#"[{"a":"!","b":1}]"#),
        ("[say '!', ok]\n", r#"["say '!'","ok"]"#),
        ("- say '!', ok\n", r#"["say '!', ok"]"#),
        ("[\"it is '!', yes\", 'a\t,b', '!,', '!x']", r#"["it is '!', yes","a\t,b","!,","!x"]"#),
        (r#"["\"!\", x"]"#, r#"["\"!\", x"]"#),
    ] {
        assert_eq!(json(&ansible(text)), wanted, "{text}");
    }
    for text in ["['a'!b, c]", "['a'!b', c]", "x: '!',"] {
        assert!(read(text.as_bytes(), Flavour::Ansible).is_err(), "{text}");
    }
    assert_eq!(json(&ansible("[!!str x, 'a: !b, c', d\u{e000}]")), "[\"x\",\"a: !b, c\",\"d\u{e000}\"]");
}
