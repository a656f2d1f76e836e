//! Kubernetes: what Patroni keeps in the annotations of Endpoints or ConfigMaps and of pods, as the keys of other stores.
//!
//! `kubectl get endpoints,configmaps,pods -o json`, or the lists that the API itself answers with.
//!
//! | object | annotation | key |
//! |---|---|---|
//! | `<scope>-config` | `config`, `history`, `initialize` | `/config`, `/history`, `/initialize` |
//! | Endpoints `<scope>` or ConfigMap `<scope>-leader` | `leader` | `/leader` |
//! | | `optime`, `slots`, `retain_slots` | `/status` |
//! | | `failsafe` | `/failsafe` |
//! | `<scope>-failover` | `leader`, `member`, `scheduled_at` | `/failover` |
//! | `<scope>-sync` | `leader`, `sync_standby`, `quorum` | `/sync` |
//! | pods | `status` | `/members/<pod>` |
//!
//! A key's path begins with the objects' namespace; a Citus group stands after the scope, and after a hyphen in the names.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::input::source_map::SourceId;
use crate::parse::dump::{DcsKind, DumpedKey, Form, KeyDump, Malformed, StoredValue, citus_group, is_whole_number};
use crate::parse::json;
use crate::parse::tree::{Mapping, Node, Value};

/// The label that tells a Citus group.
///
/// Source: patroni/postgresql/mpp/citus.py, `Citus.k8s_group_label`, 4.1.5.
const GROUP_LABEL: &str = "citus-group";

/// `scope_label`, if the configuration sets none.
const SCOPE_LABEL: &str = "cluster-name";

/// The source of trees that belong to no source map.
const NOWHERE: SourceId = SourceId(u32::MAX);

/// What a configuration tells of the objects; what it does not is guessed from them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout<'a> {
    /// `scope_label`. If it is given, all pods are members, as Patroni takes them; else only those with a `status`.
    pub scope_label: Option<&'a str>,
    /// `use_endpoints`
    pub use_endpoints: Option<bool>,
}

/// Reads objects; `None` if the documents are something else, or hold nothing that Patroni wrote.
///
/// Whether the leader still renews its record cannot be told from it: [`DumpedKey::expiration`] tells until when it counts.
pub fn read(documents: &[Node], layout: Layout<'_>) -> Option<Result<KeyDump, Malformed>> {
    let mut objects = Vec::new();
    for document in documents {
        collect(document, &mut objects)?;
    }
    let guessed = layout.scope_label.is_none().then(|| scope_label(&objects));
    let scope_label = layout.scope_label.or(guessed.as_deref()).unwrap_or(SCOPE_LABEL);
    let mut clusters: BTreeMap<Id<'_>, Cluster<'_>> = BTreeMap::new();
    for object in &objects {
        if let Some(id) = object.id(scope_label) {
            let cluster = clusters.entry(id).or_default();
            match object.kind {
                Kind::Pod => cluster.pods.push(object),
                Kind::Endpoints => cluster.endpoints.push(object),
                Kind::ConfigMap => cluster.config_maps.push(object),
            }
        }
    }
    let mut dump = KeyDump::new(DcsKind::Kubernetes, Form::Native);
    let only_members = layout.scope_label.is_none();
    for (id, cluster) in &clusters {
        let translation = Translation { id: *id, dump: &mut dump };
        if let Err(malformed) = translation.cluster(cluster, layout.use_endpoints, only_members) {
            return Some(Err(malformed));
        }
    }
    (!dump.keys.is_empty()).then_some(Ok(dump))
}

/// The kinds of objects that Patroni knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pod,
    Endpoints,
    ConfigMap,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        match name {
            "Pod" => Some(Self::Pod),
            "Endpoints" => Some(Self::Endpoints),
            "ConfigMap" => Some(Self::ConfigMap),
            _ => None,
        }
    }
}

/// One object.
struct Object<'a> {
    kind: Kind,
    name: &'a str,
    namespace: &'a str,
    metadata: &'a Mapping,
}

/// Namespace, scope and Citus group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id<'a> {
    namespace: &'a str,
    scope: &'a str,
    group: Option<u32>,
}

/// The objects of one cluster.
#[derive(Default)]
struct Cluster<'a> {
    pods: Vec<&'a Object<'a>>,
    endpoints: Vec<&'a Object<'a>>,
    config_maps: Vec<&'a Object<'a>>,
}

