//! The captures of real clusters under `fixtures/captured`, read as a user would give them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use patrolint::input::RawFile;
use patrolint::input::offline;
use patrolint::model::snapshot::{ClusterSnapshot, DcsKind, RestAnswer, Snapshot, SnapshotError};
use proptest::prelude::*;
use serde_json::Value;

fn captures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captured");
    let mut captures: Vec<PathBuf> =
        fs::read_dir(directory).expect("fixtures are there").map(|entry| entry.expect("readable").path()).collect();
    captures.sort();
    assert_eq!(captures.len(), 28);
    captures
}

fn json(path: &Path) -> Option<Value> {
    Some(serde_json::from_slice(&fs::read(path).ok()?).expect("fixtures are valid JSON"))
}

fn assemble(paths: &[PathBuf]) -> Result<Snapshot, SnapshotError> {
    let paths: Vec<String> = paths.iter().map(|path| path.to_str().expect("UTF-8").to_owned()).collect();
    Snapshot::assemble(offline::read(&paths).expect("fixtures are readable"))
}

fn only(snapshot: &Snapshot) -> &ClusterSnapshot {
    assert_eq!(snapshot.clusters.len(), 1, "{:?}", snapshot.clusters);
    &snapshot.clusters[0]
}

fn keys(cluster: &ClusterSnapshot) -> BTreeMap<String, String> {
    let dcs = cluster.dcs.as_ref().expect("there is a dump");
    dcs.keys.iter().map(|(name, key)| (name.clone(), key.value.0.clone())).collect()
}

/// What `capture.json` calls the cluster.
fn scope(capture: &Path) -> String {
    let described = json(&capture.join("capture.json")).expect("every capture is described");
    described["scope"].as_str().expect("a string").to_owned()
}

fn below_scope(capture: &Path, items: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let base = format!("/service/{}/", scope(capture));
    items.filter_map(|(path, value)| Some((path.strip_prefix(&base)?.to_owned(), value))).collect()
}

fn from_base64(value: &Value) -> String {
    String::from_utf8(STANDARD.decode(value.as_str().expect("a string")).expect("base64")).expect("UTF-8")
}

/// Decodes the dump of a capture with nothing of patrolint.
fn expected_keys(capture: &Path) -> Option<BTreeMap<String, String>> {
    let string = |value: &Value| value.as_str().expect("a string").to_owned();
    if let Some(dump) = json(&capture.join("dcs/etcdctl-get.json")) {
        let items = dump["kvs"].as_array().expect("a list").clone();
        return Some(below_scope(
            capture,
            items.iter().map(|item| (from_base64(&item["key"]), from_base64(&item["value"]))),
        ));
    }
    if let Some(dump) = json(&capture.join("dcs/zookeeper-dump.json")) {
        let items = dump.as_object().expect("an object").iter();
        let items = items.filter(|(path, _)| *path != "/service/demo/members");
        return Some(below_scope(capture, items.map(|(path, value)| (path.clone(), string(value)))));
    }
    let dump = json(&capture.join("dcs/etcd-v2-keys.json"))?;
    let mut nodes = vec![dump["node"].clone()];
    let mut keys = Vec::new();
    while let Some(node) = nodes.pop() {
        nodes.extend(node["nodes"].as_array().cloned().unwrap_or_default());
        if node["dir"] != true {
            keys.push((string(&node["key"]), string(&node["value"])));
        }
    }
    Some(below_scope(capture, keys.into_iter()))
}

