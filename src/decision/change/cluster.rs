//! What changes in a cluster, node by node and for all of them together.

use crate::decision::change::transition::Transition;
use crate::decision::change::{Change, Configured, changes, leave_to_restart};
use crate::decision::prediction::facts::Facts;
use crate::input::source_map::SourceId;
use crate::model::behaviour::Behaviours;
use crate::model::cluster::Raised;
use crate::model::config::effective::{DynamicUse, Effective, NodeConfiguration, Section, dynamic_alone};
use crate::model::postgresql::version::PostgresVersion;
use crate::model::snapshot::{ClusterSnapshot, LocalConfiguration, Overlaid, Snapshot, Start};
use crate::model::version::PatroniVersion;
use crate::parse::tree::{Node, Span, Style, Value};

/// Everything that changes.
#[derive(Clone, Debug)]
pub struct ClusterChanges {
    /// `scope`, if the input tells one.
    pub scope: Option<String>,
    /// The leader, if the input tells one.
    pub leader: Option<String>,
    /// Every node that either input knows.
    pub nodes: Vec<NodeChanges>,
    /// Margins and synchronous replication on the way, or why they cannot be told.
    pub transition: Result<Transition, String>,
    /// The cluster of the input whose state is known, if it is one.
    state: Option<usize>,
}

/// What changes on a node.
#[derive(Clone, Debug)]
pub struct NodeChanges {
    /// Its name; of a file without one the file's.
    pub name: String,
    /// What of it could be compared.
    pub standing: Standing,
    /// Its release.
    pub version: PatroniVersion,
    /// Whether the input or the user tells the release.
    pub is_version_told: bool,
    /// Its PostgreSQL, if the input or the user tells.
    pub postgres: Option<PostgresVersion>,
    /// What changes.
    pub changes: Vec<Change>,
    /// Texts with a secret in them that read the same without it: whether that changes is not known.
    pub masked: Vec<String>,
    /// What Patroni is started with, before and after.
    pub starts: [Start; 2],
    tags: Option<Value>,
}

/// What of a node could be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its whole configuration.
    Whole {
        /// Whether the second input holds the node's own configuration.
        is_newer: bool,
    },
    /// What the dynamic configuration decides: its own configuration is in no input.
    DynamicAlone,
    /// Nothing: the first input lacks it.
    New,
    /// Nothing: Patroni does not start with the configuration in the first input, for this reason.
    RefusedBefore(Raised),
    /// Patroni does not take the new configuration: a reload keeps the old one, and a start fails.
    Refused(Raised),
    /// Patroni does not take the new dynamic configuration: it keeps the old one, and after a restart uses defaults.
    Rejected(Raised),
}

/// Compares an input with what another one makes of it.
pub fn cluster_changes(
    before: &Snapshot,
    after: &Overlaid,
    version: Option<PatroniVersion>,
    postgres: Option<PostgresVersion>,
) -> ClusterChanges {
    let mut nodes = Vec::new();
    for (index, configuration) in after.snapshot.configurations.iter().enumerate() {
        let new = NodeConfiguration::new(&after.snapshot, configuration, version);
        let file = &after.snapshot.sources.get(configuration.source).name;
        let name = new.name.clone().unwrap_or_else(|| file.clone());
        let known = after.replaces[index].map(|index| &before.configurations[index]);
        let old = known.map(|known| NodeConfiguration::new(before, known, version));
        let start = known.map_or(configuration.start(), LocalConfiguration::start);
        let starts = [start, configuration.start()];
        nodes.push(node_changes(name, old.as_ref(), &new, after.is_newer[index], starts, postgres));
    }
    let known: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
    for (index, cluster) in after.snapshot.clusters.iter().enumerate() {
        let Some(old) = before.clusters.get(index) else { continue };
        let others = members(cluster).into_iter().filter(|name| !known.contains(name));
        for name in others {
            nodes.push(member_changes(old, cluster, &name, version, postgres));
        }
    }
    if nodes.is_empty()
        && let ([old], [new]) = (before.clusters.as_slice(), after.snapshot.clusters.as_slice())
    {
        nodes.push(member_changes(old, new, EVERY_NODE, version, postgres));
    }
    let of_state: Vec<(usize, &ClusterSnapshot)> =
        before.clusters.iter().enumerate().filter(|(_, cluster)| !members(cluster).is_empty()).collect();
    let (state, (leader, transition)) = match of_state.as_slice() {
        [] => (None, (None, Err("the input holds no DCS dump with the members of the cluster".to_owned()))),
        [(index, cluster)] => (Some(*index), transition(cluster, &after.snapshot.clusters[*index], &nodes, version)),
        _ => (None, (None, Err("the input holds several clusters: choose with --scope".to_owned()))),
    };
    let of_files = || after.snapshot.configurations.iter().find_map(|file| file.scope.clone());
    let of_clusters = before.clusters.iter().map(|cluster| cluster.scope.clone()).find(|scope| !scope.is_empty());
    ClusterChanges { scope: of_clusters.or_else(of_files), leader, nodes, transition, state }
}

