//! Holds the table of rooms in `docs/architecture.md`: who may use whom, no cycles, `unsafe` in one room, and how long
//! files are. It reads the sources as text, so that no way of writing a path slips by the compiler's features.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file that are hardly one subject any more.
const LONG: usize = 600;
/// Rooms that only the builder has.
const BUILDER: [&str; 5] = ["source", "compile", "export", "image", "cli"];

#[derive(Debug, PartialEq, Eq, Clone)]
enum Token {
    Word(String),
    Sign(char),
}

/// The words and signs of a source, without comments, strings and characters.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        match chars[at] {
            '/' if next == Some('/') => at += chars[at..].iter().take_while(|c| **c != '\n').count(),
            '/' if next == Some('*') => at = after_comment(&chars, at),
            '"' => at = after_string(&chars, at),
            '\'' => at = after_quote(&chars, at),
            c if c.is_alphanumeric() || c == '_' => {
                let word: String = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                at += word.chars().count();
                match raw_string(&chars, at).filter(|_| matches!(word.as_str(), "r" | "br" | "cr")) {
                    Some(end) => at = end,
                    None => found.push(Token::Word(word)),
                }
            }
            c => {
                if !c.is_whitespace() {
                    found.push(Token::Sign(c));
                }
                at += 1;
            }
        }
    }
    found
}

fn after_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn after_string(chars: &[char], mut at: usize) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A character, or the start of a lifetime.
fn after_quote(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => at + 3 + chars[at + 3..].iter().take_while(|c| **c != '\'').count() + 1,
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}

/// The end of the raw string whose hashes or quote start at `at`, if one does.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    let open = at + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let end = (open + 1..chars.len())
        .find(|i| chars[*i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes)?;
    Some(end + 1 + hashes)
}

fn is(tokens: &[Token], at: usize, sign: char) -> bool {
    tokens.get(at) == Some(&Token::Sign(sign))
}

fn path_goes_on(tokens: &[Token], at: usize) -> bool {
    is(tokens, at, ':') && is(tokens, at + 1, ':')
}

/// The first names of a path's rest: one, or those of a group in braces.
fn heads(tokens: &[Token], at: usize) -> Vec<String> {
    match tokens.get(at) {
        Some(Token::Word(word)) => vec![word.clone()],
        Some(Token::Sign('{')) => {
            let mut found = Vec::new();
            let (mut depth, mut first) = (1, true);
            for token in &tokens[at + 1..] {
                match token {
                    Token::Sign('{') => depth += 1,
                    Token::Sign('}') => depth -= 1,
                    Token::Sign(',') if depth == 1 => first = true,
                    Token::Word(word) if depth == 1 && first => {
                        found.push(word.clone());
                        first = false;
                    }
                    _ => (),
                }
                if depth == 0 {
                    break;
                }
            }
            found
        }
        _ => Vec::new(),
    }
}

/// Names directly below the crate that a file `depth` modules deep uses, however it writes them.
fn used_names(source: &str, depth: usize, crate_name: &str) -> BTreeSet<String> {
    let tokens = tokens(source);
    let mut found = BTreeSet::new();
    // Whether each open brace is that of an inline module, which `super` climbs out of first.
    let mut braces: Vec<bool> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{') => {
                let word = |back: usize| at.checked_sub(back).and_then(|i| tokens.get(i));
                braces.push(matches!(word(2), Some(Token::Word(w)) if w == "mod"));
            }
            Token::Sign('}') => drop(braces.pop()),
            Token::Word(word) if (word == "crate" || word == crate_name) && path_goes_on(&tokens, at + 1) => {
                found.extend(heads(&tokens, at + 3));
            }
            Token::Word(word) if word == "super" && !follows_super(&tokens, at) => {
                let (mut count, mut next) = (1, at + 1);
                while path_goes_on(&tokens, next) && tokens.get(next + 2) == Some(&Token::Word("super".into())) {
                    (count, next) = (count + 1, next + 3);
                }
                let here = depth + braces.iter().filter(|inline| **inline).count();
                let names = if path_goes_on(&tokens, next) { heads(&tokens, next + 2) } else { Vec::new() };
                // `super::{super::x}` would be a second way of writing the same; none is needed.
                found.extend(names.into_iter().filter(|name| count >= here || name == "super"));
            }
            _ => (),
        }
    }
    found
}

