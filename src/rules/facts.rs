//! What rules look at: the input put together cluster by cluster, for Rust functions and for Jinja expressions.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use minijinja::Value;

use crate::input::source_map::SourceId;
use crate::model::behaviour::Behaviours;
use crate::model::cluster::{Cluster, Member, MemberStatus, Raised};
use crate::model::config::effective::{Effective, NodeConfiguration};
use crate::model::config::global::{DEFAULT_LOOP_WAIT, DEFAULT_RETRY_TIMEOUT, DEFAULT_TTL, GlobalConfig};
use crate::model::postgresql::version::PostgresVersion;
use crate::model::snapshot::{ClusterSnapshot, DcsKind, LocalConfiguration, RestAnswer, Snapshot};
use crate::model::version::PatroniVersion;
use crate::parse::dump::DcsServer;
use crate::parse::python;
use crate::parse::tree::{self, Mapping, Node};
use crate::rules::page::{Each, Need};

/// One cluster with its nodes' configurations; a configuration of an unknown cluster is a scene of its own.
pub struct Scene<'a> {
    /// All inputs.
    pub snapshot: &'a Snapshot,
    /// What is known of the running cluster: the DCS, REST answers; `None` when there are configuration files alone.
    pub cluster: Option<&'a ClusterSnapshot>,
    /// The nodes' configuration files.
    pub configurations: Vec<&'a LocalConfiguration>,
    /// The cluster as Patroni loads it from the DCS, or why it cannot; `None` without a DCS snapshot.
    pub loaded: Option<Result<Cluster, Raised>>,
    /// The release that decides for the cluster: the one given, else the leader's, else the newest that a member tells.
    pub patroni: Option<PatroniVersion>,
    /// The release that every member counts as, if one was given.
    pub given_version: Option<PatroniVersion>,
    /// The version of PostgreSQL that every node counts as, if one was given.
    pub given_postgres: Option<PostgresVersion>,
    /// Whether this is the first cluster of the input, at which rules on all of it are judged.
    is_first: bool,
    base: BTreeMap<String, Value>,
    members: BTreeMap<String, Value>,
    /// The configuration files in the same order, as expressions see them.
    files: Vec<Value>,
    /// What the daemons use, in the order of the configurations; put together when it is asked for.
    effective: OnceCell<Vec<Option<Effective>>>,
    /// The dynamic configuration in the DCS, as expressions see it, and as Patroni reads it.
    dynamic: Option<(Value, GlobalConfig)>,
}

/// Scope, if a file tells one, and namespace.
type ClusterName<'a> = (Option<&'a str>, String);

/// The dynamic configuration of a cluster, or the text that it would start with.
#[derive(Clone, Copy, Debug)]
pub struct Dynamic<'a> {
    /// Its value, usually a mapping.
    pub node: &'a Node,
    /// What to call it: `/config` or `bootstrap.dcs`.
    pub origin: &'static str,
}

/// Origin of the dynamic configuration in the DCS.
const STORED: &str = "/config";

/// All evaluations of a scene, by what rules ask for.
pub struct Subjects<'a> {
    /// The cluster and its nodes.
    pub scene: &'a Scene<'a>,
    cluster: Vec<Subject<'a>>,
    members: Vec<Subject<'a>>,
    configurations: Vec<Subject<'a>>,
    /// The dynamic configuration in the DCS, if there is the key; without a value if it is no JSON.
    stored: Option<Subject<'a>>,
}

impl<'a> Subjects<'a> {
    /// What a rule is evaluated on. With configurations and dynamic configurations, a `bootstrap.dcs` is part of the
    /// former.
    pub fn of<'b>(&'b self, each: &'b [Each]) -> impl Iterator<Item = &'b Subject<'a>> {
        let both = each.contains(&Each::Configurations);
        each.iter().flat_map(move |each| {
            let subjects = match each {
                Each::Cluster => &self.cluster[..],
                Each::Input if self.scene.is_first => &self.cluster,
                Each::Input => &[],
                Each::Members => &self.members,
                Each::Configurations => &self.configurations,
                // What the files would start a cluster with.
                Each::Dynamics if self.stored.is_none() && !both => &self.configurations,
                Each::Dynamics => self.stored.as_slice(),
            };
            subjects.iter().filter(move |subject| *each != Each::Dynamics || subject.dynamic.is_some())
        })
    }
}

