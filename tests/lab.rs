//! Every action that was really tried on a captured cluster: the prediction must equal what happened.
//!
//! The captures are the folders under `fixtures/captured/`; each holds a `truth.json` with the actions, the state right
//! before each of them, and what came of it.

use std::fs;
use std::path::{Path, PathBuf};

use patrolint::decision::api::{Kind, Request};
use patrolint::decision::prediction::{Gate, Options, Prediction, Question, Verdict, Via, predict};
use patrolint::input::RawFile;
use patrolint::model::snapshot::Snapshot;
use patrolint::model::time::{ParsedTime, parse_time};
use serde_json::{Value, json};

/// Actions that no snapshot can tell: capture, number of the action, why.
const UNPREDICTABLE: &[(&str, u64, &str)] = &[
    ("failsafe-415-etcd-down", 1, "the DCS is stopped: the state right before the request is empty"),
    ("restapi-auth-415", 1, "401: the request came without credentials, which is no part of the question"),
];

/// Kinds of actions that are no request for another leader and no crash.
const OTHER_KINDS: &[&str] = &["reload", "resume", "dcs-stop", "dcs-start", "psql"];

#[test]
fn predictions_equal_what_happened() {
    let captures = captures();
    assert!(!captures.is_empty(), "there are no captures under fixtures/captured");
    let mut failures = Vec::new();
    let mut judged = 0;
    let mut unused: Vec<_> = UNPREDICTABLE.to_vec();
    for capture in &captures {
        let name = capture.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let truth = read_json(&capture.join("truth.json"));
        for action in truth["actions"].as_array().expect("truth.json lists actions") {
            let number = action["n"].as_u64().expect("actions are numbered");
            let kind = action["kind"].as_str().expect("an action has a kind");
            if OTHER_KINDS.contains(&kind) || action["request"]["method"] == "DELETE" {
                continue;
            }
            if let Some(index) = unused.iter().position(|(capture, n, _)| *capture == name && *n == number) {
                unused.remove(index);
                continue;
            }
            judged += 1;
            for failure in compare(&truth, action) {
                failures.push(format!("{name}, action {number}: {failure}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {judged} actions differ:\n{}", failures.len(), failures.join("\n"));
    assert!(unused.is_empty(), "listed as unpredictable, but not there: {unused:?}");
    assert!(captures.len() <= judged, "only {judged} actions in {} captures", captures.len());
}

fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captured");
    let entries = fs::read_dir(&root).expect("fixtures/captured is a folder");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.join("truth.json").exists())
        .collect();
    folders.sort();
    folders
}

fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the file can be read");
    serde_json::from_str(&text).expect("the file is JSON")
}

/// The differences between the prediction for an action and what was recorded.
fn compare(truth: &Value, action: &Value) -> Vec<String> {
    let question = question(action);
    let prediction = predict_from(truth, action, &question);
    let response = &action["response"];
    let mut failures = Vec::new();
    let mut expect = |what: &str, predicted: Value, recorded: Value| {
        if predicted != recorded {
            failures.push(format!("{what}: predicted {predicted}, recorded {recorded}"));
        }
    };
    let evaluation = &prediction.evaluation;
    let gate = evaluation.gate.map(Gate::name);
    let leader_after = action["leader_after"].as_str();
    let has_moved = leader_after.is_some() && leader_after != action["leader_before"].as_str();
    match action["kind"].as_str().expect("an action has a kind") {
        "crash" => {
            expect("somebody takes over", json!(evaluation.accepted), json!(leader_after.is_some()));
        }
        "patronictl" => {
            let output = format!("{}{}", text(response, "stdout"), text(response, "stderr"));
            let refused_by_ctl = response["exit_code"] == 1;
            expect("refused by patronictl", json!(gate == Some("ctl")), json!(refused_by_ctl));
            if refused_by_ctl {
                let message = evaluation.gates[0].message.clone().unwrap_or_default();
                expect(
                    "patronictl's message is printed",
                    json!(output.contains(&format!("Error: {message}"))),
                    json!(true),
                );
            } else if let Some((_, details)) = output.split_once(" failed, details: ") {
                let details = details.lines().next().unwrap_or_default();
                let (status, body) = details.split_once(", ").expect("details are status and body");
                expect("status", json!(evaluation.http_status), json!(status.parse::<u16>().ok()));
                expect("body", json!(evaluation.http_body), json!(body));
            } else {
                expect("accepted", json!(evaluation.accepted), json!(true));
            }
        }
        _ => {
            let body = text(response, "body");
            expect("status", json!(evaluation.http_status), response["status"].clone());
            // The body of an answer to an empty request is an HTML page of Python's; which of several winners is
            // first, nobody can tell.
            if !body.starts_with("<!DOCTYPE") && evaluation.winners.len() < 2 {
                expect("body", json!(evaluation.http_body), json!(body));
            }
            let recorded_gate = match response["status"].as_u64() {
                Some(400..=422) => Some("api"),
                Some(503) => Some("leader"),
                _ => None,
            };
            expect("gate", json!(gate), json!(recorded_gate));
        }
    }
    let is_scheduled = evaluation.http_status == Some(202);
    if !is_scheduled {
        let is_crash = matches!(question, Question::Crash { .. });
        expect("the leader changes", json!(evaluation.accepted), json!(has_moved || is_crash && evaluation.accepted));
    }
    if let Some(winner) = leader_after.filter(|_| has_moved) {
        let is_predicted = evaluation.winners.iter().any(|name| name == winner);
        expect(&format!("{winner} is among the winners {:?}", evaluation.winners), json!(is_predicted), json!(true));
    }
    let verdict = if evaluation.accepted { Verdict::Accepted } else { Verdict::Refused };
    if prediction.verdict != verdict {
        failures.push(format!("the verdict depends on {:?}", prediction.depends_on));
    }
    if evaluation.gate == Some(Gate::Leader) {
        failures.extend(missing_log_lines(&prediction, action));
    }
    failures
}

/// The predicted log lines that the leader did not write.
fn missing_log_lines(prediction: &Prediction, action: &Value) -> Vec<String> {
    let leader = prediction.leader.as_deref().expect("a leader refused");
    let recorded: Vec<&str> =
        action["log_lines"][leader].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let predicted = prediction.evaluation.gates.iter().filter(|report| report.gate == Gate::Leader);
    predicted
        .flat_map(|report| &report.log_lines)
        .map(|line| format!("{}: {}", line.level, line.text))
        .filter(|line| !recorded.iter().any(|recorded| recorded.ends_with(line.as_str())))
        .map(|line| format!("{leader} did not log {line:?}"))
        .collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// The question that an action answers.
fn question(action: &Value) -> Question {
    let field = |value: &Value| value.as_str().map(str::to_owned);
    match action["kind"].as_str().expect("an action has a kind") {
        "crash" => {
            let leader = action["leader_before"].as_str().expect("a leader crashed");
            Question::Crash { nodes: vec![leader.to_owned()] }
        }
        "patronictl" => {
            let argv: Vec<&str> =
                action["argv"].as_array().expect("a command line").iter().filter_map(Value::as_str).collect();
            let option = |name: &str| {
                let index = argv.iter().position(|argument| *argument == name)?;
                argv.get(index + 1).map(|value| (*value).to_owned())
            };
            let kind = if argv.contains(&"switchover") { Kind::Switchover } else { Kind::Failover };
            let request = Request {
                leader: option("--leader"),
                candidate: option("--candidate"),
                scheduled_at: option("--scheduled"),
            };
            Question::Change { kind, request, via: Via::Ctl }
        }
        "rest" => {
            let body = &action["request"]["body"];
            let kind = if action["request"]["path"] == "/switchover" { Kind::Switchover } else { Kind::Failover };
            let request = Request {
                leader: field(&body["leader"]),
                candidate: field(&body["candidate"]),
                scheduled_at: field(&body["scheduled_at"]),
            };
            Question::Change { kind, request, via: Via::Api }
        }
        other => panic!("unknown kind of action: {other}"),
    }
}

/// The prediction from the state that was recorded right before the action, read as any other input is.
fn predict_from(truth: &Value, action: &Value, question: &Question) -> Prediction {
    let before = &action["before"];
    let file = |name: &str, content: &Value| RawFile {
        name: name.to_owned(),
        bytes: content.to_string().into_bytes(),
        ..RawFile::default()
    };
    let mut files = vec![file("before.json", &before["dcs"])];
    let mut status = serde_json::Map::new();
    for (name, answer) in before["members"].as_object().expect("the members' answers are recorded") {
        if answer["body"].is_object() {
            files.push(file(&format!("rest/{name}/patroni.json"), &answer["body"]));
        }
        let state = json!({"status": answer["status"], "error": answer.get("error")});
        status.insert(name.clone(), json!({"/patroni": state}));
    }
    files.push(file("rest/status.json", &Value::Object(status)));
    let snapshot = Snapshot::assemble(files).expect("the recorded state can be read");
    let scope = truth["scope"].as_str().expect("the scope is recorded");
    let cluster = snapshot.clusters.iter().find(|cluster| cluster.scope == scope).expect("the cluster is there");
    let now = match parse_time(before["at"].as_str().expect("the time is recorded")) {
        ParsedTime::Zoned { seconds, .. } => seconds,
        other => panic!("{other:?}"),
    };
    predict(cluster, question, Options { version: None, now: Some(now) })
}
