//! The part `sync` of a verdict: what the leader does next about synchronous replication, and the resolver by itself.

use patrolint::decision::quorum_state::QuorumState;
use patrolint::decision::sync_replication::process_sync_replication;
use patrolint::decision::sync_standbys::{ReplicaRow, Replication};
use patrolint::decision::sync_step::SyncStep;
use patrolint::decision::view::View;
use patrolint::model::behaviour::{Behaviour, Behaviours};
use serde_json::{Map, Value, json};

/// The part `sync`; `None`: the oracle has nothing to say. `view`: that of the leader, `facts`: what the scenario tells of
/// its PostgreSQL.
pub fn verdict(behaviours: Behaviours, scenario: &Value, leader: Option<(&View<'_>, &Value)>) -> Option<Value> {
    let mut out = Map::new();
    let state = &scenario["quorum_state"];
    if state.is_object() && behaviours.has(Behaviour::QuorumCommit) {
        out.insert("resolver".to_owned(), resolver(behaviours, state));
    }
    if let Some((view, facts)) = leader
        && view.local.running
        && view.local.primary
        && !view.local.starting
    {
        out.insert("process".to_owned(), process(view, &replication(facts)));
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn process(view: &View<'_>, replication: &Replication) -> Value {
    let decision = process_sync_replication(view, replication);
    let writes: Vec<Value> = decision
        .keys()
        .map(|key| {
            let value = key.map(|key| {
                let mut value = json!({"leader": key.leader, "sync_standby": key.sync_standby});
                if let Some(quorum) = key.quorum {
                    value["quorum"] = number(quorum);
                }
                value
            });
            json!(["sync", value])
        })
        .collect();
    let names: Vec<Option<&str>> = decision.standby_names().collect();
    let logs: Vec<String> = decision
        .steps
        .iter()
        .filter_map(SyncStep::log)
        .map(|(level, text)| format!("{}: {text}", level.name()))
        .collect();
    let mut out = json!({"writes": writes, "synchronous_standby_names": names, "logs": logs});
    if let Err(raised) = decision.outcome {
        out["exception"] = json!(raised.to_string());
    }
    out
}

fn replication(facts: &Value) -> Replication {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = facts["pg_stat_replication"].as_array().into_iter().flatten().map(|row| ReplicaRow {
        application_name: text(&row["application_name"]),
        state: text(&row["state"]),
        sync_state: text(&row["sync_state"]),
        write_lsn: row["write_lsn"].as_i64().map(i128::from),
        flush_lsn: row["flush_lsn"].as_i64().map(i128::from),
        replay_lsn: row["replay_lsn"].as_i64().map(i128::from),
    });
    Replication {
        rows: rows.collect(),
        synchronous_standby_names: text(&facts["synchronous_standby_names"]),
        synchronous_commit: facts["synchronous_commit"].as_str().unwrap_or("on").to_owned(),
        postgres_version: facts["pg_version"].as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or(16_00_01),
        configured_standby_names: facts["configured_standby_names"].as_str().map(str::to_owned),
    }
}

fn resolver(behaviours: Behaviours, state: &Value) -> Value {
    let text = |field: &str| state[field].as_str().unwrap_or_default().to_owned();
    let int = |field: &str| i128::from(state[field].as_i64().unwrap_or_default());
    let names = |field: &str| state[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
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
    match state.resolve(behaviours).transitions {
        Ok(transitions) => {
            transitions.iter().map(|it| json!([it.kind.name(), it.leader, number(it.num), it.names.sorted()])).collect()
        }
        Err(error) => json!({"exception": format!("{}: {error}", error.class())}),
    }
}

/// JSON as serde_json has it ends at 64 bits.
fn number(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| json!(number.to_string()), Value::from)
}
