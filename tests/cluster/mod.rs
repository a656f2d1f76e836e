//! Clusters for tests: keys and REST answers, in the form of the oracle's scenarios.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::BTreeMap;

use patrolint::input::source_map::SourceId;
use patrolint::model::snapshot::{ClusterSnapshot, Dcs, DcsKey, DcsKind, RawValue, RestAnswer};
use patrolint::parse::json;
use serde_json::Value;

/// What a value's place in a text would be; nothing points there.
pub const NOWHERE: SourceId = SourceId(u32::MAX);

/// A cluster in the form of the oracle's scenarios: `dcs` and `rest`.
pub fn cluster(scenario: &Value) -> ClusterSnapshot {
    let object = |field: &str| scenario[field].as_object().cloned().unwrap_or_default();
    let key = |text: &str| DcsKey {
        source: NOWHERE,
        value: RawValue(text.to_owned()),
        json: json::parse(NOWHERE, text).ok(),
        revision: None,
        lease: None,
        ttl_seconds: None,
    };
    let dcs = object("dcs");
    let keys: BTreeMap<String, DcsKey> =
        dcs.iter().filter_map(|(name, text)| Some((name.clone(), key(text.as_str()?)))).collect();
    let answer = |answer: &Value| match answer {
        Value::String(_) => RestAnswer::Unreachable { reason: "it does not answer".to_owned() },
        answer => {
            let text = answer["raw"].as_str().map_or_else(|| answer.to_string(), str::to_owned);
            RestAnswer::Answered { source: NOWHERE, json: json::parse(NOWHERE, &text).ok() }
        }
    };
    ClusterSnapshot {
        namespace: "service".to_owned(),
        scope: "demo".to_owned(),
        dcs: Some(Dcs {
            kind: DcsKind::Etcd3,
            revision: None,
            keys,
            servers: Vec::new(),
            incomplete: None,
            doubts: Vec::new(),
        }),
        rest: object("rest").iter().map(|(name, value)| (name.clone(), answer(value))).collect(),
        ..ClusterSnapshot::default()
    }
}

/// A member as its key tells it.
pub fn member(index: usize, role: &str, extra: &str) -> String {
    format!(
        r#"{{"api_url":"http://10.0.0.{index}:8008/patroni","state":"running","role":"{role}","version":"4.1.5","xlog_location":1000,"timeline":1,"replication_state":"streaming"{extra}}}"#
    )
}

/// A cluster of `pg01`, which leads, and others, with these keys besides.
pub fn healthy(members: usize, config: &str, sync: &str) -> ClusterSnapshot {
    let mut dcs = serde_json::json!({
        "config": config, "sync": sync, "leader": "pg01", "initialize": "1", "status": r#"{"optime":1000}"#, "history": "[]",
    });
    for index in 1..=members {
        let role = if index == 1 { "primary" } else { "replica" };
        dcs[format!("members/pg{index:02}")] = Value::String(member(index, role, ""));
    }
    cluster(&serde_json::json!({ "dcs": dcs }))
}
