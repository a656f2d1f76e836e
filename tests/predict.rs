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
fn the_lock_goes_before_postgresql_has_stopped_if_somebody_has_the_last_wal() {
    let shutdown = |release: &str, replication_state: &str| {
        let mut keys = keys();
        for name in ["pg2", "pg3"] {
            let value = keys.get_mut(&format!("/service/demo/members/{name}")).expect("the member has a key");
            let text = value.as_str().expect("a text");
            *value = json!(text.replace("streaming", replication_state).replace("67109000", "67108992"));
        }
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{release}-{replication_state}.json"));
        fs::write(&file, Value::Object(keys).to_string()).expect("the dump is written");
        let question = format!("predict switchover --patroni-version {release}");
        answer(&question, &[&file.to_string_lossy()])["shutdown"].clone()
    };
    let logs = |shutdown: &Value| {
        let lines = shutdown["log_lines"].as_array().expect("log lines").iter();
        lines.map(|line| line["text"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    let early = shutdown("4.0.6", "streaming");
    assert_eq!(early["gives_lock_away_early"], true);
    assert_eq!(logs(&early), ["Demoting self (graceful)"]);
    let late = shutdown("4.0.6", "in archive recovery");
    assert_eq!(late["gives_lock_away_early"], false);
    assert_eq!(logs(&late)[1], "Member pg2 exceeds maximum replication lag");
    let silent = shutdown("2.1.1", "streaming");
    assert_eq!((&silent["gives_lock_away_early"], logs(&silent)), (&json!(false), Vec::new()));
    let refused = answer("predict switchover --candidate pg2", &[BUG]);
    assert_eq!(refused["shutdown"], Value::Null, "the leader does not step down");
}

#[test]
fn a_time_without_zone_is_taken_by_patronictl_alone() {
    let ask = |via: &str| answer(&format!("predict switchover --leader pg1 --at 2030-01-01T10:00 --via {via}"), &[BUG]);
    let (by_ctl, by_api) = (ask("ctl"), ask("api"));
    assert_eq!(by_ctl["http_status"], 202);
    assert!(by_ctl["remarks"].to_string().contains("UTC is supposed here"));
    assert_eq!(by_api["http_status"], 400);
    assert_eq!(by_api["http_body"], "Timezone information is mandatory for the scheduled switchover");
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
    assert_eq!(document["margins"]["commits_survive_any_loss_of"], 3);
    assert_eq!(document["margins"]["hurts_most"], json!(["pg1"]));
    assert_eq!(document["overlap"]["holds"], true);
    assert_eq!(document["steady_state"]["reached"], true);
    let losses = document["margins"]["losses"].as_array().expect("every set");
    assert_eq!(losses.len(), 7);
    assert_eq!(losses[0]["winners"], json!(["pg2", "pg3"]));
    let (code, _, stderr) = patrolint(&["quorum", "fixtures/captured/failsafe-415-etcd-down"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("the input holds no keys"), "{stderr}");
}

/// The table of who counts after some changes to the keys, in JSON, and the exit code.
#[track_caller]
fn counted(name: &str, change: &dyn Fn(&mut serde_json::Map<String, Value>)) -> (i32, Value, String) {
    let mut keys = keys();
    change(&mut keys);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("counts-{name}.json"));
    fs::write(&file, Value::Object(keys).to_string()).expect("the dump is written");
    let file = file.to_string_lossy().into_owned();
    let (code, text, _) = patrolint(&["quorum", &file]);
    (code, answer("quorum", &[&file]), text)
}

fn set(keys: &mut serde_json::Map<String, Value>, key: &str, value: &str) {
    keys.insert(format!("/service/demo/{key}"), json!(value));
}

fn edit(keys: &mut serde_json::Map<String, Value>, key: &str, from: &str, to: &str) {
    let text = keys[&format!("/service/demo/{key}")].as_str().expect("a text").to_owned();
    assert!(text.contains(from), "{key} is {text}");
    set(keys, key, &text.replace(from, to));
}

/// Whether and why a member counts, in each quorum.
fn standing(document: &Value, member: &str, quorum: &str) -> (bool, String) {
    let members = document["members"].as_array().expect("members");
    let member = members.iter().find(|it| it["name"] == member).expect("the member is listed");
    let standing = &member[quorum];
    (standing["counts"] == true, standing["because"].as_str().expect("a reason").to_owned())
}

#[test]
fn every_member_is_told_why_it_does_not_count() {
    let check = |name: &str, change: &dyn Fn(&mut serde_json::Map<String, Value>), quorum: &str, reason: &str| {
        let (_, document, _) = counted(name, change);
        let (counts, because) = standing(&document, "pg3", quorum);
        assert!(!counts && because.contains(reason), "{name}: {because}");
    };
    let tag = |tags: &'static str| {
        move |keys: &mut serde_json::Map<String, Value>| {
            edit(keys, "members/pg3", "{", &format!("{{\"tags\":{{{tags}}},"))
        }
    };
    let only_pg2 = r#"{"leader":"pg1","quorum":0,"sync_standby":"pg2"}"#;
    let outside = |change: &'static dyn Fn(&mut serde_json::Map<String, Value>)| {
        move |keys: &mut serde_json::Map<String, Value>| {
            set(keys, "sync", only_pg2);
            change(keys);
        }
    };
    check(
        "nosync",
        &outside(&|keys| edit(keys, "members/pg3", "{", r#"{"tags":{"nosync":true},"#)),
        "commit",
        "nosync",
    );
    check(
        "nostream",
        &outside(&|keys| edit(keys, "members/pg3", "{", r#"{"tags":{"nostream":true},"#)),
        "commit",
        "nostream",
    );
    check(
        "cascade",
        &outside(&|keys| edit(keys, "members/pg3", "{", r#"{"tags":{"replicatefrom":"pg2"},"#)),
        "commit",
        "replicates from pg2",
    );
    check(
        "archive",
        &outside(&|keys| edit(keys, "members/pg3", "streaming", "in archive recovery")),
        "commit",
        "does not stream",
    );
    check("new", &outside(&|_| {}), "commit", "about to add it");
    let lagging = outside(&|keys| {
        edit(keys, "members/pg3", r#""xlog_location":671"#, r#""xlog_location":61"#);
        edit(keys, "config", "{", r#"{"maximum_lag_on_syncnode":1000,"#);
    });
    check("lagging-standby", &lagging, "commit", "maximum_lag_on_syncnode allows 1000");
    check("no-seat", &outside(&|_| {}), "election", "no seat");
    check("nofailover", &tag(r#""nofailover":true"#), "election", "holds a seat, never votes");
    check("priority", &tag(r#""failover_priority":0"#), "election", "never votes");
    check(
        "stopped",
        &|keys| edit(keys, "members/pg3", r#""state":"running""#, r#""state":"stopped""#),
        "election",
        "stopped",
    );
    check("no-url", &|keys| edit(keys, "members/pg3", "api_url", "no_url"), "election", "cannot vote");
    let lagging = |keys: &mut serde_json::Map<String, Value>| {
        set(keys, "status", r#"{"optime":99109000}"#);
        edit(keys, "config", r#""synchronous_mode":"quorum""#, r#""synchronous_mode":false"#);
    };
    check("lagging", &lagging, "election", "maximum_lag_on_failover allows");
    let failsafe = |keys: &mut serde_json::Map<String, Value>| {
        edit(keys, "config", "{", r#"{"failsafe_mode":true,"#);
        set(keys, "failsafe", r#"{"pg1":"http://a/","pg2":"http://b/"}"#);
        edit(keys, "config", r#""synchronous_mode":"quorum""#, r#""synchronous_mode":false"#);
    };
    check("failsafe", &failsafe, "election", "not in /failsafe");
    let timeline = |keys: &mut serde_json::Map<String, Value>| {
        edit(keys, "config", r#""synchronous_mode":"quorum""#, r#""check_timeline":true"#);
        set(keys, "history", r#"[[1,100,"no reason","2026-01-01T00:00:00+00:00","pg1"]]"#);
    };
    check("timeline", &timeline, "election", "on timeline 1, the cluster on 2");
    check("paused", &|keys| edit(keys, "config", "{", r#"{"pause":true,"#), "election", "paused");
    let plain = |keys: &mut serde_json::Map<String, Value>| {
        edit(keys, "config", r#""synchronous_mode":"quorum""#, r#""synchronous_mode":true"#);
        set(keys, "sync", only_pg2);
    };
    check("plain", &plain, "election", "not in /sync");
    check("enough", &plain, "commit", "not needed");

    let (_, document, _) = counted("letters", &|keys| edit(keys, "sync", "pg3", "PG3"));
    assert_eq!(standing(&document, "pg3", "election"), (true, "votes, may win".to_owned()));
    let reasons = document["members"][2]["election"]["reasons"].to_string();
    assert!(reasons.contains("/sync spells it PG3") && reasons.contains("dcs:/service/demo/sync"), "{reasons}");
    let (_, document, text) = counted("stranger", &|keys| edit(keys, "sync", "pg3", "pg9"));
    assert_eq!(
        standing(&document, "pg9", "election"),
        (false, "holds a seat, but is not a member: never votes".to_owned())
    );
    assert!(text.starts_with("NO MARGIN  the loss of pg1 alone is too much"), "{text}");
}

#[test]
fn a_way_through_a_weaker_state_is_told() {
    // A standby that is preferred takes the place of another one, which leaves /sync before the new one gets in.
    let change = |keys: &mut serde_json::Map<String, Value>| {
        for member in ["pg1", "pg2", "pg3"] {
            edit(keys, &format!("members/{member}"), r#""version":"4.0.5""#, r#""version":"4.1.5""#);
        }
        edit(keys, "members/pg3", "{", r#"{"tags":{"sync_priority":2},"#);
        edit(keys, "config", r#""synchronous_mode":"quorum""#, r#""synchronous_mode":true"#);
        set(keys, "sync", r#"{"leader":"pg1","quorum":0,"sync_standby":"pg2"}"#);
    };
    let (_, document, text) = counted("weaker", &change);
    let writes = document["steady_state"]["writes"].as_array().expect("writes");
    let steps: Vec<(&str, bool)> =
        writes.iter().map(|write| (write["what"].as_str().expect("a text"), write["weaker"].is_string())).collect();
    let expected = [
        ("/sync: leader pg1, sync_standby nobody", true),
        ("synchronous_standby_names: pg3", true),
        ("/sync: leader pg1, sync_standby pg3", false),
    ];
    assert_eq!(steps, expected, "{text}");
    assert!(text.contains("(weaker: "), "{text}");
    let (_, document, _) = counted("not-weaker", &|_| {});
    assert_eq!(document["steady_state"]["writes"], json!([]));
}

#[test]
fn every_kind_of_cluster_is_told_what_it_survives() {
    let check = |name: &str,
                 change: &dyn Fn(&mut serde_json::Map<String, Value>),
                 code: i32,
                 start: &str,
                 tolerated: [Value; 3]| {
        let (exit, document, text) = counted(name, change);
        assert_eq!(exit, code, "{name}: {text}");
        assert!(text.starts_with(start), "{name}: {text}");
        let margins = &document["margins"];
        let fields = ["failover_survives_any_loss_of", "commits_survive_any_loss_of", "writes_survive_any_loss_of"];
        assert_eq!(fields.map(|field| margins[field].clone()), tolerated, "{name}");
        (document, text)
    };
    let config = |from: &'static str, to: &'static str| {
        move |keys: &mut serde_json::Map<String, Value>| edit(keys, "config", from, to)
    };
    let quorum = r#""synchronous_mode":"quorum""#;
    check("whole", &|_| {}, 0, "SURVIVES  the loss of any 1 member", [json!(1), json!(3), json!(1)]);
    check(
        "async",
        &config(quorum, r#""synchronous_mode":"off""#),
        0,
        "SURVIVES  the loss of any 2 members",
        [json!(2), json!(0), json!(2)],
    );
    let (_, text) = check("pause", &config("{", r#"{"pause":true,"#), 0, "PAUSED", [json!(0), json!(3), json!(0)]);
    assert!(text.contains("patronictl resume demo"), "{text}");
    let standby = config("{", r#"{"standby_cluster":{"host":"10.0.0.9"},"#);
    let (document, _) = check("standby", &standby, 0, "SURVIVES", [json!(1), json!(0), json!(1)]);
    assert_eq!(document["margins"]["losses"][0]["writes"], "elsewhere");
    let strict = |keys: &mut serde_json::Map<String, Value>| {
        edit(keys, "config", "{", r#"{"synchronous_mode_strict":true,"#);
    };
    let (document, text) = check("strict", &strict, 0, "SURVIVES", [json!(1), json!(3), json!(1)]);
    assert!(
        document["margins"]["fatal_for_writes"].to_string().contains(r#"["pg2","pg3"]"#)
            && text.contains("until one returns")
    );
    let broken = |keys: &mut serde_json::Map<String, Value>| edit(keys, "sync", r#""quorum":1"#, r#""quorum":0"#);
    let (document, text) = check("broken", &broken, 0, "SURVIVES", [json!(2), json!(1), json!(2)]);
    assert_eq!(document["overlap"]["holds"], false);
    assert!(text.contains("BROKEN: ") && text.contains("loop 1: /sync: leader pg1, quorum 1 of pg2, pg3"), "{text}");
    let moving = |keys: &mut serde_json::Map<String, Value>| {
        set(keys, "sync", r#"{"leader":"pg1","quorum":0,"sync_standby":"pg2"}"#)
    };
    let (document, _) = check("moving", &moving, 0, "SURVIVES", [json!(1), json!(3), json!(1)]);
    assert_eq!(document["steady_state"]["then"]["voters"], json!(["pg2", "pg3"]));
    assert_eq!(document["steady_state"]["then"]["quorum"], 1);
    let none = |keys: &mut serde_json::Map<String, Value>| {
        keys.remove("/service/demo/leader");
        edit(keys, "members/pg1", r#""role":"primary""#, r#""role":"replica""#);
    };
    check("nobody", &none, 0, "NO LEADER", [json!(1), json!(3), json!(1)]);
    let lacks = |key: &'static str| {
        move |keys: &mut serde_json::Map<String, Value>| {
            keys.remove(key);
        }
    };
    let (document, _) = check("no-sync", &lacks("/service/demo/sync"), 3, "SURVIVES", [json!(2), json!(0), json!(2)]);
    assert!(document["missing"].to_string().contains("the key /service/demo/sync"));
    let (document, _) =
        check("no-config", &lacks("/service/demo/config"), 3, "SURVIVES", [json!(2), json!(0), json!(2)]);
    assert!(document["missing"].to_string().contains("the key /service/demo/config"));
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
