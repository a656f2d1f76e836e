//! The facts that a prediction starts from, with their origin, and the questions that the input leaves open.

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::view::Answers;
use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::{Cluster, LocalState, Member, MemberStatus, Raised, ReportedTimeline, Tags};
use crate::model::config::global::GlobalConfig;
use crate::model::snapshot::{ClusterSnapshot, DcsKey, RestAnswer};
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::{Entry, Node, Style, Value};

/// Where a fact comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The member's REST API.
    Rest,
    /// The member's key in the DCS.
    MemberKey,
    /// The command line.
    CommandLine,
    /// Another input: `patronictl version`, the capture's own description.
    Input,
    /// Nothing in the input tells it.
    Assumed,
}

/// Everything about one cluster that decisions need.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `scope`
    pub scope: String,
    /// `namespace`, without slashes at the ends.
    pub namespace: String,
    /// The keys of the DCS.
    pub keys: BTreeMap<String, DcsKey>,
    /// The nodes by name: every member key, every REST answer, and the leader.
    pub nodes: BTreeMap<String, NodeFacts>,
    /// When the snapshot was taken, in seconds since 1970; if unknown, 0.
    pub now: f64,
    /// The release of patronictl.
    pub patronictl: (PatroniVersion, Origin),
    /// A behaviour that is supposed to be the other way round in every release, to find out whether it decides.
    pub flipped: Option<Behaviour>,
}

/// What is known about one node.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// Its Patroni release.
    pub version: (PatroniVersion, Origin),
    /// What its REST API answers, as the newest release reads it.
    pub status: MemberStatus,
    /// The body of that answer, which older releases read in other ways; `None` when it is supposed.
    pub answer: Option<Node>,
    /// Where that comes from.
    pub status_origin: Origin,
    /// What its own process knows; its tags are those that its release makes of the published ones.
    pub local: LocalState,
    /// The tags that it publishes.
    published: Tags,
    /// Whether it receives WAL from its upstream by streaming; `None` when nothing tells.
    pub streaming: Option<bool>,
}

impl NodeFacts {
    /// Supposes another answer of its REST API.
    pub fn suppose(&mut self, status: MemberStatus) {
        self.status = status;
        self.answer = None;
    }

    /// Supposes that its REST API does not answer.
    pub fn suppose_silent(&mut self, reason: &str) {
        self.suppose(MemberStatus::Unreachable { reason: reason.to_owned() });
    }
}

impl Facts {
    /// Collects the facts of a cluster; `version` replaces every node's and patronictl's release.
    pub fn collect(snapshot: &ClusterSnapshot, version: Option<PatroniVersion>, now: Option<f64>) -> Self {
        let mut facts = Self::as_told(snapshot, version, now);
        facts.derive_own_tags();
        facts
    }

    fn as_told(snapshot: &ClusterSnapshot, version: Option<PatroniVersion>, now: Option<f64>) -> Self {
        let keys = snapshot.dcs.as_ref().map(|dcs| dcs.keys.clone()).unwrap_or_default();
        let leader = keys.get("leader").map(|key| key.value.0.clone()).filter(|name| !name.is_empty());
        let member_names = keys.keys().filter_map(|key| key.strip_prefix("members/"));
        let names: BTreeSet<&str> = member_names
            .filter(|name| !name.contains('/'))
            .chain(snapshot.rest.keys().map(String::as_str))
            .chain(leader.as_deref())
            .collect();
        let leader_rest = leader.as_deref().and_then(|leader| snapshot.rest.get(leader)).and_then(answer);
        let fallback = fallback_version(snapshot, &keys, leader.as_deref());
        let newest = Behaviours::of(PatroniVersion::newest());
        let nodes: BTreeMap<String, NodeFacts> = names
            .into_iter()
            .map(|name| {
                let member = keys.get(&format!("members/{name}"));
                let member = member.map(|key| Member::load(name, &key.value.0, key.json.as_ref(), newest));
                let mut facts = node(name, member.as_ref(), snapshot.rest.get(name), fallback);
                if facts.streaming.is_none() {
                    facts.streaming = leader_rest.and_then(|leader| streams_from(leader, name));
                }
                if let Some(version) = version {
                    facts.version = (version, Origin::CommandLine);
                }
                (name.to_owned(), facts)
            })
            .collect();
        let patronictl = match (version, &snapshot.patronictl_version) {
            (Some(version), _) => (version, Origin::CommandLine),
            (None, Some(text)) if text.parse::<PatroniVersion>().is_ok() => {
                (text.parse().expect("it has just been parsed"), Origin::Input)
            }
            _ => match leader.as_deref().and_then(|leader| nodes.get(leader)).or_else(|| nodes.values().next()) {
                Some(facts) => (facts.version.0, Origin::Assumed),
                None => (PatroniVersion::newest(), Origin::Assumed),
            },
        };
        let now = now.or(snapshot.taken_at).unwrap_or_else(|| last_seen(snapshot));
        let (scope, namespace) = (snapshot.scope.clone(), snapshot.namespace.clone());
        Self { scope, namespace, keys, nodes, now, patronictl, flipped: None }
    }

