//! A second input over a first one: what the second does not hold is as in the first.

use crate::input::source_map::SourceId;
use crate::model::snapshot::{
    ClusterSnapshot, Dcs, DcsKey, LocalConfiguration, MadeOf, RawValue, RestAnswer, Snapshot, View,
};
use crate::parse::document::ViewKind;
use crate::parse::tree::Node;

/// What comes of laying one input over another.
#[derive(Clone, Debug)]
pub struct Overlaid {
    /// Both together.
    pub snapshot: Snapshot,
    /// For each configuration of `snapshot`: which one of the first input it takes the place of, or is.
    pub replaces: Vec<Option<usize>>,
    /// For each configuration of `snapshot`: whether the second input holds it.
    pub is_newer: Vec<bool>,
    /// Whether the second input holds a dynamic configuration.
    pub has_dynamic: bool,
    /// Whether the second input holds the state of the cluster: member keys.
    pub has_state: bool,
}

/// Why one input cannot be laid over another; whoever chose them is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum OverlayError {
    /// A dynamic configuration that may belong to any of several clusters.
    #[error("the second input does not tell which of the clusters {} it is about", .0.join(", "))]
    #[diagnostic(help("choose with --scope"))]
    WhichCluster(Vec<String>),
}

impl Snapshot {
    /// Lays `newer` over this input. Member keys replace all that is known of the cluster; a key `/config` alone, or the
    /// dynamic configuration in another form, replaces that; a configuration file replaces that of the same node, or the
    /// only one if there is one on each side.
    ///
    /// # Errors
    ///
    /// The newer input holds a dynamic configuration, and this one several clusters.
    pub fn overlaid(&self, newer: &Self) -> Result<Overlaid, OverlayError> {
        let mut overlaid = Overlaid {
            replaces: (0..self.configurations.len()).map(Some).collect(),
            is_newer: vec![false; self.configurations.len()],
            snapshot: self.clone(),
            has_dynamic: false,
            has_state: false,
        };
        overlaid.snapshot.skipped.extend(newer.skipped.iter().cloned());
        overlaid.snapshot.problems.extend(newer.problems.iter().cloned());
        let by = overlaid.snapshot.sources.append(&newer.sources);
        for cluster in &newer.clusters {
            overlaid.take_cluster(cluster, by)?;
        }
        for configuration in &newer.configurations {
            overlaid.take_configuration(self, configuration, newer, by);
        }
        Ok(overlaid)
    }

    /// Replaces the dynamic configuration of a cluster by this text, as the DCS would hold it.
    pub fn replace_dynamic(&mut self, cluster: usize, text: &str) {
        match &self.clusters[cluster].dcs {
            Some(_) => self.replace_key(cluster, "config", Some(text)),
            None => {
                let (source, json) = self.read_json("the new dynamic configuration".to_owned(), text);
                let view = json.map(|tree| View { source, tree });
                self.clusters[cluster].views.extend(view.map(|view| (ViewKind::Config, view)));
            }
        }
    }

    /// Replaces the value of a key in the DCS of a cluster, if it has one; `None` removes the key.
    pub fn replace_key(&mut self, cluster: usize, name: &str, text: Option<&str>) {
        let ClusterSnapshot { namespace, scope, .. } = &self.clusters[cluster];
        let path = format!("dcs:/{namespace}/{scope}/{name}");
        let value = text.map(|text| {
            let (source, json) = self.read_json(path, text);
            key(source, text.to_owned(), json)
        });
        let Some(dcs) = &mut self.clusters[cluster].dcs else { return };
        match value {
            Some(value) => drop(dcs.keys.insert(name.to_owned(), value)),
            None => drop(dcs.keys.remove(name)),
        }
    }
}

fn key(source: SourceId, value: String, json: Option<Node>) -> DcsKey {
    DcsKey { source, value: RawValue(value), json, revision: None, lease: None, ttl_seconds: None }
}

/// Whether the state of the cluster is told, not the configuration alone.
fn tells_state(dcs: &Dcs) -> bool {
    dcs.keys.keys().any(|key| key.starts_with("members/"))
}

impl Overlaid {
    /// Replaces a configuration of the first input, whichever node the new one says that it is of.
    pub fn replace_configuration(&mut self, index: usize, configuration: LocalConfiguration) {
        let known = &self.snapshot.configurations[index];
        // A file that is broken does not tell its node.
        let node = configuration.node.clone().or_else(|| known.node.clone());
        self.snapshot.configurations[index] = LocalConfiguration { node, ..configuration };
        self.is_newer[index] = true;
    }