impl ClusterChanges {
    /// Puts `/sync` into the state that the leader brings about, unless the second input tells a state of its own: what is
    /// judged then is the cluster with the change, not the moment of the change.
    pub fn settle(&self, after: &mut Overlaid) {
        let (Some(cluster), Ok(transition), false) = (self.state, &self.transition, after.has_state) else { return };
        let keys = after.snapshot.clusters[cluster].dcs.as_ref().map(|dcs| &dcs.keys);
        let present = keys.and_then(|keys| keys.get("sync")).map(|key| key.value.0.clone());
        if transition.is_any() && transition.stuck.is_none() && present != transition.sync {
            after.snapshot.replace_key(cluster, "sync", transition.sync.as_deref());
        }
    }
}

/// What stands for the nodes where none is known by name.
pub const EVERY_NODE: &str = "every node";

fn members(cluster: &ClusterSnapshot) -> Vec<String> {
    let keys = cluster.dcs.iter().flat_map(|dcs| dcs.keys.keys());
    let names = keys.filter_map(|key| key.strip_prefix("members/"));
    names.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect()
}

fn node_changes(
    name: String,
    old: Option<&NodeConfiguration<'_>>,
    new: &NodeConfiguration<'_>,
    is_newer: bool,
    starts: [Start; 2],
    postgres: Option<PostgresVersion>,
) -> NodeChanges {
    let mut node = NodeChanges {
        name,
        standing: Standing::Whole { is_newer },
        version: new.version,
        is_version_told: new.is_version_told,
        postgres: postgres.or(new.postgres),
        changes: Vec::new(),
        masked: Vec::new(),
        starts,
        tags: None,
    };
    let Some(old) = old else {
        node.standing = Standing::New;
        return node;
    };
    match (old.effective(), new.effective()) {
        (Err(raised), _) => node.standing = Standing::RefusedBefore(raised),
        (_, Err(raised)) => node.standing = Standing::Refused(raised),
        (Ok(effective), Ok(wanted)) => {
            node.compare(&effective, &wanted);
            let reloaded = reloaded(old, new, starts).effective().unwrap_or(effective);
            leave_to_restart(&mut node.changes, &reloaded);
        }
    }
    node
}

/// The configuration of a node whose Patroni is told to reload: it reads its files again, if it was started with any, and lays
/// the environment over them that it read when it was started.
///
/// Source: patroni/config.py, `Config.reload_local_configuration` and `_load_config_file`, 2.0.0 to 4.1.5.
fn reloaded<'a>(old: &NodeConfiguration<'a>, new: &NodeConfiguration<'a>, starts: [Start; 2]) -> NodeConfiguration<'a> {
    let [before, after] = starts;
    let files = if before == after && before != Start::Environment { &new.files } else { &old.files };
    NodeConfiguration { files: files.clone(), environment: old.environment, ..new.clone() }
}