fn follows_super(tokens: &[Token], at: usize) -> bool {
    at >= 3 && path_goes_on(tokens, at - 2) && tokens[at - 3] == Token::Word("super".into())
}

fn manifest() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("listing {}: {e}", dir.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file's modules below the crate: `src/a/b.rs` is `[a, b]`, `src/a/mod.rs` is `[a]`.
fn modules(path: &Path) -> Vec<String> {
    let relative = path.strip_prefix(manifest().join("src")).expect("a source");
    let mut names: Vec<String> = relative.iter().map(|p| p.to_string_lossy().trim_end_matches(".rs").into()).collect();
    if names.last().is_some_and(|n| n == "mod" || n == "lib") {
        names.pop();
    }
    names
}

/// The table of the architecture document: each room and what it may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(manifest().join("docs/architecture.md")).expect("the architecture document");
    let mut lines = text.lines().skip_while(|l| !l.starts_with("| room |")).skip(2).take_while(|l| l.starts_with('|'));
    let mut table = BTreeMap::new();
    let mut rows = Vec::new();
    for line in &mut lines {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [room, _, uses] = cells[..] else { panic!("a row with three cells: {line}") };
        rows.push((room.to_owned(), uses.to_owned()));
    }
    for (room, uses) in &rows {
        let uses = match uses.as_str() {
            "-" => BTreeSet::new(),
            "all" => rows.iter().map(|(name, _)| name.clone()).filter(|name| name != room).collect(),
            // "plan (bounds)" says more to people than to this test.
            list => list.split(',').filter_map(|u| Some(u.split_whitespace().next()?.to_owned())).collect(),
        };
        table.insert(room.clone(), uses);
    }
    table
}

/// Rooms that each room really uses, with a file that does.
fn real_uses(rooms: &BTreeSet<String>) -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let mut uses: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for path in sources(&manifest().join("src")) {
        let modules = modules(&path);
        let Some(room) = modules.first().filter(|room| rooms.contains(*room)) else { continue };
        let source = fs::read_to_string(&path).expect("reads");
        for name in used_names(&source, modules.len(), "compute_init") {
            assert_ne!(name, "super", "a group that climbs, in {}", path.display());
            if rooms.contains(&name) && name != *room {
                uses.entry(room.clone()).or_default().entry(name).or_insert_with(|| path.clone());
            }
        }
    }
    uses
}

#[test]
fn every_room_is_in_the_table_and_every_row_is_a_room() {
    let lib = fs::read_to_string(manifest().join("src/lib.rs")).expect("reads");
    let declared: BTreeSet<String> = lib
        .lines()
        .filter_map(|l| l.trim().strip_prefix("pub mod "))
        .map(|l| l.trim_end_matches(';').to_owned())
        .collect();
    assert_eq!(declared, table().into_keys().collect());
}

