//! What the decisions say about the cluster as it stands.

use crate::decision::prediction::Question;
use crate::decision::prediction::evaluation::{Evaluation, evaluate};
use crate::decision::prediction::facts::Facts;
use crate::decision::standby_names::{FIRST_WITH_QUORUM_COMMIT, StandbyNames, value_of};
use crate::model::behaviour::Behaviours;
use crate::model::cluster::FailoverKey;
use crate::model::cluster::ScheduledMoment;
use crate::model::snapshot::RestAnswer;
use crate::parse::python;
use crate::parse::tree::{Node, Value};
use crate::rules::facts::Subject;
use crate::rules::finding::Label;
use crate::rules::functions::Hit;
use crate::rules::place;

type Found = Result<Vec<Hit>, Vec<String>>;

/// Nobody would take the lock if the leader died now; tells each member's reasons, and whether the quorum alone is why.
pub fn failover_chance(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let (Some(cluster), Some(leader)) = (scene.cluster, scene.leader()) else { return Ok(Vec::new()) };
    let replicas: Vec<&str> = scene.member_names().into_iter().filter(|name| *name != leader).collect();
    if replicas.is_empty() {
        return Ok(Vec::new());
    }
    let question = Question::Crash { nodes: vec![leader.to_owned()] };
    let facts = Facts::collect(cluster, scene.given_version, None);
    let evaluation = evaluate(&facts, &question);
    if !evaluation.winners.is_empty() {
        return Ok(Vec::new());
    }
    let quorum = scene.model().map_or(0, |model| model.sync.quorum);
    let lacks_votes = 0 < quorum && !evaluate(&without_quorum(facts), &question).winners.is_empty();
    Ok(vec![
        Hit::default()
            .with("reasons", reasons(&evaluation))
            .with("lacks_votes", lacks_votes)
            .with("replicas", replicas.into_iter().map(str::to_owned).collect::<Vec<_>>()),
    ])
}

/// A member whose name Patroni writes to `synchronous_standby_names` in a form that it cannot read back.
pub fn unreadable_standby_name(subject: &Subject<'_>) -> Found {
    let Some(name) = subject.member else { return Ok(Vec::new()) };
    let behaviours = Behaviours::of(subject.scene.version());
    let written = value_of(behaviours, FIRST_WITH_QUORUM_COMMIT, false, &[name.to_owned()], None).unwrap_or_default();
    match StandbyNames::parse(&written) {
        Ok(_) => Ok(Vec::new()),
        Err(error) => Ok(vec![Hit::default().with("problem", error.text(behaviours))]),
    }
}

/// The same facts with `quorum` 0 in `/sync`.
fn without_quorum(mut facts: Facts) -> Facts {
    let sync = facts.keys.get_mut("sync").and_then(|key| key.json.as_mut());
    if let Some(Node { value: Value::Mapping(sync), .. }) = sync {
        for entry in sync.entries.iter_mut().filter(|entry| entry.key.as_str() == Some("quorum")) {
            entry.value.value = Value::Int(0);
        }
    }
    facts
}

fn reasons(evaluation: &Evaluation) -> Vec<String> {
    let racers = evaluation.gates.iter().flat_map(|gate| &gate.racers);
    let reason = |reasons: &[String]| reasons.last().cloned().unwrap_or_else(|| "does not take part".to_owned());
    racers.map(|racer| format!("{}: {}", racer.node, reason(&racer.reasons))).collect()
}

/// More than one member says that it is a primary.
pub fn multiple_primaries(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let is_primary = |node: &Node| matches!(node.get("role").and_then(Node::as_str), Some("primary" | "master"));
    let mut hit = Hit::default();
    let mut primaries = Vec::new();
    let names = scene.cluster.into_iter().flat_map(|cluster| cluster.rest.keys().map(String::as_str));
    let names: std::collections::BTreeSet<&str> = names.chain(scene.member_names()).collect();
    for name in names {
        let key = format!("members/{name}");
        let (node, span) = match scene.rest(name) {
            Some(RestAnswer::Answered { json: Some(json), .. }) => (Some(json), json.get("role").map(|role| role.span)),
            _ => (scene.key_json(&key), place::key(scene, &key, &["role"])),
        };
        if node.is_some_and(is_primary) {
            primaries.push(name.to_owned());
            hit.labels.extend(span.map(|span| Label { span, text: String::new() }));
        }
    }
    Ok(if primaries.len() < 2 { Vec::new() } else { vec![hit.with("primaries", primaries)] })
}

