//! The invariants of ARCHITECTURE.md that the compiler does not see, read off the tree itself.
//!
//! Each check takes one file and returns `path:line: what is wrong`. The tests run it over the tree, and over small texts
//! that break it, so that no check can fall asleep unnoticed.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The data's way. A folder may name those before it, never one after it.
const FOLDERS: [&str; 8] = ["input", "parse", "model", "capture", "decision", "rules", "report", "cli"];

/// Folders whose `mod.rs` denies the methods listed in clippy.toml.
const DENYING: [&str; 5] = ["parse", "model", "decision", "rules", "report"];

/// Folders that are functions of their arguments.
const PURE: [&str; 2] = ["decision", "rules"];

/// Parts of `std` that reach out of the process.
const IMPURE: [&str; 5] = ["fs", "net", "env", "process", "thread"];

/// Crates that bring a network or an executor; a build without default features has none of them.
const NETWORK_CRATES: [&str; 10] =
    ["async-std", "curl", "hyper", "mio", "reqwest", "rustls", "smol", "socket2", "tokio", "ureq"];

/// Crates that need more than Rust and a C compiler; a default build has none of them.
const DEMANDING_CRATES: [&str; 8] =
    ["aws-lc-sys", "bindgen", "cmake", "libz-sys", "native-tls", "openssl-sys", "prost-build", "tonic-build"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "manager", "misc"];

/// Top-level folders by which a path in the documentation is recognised.
const TOP_LEVEL: [&str; 11] =
    [".ci", "benches", "docs", "examples", "fixtures", "lab", "oracle", "rules", "schemas", "src", "tests"];

#[test]
fn arrows_go_down_the_list() {
    assert_none(files("src", "rs").iter().flat_map(upward_mentions));

    check(upward_mentions, "src/parse/yaml.rs", "fn f() {\n    crate::rules::check();\n}", &[2]);
    check(upward_mentions, "src/parse/yaml.rs", "use crate::input::RawFile;\nuse crate::parse::tree::Node;", &[]);
    check(
        upward_mentions,
        "src/model/a.rs",
        "use crate::{\n    parse::{json, report},\n    decision::leader,\n};",
        &[3],
    );
    check(upward_mentions, "src/parse/mod.rs", "use super::model::snapshot;", &[1]);
    check(upward_mentions, "src/parse/yaml/scan.rs", "use super::model;\nuse super::super::super::model;", &[2]);
    check(upward_mentions, "src/decision/a.rs", "/// See [`crate::report`].\nconst A: &str = \"crate::report\";", &[]);
    check(upward_mentions, "src/lib.rs", "use crate::cli;", &[]);
}

#[test]
fn decision_and_rules_are_pure() {
    assert_none(files("src", "rs").iter().flat_map(impure_mentions));

    check(impure_mentions, "src/rules/a.rs", "use std::{collections::BTreeMap, fs};", &[1]);
    check(impure_mentions, "src/rules/a.rs", "let a = ::std::env::var(A);", &[1]);
    check(impure_mentions, "src/decision/a.rs", "\nuse std::time::SystemTime;", &[2]);
    check(impure_mentions, "src/decision/a.rs", "use std::time::Duration;\nlet a = mystd::fs::read;", &[]);
    check(impure_mentions, "src/input/a.rs", "use std::fs;", &[]);
}

#[test]
fn denied_methods_stay_denied() {
    for folder in DENYING {
        let path = format!("src/{folder}/mod.rs");
        assert!(read(&path).contains("\n#![deny(clippy::disallowed_methods)]\n"), "{path} does not deny");
    }
    assert_none(files("src", "rs").iter().flat_map(lifted_denials));

    check(lifted_denials, "src/report/a.rs", "\n#[allow(clippy::disallowed_methods)]\nfn f() {}", &[2]);
    check(lifted_denials, "src/report/a.rs", "#[cfg(test)]\n#[expect(clippy::disallowed_methods)]\nmod tests {}", &[]);
    check(lifted_denials, "src/input/a.rs", "#![allow(clippy::disallowed_methods)]", &[]);
}

#[test]
fn nothing_is_unwrapped() {
    assert_none(files("src", "rs").iter().flat_map(unwraps));

    check(unwraps, "src/a.rs", "fn f() { g()\n.unwrap() }", &[2]);
    check(unwraps, "src/a.rs", "// .unwrap()\nfn f() { g().unwrap_or(1); h(\".unwrap()\") }", &[]);
    check(
        unwraps,
        "src/a.rs",
        "f(br#\"\".unwrap()\"#, '\"', '\\'', /* \".unwrap() */ b\"\\\".unwrap()\").unwrap()",
        &[1],
    );
    check(
        unwraps,
        "src/a.rs",
        "#[cfg(test)]\nmod tests { fn f() { g().unwrap() } }\nfn h<'a>() { i().unwrap() }",
        &[3],
    );
    check(unwraps, "src/a/tests.rs", "fn f() { g().unwrap() }", &[]);
}

