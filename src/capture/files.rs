//! What was read, as files: a folder for each cluster, with its keys, its members' answers and what describes the capture.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::capture::members::Asked;
use crate::capture::{Picture, Taken, Target};
use crate::input::RawFile;
use crate::input::dcs_server::DcsServer;
use crate::input::online::http::endpoint;
use crate::input::online::settings::Dcs;
use crate::input::online::{Keys, OnlineError, StoredKey};
use crate::input::source_map::SourceId;
use crate::parse::{json as parse_json, secrets, yaml};

/// The source of trees that belong to no source map.
const NOWHERE: SourceId = SourceId(u32::MAX);

/// The file that describes the others of a folder.
pub const MANIFEST: &str = "capture.json";

/// Makes files.
pub struct Writer<'a> {
    pub target: &'a Target,
    /// Seconds since 1970.
    pub started: f64,
    /// Seconds since 1970.
    pub ended: f64,
}

/// One cluster.
#[derive(Default)]
struct Cluster<'a> {
    keys: Vec<&'a StoredKey>,
    asked: Vec<&'a Asked>,
}

impl Writer<'_> {
    /// The files, and what did not work.
    pub fn write(&self, taken: &Taken) -> Picture {
        let mut clusters: BTreeMap<String, Cluster<'_>> = BTreeMap::new();
        if let Some(scope) = &self.target.scope
            && taken.keys.is_err()
        {
            clusters.insert(scope.clone(), Cluster::default());
        }
        for key in taken.keys.iter().flat_map(|keys| &keys.keys) {
            clusters.entry(folder(&key.path, &self.target.namespace)).or_default().keys.push(key);
        }
        for asked in &taken.asked {
            clusters.entry(asked.id.cluster.clone()).or_default().asked.push(asked);
        }
        let taken_at = self.ended as u64;
        let mut picture = Picture { files: Vec::new(), failures: failures(taken), taken_at };
        for (name, cluster) in &clusters {
            self.write_cluster(name, cluster, taken, &mut picture.files);
        }
        picture
    }

    fn write_cluster(&self, name: &str, cluster: &Cluster<'_>, taken: &Taken, files: &mut Vec<RawFile>) {
        let mut add = |path: &str, text: String| {
            files.push(RawFile { name: format!("{name}/{path}"), bytes: text.into_bytes(), ..RawFile::default() });
        };
        match &taken.keys {
            Ok(keys) => add("dcs/keys.json", pretty(&self.keys(keys, &cluster.keys, &taken.doubts))),
            Err(error) => add("dcs/UNREACHABLE.txt", format!("{error}\n")),
        }
        if !taken.servers.is_empty() {
            let servers: Vec<Value> = taken.servers.iter().map(server).collect();
            add("dcs/servers.json", pretty(&json!({ "patrolint_servers": 1, "servers": servers })));
        }
        let mut statuses = Map::new();
        for asked in &cluster.asked {
            let mut status = Map::new();
            for (path, answer) in &asked.answers {
                let told = match answer {
                    Ok(answer) => {
                        let kind = if *path == "/metrics" { "txt" } else { "json" };
                        let text = redacted(&String::from_utf8_lossy(&answer.body));
                        add(&format!("rest/{}{path}.{kind}", file_name(&asked.id.name)), text);
                        json!({ "status": answer.status, "ms": answer.latency_ms })
                    }
                    Err(error) => json!({ "status": null, "error": reason(error) }),
                };
                status.insert((*path).to_owned(), told);
            }
            statuses.insert(asked.id.name.clone(), Value::Object(status));
        }
        if !statuses.is_empty() {
            add("rest/status.json", pretty(&Value::Object(statuses)));
        }
        let manifest = self.manifest(name, cluster, taken);
        files.push(RawFile {
            name: format!("{name}/{MANIFEST}"),
            bytes: pretty(&manifest).into_bytes(),
            ..RawFile::default()
        });
    }

    fn keys(&self, keys: &Keys, own: &[&StoredKey], doubts: &[String]) -> Value {
        let key = |key: &&StoredKey| {
            let mut told = Map::new();
            match std::str::from_utf8(&key.value) {
                Ok(text) => told.insert("value".to_owned(), redacted(text).into()),
                Err(error) => told.insert("not_utf8_from".to_owned(), error.valid_up_to().into()),
            };
            told.extend(key.revision.map(|revision| ("revision".to_owned(), revision.into())));
            told.extend(key.lease.as_ref().map(|lease| ("lease".to_owned(), lease.as_str().into())));
            told.extend(key.ttl_seconds.map(|ttl| ("ttl_seconds".to_owned(), ttl.into())));
            (key.path.clone(), Value::Object(told))
        };
        json!({
            "patrolint_keys": 1,
            "dcs": section(&self.target.dcs),
            "revision": keys.revision,
            "doubts": doubts,
            "keys": own.iter().map(key).collect::<Map<_, _>>(),
        })
    }

    /// What was read, where from, when, and what failed.
    fn manifest(&self, name: &str, cluster: &Cluster<'_>, taken: &Taken) -> Value {
        let (scope, group) = scope_and_group(name);
        let mut read = Vec::new();
        match &taken.keys {
            Ok(keys) => read.push(json!({ "what": "keys", "from": keys.endpoint })),
            Err(error) => read.push(json!({ "what": "keys", "error": error.to_string() })),
        }
        let mut nodes = Map::new();
        for asked in &cluster.asked {
            nodes.insert(asked.id.name.clone(), json!({ "rest": endpoint(&asked.url) }));
            for (path, answer) in &asked.answers {
                let what = format!("GET {path}");
                read.push(match answer {
                    Ok(answer) => json!({ "what": what, "from": endpoint(&asked.url), "status": answer.status }),
                    Err(error) => json!({ "what": what, "from": endpoint(&asked.url), "error": reason(error) }),
                });
            }
        }
        json!({
            "patrolint_capture": 1,
            "patrolint_version": env!("CARGO_PKG_VERSION"),
            "scope": scope,
            "namespace": self.target.namespace,
            "group": group,
            "dcs": section(&self.target.dcs),
            "capture_started": time(self.started),
            "capture_ended": time(self.ended),
            "nodes": nodes,
            "read": read,
        })
    }
}