#[test]
fn every_capture_is_read_whole() {
    for path in captures() {
        let snapshot = assemble(std::slice::from_ref(&path)).expect("captures are sound");
        let cluster = only(&snapshot);
        let described = json(&path.join("capture.json")).expect("every capture is described");
        let nodes: BTreeSet<&str> =
            described["nodes"].as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(snapshot.problems, [], "{path:?}");
        assert_eq!((cluster.namespace.as_str(), &cluster.scope, cluster.group), ("service", &scope(&path), None));

        let expected = expected_keys(&path);
        assert_eq!(cluster.dcs.is_some(), expected.is_some(), "{path:?}");
        assert_eq!(cluster.dcs_unreachable.is_some(), expected.is_none(), "{path:?}");
        if let Some(expected) = expected {
            assert!(6 <= expected.len(), "{path:?}");
            assert_eq!(keys(cluster), expected, "{path:?}");
            let dcs = cluster.dcs.as_ref().expect("as just seen");
            let kind = match described["dcs"].as_str().expect("a string") {
                "etcd3" => DcsKind::Etcd3,
                "etcd" => DcsKind::Etcd2,
                _ => DcsKind::ZooKeeper,
            };
            assert_eq!(dcs.kind, kind);
            assert_eq!(dcs.servers.len(), usize::from(kind == DcsKind::Etcd3));
            assert!(dcs.keys.values().all(|key| key.revision.is_some()), "{path:?}");
            let version = fs::read_to_string(path.join("patronictl/version.txt")).expect("it is there");
            let version = version.split_whitespace().nth(2).expect("it follows 'patronictl version'").to_owned();
            assert_eq!(cluster.patronictl_version, Some(version));
        }

        let status = json(&path.join("rest/status.json")).expect("every capture has one");
        let status = status.as_object().expect("an object");
        assert_eq!(cluster.rest.keys().map(String::as_str).collect::<BTreeSet<_>>(), nodes, "{path:?}");
        for (node, answer) in &cluster.rest {
            match answer {
                RestAnswer::Answered { source, json: tree } => {
                    assert!(status[node]["/patroni"]["status"].is_u64());
                    let name = tree.as_ref().and_then(|tree| tree.at(&["patroni", "name"]));
                    assert_eq!(name.and_then(|name| name.as_str()), Some(node.as_str()));
                    assert_eq!(snapshot.sources.get(*source).name, format!("rest:{node}/patroni"));
                }
                RestAnswer::Unreachable { reason } => {
                    assert_eq!(status[node]["/patroni"]["error"], reason.as_str());
                }
            }
        }

        let configured: BTreeSet<&str> =
            snapshot.configurations.iter().filter_map(|configuration| configuration.node.as_deref()).collect();
        assert_eq!(configured, nodes, "{path:?}");
        assert!(snapshot.configurations.iter().all(|configuration| configuration.error.is_none()));
        let taken_at = cluster.taken_at.expect("capture.json tells it");
        assert!((1_795_000_000.0..1_796_000_000.0).contains(&taken_at), "{taken_at}");
    }
}

#[test]
fn keys_become_sources_and_trees() {
    for path in captures() {
        let snapshot = assemble(std::slice::from_ref(&path)).expect("captures are sound");
        let Some(dcs) = &only(&snapshot).dcs else { continue };
        for (name, key) in &dcs.keys {
            let source = snapshot.sources.get(key.source);
            assert_eq!(source.name, format!("dcs:/service/{}/{name}", scope(&path)));
            assert_eq!(source.text.len(), key.value.0.len());
            let is_json = serde_json::from_str::<Value>(&key.value.0).is_ok();
            assert_eq!(key.json.is_some(), is_json, "{name}");
            if let Some(json) = &key.json {
                assert_eq!((json.span.source, json.span.start, json.span.end), (key.source, 0, source.text.len()));
            }
        }
        for configuration in &snapshot.configurations {
            let source = snapshot.sources.get(configuration.source);
            let document = configuration.document.as_ref().expect("it is valid");
            let span = document.get("scope").expect("it is there").span;
            assert_eq!(span.source, configuration.source);
            assert_eq!(source.slice(span.start, span.end), scope(&path));
            assert!(!source.text.contains("fake-superuser-password"), "{}", source.name);
        }
        assert!(!format!("{snapshot:?}").contains("fake-superuser-password"));
    }
}

#[test]
fn all_forms_of_an_etcd_dump_say_the_same() {
    for path in captures().into_iter().filter(|path| path.join("dcs/etcdctl-get.json").exists()) {
        let dump = |name: &str| keys(only(&assemble(&[path.join(name)]).expect("it is sound")));
        let (native, fields, simple) =
            (dump("dcs/etcdctl-get.json"), dump("dcs/etcdctl-get.fields.txt"), dump("dcs/etcdctl-get.simple.txt"));
        assert!(native.keys().eq(fields.keys()) && native.keys().eq(simple.keys()), "{path:?}");
        // The forms of this one were read one after another while the cluster went on.
        if !path.ends_with("sync-415-3n") {
            assert_eq!((&native, &native), (&fields, &simple), "{path:?}");
        }
    }
}

