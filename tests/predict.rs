//! `predict` and `quorum` as users meet them: the recorded 4.0.5 cluster, dumps that lack keys, JSON, secrets.

mod schema;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use patrolint::input::offline;
use patrolint::model::snapshot::Snapshot;
use serde_json::{Value, json};

const BUG: &str = "fixtures/captured/quorum-405-3n-nc1";

/// Exit code, standard output and standard error of one run in the repository's folder.
fn patrolint(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_patrolint"))
        .args(arguments)
        .env_clear()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.code().expect("the program ends by itself"), text(output.stdout), text(output.stderr))
}

/// The answer in JSON, which must follow its schema and agree with the exit code.
#[track_caller]
fn answer(command: &str, arguments: &[&str]) -> Value {
    let mut all: Vec<&str> = command.split(' ').collect();
    all.extend(arguments);
    all.extend(["--format", "json"]);
    let (code, stdout, stderr) = patrolint(&all);
    let document: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{all:?} printed {stdout}{stderr}"));
    let name = all[0];
    schema::assert_valid(&format!("{name}.schema.json"), &document);
    if name == "predict" {
        let expected = match document["verdict"].as_str() {
            Some("accepted") => 0,
            Some("refused") => 1,
            _ => 3,
        };
        assert_eq!(code, expected, "{all:?}: {stdout}");
    }
    document
}

fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captured");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    folders
}

#[test]
fn explains_the_refusal_of_4_0_5() {
    let (code, stdout, stderr) = patrolint(&["predict", "switchover", "--candidate", "pg2", BUG]);
    assert_eq!((code, stderr.as_str()), (1, ""));
    insta::assert_snapshot!(stdout);
    let document = answer("predict switchover --candidate pg2", &[BUG]);
    assert_eq!(document["gate"], "leader");
    assert_eq!(document["http_status"], 503);
    assert_eq!(document["http_body"], "Switchover failed");
    assert_eq!(document["winners"], json!([]));
    let leader = &document["gates"][2];
    let totals: Vec<&Value> =
        leader["counting"].as_array().expect("a count").iter().map(|line| &line["total"]).collect();
    assert_eq!(totals, [&json!(-1), &json!(0), &Value::Null, &json!(1)]);
    let line = json!({"node": "pg1", "level": "WARNING",
                      "text": "switchover: no healthy members found, switchover is not possible"});
    assert!(leader["log_lines"].as_array().expect("log lines").contains(&line));
    assert_eq!(document["known_bug"]["code"], "PTL801");
    assert_eq!(document["known_bug"]["fixed_in"], "4.0.6");
    assert_eq!(document["ways"].as_array().expect("ways").len(), 3);
}

#[test]
fn accepts_the_same_with_4_0_6() {
    for input in [BUG, &format!("{BUG}/dcs/etcdctl-get.json")] {
        let document = answer("predict switchover --candidate pg2 --patroni-version 4.0.6", &[input]);
        assert_eq!(document["verdict"], "accepted");
        assert_eq!(document["http_body"], "Successfully switched over to \"pg2\"");
        assert_eq!(document["winners"], json!(["pg2"]));
        let document = answer("predict failover --candidate pg3", &[input]);
        assert_eq!((&document["verdict"], &document["gate"]), (&json!("refused"), &json!("leader")));
    }
}

#[test]
fn what_has_to_happen_at_shutdown_is_an_assumption() {
    let assumptions = |question: &str| {
        let document = answer(question, &[&format!("{BUG}/dcs/etcdctl-get.json")]);
        document["assumptions"].to_string()
    };
    let catch_up = "pg2, pg3 catch up with pg1's WAL while it shuts down";
    assert!(assumptions("predict switchover").contains(catch_up));
    assert!(!assumptions("predict switchover --candidate pg2").contains(catch_up), "the leader refuses before");
    assert!(!assumptions("predict crash").contains(catch_up), "a crash sends nothing more");
}

#[test]
fn the_way_decides_which_gates_count() {
    let capture = "fixtures/captured/all-replicas-nofailover-415";
    let gate = |via: &str| {
        answer(&format!("predict switchover --leader pg1 --candidate pg2 --via {via}"), &[capture])["gate"].clone()
    };
    assert_eq!(gate("ctl"), "ctl");
    assert_eq!(gate("api"), "api");
    assert_eq!(gate("dcs"), "leader");
}

