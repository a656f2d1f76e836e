//! Configurations in the shapes of the real world: each finding that they deserve, and no other.
//!
//! A folder of `fixtures/config` holds the input and `expected.txt`: comments that say where the shape comes from, the
//! releases to assume (`patroni 4.1.5`, `postgres 16`), and a line `CODE FILE:LINE` per finding.

use std::fs;
use std::path::{Path, PathBuf};

use patrolint::input::{RawFile, offline};
use patrolint::model::snapshot::Snapshot;
use patrolint::rules::finding::{Finding, Outcome};
use patrolint::rules::registry::Registry;
use patrolint::rules::{Options, check};

/// Fewer would not show much.
const LEAST_FOLDERS: usize = 40;

/// What stands in the place of passwords, with the beginning of those that differ.
const SECRET: &str = "a-real-one";

const EXPECTED: &str = "expected.txt";

#[test]
fn every_configuration_has_the_findings_that_it_deserves() {
    let registry = Registry::builtin();
    let folders = folders();
    let mut wrong = Vec::new();
    for folder in &folders {
        let text = fs::read_to_string(folder.join(EXPECTED)).expect("every folder says what it expects");
        let (options, mut missing) = expectation(&text);
        let snapshot = Snapshot::assemble(input(folder)).expect("the input is understood");
        assert!(snapshot.problems.is_empty(), "{}: {:?}", folder.display(), snapshot.problems);
        let mut surplus = Vec::new();
        for (_, _, outcome) in check(&registry, &snapshot, &options) {
            let Outcome::Checked(findings) = outcome else { continue };
            for finding in findings {
                let told = place(folder, &snapshot, &finding);
                assert!(!format!("{finding:?}").contains(SECRET), "{told} tells a secret");
                match missing.iter().position(|expected| *expected == told) {
                    Some(index) => drop(missing.remove(index)),
                    None => surplus.push(format!("{told} {}: {}", finding.slug, finding.message)),
                }
            }
        }
        let name = folder.file_name().expect("a folder has a name").display();
        wrong.extend(missing.into_iter().map(|expected| format!("{name}: no {expected}")));
        wrong.extend(surplus.into_iter().map(|told| format!("{name}: not expected: {told}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(LEAST_FOLDERS <= folders.len(), "{} folders", folders.len());
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config");
    let entries = fs::read_dir(root).expect("the folder exists").flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The options and the lines of `expected.txt`.
fn expectation(text: &str) -> (Options, Vec<String>) {
    let mut options = Options::default();
    let mut findings = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.split_once(' ') {
            Some(("patroni", version)) => options.patroni_version = Some(version.to_owned()),
            Some(("postgres", version)) => options.postgres_version = Some(version.parse().expect("a version")),
            _ => findings.push(line.to_owned()),
        }
    }
    (options, findings)
}

fn input(folder: &Path) -> Vec<RawFile> {
    let files = offline::read(&[folder.to_string_lossy().into_owned()]).expect("the folder is readable");
    files.into_iter().filter(|file| !file.name.ends_with(EXPECTED)).collect()
}

/// Code, and file and line that the first label points at.
fn place(folder: &Path, snapshot: &Snapshot, finding: &Finding) -> String {
    let Some(label) = finding.labels.first() else { return finding.code.clone() };
    let source = snapshot.sources.get(label.span.source);
    let folder = format!("{}/", folder.display());
    let name = source.name.strip_prefix(&folder).unwrap_or(&source.name);
    format!("{} {name}:{}", finding.code, source.position(label.span.start).line)
}