/// Adds the objects that Patroni may know; `None` if the document is something else. The API leaves the kind of a list's
/// items out.
fn collect<'a>(document: &'a Node, objects: &mut Vec<Object<'a>>) -> Option<()> {
    document.get("apiVersion")?;
    let kind = document.get("kind")?.as_str()?;
    let Some(items) = document.get("items").and_then(Node::as_sequence) else {
        objects.extend(Object::new(document, kind));
        return Some(());
    };
    let of_list = kind.strip_suffix("List")?;
    for item in items {
        let kind = item.get("kind").and_then(Node::as_str).unwrap_or(of_list);
        objects.extend(Object::new(item, kind));
    }
    Some(())
}

/// The label whose values the names of most objects of Patroni begin with.
fn scope_label(objects: &[Object<'_>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for object in objects.iter().filter(|object| object.kind != Kind::Pod && object.is_written_by_patroni()) {
        for entry in object.labels().into_iter().flat_map(Mapping::effective) {
            if let (Some(label), Some(value)) = (entry.key.as_str(), entry.value.as_str())
                && object.role(value).is_some()
            {
                *counts.entry(label).or_default() += 1;
            }
        }
    }
    let best = counts.iter().max_by_key(|(label, count)| (**count, **label == SCOPE_LABEL));
    best.map_or(SCOPE_LABEL, |(label, _)| label).to_owned()
}

impl<'a> Object<'a> {
    fn new(node: &'a Node, kind: &str) -> Option<Self> {
        let metadata = node.get("metadata")?.as_mapping()?;
        let text = |name: &str| metadata.get(name).and_then(Node::as_str);
        let namespace = text("namespace").unwrap_or("default");
        Some(Self { kind: Kind::of(kind)?, name: text("name")?, namespace, metadata })
    }

    fn labels(&self) -> Option<&'a Mapping> {
        self.metadata.get("labels")?.as_mapping()
    }

    fn label(&self, name: &str) -> Option<&'a str> {
        self.labels()?.get(name)?.as_str()
    }

    fn annotation(&self, name: &str) -> Option<&'a str> {
        self.metadata.get("annotations")?.get(name)?.as_str()
    }

    fn is_written_by_patroni(&self) -> bool {
        ["config", "history", "initialize", "leader", "optime", "sync_standby"]
            .iter()
            .any(|it| self.annotation(it).is_some())
    }

    fn group(&self) -> Option<u32> {
        self.label(GROUP_LABEL).and_then(citus_group)
    }

    fn id(&self, scope_label: &str) -> Option<Id<'a>> {
        let scope = self.label(scope_label).filter(|scope| !scope.is_empty())?;
        Some(Id { namespace: self.namespace, scope, group: self.group() })
    }

    /// What comes after the cluster's name in its own: `config`, `leader`, `failover`, `sync`, or nothing.
    ///
    /// Source: patroni/dcs/kubernetes.py, `Kubernetes._cluster_from_nodes`, 4.1.5.
    fn role(&self, scope: &str) -> Option<&'a str> {
        let rest = self.name.strip_prefix(scope)?;
        let rest = match self.group() {
            Some(group) => rest.strip_prefix(&format!("-{group}"))?,
            None => rest,
        };
        let role = if rest.is_empty() { rest } else { rest.strip_prefix('-')? };
        ["", "config", "leader", "failover", "sync"].contains(&role).then_some(role)
    }

    fn revision(&self) -> Option<u64> {
        self.metadata.get("resourceVersion")?.as_str()?.parse().ok()
    }
}

/// Translates one cluster.
///
/// Source: patroni/dcs/kubernetes.py, `Kubernetes._cluster_from_nodes`, 4.1.5.
struct Translation<'a> {
    id: Id<'a>,
    dump: &'a mut KeyDump,
}