#[test]
fn of_several_forms_the_richest_is_used_and_the_others_are_skipped() {
    let path = captures().into_iter().find(|path| path.ends_with("sync-415-3n")).expect("it is there");
    let snapshot = assemble(&[path]).expect("it is sound");
    assert_eq!(only(&snapshot).dcs.as_ref().and_then(|dcs| dcs.revision), Some(32));
    let skipped: Vec<&str> = snapshot
        .skipped
        .iter()
        .filter(|skipped| skipped.reason.starts_with("it is another form of "))
        .map(|skipped| skipped.name.rsplit('/').next().expect("a name"))
        .collect();
    assert_eq!(skipped, ["etcdctl-get.fields.txt", "etcdctl-get.simple.txt"]);
}

#[test]
fn leases_sessions_and_times_of_expiry_are_kept() {
    let check = |capture: &str, lease: Option<&str>, ttl_seconds: Option<i64>| {
        let path = captures().into_iter().find(|path| path.ends_with(capture)).expect("it is there");
        let snapshot = assemble(&[path]).expect("it is sound");
        let dcs = only(&snapshot).dcs.as_ref().expect("there is a dump");
        let (leader, config) = (&dcs.keys["leader"], &dcs.keys["config"]);
        assert_eq!((leader.lease.as_deref(), leader.ttl_seconds), (lease, ttl_seconds), "{capture}");
        assert_eq!((config.lease.as_deref(), config.ttl_seconds), (None, None), "{capture}");
    };
    check("strict-no-standby-415", Some("8431761075644005643"), Some(17));
    check("sync-3311-etcd2", None, Some(20));
    check("zookeeper-415-quorum", Some("72057704510259203"), None);
}

#[test]
fn the_time_is_told_by_what_there_is() {
    let path = captures().into_iter().find(|path| path.ends_with("sync-3311-etcd2")).expect("it is there");
    let check = |names: &[&str], expect: f64| {
        let paths: Vec<PathBuf> = names.iter().map(|name| path.join(name)).collect();
        let taken_at = only(&assemble(&paths).expect("it is sound")).taken_at.expect("it is told");
        assert!((taken_at - expect).abs() < 0.01, "{names:?}: {taken_at}");
    };
    let described = json(&path.join("capture.json")).expect("it is there");
    let started: jiff::Timestamp = described["capture_started"].as_str().expect("a string").parse().expect("a time");
    check(&["."], started.as_millisecond() as f64 / 1e3);
    let last_seen = json(&path.join("rest/pg1/patroni.json")).expect("it is there")["dcs_last_seen"].clone();
    check(&["rest/pg1/patroni.json"], last_seen.as_f64().expect("a number"));
    // 2026-11-23T03:07:56.21008202Z less 20 s
    check(&["dcs/etcd-v2-keys.json"], 1_795_403_256.210);
}

#[test]
fn what_was_true_before_each_action_is_a_snapshot() {
    let mut actions_seen = 0;
    for path in captures() {
        let truth = json(&path.join("truth.json")).expect("every capture has one");
        for action in truth["actions"].as_array().expect("a list") {
            let before = &action["before"];
            let Some(dcs) = before["dcs"].as_object().filter(|dcs| !dcs.is_empty()) else { continue };
            let mut files = vec![RawFile {
                name: "dcs.json".to_owned(),
                bytes: before["dcs"].to_string().into_bytes(),
                named: true,
                unread: None,
            }];
            let members = before["members"].as_object().expect("an object");
            for (member, answer) in members.iter().filter(|(_, answer)| !answer["body"].is_null()) {
                let bytes = answer["body"].to_string().into_bytes();
                files.push(RawFile { name: format!("{member}.json"), bytes, named: true, unread: None });
            }
            let snapshot = Snapshot::assemble(files).expect("it is sound");
            let cluster = only(&snapshot);
            let string = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let is_key = |path: &&String| !path.ends_with("/members");
            let expected = dcs.keys().filter(is_key).map(|path| (path.clone(), string(&dcs[path])));
            assert_eq!(keys(cluster), below_scope(&path, expected), "{path:?}");
            let answered = members.values().filter(|answer| !answer["body"].is_null()).count();
            assert_eq!(cluster.rest.len(), answered, "{path:?}");
            actions_seen += 1;
        }
    }
    assert!(100 < actions_seen, "{actions_seen}");
}