/// What one evaluation of a rule is about.
pub struct Subject<'a> {
    /// The cluster around it.
    pub scene: &'a Scene<'a>,
    /// The member, with `each: members`.
    pub member: Option<&'a str>,
    /// The configuration file, with `each: configurations`.
    pub configuration: Option<&'a LocalConfiguration>,
    /// The dynamic configuration that counts here, if known.
    pub dynamic: Option<Dynamic<'a>>,
    /// The same as Patroni reads it.
    pub global: Option<GlobalConfig>,
    /// The names that expressions know, a map.
    pub values: Value,
}

impl<'a> Scene<'a> {
    /// Puts the input together; `version` is the release that every member counts as, and `postgres` the version of
    /// PostgreSQL, if they were given.
    pub fn all(
        snapshot: &'a Snapshot,
        version: Option<PatroniVersion>,
        postgres: Option<PostgresVersion>,
    ) -> Vec<Self> {
        let scene = |cluster, configurations| Self::new(snapshot, cluster, configurations, version, postgres);
        let mut taken = vec![false; snapshot.configurations.len()];
        let mut scenes = Vec::new();
        for cluster in &snapshot.clusters {
            let mut configurations = Vec::new();
            for (index, configuration) in snapshot.configurations.iter().enumerate() {
                let same_scope = configuration.scope.as_deref() == Some(cluster.scope.as_str());
                if same_scope && namespace(configuration) == cluster.namespace {
                    taken[index] = true;
                    configurations.push(configuration);
                }
            }
            let is_known = cluster.dcs.is_some() || !cluster.rest.is_empty();
            scenes.push(scene(is_known.then_some(cluster), configurations));
        }
        let mut alone: Vec<(ClusterName<'_>, Vec<&LocalConfiguration>)> = Vec::new();
        for (index, configuration) in snapshot.configurations.iter().enumerate().filter(|(index, _)| !taken[*index]) {
            let key = (configuration.scope.as_deref(), namespace(configuration));
            match alone.iter_mut().find(|(other, _)| key.0.is_some() && *other == key) {
                Some((_, members)) => members.push(configuration),
                None => alone.push((key, vec![&snapshot.configurations[index]])),
            }
        }
        scenes.extend(alone.into_iter().map(|(_, members)| scene(None, members)));
        if let Some(first) = scenes.first_mut() {
            first.is_first = true;
        }
        scenes
    }

    fn new(
        snapshot: &'a Snapshot,
        cluster: Option<&'a ClusterSnapshot>,
        configurations: Vec<&'a LocalConfiguration>,
        given_version: Option<PatroniVersion>,
        given_postgres: Option<PostgresVersion>,
    ) -> Self {
        let mut scene = Self {
            snapshot,
            cluster,
            configurations,
            loaded: None,
            patroni: None,
            given_version,
            given_postgres,
            is_first: false,
            base: BTreeMap::new(),
            members: BTreeMap::new(),
            files: Vec::new(),
            effective: OnceCell::new(),
            dynamic: None,
        };
        scene.patroni = scene.deciding_version();
        if let Some(dcs) = cluster.and_then(|cluster| cluster.dcs.as_ref()) {
            scene.loaded = Some(Cluster::load(&dcs.keys, Behaviours::of(scene.version())));
        }
        scene.members = scene.member_values();
        scene.files =
            scene.configurations.iter().map(|configuration| scene.configuration_value(configuration)).collect();
        scene.dynamic = scene.dynamic().map(|dynamic| scene.dynamic_values(dynamic));
        scene.base = scene.base_values();
        scene
    }

    /// The deciding release, or the newest when it is not known.
    pub fn version(&self) -> PatroniVersion {
        self.patroni.unwrap_or_else(PatroniVersion::newest)
    }

    /// The cluster as Patroni loads it.
    pub fn model(&self) -> Option<&Cluster> {
        self.loaded.as_ref().and_then(|loaded| loaded.as_ref().ok())
    }

    /// The name in `/leader`.
    pub fn leader(&self) -> Option<&'a str> {
        Some(self.key_text("leader")?).filter(|name| !name.is_empty())
    }

