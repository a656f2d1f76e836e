//! Recorded verdicts of the released code of Patroni: the decisions must agree on every gate.
//!
//! `tests/oracle/record.py` makes the records; `examples/verdicts/` makes patrolint's answers in the same form.

#[path = "../examples/verdicts/main.rs"]
#[allow(dead_code, reason = "the example's own main is not called")]
mod example;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;

use flate2::read::GzDecoder;
use patrolint::model::version::PatroniVersion;
use serde_json::{Value, json};

/// A line that only says that `/history` is malformed; the decisions that follow from it are compared.
const HISTORY_ERROR: &str = "ERROR: Failed to parse cluster history from DCS";

#[test]
fn decisions_agree_with_recorded_patroni() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle");
    let scenarios = lines(&folder.join("scenarios.jsonl.gz"));
    assert!(400 <= scenarios.len(), "only {} scenarios are recorded", scenarios.len());
    let files = fs::read_dir(&folder).expect("fixtures/oracle is a folder");
    let records: Vec<(PatroniVersion, PathBuf)> = files
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some((name.strip_suffix(".jsonl.gz")?.parse().ok()?, path))
        })
        .collect();
    assert!(20 <= records.len(), "only {} releases are recorded", records.len());
    let failures: Vec<String> = thread::scope(|scope| {
        let scenarios = &scenarios;
        let workers: Vec<_> = records
            .iter()
            .map(|(version, path)| scope.spawn(move || disagreements(*version, scenarios, &lines(path))))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("the comparison ends")).collect()
    });
    let shown = &failures[..failures.len().min(20)];
    assert!(failures.is_empty(), "{} disagreements:\n{}", failures.len(), shown.join("\n"));
}

fn disagreements(version: PatroniVersion, scenarios: &[Value], recorded: &[Value]) -> Vec<String> {
    assert_eq!(scenarios.len(), recorded.len(), "{version} was recorded from other scenarios");
    let mut failures = Vec::new();
    for (scenario, recorded) in scenarios.iter().zip(recorded) {
        for failure in compare(&verdict(version, scenario), recorded) {
            failures.push(format!("{version} {}: {failure}", scenario["id"]));
        }
    }
    failures
}

fn verdict(version: PatroniVersion, scenario: &Value) -> Value {
    let mut out = example::json::Json::default();
    let behaviours = patrolint::model::behaviour::Behaviours::of(version);
    example::write_verdict(version, behaviours, example::PARTS, &scenario.to_string(), &mut out).expect("it is JSON");
    serde_json::from_str(&out.text).expect("a verdict is JSON")
}

fn lines(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    let file = fs::File::open(path).expect("the record can be read");
    GzDecoder::new(file).read_to_string(&mut text).expect("the record is compressed text");
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

/// The differences between two verdicts.
fn compare(predicted: &Value, recorded: &Value) -> Vec<String> {
    let mut failures = Vec::new();
    let mut expect = |what: &str, predicted: Value, recorded: Value| {
        if predicted != recorded {
            failures.push(format!("{what}: predicted {predicted}, recorded {recorded}"));
        }
    };
    expect("the cluster loads", loads(predicted), loads(recorded));
    if loads(recorded) == json!(false) {
        return failures;
    }
    expect("api", api(&predicted["api"]), api(&recorded["api"]));
    expect("ctl", ctl(&predicted["ctl"]), ctl(&recorded["ctl"]));
    expect("leader", leader(&predicted["leader"]), leader(&recorded["leader"]));
    for phase in ["manual", "crash"] {
        let nodes = |verdict: &Value| -> Vec<(String, Value)> {
            let race = verdict["race"][phase].as_object().into_iter().flatten();
            race.map(|(name, node)| (name.clone(), racer(node))).collect()
        };
        let (mut ours, mut theirs) = (nodes(predicted), nodes(recorded));
        ours.sort_by(|one, two| one.0.cmp(&two.0));
        theirs.sort_by(|one, two| one.0.cmp(&two.0));
        expect(&format!("race after {phase}"), json!(ours), json!(theirs));
    }
    failures
}

fn loads(verdict: &Value) -> Value {
    json!(verdict.get("load_error").is_none())
}

fn raised(verdict: &Value) -> bool {
    verdict.get("exception").is_some()
}

/// Status, whether the key was written, and the body of a refusal. No status, or an exception: no answer.
fn api(verdict: &Value) -> Value {
    let accepted = verdict["accepted"] == true;
    match (raised(verdict) || verdict["status"].is_null(), accepted) {
        (true, _) => json!("no answer"),
        (false, true) => json!([verdict["status"], true]),
        (false, false) => json!([verdict["status"], false, verdict["body"]]),
    }
}

/// Exit code and message of patronictl, and what it sends.
fn ctl(verdict: &Value) -> Value {
    if raised(verdict) {
        return json!("exception");
    }
    let post = &verdict["post"];
    let body = match &post["body"] {
        Value::String(text) => serde_json::from_str(text).expect("the body is JSON"),
        other => other.clone(),
    };
    let kind = post["url"].as_str().and_then(|url| url.rsplit('/').next()).or_else(|| post["kind"].as_str());
    let sent = (!post.is_null()).then(|| json!([kind, body["leader"], body["candidate"]]));
    let sent = if verdict.get("writes").is_some() { Some(json!("writes the key itself")) } else { sent };
    json!([verdict["exit"], verdict.get("error"), sent.filter(|_| verdict["exit"] == 0)])
}

fn leader(verdict: &Value) -> Value {
    match (verdict.get("skipped").is_some(), raised(verdict)) {
        (true, _) => json!("skipped"),
        (_, true) => json!("exception"),
        _ => json!([verdict["demote"], verdict["message"], verdict["writes"], logs(verdict)]),
    }
}

fn racer(verdict: &Value) -> Value {
    match (verdict.get("skipped").is_some(), raised(verdict)) {
        (true, _) => json!("skipped"),
        (_, true) => json!("exception"),
        _ => json!([verdict["healthiest"], logs(verdict)]),
    }
}

fn logs(verdict: &Value) -> Vec<&str> {
    let lines = verdict["logs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.filter(|line| !line.starts_with(HISTORY_ERROR)).collect()
}
