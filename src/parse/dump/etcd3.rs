//! etcd's API v3: `etcdctl get` in its three forms, answers of the `/v3/kv/range` gateway, leases and servers.

use crate::parse::dump::{
    DcsKind, DcsServer, DumpedKey, Form, KeyDump, KeyPath, Malformed, StoredValue, base64, integer, unsigned,
};
use crate::parse::tree::Node;

/// What a lease has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its number, in decimal.
    pub id: String,
    /// Seconds until it expires; negative if it has.
    pub ttl_seconds: i64,
}

/// Reads `etcdctl get … -w json` or answers of `/v3/kv/range` (which write numbers as strings), one or several in a row.
///
/// `None` if the documents are something else.
pub fn read_json(documents: &[Node]) -> Option<Result<KeyDump, Malformed>> {
    let is_range_answer = |document: &Node| {
        let Some(mapping) = document.as_mapping() else { return false };
        let has_header = mapping.get("header").is_some_and(|header| header.get("cluster_id").is_some());
        let is_known = |name: Option<&str>| matches!(name, Some("header" | "kvs" | "more" | "count"));
        has_header && mapping.entries.iter().all(|entry| is_known(entry.key.as_str()))
    };
    if documents.is_empty() || !documents.iter().all(is_range_answer) {
        return None;
    }
    let mut dump = KeyDump::new(DcsKind::Etcd3, Form::Native);
    let read = documents.iter().try_for_each(|document| range_answer(&mut dump, document));
    Some(read.map(|()| dump.without_empty_values()))
}

/// Adds one answer; etcd leaves an empty `value` out, so that names alone and empty values look alike.
fn range_answer(dump: &mut KeyDump, document: &Node) -> Result<(), Malformed> {
    dump.revision = dump.revision.max(unsigned(document.at(&["header", "revision"])));
    let items = match document.get("kvs") {
        Some(items) => items.as_sequence().ok_or_else(|| Malformed::at(items, "kvs is not a list"))?,
        None => &[],
    };
    for (index, item) in items.iter().enumerate() {
        let what = |part: &str| format!("the {part} of item {} of kvs", index + 1);
        let key = item.get("key").ok_or_else(|| Malformed::at(item, format!("{} is missing", what("key"))))?;
        let Ok(path) = String::from_utf8(base64(key, &what("key"))?) else { continue };
        let value = match item.get("value") {
            Some(value) => StoredValue::from_bytes(base64(value, &format!("the value of {path}"))?),
            None => StoredValue::Text(String::new()),
        };
        let mut key = DumpedKey::new(value);
        key.revision = unsigned(item.get("mod_revision"));
        key.lease = item.get("lease").and_then(lease_id);
        dump.insert(&path, key)?;
    }
    let count = unsigned(document.get("count")).unwrap_or(items.len() as u64);
    if items.len() as u64 != count {
        dump.incomplete = Some(format!("it holds {} of {count} keys (--limit, --count-only)", items.len()));
    }
    Ok(())
}

fn lease_id(node: &Node) -> Option<String> {
    integer(node).filter(|id| *id != 0).map(|id| id.to_string())
}

/// Reads `etcdctl get … -w fields`; `None` if the text is something else.
pub fn read_fields(text: &str) -> Option<Result<KeyDump, Malformed>> {
    text.trim_start().starts_with("\"ClusterID\" :").then(|| fields(text))
}

