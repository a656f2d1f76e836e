//! How fast decisions are made: figures to look at, nothing is asserted.
//!
//! `cargo bench --bench decisions`

#[path = "../examples/verdicts/main.rs"]
#[allow(dead_code, reason = "the example's own main is not called")]
mod example;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::thread;
use std::time::Instant;

use example::json::Json;
use flate2::read::GzDecoder;
use patrolint::decision::api::{Kind, Request, do_post_failover};
use patrolint::decision::ctl::do_failover_or_switchover;
use patrolint::decision::leader::process_manual_failover_from_leader;
use patrolint::decision::prediction::facts::Facts;
use patrolint::decision::prediction::{Options, Question, Via, predict};
use patrolint::decision::quorum;
use patrolint::decision::race::is_healthiest_node;
use patrolint::decision::shutdown::demote;
use patrolint::decision::view::{Answers, View};
use patrolint::input::source_map::SourceId;
use patrolint::model::behaviour::Behaviours;
use patrolint::model::cluster::{Cluster, FailoverKey, LocalState, MemberStatus, Tags};
use patrolint::model::config::global::GlobalConfig;
use patrolint::model::snapshot::{ClusterSnapshot, Dcs, DcsKey, DcsKind, RawValue, RestAnswer};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::json::parse;
use patrolint::parse::tree::Node;
use serde_json::Value;

const NOWHERE: SourceId = SourceId(u32::MAX);
/// WAL position of every node, bytes.
const LSN: i128 = 67_109_000;
/// How many rounds are timed.
const ROUNDS: usize = 51;
/// How often a gate is judged in a round.
const CALLS: u32 = 1000;

fn main() {
    println!("{:<58} {:>12} {:>12} {:>8}", "", "figure", "target", "ratio");
    scenarios();
    gates();
    losses();
    snapshots();
}

/// Prints a figure beside its target, and how many times better than that it is.
fn row(what: &str, figure: f64, unit: &str, target: Option<f64>) {
    let amount = |amount: f64| format!("{amount:.*}{unit}", if amount < 10.0 { 2 } else { 0 });
    let ratio = |target: f64| if unit == "/s" { figure / target } else { target / figure };
    println!(
        "{what:<58} {:>12} {:>12} {:>8}",
        amount(figure),
        target.map(amount).unwrap_or_default(),
        target.map(|target| format!("{:.1}×", ratio(target))).unwrap_or_default()
    );
}

/// The example program on recorded scenarios, JSON in and out, on one core.
fn scenarios() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle/verdicts-0.jsonl.gz");
    let mut text = String::new();
    let file = File::open(path).expect("scenarios are recorded");
    GzDecoder::new(file).read_to_string(&mut text).expect("they are compressed text");
    let scenario = |line: &str| serde_json::from_str::<Value>(line).expect("a record is JSON")["scenario"].to_string();
    let lines: Vec<String> = text.lines().map(scenario).collect();
    for version in [PatroniVersion::new(2, 0, 0), PatroniVersion::new(4, 0, 5), PatroniVersion::newest()] {
        let mut out = Json::default();
        let seconds: f64 = lines
            .iter()
            .map(|line| {
                undisturbed_seconds(1, || {
                    out.text.clear();
                    example::write_verdict(version, Behaviours::of(version), example::PARTS, line, &mut out)
                        .expect("a scenario is JSON");
                    out.text.len()
                })
            })
            .sum();
        let per_second = lines.len() as f64 / seconds;
        row(&format!("verdicts, all parts, as Patroni {version}"), per_second, "/s", Some(10_000.0));
    }
}

/// Every gate on a cluster of five in quorum mode, where all are asked and all votes are counted.
fn gates() {
    let behaviours = Behaviours::of(PatroniVersion::newest());
    let keys = keys(5);
    let cluster = Cluster::load(&keys, behaviours).expect("the keys are sane");
    let config = keys["config"].json.as_ref().and_then(Node::as_mapping);
    let config = GlobalConfig::read(config, behaviours);
    let mut answers = Answers::default();
    for (name, answer) in rest(5) {
        answers.set(&name, MemberStatus::read(Some(&answer), behaviours));
    }
    let node = |primary: bool| LocalState {
        running: true,
        starting: false,
        primary,
        timeline: Some(1),
        lsn: LSN,
        watchdog_healthy: true,
        system_identifier: "7711195963344859100".to_owned(),
        tags: Tags::default(),
    };
    let (primary, replica) = (node(true), node(false));
    let request = Request { leader: Some("pg1".to_owned()), candidate: None, scheduled_at: None };
    let key = FailoverKey { leader: request.leader.clone(), ..FailoverKey::default() };
    let requested = Cluster { failover: Some(key), ..cluster.clone() };
    let free = Cluster { leader: None, ..requested.clone() };
    let crashed = Cluster { leader: None, ..cluster.clone() };
    let view = |name: &'static str, cluster, local| View {
        name,
        behaviours,
        cluster,
        config: &config,
        old_cluster: &requested,
        local,
        answers: &answers,
        now: 0.0,
    };
    let leader = view("pg1", &requested, &primary);
    let racer = view("pg2", &free, &replica);
    let survivor = view("pg2", &crashed, &replica);
    let kind = Kind::Switchover;
    let figures = [
        ("ctl", nanoseconds(|| do_failover_or_switchover(behaviours, &cluster, &config, "demo", kind, &request, 0.0))),
        ("api", nanoseconds(|| do_post_failover(&leader, kind, &request))),
        ("leader", nanoseconds(|| process_manual_failover_from_leader(&leader))),
        ("shutdown", nanoseconds(|| demote(&leader, LSN))),
        ("race", nanoseconds(|| is_healthiest_node(&racer))),
    ];
    for (gate, figure) in figures {
        row(&format!("gate {gate}, five nodes"), figure, " ns", None);
    }
    let all: f64 = figures.iter().map(|(_, figure)| figure).sum();
    row("all gates of a switchover, five nodes", all / 1000.0, " µs", Some(2.0));
    let crash = nanoseconds(|| is_healthiest_node(&survivor));
    row("the race of one node after a crash, five nodes", crash, " ns", None);
}