    /// The value of a key as stored.
    pub fn key_text(&self, key: &str) -> Option<&'a str> {
        Some(self.cluster?.dcs.as_ref()?.keys.get(key)?.value.0.as_str())
    }

    /// The value of a key as `json.loads` reads it.
    pub fn key_json(&self, key: &str) -> Option<&'a Node> {
        self.cluster?.dcs.as_ref()?.keys.get(key)?.json.as_ref()
    }

    /// The text that a key's value stands in.
    pub fn key_source(&self, key: &str) -> Option<SourceId> {
        Some(self.cluster?.dcs.as_ref()?.keys.get(key)?.source)
    }

    /// The names of the member keys, in order.
    pub fn member_names(&self) -> Vec<&'a str> {
        let keys = self.cluster.and_then(|cluster| cluster.dcs.as_ref()).map(|dcs| dcs.keys.keys());
        let names = keys.into_iter().flatten().filter_map(|key| key.strip_prefix("members/"));
        names.filter(|name| !name.is_empty() && !name.contains('/')).collect()
    }

    /// The REST answer of a member.
    pub fn rest(&self, member: &str) -> Option<&'a RestAnswer> {
        self.cluster?.rest.get(member)
    }

    /// The body of a member's REST answer.
    pub fn rest_json(&self, member: &str) -> Option<&'a Node> {
        match self.rest(member)? {
            RestAnswer::Answered { json, .. } => json.as_ref(),
            RestAnswer::Unreachable { .. } => None,
        }
    }

    /// The release of a member: the one given, else what its key or REST answer tells.
    pub fn member_version(&self, name: &str) -> Option<PatroniVersion> {
        let key = self.key_json(&format!("members/{name}"));
        let told = key
            .and_then(|key| key.get("version"))
            .or_else(|| self.rest_json(name).and_then(|rest| rest.at(&["patroni", "version"])))
            .and_then(Node::as_str);
        self.given_version.or_else(|| told.and_then(|text| text.parse().ok()))
    }

    /// The version of PostgreSQL on a node: the one given, else what its REST API tells, else what its paths tell.
    pub fn node_postgres(&self, node: Option<&str>, file: Option<&LocalConfiguration>) -> Option<PostgresVersion> {
        let told = || {
            let tree::Value::Int(number) = self.rest_json(node?)?.get("server_version")?.value else { return None };
            PostgresVersion::of_number(number)
        };
        let by_path = || {
            let postgresql = file?.document.as_ref()?.get("postgresql")?;
            ["bin_dir", "data_dir"].iter().find_map(|name| PostgresVersion::of_path(postgresql.get(name)?.as_str()?))
        };
        self.given_postgres.or_else(told).or_else(by_path)
    }

    /// The version of PostgreSQL in the cluster: the leader's, else that of any other node.
    fn postgres(&self) -> Option<PostgresVersion> {
        let of_leader = || self.leader().and_then(|leader| self.node_postgres(Some(leader), None));
        let answering = || self.cluster?.rest.keys().find_map(|name| self.node_postgres(Some(name), None));
        let by_path = || self.configurations.iter().find_map(|file| self.node_postgres(None, Some(file)));
        self.given_postgres.or_else(of_leader).or_else(answering).or_else(by_path)
    }

    /// The configuration that the daemon of one of the scene's nodes uses; `None`: Patroni does not start with it.
    pub fn effective(&self, configuration: &LocalConfiguration) -> Option<&Effective> {
        let all = self.effective.get_or_init(|| {
            let node = |known| NodeConfiguration::new(self.snapshot, known, self.given_version);
            self.configurations.iter().map(|known| node(known).effective().ok()).collect()
        });
        let index = self.configurations.iter().position(|known| std::ptr::eq(*known, configuration))?;
        all[index].as_ref()
    }

    /// The dynamic configuration in the DCS.
    pub fn dynamic(&self) -> Option<Dynamic<'a>> {
        self.key_json("config").map(|node| Dynamic { node, origin: STORED })
    }

    /// Everything in this scene that rules are evaluated on.
    pub fn subjects(&'a self) -> Subjects<'a> {
        let dynamic = |configuration| self.dynamic().or_else(|| bootstrap(configuration));
        let stored = self.key_text("config").map(|_| self.subject(None, None, self.dynamic()));
        Subjects {
            scene: self,
            cluster: vec![self.subject(None, None, self.dynamic())],
            members: self
                .member_names()
                .into_iter()
                .map(|name| self.subject(Some(name), None, self.dynamic()))
                .collect(),
            configurations: self
                .configurations
                .iter()
                .map(|file| self.subject(None, Some(file), dynamic(file)))
                .collect(),
            stored,
        }
    }

    /// A member as expressions see it.
    pub fn member_value(&self, name: &str) -> Value {
        self.members.get(name).cloned().unwrap_or_else(|| Value::from_pairs([("name", name)]))
    }

    fn subject(
        &'a self,
        member: Option<&'a str>,
        configuration: Option<&'a LocalConfiguration>,
        dynamic: Option<Dynamic<'a>>,
    ) -> Subject<'a> {
        let mut values = self.base.clone();
        let mut global = None;
        if let Some(member) = member.and_then(|name| self.members.get(name)) {
            values.insert("member".into(), member.clone());
        }
        if let Some(configuration) = configuration {
            let known =
                self.configurations.iter().zip(&self.files).find(|(known, _)| std::ptr::eq(**known, configuration));
            values.extend(known.map(|(_, file)| ("configuration".to_owned(), file.clone())));
        }
        if let Some(dynamic) = dynamic {
            let stored = self.dynamic.clone().filter(|_| dynamic.origin == STORED);
            let (written, effective) = stored.unwrap_or_else(|| self.dynamic_values(dynamic));
            values.insert("dynamic".into(), written);
            values.insert("dynamic_origin".into(), dynamic.origin.into());
            values.insert("effective".into(), effective_value(&effective));
            values.insert("requested".into(), requested(dynamic.node.as_mapping()));
            global = Some(effective);
        }
        Subject { scene: self, member, configuration, dynamic, global, values: Value::from(values) }
    }

    fn dynamic_values(&self, dynamic: Dynamic<'_>) -> (Value, GlobalConfig) {
        let global = GlobalConfig::read(dynamic.node.as_mapping(), Behaviours::of(self.version()));
        (value(dynamic.node), global)
    }

    fn deciding_version(&self) -> Option<PatroniVersion> {
        let of_leader = self.leader().and_then(|leader| self.member_version(leader));
        let newest = || self.member_names().into_iter().filter_map(|name| self.member_version(name)).max();
        let answering = || {
            let names = self.cluster?.rest.keys();
            names.filter_map(|name| self.member_version(name)).max()
        };
        self.given_version.or(of_leader).or_else(newest).or_else(answering)
    }

    fn base_values(&self) -> BTreeMap<String, Value> {
        let mut base = BTreeMap::new();
        let mut put = |name: &str, value: Value| {
            base.insert(name.to_owned(), value);
        };
        if let Some(version) = self.patroni {
            put("patroni", version.to_string().into());
        }
        put("configurations", self.files.iter().cloned().collect());
        let Some(cluster) = self.cluster else { return base };
        put("answers", cluster.rest.iter().map(|(name, answer)| answer_value(name, answer)).collect());
        put("scope", cluster.scope.clone().into());
        if cluster.dcs.is_none() {
            return base;
        }
        if let Some(reason) = cluster.dcs.as_ref().and_then(|dcs| dcs.incomplete.as_ref()) {
            put("dump_lacks", reason.clone().into());
        }
        if let Some(dcs) = &cluster.dcs {
            put("dcs_doubts", dcs.doubts.iter().map(String::as_str).collect());
            put("dcs_servers", dcs.servers.iter().map(server_value).collect());
        }
        let kind = match cluster.dcs.as_ref().map(|dcs| dcs.kind) {
            Some(DcsKind::Etcd3) => "etcd3",
            Some(DcsKind::Etcd2) => "etcd",
            Some(DcsKind::ZooKeeper) => "zookeeper",
            Some(DcsKind::Consul) => "consul",
            Some(DcsKind::Kubernetes) => "kubernetes",
            Some(DcsKind::Unknown) | None => "unknown",
        };
        put("dcs_kind", kind.into());
        put("leader", self.leader().map_or(Value::from(()), Value::from));
        put("members", self.members.values().cloned().collect());
        for key in ["status", "history", "failover", "failsafe"] {
            if let Some(node) = self.key_json(key) {
                put(key, value(node));
            }
        }
        if let Some(identifier) = self.key_text("initialize") {
            put("initialize", identifier.into());
        }
        if let Some(model) = self.model() {
            let sync = &model.sync;
            let has_key = |name: &&str| self.members.keys().any(|member| member.to_lowercase() == name.to_lowercase());
            let (known, unknown): (Vec<&str>, Vec<&str>) = sync.voters().partition(has_key);
            put(
                "sync",
                Value::from_pairs([
                    ("known", known.into_iter().map(Value::from).collect()),
                    ("unknown", unknown.into_iter().map(Value::from).collect()),
                    ("active", Value::from(!sync.is_empty())),
                    ("leader", sync.leader().map_or(Value::from(()), Value::from)),
                    ("standbys", sync.voters().map(Value::from).collect()),
                    ("quorum", Value::from(sync.quorum)),
                ]),
            );
            put(
                "eligible_standbys",
                self.eligible_standbys(model).map(|member| self.member_value(&member.name)).collect(),
            );
            let leader = self.leader().and_then(|leader| model.member(leader));
            if let Some(timeline) = leader.and_then(|leader| leader.timeline) {
                put("leader_timeline", timeline.into());
            }
        }
        base
    }

    /// The members whose tags let them be synchronous standbys of the leader.
    ///
    /// Source: patroni/postgresql/sync.py, `_ReplicaList`, 4.1.5, without `pg_stat_replication`.
    fn eligible_standbys<'b>(&'b self, model: &'b Cluster) -> impl Iterator<Item = &'b Member> {
        model.members.iter().filter(move |member| {
            let nostream = member.tags.as_ref().is_ok_and(|tags| tags.nostream);
            self.may_be_sync(member) && !nostream && !self.cascades(model, member)
        })
    }

    /// Whether a member is not the leader and not `nosync`.
    fn may_be_sync(&self, member: &Member) -> bool {
        let version = self.member_version(&member.name).unwrap_or_else(|| self.version());
        let nosync = member.tags.as_ref().is_ok_and(|tags| tags.nosync(Behaviours::of(version)));
        member.tags.is_ok() && self.leader() != Some(member.name.as_str()) && !nosync
    }

    /// Whether a member is to stream from another replica.
    ///
    /// Source: patroni/postgresql/sync.py, `_ReplicaList._should_cascade`, since 3.3.7 and 4.0.6.
    fn cascades(&self, model: &Cluster, member: &Member) -> bool {
        let version = self.version();
        let looks_at_upstream =
            version.fulfils(">= 4.0.6") == Ok(true) || version.fulfils(">= 3.3.7, < 4.0.0") == Ok(true);
        let upstream = |member: &Member| {
            let name = member.tags.as_ref().ok()?.replicatefrom.clone().filter(|name| !name.is_empty())?;
            Some(model.member(&name).filter(|upstream| self.may_be_sync(upstream)))
        };
        let mut current = member;
        for _ in 0..model.members.len() {
            match upstream(current) {
                None => return looks_at_upstream && current.name != member.name,
                Some(None) => return false,
                Some(Some(next)) => current = next,
            }
        }
        false
    }

    fn configuration_value(&self, configuration: &LocalConfiguration) -> Value {
        let mut pairs = vec![("file", Value::from(self.snapshot.sources.get(configuration.source).name.clone()))];
        if let Some(node) = &configuration.node {
            pairs.push(("name", node.clone().into()));
        }
        if let Some(document) = &configuration.document {
            pairs.push(("document", value(document)));
        }
        Value::from_pairs(pairs)
    }

    fn member_values(&self) -> BTreeMap<String, Value> {
        let Some(model) = self.model() else { return BTreeMap::new() };
        let optime = (0 < model.last_lsn).then_some(model.last_lsn);
        let members = model.members.iter().map(|member| {
            let mut pairs: Vec<(&str, Value)> = vec![
                ("name", member.name.clone().into()),
                ("is_leader", (self.leader() == Some(member.name.as_str())).into()),
                ("key", self.key_json(&format!("members/{}", member.name)).map_or(Value::from(()), value)),
            ];
            let mut put = |name: &'static str, value: Option<Value>| {
                if let Some(value) = value {
                    pairs.push((name, value));
                }
            };
            let version = self.member_version(&member.name);
            put("version", version.map(|version| version.to_string().into()));
            put("role", Some(member.role.clone().unwrap_or_default().into()));
            put("state", Some(member.state.clone().unwrap_or_default().into()));
            put("replication_state", Some(member.replication_state.clone().unwrap_or_default().into()));
            put("is_running", Some((member.state.as_deref() == Some("running")).into()));
            put("in_sync", Some(model.sync.matches(&member.name).into()));
            put("timeline", member.timeline.map(Value::from));
            put("lsn", member.lsn.map(Value::from));
            put("lag_bytes", optime.zip(member.lsn).map(|(optime, lsn)| (optime - lsn).max(0).into()));
            put("has_api_url", Some(member.api_url.is_some().into()));
            if let Ok(tags) = &member.tags {
                put("nofailover", Some(tags.nofailover().into()));
                put("nosync", Some(tags.nosync(Behaviours::of(version.unwrap_or_else(|| self.version()))).into()));
                put("nostream", Some(tags.nostream.into()));
                put("failover_priority", Some(tags.failover_priority().into()));
                put("replicatefrom", Some(tags.replicatefrom.clone().unwrap_or_default().into()));
            }
            match self.rest(&member.name) {
                Some(RestAnswer::Answered { json, .. }) => {
                    let usable = matches!(
                        MemberStatus::read(json.as_ref(), Behaviours::of(PatroniVersion::newest())),
                        MemberStatus::Reachable { .. }
                    );
                    put("reachable", Some(usable.into()));
                    put("rest", json.as_ref().map(value));
                }
                Some(RestAnswer::Unreachable { reason }) => {
                    put("reachable", Some(false.into()));
                    put("unreachable_because", Some(reason.clone().into()));
                }
                None => {}
            }
            (member.name.clone(), Value::from_pairs(pairs))
        });
        members.collect()
    }
}