    fn take_cluster(&mut self, newer: &ClusterSnapshot, by: u32) -> Result<(), OverlayError> {
        let index = self.cluster_of(newer)?;
        let (sources, cluster) = (&self.snapshot.sources, &mut self.snapshot.clusters[index]);
        let is_state = newer.dcs.as_ref().is_some_and(tells_state);
        if is_state {
            cluster.dcs.clone_from(&newer.dcs);
            cluster.dcs.iter_mut().for_each(|dcs| dcs.keys.clear());
            cluster.rest.clear();
            cluster.taken_at = newer.taken_at;
        }
        for (name, value) in newer.dcs.iter().flat_map(|dcs| &dcs.keys) {
            let mut value = DcsKey { source: value.source.renumbered(by), ..value.clone() };
            value.json.iter_mut().for_each(|json| json.renumber(by));
            cluster.dcs.get_or_insert_with(|| empty(newer)).keys.insert(name.clone(), value);
        }
        if newer.dcs.is_none()
            && let Some(view) = newer.views.get(&ViewKind::Config)
        {
            let source = view.source.renumbered(by);
            let mut tree = view.tree.clone();
            tree.renumber(by);
            match &mut cluster.dcs {
                Some(dcs) => {
                    let text = sources.get(source).text.to_string();
                    dcs.keys.insert("config".to_owned(), key(source, text, Some(tree)));
                }
                None => {
                    cluster.views.insert(ViewKind::Config, View { source, tree });
                }
            }
        }
        for (member, answer) in &newer.rest {
            let answer = match answer {
                RestAnswer::Answered { source, json } => {
                    let mut json = json.clone();
                    json.iter_mut().for_each(|json| json.renumber(by));
                    RestAnswer::Answered { source: source.renumbered(by), json }
                }
                RestAnswer::Unreachable { reason } => RestAnswer::Unreachable { reason: reason.clone() },
            };
            cluster.rest.insert(member.clone(), answer);
        }
        if newer.patronictl_version.is_some() {
            cluster.patronictl_version.clone_from(&newer.patronictl_version);
        }
        self.has_state |= is_state;
        self.has_dynamic |= newer.views.contains_key(&ViewKind::Config)
            || newer.dcs.as_ref().is_some_and(|dcs| dcs.keys.contains_key("config"));
        Ok(())
    }

    /// The cluster that a newer one is, added if it is new.
    fn cluster_of(&mut self, newer: &ClusterSnapshot) -> Result<usize, OverlayError> {
        let known = &self.snapshot.clusters;
        let is_same = |cluster: &ClusterSnapshot| {
            cluster.namespace == newer.namespace && cluster.scope == newer.scope && cluster.group == newer.group
        };
        if let Some(index) = known.iter().position(is_same) {
            return Ok(index);
        }
        // The dynamic configuration by itself does not tell its cluster.
        match (newer.scope.is_empty(), known.as_slice()) {
            (_, [only]) if newer.scope.is_empty() || only.scope.is_empty() => return Ok(0),
            (true, [_, _, ..]) => {
                return Err(OverlayError::WhichCluster(known.iter().map(|cluster| cluster.scope.clone()).collect()));
            }
            _ => {}
        }
        let ClusterSnapshot { namespace, scope, group, .. } = newer.clone();
        self.snapshot.clusters.push(ClusterSnapshot { namespace, scope, group, ..ClusterSnapshot::default() });
        Ok(self.snapshot.clusters.len() - 1)
    }

    fn take_configuration(&mut self, older: &Snapshot, newer: &LocalConfiguration, from: &Snapshot, by: u32) {
        let mut configuration = newer.clone();
        configuration.renumber(by);
        let file = |snapshot: &Snapshot, known: &LocalConfiguration| snapshot.sources.get(known.source).name.clone();
        let name = file(from, newer);
        let is_alike = |known: &LocalConfiguration| base_name(&file(older, known)) == base_name(&name);
        let is_same_node = |known: &LocalConfiguration| match (&known.node, &newer.node) {
            (Some(one), Some(other)) => one == other && (known.scope == newer.scope || newer.scope.is_none()),
            // A file that does not tell its node may be named after it, or lie in a folder that is.
            (Some(one), None) => name.split('/').rev().take(2).any(|part| part.split('.').next() == Some(one)),
            (None, _) => is_alike(known),
        };
        let is_unnamed = |known: &LocalConfiguration| (known.node.is_none() || newer.node.is_none()) && is_alike(known);
        let find = |is_meant: &dyn Fn(&LocalConfiguration) -> bool| {
            let mut known = older.configurations.iter().enumerate();
            known.position(|(index, known)| !self.is_newer[index] && is_meant(known))
        };
        let found = find(&|known| is_same_node(known) && is_alike(known))
            .or_else(|| find(&is_same_node))
            .or_else(|| find(&is_unnamed));
        let only = || (older.configurations.len() == 1 && from.configurations.len() == 1).then_some(0);
        match found.or_else(only) {
            Some(index) => {
                // A directory may have lost all parts but this one.
                let parts = older.configurations[index].files().unwrap_or_default();
                let is_left =
                    matches!(older.configurations[index].made_of, MadeOf::Files(_)) && parts.iter().any(is_alike);
                self.replace_configuration(index, if is_left { configuration.into_directory() } else { configuration });
            }
            None => {
                self.snapshot.configurations.push(configuration);
                self.replaces.push(None);
                self.is_newer.push(true);
            }
        }
    }
}

/// The part of a path behind the last slash.
fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The part of the DCS that a newer input shows, without its keys.
fn empty(newer: &ClusterSnapshot) -> Dcs {
    let mut dcs = newer.dcs.clone().expect("its keys are being taken");
    dcs.keys.clear();
    dcs
}
