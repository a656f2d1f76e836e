//! Recorded verdicts of the released code of Patroni: the decisions must agree in every part and in every release, and
//! every row of the behaviour table must be needed for that.
//!
//! `tests/oracle/record.py` makes the records; `examples/verdicts/` makes patrolint's answers in the same form.

#[path = "../examples/verdicts/main.rs"]
#[allow(dead_code, reason = "the example's own main is not called")]
mod example;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;

use flate2::read::GzDecoder;
use patrolint::model::behaviour::{Behaviour, Behaviours, OLDEST_COVERED, Row, TABLE};
use patrolint::model::version::{KNOWN_RELEASES, PatroniVersion};
use regex::Regex;
use serde_json::Value;

/// So many disagreements are enough to fail.
const ENOUGH: usize = 10;

/// Rows of the table that no recorded verdict needs, with the reason.
const UNSEEN: &[(&str, &str)] = &[
    ("quorum-candidates-unrestricted in 3.3.11", "there is no quorum mode"),
    ("priority-in-sync-mode in 3.1.2", "there is no failover_priority"),
    ("api-works-without-leader in 3.0.2", "a request that names no leader or another one is refused before"),
    ("api-works-without-leader in 3.0.3", "a request that names no leader or another one is refused before"),
    ("primary-by-role-or-location in 3.0.4", "primary-role-is-replica goes first"),
];

/// An exception at the end of a log line, with its text.
static LOGGED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)( \[\w+): .*\]$").expect("the pattern is sound"));

/// Answers by the release from which on Patroni gives them; `None`: there is no such decision.
type Steps = Vec<(PatroniVersion, Option<Value>)>;

/// A scenario, and what every release decides.
struct Line {
    id: String,
    scenario: String,
    answers: BTreeMap<String, Steps>,
}

#[test]
fn decisions_agree_with_recorded_patroni() {
    let failures = Mutex::new(Vec::new());
    for_each_line(|line| {
        let mut before = None;
        for release in releases() {
            // A release that behaves as the one before it, and was seen to, is not asked again.
            let behaviours = Behaviours::of(release);
            if before == Some(behaviours) && !line.changes_in(release) {
                continue;
            }
            before = Some(behaviours);
            let found = line.disagreements(release, behaviours);
            failures.lock().expect("no panic while it was held").extend(found);
        }
        failures.lock().expect("no panic while it was held").len() < ENOUGH
    });
    let failures = failures.into_inner().expect("no panic while it was held");
    assert!(failures.is_empty(), "at least {} disagreements:\n{}", failures.len(), failures.join("\n"));
}

/// A leader and up to three replicas in every combination of what decides; `tests/oracle/exhaustive.py` tells which.
#[test]
fn every_small_cluster_is_decided_as_by_the_newest_release() {
    let newest = PatroniVersion::newest();
    let text = unpacked(&fixtures().join("exhaustive.gz"));
    let (pieces, clusters) = text.split_once('\n').expect("the pieces come first");
    let pieces: Value = serde_json::from_str(pieces).expect("the pieces are JSON");
    let clusters: Vec<&str> = clusters.lines().collect();
    assert!(30_000 < clusters.len(), "only {} clusters are recorded", clusters.len());
    let failures = Mutex::new(Vec::new());
    in_parallel(&clusters, |cluster| {
        let (names, recorded) = cluster.split_once('\t').expect("a verdict follows the cluster");
        let mut scenario = Value::Null;
        names.split('|').for_each(|name| merge(&mut scenario, &pieces[name]));
        let mut ours = verdict(newest, Behaviours::of(newest), &["leader", "race"], &scenario.to_string());
        ours.as_object_mut().expect("a verdict is an object").retain(|part, _| part == "leader" || part == "race");
        let recorded: Value = serde_json::from_str(recorded).expect("a verdict is JSON");
        let mut failures = failures.lock().expect("no panic while it was held");
        if ours != recorded {
            failures.push(format!("{names}:\n  Patroni:   {recorded}\n  patrolint: {ours}"));
        }
        failures.len() < ENOUGH
    });
    let failures = failures.into_inner().expect("no panic while it was held");
    assert!(failures.is_empty(), "at least {} disagreements:\n{}", failures.len(), failures.join("\n"));
}

/// A row that is left out of a release, or put into one that lacks it, at each end of its ranges, must be missed.
#[test]
fn every_row_of_the_table_is_needed() {
    let edges: BTreeSet<(Behaviour, PatroniVersion)> =
        TABLE.iter().flat_map(|row| edges(row).into_iter().map(|release| (row.behaviour, release))).collect();
    let unseen = Mutex::new(edges);
    for_each_line(|line| {
        let edges = unseen.lock().expect("no panic while it was held").clone();
        for (behaviour, release) in edges {
            let flipped = Behaviours::of(release).flipped(behaviour);
            if !line.disagreements(release, flipped).is_empty() {
                unseen.lock().expect("no panic while it was held").remove(&(behaviour, release));
            }
        }
        !unseen.lock().expect("no panic while it was held").is_empty()
    });
    let unseen = unseen.into_inner().expect("no panic while it was held");
    let name = |(behaviour, release): &(Behaviour, PatroniVersion)| {
        format!("{} in {release}", TABLE[*behaviour as usize].name)
    };
    let names: Vec<String> = unseen.iter().map(name).collect();
    let explained: Vec<&str> = UNSEEN.iter().map(|(edge, _)| *edge).collect();
    assert_eq!(names, explained, "rows that can be wrong in a release without a recorded verdict that shows it");
}

