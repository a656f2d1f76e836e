//! JSON objects whose keys are paths: path → value of any store, and ZooKeeper's path → stat.

use std::collections::BTreeMap;

use crate::parse::dump::{DcsKind, DumpedKey, Form, KeyDump, Malformed, StoredValue, integer, unsigned};
use crate::parse::tree::{Mapping, Node, Value};

/// What ZooKeeper tells of a node besides its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// `mzxid`: the transaction of the last change.
    pub revision: Option<u64>,
    /// `ephemeralOwner`: the session that keeps the node alive.
    pub session: Option<String>,
}

/// Reads path → value, the values as strings or, if somebody decoded them, as any JSON; `None` if the document is
/// something else. `text` is what the document's spans point into.
pub fn read_values(document: &Node, text: &str) -> Option<Result<KeyDump, Malformed>> {
    let mapping = paths(document)?;
    let mut dump = KeyDump::new(DcsKind::Unknown, Form::Paths);
    for entry in mapping.effective() {
        let path = entry.key.as_str().expect("every key is a path");
        let stored = match &entry.value.value {
            Value::String(value) => value.clone(),
            Value::Null => String::new(),
            _ => text.get(entry.value.span.start..entry.value.span.end).unwrap_or_default().to_owned(),
        };
        if stored.is_empty() && path.ends_with("/members") {
            // Of all stores only ZooKeeper lists its directories, as nodes with an empty value.
            dump.kind = DcsKind::ZooKeeper;
        }
        if let Err(malformed) = dump.insert(path, DumpedKey::new(StoredValue::Text(stored))) {
            return Some(Err(malformed));
        }
    }
    Some(Ok(dump))
}

/// Reads path → stat of ZooKeeper; `None` if the document is something else.
pub fn read_stats(document: &Node) -> Option<BTreeMap<String, Stat>> {
    let stat = |value: &Node| {
        let session = value.get("ephemeralOwner").and_then(integer).filter(|owner| *owner != 0);
        let revision = unsigned(Some(value.get("mzxid")?));
        Some(Stat { revision, session: session.map(|owner| owner.to_string()) })
    };
    paths(document)?.entries.iter().map(|entry| Some((entry.key.as_str()?.to_owned(), stat(&entry.value)?))).collect()
}

/// The mapping, if all its keys are absolute paths.
fn paths(document: &Node) -> Option<&Mapping> {
    let mapping = document.as_mapping().filter(|mapping| !mapping.entries.is_empty())?;
    let is_path = |key: &Node| key.as_str().is_some_and(|key| key.starts_with('/'));
    mapping.entries.iter().all(|entry| is_path(&entry.key)).then_some(mapping)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::json;

    fn tree(text: &str) -> Node {
        json::parse(SourceId(0), text).expect("valid JSON")
    }

    fn check(text: &str, kind: DcsKind, expect: &[(&str, &str)]) {
        let dump = read_values(&tree(text), text).expect("recognised").expect("well-formed");
        let expect: BTreeMap<_, _> =
            expect.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
        let found: BTreeMap<_, _> = dump.keys.into_iter().map(|(path, key)| (path, key.value)).collect();
        assert_eq!(found, expect.into_iter().map(|(path, value)| (path, StoredValue::Text(value))).collect());
        assert_eq!(dump.kind, kind);
    }

    #[test]
    fn values_are_strings_or_decoded() {
        check(
            r#"{"/service/demo/leader": "pg1", "/service/demo/sync": "{\"leader\":\"pg1\"}"}"#,
            DcsKind::Unknown,
            &[("/service/demo/leader", "pg1"), ("/service/demo/sync", r#"{"leader":"pg1"}"#)],
        );
        check(
            r#"{"/service/demo/sync": {"leader": "pg1"}, "/service/demo/initialize": 7711198603312023059}"#,
            DcsKind::Unknown,
            &[("/service/demo/sync", r#"{"leader": "pg1"}"#), ("/service/demo/initialize", "7711198603312023059")],
        );
    }

    #[test]
    fn zookeeper_lists_directories() {
        check(
            r#"{"/service/demo": "", "/service/demo/members": "", "/service/demo/leader": "pg1"}"#,
            DcsKind::ZooKeeper,
            &[("/service/demo", ""), ("/service/demo/members", ""), ("/service/demo/leader", "pg1")],
        );
    }

    #[test]
    fn stats() {
        let stats = read_stats(&tree(
            r#"{"/s/demo/leader": {"czxid": 41, "mzxid": 42, "ephemeralOwner": 72057704510259203},
                "/s/demo/sync": {"mzxid": 43, "ephemeralOwner": 0}}"#,
        ));
        let stats = stats.expect("recognised");
        let stat =
            |revision, session: Option<&str>| Stat { revision: Some(revision), session: session.map(str::to_owned) };
        assert_eq!(stats["/s/demo/leader"], stat(42, Some("72057704510259203")));
        assert_eq!(stats["/s/demo/sync"], stat(43, None));
        assert_eq!(read_stats(&tree(r#"{"/s/demo/leader": "pg1"}"#)), None);
    }

    #[test]
    fn something_else() {
        for text in ["{}", "[]", r#"{"ttl": 30}"#, r#"{"/a": 1, "b": 2}"#] {
            assert!(read_values(&tree(text), text).is_none(), "{text}");
        }
    }
}
