//! What patrolint itself writes when it reads a live DCS: one form for every store.
//!
//! ```json
//! {"patrolint_keys": 1, "dcs": "etcd3", "revision": 29, "doubts": [],
//!  "keys": {"/service/demo/leader": {"value": "pg1", "revision": 12, "lease": "77", "ttl_seconds": 18}}}
//! ```

use crate::parse::dump::{DcsKind, DcsServer, DumpedKey, Form, KeyDump, Malformed, StoredValue, integer, unsigned};
use crate::parse::tree::{Node, Value};

/// Reads keys; `None` if the document is something else.
pub fn read_keys(document: &Node) -> Option<Result<KeyDump, Malformed>> {
    document.get("patrolint_keys")?;
    Some(keys(document))
}

fn keys(document: &Node) -> Result<KeyDump, Malformed> {
    let kind = document.get("dcs").and_then(Node::as_str).and_then(DcsKind::of_section);
    let mut dump = KeyDump::new(kind.unwrap_or(DcsKind::Unknown), Form::Native);
    dump.revision = unsigned(document.get("revision"));
    dump.doubts = texts(document.get("doubts"));
    let keys = document.get("keys").and_then(Node::as_mapping);
    for entry in keys.ok_or_else(|| Malformed::at(document, "keys is not an object"))?.effective() {
        let path = entry.key.as_str().unwrap_or_default();
        let value = match (entry.value.get("value"), unsigned(entry.value.get("not_utf8_from"))) {
            (Some(Node { value: Value::String(text), .. }), _) => StoredValue::Text(text.clone()),
            (None, Some(offset)) => StoredValue::NotUtf8(usize::try_from(offset).unwrap_or(usize::MAX)),
            _ => return Err(Malformed::at(&entry.value, format!("{path} has no value"))),
        };
        let mut key = DumpedKey::new(value);
        key.revision = unsigned(entry.value.get("revision"));
        key.lease = entry.value.get("lease").and_then(Node::as_str).map(str::to_owned);
        key.ttl_seconds = entry.value.get("ttl_seconds").and_then(integer).and_then(|ttl| i64::try_from(ttl).ok());
        dump.insert(path, key)?;
    }
    Ok(dump)
}

/// Reads servers; `None` if the document is something else.
pub fn read_servers(document: &Node) -> Option<Vec<DcsServer>> {
    document.get("patrolint_servers")?;
    let text = |server: &Node, name: &str| server.get(name).and_then(Node::as_str).map(str::to_owned);
    let server = |server: &Node| DcsServer {
        endpoint: text(server, "endpoint").unwrap_or_default(),
        name: text(server, "name"),
        version: text(server, "version"),
        is_leader: match server.get("is_leader").map(|node| &node.value) {
            Some(Value::Bool(is_leader)) => Some(*is_leader),
            _ => None,
        },
        database_bytes: unsigned(server.get("database_bytes")),
        database_bytes_in_use: unsigned(server.get("database_bytes_in_use")),
        alarms: texts(server.get("alarms")),
        latency_ms: unsigned(server.get("latency_ms")),
        clock_ahead_seconds: server
            .get("clock_ahead_seconds")
            .and_then(integer)
            .and_then(|ahead| i64::try_from(ahead).ok()),
        error: text(server, "error"),
    };
    Some(document.get("servers").and_then(Node::as_sequence).unwrap_or_default().iter().map(server).collect())
}

fn texts(list: Option<&Node>) -> Vec<String> {
    let items = list.and_then(Node::as_sequence).unwrap_or_default();
    items.iter().filter_map(Node::as_str).map(str::to_owned).collect()
}