/// The members that report failsafe mode.
pub fn failsafe_members(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let mut hit = Hit::default();
    let mut names = Vec::new();
    for name in scene.cluster.into_iter().flat_map(|cluster| cluster.rest.keys()) {
        let report = scene.rest_json(name).and_then(|json| json.get("failsafe_mode_is_active"));
        if let Some(node) = report.filter(|node| python::truthy(&node.value)) {
            hit.labels.push(Label { span: node.span, text: String::new() });
            names.push(name.clone());
        }
    }
    Ok(if names.is_empty() { Vec::new() } else { vec![hit.with("names", names)] })
}

/// The request in `/failover`, as Patroni reads it.
pub fn pending_switchover(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let Some(text) = scene.key_text("failover") else { return Ok(Vec::new()) };
    let request = match FailoverKey::load(text, scene.key_json("failover")) {
        Ok(request) if request.is_requested() => request,
        _ => return Ok(Vec::new()),
    };
    let candidate = request.candidate().unwrap_or_default();
    let is_sync = scene.model().is_some_and(|model| model.sync.matches(candidate));
    Ok(vec![
        Hit::default()
            .with("candidate", candidate)
            .with("is_switchover", request.leader().is_some())
            .with("requested_leader", request.leader().unwrap_or_default())
            .with("is_scheduled", request.scheduled_at.is_some())
            .with("is_naive", request.scheduled_at.as_ref().is_some_and(|time| time.at == ScheduledMoment::Naive))
            .with("scheduled_at", request.scheduled_at.as_ref().map(|time| time.text.clone()).unwrap_or_default())
            .with("is_member", scene.member_names().contains(&candidate))
            .with("is_sync_standby", is_sync),
    ])
}

/// `/config` that Patroni takes for an empty one.
pub fn config_key_shape(subject: &Subject<'_>) -> Found {
    let Some(text) = subject.scene.key_text("config") else { return Ok(Vec::new()) };
    let kind = match subject.scene.key_json("config").map(|node| &node.value) {
        Some(Value::Mapping(_)) => return Ok(Vec::new()),
        None if text.trim().is_empty() => "empty",
        None => "no JSON",
        Some(Value::Sequence(_)) => "a list",
        Some(_) => "a single value",
    };
    Ok(vec![Hit::default().with("kind", kind)])
}

/// `/sync` that Patroni cannot read as it was meant.
///
/// Source: patroni/dcs/__init__.py, `SyncState.from_node`, 4.1.5.
pub fn sync_key_shape(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let Some(text) = scene.key_text("sync") else { return Ok(Vec::new()) };
    let hit = |path: &[&str], problem: String, fails: bool| {
        let span = place::key(scene, "sync", path);
        let labels = span.map(|span| Label { span, text: String::new() }).into_iter().collect();
        vec![Hit { labels, values: Vec::new() }.with("problem", problem).with("fails", fails)]
    };
    let Some(Node { value: Value::Mapping(sync), .. }) = scene.key_json("sync") else {
        let is_empty = text.is_empty() || scene.key_json("sync").is_some_and(|node| node.value == Value::Null);
        return Ok(if is_empty { Vec::new() } else { hit(&[], "/sync is no JSON object".to_owned(), false) });
    };
    for field in ["leader", "sync_standby"] {
        match sync.get(field).map(|node| &node.value) {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) if !python::truthy(other) => {}
            Some(other) => {
                let problem = format!("{field} of /sync is a {}, Patroni expects a text", python::type_name(other));
                return Ok(hit(&[field], problem, true));
            }
        }
    }
    match sync.get("quorum").map(|node| &node.value) {
        Some(value) if python::truthy(value) && python::int(value).is_none() => {
            let problem = format!("quorum of /sync is a {}, Patroni expects a whole number", python::type_name(value));
            Ok(hit(&["quorum"], problem, false))
        }
        _ => Ok(Vec::new()),
    }
}