/// The releases on both sides of each end of a row's ranges.
fn edges(row: &Row) -> Vec<PatroniVersion> {
    let releases: Vec<PatroniVersion> = releases().collect();
    let pairs = releases.windows(2).filter(|pair| row.holds_in(pair[0]) != row.holds_in(pair[1]));
    let mut edges: Vec<PatroniVersion> = pairs.flatten().copied().collect();
    edges.dedup();
    edges
}

fn releases() -> impl Iterator<Item = PatroniVersion> {
    // Never on the package index.
    let unpublished = [PatroniVersion::new(3, 0, 0), PatroniVersion::new(4, 0, 0)];
    KNOWN_RELEASES.iter().copied().filter(move |release| OLDEST_COVERED <= *release && !unpublished.contains(release))
}

impl Line {
    fn read(text: &str) -> Self {
        let mut value: Value = serde_json::from_str(text).expect("every line is JSON");
        let Value::Object(answers) = value["answers"].take() else { panic!("a line has answers") };
        let answers = answers.into_iter().map(|(route, steps)| (route, read_steps(&steps))).collect();
        let id = value["scenario"]["id"].as_str().expect("a scenario has a name").to_owned();
        Self { id, scenario: value["scenario"].to_string(), answers }
    }

    /// Whether `release` gives another answer than the one before it.
    fn changes_in(&self, release: PatroniVersion) -> bool {
        self.answers.values().flatten().any(|(from, _)| *from == release)
    }

    /// What `release`, if it behaved like this, would do otherwise than it was recorded to.
    fn disagreements(&self, release: PatroniVersion, behaviours: Behaviours) -> Vec<String> {
        let mut ours = decisions(verdict(release, behaviours, example::PARTS, &self.scenario));
        let mut failures = Vec::new();
        for (route, steps) in &self.answers {
            let recorded =
                steps.iter().rev().find(|(from, _)| *from <= release).and_then(|(_, answer)| answer.as_ref());
            let ours = ours.remove(route);
            if ours.as_ref() != recorded {
                let text = |answer: Option<&Value>| answer.map_or("nothing".to_owned(), Value::to_string);
                let (patroni, patrolint) = (text(recorded), text(ours.as_ref()));
                failures
                    .push(format!("{release} {} {route}:\n  Patroni:   {patroni}\n  patrolint: {patrolint}", self.id));
            }
        }
        failures.extend(ours.keys().map(|route| format!("{release} {} {route}: not recorded", self.id)));
        failures
    }
}

fn read_steps(steps: &Value) -> Steps {
    let steps = steps.as_array().expect("steps are a list").iter();
    steps
        .map(|step| {
            let release = step[0].as_str().and_then(|release| release.parse().ok()).expect("a step names its release");
            (release, step.get(1).cloned())
        })
        .collect()
}

/// The decisions that a verdict holds, by their route in it, as `tests/oracle/record.py` takes it apart.
fn decisions(verdict: Value) -> BTreeMap<String, Value> {
    fn walk(value: Value, route: String, depth: usize, found: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(fields) if 0 < depth => {
                for (key, field) in fields {
                    walk(field, format!("{route}/{key}"), depth - 1, found);
                }
            }
            mut value => {
                cut_exceptions(&mut value, route == "/load_error");
                let logs = match route.as_str() {
                    "/load_logs" => Some(&mut value),
                    "/api" => value.get_mut("logs"),
                    _ => None,
                };
                for line in logs.and_then(Value::as_array_mut).into_iter().flatten() {
                    *line = Value::from(LOGGED.replace(line.as_str().unwrap_or_default(), "$1]"));
                }
                found.insert(route, value);
            }
        }
    }
    /// The text of an exception may be that of the Python or the library in use; its class counts.
    fn cut_exceptions(value: &mut Value, is_exception: bool) {
        match value {
            Value::Object(fields) => {
                fields.iter_mut().for_each(|(name, field)| cut_exceptions(field, name == "exception"));
            }
            Value::String(text) if is_exception => {
                text.truncate(text.find(':').unwrap_or(text.len()));
            }
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    let Value::Object(parts) = verdict else { panic!("a verdict is an object") };
    for (part, value) in parts {
        let depth = match part.as_str() {
            "id" | "version" => continue,
            "race" => 2,
            "sync" | "status" => 1,
            _ => 0,
        };
        walk(value, format!("/{part}"), depth, &mut found);
    }
    found
}

fn verdict(release: PatroniVersion, behaviours: Behaviours, parts: &[&str], scenario: &str) -> Value {
    let mut out = example::Json::default();
    example::write_verdict(release, behaviours, parts, scenario, &mut out).expect("the scenario is JSON");
    serde_json::from_str(&out.text).expect("a verdict is JSON")
}

fn merge(into: &mut Value, other: &Value) {
    match (into, other) {
        (Value::Object(into), Value::Object(other)) => {
            other.iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (into, other) => *into = other.clone(),
    }
}

/// Hands every recorded line to `look`, on all processors, until it says that it has seen enough.
fn for_each_line(look: impl Fn(&Line) -> bool + Sync) {
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures())
        .expect("fixtures/oracle is a folder")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("verdicts-")))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no verdicts are recorded");
    for file in files {
        let text = unpacked(&file);
        let lines: Vec<&str> = text.lines().collect();
        if !in_parallel(&lines, |line| look(&Line::read(line))) {
            return;
        }
    }
}

/// Hands each line to `look`, until it says that it has seen enough; whether it never did.
fn in_parallel(lines: &[&str], look: impl Fn(&str) -> bool + Sync) -> bool {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !look(line) {
                next.store(lines.len(), Ordering::Relaxed);
                return false;
            }
        }
        true
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("the comparison ends")).fold(true, |all, one| all & one)
    })
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle")
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    let file = fs::File::open(path).expect("the record can be read");
    GzDecoder::new(file).read_to_string(&mut text).expect("the record is compressed text");
    text
}
