//! Ways through: other requests and changed settings, each predicted on the same snapshot.

use crate::decision::api::{Kind, Request};
use crate::decision::prediction::evaluation::{Evaluation, evaluate};
use crate::decision::prediction::explanation::wins;
use crate::decision::prediction::facts::{Facts, NodeFacts, Origin};
use crate::decision::prediction::open::supposed_key;
use crate::decision::prediction::{Gate, KnownBug, Question, Via};
use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::MemberStatus;
use crate::model::version::{KNOWN_RELEASES, PatroniVersion};
use crate::parse::tree::{Entry, Node, Span, Style, Value};

/// At most so many ways are shown.
const MAXIMUM_WAYS: usize = 4;

/// Something else to do, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What.
    pub what: String,
    /// The command, if it is one.
    pub command: Option<String>,
    /// What is predicted, and what it costs.
    pub outcome: String,
    /// Who may win.
    pub winners: Vec<String>,
}

/// The ways that are predicted to go through when the question is refused.
pub fn find(facts: &Facts, question: &Question, evaluation: &Evaluation) -> Vec<Way> {
    let Question::Change { kind, request, .. } = question else { return Vec::new() };
    if evaluation.accepted {
        return Vec::new();
    }
    let mut ways = Vec::new();
    resume(facts, *kind, request, &mut ways);
    name_leader(facts, question, &mut ways);
    without_candidate(facts, *kind, request, &mut ways);
    more_sync_standbys(facts, *kind, request, evaluation, &mut ways);
    allow_promotion(facts, question, &mut ways);
    upgrade(facts, question, evaluation, &mut ways);
    other_candidates(facts, *kind, request, &mut ways);
    failover_instead(facts, *kind, request, &mut ways);
    ways.truncate(MAXIMUM_WAYS);
    ways
}

fn immediate(kind: Kind, leader: Option<&str>, candidate: Option<&str>) -> Question {
    let request = Request {
        leader: leader.filter(|_| kind == Kind::Switchover).map(str::to_owned),
        candidate: candidate.map(str::to_owned),
        scheduled_at: None,
    };
    Question::Change { kind, request, via: Via::Ctl }
}

fn command(facts: &Facts, kind: Kind, leader: Option<&str>, candidate: Option<&str>) -> String {
    let mut command = format!("patronictl {} {}", kind.name(), facts.scope);
    if let (Kind::Switchover, Some(leader)) = (kind, leader) {
        command.push_str(&format!(" --leader {leader}"));
    }
    if let Some(candidate) = candidate {
        command.push_str(&format!(" --candidate {candidate}"));
    }
    command
}

/// Adds a way if `question` is accepted in the world `facts`.
fn add_if_accepted(
    facts: &Facts,
    question: &Question,
    what: String,
    command: Option<String>,
    cost: &str,
    ways: &mut Vec<Way>,
) {
    let evaluation = evaluate(facts, question);
    if evaluation.accepted {
        let outcome = format!("accepted; {}{cost}", wins(&evaluation.winners));
        ways.push(Way { what, command, outcome, winners: evaluation.winners });
    }
}

fn without_candidate(facts: &Facts, kind: Kind, request: &Request, ways: &mut Vec<Way>) {
    let leader = facts.leader();
    if request.candidate().is_none() && kind == Kind::Switchover || leader.is_none() {
        return;
    }
    let question = immediate(Kind::Switchover, leader, None);
    let command = command(facts, Kind::Switchover, leader, None);
    add_if_accepted(facts, &question, "a switchover without a candidate".to_owned(), Some(command), "", ways);
}

/// The REST API wants the leader of a switchover named.
fn name_leader(facts: &Facts, question: &Question, ways: &mut Vec<Way>) {
    let Question::Change { kind: Kind::Switchover, request, via: Via::Api } = question else { return };
    let (Some(leader), None) = (facts.leader(), request.leader()) else { return };
    let request = Request { leader: Some(leader.to_owned()), ..request.clone() };
    let question = Question::Change { kind: Kind::Switchover, request, via: Via::Api };
    add_if_accepted(facts, &question, format!("name the leader: \"leader\": \"{leader}\""), None, "", ways);
}