#[test]
fn names_say_what_is_inside() {
    let files: Vec<_> = files("src", "rs").into_iter().chain(files("tests", "rs")).collect();
    assert_none(files.iter().flat_map(empty_names));

    check(empty_names, "src/parse/utils.rs", "", &[1]);
    check(empty_names, "tests/common/mod.rs", "", &[1]);
    check(empty_names, "src/parse/yaml.rs", "\npub mod helpers {}", &[2]);
    check(empty_names, "src/parse/commonality.rs", "let common = 1;", &[]);
}

#[test]
fn every_file_says_what_it_is() {
    assert_none(files("src", "rs").iter().flat_map(missing_heads));

    check(missing_heads, "src/a.rs", "use std::fmt;\n//! Late.", &[1]);
    check(missing_heads, "src/a.rs", "//! What it is.\n", &[]);
}

#[test]
fn rule_pages_are_named_by_their_code_and_slug() {
    assert_none(files("rules", "md").iter().flat_map(misnamed_pages));

    let page = "---\ncode: PTL201\nslug: timing-rule-violated\n---\ncode: PTL999\n";
    check(misnamed_pages, "rules/timing/PTL201-timing-rule-violated.md", page, &[]);
    check(misnamed_pages, "rules/timing/PTL202-timing-rule-violated.md", page, &[1]);
    check(misnamed_pages, "rules/PTL201-timing-rule-violated.md", page, &[1]);
    check(misnamed_pages, "rules/timing/timing-ttl.md", "---\ncode: timing\nslug: ttl\n---\n", &[1]);
}

#[test]
fn documentation_names_paths_that_exist() {
    let documents = files("", "md");
    assert!(documents.iter().any(|document| document.path == "README.md"));
    assert_none(documents.iter().flat_map(missing_paths));

    check(
        missing_paths,
        "README.md",
        "`tests/architecture.rs`, `src/gone.rs`\n```console\n$ ls src/gone\n```",
        &[1, 3],
    );
    check(missing_paths, "README.md", "[here](GONE.md#top), [there](https://example.org/src/gone.rs)", &[1]);
    check(missing_paths, "README.md", "Not code: src/gone.rs. `rules/<group>/<CODE>.md`, `src/*.rs`, `tests/…`", &[]);
}

#[test]
fn a_build_without_default_features_brings_no_network() {
    fn network_crates(tree: &SourceFile) -> Vec<String> {
        named_crates(tree, &NETWORK_CRATES)
    }
    assert_none(network_crates(&dependencies(&["--no-default-features"])).into_iter());

    check(network_crates, "cargo tree", "patrolint v0.1.0 (path)\ntokio v1.0.0\ntokio-like v1.0.0", &[2]);
}

#[test]
fn a_default_build_needs_rust_and_a_c_compiler_alone() {
    let default = dependencies(&[]);
    assert!(default.text.contains("\nreqwest v"), "a default build reads live clusters");
    assert_none(named_crates(&default, &DEMANDING_CRATES).into_iter());
}