fn member_changes(
    old: &ClusterSnapshot,
    new: &ClusterSnapshot,
    name: &str,
    version: Option<PatroniVersion>,
    postgres: Option<PostgresVersion>,
) -> NodeChanges {
    let (old, new) =
        (NodeConfiguration::of_member(old, name, version), NodeConfiguration::of_member(new, name, version));
    let mut node = NodeChanges {
        name: name.to_owned(),
        standing: Standing::DynamicAlone,
        version: new.version,
        is_version_told: new.is_version_told,
        postgres: postgres.or(new.postgres).or(old.postgres),
        changes: Vec::new(),
        masked: Vec::new(),
        starts: [Start::File; 2],
        tags: None,
    };
    let effective =
        |side: &NodeConfiguration<'_>| dynamic_alone(side.dynamic, node.version, Behaviours::of(node.version));
    let (old, new) = (effective(&old), effective(&new));
    node.compare(&old, &new);
    node
}

impl NodeChanges {
    fn compare(&mut self, old: &Effective, new: &Effective) {
        let configured = |effective| Configured { effective, version: self.version, postgres: self.postgres };
        match (&old.dynamic, &new.dynamic) {
            (DynamicUse::Rejected(_), _) => {}
            (_, DynamicUse::Rejected(raised)) => {
                self.standing = Standing::Rejected(raised.clone());
                return;
            }
            _ => {}
        }
        let found = changes(&configured(old), &configured(new));
        if found.iter().any(|change| change.path.first().is_some_and(|first| first == "tags")) {
            let empty = || Section::default().value();
            self.tags = Some(new.settings.get("tags").map_or_else(empty, |tags| tags.value()));
        }
        self.masked = masked(old, new);
        self.changes = found;
    }

    /// Whether anything of it was compared.
    pub fn is_compared(&self) -> bool {
        !matches!(self.standing, Standing::New | Standing::RefusedBefore(_))
    }
}

/// The settings whose texts have a masked part, and read the same on both sides.
fn masked(old: &Effective, new: &Effective) -> Vec<String> {
    fn holds_mask(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains("***"),
            Value::Sequence(items) => items.iter().any(|item| holds_mask(&item.value)),
            _ => false,
        }
    }
    let old = old.settings.leaves();
    let is_same =
        |path: &[String], value: &Value| old.iter().any(|(known, setting)| known == path && setting.value() == *value);
    let leaves = new.settings.leaves().into_iter().map(|(path, setting)| (path, setting.value()));
    leaves.filter(|(path, value)| holds_mask(value) && is_same(path, value)).map(|(path, _)| path.join(".")).collect()
}

/// Follows the leader from the present state to what the new configuration makes of it.
fn transition(
    before: &ClusterSnapshot,
    after: &ClusterSnapshot,
    nodes: &[NodeChanges],
    version: Option<PatroniVersion>,
) -> (Option<String>, Result<Transition, String>) {
    let now = Facts::collect(before, version, None);
    let leader = now.leader().map(str::to_owned);
    let mut changed = now.clone();
    let is_rejected = |node: &NodeChanges| matches!(node.standing, Standing::Rejected(_));
    let leader_rejects = nodes.iter().any(|node| Some(&node.name) == leader.as_ref() && is_rejected(node));
    if !leader_rejects {
        changed.suppose_config(after.dcs.as_ref().and_then(|dcs| dcs.keys.get("config")));
    }
    for node in nodes {
        if let Some(tags) = &node.tags {
            let span = Span::new(SourceId(u32::MAX), 0, 0);
            changed.suppose_tags(&node.name, &Node { value: tags.clone(), span, style: Style::Plain });
        }
    }
    let transition = Transition::of(&now, &changed)
        .map_err(|raised| format!("Patroni itself cannot load the keys in the DCS: {raised}"));
    (leader, transition)
}
