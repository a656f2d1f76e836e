//! Small clusters at the edges of comparisons, which captures and generated scenarios hardly ever meet.

mod cluster;

use std::fmt::Write as _;

use patrolint::decision::api::{Kind, Request};
use patrolint::decision::leader::{LeaderOutcome, process_manual_failover_from_leader};
use patrolint::decision::prediction::facts::Facts;
use patrolint::decision::prediction::{Gate, GateVerdict, Options, Prediction, Question, Via, predict};
use patrolint::decision::quorum::commits::CommitQuorum;
use patrolint::decision::quorum::contest::Contest;
use patrolint::decision::quorum::margins::Margins;
use patrolint::decision::quorum::overlap::Overlap;
use patrolint::decision::quorum::report;
use patrolint::decision::quorum::situation::Situation;
use patrolint::decision::sync_replication::process_sync_replication;
use patrolint::model::snapshot::ClusterSnapshot;
use serde_json::{Value, json};

use cluster::cluster;

/// 2030-01-01T00:00:00 in UTC.
const NEW_YEAR: f64 = 1_893_456_000.0;

fn question(kind: Kind, via: Via, leader: &str, candidate: &str, at: &str) -> Question {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let request = Request { leader: given(leader), candidate: given(candidate), scheduled_at: given(at) };
    Question::Change { kind, request, via }
}

fn switchover(via: Via, candidate: &str) -> Question {
    question(Kind::Switchover, via, "pg01", candidate, "")
}

fn asked(snapshot: &ClusterSnapshot, question: &Question) -> Prediction {
    predict(snapshot, question, Options::default())
}

/// The value of a member's key: a primary or a replica that streams, with changes to its fields; null takes one away.
fn member(role: &str, changes: Value) -> Value {
    let mut member = json!({
        "api_url": "http://10.0.0.1:8008/patroni", "state": "running", "role": role, "version": "4.1.5", "xlog_location": 1000,
        "timeline": 1, "replication_state": "streaming",
    });
    for (name, value) in changes.as_object().expect("changes are an object") {
        member[name] = value.clone();
    }
    member.as_object_mut().expect("it is an object").retain(|_, value| !value.is_null());
    Value::String(member.to_string())
}

/// A cluster of `pg01`, which leads, and replicas with these changes, with these keys besides.
fn replicas(changes: &[Value], keys: Value, rest: Value) -> ClusterSnapshot {
    let mut dcs = json!({
        "config": "{}", "leader": "pg01", "initialize": "1", "status": r#"{"optime":1000}"#, "history": "[]",
        "members/pg01": member("primary", json!({})),
    });
    for (index, changes) in changes.iter().enumerate() {
        dcs[format!("members/pg{:02}", index + 2)] = member("replica", changes.clone());
    }
    for (name, value) in keys.as_object().expect("keys are an object") {
        dcs[name] = value.clone();
    }
    dcs.as_object_mut().expect("it is an object").retain(|_, value| !value.is_null());
    cluster(&json!({"dcs": dcs, "rest": rest}))
}

#[test]
fn a_scheduled_request_is_stale_after_one_and_a_half_loops() {
    let decided = |seconds_late: f64| {
        let failover = r#"{"leader":"pg01","candidate":"pg02","scheduled_at":"2030-01-01T00:00:00+00:00"}"#;
        let snapshot = replicas(&[json!({})], json!({"failover": failover}), json!({}));
        let facts = Facts::collect(&snapshot, None, Some(NEW_YEAR + seconds_late));
        let situation = Situation::of(&facts).expect("the keys are sound");
        process_manual_failover_from_leader(&situation.view().expect("there is a leader")).outcome
    };
    // loop_wait is 10.
    assert_eq!(
        [-11.0, -10.0, 15.0, 16.0].map(decided),
        [LeaderOutcome::Waits, LeaderOutcome::Demotes, LeaderOutcome::Demotes, LeaderOutcome::Waits]
    );
}