fn fields(text: &str) -> Result<KeyDump, Malformed> {
    let mut dump = KeyDump::new(DcsKind::Etcd3, Form::Fields);
    let mut current: Option<(Vec<u8>, DumpedKey)> = None;
    let mut keys_in_answer = 0_u64;
    let mut is_complete = false;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let malformed = |reason: &str| Malformed { reason: reason.to_owned(), offset: Some(offset) };
        let content = line.trim();
        let (name, value) = match content.split_once(" : ") {
            Some(pair) => pair,
            None if content.is_empty() => ("", ""),
            None => return Err(malformed("a line is not of the form \"Name\" : value")),
        };
        match name {
            "\"ClusterID\"" => is_complete = false,
            "\"Revision\"" => dump.revision = dump.revision.max(value.parse().ok()),
            "\"Key\"" => {
                keys_in_answer += 1;
                let path = unquote(value).ok_or_else(|| malformed("a key is not a quoted string"))?;
                finish(&mut dump, current.replace((path, DumpedKey::new(StoredValue::Missing))))?;
            }
            "\"Value\"" => {
                let bytes = unquote(value).ok_or_else(|| malformed("a value is not a quoted string"))?;
                let (_, key) = current.as_mut().ok_or_else(|| malformed("a value stands before any key"))?;
                key.value = StoredValue::from_bytes(bytes);
            }
            "\"ModRevision\"" => {
                if let Some((_, key)) = &mut current {
                    key.revision = value.parse().ok();
                }
            }
            "\"Lease\"" => {
                if let Some((_, key)) = &mut current {
                    key.lease = Some(value.to_owned()).filter(|lease| lease != "0");
                }
            }
            "\"Count\"" => {
                finish(&mut dump, current.take())?;
                if value.parse() != Ok(keys_in_answer) {
                    dump.incomplete = Some(format!("it holds {keys_in_answer} of {value} keys"));
                }
                keys_in_answer = 0;
                is_complete = true;
            }
            _ => {}
        }
        offset += line.len();
    }
    if is_complete {
        Ok(dump.without_empty_values())
    } else {
        Err(Malformed { reason: "it is cut off: the line \"Count\" is missing".to_owned(), offset: Some(text.len()) })
    }
}

fn finish(dump: &mut KeyDump, key: Option<(Vec<u8>, DumpedKey)>) -> Result<(), Malformed> {
    match key {
        Some((path, key)) => String::from_utf8(path).map_or(Ok(()), |path| dump.insert(&path, key)),
        None => Ok(()),
    }
}