#[test]
fn nodes_and_paths_are_told_apart() {
    let document = answer("predict crash pg1 pg2", &[BUG]);
    assert_eq!(document["question"]["nodes"], json!(["pg1", "pg2"]));
    assert_eq!(document["verdict"], "refused");
    let document = answer("predict crash --node pg2", &[BUG]);
    assert_eq!((&document["verdict"], &document["winners"]), (&json!("accepted"), &json!(["pg1"])));
    let (code, _, stderr) = patrolint(&["predict", "crash", "pg9", BUG]);
    assert_eq!((code, stderr.as_str()), (2, "error: no node pg9 in cluster demo of the input\n"));
}

#[test]
fn every_capture_has_an_answer_in_every_form() {
    for capture in captures() {
        let path = capture.to_string_lossy();
        for command in [
            "predict switchover",
            "predict switchover --candidate pg2 --via dcs",
            "predict failover --candidate pg3",
            "predict crash",
        ] {
            answer(command, &[&path]);
            let mut arguments: Vec<&str> = command.split(' ').collect();
            arguments.extend(["-v", &path]);
            let (_, stdout, _) = patrolint(&arguments);
            assert!(stdout.ends_with(".\n"), "{arguments:?}: {stdout}");
        }
        if !path.ends_with("etcd-down") {
            answer("quorum", &[&path]);
        }
    }
}

#[test]
fn shows_who_counts() {
    let (code, stdout, stderr) = patrolint(&["quorum", BUG]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stdout);
    let document = answer("quorum", &[BUG]);
    assert_eq!(document["commit"]["acknowledgements"], 1);
    assert_eq!(document["election"]["votes_needed"], 1);
    assert_eq!(document["margins"]["failover_survives_any_loss_of"], 1);
    assert_eq!(document["margins"]["fatal_for_failover"], json!([["pg1", "pg2"], ["pg1", "pg3"]]));
    let (code, _, stderr) = patrolint(&["quorum", "fixtures/captured/failsafe-415-etcd-down"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("the input holds no keys"), "{stderr}");
}

/// The keys of a healthy cluster in quorum mode, as path → value.
fn keys() -> serde_json::Map<String, Value> {
    let truth = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(BUG).join("truth.json"));
    let truth: Value = serde_json::from_str(&truth.expect("the truth can be read")).expect("it is JSON");
    truth["actions"][0]["before"]["dcs"].as_object().expect("the keys are recorded").clone()
}

#[test]
fn dumps_that_lack_keys_name_them() {
    let check = |name: &str, question: &str, lacks: &str, missing: Option<&str>| {
        let mut keys = keys();
        keys.retain(|path, _| !path.strip_prefix("/service/demo/").expect("the prefix").starts_with(lacks));
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lacks-{name}.json"));
        fs::write(&file, Value::Object(keys).to_string()).expect("the dump is written");
        let document = answer(question, &[&file.to_string_lossy()]);
        let facts: Vec<&str> = document["depends_on"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|dependency| dependency["fact"].as_str().expect("a text"))
            .collect();
        match missing {
            Some(missing) => assert!(facts.iter().any(|fact| fact.contains(missing)), "{name}: {facts:?}"),
            None => assert_eq!(document["verdict"], "accepted", "{name}: {facts:?}"),
        }
    };
    let any = "predict switchover";
    check("config", any, "config", Some("the key /service/demo/config"));
    check("leader", any, "leader", Some("the key /service/demo/leader"));
    check("members", any, "members/", Some("the keys below /service/demo/members/"));
    let named = "predict switchover --candidate pg2";
    check("leaders-member", named, "members/pg1", Some("the Patroni release of pg1"));
    check("sync", any, "sync", Some("the key /service/demo/sync"));
    check("nothing", any, "no such key", None);
    check("initialize", any, "initialize", None);
}

#[test]
fn an_incomplete_dump_decides_nothing() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(BUG).join("dcs/etcdctl-get.json"));
    let mut dump: Value = serde_json::from_str(&text.expect("the dump can be read")).expect("it is JSON");
    let keys = dump["kvs"].as_array_mut().expect("keys");
    keys.retain(|key| key["key"] != "L3NlcnZpY2UvZGVtby9zdGF0dXM=");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("incomplete.json");
    fs::write(&file, dump.to_string()).expect("the dump is written");
    let document = answer("predict switchover", &[&file.to_string_lossy()]);
    assert_eq!(document["verdict"], "depends");
    let fact = document["depends_on"][0]["fact"].as_str().expect("a text");
    assert!(fact.contains("it holds 7 of 8 keys") && fact.contains("/service/demo/status"), "{fact}");
}