impl<'a> Subject<'a> {
    /// The version of PostgreSQL that this is about; `None` when nothing tells.
    pub fn postgres(&self) -> Option<PostgresVersion> {
        let own = self.configuration.and_then(|file| self.scene.node_postgres(file.node.as_deref(), Some(file)));
        own.or_else(|| self.scene.postgres())
    }

    /// Which of the evidence is missing, in words.
    pub fn missing(&self, needs: &[Need]) -> Vec<String> {
        match needs.contains(&Need::Dcs).then(|| self.lacks(Need::Dcs)).flatten() {
            Some(missing) => vec![missing],
            None => needs.iter().filter_map(|need| self.lacks(*need)).collect(),
        }
    }

    fn lacks(&self, need: Need) -> Option<String> {
        let scene = self.scene;
        let scope = scene.cluster.map_or("the cluster", |cluster| cluster.scope.as_str());
        let names = || match self.member {
            Some(name) => vec![name],
            None => scene.member_names(),
        };
        let lacking = |lacks: &dyn Fn(&str) -> bool| -> Option<String> {
            let lacking: Vec<&str> = names().into_iter().filter(|name| lacks(name)).collect();
            (!lacking.is_empty()).then(|| lacking.join(", "))
        };
        let missing = |is_there: bool, what: String| (!is_there).then_some(what);
        match need {
            Need::Dcs => match &scene.loaded {
                None => Some(format!("no DCS snapshot of {scope}")),
                Some(Err(raised)) => Some(format!("Patroni cannot load the keys of {scope} ({raised})")),
                Some(Ok(_)) => None,
            },
            Need::Dynamic => missing(self.dynamic.is_some(), format!("no dynamic configuration of {scope}")),
            Need::Members => missing(!scene.member_names().is_empty(), format!("no member keys of {scope}")),
            Need::Rest => lacking(&|name| scene.rest(name).is_none()).map(|names| format!("no REST answer of {names}")),
            Need::Status => {
                let known = scene.model().is_some_and(|model| 0 < model.last_lsn);
                missing(known, format!("no WAL position in /status of {scope}"))
            }
            Need::Initialize => {
                let known = scene.key_text("initialize").is_some_and(|text| !text.is_empty());
                missing(known, format!("no key /initialize of {scope}"))
            }
            Need::Patroni => {
                let unknown = "the Patroni version is not known".to_owned();
                match self.member {
                    Some(name) => {
                        missing(scene.member_version(name).is_some(), format!("no Patroni version of {name}"))
                    }
                    None => missing(scene.patroni.is_some(), unknown),
                }
            }
            Need::Postgres => {
                lacking(&|name| scene.rest_json(name).is_none_or(|rest| rest.get("server_version").is_none()))
                    .map(|names| format!("no PostgreSQL version of {names}"))
            }
            Need::Configurations => {
                missing(!scene.configurations.is_empty(), format!("no configuration file of {scope}"))
            }
        }
    }
}

