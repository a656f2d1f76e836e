//! Patroni's resolver of quorum states, recorded from its released code, and the laws that it is there for.
//!
//! `tests/oracle/record_resolver.py` makes the records; `examples/resolver.rs` makes patrolint's answers in the same form.

#[path = "../examples/resolver.rs"]
#[allow(dead_code, reason = "the example's own main is not called")]
mod example;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use patrolint::decision::case_insensitive_set::CaseInsensitiveSet;
use patrolint::decision::quorum_state::{QuorumState, Resolution, TransitionKind};
use patrolint::model::behaviour::Behaviours;
use patrolint::model::version::PatroniVersion;
use proptest::prelude::*;
use serde_json::Value;

const RELEASES: [PatroniVersion; 4] = [
    PatroniVersion::new(4, 0, 1),
    PatroniVersion::new(4, 0, 4),
    PatroniVersion::new(4, 0, 5),
    PatroniVersion::new(4, 1, 5),
];

/// Runs after which a consistent state is steady.
const RUNS_OF_A_CONSISTENT_STATE: usize = 4;

#[test]
fn transitions_agree_with_recorded_patroni() {
    let states = lines("resolver-states");
    assert!(3000 <= states.len(), "only {} states are recorded", states.len());
    let mut failures = Vec::new();
    for version in RELEASES {
        let recorded = lines(&format!("resolver-{version}"));
        assert_eq!(states.len(), recorded.len(), "{version} was recorded from other states");
        for (state, recorded) in states.iter().zip(&recorded) {
            let answer = example::answer(version, state);
            if answer != *recorded {
                failures.push(format!("{version} {state}\n   Patroni: {recorded}\n   here:    {answer}"));
            }
        }
    }
    let shown = &failures[..failures.len().min(10)];
    assert!(failures.is_empty(), "{} disagreements:\n{}", failures.len(), shown.join("\n"));
}

fn lines(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/oracle/{name}.jsonl.gz"));
    let mut text = String::new();
    let file = fs::File::open(path).expect("the record can be read");
    GzDecoder::new(file).read_to_string(&mut text).expect("the record is compressed text");
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The way from any state, sane or not.
    #[test]
    fn any_state_comes_to_rest_safely(state in any_state(), version in prop::sample::select(RELEASES.to_vec())) {
        let behaviours = Behaviours::of(version);
        let settlement = state.settle(behaviours);
        let mut now = state;
        for run in &settlement.runs {
            check_run(&now, run)?;
            now = QuorumState { numsync_confirmed: caught_up(&run.end), ..run.end.clone() };
        }
        let again = settlement.end.resolve(behaviours);
        prop_assert_eq!(again.transitions == Ok(Vec::new()), settlement.is_settled, "{:?}", again);
        let last_failed = settlement.runs.last().is_some_and(|run| run.transitions.is_err());
        prop_assert!(settlement.is_settled || last_failed, "{:?}", settlement);
    }

    /// The way from a state that Patroni may have left behind.
    #[test]
    fn a_consistent_state_comes_to_the_best_one(state in consistent_state(), version in prop::sample::select(RELEASES.to_vec())) {
        let settlement = state.settle(Behaviours::of(version));
        if settlement.is_settled {
            prop_assert!(settlement.runs.len() <= RUNS_OF_A_CONSISTENT_STATE, "{:?}", settlement);
            prop_assert!(is_best(&settlement.end), "{:?}", settlement);
        }
    }

    /// Nodes come and go, the configuration changes, standbys catch up or do not, and runs are cut short: the state stays
    /// safe, and once that ends the cluster comes to the best state unless Patroni fails.
    #[test]
    fn interrupted_runs_leave_a_safe_state(
        steps in prop::collection::vec((names(), 1..5i128, 0..=100i128, 0..6usize), 1..12),
        version in prop::sample::select(RELEASES.to_vec()),
    ) {
        let behaviours = Behaviours::of(version);
        let none = CaseInsensitiveSet::default;
        let mut state = QuorumState {
            leader: "L".to_owned(),
            quorum: 0,
            voters: none(),
            numsync: 0,
            sync: none(),
            numsync_confirmed: 0,
            active: none(),
            sync_wanted: 1,
            leader_wanted: "L".to_owned(),
        };
        for (active, sync_wanted, confirmed_percent, cut) in steps {
            state.active = active;
            state.sync_wanted = sync_wanted;
            state.numsync_confirmed = caught_up(&state) * confirmed_percent / 100;
            let run = state.resolve(behaviours);
            check_run(&state, &run)?;
            for transition in run.transitions.iter().flatten().take(cut) {
                state.apply(transition);
            }
        }
        // Now and then Patroni is stuck: `settles_or_is_stuck` in src/decision/quorum_state.rs has such states.
        let settlement = state.settle(behaviours);
        prop_assert!(!settlement.is_settled || is_best(&settlement.end), "{:?}", settlement);
    }
}

/// Asserts that a run's writes keep the state safe, one by one, and lead to the run's end.
fn check_run(before: &QuorumState, run: &Resolution) -> Result<(), TestCaseError> {
    let mut state = before.clone();
    // A commit cannot wait for more standbys than are named, whatever number stands there.
    state.numsync = state.numsync.min(state.sync.len() as i128);
    let transitions = run.transitions.as_deref().unwrap_or_default();
    for (index, transition) in transitions.iter().enumerate() {
        let next = transitions.get(index + 1);
        prop_assert!(next.is_none_or(|next| next.kind != transition.kind), "{:?}", run);
        if transition.kind == TransitionKind::Restart {
            prop_assert!(next.is_none(), "{:?}", run);
            continue;
        }
        state.apply(transition);
        prop_assert_eq!(state.check_invariants(), Ok(()), "{:?}: {:?}", transition, run);
        prop_assert!(is_safe(&state), "{:?}: {:?}", transition, run);
    }
    prop_assert_eq!(&QuorumState { numsync_confirmed: run.end.numsync_confirmed, ..state }, &run.end);
    Ok(())
}

