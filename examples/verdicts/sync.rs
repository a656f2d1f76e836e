//! The part `sync`: what the leader does next about synchronous replication, and the resolver by itself.

use patrolint::decision::quorum_state::QuorumState;
use patrolint::decision::sync_replication::process_sync_replication;
use patrolint::decision::sync_standbys::{ReplicaRow, Replication};
use patrolint::decision::sync_step::{SyncKey, SyncStep};
use patrolint::decision::view::{Answers, View};
use patrolint::model::behaviour::Behaviour;
use patrolint::parse::python;
use patrolint::parse::tree::Node;

use super::json::Json;
use super::scenario::Scenario;

/// Writes the part, unless the oracle has nothing to say: the leader is no running primary, and no state is given.
pub fn write(scenario: &Scenario<'_>, out: &mut Json) {
    let leader = scenario.leader().filter(|leader| {
        let is_up = |node: &patrolint::model::cluster::LocalState| node.running && node.primary && !node.starting;
        scenario.nodes.get(leader).is_some_and(is_up)
    });
    let state = scenario.line.get("quorum_state").filter(|state| python::truthy(&state.value));
    let state = state.filter(|_| scenario.behaviours.has(Behaviour::QuorumCommit));
    if leader.is_none() && state.is_none() {
        return;
    }
    out.key("sync");
    out.begin('{');
    if let Some(leader) = leader {
        out.field("process", |out| process(scenario, leader, out));
    }
    if let Some(state) = state {
        out.field("resolver", |out| resolver(scenario, state, out));
    }
    out.end('}');
}

fn process(scenario: &Scenario<'_>, leader: &str, out: &mut Json) {
    let Ok(cluster) = &scenario.world.cluster else { return out.null() };
    let view = View {
        name: leader,
        behaviours: scenario.behaviours,
        cluster,
        config: &scenario.world.config,
        old_cluster: cluster,
        local: &scenario.nodes[leader],
        answers: &Answers::default(),
        now: scenario.now,
    };
    let replication = replication(scenario.line.at(&["local", leader]));
    let decision = process_sync_replication(&view, &replication);
    out.begin('{');
    if let Err(raised) = &decision.outcome {
        out.text_field("exception", &raised.to_string());
    }
    out.field("logs", |out| {
        out.begin('[');
        for (level, text) in decision.steps.iter().filter_map(SyncStep::log) {
            out.string(&format!("{}: {text}", level.name()));
        }
        out.end(']');
    });
    out.field("synchronous_standby_names", |out| {
        out.begin('[');
        decision.standby_names().for_each(|names| out.optional(names));
        out.end(']');
    });
    out.field("writes", |out| {
        out.begin('[');
        for key in decision.keys() {
            out.begin('[');
            out.string("sync");
            match key {
                Some(key) => write_key(key, out),
                None => out.null(),
            }
            out.end(']');
        }
        out.end(']');
    });
    out.end('}');
}

fn write_key(key: &SyncKey, out: &mut Json) {
    out.begin('{');
    out.text_field("leader", &key.leader);
    if let Some(quorum) = key.quorum {
        out.field("quorum", |out| out.int(quorum));
    }
    out.field("sync_standby", |out| out.optional(key.sync_standby.as_deref()));
    out.end('}');
}

/// What a scenario tells of the leader's PostgreSQL.
fn replication(facts: Option<&Node>) -> Replication {
    let field = |name: &str| facts.and_then(|facts| facts.get(name));
    let text = |name: &str| field(name).and_then(Node::as_str).map(str::to_owned);
    let version = field("pg_version").and_then(|version| python::int(&version.value));
    Replication {
        rows: field("pg_stat_replication").and_then(Node::as_sequence).unwrap_or_default().iter().map(row).collect(),
        synchronous_standby_names: text("synchronous_standby_names").unwrap_or_default(),
        synchronous_commit: text("synchronous_commit").unwrap_or_else(|| "on".to_owned()),
        postgres_version: version.and_then(|version| u32::try_from(version).ok()).unwrap_or(16_00_01),
        configured_standby_names: text("configured_standby_names"),
    }
}

fn row(row: &Node) -> ReplicaRow {
    let text = |name: &str| row.get(name).and_then(Node::as_str).unwrap_or_default().to_owned();
    let lsn = |name: &str| row.get(name).and_then(|lsn| python::int(&lsn.value));
    ReplicaRow {
        application_name: text("application_name"),
        state: text("state"),
        sync_state: text("sync_state"),
        write_lsn: lsn("write_lsn"),
        flush_lsn: lsn("flush_lsn"),
        replay_lsn: lsn("replay_lsn"),
    }
}

fn resolver(scenario: &Scenario<'_>, state: &Node, out: &mut Json) {
    let text = |name: &str| state.get(name).and_then(Node::as_str).unwrap_or_default().to_owned();
    let int = |name: &str| state.get(name).and_then(|number| python::int(&number.value)).unwrap_or_default();
    let names = |name: &str| {
        state.get(name).and_then(Node::as_sequence).unwrap_or_default().iter().filter_map(Node::as_str).collect()
    };
    let state = QuorumState {
        leader: text("leader"),
        quorum: int("quorum"),
        voters: names("voters"),
        numsync: int("numsync"),
        sync: names("sync"),
        numsync_confirmed: int("numsync_confirmed"),
        active: names("active"),
        sync_wanted: int("sync_wanted"),
        leader_wanted: text("leader_wanted"),
    };
    match state.resolve(scenario.behaviours).transitions {
        Ok(transitions) => {
            out.begin('[');
            for transition in transitions {
                out.begin('[');
                out.string(transition.kind.name());
                out.string(&transition.leader);
                out.int(transition.num);
                out.strings(transition.names.sorted());
                out.end(']');
            }
            out.end(']');
        }
        Err(error) => {
            out.begin('{');
            out.text_field("exception", &format!("{}: {error}", error.class()));
            out.end('}');
        }
    }
}