#[test]
fn two_captures_of_one_scope_contradict() {
    let paths: Vec<PathBuf> = captures().into_iter().take(2).collect();
    let error = assemble(&paths).expect_err("both are called demo").to_string();
    for path in &paths {
        assert!(error.contains(path.to_str().expect("UTF-8")), "{error}");
    }
    // The same one twice does not.
    let snapshot = assemble(&[paths[0].clone(), paths[0].clone()]).expect("they are the same");
    assert_eq!(only(&snapshot).rest.len(), 3);
}

/// Files that must not go unnoticed when something is wrong with them.
fn known_files() -> Vec<(String, Vec<u8>)> {
    let names = [
        ("quorum-415-3n-nc1", "dcs/etcdctl-get.json"),
        ("quorum-415-3n-nc1", "dcs/etcdctl-get.fields.txt"),
        ("quorum-415-3n-nc1", "dcs/etcdctl-leases.jsonl"),
        ("quorum-415-3n-nc1", "dcs/etcdctl-endpoint-status.json"),
        ("quorum-415-3n-nc1", "rest/pg1/patroni.json"),
        ("quorum-415-3n-nc1", "rest/status.json"),
        ("quorum-415-3n-nc1", "capture.json"),
        ("sync-3311-etcd2", "dcs/etcd-v2-keys.json"),
        ("zookeeper-415-quorum", "dcs/zookeeper-dump.json"),
        ("zookeeper-415-quorum", "dcs/zookeeper-stat.json"),
    ];
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captured");
    let read = |(capture, name): (&str, &str)| {
        (name.to_owned(), fs::read(directory.join(capture).join(name)).expect("fixtures are there"))
    };
    names.into_iter().map(read).collect()
}

#[test]
fn a_known_file_that_is_cut_off_is_a_problem() {
    for (name, bytes) in known_files() {
        let text_end = bytes.trim_ascii_end().len();
        // Of leases, one to a line, whole lines remain; fields are complete from their last line on.
        for end in
            (0..text_end).step_by(5).filter(|end| !name.ends_with(".jsonl") || bytes[..*end].last() != Some(&b'}'))
        {
            let file = RawFile { name: name.clone(), bytes: bytes[..end].to_vec(), named: false, unread: None };
            match Snapshot::assemble(vec![file]) {
                Ok(snapshot) => assert_eq!(snapshot.problems.len(), 1, "{name} cut at {end}"),
                Err(error) if name.ends_with(".jsonl") => assert!(!error.to_string().is_empty(), "{end}"),
                Err(error) => panic!("{name} cut at {end}: {error}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), named: bool, yaml: bool) {
        let name = if yaml { "patroni.yml" } else { "dcs/etcd.json" };
        let _ = Snapshot::assemble(vec![RawFile { name: name.to_owned(), bytes, named, unread: None }]);
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "[{\\[\"/]?([a-z]{1,8}|[:/{}\\[\\]\",\\\\ \n]|\"key\"|/service/demo/sync){0,60}") {
        for named in [false, true] {
            let bytes = text.clone().into_bytes();
            let _ = Snapshot::assemble(vec![RawFile { name: "-".to_owned(), bytes, named, unread: None }]);
        }
    }

    #[test]
    fn damaged_dumps_do_not_panic(
        index in 0_usize..10,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..8), 0..4),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut files = known_files();
        let (_, bytes) = &mut files[index];
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if is_cut {
            let end = cut.index(bytes.len());
            bytes.truncate(end);
        }
        let raw = |(name, bytes): (String, Vec<u8>)| RawFile { name, bytes, named: false, unread: None };
        let (damaged, alone) = (files[index].clone(), files.into_iter().map(raw).collect());
        let _ = Snapshot::assemble(alone);
        let _ = Snapshot::assemble(vec![RawFile { named: true, ..raw(damaged) }]);
    }
}