/// What cargo builds with these features, a crate a line.
fn dependencies(features: &[&str]) -> SourceFile {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none"])
        .args(features)
        .current_dir(top())
        .output()
        .expect("cargo runs, it started this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("patrolint v"), "{text}");
    SourceFile { path: "cargo tree".to_owned(), text }
}

/// A file of the tree, or a text that stands for one.
struct SourceFile {
    /// Path below the top of the tree, with `/`.
    path: String,
    text: String,
}

fn upward_mentions(file: &SourceFile) -> Vec<String> {
    let Some(own) = FOLDERS.iter().position(|folder| file.is_in(folder)) else { return Vec::new() };
    let code = production_code(&file.text);
    let modules = file.path.trim_end_matches("/mod.rs").matches('/').count();
    let to_the_root = "super::".repeat(modules);
    ["crate::", to_the_root.as_str()]
        .into_iter()
        .flat_map(|root| first_segments(&code, root))
        .filter(|(_, name)| FOLDERS[own + 1..].contains(name))
        .map(|(offset, name)| file.complaint(offset, &format!("{} must not know {name}", FOLDERS[own])))
        .collect()
}

fn impure_mentions(file: &SourceFile) -> Vec<String> {
    if !PURE.iter().any(|folder| file.is_in(folder)) {
        return Vec::new();
    }
    let code = production_code(&file.text);
    let modules = first_segments(&code, "std::").into_iter().filter(|(_, name)| IMPURE.contains(name));
    let clocks = ["SystemTime", "Instant"].into_iter().flat_map(|name| words(&code, name).map(move |at| (at, name)));
    modules.chain(clocks).map(|(offset, name)| file.complaint(offset, &format!("`{name}` in a pure folder"))).collect()
}

fn lifted_denials(file: &SourceFile) -> Vec<String> {
    if !DENYING.iter().any(|folder| file.is_in(folder)) {
        return Vec::new();
    }
    let code = production_code(&file.text);
    words(&code, "disallowed_methods")
        .filter(|at| !code[..*at].ends_with("#![deny(clippy::"))
        .map(|at| file.complaint(at, "lifts what the folder denies"))
        .collect()
}

fn unwraps(file: &SourceFile) -> Vec<String> {
    if file.path.ends_with("/tests.rs") {
        return Vec::new();
    }
    let code = production_code(&file.text);
    code.match_indices(".unwrap()").map(|(at, _)| file.complaint(at, "`expect` says why it holds")).collect()
}

fn empty_names(file: &SourceFile) -> Vec<String> {
    let code = production_code(&file.text);
    let in_path = file.path.trim_end_matches(".rs").split('/').map(|name| (0, name));
    in_path
        .chain(first_segments(&code, "mod "))
        .filter(|(_, name)| EMPTY_NAMES.contains(name))
        .map(|(offset, name)| file.complaint(offset, &format!("`{name}` says nothing about what is inside")))
        .collect()
}

fn missing_heads(file: &SourceFile) -> Vec<String> {
    if file.text.starts_with("//! ") { Vec::new() } else { vec![file.complaint(0, "does not begin with `//!`")] }
}

fn misnamed_pages(page: &SourceFile) -> Vec<String> {
    let front_matter = page.text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    let fields = front_matter.map_or("", |(fields, _)| fields);
    let field = |name: &str| {
        let value = fields.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().trim()
    };
    let (code, slug) = (field("code"), field("slug"));
    let digits = code.strip_prefix("PTL").unwrap_or_default();
    let well_formed = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = page.path.split('/').collect();
    if well_formed && parts.len() == 3 && parts[2] == format!("{code}-{slug}.md") {
        return Vec::new();
    }
    vec![page.complaint(0, &format!("is not rules/<group>/<CODE>-<slug>.md of code `{code}` and slug `{slug}`"))]
}

fn missing_paths(document: &SourceFile) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut offset = 0;
    let mut fenced = false;
    for line in document.text.split_inclusive('\n') {
        fenced ^= line.starts_with("```");
        let code = line.split('`').enumerate().filter(|(index, _)| fenced || index % 2 == 1).map(|(_, code)| code);
        let named = code
            .flat_map(|code| {
                code.split(|character: char| character.is_whitespace() || "\"'()[],;:=#".contains(character))
            })
            .filter(|word| word.split_once('/').is_some_and(|(top, _)| TOP_LEVEL.contains(&top)))
            .filter(|word| !word.contains(['<', '*', '…', '{', '$']));
        let linked = line
            .split("](")
            .skip(1)
            .filter_map(|link| link.split([')', '#']).next())
            .filter(|target| !target.is_empty() && !target.contains(':'));
        let missing = named.chain(linked).filter(|path| !top().join(path).exists());
        complaints.extend(missing.map(|path| document.complaint(offset, &format!("there is no `{path}`"))));
        offset += line.len();
    }
    complaints
}

/// The lines of `cargo tree` that name one of these crates.
fn named_crates(tree: &SourceFile, unwanted: &[&str]) -> Vec<String> {
    let starts = tree.text.match_indices('\n').map(|(index, _)| index + 1);
    std::iter::once(0)
        .chain(starts)
        .filter(|start| tree.text[*start..].split(' ').next().is_some_and(|name| unwanted.contains(&name)))
        .map(|start| tree.complaint(start, "this build must not have it"))
        .collect()
}

impl SourceFile {
    fn is_in(&self, folder: &str) -> bool {
        self.path
            .strip_prefix("src/")
            .and_then(|rest| rest.strip_prefix(folder))
            .is_some_and(|rest| rest.starts_with('/'))
    }

