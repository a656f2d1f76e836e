//! Consul: `consul kv export` and the answer of `GET /v1/kv/…?recurse`.

use crate::parse::dump::{DcsKind, DumpedKey, Form, KeyDump, Malformed, StoredValue, base64, unsigned};
use crate::parse::tree::{Node, Value};

/// Reads an export (`key`, `flags`, `value`) or an answer (`Key`, `Flags`, `Value`, `ModifyIndex`, `Session`).
///
/// `None` if the document is something else.
pub fn read(document: &Node) -> Option<Result<KeyDump, Malformed>> {
    let items = document.as_sequence().filter(|items| !items.is_empty())?;
    let is_item = |item: &Node| field(item, "key", "Key").is_some() && field(item, "flags", "Flags").is_some();
    items.iter().all(is_item).then(|| {
        let mut dump = KeyDump::new(DcsKind::Consul, Form::Native);
        items.iter().try_for_each(|item| add(&mut dump, item)).map(|()| dump)
    })
}

fn add(dump: &mut KeyDump, item: &Node) -> Result<(), Malformed> {
    let path = field(item, "key", "Key").expect("every item has one");
    let path = path.as_str().ok_or_else(|| Malformed::at(path, "a key is not a string"))?;
    let value = match field(item, "value", "Value") {
        None | Some(Node { value: Value::Null, .. }) => StoredValue::Text(String::new()),
        Some(value) => StoredValue::from_bytes(base64(value, &format!("the value of {path}"))?),
    };
    let mut key = DumpedKey::new(value);
    key.revision = unsigned(item.get("ModifyIndex"));
    key.lease = item.get("Session").and_then(Node::as_str).filter(|session| !session.is_empty()).map(str::to_owned);
    dump.insert(path, key)
}

fn field<'a>(item: &'a Node, export: &str, answer: &str) -> Option<&'a Node> {
    item.get(export).or_else(|| item.get(answer))
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
    fn export_and_answer() {
        let export = read_text(
            r#"[{"key":"service/demo/","flags":0,"value":""},{"key":"service/demo/leader","flags":0,"value":"cGcx"}]"#,
        );
        let answer = read_text(
            r#"[{"LockIndex":1,"Key":"service/demo/leader","Flags":0,"Value":"cGcx","CreateIndex":7,"ModifyIndex":9,
                 "Session":"adf4238a-882b-9ddc-4a9d-5b6758e4159e"},
                {"LockIndex":0,"Key":"service/demo/failover","Flags":0,"Value":null,"CreateIndex":7,"ModifyIndex":8}]"#,
        );
        let export = export.expect("recognised").expect("well-formed");
        let answer = answer.expect("recognised").expect("well-formed");
        assert_eq!(export.keys.keys().collect::<Vec<_>>(), ["/service/demo/leader"]);
        assert_eq!(export.keys["/service/demo/leader"].value, StoredValue::Text("pg1".to_owned()));
        let leader = &answer.keys["/service/demo/leader"];
        assert_eq!(leader.lease.as_deref(), Some("adf4238a-882b-9ddc-4a9d-5b6758e4159e"));
        assert_eq!(leader.revision, Some(9));
        assert_eq!(answer.keys["/service/demo/failover"].value, StoredValue::Text(String::new()));
    }

    #[test]
    fn broken_or_something_else() {
        let broken = read_text(r#"[{"key":"service/demo/leader","flags":0,"value":"cG"}]"#);
        let reason = broken.expect("recognised").expect_err("broken").reason;
        assert_eq!(reason, "the value of service/demo/leader is not base64");
        assert!(read_text("[]").is_none());
        assert!(read_text(r#"[{"key":"a"}]"#).is_none());
    }
}
