//! Every rule page is its own test, and every capture of a real cluster has the findings that it deserves.

use std::collections::{BTreeMap, BTreeSet};

use patrolint::input::offline;
use patrolint::input::source_map::SourceId;
use patrolint::model::snapshot::Snapshot;
use patrolint::model::version::KNOWN_RELEASES;
use patrolint::parse::tree::Node;
use patrolint::parse::yaml;
use patrolint::rules::example::{Example, examples};
use patrolint::rules::finding::{Finding, Outcome};
use patrolint::rules::registry::Registry;
use patrolint::rules::{Options, check, check_and_count};

#[test]
fn every_page_fires_on_its_bad_examples_and_is_silent_on_the_good_ones() {
    let registry = Registry::builtin();
    let mut wrong = Vec::new();
    for rule in registry.rules().iter().filter(|rule| rule.group() != "bugs" || rule.code() == "PTL801") {
        let examples = examples(rule.markdown());
        for kind in [true, false] {
            if examples.iter().all(|example| example.is_bad != kind) {
                wrong.push(format!("{} has no {} example", rule.code(), if kind { "bad" } else { "good" }));
            }
        }
        for example in examples {
            let place = format!("{} {} '{}'", rule.code(), rule.slug(), example.heading);
            let snapshot = example.snapshot();
            let mut found = findings_of(&registry, &snapshot, &example);
            let is_other_bug = |code: &str| {
                rule.group() == "bugs"
                    && code != rule.code()
                    && registry.find(code).is_some_and(|other| other.group() == "bugs")
            };
            found.retain(|finding| finding.caused_by.as_deref() != Some(rule.code()) && !is_other_bug(&finding.code));
            let expected: BTreeSet<&str> = if example.is_bad { [rule.code()].into() } else { [].into() };
            let codes: BTreeSet<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
            if codes != expected {
                wrong.push(format!("{place}: {}", shown(&snapshot, &found)));
            }
            if example.is_bad
                && found.iter().any(|finding| finding.message.is_empty() || finding.message == rule.title())
            {
                wrong.push(format!("{place}: the message cannot be written"));
            }
            if example.is_bad {
                let places: BTreeSet<_> = found.iter().filter_map(|finding| underlined(&snapshot, finding)).collect();
                let marks: BTreeSet<_> = example.marks.iter().cloned().collect();
                if places != marks {
                    wrong.push(format!("{place}: underlines {places:?} instead of {marks:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What the rules say about their bad examples, one snapshot for each group of pages.
#[test]
fn bad_examples_are_explained() {
    let registry = Registry::builtin();
    let mut groups: BTreeMap<&str, String> = BTreeMap::new();
    for rule in registry.rules() {
        for example in examples(rule.markdown()).into_iter().filter(|example| example.is_bad) {
            let snapshot = example.snapshot();
            let found = findings_of(&registry, &snapshot, &example);
            let text = groups.entry(rule.group()).or_default();
            for finding in found.iter().filter(|finding| finding.code == rule.code()) {
                text.push_str(&shown(&snapshot, std::slice::from_ref(finding)));
                for label in finding.labels.iter().filter(|label| !label.text.is_empty()) {
                    text.push_str(&format!("\n  ^ {}", label.text));
                }
                finding.notes.iter().for_each(|note| text.push_str(&format!("\n  {note}")));
                text.push_str(&format!("\n  help: {}\n", finding.help.as_deref().expect("every rule has help")));
            }
        }
    }
    for (group, text) in groups {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("rules-{group}"), text);
        });
    }
}

/// What one rule finds in a file is no reason for what another one finds elsewhere in it.
#[test]
fn a_cause_in_a_file_explains_what_stands_on_its_lines() {
    let file = "tags:\nnofailover: true\nbootstrap:\n  ttl: 30\n";
    let inputs = vec![("patroni.yml".to_owned(), file.to_owned())];
    let snapshot = Example { inputs, ..Example::default() }.snapshot();
    let found = findings(&Registry::builtin(), &snapshot, None);
    let causes = found.iter().filter(|finding| finding.code == "PTL107").map(|finding| {
        let line = snapshot.sources.get(finding.labels[0].span.source).position(finding.labels[0].span.start).line;
        (line, finding.caused_by.as_deref())
    });
    assert_eq!(causes.collect::<Vec<_>>(), [(2, Some("PTL013")), (4, None)]);
}

#[test]
fn built_in_pages_pass_as_user_pages() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    for group in std::fs::read_dir(root).expect("the folder exists").flatten().filter(|entry| entry.path().is_dir()) {
        for page in std::fs::read_dir(group.path()).expect("the folder exists").flatten() {
            let name = format!("{}/{}", group.file_name().display(), page.file_name().display());
            let text = std::fs::read_to_string(page.path()).expect("pages are readable");
            let errors = Registry::builtin().with_pages([(name.as_str(), text.as_str())]).err();
            assert_eq!(errors, None);
        }
    }
}

/// The table of known bugs: the example of each, by its code.
fn known_bugs() -> BTreeMap<String, String> {
    let table = include_str!("../rules/known-bugs.yaml");
    let tree = yaml::parse(SourceId(0), table).expect("the table is well-formed");
    let text = |entry: &Node, name| entry.get(name).and_then(Node::as_str).expect("every bug has one").to_owned();
    let entries = tree.as_sequence().expect("the table is a list");
    entries.iter().map(|entry| (text(entry, "code"), text(entry, "example"))).collect()
}

#[test]
fn every_known_bug_fires_on_a_release_that_has_it_and_is_silent_on_one_that_has_not() {
    let registry = Registry::builtin();
    for (code, keys) in known_bugs() {
        let rule = registry.find(&code).expect("every bug is a rule");
        let affects = rule.page().affects.as_ref().expect("a bug affects releases");
        let has_it = |version| affects.includes(version);
        for version in [
            *KNOWN_RELEASES.iter().rfind(|version| has_it(**version)).expect("a release has it"),
            *KNOWN_RELEASES.iter().rfind(|version| !has_it(**version)).expect("a release has it not"),
        ] {
            let inputs = vec![("dcs:/service/demo".to_owned(), keys.replace("VERSION", &version.to_string()))];
            let snapshot = Example { inputs, ..Example::default() }.snapshot();
            let found = findings(&registry, &snapshot, None);
            let fires = found.iter().any(|finding| finding.code == code);
            assert_eq!(fires, has_it(version), "{code} on {version}: {}", shown(&snapshot, &found));
        }
    }
}

/// Each change to a bug's example takes away what the bug needs, or adds it under another setting.
#[test]
fn known_bugs_need_their_condition() {
    let registry = Registry::builtin();
    let examples = known_bugs();
    let check = |code: &str, version: &str, changes: &[(&str, &str)], expected: bool| {
        let mut keys = examples[code].replace("VERSION", version);
        for (from, to) in changes {
            assert!(keys.contains(from), "{code}: {from}");
            keys = keys.replace(from, to);
        }
        let inputs = vec![("dcs:/service/demo".to_owned(), keys)];
        let snapshot = Example { inputs, ..Example::default() }.snapshot();
        let found = findings(&registry, &snapshot, None);
        let fires = found.iter().any(|finding| finding.code == code);
        assert_eq!(fires, expected, "{code} on {version} with {changes:?}: {}", shown(&snapshot, &found));
    };
    let config = r#"{"ttl":30}"#;
    let in_sync_mode = (config, r#"{"synchronous_mode":true}"#);
    let in_quorum_mode = (config, r#"{"synchronous_mode":"quorum"}"#);
    check("PTL803", "3.3.6", &[in_sync_mode], true);
    check("PTL803", "4.0.5", &[in_sync_mode], false);
    check("PTL803", "4.0.5", &[in_quorum_mode], true);
    check("PTL803", "4.0.5", &[(r#""xlog_location":9"#, r#""tags":{"nofailover":true}"#)], false);
    check("PTL803", "4.0.5", &[("leader pg1", "leader pg2")], false);
    let one = (r#","synchronous_node_count":2"#, "");
    check("PTL804", "4.0.7", &[one], true);
    check("PTL804", "4.0.7", &[one, ("leader pg1", "leader pg2")], false);
    check("PTL804", "4.0.7", &[(r#"{"failover_priority":2}"#, r#"{"nofailover":true}"#)], false);
    check("PTL804", "4.0.7", &[("true,", r#""quorum","#)], false);
    check("PTL808", "3.1.0", &[("members/pg2", "unknown/pg2")], false);
    check("PTL809", "3.1.0", &[("true", r#"true,"standby_cluster":{"host":"10.0.1.1"}"#)], false);
    check("PTL811", "2.1.1", &[("members/pg3", "unknown/pg3")], false);
    check("PTL811", "2.1.1", &[(r#""nofailover":true"#, r#""nofailover":true,"nosync":true"#)], false);
}

#[test]
fn registry_and_pages_are_the_same_set() {
    let registry = Registry::builtin();
    let codes: Vec<&str> = registry.rules().iter().map(|rule| rule.code()).collect();
    let slugs: BTreeSet<&str> = registry.rules().iter().map(|rule| rule.slug()).collect();
    assert!(codes.is_sorted());
    assert_eq!(slugs.len(), codes.len(), "slugs are unique");
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len(), "codes are unique");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut pages = 0;
    for group in std::fs::read_dir(root).expect("the folder exists").flatten().filter(|entry| entry.path().is_dir()) {
        for page in std::fs::read_dir(group.path()).expect("the folder exists").flatten() {
            let name = page.file_name().to_string_lossy().into_owned();
            let rule = registry.find(&name[..6]).unwrap_or_else(|| panic!("{name} is registered"));
            assert_eq!(name, format!("{}-{}.md", rule.code(), rule.slug()));
            assert_eq!(rule.group(), group.file_name().to_string_lossy());
            pages += 1;
        }
    }
    assert_eq!(pages + known_bugs().len(), codes.len());
    for rule in registry.rules() {
        assert!(!rule.title().is_empty(), "{} has a title", rule.code());
        assert!(!rule.page().sources.is_empty(), "{} names its sources", rule.code());
        assert!(rule.page().help.is_some(), "{} says what to do", rule.code());
        let markdown = rule.markdown();
        assert!(markdown.contains("## How to fix it"), "{} says how to fix it", rule.code());
    }
}

/// One snapshot for each recorded cluster: what the rules find, and what they could not judge.
#[test]
fn captures_have_the_findings_that_they_deserve() {
    let registry = Registry::builtin();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captured");
    let folders = std::fs::read_dir(root).expect("the folder exists").flatten().map(|entry| entry.path());
    for folder in folders.filter(|path| path.is_dir()) {
        let files = offline::read(&[folder.to_string_lossy().into_owned()]).expect("captures are readable");
        let snapshot = Snapshot::assemble(files).expect("captures are sound");
        let mut text = String::new();
        for (code, slug, outcome) in check(&registry, &snapshot, &Options::default()) {
            match outcome {
                Outcome::Checked(findings) if findings.is_empty() => {}
                Outcome::Checked(findings) => text.push_str(&(shown(&snapshot, &findings) + "\n")),
                Outcome::NotApplicable => {}
                Outcome::Unknown { missing } => {
                    text.push_str(&format!("{code} {slug} unknown: {}\n", missing.join("; ")));
                }
            }
        }
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, text);
        });
    }
}

#[test]
fn comments_allow_findings_with_a_reason() {
    let check = |text: &str, codes: &[&str], suppressed: usize| {
        let inputs = vec![("patroni.yml".to_owned(), text.to_owned())];
        let snapshot = Example { inputs, ..Example::default() }.snapshot();
        let (judgements, allowed) = check_and_count(&Registry::builtin(), &snapshot, &Options::default());
        let found: Vec<String> = judgements.iter().flat_map(|(_, _, outcome)| found(outcome)).map(|f| f.code).collect();
        assert_eq!(found, codes, "{text}");
        assert_eq!(allowed.len(), suppressed, "{text}");
    };
    check("ttl: 60\n", &["PTL107"], 0);
    check("ttl: 60 # patrolint: allow[PTL107] kept for old tools\n", &[], 1);
    check("ttl: 60 # patrolint: allow[key-in-wrong-section] kept for old tools\n", &[], 1);
    check("# patrolint: allow[PTL107] kept for old tools\n\nttl: 60\n", &[], 1);
    check("# patrolint: allow[PTL107]\nttl: 60\n", &["PTL107", "PTL902"], 0);
    check("# patrolint: allow[PTL004] why not\nttl: 60\n", &["PTL107", "PTL901"], 0);
    check("x-note: '# patrolint: allow'\n", &[], 0);
}

#[test]
fn findings_tell_no_secret() {
    let file = "password: hunter2\nbootstrap:\n  dcs:\n    ttl: {password: hunter2}\n    synchronous_mode: {token: hunter2}\n    \
                maximum_lag_on_failover: {password: hunter2}\n    postgresql:\n      authentication:\n        superuser: {password: \
                hunter2}\n        password: hunter2\nrestapi:\n  authentication: {username: 1.5, password: hunter2, password: 2}\n";
    let keys = "config {\"ttl\":30,\"password\":\"hunter2\",\"postgresql\":{\"authentication\":{\"password\":\"hunter3\"}}}\n\
                leader pg1\n";
    let inputs = vec![("patroni.yml".to_owned(), file.to_owned()), ("dcs:/service/demo".to_owned(), keys.to_owned())];
    let snapshot = Example { inputs, ..Example::default() }.snapshot();
    let found = findings(&Registry::builtin(), &snapshot, None);
    let codes: BTreeSet<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
    for code in ["PTL003", "PTL101", "PTL106", "PTL107"] {
        assert!(codes.contains(code), "{code} is not in {codes:?}");
    }
    let said = format!("{found:?}");
    assert!(!said.contains("hunter"), "{said}");
}

#[test]
fn user_pages_extend_the_rules() {
    let page = "---\ncode: ACME001\nslug: acme-ttl\nseverity: info\neach: dynamics\nwhen: effective.ttl < 25\n\
                at: dynamic.ttl\nmessage: ttl is {{ effective.ttl }} s\n---\n\n# Our clusters have a longer ttl\n";
    let registry = Registry::builtin().with_pages([("acme/ACME001-acme-ttl.md", page)]).expect("a well-formed page");
    let inputs = vec![("dcs:/service/demo".to_owned(), "config {\"ttl\":20}\n".to_owned())];
    let found = findings(&registry, &Example { inputs, ..Example::default() }.snapshot(), None);
    let mine = found.iter().find(|finding| finding.code == "ACME001").expect("it fires");
    assert_eq!(mine.message, "ttl is 20 s");
    let broken = page.replace("effective.ttl < 25", "effective.ttl <");
    let errors = Registry::builtin().with_pages([("acme.md", broken.as_str())]).err().expect("a broken condition");
    assert!(errors[0].to_string().starts_with("acme.md:1: when: "), "{}", errors[0]);
}

fn findings(registry: &Registry, snapshot: &Snapshot, patroni_version: Option<String>) -> Vec<Finding> {
    let example = Example { patroni_version, ..Example::default() };
    findings_of(registry, snapshot, &example)
}

fn findings_of(registry: &Registry, snapshot: &Snapshot, example: &Example) -> Vec<Finding> {
    let options =
        Options { patroni_version: example.patroni_version.clone(), postgres_version: example.postgres_version };
    let judgements = check(registry, snapshot, &options);
    judgements.iter().flat_map(|(_, _, outcome)| found(outcome)).collect()
}

fn found(outcome: &Outcome) -> Vec<Finding> {
    match outcome {
        Outcome::Checked(findings) => findings.clone(),
        Outcome::NotApplicable | Outcome::Unknown { .. } => Vec::new(),
    }
}

/// Source, line, first column and the column after the last one of what the first label underlines.
fn underlined(snapshot: &Snapshot, finding: &Finding) -> Option<(String, usize, usize, usize)> {
    let span = finding.labels.first()?.span;
    let source = snapshot.sources.get(span.source);
    let (start, end) = (source.position(span.start), source.position(span.end));
    assert_eq!(start.line, end.line, "{}: a label fits on a line", finding.code);
    Some((source.name.clone(), start.line, start.column, end.column))
}

fn shown(snapshot: &Snapshot, found: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let place = match underlined(snapshot, finding) {
            Some((source, line, start, end)) => {
                let short = source.rsplit_once("fixtures/captured/").map_or(source.as_str(), |(_, short)| short);
                format!("{short}:{line}:{start}-{end}")
            }
            None => "nowhere".to_owned(),
        };
        format!("{} {} {:?}: {} [{place}]", finding.code, finding.slug, finding.severity, finding.message)
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}