#[test]
fn a_room_uses_only_what_the_table_allows() {
    let table = table();
    let mut wrong = Vec::new();
    for (room, uses) in real_uses(&table.keys().cloned().collect()) {
        for (used, path) in uses {
            if !table[&room].contains(&used) {
                wrong.push(format!("{room} may not use {used}: {}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_room_looks_back() {
    let table = table();
    let real = real_uses(&table.keys().cloned().collect());
    let names = |uses: &BTreeMap<String, PathBuf>| uses.keys().cloned().collect::<BTreeSet<_>>();
    for graph in [table.clone(), real.iter().map(|(room, uses)| (room.clone(), names(uses))).collect()] {
        assert_eq!(cycle(&graph), None);
    }
}

/// A room that is in a cycle: what is left when rooms that use nothing are taken away again and again.
fn cycle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut left = graph.clone();
    loop {
        let done: Vec<String> =
            left.iter().filter(|(_, u)| !u.iter().any(|x| left.contains_key(x))).map(|(r, _)| r.clone()).collect();
        if done.is_empty() {
            return left.into_keys().next();
        }
        left.retain(|room, _| !done.contains(room));
    }
}

#[test]
fn unsafe_is_in_one_room_only() {
    for path in sources(&manifest().join("src")) {
        if modules(&path).first().is_some_and(|room| room == "sys") {
            continue;
        }
        let source = fs::read_to_string(&path).expect("reads");
        let found = tokens(&source).contains(&Token::Word("unsafe".into()));
        assert!(!found, "unsafe outside sys: {}", path.display());
    }
}

#[test]
fn the_executor_has_no_builder_room() {
    let lib = fs::read_to_string(manifest().join("src/lib.rs")).expect("reads");
    for room in BUILDER {
        let gated = format!("#[cfg(feature = \"builder\")]\npub mod {room};");
        assert!(lib.contains(&gated), "{room} is not gated");
    }
    let boot = fs::read_to_string(manifest().join("src/bin/compute-init-boot.rs")).expect("reads");
    let used = used_names(&boot, 0, "compute_init");
    assert!(BUILDER.iter().all(|room| !used.contains(*room)), "{used:?}");
    for (room, uses) in table() {
        let builders: Vec<_> = uses.iter().filter(|u| BUILDER.contains(&u.as_str())).collect();
        assert!(BUILDER.contains(&room.as_str()) || builders.is_empty(), "{room} uses {builders:?}");
    }
}

#[test]
fn every_file_says_what_it_is_for_and_the_long_ones_are_told() {
    let mut long = Vec::new();
    for path in sources(&manifest().join("src")).into_iter().chain(sources(&manifest().join("tests"))) {
        let source = fs::read_to_string(&path).expect("reads");
        assert!(source.starts_with("//! "), "{} does not open with what it is for", path.display());
        let lines = source.lines().count();
        if lines > LONG {
            long.push(format!("{lines:5} {}", path.display()));
        }
    }
    println!("files of more than {LONG} lines:\n{}", long.join("\n"));
}

#[test]
fn uses_are_found_however_they_are_written() {
    let used = |source: &str, depth| used_names(source, depth, "compute_init").into_iter().collect::<Vec<_>>();
    assert_eq!(used("use crate::plan::Data;", 2), ["plan"]);
    assert_eq!(used("use crate::{plan::{Data, Map}, sys, self as all};", 2), ["plan", "self", "sys"]);
    assert_eq!(used("fn f() { crate::boot::run() }", 1), ["boot"]);
    assert_eq!(used("use super::super::cli::Ui;", 2), ["cli"]);
    assert_eq!(used("use super::{super::cli};", 2), ["super"]);
    assert_eq!(used("use super::sibling::x;", 2), Vec::<String>::new());
    assert_eq!(used("use super::cli;", 1), ["cli"]);
    assert_eq!(used("mod tests { use super::inner; use super::super::cli; }", 1), ["cli"]);
    assert_eq!(used("mod tests { use super::super::other; use super::super::super::cli; }", 2), ["cli"]);
    assert_eq!(
        used("// crate::cli\n/* crate::cli /* x */ crate::cli */ \"crate::cli\" r#\"crate::cli \" \"#", 1),
        Vec::<String>::new()
    );
    assert_eq!(used("let a: &'static str = f('\\'', '\"'); crate::sys::x", 1), ["sys"]);
    assert_eq!(used("use compute_init::cli;", 0), ["cli"]);
    assert_eq!(used("let br = br\"crate::cli\\\"; let _ = b'\"'; crate :: yaml :: x", 1), ["yaml"]);
}

#[test]
fn cycles_are_found() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).into()).or_default().insert((*to).into());
        }
        graph
    };
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "c"), ("c", "b")])), Some("a".into()));
}