impl Translation<'_> {
    fn cluster(
        mut self,
        cluster: &Cluster<'_>,
        use_endpoints: Option<bool>,
        only_members: bool,
    ) -> Result<(), Malformed> {
        let use_endpoints = use_endpoints.unwrap_or_else(|| self.guess(cluster));
        let (kinds, leader) = match use_endpoints {
            true => (&cluster.endpoints, ""),
            false => (&cluster.config_maps, "leader"),
        };
        for object in kinds {
            match object.role(self.id.scope) {
                Some("config") => self.config(object)?,
                Some("failover") => self.object(object, "failover", &["leader", "member", "scheduled_at"])?,
                Some("sync") => self.object(object, "sync", &["leader", "sync_standby", "quorum"])?,
                Some(role) if role == leader => self.leader(object)?,
                _ => {}
            }
        }
        for pod in &cluster.pods {
            let status = pod.annotation("status");
            if status.is_some() || !only_members {
                self.add(pod, &format!("members/{}", pod.name), status.unwrap_or_default().to_owned())?;
            }
        }
        Ok(())
    }

    /// Whether the objects that Patroni wrote are Endpoints. Of both, those whose leader renewed them last.
    fn guess(&mut self, cluster: &Cluster<'_>) -> bool {
        let is_written = |objects: &[&Object<'_>]| objects.iter().any(|object| object.is_written_by_patroni());
        match (is_written(&cluster.endpoints), is_written(&cluster.config_maps)) {
            (true, true) => {
                let renewed = |objects: &[&Object<'_>]| {
                    let times: BTreeSet<Timestamp> = objects.iter().filter_map(|object| renew_time(object)).collect();
                    times.last().copied()
                };
                let use_endpoints = renewed(&cluster.config_maps) <= renewed(&cluster.endpoints);
                let kind = if use_endpoints { "Endpoints" } else { "ConfigMaps" };
                let doubt = "both Endpoints and ConfigMaps hold its state";
                self.dump
                    .doubts
                    .push(format!("{}: {doubt}; the {kind} were renewed last and are taken", self.id.scope));
                use_endpoints
            }
            (use_endpoints, _) => use_endpoints,
        }
    }

    fn config(&mut self, object: &Object<'_>) -> Result<(), Malformed> {
        for (name, when_empty) in [("config", "{}"), ("history", "[]"), ("initialize", "")] {
            if let Some(text) = object.annotation(name) {
                let text = if text.is_empty() { when_empty } else { text };
                self.add(object, name, text.to_owned())?;
            }
        }
        Ok(())
    }

    fn leader(&mut self, object: &Object<'_>) -> Result<(), Malformed> {
        // Patroni deletes nothing here: without a leader the annotation is gone, or empty.
        if let Some(leader) = object.annotation("leader").filter(|leader| !leader.is_empty()) {
            let mut key = DumpedKey::new(StoredValue::Text(leader.to_owned()));
            key.revision = object.revision();
            key.expiration = expiration(object).map(|time| time.to_string());
            self.insert("leader", key)?;
        }
        self.object(object, "status", &["optime", "slots", "retain_slots"])?;
        match object.annotation("failsafe") {
            Some(failsafe) => self.add(object, "failsafe", failsafe.to_owned()),
            None => Ok(()),
        }
    }

    /// A key whose value is an object of these annotations; if there are none, Patroni takes it for deleted.
    fn object(&mut self, object: &Object<'_>, key: &str, names: &[&str]) -> Result<(), Malformed> {
        let fields = names.iter().filter_map(|name| Some(field(name, object.annotation(name)?)));
        let fields: Vec<String> = fields.collect();
        match fields.is_empty() {
            true => Ok(()),
            false => self.add(object, key, format!("{{{}}}", fields.join(","))),
        }
    }

    fn add(&mut self, object: &Object<'_>, key: &str, value: String) -> Result<(), Malformed> {
        let mut stored = DumpedKey::new(StoredValue::Text(value));
        stored.revision = object.revision();
        self.insert(key, stored)
    }

    fn insert(&mut self, key: &str, stored: DumpedKey) -> Result<(), Malformed> {
        let Id { namespace, scope, group } = self.id;
        let group = group.map(|group| format!("{group}/")).unwrap_or_default();
        self.dump.insert(&format!("/{namespace}/{scope}/{group}{key}"), stored)
    }
}

/// `"name":value` as JSON: numbers, and what is JSON itself where Patroni decodes it, without the quotes of the annotation.
///
/// Source: patroni/dcs/__init__.py, `Status.from_node` and `SyncState.from_node`, 4.1.5.
fn field(name: &str, text: &str) -> String {
    let is_plain = match name {
        "optime" | "quorum" => is_whole_number(text),
        "slots" => json::parse(NOWHERE, text).is_ok_and(|node| matches!(node.value, Value::Mapping(_))),
        "retain_slots" => json::parse(NOWHERE, text).is_ok_and(|node| matches!(node.value, Value::Sequence(_))),
        _ => false,
    };
    let value = if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() };
    format!("\"{name}\":{value}")
}