fn other_candidates(facts: &Facts, kind: Kind, request: &Request, ways: &mut Vec<Way>) {
    let leader = facts.leader();
    for candidate in facts.nodes.keys().map(String::as_str) {
        if Some(candidate) == request.candidate() || Some(candidate) == leader {
            continue;
        }
        let question = immediate(kind, leader, Some(candidate));
        let command = command(facts, kind, leader, Some(candidate));
        add_if_accepted(facts, &question, format!("the candidate {candidate}"), Some(command), "", ways);
    }
}

fn failover_instead(facts: &Facts, kind: Kind, request: &Request, ways: &mut Vec<Way>) {
    let (Kind::Switchover, Some(candidate)) = (kind, request.candidate()) else { return };
    let question = immediate(Kind::Failover, None, Some(candidate));
    let command = command(facts, Kind::Failover, None, Some(candidate));
    let synchronous = facts.config(facts.leader_version()).synchronous_mode;
    let cost = if synchronous { "; it may lose commits that only the sync standbys have" } else { "" };
    add_if_accepted(facts, &question, format!("a failover to {candidate}"), Some(command), cost, ways);
}

/// In pause a switchover needs a candidate; resumed, it does not.
fn resume(facts: &Facts, kind: Kind, request: &Request, ways: &mut Vec<Way>) {
    if !facts.config(facts.leader_version()).paused {
        return;
    }
    let mut resumed = facts.clone();
    change_config(&mut resumed, &[("pause", Value::Bool(false))]);
    let question = Question::Change { kind, request: request.clone(), via: Via::Ctl };
    let command = format!("patronictl resume {}", facts.scope);
    add_if_accepted(&resumed, &question, "resume the cluster first".to_owned(), Some(command), "", ways);
}

/// When the quorum is what is missing: as many sync standbys as there are voters make it 0.
fn more_sync_standbys(facts: &Facts, kind: Kind, request: &Request, evaluation: &Evaluation, ways: &mut Vec<Way>) {
    let version = facts.leader_version();
    let Ok(cluster) = facts.cluster(version) else { return };
    let voters: Vec<&str> = cluster.sync.voters().collect();
    let config = facts.config(version);
    let count = voters.len();
    if evaluation.gate != Some(Gate::Leader) || !config.quorum_commit_mode || cluster.sync.quorum == 0 || count == 0 {
        return;
    }
    let mut changed = facts.clone();
    change_config(&mut changed, &[("synchronous_node_count", Value::Int(count as i128))]);
    let sync = serde_json::json!({"leader": cluster.sync.leader(), "sync_standby": voters.join(","), "quorum": 0});
    changed.keys.insert("sync".to_owned(), supposed_key(&sync.to_string()));
    let question = Question::Change { kind, request: request.clone(), via: Via::Ctl };
    let what = format!("synchronous_node_count: {count}, then wait until quorum in /sync is 0");
    let command = format!("patronictl edit-config {} -s synchronous_node_count={count}", facts.scope);
    let cost =
        format!("; until then commits wait for {}", if count == 2 { "both replicas" } else { "all sync standbys" });
    add_if_accepted(&changed, &question, what, Some(command), &cost, ways);
}

/// Members that may not be promoted: one of them without `nofailover`.
fn allow_promotion(facts: &Facts, question: &Question, ways: &mut Vec<Way>) {
    let Question::Change { request, .. } = question else { return };
    let is_asked = |name: &str| request.candidate().is_none_or(|candidate| candidate == name);
    let is_forbidden = |node: &NodeFacts| node.local.tags.nofailover();
    let forbidden = facts.nodes.iter().filter(|(name, node)| is_asked(name) && is_forbidden(node));
    for (name, _) in forbidden.filter(|(name, _)| facts.leader() != Some(name)) {
        let mut allowed = facts.clone();
        allow(&mut allowed, name);
        let what = format!("take nofailover (or failover_priority 0) away from {name}");
        let command = format!("in its patroni.yml, then: patronictl reload {} {name}", facts.scope);
        let before = ways.len();
        add_if_accepted(&allowed, question, what, Some(command), "", ways);
        if before < ways.len() {
            return;
        }
    }
}