/// The bytes of a string as Go's `%q` writes it.
fn unquote(text: &str) -> Option<Vec<u8>> {
    let mut rest = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        rest = rest.get(at + 2..)?;
        let digits = match escape {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        if digits == 0 {
            bytes.push(match escape {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'a' => 7,
                b'b' => 8,
                b'f' => 12,
                b'v' => 11,
                b'\\' | b'"' | b'\'' => escape,
                _ => return None,
            });
            continue;
        }
        let code = u32::from_str_radix(rest.get(..digits)?, 16).ok()?;
        rest = &rest[digits..];
        match escape {
            b'x' => bytes.push(u8::try_from(code).ok()?),
            _ => bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// Reads `etcdctl get … -w simple`: a line with the key, then its value, which may itself span lines.
///
/// A line that looks like a key ends the value before it. `None` if no key is one of Patroni's.
pub fn read_simple(text: &str) -> Option<Result<KeyDump, Malformed>> {
    let is_key = |line: &str| line.starts_with('/') && !line.contains(|character: char| " \t\"{}".contains(character));
    let mut lines = text.lines().skip_while(|line| line.is_empty()).peekable();
    lines.next_if(|line| !is_key(line)).is_none().then_some(())?;
    let mut items: Vec<(&str, Option<String>)> = Vec::new();
    for line in lines {
        match items.last_mut() {
            Some((_, value @ None)) => *value = Some(line.to_owned()),
            Some((_, Some(value))) if !is_key(line) => {
                value.push('\n');
                value.push_str(line);
            }
            _ => items.push((line, None)),
        }
    }
    items.iter().any(|(path, _)| KeyPath::parse(path, |_| false).is_some()).then(|| simple(items))
}

fn simple(items: Vec<(&str, Option<String>)>) -> Result<KeyDump, Malformed> {
    let mut dump = KeyDump::new(DcsKind::Etcd3, Form::Simple);
    for (path, value) in items {
        let value = value.ok_or_else(|| Malformed::new(format!("it is cut off: the value of {path} is missing")))?;
        // The blank line at the end of a file is no part of the last value.
        let value = if value.trim().is_empty() { String::new() } else { value.trim_end_matches('\n').to_owned() };
        let is_object = value.starts_with('{') || value.starts_with('[');
        if is_object && !value.trim_end().ends_with(['}', ']']) {
            return Err(Malformed::new(format!("the value of {path} is cut off")));
        }
        dump.insert(path, DumpedKey::new(StoredValue::Text(value)))?;
    }
    Ok(dump.without_empty_values())
}

/// Reads `etcdctl lease timetolive … -w json`, one document for each lease, or answers of `/v3/lease/timetolive`.
///
/// `None` if the documents are something else.
pub fn read_leases(documents: &[Node]) -> Option<Vec<Lease>> {
    let lease = |document: &Node| {
        document.get("granted-ttl").or_else(|| document.get("grantedTTL"))?;
        let id = integer(document.get("id").or_else(|| document.get("ID"))?)?.to_string();
        let ttl = document.get("ttl").or_else(|| document.get("TTL"));
        Some(Lease { id, ttl_seconds: ttl.and_then(integer).map_or(Ok(0), i64::try_from).ok()? })
    };
    if documents.is_empty() { None } else { documents.iter().map(lease).collect() }
}

/// Reads `etcdctl endpoint status -w json` and `etcdctl member list -w json`; `None` if the document is something else.
pub fn read_servers(document: &Node) -> Option<Vec<DcsServer>> {
    if let Some(members) = document.get("members").filter(|_| document.at(&["header", "cluster_id"]).is_some()) {
        let server = |member: &Node| {
            let url = member.get("clientURLs").and_then(Node::as_sequence).and_then(|urls| urls.first());
            let endpoint = url.or_else(|| member.get("name"))?.as_str()?.to_owned();
            let name = member.get("name").and_then(Node::as_str).map(str::to_owned);
            Some(DcsServer { endpoint, name, ..DcsServer::default() })
        };
        return members.as_sequence()?.iter().map(server).collect();
    }
    let server = |item: &Node| {
        let status = item.get("Status")?;
        let (own, leader) = (unsigned(status.at(&["header", "member_id"])), unsigned(status.get("leader")));
        let errors = status.get("errors").and_then(Node::as_sequence).unwrap_or_default();
        Some(DcsServer {
            endpoint: item.get("Endpoint")?.as_str()?.to_owned(),
            version: status.get("version").and_then(Node::as_str).map(str::to_owned),
            is_leader: own.and(leader).map(|leader| own == Some(leader)),
            database_bytes: unsigned(status.get("dbSize")),
            database_bytes_in_use: unsigned(status.get("dbSizeInUse")),
            alarms: errors.iter().filter_map(Node::as_str).map(|error| alarm(error).to_owned()).collect(),
            ..DcsServer::default()
        })
    };
    document.as_sequence().filter(|items| !items.is_empty())?.iter().map(server).collect()
}

/// An alarm's name out of what etcd writes of it, such as `memberID:77 alarm:NOSPACE`.
fn alarm(text: &str) -> &str {
    text.split_once("alarm:").map_or(text, |(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::json;

    fn tree(text: &str) -> Node {
        json::parse(SourceId(0), text).expect("valid JSON")
    }

    /// Keys and values of a dump, or what is wrong with it.
    fn keys(result: Option<Result<KeyDump, Malformed>>) -> Option<Result<Vec<(String, StoredValue)>, String>> {
        let keys = |dump: KeyDump| dump.keys.into_iter().map(|(path, key)| (path, key.value)).collect();
        result.map(|result| result.map(keys).map_err(|malformed| malformed.reason))
    }

    fn text(path: &str, value: &str) -> (String, StoredValue) {
        (path.to_owned(), StoredValue::Text(value.to_owned()))
    }

    const RANGE: &str = r#"{"header":{"cluster_id":1,"member_id":2,"revision":40,"raft_term":2},
        "kvs":[{"key":"L3NlcnZpY2UvZGVtby9sZWFkZXI=","create_revision":9,"mod_revision":9,"version":1,"value":"cGcx",
        "lease":8431761075644005643}],"count":1}"#;

    #[test]
    fn json_tells_key_value_revision_and_lease() {
        let dump = read_json(&[tree(RANGE)]).expect("recognised").expect("well-formed");
        assert_eq!((dump.kind, dump.form, dump.revision), (DcsKind::Etcd3, Form::Native, Some(40)));
        let key = &dump.keys["/service/demo/leader"];
        assert_eq!(key.value, StoredValue::Text("pg1".to_owned()));
        assert_eq!((key.revision, key.lease.as_deref()), (Some(9), Some("8431761075644005643")));
        assert_eq!(dump.incomplete, None);
    }

    #[test]
    fn the_gateway_writes_numbers_as_strings() {
        let gateway = RANGE.replace(":9,", ":\"9\",").replace("8431761075644005643", "\"8431761075644005643\"");
        let gateway = gateway.replace(":40,", ":\"40\",").replace("\"count\":1", "\"count\":\"1\"");
        let native = read_json(&[tree(RANGE)]).expect("recognised").expect("well-formed");
        let dump = read_json(&[tree(&gateway)]).expect("recognised").expect("well-formed");
        assert_eq!((dump.keys, dump.revision, dump.incomplete), (native.keys, native.revision, native.incomplete));
    }

    #[test]
    fn json_may_be_empty_hold_names_alone_or_be_incomplete() {
        let empty = tree(r#"{"header":{"cluster_id":1,"revision":7}}"#);
        assert_eq!(keys(read_json(&[empty])), Some(Ok(Vec::new())));
        let empty = tree(r#"{"header":{"cluster_id":1,"revision":7},"kvs":[],"count":0}"#);
        assert_eq!(keys(read_json(&[empty])), Some(Ok(Vec::new())));
        let names = tree(&RANGE.replace("\"value\":\"cGcx\",", ""));
        assert!(read_json(&[names]).expect("recognised").expect("well-formed").has_only_names());
        let limited = tree(&RANGE.replace("\"count\":1", "\"more\":true,\"count\":6"));
        let dump = read_json(&[limited]).expect("recognised").expect("well-formed");
        assert_eq!(dump.incomplete.as_deref(), Some("it holds 1 of 6 keys (--limit, --count-only)"));
    }

    #[test]
    fn several_json_documents_are_one_dump() {
        let other = tree(&RANGE.replace("L3NlcnZpY2UvZGVtby9sZWFkZXI=", "L3NlcnZpY2Uvb3RoZXIvbGVhZGVy"));
        let both = keys(read_json(&[tree(RANGE), other]));
        assert_eq!(both, Some(Ok(vec![text("/service/demo/leader", "pg1"), text("/service/other/leader", "pg1")])));
        let other = tree(&RANGE.replace("cGcx", "cGcy"));
        let twice = "it holds /service/demo/leader twice, with different values".to_owned();
        assert_eq!(keys(read_json(&[tree(RANGE), other])), Some(Err(twice)));
    }

    #[test]
    fn broken_json_names_the_key() {
        let check = |from: &str, to: &str, reason: &str| {
            let found = keys(read_json(&[tree(&RANGE.replace(from, to))]));
            assert_eq!(found, Some(Err(reason.to_owned())), "{to}");
        };
        check("\"cGcx\"", "\"cGc!\"", "the value of /service/demo/leader is not base64");
        check("\"cGcx\"", "[]", "the value of /service/demo/leader is not a string");
        check("L3Nlcn", "L3N", "the key of item 1 of kvs is not base64");
        check("\"key\"", "\"kex\"", "the key of item 1 of kvs is missing");
        let foreign = tree(&RANGE.replace("cGcx", "/w=="));
        let value = ("/service/demo/leader".to_owned(), StoredValue::NotUtf8(0));
        assert_eq!(keys(read_json(&[foreign])), Some(Ok(vec![value])));
    }

    #[test]
    fn fields() {
        let dump = "\"ClusterID\" : 1\n\"Revision\" : 40\n\"Key\" : \"/service/demo/leader\"\n\"ModRevision\" : 9\n\
                    \"Value\" : \"p\\x67\\u0031\\n\\\"\"\n\"Lease\" : 17\n\"Key\" : \"/service/demo/sync\"\n\
                    \"ModRevision\" : 10\n\"Value\" : \"{}\"\n\"Lease\" : 0\n\"More\" : false\n\"Count\" : 2\n";
        let read = read_fields(dump).expect("recognised").expect("well-formed");
        assert_eq!((read.revision, read.incomplete.as_deref()), (Some(40), None));
        let leader = &read.keys["/service/demo/leader"];
        assert_eq!((leader.revision, leader.lease.as_deref()), (Some(9), Some("17")));
        let expect = vec![text("/service/demo/leader", "pg1\n\""), text("/service/demo/sync", "{}")];
        assert_eq!(keys(read_fields(dump)), Some(Ok(expect)));
        assert_eq!(read.keys["/service/demo/sync"].lease, None);
        let cut = keys(read_fields(dump.strip_suffix("\"Count\" : 2\n").expect("it ends so")));
        assert_eq!(cut, Some(Err("it is cut off: the line \"Count\" is missing".to_owned())));
        let broken = keys(read_fields(&dump.replace("\"{}\"", "\"{}")));
        assert_eq!(broken, Some(Err("a value is not a quoted string".to_owned())));
        assert_eq!(keys(read_fields("scope: demo")), None);
    }

    #[test]
    fn simple() {
        let check = |dump: &str, expect: Option<Result<Vec<(String, StoredValue)>, String>>| {
            assert_eq!(keys(read_simple(dump)), expect, "{dump:?}");
        };
        let leader = || text("/service/demo/leader", "pg1");
        check("/service/demo/leader\npg1\n", Some(Ok(vec![leader()])));
        check("/service/demo/leader\r\npg1\r\n\r\n", Some(Ok(vec![leader()])));
        check(
            "/service/demo/config\n{\n \"ttl\": 30\n}\n/service/demo/leader\npg1\n",
            Some(Ok(vec![text("/service/demo/config", "{\n \"ttl\": 30\n}"), leader()])),
        );
        check(
            "/service/demo/failover\n\n/service/demo/leader\npg1\n",
            Some(Ok(vec![text("/service/demo/failover", ""), leader()])),
        );
        let names = vec![("/service/demo/leader".to_owned(), StoredValue::Missing)];
        check("/service/demo/leader\n\n", Some(Ok(names)));
        let cut = "it is cut off: the value of /service/demo/leader is missing".to_owned();
        check("/service/demo/leader\n", Some(Err(cut)));
        check(
            "/service/demo/sync\n{\"leader\": \"pg",
            Some(Err("the value of /service/demo/sync is cut off".to_owned())),
        );
        check("/etc/passwd\n/etc/group\n", None);
        check("scope: demo\n", None);
        check("", None);
    }

    #[test]
    fn leases_and_servers() {
        let lease = |id: &str, ttl_seconds| Lease { id: id.to_owned(), ttl_seconds };
        let line = tree(r#"{"cluster_id":1,"revision":40,"id":843,"ttl":17,"granted-ttl":20,"keys":["L3M="]}"#);
        let gateway = tree(r#"{"header":{"cluster_id":"1"},"ID":"844","TTL":"-1","grantedTTL":"0"}"#);
        assert_eq!(read_leases(&[line, gateway]), Some(vec![lease("843", 17), lease("844", -1)]));
        assert_eq!(read_leases(&[tree("{}")]), None);
        let status = tree(r#"[{"Endpoint":"http://a:2379","Status":{"version":"3.4.23"}}]"#);
        let server = |server| Some(vec![DcsServer { endpoint: "http://a:2379".to_owned(), ..server }]);
        let version = Some("3.4.23".to_owned());
        assert_eq!(read_servers(&status), server(DcsServer { version: version.clone(), ..DcsServer::default() }));
        let status = tree(
            r#"[{"Endpoint":"http://a:2379","Status":{"header":{"member_id":7},"version":"3.4.23","dbSize":36864,"leader":7,
                "errors":["memberID:7 alarm:NOSPACE"]}}]"#,
        );
        let (is_leader, alarms) = (Some(true), vec!["NOSPACE".to_owned()]);
        let told = DcsServer { version, is_leader, database_bytes: Some(36864), alarms, ..DcsServer::default() };
        assert_eq!(read_servers(&status), server(told));
        let members =
            tree(r#"{"header":{"cluster_id":1},"members":[{"ID":1,"name":"e1","clientURLs":["http://a:2379"]}]}"#);
        let name = Some("e1".to_owned());
        assert_eq!(read_servers(&members), server(DcsServer { name, ..DcsServer::default() }));
        assert_eq!(read_servers(&tree("[]")), None);
    }
}