/// `bootstrap.dcs` of a configuration file.
pub fn bootstrap(configuration: &LocalConfiguration) -> Option<Dynamic<'_>> {
    let node = configuration.document.as_ref()?.at(&["bootstrap", "dcs"])?;
    Some(Dynamic { node, origin: "bootstrap.dcs" })
}

/// `namespace` without slashes at the ends.
fn namespace(configuration: &LocalConfiguration) -> String {
    let namespace = configuration.document.as_ref().and_then(|document| document.get("namespace"));
    namespace.and_then(Node::as_str).map_or("service", |text| text.trim_matches('/')).to_owned()
}

/// The dynamic configuration as Patroni uses it, timings adjusted.
fn effective_value(global: &GlobalConfig) -> Value {
    Value::from_pairs([
        ("paused", Value::from(global.paused)),
        ("synchronous_mode", global.synchronous_mode.into()),
        ("quorum_commit_mode", global.quorum_commit_mode.into()),
        ("synchronous_mode_strict", global.synchronous_mode_strict.into()),
        ("synchronous_node_count", global.synchronous_node_count.into()),
        ("maximum_lag_on_failover", global.maximum_lag_on_failover.into()),
        ("maximum_lag_on_syncnode", global.maximum_lag_on_syncnode.into()),
        ("check_timeline", global.check_timeline.into()),
        ("failsafe_mode", global.failsafe_mode.into()),
        ("standby_cluster", global.standby_cluster.into()),
        ("ttl", global.ttl_seconds.into()),
        ("loop_wait", global.loop_wait_seconds.into()),
        ("retry_timeout", global.retry_timeout_seconds.into()),
    ])
}