/// Until when a leader's record counts to those who see it now for the first time: `renewTime` and `ttl` seconds.
fn expiration(object: &Object<'_>) -> Option<Timestamp> {
    let ttl: i64 = object.annotation("ttl")?.parse().ok()?;
    renew_time(object)?.checked_add(SignedDuration::from_secs(ttl)).ok()
}

fn renew_time(object: &Object<'_>) -> Option<Timestamp> {
    object.annotation("renewTime")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kubectl get … -o json` of these items, each `kind name labels annotations`.
    fn list(items: &[(&str, &str, &str, &str)]) -> Node {
        let items: Vec<String> = items
            .iter()
            .map(|(kind, name, labels, annotations)| {
                format!(
                    r#"{{"apiVersion":"v1","kind":"{kind}","metadata":{{"name":"{name}","namespace":"pg","resourceVersion":"77",
                         "labels":{{{labels}}},"annotations":{{{annotations}}}}}}}"#
                )
            })
            .collect();
        let text = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, items.join(","));
        json::parse(NOWHERE, &text).expect("valid JSON")
    }

    fn read_all(items: &[(&str, &str, &str, &str)], layout: Layout<'_>) -> KeyDump {
        read(&[list(items)], layout).expect("recognised").expect("well-formed")
    }

    fn check(dump: &KeyDump, expect: &[(&str, &str)]) {
        let found: Vec<(&str, StoredValue)> =
            dump.keys.iter().map(|(path, key)| (path.as_str(), key.value.clone())).collect();
        let expect: Vec<(&str, StoredValue)> =
            expect.iter().map(|(path, value)| (*path, StoredValue::Text((*value).to_owned()))).collect();
        assert_eq!(
            found.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            expect.iter().map(|(path, _)| path).collect::<Vec<_>>()
        );
        for ((path, found), (_, expect)) in found.iter().zip(&expect) {
            assert!(found == expect, "{path} differs");
        }
    }

    const DEMO: &str = r#""application":"patroni","cluster-name":"demo""#;
    const LEADER: &str = r#""leader":"demo-0","ttl":"30","renewTime":"2026-11-26T05:10:20.500000+00:00","optime":"67108960",
        "slots":"{\"logical\":67108960}","retain_slots":"[\"demo_1\"]","failsafe":"{\"demo-0\":\"http://10.1.0.4:8008/patroni\"}""#;

    #[test]
    fn annotations_become_keys() {
        let dump = read_all(
            &[
                ("Endpoints", "demo", DEMO, LEADER),
                (
                    "Endpoints",
                    "demo-config",
                    DEMO,
                    r#""config":"{\"ttl\":30}","history":"","initialize":"7711198603312023059""#,
                ),
                ("Endpoints", "demo-failover", DEMO, r#""leader":"demo-0","member":"demo-1""#),
                ("Endpoints", "demo-sync", DEMO, r#""leader":"demo-0","sync_standby":"demo-1","quorum":"0""#),
                ("Endpoints", "demo-repl", DEMO, r#""leader":"not of Patroni""#),
                ("Pod", "demo-0", DEMO, r#""status":"{\"role\":\"primary\"}""#),
                ("Pod", "demo-backup", DEMO, ""),
                ("Pod", "other", r#""application":"patroni""#, r#""status":"{}""#),
            ],
            Layout::default(),
        );
        check(
            &dump,
            &[
                ("/pg/demo/config", r#"{"ttl":30}"#),
                ("/pg/demo/failover", r#"{"leader":"demo-0","member":"demo-1"}"#),
                ("/pg/demo/failsafe", r#"{"demo-0":"http://10.1.0.4:8008/patroni"}"#),
                ("/pg/demo/history", "[]"),
                ("/pg/demo/initialize", "7711198603312023059"),
                ("/pg/demo/leader", "demo-0"),
                ("/pg/demo/members/demo-0", r#"{"role":"primary"}"#),
                ("/pg/demo/status", r#"{"optime":67108960,"slots":{"logical":67108960},"retain_slots":["demo_1"]}"#),
                ("/pg/demo/sync", r#"{"leader":"demo-0","sync_standby":"demo-1","quorum":0}"#),
            ],
        );
        let leader = &dump.keys["/pg/demo/leader"];
        assert_eq!(leader.revision, Some(77));
        assert_eq!(leader.expiration.as_deref(), Some("2026-11-26T05:10:50.5Z"));
        assert_eq!(dump.doubts, [] as [&str; 0]);
    }

    #[test]
    fn config_maps_name_the_leader_themselves() {
        let dump = read_all(
            &[
                ("ConfigMap", "demo-leader", DEMO, LEADER),
                ("ConfigMap", "demo-sync", DEMO, ""),
                ("ConfigMap", "demo-failover", DEMO, ""),
                // What the service brings along.
                ("Endpoints", "demo", DEMO, ""),
            ],
            Layout::default(),
        );
        assert_eq!(dump.keys.keys().collect::<Vec<_>>(), ["/pg/demo/failsafe", "/pg/demo/leader", "/pg/demo/status"]);
    }

    #[test]
    fn of_endpoints_and_config_maps_the_newer_count() {
        let old = LEADER.replace("demo-0", "demo-9").replace("05:10:20", "04:00:00");
        let items = [("ConfigMap", "demo-leader", DEMO, LEADER), ("Endpoints", "demo", DEMO, old.as_str())];
        let leader = |layout| read_all(&items, layout).keys["/pg/demo/leader"].value.clone();
        assert!(leader(Layout::default()) == StoredValue::Text("demo-0".to_owned()));
        let layout = Layout { use_endpoints: Some(true), ..Layout::default() };
        assert!(leader(layout) == StoredValue::Text("demo-9".to_owned()));
        assert_eq!(
            read_all(&items, Layout::default()).doubts,
            ["demo: both Endpoints and ConfigMaps hold its state; the ConfigMaps were renewed last and are taken"]
        );
    }

    #[test]
    fn the_scope_label_is_guessed_from_names() {
        let labels = r#""app":"db","team":"demo-x","pg/scope":"demo""#;
        let items = [("Endpoints", "demo", labels, LEADER), ("Pod", "demo-0", labels, r#""status":"{}""#)];
        let dump = read_all(&items, Layout::default());
        assert!(dump.keys.contains_key("/pg/demo/members/demo-0"));
    }

    #[test]
    fn with_a_known_label_every_pod_is_a_member() {
        let items = [("Endpoints", "demo", DEMO, LEADER), ("Pod", "demo-backup", DEMO, "")];
        let layout = Layout { scope_label: Some("cluster-name"), use_endpoints: Some(true) };
        let dump = read_all(&items, layout);
        assert_eq!(dump.keys["/pg/demo/members/demo-backup"].value, StoredValue::Text(String::new()));
    }

    #[test]
    fn citus_groups_stand_after_the_scope() {
        let labels = r#""cluster-name":"demo","citus-group":"1""#;
        let items = [
            ("Endpoints", "demo-1", labels, LEADER),
            ("Endpoints", "demo-1-config", labels, r#""config":"{}""#),
            ("Pod", "demo-1-0", labels, r#""status":"{}""#),
        ];
        let dump = read_all(&items, Layout::default());
        assert!(dump.keys.contains_key("/pg/demo/1/leader"));
        assert!(dump.keys.contains_key("/pg/demo/1/config"));
        assert!(dump.keys.contains_key("/pg/demo/1/members/demo-1-0"));
    }

    #[test]
    fn no_leader_is_no_key() {
        for annotations in ["", r#""leader":"""#, r#""acquireTime":"2026-11-26T05:10:20+00:00""#] {
            let items =
                [("Endpoints", "demo", DEMO, annotations), ("Endpoints", "demo-config", DEMO, r#""config":"{}""#)];
            let dump = read_all(&items, Layout::default());
            assert_eq!(dump.keys.keys().collect::<Vec<_>>(), ["/pg/demo/config"]);
        }
    }

    #[test]
    fn lists_of_the_api_leave_kinds_out() {
        let text = r#"{"apiVersion":"v1","kind":"ConfigMapList","items":[{"metadata":{"name":"demo-config","namespace":"pg",
            "labels":{"cluster-name":"demo"},"annotations":{"config":"{}"}}}]}"#;
        let document = json::parse(NOWHERE, text).expect("valid JSON");
        let dump = read(&[document], Layout::default()).expect("recognised").expect("well-formed");
        assert!(dump.keys.contains_key("/pg/demo/config"));
    }

    #[test]
    fn something_else() {
        for text in [
            "{}",
            "[]",
            r#"{"apiVersion":"v1","kind":"List"}"#,
            r#"{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","metadata":{"name":"x"}},{}]}"#,
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"demo-config","annotations":{"config":"{}"}}}"#,
        ] {
            assert!(read(&[json::parse(NOWHERE, text).expect("valid JSON")], Layout::default()).is_none(), "{text}");
        }
    }
}