/// Sets `nofailover: false` in everything that tells the tags of a node.
fn allow(facts: &mut Facts, name: &str) {
    if let Some(node) = facts.nodes.get_mut(name) {
        node.local.tags = node.local.tags.clone().with_nofailover(false);
        node.answer = None;
        if let MemberStatus::Reachable { tags: Ok(tags), .. } = &mut node.status {
            *tags = tags.clone().with_nofailover(false);
        }
    }
    let member = facts.keys.get_mut(&format!("members/{name}")).and_then(|key| key.json.as_mut());
    if let Some(Node { value: Value::Mapping(member), span, .. }) = member {
        let tags = member.entries.iter_mut().rev().find(|entry| entry.key.value == Value::String("tags".to_owned()));
        if let Some(Value::Mapping(tags)) = tags.map(|entry| &mut entry.value.value) {
            tags.entries.push(entry("nofailover", Value::Bool(false), *span));
        }
    }
}

/// The next release of the leader that accepts.
fn upgrade(facts: &Facts, question: &Question, evaluation: &Evaluation, ways: &mut Vec<Way>) {
    if !matches!(evaluation.gate, Some(Gate::Leader | Gate::Race)) {
        return;
    }
    let Some(leader) = facts.leader().map(str::to_owned) else { return };
    let present = facts.leader_version();
    let newer: Vec<(PatroniVersion, Evaluation)> = KNOWN_RELEASES
        .iter()
        .filter(|version| present < **version)
        .map(|version| {
            let mut upgraded = facts.clone();
            if let Some(node) = upgraded.nodes.get_mut(&leader) {
                node.version = (*version, Origin::CommandLine);
            }
            (*version, evaluate(&upgraded, question))
        })
        .collect();
    let Some(first) = newer.iter().position(|(_, evaluation)| evaluation.accepted) else { return };
    let (version, accepted) = &newer[first];
    let all_newer = newer[first..].iter().all(|(_, evaluation)| evaluation.accepted);
    ways.push(Way {
        what: format!(
            "upgrade Patroni on the leader {leader} to {version}{}",
            if all_newer { " or newer" } else { "" }
        ),
        command: None,
        outcome: format!("accepted; {}", wins(&accepted.winners)),
        winners: accepted.winners.clone(),
    });
}

/// The known bug that refuses: a leader that counts votes but does not exempt a named candidate from the quorum.
pub fn known_bug(facts: &Facts, question: &Question, evaluation: &Evaluation) -> Option<KnownBug> {
    let behaviours = Behaviours::of(facts.leader_version());
    let is_affected =
        behaviours.has(Behaviour::LeaderCountsVotes) && !behaviours.has(Behaviour::NamedCandidateSkipsQuorum);
    if evaluation.gate != Some(Gate::Leader) || !is_affected {
        return None;
    }
    let is_fixed = |version: &&PatroniVersion| Behaviours::of(**version).has(Behaviour::NamedCandidateSkipsQuorum);
    let fixed_in = *KNOWN_RELEASES.iter().find(is_fixed)?;
    let mut fixed = facts.clone();
    let leader = fixed.leader().map(str::to_owned)?;
    fixed.suppose_release(fixed_in, |name, _| name == leader);
    evaluate(&fixed, question).accepted.then_some(KnownBug {
        slug: "quorum-named-candidate-refused",
        releases: "4.0.5 only",
        fixed_in,
        reference: "patroni#3307, PR 3310",
    })
}

/// Sets keys of the dynamic configuration in a world that is tried.
pub(in crate::decision) fn change_config(facts: &mut Facts, changes: &[(&str, Value)]) {
    let Some(json) = facts.keys.get_mut("config").and_then(|key| key.json.as_mut()) else { return };
    let span = json.span;
    let Value::Mapping(mapping) = &mut json.value else { return };
    mapping.entries.extend(changes.iter().map(|(name, value)| entry(name, value.clone(), span)));
}

/// An entry of a supposed value; nothing points at it.
fn entry(name: &str, value: Value, span: Span) -> Entry {
    let node = |value: Value| Node { value, span, style: Style::Plain };
    Entry { key: node(Value::String(name.to_owned())), value: node(value), merged: false }
}