/// The timings that a dynamic configuration asks for, before Patroni adjusts them; one that `int()` refuses is left out.
///
/// Source: patroni/config.py, `Config._validate_and_adjust_timeouts`, 4.1.5.
fn requested(dynamic: Option<&Mapping>) -> Value {
    let defaults = [("ttl", DEFAULT_TTL), ("loop_wait", DEFAULT_LOOP_WAIT), ("retry_timeout", DEFAULT_RETRY_TIMEOUT)];
    let timings = defaults.into_iter().filter_map(|(name, default)| {
        let seconds = match dynamic.and_then(|dynamic| dynamic.get(name)) {
            Some(node) => python::int(&node.value)?,
            None => default,
        };
        Some((name, Value::from(seconds)))
    });
    Value::from_pairs(timings)
}

/// A REST answer as expressions see it, also of a member without a key.
fn answer_value(name: &str, answer: &RestAnswer) -> Value {
    let json = match answer {
        RestAnswer::Answered { json, .. } => json.as_ref(),
        RestAnswer::Unreachable { .. } => None,
    };
    Value::from_pairs([
        ("name", Value::from(name)),
        ("answers", matches!(answer, RestAnswer::Answered { .. }).into()),
        ("server_version", json.and_then(|json| json.get("server_version")).map_or(Value::from(0), value)),
    ])
}