    fn complaint(&self, offset: usize, what: &str) -> String {
        let start = self.text[..offset].rfind('\n').map_or(0, |index| index + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        format!("{}:{}: {what}: {}", self.path, self.text[..offset].matches('\n').count() + 1, line.trim())
    }
}

/// Fails with every complaint on a line of its own.
fn assert_none(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Asserts that a check complains about exactly these lines of a text.
fn check(inspect: fn(&SourceFile) -> Vec<String>, path: &str, text: &str, lines: &[usize]) {
    let complaints = inspect(&SourceFile { path: path.to_owned(), text: text.to_owned() });
    let line =
        |complaint: &String| complaint[path.len() + 1..].split(':').next().and_then(|number| number.parse().ok());
    let found: Vec<usize> = complaints.iter().filter_map(line).collect();
    assert_eq!(found, lines, "{path}: {text}\n{complaints:?}");
}

/// The first path segments that follow `root`, with their offsets: `a` of `root::a::b`, `a` and `b` of `root::{a::c, b}`.
fn first_segments<'a>(code: &'a str, root: &str) -> Vec<(usize, &'a str)> {
    let mut segments = Vec::new();
    for (at, _) in code.match_indices(root).filter(|(at, _)| !code[..*at].trim_end_matches(':').ends_with(is_word)) {
        let start = at + root.len();
        if !code[start..].starts_with('{') {
            segments.push((start, word_at(code, start)));
            continue;
        }
        let mut depth = 0;
        let mut expected = false;
        for (index, character) in code[start..].char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if expected && is_word(character) {
                segments.push((start + index, word_at(code, start + index)));
            }
            expected = depth == 1 && (matches!(character, '{' | ',') || expected && character.is_whitespace());
        }
    }
    segments
}

/// Offsets of `word` where it is not part of a longer one.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> {
    let offsets = code.match_indices(word).map(|(at, _)| at);
    offsets.filter(move |at| !code[..*at].ends_with(is_word) && word_at(code, *at) == word)
}

fn word_at(code: &str, start: usize) -> &str {
    let rest = &code[start..];
    &rest[..rest.find(|character| !is_word(character)).unwrap_or(rest.len())]
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The text with comments, literals and every item under `#[cfg(test)]` blanked out; lines and offsets stay.
fn production_code(text: &str) -> String {
    let mut code = without_comments_and_literals(text);
    while let Some(start) = code.find("#[cfg(test)]") {
        let mut depth = 0;
        let last = code[start..].char_indices().find(|(_, character)| {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(character, '}' | ';')
        });
        let end = last.map_or(code.len(), |(index, _)| start + index + 1);
        let blank = blanked(&code[start..end]);
        code.replace_range(start..end, &blank);
    }
    code
}

fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    while code.len() < text.len() {
        let rest = &text[code.len()..];
        let in_word = code.trim_end_matches(['b', 'c']).ends_with(is_word);
        match comment_length(rest).or_else(|| literal_length(rest, in_word)) {
            Some(length) => code.push_str(&blanked(&rest[..length])),
            None => code.extend(rest.chars().next()),
        }
    }
    code
}

fn comment_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| rest.find("*/").map_or(rest.len(), |index| index + 2))
}

/// Bytes of the string or character that `rest` begins with. `in_word`: an `r` here ends a name and opens no raw string.
fn literal_length(rest: &str, in_word: bool) -> Option<usize> {
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !in_word) {
        let hashes = &raw[..raw.bytes().take_while(|byte| *byte == b'#').count()];
        let inside = raw[hashes.len()..].strip_prefix('"')?;
        let close = format!("\"{hashes}");
        return Some(inside.find(&close).map_or(rest.len(), |index| 2 + hashes.len() + index + close.len()));
    }
    if let Some(inside) = rest.strip_prefix('"') {
        let mut escaped = false;
        let close = inside.find(|character| {
            let closes = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            closes
        });
        return Some(close.map_or(rest.len(), |index| index + 2));
    }
    let inside = rest.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    let skipped = if first == '\\' { 2 } else { first.len_utf8() };
    let close = inside.get(skipped..)?.find('\'')?;
    let is_lifetime = first != '\\' && close != 0;
    (!is_lifetime).then_some(skipped + close + 2)
}

fn blanked(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Every file below `folder` with this extension, sorted; of the top itself (`""`) only what lies directly in it.
fn files(folder: &str, extension: &str) -> Vec<SourceFile> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(top().join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.expect("the tree is readable");
            let name = entry.file_name().into_string().expect("names in the tree are UTF-8");
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if entry.path().extension().is_some_and(|found| found == extension) {
                found.push(SourceFile { text: read(&path), path });
            } else if !folder.is_empty() && entry.path().is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