/// The scopes that keys below `prefix` belong to.
pub fn scopes(keys: &Keys, prefix: &str) -> Vec<String> {
    let scopes = keys.keys.iter().filter_map(|key| key.path.strip_prefix(prefix)?.split_once('/'));
    let scopes: BTreeSet<String> = scopes.map(|(scope, _)| scope.to_owned()).collect();
    scopes.into_iter().collect()
}

/// The folder of the cluster that a key belongs to: its scope, and after a dot its Citus group.
pub fn folder(path: &str, namespace: &str) -> String {
    let path = path.trim_start_matches('/');
    let below = path.strip_prefix(namespace).unwrap_or(path).trim_start_matches('/');
    let mut parts = below.split('/');
    let (scope, group) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_group = !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    if is_group { format!("{scope}.{group}") } else { scope.to_owned() }
}

fn scope_and_group(folder: &str) -> (&str, Option<u32>) {
    match folder.rsplit_once('.').map(|(scope, group)| (scope, group.parse().ok())) {
        Some((scope, Some(group))) => (scope, Some(group)),
        _ => (folder, None),
    }
}

/// The name of the DCS as a section of the configuration.
fn section(dcs: &Dcs) -> &'static str {
    match dcs {
        Dcs::Etcd3(_) => "etcd3",
        Dcs::Etcd2(_) => "etcd",
        Dcs::Consul(_) => "consul",
        Dcs::ZooKeeper(_) => "zookeeper",
        Dcs::Kubernetes(_) => "kubernetes",
    }
}

fn server(server: &DcsServer) -> Value {
    json!({
        "endpoint": server.endpoint,
        "name": server.name,
        "version": server.version,
        "is_leader": server.is_leader,
        "database_bytes": server.database_bytes,
        "database_bytes_in_use": server.database_bytes_in_use,
        "alarms": server.alarms,
        "latency_ms": server.latency_ms,
        "clock_ahead_seconds": server.clock_ahead_seconds,
        "error": server.error,
    })
}

/// What did not work, in words.
fn failures(taken: &Taken) -> Vec<String> {
    let dcs = taken.keys.as_ref().err().map(|error| format!("the DCS: {error}"));
    let doubts = taken.doubts.iter().map(|doubt| format!("the DCS: {doubt}"));
    let of_servers = taken
        .servers
        .iter()
        .filter_map(|server| Some(format!("the DCS, {}: {}", server.endpoint, server.error.as_ref()?)));
    let of_members = taken.asked.iter().flat_map(|asked| {
        asked.answers.iter().filter_map(move |(path, answer)| {
            Some(format!(
                "{}, GET {path} of {}: {}",
                asked.id.name,
                endpoint(&asked.url),
                reason(answer.as_ref().err()?)
            ))
        })
    });
    dcs.into_iter().chain(doubts).chain(of_servers).chain(of_members).collect()
}

/// Why, without the address.
fn reason(error: &OnlineError) -> String {
    match error {
        OnlineError::Server { reason, .. } | OnlineError::Denied { reason, .. } => reason.clone(),
        error => error.to_string(),
    }
}

/// A text with its secrets hidden.
fn redacted(text: &str) -> String {
    let spans = parse_json::parse(NOWHERE, text).map(|mut tree| secrets::conceal(&mut tree)).unwrap_or_default();
    secrets::redact(text, &spans)
}

/// A configuration with its secrets hidden, which parses as before if it did.
pub fn redacted_configuration(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let spans = yaml::parse(NOWHERE, &text).map(|mut tree| secrets::conceal(&mut tree)).unwrap_or_default();
    secrets::redact(&text, &spans)
}

/// A member's name as a part of a path.
fn file_name(name: &str) -> String {
    name.replace(['/', '\\', '\0'], "_").replace("..", "__")
}

/// JSON as people read it.
pub fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a tree of JSON can be written");
    text + "\n"
}

fn time(seconds: f64) -> String {
    let time = jiff::Timestamp::from_millisecond((seconds * 1e3) as i64).unwrap_or_default();
    time.to_string()
}