#[test]
fn without_an_address_patronictl_writes_the_key_and_a_caller_gets_nowhere() {
    let no_url = json!({"members/pg01": member("primary", json!({"api_url": null}))});
    let down = json!({"members/pg01": member("primary", json!({"state": "stopped"}))});
    for keys in [no_url, down] {
        let snapshot = replicas(&[json!({})], keys, json!({}));
        let gates = [Via::Ctl, Via::Api, Via::Dcs].map(|via| {
            let evaluation = asked(&snapshot, &switchover(via, "pg02")).evaluation;
            (evaluation.gate, evaluation.gates[1].verdict)
        });
        let refuses = GateVerdict::Refuses;
        assert_eq!(gates, [(None, GateVerdict::Bypassed), (Some(Gate::Api), refuses), (None, refuses)]);
    }
    let nobody = replicas(&[], json!({"leader": null, "members/pg01": null, "members/pg02/x": ""}), json!({}));
    let verdict = |via| asked(&nobody, &question(Kind::Failover, via, "", "pg09", "")).evaluation.gates[1].verdict;
    assert_eq!([Via::Ctl, Via::Api].map(verdict), [GateVerdict::Bypassed, GateVerdict::Refuses]);
    let by_api = asked(&nobody, &question(Kind::Failover, Via::Api, "", "pg09", "")).evaluation;
    assert_eq!(by_api.gate, Some(Gate::Api));
}

#[test]
fn now_is_no_schedule() {
    let line = |at: &str| {
        let snapshot = replicas(&[json!({})], json!({}), json!({}));
        let prediction = asked(&snapshot, &question(Kind::Switchover, Via::Dcs, "pg01", "pg02", at));
        prediction.evaluation.gates[2].log_lines[0].text.clone()
    };
    assert_eq!(line("now"), "switchover: demoting myself");
    assert_eq!(line("2030-01-01T00:00:00+00:00"), "Manual scheduled switchover at 2030-01-01T00:00:00+00:00");
}