#[test]
fn an_unknown_release_is_judged_with_every_release() {
    let mut keys = keys();
    for (path, value) in &mut keys {
        if path.contains("/members/") {
            let text = value.as_str().expect("a text").replace(r#""version":"4.0.5","#, "");
            *value = json!(text);
        }
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-release.json");
    fs::write(&file, Value::Object(keys).to_string()).expect("the dump is written");
    let document = answer("predict switchover --candidate pg2", &[&file.to_string_lossy()]);
    assert_eq!(document["verdict"], "depends");
    let outcomes = document["depends_on"][0]["outcomes"].as_array().expect("outcomes");
    let refusing: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| outcome["outcome"].as_str().expect("a text").starts_with("refused by the leader"))
        .map(|outcome| outcome["value"].as_str().expect("a text"))
        .collect();
    assert_eq!(refusing, ["Patroni 4.0.5"]);
}

#[test]
fn no_password_of_a_capture_is_ever_shown() {
    for capture in captures() {
        let path = capture.to_string_lossy().into_owned();
        let passwords = passwords(&capture);
        assert!(3 <= passwords.len(), "{path} holds {} passwords", passwords.len());
        let mut outputs = Vec::new();
        for command in [
            "check -v",
            "check --format json",
            "predict switchover -v",
            "predict crash --format json -v",
            "quorum",
            "quorum --format json",
        ] {
            let mut arguments: Vec<&str> = command.split(' ').collect();
            arguments.push(&path);
            let (_, stdout, stderr) = patrolint(&arguments);
            outputs.push(stdout + &stderr);
        }
        let files = offline::read(std::slice::from_ref(&path)).expect("the capture can be read");
        outputs.push(format!("{files:?}"));
        outputs.push(format!("{:#?}", Snapshot::assemble(files).expect("the capture is understood")));
        for password in &passwords {
            assert!(outputs.iter().all(|output| !output.contains(password)), "{path} shows {password}");
        }
    }
}

/// The values below `password:` in the configurations of a capture.
fn passwords(capture: &Path) -> Vec<String> {
    let nodes =
        fs::read_dir(capture.join("config")).expect("configurations").map(|entry| entry.expect("an entry").path());
    let texts = nodes.map(|node| fs::read_to_string(node.join("patroni.yml")).expect("a configuration"));
    let mut passwords: Vec<String> = texts
        .flat_map(|text| {
            let values = text.lines().filter_map(|line| line.trim().strip_prefix("password:")).map(str::trim);
            values.map(|value| value.trim_matches('"').to_owned()).collect::<Vec<_>>()
        })
        .collect();
    passwords.sort();
    passwords.dedup();
    passwords
}

#[test]
fn every_release_in_turn_shows_what_an_upgrade_changes() {
    let question = ["predict", "switchover", "--candidate", "pg2", "--patroni-version", "all", BUG];
    let (code, stdout, stderr) = patrolint(&question);
    assert_eq!((code, stderr.as_str()), (1, ""));
    insta::assert_snapshot!(stdout);
    let (_, stdout, _) = patrolint(&[&question[..], &["--format", "json"]].concat());
    let document: Value = serde_json::from_str(&stdout).expect("it is JSON");
    schema::assert_valid("predict-releases.schema.json", &document);
    let refusing: Vec<&Value> = document["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .filter(|group| group["verdict"] == "refused")
        .map(|group| &group["releases"])
        .collect();
    assert_eq!(refusing, [&json!(["4.0.5"])]);
    assert_eq!(deciding(&document), ["leader-counts-votes", "named-candidate-skips-quorum"]);
    let lagging = "fixtures/captured/receive-lag-415";
    let (_, stdout, _) = patrolint(&[&question[..6], &[lagging, "--format", "json"]].concat());
    let document: Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert_eq!(deciding(&document), ["status-holds-position"]);
    let (code, _, stderr) = patrolint(&["quorum", "--patroni-version", "all", BUG]);
    assert_eq!((code, stderr.as_str()), (2, "error: --patroni-version all goes with predict alone\n"));
}

/// The names of the behaviours that decide, change by change.
fn deciding(document: &Value) -> Vec<&str> {
    let changes = document["changes"].as_array().expect("changes");
    let behaviours = changes.iter().flat_map(|change| change["behaviours"].as_array().expect("behaviours"));
    behaviours.map(|behaviour| behaviour["name"].as_str().expect("a name")).collect()
}

#[test]
fn a_crash_of_a_replica_is_no_failover() {
    let (code, stdout, _) = patrolint(&["predict", "crash", "pg2", BUG]);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("NO FAILOVER  crash of pg2 (cluster demo): pg1 stays leader\n"), "{stdout}");
}
