//! etcd's API v2: the answer of `GET /v2/keys/…?recursive=true`, directories inside each other.

use crate::parse::dump::{DcsKind, DumpedKey, Form, KeyDump, Malformed, StoredValue, integer, unsigned};
use crate::parse::tree::Node;

/// Reads an answer; `None` if the document is something else.
pub fn read(document: &Node) -> Option<Result<KeyDump, Malformed>> {
    if document.get("errorCode").is_some() && document.get("cause").is_some() {
        let message = document.get("message").and_then(Node::as_str).unwrap_or("an error");
        return Some(Err(Malformed::new(format!("it is an error of etcd: {message}"))));
    }
    document.get("action").and_then(Node::as_str).filter(|action| *action == "get")?;
    let mut dump = KeyDump::new(DcsKind::Etcd2, Form::Native);
    Some(directory(&mut dump, document.get("node")?).map(|()| dump))
}

/// Adds a key or everything below a directory; the depth is that of the JSON text, which is bounded.
fn directory(dump: &mut KeyDump, node: &Node) -> Result<(), Malformed> {
    if let Some(nodes) = node.get("nodes") {
        let nodes = nodes.as_sequence().ok_or_else(|| Malformed::at(nodes, "nodes is not a list"))?;
        return nodes.iter().try_for_each(|node| directory(dump, node));
    }
    let path = node.get("key").and_then(Node::as_str);
    let Some(value) = node.get("value") else { return Ok(()) };
    let path = path.ok_or_else(|| Malformed::at(node, "a node without a key"))?;
    let text = value.as_str().ok_or_else(|| Malformed::at(value, format!("the value of {path} is not a string")))?;
    let mut key = DumpedKey::new(StoredValue::Text(text.to_owned()));
    key.revision = unsigned(node.get("modifiedIndex"));
    key.ttl_seconds = node.get("ttl").and_then(integer).and_then(|ttl| i64::try_from(ttl).ok());
    key.expiration = node.get("expiration").and_then(Node::as_str).map(str::to_owned);
    dump.insert(path, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::json;

    fn read_text(text: &str) -> Option<Result<KeyDump, Malformed>> {
        read(&json::parse(SourceId(0), text).expect("valid JSON"))
    }

    #[test]
    fn directories_are_entered() {
        let dump = read_text(
            r#"{"action":"get","node":{"key":"/service/demo","dir":true,"nodes":[
                {"key":"/service/demo/leader","value":"pg1","expiration":"2026-11-23T03:07:56.17Z","ttl":20,
                 "modifiedIndex":37,"createdIndex":12},
                {"key":"/service/demo/members","dir":true,"nodes":[
                    {"key":"/service/demo/members/pg1","value":"{}","modifiedIndex":39}]}]}}"#,
        );
        let dump = dump.expect("recognised").expect("well-formed");
        assert_eq!(dump.keys.keys().collect::<Vec<_>>(), ["/service/demo/leader", "/service/demo/members/pg1"]);
        let leader = &dump.keys["/service/demo/leader"];
        assert_eq!(leader.value, StoredValue::Text("pg1".to_owned()));
        assert_eq!((leader.revision, leader.ttl_seconds, leader.lease.as_deref()), (Some(37), Some(20), None));
    }

    #[test]
    fn other_answers() {
        let empty = read_text(r#"{"action":"get","node":{"key":"/service","dir":true}}"#);
        assert!(empty.expect("recognised").expect("well-formed").keys.is_empty());
        let error = read_text(r#"{"errorCode":100,"message":"Key not found","cause":"/service","index":4}"#);
        let reason = error.expect("recognised").expect_err("an error").reason;
        assert_eq!(reason, "it is an error of etcd: Key not found");
        assert!(read_text("{}").is_none());
        let broken = read_text(r#"{"action":"get","node":{"key":"/a/b/leader","value":1}}"#);
        assert_eq!(broken.expect("recognised").expect_err("broken").reason, "the value of /a/b/leader is not a string");
    }
}