#[test]
fn a_former_leader_comes_back_if_nobody_else_may_lead() {
    let race = |snapshot: &ClusterSnapshot| {
        let evaluation = asked(snapshot, &switchover(Via::Dcs, "")).evaluation;
        (evaluation.gates[3].because.clone(), evaluation.gates[3].racers.len())
    };
    let barred = json!({"tags": {"nofailover": true}});
    let back = "nobody else may take the lock, so pg01 takes it back".to_owned();
    assert_eq!(race(&replicas(&[barred], json!({}), json!({}))), (back.clone(), 1));
    let quorum = |number: i128| {
        json!({
            "config": r#"{"synchronous_mode":"quorum"}"#,
            "sync": format!(r#"{{"leader":"pg01","sync_standby":"pg02,pg03","quorum":{number}}}"#),
        })
    };
    let silent = json!({"pg03": "unreachable"});
    assert_eq!(race(&replicas(&[json!({}), json!({})], quorum(1), silent.clone())), (back, 2));
    // Its vote may be what one lacks that is ahead of it; the candidate must not be promoted.
    let three = [
        json!({"version": "4.0.7", "xlog_location": 2000}),
        json!({"version": "4.0.7"}),
        json!({"version": "4.0.7", "tags": {"nofailover": true}}),
    ];
    let failover = question(Kind::Failover, Via::Dcs, "", "pg04", "");
    let mut keys = quorum(1);
    keys["members/pg01"] = member("primary", json!({"version": "4.0.7"}));
    let race = &asked(&replicas(&three, keys, silent), &failover).evaluation.gates[3];
    assert_eq!((race.verdict, race.because.as_str()), (GateVerdict::Passes, "pg02 takes the lock"));
}

#[test]
fn standbys_that_stream_arrive_where_the_farthest_of_them_is() {
    let at = |lsn: i128, state: &str| json!({"xlog_location": lsn, "replication_state": state});
    let winners = |replicas_at: &[Value], leader_at: i128| {
        let keys = json!({"members/pg01": member("primary", json!({"xlog_location": leader_at}))});
        asked(&replicas(replicas_at, keys, json!({})), &switchover(Via::Dcs, "")).evaluation.winners
    };
    let archive = "in archive recovery";
    // One that does not stream may be farther than the leader's key, and the others do not get there.
    let three = [at(2000, "streaming"), at(1000, "streaming"), at(1500, archive)];
    assert_eq!(winners(&three, 1000), ["pg02", "pg03"]);
    // maximum_lag_on_failover is 1048576.
    let two = |lag: i128| [at(2_000_000, "streaming"), at(2_000_000 - lag, "streaming")];
    assert_eq!(winners(&two(1_048_576), 2_000_000), ["pg02", "pg03"]);
    assert_eq!(winners(&two(1_048_577), 2_000_000), ["pg02"]);
}

#[test]
fn a_timeline_of_zero_is_none() {
    let config = json!({"config": r#"{"check_timeline":true}"#});
    let answer = |timeline: i128| {
        json!({"state": "running", "role": "replica", "timeline": timeline,
               "xlog": {"received_location": 1000, "replayed_location": 1000}})
    };
    let crash = Question::Crash { nodes: Vec::new() };
    let gates = [0, 1].map(|timeline| {
        let by_key = replicas(&[json!({"timeline": timeline})], config.clone(), json!({}));
        let by_rest = replicas(&[json!({})], config.clone(), json!({"pg02": answer(timeline)}));
        (asked(&by_key, &switchover(Via::Dcs, "pg02")).evaluation.gate, asked(&by_rest, &crash).evaluation.gate)
    });
    assert_eq!(gates, [(Some(Gate::Leader), Some(Gate::Race)), (None, None)]);
}

#[test]
fn the_leaders_list_tells_who_streams() {
    let early = |application_name: &str, state: &str| {
        let rest = json!({"pg01": {
            "state": "running", "role": "primary", "timeline": 1, "xlog": {"location": 2000},
            "replication": [{"application_name": application_name, "state": state}],
        }});
        let snapshot = replicas(&[json!({"replication_state": null})], json!({}), rest);
        asked(&snapshot, &switchover(Via::Dcs, "")).evaluation.shutdown.expect("it steps down").gives_lock_away_early
    };
    assert_eq!(early("PG02", "streaming"), Some(true));
    assert_eq!(early("pg02", "catchup"), Some(false));
    assert_eq!(early("pg03", "streaming"), Some(false));
}

#[test]
fn a_primary_is_known_by_its_role_or_its_position() {
    let gate = |answer: Value| {
        let keys = json!({"config": r#"{"pause":true}"#, "members/pg01": member("replica", json!({}))});
        let snapshot = replicas(&[json!({})], keys, json!({"pg01": answer}));
        asked(&snapshot, &switchover(Via::Dcs, "pg02")).evaluation.gate
    };
    assert_eq!(gate(json!({"state": "running", "role": "primary"})), None);
    assert_eq!(gate(json!({"state": "running", "xlog": {"location": 1000}})), None);
    assert_eq!(gate(json!({"state": "running", "role": "replica"})), Some(Gate::Leader));
}

#[test]
fn an_answer_is_read_as_the_release_reads_it() {
    let evaluation = |version: &str| {
        let rest = json!({"pg02": {
            "state": "running", "role": "replica", "timeline": 1, "tags": {"failover_priority": 0},
            "xlog": {"received_location": 1000, "replayed_location": 1000},
        }});
        let version = json!({"version": version});
        let keys = json!({"members/pg01": member("primary", version.clone())});
        asked(&replicas(&[version.clone(), version], keys, rest), &switchover(Via::Dcs, "pg02")).evaluation
    };
    let (old, new) = (evaluation("3.1.0"), evaluation("3.2.0"));
    assert_eq!((old.gate, old.winners.as_slice()), (None, ["pg02".to_owned()].as_slice()));
    assert_eq!(new.gate, Some(Gate::Leader));
}

#[test]
fn a_former_leader_needs_no_votes_if_it_has_too_few() {
    let needs_none = |voters_answer: bool| {
        let keys = json!({
            "config": r#"{"synchronous_mode":"quorum"}"#, "leader": null, "members/pg01": member("replica", json!({})),
            "sync": r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":1}"#,
        });
        let rest = if voters_answer { json!({}) } else { json!({"pg02": "unreachable", "pg03": "unreachable"}) };
        let crash = Question::Crash { nodes: vec!["pg03".to_owned()] };
        let evaluation = asked(&replicas(&[json!({}), json!({})], keys, rest), &crash).evaluation;
        let pg01 = &evaluation.gates[0].racers[0];
        (pg01.takes_lock, pg01.reasons.iter().any(|reason| reason == "the former leader needs no votes"))
    };
    assert_eq!([needs_none(true), needs_none(false)], [(true, false), (true, true)]);
}

#[test]
fn members_are_counted_up_to_a_limit() {
    let fits = |members: usize, keys: Value| {
        let facts = Facts::collect(&replicas(&vec![json!({}); members - 1], keys, json!({})), None, None);
        let situation = Situation::of(&facts).expect("the keys are sound");
        let margins = Margins::of(&situation, &CommitQuorum::of(&situation));
        (Contest::new(&facts).is_some(), margins.is_some())
    };
    assert_eq!([fits(63, json!({})), fits(64, json!({}))], [(true, false), (false, false)]);
    let request = json!({"failover": r#"{"leader":"pg01"}"#});
    assert_eq!([fits(12, request.clone()), fits(13, request)], [(true, true), (true, false)]);
}

#[test]
fn missing_votes_are_those_of_nodes_that_nobody_stops() {
    let keys = json!({
        "config": r#"{"synchronous_mode":"quorum"}"#,
        "sync": r#"{"leader":"pg01","sync_standby":"pg02,pg03,pg04","quorum":2}"#,
    });
    let snapshot = replicas(&[json!({}), json!({}), json!({"xlog_location": 900})], keys, json!({}));
    let facts = Facts::collect(&snapshot, None, None);
    let contest = Contest::new(&facts).expect("they are few");
    // Lost are pg01, then pg02, or pg02 and pg03 as well.
    assert_eq!([0b0001, 0b0011, 0b0111].map(|lost| contest.missing_votes(lost)), [None, Some((1, 2)), Some((0, 2))]);
    assert_eq!(contest.stopped_by(0b0001, 3), ["pg02 is 100 bytes ahead", "pg03 is 100 bytes ahead"]);
    assert_eq!(contest.stopped_by(0b0011, 3), ["pg03 is 100 bytes ahead"]);
    assert!(contest.stopped_by(0b0001, 1).is_empty());
}

#[test]
fn without_a_leader_those_are_eligible_whose_tags_allow_it() {
    let tags = |tags: Value| json!({"tags": tags});
    let snapshot = replicas(
        &[
            tags(json!({"nosync": true})),
            tags(json!({"nofailover": true})),
            tags(json!({"replicatefrom": "pg03"})),
            tags(json!({"replicatefrom": "pg09"})),
            tags(json!({"replicatefrom": "pg06"})),
            json!({}),
        ],
        json!({"config": r#"{"synchronous_mode":true}"#, "leader": null, "members/pg01": member("replica", json!({}))}),
        json!({
            "pg01": {"state": "running", "role": "replica", "timeline": 1,
                     "xlog": {"received_location": 1000, "replayed_location": 1000}},
            "pg07": "unreachable",
        }),
    );
    let facts = Facts::collect(&snapshot, None, None);
    let situation = Situation::of(&facts).expect("the keys are sound");
    assert_eq!(situation.eligible(), ["pg01", "pg05", "pg06"]);
}

#[test]
fn open_questions_are_tried_together() {
    // Only 4.0.5 refuses, and only in quorum mode: neither question shows it alone.
    let unknown = || json!({"version": null});
    let keys = json!({
        "config": null, "members/pg01": member("primary", unknown()),
        "sync": r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":1}"#,
    });
    let prediction = asked(&replicas(&[unknown(), unknown()], keys, json!({})), &switchover(Via::Dcs, "pg02"));
    let facts: Vec<&str> = prediction.depends_on.iter().map(|dependency| dependency.fact.as_str()).collect();
    assert_eq!(facts, ["the Patroni release of pg01, pg02, pg03", "the key /service/demo/config"]);
}

#[test]
fn a_key_of_a_nameless_leader_is_somebody_elses_in_3_0_2() {
    let snapshot = replicas(
        &[json!({})],
        json!({"config": r#"{"synchronous_mode":true}"#, "sync": r#"{"leader":""}"#}),
        json!({}),
    );
    let written = |release: &str| {
        let facts = Facts::collect(&snapshot, release.parse().ok(), None);
        let situation = Situation::of(&facts).expect("the keys are sound");
        let mut replication = situation.replication.clone();
        replication.rows.iter_mut().for_each(|row| "sync".clone_into(&mut row.sync_state));
        let view = situation.view().expect("there is a leader");
        process_sync_replication(&view, &replication).keys().flatten().count()
    };
    // As Patroni did with the scenario rare-1 of tests/oracle/rare.jsonl.
    assert_eq!([written("3.0.1"), written("3.0.2")], [1, 0]);
}

#[test]
fn an_overlap_names_up_to_eight() {
    let voters: Vec<String> = (2..=10).map(|index| format!("pg{index:02}")).collect();
    let overlap = |count: usize| {
        let sync =
            json!({"leader": "pg01", "sync_standby": voters[..count].join(","), "quorum": count - 1}).to_string();
        let keys = json!({"config": r#"{"synchronous_mode":"quorum"}"#, "sync": sync});
        let facts = Facts::collect(&replicas(&[json!({})], keys, json!({})), None, None);
        let situation = Situation::of(&facts).expect("the keys are sound");
        Overlap::of(&situation, &CommitQuorum::of(&situation))
    };
    let holds = |text: &str| Overlap::Holds(text.to_owned());
    let eight = "1 of pg02, pg03, pg04, pg05, pg06, pg07, pg08, pg09 acknowledge a commit, 8 of them elect; 1 + 8 > 8: \
                 at least one is in both";
    assert_eq!(overlap(8), holds(eight));
    let nine = "1 of 9 names in /sync acknowledge a commit, 9 of them elect; 1 + 9 > 9: at least one is in both";
    assert_eq!(overlap(9), holds(nine));
}

/// The predictions that tell what else could be done, and what was taken for granted.
#[test]
fn predictions_of_small_clusters() {
    let mut out = String::new();
    let mut show = |title: &str, snapshot: &ClusterSnapshot, question: &Question| {
        let prediction = asked(snapshot, question);
        let _ = writeln!(out, "# {title}\n{:?}", prediction.verdict);
        for gate in &prediction.evaluation.gates {
            let node = gate.node.as_deref().unwrap_or("nobody");
            let _ = writeln!(out, "{} by {node} {:?}: {}", gate.gate.name(), gate.verdict, gate.because);
            let _ = gate.reasons.iter().try_for_each(|reason| writeln!(out, "  reason: {reason}"));
            for racer in &gate.racers {
                let _ = writeln!(out, "  {} {}: {}", racer.node, racer.takes_lock, racer.reasons.join("; "));
            }
        }
        for dependency in &prediction.depends_on {
            let _ = writeln!(out, "depends on {}", dependency.fact);
            for (value, outcome) in &dependency.outcomes {
                let _ = writeln!(out, "  {value}: {outcome}");
            }
        }
        for it in &prediction.assumptions {
            let _ = writeln!(out, "assumes {}; {}", it.text, it.otherwise.as_deref().unwrap_or_default());
        }
        for way in &prediction.ways {
            let _ = writeln!(out, "way: {}; {}; {}", way.what, way.command.as_deref().unwrap_or_default(), way.outcome);
        }
        let _ = prediction.remarks.iter().try_for_each(|remark| writeln!(out, "remark: {remark}"));
        let _ = writeln!(out, "bug: {:?}\n", prediction.known_bug.map(|bug| bug.slug));
    };
    let fine = || json!({});
    let barred = || json!({"tags": {"nofailover": true}});
    let version = |text: &str| json!({"version": text});
    let leader = |changes: Value| json!({"members/pg01": member("primary", changes)});
    let ctl = |candidate: &str| switchover(Via::Ctl, candidate);
    let dcs = |candidate: &str| switchover(Via::Dcs, candidate);
    let plain = |changes: &[Value]| replicas(changes, json!({}), json!({}));
    let with = |changes: &[Value], keys: Value| replicas(changes, keys, json!({}));
    let on = |sync: Value| json!({"config": r#"{"synchronous_mode":true}"#, "sync": sync});
    let quorum = |sync: Value| json!({"config": r#"{"synchronous_mode":"quorum"}"#, "sync": sync});

    show("a candidate that must not be promoted", &plain(&[barred(), fine(), fine()]), &ctl("pg02"));
    show("all must not be promoted", &plain(&[barred(), barred()]), &ctl("pg03"));
    show("nor anybody else", &with(&[barred()], leader(json!({"tags": {"nofailover": true}}))), &dcs(""));
    let paused = json!({"config": r#"{"pause":true}"#});
    show("paused, without a candidate", &with(&[fine(), fine()], paused), &ctl(""));
    let to_leader = question(Kind::Failover, Via::Ctl, "", "pg01", "");
    show("a failover to the leader", &plain(&[fine(), fine()]), &to_leader);
    let to_barred = question(Kind::Failover, Via::Ctl, "", "pg02", "");
    show("a failover to one that must not be promoted", &plain(&[barred(), fine()]), &to_barred);
    show("a caller names no leader", &plain(&[fine()]), &question(Kind::Switchover, Via::Api, "", "pg02", ""));
    show("a caller names nobody", &plain(&[fine()]), &question(Kind::Switchover, Via::Api, "", "", ""));
    show("a failover to nobody", &plain(&[fine()]), &question(Kind::Failover, Via::Ctl, "", "", ""));
    show("two must not be promoted", &plain(&[barred(), barred()]), &dcs(""));
    let stopped = json!({"state": "stopped", "tags": {"nofailover": true}});
    show("two must not be promoted, one is stopped", &plain(&[stopped, barred()]), &dcs(""));
    let mut bug = quorum(json!(r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":1}"#));
    bug["members/pg01"] = member("primary", version("4.0.5"));
    show("the bug of 4.0.5", &with(&[fine(), fine()], bug.clone()), &ctl("pg02"));
    show("the bug of 4.0.5 behind another gate", &with(&[fine(), fine()], bug), &ctl("pg09"));
    let votes = quorum(json!(r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":1}"#));
    show("one vote is missing", &with(&[fine(), barred()], votes.clone()), &dcs(""));
    show("4.1.5 does not count for a candidate", &with(&[fine(), fine()], votes), &dcs("pg02"));
    let negative = quorum(json!(r#"{"leader":"pg01","sync_standby":"pg02","quorum":-1}"#));
    show("a negative quorum", &with(&[barred()], negative), &dcs(""));
    let voteless = quorum(json!(r#"{"leader":"pg01","sync_standby":"","quorum":5}"#));
    show("nobody votes", &with(&[fine(), fine()], voteless), &dcs(""));
    let mut early = quorum(json!(r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":1}"#));
    early["members/pg01"] = member("primary", version("4.0.4"));
    let old = json!({"version": "4.0.4", "tags": {"nofailover": true}});
    show("4.0.4 counts no votes before the race", &with(&[version("4.0.4"), old], early), &dcs(""));
    let mut old = on(json!(r#"{"leader":"pg01","sync_standby":"pg02"}"#));
    old["members/pg01"] = member("primary", version("2.1.7"));
    let to_other = question(Kind::Failover, Via::Dcs, "", "pg03", "");
    show("2.1.7 refuses what is no bug", &with(&[version("2.1.7"), version("2.1.7")], old), &to_other);
    let listed = on(json!(r#"{"leader":"pg01","sync_standby":"pg02"}"#));
    show("a candidate that is no sync standby", &with(&[fine(), fine()], listed.clone()), &dcs("pg03"));
    show("a sync standby", &with(&[fine(), fine()], listed), &dcs("pg02"));
    show("nobody is a sync standby", &with(&[fine()], on(json!(r#"{"leader":"pg01"}"#))), &dcs("pg02"));
    show("two that are fine", &plain(&[fine(), fine()]), &dcs(""));
    show("one of two is asked", &plain(&[fine(), fine()]), &dcs("pg02"));
    show("releases that decide alike", &plain(&[version("4.1.4")]), &dcs(""));
    show("releases that decide differently", &plain(&[version("4.0.5")]), &dcs(""));
    show("standbys behind", &plain(&[json!({"xlog_location": 900}), fine()]), &dcs(""));
    show("malformed tags", &plain(&[json!({"tags": [1]})]), &ctl(""));
    for count in [2, 4, 5] {
        show(
            &format!("/sync is missing, {count} standbys"),
            &with(&vec![fine(); count], on(Value::Null)),
            &dcs("pg02"),
        );
    }
    show("/sync is missing in quorum mode", &with(&[fine(), fine()], quorum(Value::Null)), &dcs("pg02"));
    let lacking = json!({"config": null, "status": null});
    show("/config and /status are missing", &with(&[fine(), fine()], lacking), &dcs(""));
    let unknown = leader(json!({"version": null}));
    let both = question(Kind::Failover, Via::Ctl, "pg01", "pg02", "");
    show("no release is known", &with(&[json!({"version": null})], unknown), &both);
    for release in ["1.6.5", "2.0.0", "4.1.99"] {
        show(&format!("with {release}"), &plain(&[version(release), fine()]), &dcs("pg03"));
    }
    insta::assert_snapshot!(out);
}

/// What a cluster survives, who counts, and what to do about it.
#[test]
fn quorums_of_small_clusters() {
    let mut out = String::new();
    let mut show = |title: &str, snapshot: &ClusterSnapshot| {
        let facts = Facts::collect(snapshot, None, None);
        let report = report(snapshot, &facts, Options::default()).expect("the keys are sound");
        let commits = &report.commits;
        let _ = writeln!(out, "# {title}\nvotes needed: {:?}", report.votes_needed);
        let (needed, least, any) = (commits.needed, commits.least, commits.any_standby);
        let _ = writeln!(out, "acknowledgements: {needed}, at least {least}, of {:?}, any: {any}", commits.names);
        let _ = commits.contradictions.iter().try_for_each(|text| writeln!(out, "but {text}"));
        let _ = writeln!(out, "overlap: {:?}", report.overlap);
        let _ = writeln!(out, "survives: {:?}\nlater: {:?}", report.tolerance(), report.steady);
        for seat in &report.seats {
            let (has_seat, votes, commit, election) = (seat.has_seat, seat.votes, &seat.commit, &seat.election);
            let _ = writeln!(out, "{} {}, seat: {has_seat}, votes: {votes}", seat.name, seat.role);
            for (quorum, standing) in [("commit", commit), ("election", election)] {
                let reasons: Vec<String> =
                    standing.reasons.iter().map(|reason| format!("{} ({})", reason.text, reason.from)).collect();
                let _ = writeln!(out, "  {quorum} {}: {}; {}", standing.counts, standing.because, reasons.join("; "));
            }
        }
        for it in &report.assumptions {
            let _ = writeln!(out, "assumes {}", it.text);
        }
        for choice in &report.choices {
            let _ = writeln!(out, "synchronous_node_count {}: {:?}", choice.node_count, choice.tolerance);
        }
        for write in &report.outlook.writes {
            let _ = writeln!(out, "loop {}: {}; {:?}", write.in_loop, write.what, write.weaker);
        }
        let _ = report.outlook.stuck.iter().try_for_each(|text| writeln!(out, "stuck: {text}"));
        if let Some(margins) = &report.margins {
            let _ = writeln!(out, "worst alone: {:?}", margins.worst_alone());
            for (lost, outcome) in margins.outcomes() {
                let _ = writeln!(out, "  without {}: {:?}", margins.contest.names_of(lost).join(" "), outcome.writes);
            }
        }
        let _ = report.advice().iter().try_for_each(|(what, _)| writeln!(out, "advice: {what}"));
        out.push('\n');
    };
    let fine = || json!({});
    let barred = || json!({"tags": {"nofailover": true}});
    let stopped = || json!({"state": "stopped", "tags": {"nofailover": true}});
    let mode = |config: &str, sync: &str| json!({"config": config, "sync": sync});
    let on = |sync: &str| mode(r#"{"synchronous_mode":true}"#, sync);
    let strict = |sync: &str| mode(r#"{"synchronous_mode":true,"synchronous_mode_strict":true}"#, sync);
    let quorum = |sync: &str| mode(r#"{"synchronous_mode":"quorum"}"#, sync);
    let with = |changes: &[Value], keys: Value| replicas(changes, keys, json!({}));
    let one = r#"{"leader":"pg01","sync_standby":"pg02"}"#;
    let two = r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":1}"#;
    let inactive = "{}";

    show("asynchronous, one is stopped", &with(&[fine(), stopped()], json!({})));
    let leader_stopped = json!({"members/pg01": member("primary", stopped())});
    show("the leader is stopped", &with(&[fine()], leader_stopped));
    show("a seat that never votes", &with(&[fine(), barred()], quorum(two)));
    show("a seat that is stopped", &with(&[fine(), stopped()], quorum(two)));
    show("nobody can win", &with(&[barred()], json!({})));
    show("one can win", &with(&[barred(), fine()], json!({})));
    show("a single member", &with(&[], json!({})));
    show("a standby cluster", &with(&[fine()], json!({"config": r#"{"standby_cluster":{"host":"10.0.0.9"}}"#})));
    show("strict, but asynchronous", &with(&[fine()], json!({"config": r#"{"synchronous_mode_strict":true}"#})));
    show("not active", &with(&[fine()], on(inactive)));
    show("not active, three members", &with(&[fine(), fine()], on(inactive)));
    show("not active, strict", &with(&[fine()], strict(inactive)));
    show("not active, quorum", &with(&[fine()], quorum(inactive)));
    show("no standby", &with(&[fine()], on(r#"{"leader":"pg01"}"#)));
    show("no standby, strict", &with(&[fine()], strict(r#"{"leader":"pg01"}"#)));
    show("strict", &with(&[fine(), fine()], strict(one)));
    show("more standbys than wanted", &with(&[fine(), fine()], on(two)));
    let after_failover = |mut keys: Value| {
        keys["leader"] = json!("pg02");
        keys["members/pg01"] = member("replica", json!({}));
        keys["members/pg02"] = member("primary", json!({}));
        keys
    };
    show("after a failover, quorum", &with(&[fine(), fine()], after_failover(quorum(two))));
    show("after a failover, one", &with(&[fine(), fine()], after_failover(on(one))));
    let mut nobody = quorum(r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":0}"#);
    nobody["config"] = json!(r#"{"synchronous_mode":"quorum","synchronous_node_count":2}"#);
    show("two acknowledge", &with(&[fine(), fine()], nobody.clone()));
    nobody["leader"] = Value::Null;
    show("two acknowledge, no leader", &with(&[fine(), fine()], nobody));
    let broken = quorum(r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":0}"#);
    show("one of two acknowledges", &with(&[fine(), fine()], broken.clone()));
    let mut broken_and_free = broken;
    broken_and_free["leader"] = Value::Null;
    show("one of two acknowledges, no leader", &with(&[fine(), fine()], broken_and_free));
    show("one without a seat never votes", &with(&[fine(), barred()], quorum(one)));
    show("one in /sync must not be promoted", &with(&[fine(), barred()], on(two)));
    let stranger = r#"{"leader":"pg01","sync_standby":"PG02,pg03,pg09","quorum":0}"#;
    show("a stranger in /sync", &with(&[fine(), fine()], quorum(stranger)));
    let silent = json!({"pg02": "unreachable"});
    show("one does not answer", &replicas(&[fine(), fine()], quorum(two), silent));
    let rows = |rows: Value| {
        json!({"pg01": {"state": "running", "role": "primary", "timeline": 1, "server_version": 160001,
                        "xlog": {"location": 1000}, "replication": rows}})
    };
    let row = |name: &str, sync_state: &str| json!({"application_name": name, "state": "streaming", "sync_state": sync_state});
    let mut told = rows(Value::Null);
    told["pg01"].as_object_mut().expect("it is an object").retain(|_, value| !value.is_null());
    told["pg03"] = json!({"state": "running", "role": "replica", "timeline": 1,
                          "xlog": {"received_location": 1000, "replayed_location": 1000}});
    show("the leader lists nobody", &replicas(&[json!({"replication_state": null})], on(one), told));
    let told = rows(json!([row("PG02", "sync"), row("pg03", "sync"), row("pg04", "async"), row("pg09", "sync")]));
    let sync = r#"{"leader":"pg01","sync_standby":"pg02,pg04"}"#;
    show("the leader tells otherwise", &replicas(&[fine(), fine(), fine()], on(sync), told));
    let told = rows(json!([row("pg02", "quorum"), row("pg03", "quorum")]));
    show("the leader tells otherwise, quorum", &replicas(&[fine(), fine()], quorum(one), told));
    let two_of_two = mode(
        r#"{"synchronous_mode":"quorum","synchronous_node_count":2}"#,
        r#"{"leader":"pg01","sync_standby":"pg02","quorum":-1}"#,
    );
    let told = rows(json!([row("pg02", "quorum"), row("pg03", "quorum")]));
    show("the leader tells otherwise, both acknowledge", &replicas(&[fine(), fine()], two_of_two, told));
    insta::assert_snapshot!(out);
}