/// A value for expressions; secrets become asterisks.
pub fn value(node: &Node) -> Value {
    match &node.value {
        tree::Value::Null => Value::from(()),
        tree::Value::Bool(truth) => Value::from(*truth),
        tree::Value::Int(number) => Value::from(*number),
        tree::Value::Float(number) => Value::from(*number),
        tree::Value::String(text) | tree::Value::Timestamp(text) => Value::from(text.as_str()),
        tree::Value::Binary(bytes) => Value::from(format!("{} bytes", bytes.len())),
        tree::Value::Sequence(items) => items.iter().map(value).collect(),
        tree::Value::Mapping(mapping) => {
            Value::from_pairs(mapping.effective().map(|entry| (value(&entry.key), value(&entry.value))))
        }
        tree::Value::Secret(_) => Value::from("***"),
    }
}

/// A server of the DCS as expressions see it.
fn server_value(server: &DcsServer) -> Value {
    Value::from_pairs([
        ("endpoint", Value::from(server.endpoint.as_str())),
        ("version", Value::from(server.version.clone())),
        ("is_leader", Value::from(server.is_leader)),
        ("database_bytes", Value::from(server.database_bytes)),
        ("database_bytes_in_use", Value::from(server.database_bytes_in_use)),
        ("alarms", server.alarms.iter().map(String::as_str).collect()),
        ("latency_ms", Value::from(server.latency_ms)),
        ("clock_ahead_seconds", Value::from(server.clock_ahead_seconds)),
        ("error", Value::from(server.error.clone())),
    ])
}