    /// What the release `version` does.
    pub fn behaviours(&self, version: PatroniVersion) -> Behaviours {
        let behaviours = Behaviours::of(version);
        self.flipped.map_or(behaviours, |flipped| behaviours.flipped(flipped))
    }

    /// Supposes another dynamic configuration.
    pub fn suppose_config(&mut self, config: Option<&DcsKey>) {
        match config {
            Some(config) => drop(self.keys.insert("config".to_owned(), config.clone())),
            None => drop(self.keys.remove("config")),
        }
    }

    /// Supposes that a node publishes these tags.
    pub fn suppose_tags(&mut self, name: &str, tags: &Node) {
        let newest = Behaviours::of(PatroniVersion::newest());
        let put = |json: Option<&mut Node>| {
            if let Some(Node { value: Value::Mapping(mapping), span, .. }) = json {
                let key = Node { value: Value::String("tags".to_owned()), span: *span, style: Style::Plain };
                mapping.entries.push(Entry { key, value: tags.clone(), merged: false });
            }
        };
        put(self.keys.get_mut(&format!("members/{name}")).and_then(|key| key.json.as_mut()));
        let Some(node) = self.nodes.get_mut(name) else { return };
        put(node.answer.as_mut());
        let read = Tags::read(Some(tags), newest);
        node.published = published(Some(&read));
        if let MemberStatus::Reachable { tags, .. } = &mut node.status {
            *tags = read;
        }
        self.derive_own_tags();
    }

    /// Supposes that `behaviour` is the other way round in every release.
    pub fn flip(&mut self, behaviour: Behaviour) {
        self.flipped = Some(behaviour);
        self.derive_own_tags();
    }

    /// Supposes another release of the nodes that `is_meant` picks by name and facts.
    pub fn suppose_release(&mut self, version: PatroniVersion, is_meant: impl Fn(&str, &NodeFacts) -> bool) {
        for (name, node) in &mut self.nodes {
            if is_meant(name, node) {
                node.version.0 = version;
            }
        }
        self.derive_own_tags();
    }

    fn derive_own_tags(&mut self) {
        let flipped = self.flipped;
        for node in self.nodes.values_mut() {
            let behaviours = Behaviours::of(node.version.0);
            let behaviours = flipped.map_or(behaviours, |flipped| behaviours.flipped(flipped));
            node.local.tags = node.published.clone().of_own_process(behaviours);
        }
    }

    /// The cluster as the release `version` loads it.
    pub fn cluster(&self, version: PatroniVersion) -> Result<Cluster, Raised> {
        Cluster::load(&self.keys, self.behaviours(version))
    }

    /// The dynamic configuration as the release `version` reads it.
    pub fn config(&self, version: PatroniVersion) -> GlobalConfig {
        let config = self.keys.get("config").and_then(|key| key.json.as_ref()).and_then(Node::as_mapping);
        GlobalConfig::read(config, self.behaviours(version))
    }