/// The time of one call in nanoseconds.
fn nanoseconds<T>(mut decide: impl FnMut() -> T) -> f64 {
    undisturbed_seconds(CALLS, &mut decide) * 1e9
}

/// The median time of a call over some rounds of so many calls: other programs that take the core away for a while do
/// not count.
fn undisturbed_seconds<T>(calls: u32, mut call: impl FnMut() -> T) -> f64 {
    let mut rounds = [0.0; ROUNDS];
    for round in &mut rounds {
        let started = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        *round = started.elapsed().as_secs_f64() / f64::from(calls);
    }
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// What a cluster of sixteen survives: every set of lost nodes.
fn losses() {
    let snapshot = snapshot(16);
    let facts = Facts::collect(&snapshot, None, Some(0.0));
    let started = Instant::now();
    black_box(quorum::report(&snapshot, &facts, Options::default()).expect("the keys are sane"));
    row("all sets of lost nodes, sixteen nodes", started.elapsed().as_secs_f64() * 1e3, " ms", Some(1000.0));
}

/// Ten thousand snapshots of three nodes, each predicted as a whole, on two threads.
fn snapshots() {
    const COUNT: usize = 10_000;
    let question = Question::Change {
        kind: Kind::Switchover,
        request: Request { leader: Some("pg1".to_owned()), candidate: Some("pg2".to_owned()), scheduled_at: None },
        via: Via::Ctl,
    };
    let run = |count: usize| {
        for _ in 0..count {
            black_box(predict(&snapshot(3), &question, Options::default()));
        }
    };
    run(100);
    let before = peak_memory_kilobytes();
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| run(COUNT / 2));
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    row("ten thousand snapshots, read and predicted, two threads", seconds, " s", Some(5.0));
    if let (Some(before), Some(after)) = (before, peak_memory_kilobytes()) {
        row("peak memory after a hundred of them", before as f64 / 1024.0, " MiB", None);
        row("peak memory after all of them", after as f64 / 1024.0, " MiB", None);
    }
}

/// The largest amount of memory that this process has had so far; `None` where the system does not tell.
fn peak_memory_kilobytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

/// A cluster in quorum mode of nodes pg1 (the leader), pg2 and so on, as a dump and REST answers tell it.
fn snapshot(count: usize) -> ClusterSnapshot {
    let dcs = Dcs {
        kind: DcsKind::Etcd3,
        revision: None,
        keys: keys(count),
        servers: Vec::new(),
        incomplete: None,
        doubts: Vec::new(),
    };
    let answered = |json: Node| RestAnswer::Answered { source: NOWHERE, json: Some(json) };
    ClusterSnapshot {
        scope: "demo".to_owned(),
        namespace: "service".to_owned(),
        dcs: Some(dcs),
        rest: rest(count).into_iter().map(|(name, json)| (name, answered(json))).collect(),
        ..ClusterSnapshot::default()
    }
}

fn keys(count: usize) -> BTreeMap<String, DcsKey> {
    let standbys: Vec<String> = (2..=count).map(|number| format!("pg{number}")).collect();
    let mut keys = BTreeMap::new();
    let mut put = |name: String, text: String| {
        let json = parse(NOWHERE, &text).ok();
        let value = RawValue(text);
        keys.insert(name, DcsKey { source: NOWHERE, value, json, revision: None, lease: None, ttl_seconds: None });
    };
    put("initialize".to_owned(), "7711195963344859100".to_owned());
    put("leader".to_owned(), "pg1".to_owned());
    let config = r#"{"ttl":30,"loop_wait":10,"synchronous_mode":"quorum","check_timeline":true}"#;
    put("config".to_owned(), config.to_owned());
    put("status".to_owned(), format!(r#"{{"optime":{LSN}}}"#));
    put("history".to_owned(), "[]".to_owned());
    let quorum = standbys.len() - 1;
    let sync = format!(r#"{{"leader":"pg1","sync_standby":"{}","quorum":{quorum}}}"#, standbys.join(","));
    put("sync".to_owned(), sync);
    for number in 1..=count {
        let role = if number == 1 { "primary" } else { "replica" };
        let member = format!(
            r#"{{"conn_url":"postgres://10.0.0.{number}/postgres","api_url":"http://10.0.0.{number}:8008/patroni",
                "state":"running","role":"{role}","version":"4.1.5","xlog_location":{LSN},"timeline":1,
                "replication_state":"streaming"}}"#
        );
        put(format!("members/pg{number}"), member);
    }
    keys
}

fn rest(count: usize) -> Vec<(String, Node)> {
    let answer = |number: usize| {
        let (role, xlog) = match number {
            1 => ("primary", format!(r#"{{"location":{LSN}}}"#)),
            _ => ("replica", format!(r#"{{"received_location":{LSN},"replayed_location":{LSN}}}"#)),
        };
        let text = format!(
            r#"{{"state":"running","role":"{role}","timeline":1,"xlog":{xlog},"patroni":{{"version":"4.1.5"}},
                "replication_state":"streaming"}}"#
        );
        (format!("pg{number}"), parse(NOWHERE, &text).expect("it is JSON"))
    };
    (1..=count).map(answer).collect()
}
