//! `quorum`: what is folded over bit masks equals the whole race, loss by loss, and the laws that it rests on.

mod cluster;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use patrolint::decision::case_insensitive_set::CaseInsensitiveSet;
use patrolint::decision::prediction::evaluation::evaluate;
use patrolint::decision::prediction::facts::Facts;
use patrolint::decision::prediction::{Options, Question};
use patrolint::decision::quorum::commits::CommitQuorum;
use patrolint::decision::quorum::contest::{Contest, Nodes};
use patrolint::decision::quorum::margins::{Margins, Property, Writes, collapse};
use patrolint::decision::quorum::report;
use patrolint::decision::quorum::seats::seats;
use patrolint::decision::quorum::situation::{Mode, Situation};
use patrolint::decision::quorum_state::QuorumState;
use patrolint::model::behaviour::Behaviours;
use patrolint::model::cluster::MemberStatus;
use patrolint::model::snapshot::{ClusterSnapshot, DcsServer, RawValue, RestAnswer};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::json;
use patrolint::report::quorum::json as json_report;
use patrolint::report::quorum::text::{self, set_text};
use patrolint::report::terminal::Look;
use proptest::prelude::*;
use serde_json::Value;

use cluster::{NOWHERE, cluster, healthy, member};

fn lines(name: &str) -> Vec<Value> {
    let mut text = String::new();
    let file = fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the record can be read");
    GzDecoder::new(file).read_to_string(&mut text).expect("the record is compressed text");
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

#[test]
fn bit_masks_decide_as_the_whole_race_does() {
    let releases = ["2.0.2", "3.0.4", "3.2.0", "3.3.9", "4.0.1", "4.0.5", "4.0.8", "4.1.0", "4.1.5"];
    let releases = releases.map(|text| text.parse::<PatroniVersion>().expect("a release"));
    let mut compared = 0;
    let mut won = 0;
    for (number, line) in lines("fixtures/oracle/verdicts-0.jsonl.gz").iter().take(400).enumerate() {
        let scenario = &line["scenario"];
        let snapshot = cluster(scenario);
        // Now and then each node is of the release that it tells.
        let version = releases.get(number % (releases.len() + 1)).copied();
        let facts = Facts::collect(&snapshot, version, None);
        let contest = Contest::new(&facts).expect("few nodes");
        for lost in 0..=contest.all() {
            let nodes: Vec<String> = contest.names_of(lost).iter().map(|name| (*name).to_owned()).collect();
            let leader = facts.leader();
            if leader.is_some_and(|leader| nodes.iter().all(|name| name != leader)) {
                continue;
            }
            let whole = evaluate(&facts, &Question::Crash { nodes }).winners;
            let names = contest.names_of(contest.winners(lost));
            assert_eq!(names, whole, "{} with {version:?} without {:?}", scenario["id"], contest.names_of(lost));
            compared += 1;
            won += usize::from(!whole.is_empty());
        }
    }
    assert!(2000 < compared && 500 < won && won < compared, "{won} of {compared}");
}

#[test]
fn any_cluster_gets_a_report() {
    let mut written = 0;
    for line in lines("fixtures/oracle/verdicts-0.jsonl.gz").iter().step_by(5) {
        let scenario = &line["scenario"];
        let snapshot = cluster(scenario);
        let facts = Facts::collect(&snapshot, None, None);
        let Ok(report) = report(&snapshot, &facts, Options::default()) else { continue };
        for width in [80, 140] {
            let mut out = Vec::new();
            text::write(&report, Look::new(true, Some(width)), &mut out).expect("memory");
            let out = String::from_utf8(out).expect("text");
            assert!(out.ends_with(".\n") && out.lines().count() < 200, "{}: {out}", scenario["id"]);
        }
        let mut out = Vec::new();
        json_report::write(&report, &mut out).expect("memory");
        schema::assert_valid("quorum.schema.json", &serde_json::from_slice(&out).expect("it is JSON"));
        written += 1;
    }
    assert!(50 < written, "{written} reports");
}

fn quorum_cluster(members: usize, node_count: usize) -> ClusterSnapshot {
    let voters: Vec<String> = (2..=members).map(|index| format!("pg{index:02}")).collect();
    let quorum = voters.len() - node_count;
    let config = format!(r#"{{"synchronous_mode":"quorum","synchronous_node_count":{node_count}}}"#);
    let sync = format!(r#"{{"leader":"pg01","sync_standby":"{}","quorum":{quorum}}}"#, voters.join(","));
    healthy(members, &config, &sync)
}

#[test]
fn sixteen_members_are_tried_whole() {
    let snapshot = quorum_cluster(16, 5);
    let facts = Facts::collect(&snapshot, None, None);
    let situation = Situation::of(&facts).expect("the keys are sound");
    let margins = Margins::of(&situation, &CommitQuorum::of(&situation)).expect("they are few enough");
    assert_eq!(margins.outcomes().count(), 1 << 16);
    // 15 voters, quorum 10: the leader and 4 voters may go, a candidate and 10 votes stay.
    assert_eq!(margins.tolerated(Property::Failover), Some(5));
    assert_eq!(margins.tolerated(Property::Commits), Some(16));
    let fatal = margins.minimal_breaking(Property::Failover);
    assert!(fatal.iter().all(|set| set.count_ones() == 6 && set & margins.leader() != 0));
    let collapsed = collapse(16, &fatal);
    assert_eq!(collapsed.len(), 1);
    assert_eq!(collapsed[0].parts, [(1, vec![0]), (5, (1..16).collect())]);
    // Five standbys acknowledge, so ten may go without a commit waiting; then the leader asks for fewer.
    assert_eq!(margins.outcome(0b0000_0111_1111_1110).writes, Writes::GoOn);
    assert!(matches!(margins.outcome(0b0000_1111_1111_1110).writes, Writes::AfterLoops(_)));

    let snapshot = quorum_cluster(21, 1);
    let facts = Facts::collect(&snapshot, None, None);
    let situation = Situation::of(&facts).expect("the keys are sound");
    assert!(Margins::of(&situation, &CommitQuorum::of(&situation)).is_none());
}

#[test]
fn a_server_of_the_dcs_on_a_members_host_is_told() {
    let mut snapshot = quorum_cluster(3, 1);
    let server = |endpoint: &str| DcsServer { endpoint: endpoint.to_owned(), ..DcsServer::default() };
    snapshot.dcs.as_mut().expect("it has keys").servers =
        vec![server("http://10.0.0.2:2379"), server("http://10.0.0.7:2379"), server("http://10.0.0.8:2379")];
    let facts = Facts::collect(&snapshot, None, None);
    let report = report(&snapshot, &facts, Options::default()).expect("the keys are sound");
    assert_eq!((report.servers_of("pg02"), report.servers_of("pg03")), (vec!["http://10.0.0.2:2379"], vec![]));
    let mut out = Vec::new();
    text::write(&report, Look::new(false, Some(100)), &mut out).expect("memory");
    let out = String::from_utf8(out).expect("text");
    assert!(out.contains("pg02: its host runs http://10.0.0.2:2379, too"), "{out}");
    assert!(out.contains("3 servers seen, 1 may be lost"), "{out}");
}

#[test]
fn a_failed_watchdog_and_a_silent_api_take_the_vote() {
    let check = |answer: RestAnswer, because: &str| {
        let mut snapshot = quorum_cluster(3, 1);
        snapshot.rest.insert("pg03".to_owned(), answer);
        let facts = Facts::collect(&snapshot, None, None);
        let situation = Situation::of(&facts).expect("the keys are sound");
        let seats = seats(&situation, &CommitQuorum::of(&situation));
        assert!(seats[2].has_seat && !seats[2].votes && !seats[2].may_win && !seats[2].election.counts, "{seats:?}");
        assert_eq!(seats[2].election.because, because);
        assert!(seats[2].election.reasons.iter().any(|reason| reason.from == "rest:pg03"), "{seats:?}");
        let margins = Margins::of(&situation, &CommitQuorum::of(&situation)).expect("they are few");
        assert_eq!(margins.tolerated(Property::Failover), Some(0));
    };
    let text = r#"{"state":"running","role":"replica","xlog":{"received_location":1000,"replayed_location":1000},"timeline":1,"watchdog_failed":true}"#;
    let failed = RestAnswer::Answered { source: NOWHERE, json: json::parse(NOWHERE, text).ok() };
    check(failed, "holds a seat, but cannot vote: its watchdog is required and failed");
    let silent = RestAnswer::Unreachable { reason: "timed out".to_owned() };
    check(silent, "holds a seat, but cannot vote: its REST API does not answer (timed out)");
}

#[test]
fn a_hand_edited_key_loses_commits() {
    let check = |sync: &str, lost: Nodes, lossy: &[&str]| {
        let snapshot = healthy(3, r#"{"synchronous_mode":"quorum"}"#, sync);
        let facts = Facts::collect(&snapshot, None, None);
        let situation = Situation::of(&facts).expect("the keys are sound");
        let commits = CommitQuorum { least: 1, ..CommitQuorum::of(&situation) };
        let margins = Margins::of(&situation, &commits).expect("they are few");
        assert_eq!(margins.contest.names_of(margins.outcome(lost).may_lack_commit), lossy, "{sync} without {lost:b}");
    };
    // As Patroni writes it: whoever wins has heard of both.
    check(r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":1}"#, 0b001, &[]);
    // A quorum lowered by hand: while both answer, the one ahead wins; alone, either may win without the commit.
    let edited = r#"{"leader":"pg01","sync_standby":"pg02,pg03","quorum":0}"#;
    check(edited, 0b001, &[]);
    check(edited, 0b011, &["pg03"]);
    check(edited, 0b101, &["pg02"]);
    // A voter that nobody knows may be the one that acknowledged.
    check(r#"{"leader":"pg01","sync_standby":"pg02,gone","quorum":0}"#, 0b001, &["pg02", "pg03"]);
}

#[test]
fn a_standby_that_streams_steps_in() {
    let strict = r#"{"synchronous_mode":true,"synchronous_mode_strict":true}"#;
    let snapshot = healthy(3, strict, r#"{"leader":"pg01","sync_standby":"pg02"}"#);
    let facts = Facts::collect(&snapshot, None, None);
    let situation = Situation::of(&facts).expect("the keys are sound");
    assert_eq!(situation.eligible(), ["pg02", "pg03"]);
    let margins = Margins::of(&situation, &CommitQuorum::of(&situation)).expect("they are few");
    assert_eq!(margins.outcome(0b100).writes, Writes::GoOn);
    assert!(matches!(margins.outcome(0b010).writes, Writes::AfterLoops(_)), "pg03 takes the place of pg02");
    assert_eq!(margins.outcome(0b110).writes, Writes::Stop);
}

/// The facts with every node at a position of its own.
fn at_positions(facts: &Facts, position: impl Fn(&str) -> i128) -> Facts {
    let mut moved = facts.clone();
    for (name, node) in &mut moved.nodes {
        node.local.lsn = position(name);
        node.answer = None;
        if let MemberStatus::Reachable { wal_position, in_recovery: true, .. } = &mut node.status {
            *wal_position = position(name);
        }
    }
    moved
}

/// Who may take the lock without a commit, by whole races: some standbys have acknowledged it and are ahead, one node is
/// next, all others are behind that one. A former leader has every commit.
fn winners_without_commit(
    facts: &Facts,
    situation: &Situation<'_>,
    commits: &CommitQuorum,
    lost: &[String],
) -> Vec<String> {
    let names = &commits.names;
    let is_leader = |name: &str| situation.cluster.sync.leader_matches(name);
    let mut found = Vec::new();
    for set in 0u32..1 << names.len() {
        if i128::from(set.count_ones()) != commits.least {
            continue;
        }
        let has_commit = |name: &str| {
            let acknowledged = |index: &usize| set & (1 << index) != 0 && names[*index].eq_ignore_ascii_case(name);
            is_leader(name) || (0..names.len()).any(|index| acknowledged(&index))
        };
        for racer in facts.nodes.keys().filter(|name| !has_commit(name) && !lost.contains(name)) {
            let position = |name: &str| match (has_commit(name), name == racer) {
                (true, _) => 1002,
                (false, true) => 1001,
                (false, false) => 1000,
            };
            let world = at_positions(facts, position);
            let question = Question::Crash { nodes: lost.to_vec() };
            if evaluate(&world, &question).winners.contains(racer) && !found.contains(racer) {
                found.push(racer.clone());
            }
        }
    }
    found.sort();
    found
}

/// Sets of members that differ in what keeps them from voting or winning, with some `/sync`, for `healthy`.
fn member_extra() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", r#","tags":{"nofailover":true}"#, r#","tags":{"failover_priority":2}"#])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every set of standbys that may have acknowledged a commit is tried in a race of its own.
    #[test]
    fn commits_are_lost_where_whole_races_lose_them(
        extras in prop::collection::vec(member_extra(), 3..5), silent in 0usize..5, voters in 1u32..32, quorum in 0i128..4,
        node_count in 1i128..3, by_quorum: bool, leads: bool,
    ) {
        let mode = if by_quorum { r#""quorum""# } else { "true" };
        let config = format!(r#"{{"synchronous_mode":{mode},"synchronous_node_count":{node_count}}}"#);
        let names: Vec<String> = (2..7).filter(|index| voters & (1 << (index - 2)) != 0).map(|index| format!("pg{index:02}")).collect();
        let sync = format!(r#"{{"leader":"pg01","sync_standby":"{}","quorum":{quorum}}}"#, names.join(","));
        let mut snapshot = healthy(1 + extras.len(), &config, &sync);
        let keys = &mut snapshot.dcs.as_mut().expect("it has keys").keys;
        if !leads {
            keys.remove("leader");
        }
        for (index, extra) in extras.iter().enumerate() {
            let text = member(index + 2, "replica", extra);
            let key = keys.get_mut(&format!("members/pg{:02}", index + 2)).expect("it is a member");
            (key.json, key.value) = (json::parse(NOWHERE, &text).ok(), RawValue(text));
        }
        if !leads {
            let text = member(1, "replica", "");
            let key = keys.get_mut("members/pg01").expect("it is a member");
            (key.json, key.value) = (json::parse(NOWHERE, &text).ok(), RawValue(text));
        }
        if 1 < silent {
            snapshot.rest.insert(format!("pg{silent:02}"), RestAnswer::Unreachable { reason: "it is cut off".to_owned() });
        }
        let facts = Facts::collect(&snapshot, None, None);
        let situation = Situation::of(&facts).expect("the keys are sound");
        let commits = CommitQuorum::of(&situation);
        let margins = Margins::of(&situation, &commits).expect("they are few");
        for (lost, outcome) in margins.outcomes().filter(|(_, outcome)| outcome.is_race) {
            let names: Vec<String> = margins.contest.names_of(lost).iter().map(|name| (*name).to_owned()).collect();
            let whole = winners_without_commit(&facts, &situation, &commits, &names);
            prop_assert_eq!(margins.contest.names_of(outcome.may_lack_commit), whole, "without {:?}", names);
        }
    }

    /// The margins look at how many nodes are where, not at their names.
    #[test]
    fn the_resolver_looks_at_names_for_an_order_alone(
        sets in prop::collection::vec(0u8..8, 6), numbers in (-1i128..6, 0i128..6, 0i128..6, 0i128..5), taken_over: bool,
    ) {
        let run = |name: &dyn Fn(usize) -> String| {
            let with = |bit: u8| -> CaseInsensitiveSet {
                (0..sets.len()).filter(|index| sets[*index] & bit != 0).map(name).collect()
            };
            let (quorum, numsync, numsync_confirmed, sync_wanted) = numbers;
            let state = QuorumState {
                leader: "leader".to_owned(),
                quorum,
                voters: with(1),
                numsync,
                sync: with(2),
                numsync_confirmed,
                active: with(4),
                sync_wanted,
                leader_wanted: if taken_over { "other" } else { "leader" }.to_owned(),
            };
            let settlement = state.settle(Behaviours::of(PatroniVersion::newest()));
            let runs: Vec<_> = settlement
                .runs
                .iter()
                .map(|run| (run.transitions.is_ok(), run.end.numsync, run.end.sync.intersection(&run.end.active).len()))
                .collect();
            (runs, settlement.is_settled)
        };
        prop_assert_eq!(run(&|index| format!("n{index}")), run(&|index| format!("n{}", 9 - index)));
    }
}

/// The cases of docs/quorum.md, with what real Patroni answered.
fn cases() -> Vec<Value> {
    let text = fs::read_to_string(root().join("fixtures/quorum/cases.jsonl")).expect("the cases can be read");
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn margins_equal_what_real_patroni_answered() {
    let (mut compared, mut releases) = (0, std::collections::BTreeSet::new());
    for case in cases() {
        let snapshot = cluster(&case);
        for group in case["recorded"].as_array().expect("groups of releases") {
            for release in group["releases"].as_array().expect("releases") {
                let release = release.as_str().expect("a release");
                releases.insert(release.to_owned());
                let facts = Facts::collect(&snapshot, release.parse().ok(), None);
                let situation = Situation::of(&facts).expect("the keys are sound");
                let margins = Margins::of(&situation, &CommitQuorum::of(&situation)).expect("they are few");
                let recorded = group["winners"].as_object().expect("winners by loss");
                let races = margins.outcomes().filter(|(_, outcome)| outcome.is_race);
                let ours: BTreeMap<String, String> = races
                    .map(|(lost, outcome)| {
                        (margins.contest.names_of(lost).join(","), margins.contest.names_of(outcome.winners).join(","))
                    })
                    .collect();
                let theirs =
                    recorded.iter().map(|(lost, winners)| (lost.clone(), winners.as_str().expect("names").to_owned()));
                assert_eq!(ours, theirs.collect(), "{} with {release}", case["case"]);
                compared += ours.len();
            }
        }
    }
    assert!(4 <= releases.len() && 1900 < compared, "{compared} losses with {releases:?}");
}

/// The table of docs/quorum.md: every case as patrolint judges it with the newest release.
fn table() -> String {
    let mut rows = vec![
        "| case | commit waits for | election needs | may win without pg1 | failover survives | broken by the loss of | commits | writes survive |".to_owned(),
        "|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for case in cases() {
        let snapshot = cluster(&case);
        let facts = Facts::collect(&snapshot, Some(PatroniVersion::newest()), None);
        let situation = Situation::of(&facts).expect("the keys are sound");
        let commits = CommitQuorum::of(&situation);
        let margins = Margins::of(&situation, &commits).expect("they are few");
        let members = margins.contest.names.len();
        let commit = match (situation.mode, commits.needed) {
            (_, 0) => "nobody".to_owned(),
            (Mode::Quorum, needed) if commits.least < needed => {
                format!("any {} or {needed} of {}", commits.least, commits.names.join(", "))
            }
            (Mode::Quorum, needed) => format!("any {needed} of {}", commits.names.join(", ")),
            (_, _) => format!("all of {}", commits.names.join(", ")),
        };
        let election = match situation.mode {
            Mode::Quorum => format!("{} + its own", situation.cluster.sync.quorum),
            Mode::Synchronous => "a place in /sync".to_owned(),
            Mode::Asynchronous => "nothing".to_owned(),
        };
        let winners = margins.contest.names_of(margins.outcome(1).winners);
        let survives = |property| match margins.tolerated(property) {
            None => "not even now".to_owned(),
            Some(0) => "none".to_owned(),
            Some(count) if count == members => "any".to_owned(),
            Some(count) => format!("any {count}"),
        };
        let broken = collapse(members, &margins.minimal_breaking(Property::Failover));
        let broken: Vec<String> = broken.iter().map(|alike| set_text(&margins, alike)).collect();
        let commits_are = if margins.tolerated(Property::Commits) == Some(members) { "safe" } else { "may be lost" };
        rows.push(format!(
            "| {} | {commit} | {election} | {} | {} | {} | {commits_are} | {} |",
            case["title"].as_str().expect("a title"),
            if winners.is_empty() { "nobody".to_owned() } else { winners.join(", ") },
            survives(Property::Failover),
            broken.join("; "),
            survives(Property::Writes),
        ));
    }
    rows.join("\n")
}

#[test]
fn the_document_shows_what_is_judged() {
    let document = fs::read_to_string(root().join("docs/quorum.md")).expect("the document can be read");
    let table = table();
    assert!(document.contains(&table), "docs/quorum.md should hold this table:\n{table}");
}