/// Whether every set of nodes that can acknowledge a commit has a node in common with every set that can elect a leader.
fn is_safe(state: &QuorumState) -> bool {
    let name = |name: &str| name.to_lowercase();
    let names = |set: &CaseInsensitiveSet| -> BTreeSet<String> { set.sorted().into_iter().map(name).collect() };
    let (sync, voters) = (names(&state.sync), names(&state.voters));
    let primary = name(&state.leader_wanted);
    let all: Vec<String> = sync.iter().chain(&voters).cloned().chain([primary.clone(), name(&state.leader)]).collect();
    let all: Vec<String> = all.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let subsets: Vec<BTreeSet<&String>> = (0u32..1 << all.len())
        .map(|bits| (0..all.len()).filter(|index| bits & (1 << index) != 0).map(|index| &all[index]).collect())
        .collect();
    // The primary has every commit, and no standby acknowledges in its own name.
    let acknowledges = |set: &BTreeSet<&String>| {
        let standbys = set.iter().filter(|node| sync.contains(**node) && **node != &primary).count();
        set.contains(&primary) && state.numsync <= standbys as i128
    };
    // Without voters only the leader of `/sync` may lead; otherwise the candidate's vote counts on top of the quorum.
    let elects = |set: &BTreeSet<&String>| {
        let is_leader = |node: &&&String| **node == &name(&state.leader);
        let votes = set.iter().filter(|node| voters.contains(**node) || is_leader(node)).count();
        if voters.is_empty() { set.iter().any(|node| is_leader(&node)) } else { state.quorum < votes as i128 }
    };
    let (commits, elections): (Vec<_>, Vec<_>) =
        (subsets.iter().filter(|set| acknowledges(set)).collect(), subsets.iter().filter(|set| elects(set)).collect());
    commits.iter().all(|commit| elections.iter().all(|election| !commit.is_disjoint(election)))
}

/// Every active node is a voter and a synchronous standby, commits wait for as many as wanted, and the quorum is the
/// lowest that is safe.
fn is_best(state: &QuorumState) -> bool {
    let nodes = state.active.len() as i128;
    let numsync = state.sync_wanted.min(nodes);
    state.voters == state.active
        && state.sync == state.active
        && state.numsync == numsync
        && state.quorum == nodes - numsync
        && state.leader == state.leader_wanted
}

fn caught_up(state: &QuorumState) -> i128 {
    state.sync.intersection(&state.active).len() as i128
}

/// Some of five standbys, written in any case.
fn names() -> impl Strategy<Value = CaseInsensitiveSet> {
    let name = (0..5usize, any::<bool>());
    prop::collection::vec(name, 0..8).prop_map(|names| {
        let spelled = |(index, is_capital): (usize, bool)| {
            let name = ["a", "b", "c", "d", "é"][index];
            if is_capital { name.to_uppercase() } else { name.to_owned() }
        };
        names.into_iter().map(spelled).collect()
    })
}

fn any_state() -> impl Strategy<Value = QuorumState> {
    let leader = || prop::sample::select(vec!["L", "L", "L", "l", "M", "a"]);
    let numbers = (-1..7i128, -1..7i128, -1..7i128, -1..7i128);
    (leader(), leader(), names(), names(), names(), numbers, 0..4u8).prop_map(
        |(leader, leader_wanted, voters, sync, active, (quorum, numsync, numsync_confirmed, sync_wanted), alike)| {
            let sync = if alike & 1 == 0 { sync } else { voters.clone() };
            let active = if alike & 2 == 0 { active } else { sync.clone() };
            let (leader, leader_wanted) = (leader.to_owned(), leader_wanted.to_owned());
            QuorumState { leader, quorum, voters, numsync, sync, numsync_confirmed, active, sync_wanted, leader_wanted }
        },
    )
}

/// A state as Patroni keeps it, in the middle of a change or not, maybe right after a failover.
fn consistent_state() -> impl Strategy<Value = QuorumState> {
    let leader = prop::sample::select(vec!["L", "L", "L", "M"]);
    (leader, names(), names(), names(), (0..7i128, 1..6i128, 0..=100i128, 1..6i128))
        .prop_map(|(leader_wanted, inner, outer, active, (quorum, numsync, confirmed_percent, sync_wanted))| {
            let wider = inner.union(&outer);
            let (voters, sync) = if quorum % 2 == 0 { (wider, inner) } else { (inner, wider) };
            let numsync = numsync.min(sync.len() as i128);
            let quorum = quorum.min(voters.len() as i128 - 1).max(0);
            let leader = "L".to_owned();
            let leader_wanted = leader_wanted.to_owned();
            let numsync_confirmed = 0;
            let state = QuorumState {
                leader,
                quorum,
                voters,
                numsync,
                sync,
                numsync_confirmed,
                active,
                sync_wanted,
                leader_wanted,
            };
            QuorumState { numsync_confirmed: caught_up(&state) * confirmed_percent / 100, ..state }
        })
        .prop_filter("the old leader's state is safe", |state| {
            QuorumState { leader_wanted: state.leader.clone(), ..state.clone() }.check_invariants().is_ok()
        })
}