    /// What the members' REST APIs answer, as the release `version` reads it.
    pub fn answers(&self, version: PatroniVersion) -> Answers {
        let behaviours = self.behaviours(version);
        // The tags are what changed last in how an answer is read.
        let reads_alike = behaviours.has(Behaviour::FailoverPriority) && self.flipped.is_none();
        let mut answers = Answers::default();
        for (name, facts) in &self.nodes {
            let status = match &facts.answer {
                Some(answer) if !reads_alike => MemberStatus::read(Some(answer), behaviours),
                _ => facts.status.clone(),
            };
            answers.set(name, status);
        }
        answers
    }

    /// The leader's release; without a leader, that of patronictl.
    pub fn leader_version(&self) -> PatroniVersion {
        self.leader().and_then(|leader| self.nodes.get(leader)).map_or(self.patronictl.0, |node| node.version.0)
    }

    /// The name in `/leader`.
    pub fn leader(&self) -> Option<&str> {
        self.keys.get("leader").map(|key| key.value.0.as_str()).filter(|name| !name.is_empty())
    }
}

/// The release of nodes that do not tell theirs: the only one that others tell, else the newest.
fn fallback_version(
    snapshot: &ClusterSnapshot,
    keys: &BTreeMap<String, DcsKey>,
    leader: Option<&str>,
) -> PatroniVersion {
    let of_key = |key: &DcsKey| version_in(key.json.as_ref()?.get("version"));
    let of_leader = leader.and_then(|leader| {
        let rest =
            snapshot.rest.get(leader).and_then(answer).and_then(|json| version_in(json.at(&["patroni", "version"])));
        rest.or_else(|| keys.get(&format!("members/{leader}")).and_then(of_key))
    });
    let any_key = || keys.iter().filter(|(name, _)| name.starts_with("members/")).find_map(|(_, key)| of_key(key));
    let any_rest =
        || snapshot.rest.values().filter_map(answer).find_map(|json| version_in(json.at(&["patroni", "version"])));
    of_leader.or_else(any_key).or_else(any_rest).unwrap_or_else(PatroniVersion::newest)
}

fn version_in(node: Option<&Node>) -> Option<PatroniVersion> {
    node?.as_str()?.parse().ok()
}

fn answer(rest: &RestAnswer) -> Option<&Node> {
    match rest {
        RestAnswer::Answered { json, .. } => json.as_ref(),
        RestAnswer::Unreachable { .. } => None,
    }
}

/// The newest `dcs_last_seen` of the REST answers, in seconds since 1970; 0 if there is none.
fn last_seen(snapshot: &ClusterSnapshot) -> f64 {
    let seen =
        snapshot.rest.values().filter_map(answer).filter_map(|json| python::int(&json.get("dcs_last_seen")?.value));
    seen.max().unwrap_or(0) as f64
}

fn node(name: &str, member: Option<&Member>, rest: Option<&RestAnswer>, fallback: PatroniVersion) -> NodeFacts {
    let json = rest.and_then(answer);
    let version = version_in(json.and_then(|json| json.at(&["patroni", "version"])))
        .map(|version| (version, Origin::Rest))
        .or_else(|| member.and_then(|member| member.version).map(|version| (version, Origin::MemberKey)))
        .unwrap_or((fallback, Origin::Assumed));
    let (status, status_origin) = match rest {
        Some(RestAnswer::Answered { json, .. }) => {
            (MemberStatus::read(json.as_ref(), Behaviours::of(PatroniVersion::newest())), Origin::Rest)
        }
        Some(RestAnswer::Unreachable { reason }) => {
            (MemberStatus::Unreachable { reason: reason.clone() }, Origin::Rest)
        }
        None => (status_by_key(name, member), Origin::Assumed),
    };
    let mut local = match json {
        Some(json) => local_by_rest(json, &status),
        None => local_by_key(member),
    };
    // A node that was asked and did not answer is taken for dead until it answers.
    local.running &= !matches!(rest, Some(RestAnswer::Unreachable { .. }));
    let replication_state = json
        .and_then(|json| json.get("replication_state"))
        .and_then(Node::as_str)
        .or_else(|| member.and_then(|member| member.replication_state.as_deref()));
    let streaming = replication_state.map(|state| state == "streaming");
    let published = local.tags.clone();
    NodeFacts { version, status, answer: json.cloned(), status_origin, local, published, streaming }
}

/// What the REST API of a member would answer if its key in the DCS is up to date.
fn status_by_key(name: &str, member: Option<&Member>) -> MemberStatus {
    let unreachable = |reason: String| MemberStatus::Unreachable { reason };
    let Some(member) = member else { return unreachable(format!("there is no key members/{name} in the DCS")) };
    match member.state.as_deref() {
        Some("running") | None => {}
        Some(state) => return unreachable(format!("its PostgreSQL is not running (state '{state}' in the DCS)")),
    }
    let in_recovery = !matches!(member.role.as_deref(), Some("master" | "primary"));
    MemberStatus::Reachable {
        in_recovery,
        wal_position: if in_recovery { member.lsn.unwrap_or(0) } else { 0 },
        timeline: match member.timeline {
            Some(timeline) if timeline != 0 => ReportedTimeline::Known(timeline),
            _ => ReportedTimeline::Unknown("0".to_owned()),
        },
        tags: member.tags.clone(),
        watchdog_failed: false,
    }
}

fn local_by_key(member: Option<&Member>) -> LocalState {
    let state = member.and_then(|member| member.state.as_deref()).unwrap_or("running");
    let role = member.and_then(|member| member.role.as_deref());
    LocalState {
        running: member.is_some() && matches!(state, "running" | "starting" | "restarting"),
        starting: state == "starting",
        primary: matches!(role, Some("master" | "primary")),
        timeline: member.and_then(|member| member.timeline),
        lsn: member.and_then(|member| member.lsn).unwrap_or(0),
        watchdog_healthy: true,
        system_identifier: String::new(),
        tags: published(member.map(|member| &member.tags)),
    }
}

fn local_by_rest(json: &Node, status: &MemberStatus) -> LocalState {
    let state = json.get("state").and_then(Node::as_str).unwrap_or("running");
    let int = |node: Option<&Node>| node.and_then(|node| python::int(&node.value));
    let wal = json.get("wal").filter(|node| python::truthy(&node.value)).or_else(|| json.get("xlog"));
    let written = int(wal.and_then(|wal| wal.get("location")));
    let role = json.get("role").and_then(Node::as_str);
    let (tags, watchdog_failed) = match status {
        MemberStatus::Reachable { tags, watchdog_failed, .. } => (published(Some(tags)), *watchdog_failed),
        MemberStatus::Unreachable { .. } => {
            let tags = Tags::read(json.get("tags"), Behaviours::of(PatroniVersion::newest()));
            (published(Some(&tags)), false)
        }
    };
    LocalState {
        running: matches!(state, "running" | "starting" | "restarting"),
        starting: state == "starting",
        primary: state == "running" && (written.is_some() || matches!(role, Some("master" | "primary"))),
        timeline: int(json.get("timeline")).filter(|timeline| *timeline != 0),
        lsn: written.unwrap_or_else(|| status.wal_position()),
        watchdog_healthy: !watchdog_failed,
        system_identifier: json.get("database_system_identifier").and_then(Node::as_str).unwrap_or_default().to_owned(),
        tags,
    }
}

/// The tags of a node's own configuration, which are those that it publishes; none where they cannot be read.
fn published(tags: Option<&Result<Tags, Raised>>) -> Tags {
    tags.and_then(|tags| tags.as_ref().ok()).cloned().unwrap_or_default()
}

/// Whether the leader's REST answer lists `name` among those that stream from it; `None` without such a list.
fn streams_from(leader: &Node, name: &str) -> Option<bool> {
    let rows = leader.get("replication")?.as_sequence()?;
    let of = |row: &Node, field: &str| row.get(field).and_then(Node::as_str).unwrap_or_default().to_owned();
    Some(
        rows.iter()
            .any(|row| of(row, "application_name").eq_ignore_ascii_case(name) && of(row, "state") == "streaming"),
    )
}
