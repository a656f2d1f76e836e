//! Which files, which dynamic configuration and which release make the configuration of one node.

use crate::model::behaviour::Behaviours;
use crate::model::cluster::Raised;
use crate::model::config::effective::{Effective, Environment, Given, effective};
use crate::model::postgresql::version::PostgresVersion;
use crate::model::snapshot::{ClusterSnapshot, LocalConfiguration, RestAnswer, Snapshot};
use crate::model::version::PatroniVersion;
use crate::parse::document::ViewKind;
use crate::parse::python;
use crate::parse::tree::Node;
use crate::parse::yaml::YamlError;

/// What one node's configuration is made of.
#[derive(Clone, Debug)]
pub struct NodeConfiguration<'a> {
    /// `name`, if it is known.
    pub name: Option<String>,
    /// The configuration files in the order in which Patroni reads them; `None` without any.
    pub files: Option<Vec<&'a LocalConfiguration>>,
    /// The environment of the daemon, if it is known.
    pub environment: Option<&'a Environment>,
    /// The value of `/config`, if it is known.
    pub dynamic: Option<&'a Node>,
    /// The release.
    pub version: PatroniVersion,
    /// Whether the release is told, by the input or the user; otherwise it is the newest one.
    pub is_version_told: bool,
    /// The node's PostgreSQL, as its REST API or its paths tell.
    pub postgres: Option<PostgresVersion>,
}

/// The nodes whose configurations the input holds.
pub fn nodes(snapshot: &Snapshot, version: Option<PatroniVersion>) -> Vec<NodeConfiguration<'_>> {
    let configurations = snapshot.configurations.iter();
    configurations.map(|configuration| NodeConfiguration::new(snapshot, configuration, version)).collect()
}

impl<'a> NodeConfiguration<'a> {
    /// A node with this configuration; what else is known of it is looked up in the snapshot.
    pub fn new(snapshot: &'a Snapshot, configuration: &'a LocalConfiguration, version: Option<PatroniVersion>) -> Self {
        let name = configuration.node.clone();
        let cluster = cluster(snapshot, configuration);
        let by_path = || {
            let section = configuration.document.as_ref()?.get("postgresql")?;
            let mut paths = ["bin_dir", "data_dir"].into_iter().map(|name| section.get(name));
            paths.find_map(|path| PostgresVersion::of_path(path?.as_str()?))
        };
        let postgres = cluster.and_then(|cluster| told_postgres(cluster, name.as_deref())).or_else(by_path);
        let told = version.or_else(|| cluster.and_then(|cluster| told_version(cluster, name.as_deref())));
        Self {
            files: configuration.files().map(|files| files.iter().collect()),
            environment: configuration.environment.as_ref(),
            dynamic: cluster.and_then(dynamic),
            version: told.unwrap_or_else(PatroniVersion::newest),
            is_version_told: told.is_some(),
            postgres,
            name,
        }
    }

    /// A member of a cluster, of whose own configuration nothing is known.
    pub fn of_member(cluster: &'a ClusterSnapshot, name: &str, version: Option<PatroniVersion>) -> Self {
        let told = version.or_else(|| told_version(cluster, Some(name)));
        Self {
            name: Some(name.to_owned()),
            files: None,
            environment: None,
            dynamic: dynamic(cluster),
            version: told.unwrap_or_else(PatroniVersion::newest),
            is_version_told: told.is_some(),
            postgres: told_postgres(cluster, Some(name)),
        }
    }

    /// Why PyYAML refuses a file, if it does.
    pub fn refused(&self) -> Option<(&'a LocalConfiguration, &'a YamlError)> {
        let files = self.files.as_deref().unwrap_or_default();
        files.iter().find_map(|file| Some((*file, file.error.as_ref()?)))
    }

    /// The configuration that the node's daemon uses.
    ///
    /// # Errors
    ///
    /// Patroni raises an exception, and does not start.
    pub fn effective(&self) -> Result<Effective, Raised> {
        if let Some((_, error)) = self.refused() {
            return Err(Raised::new("YAMLError", error.message.clone()));
        }
        let documents: Option<Vec<&Node>> =
            self.files.as_ref().map(|files| files.iter().filter_map(|file| file.document.as_ref()).collect());
        let (version, behaviours) = (self.version, Behaviours::of(self.version));
        let (files, environment) = (documents.as_deref(), self.environment);
        effective(&Given { files, environment, dynamic: self.dynamic, version, behaviours })
    }
}

/// The cluster that the configuration speaks of; the only one, if it speaks of none.
fn cluster<'a>(snapshot: &'a Snapshot, configuration: &LocalConfiguration) -> Option<&'a ClusterSnapshot> {
    let scope = configuration.scope.as_deref();
    let namespace = configuration.document.as_ref().and_then(|document| document.get("namespace")?.as_str());
    let namespace = namespace.map_or("service", |namespace| namespace.trim_matches('/'));
    let fits = |cluster: &&ClusterSnapshot| match scope {
        Some(scope) => {
            // The answer of `GET /config` does not tell its cluster.
            cluster.scope.is_empty() || cluster.scope == scope && cluster.namespace == namespace
        }
        None => true,
    };
    let mut fitting = snapshot.clusters.iter().filter(fits).filter(|cluster| dynamic(cluster).is_some());
    let first = fitting.next().or_else(|| snapshot.clusters.iter().find(fits))?;
    (scope.is_some() || fitting.next().is_none()).then_some(first)
}

/// The value of `/config`, as the DCS or a member tells it.
fn dynamic(cluster: &ClusterSnapshot) -> Option<&Node> {
    match &cluster.dcs {
        Some(dcs) => dcs.keys.get("config")?.json.as_ref(),
        None => cluster.views.get(&ViewKind::Config).map(|view| &view.tree),
    }
}

/// The PostgreSQL that a member's REST API tells; of another node that of any member.
fn told_postgres(cluster: &ClusterSnapshot, name: Option<&str>) -> Option<PostgresVersion> {
    let told = |answer: &RestAnswer| match answer {
        RestAnswer::Answered { json, .. } => {
            PostgresVersion::of_number(python::int(&json.as_ref()?.get("server_version")?.value)?)
        }
        RestAnswer::Unreachable { .. } => None,
    };
    let own = name.and_then(|name| cluster.rest.get(name)).and_then(told);
    own.or_else(|| cluster.rest.values().find_map(told))
}

/// The release that a member tells; of an unknown member the one that all others tell.
fn told_version(cluster: &ClusterSnapshot, name: Option<&str>) -> Option<PatroniVersion> {
    let keys = cluster.dcs.iter().flat_map(|dcs| &dcs.keys);
    let of_keys = keys.filter_map(|(key, value)| {
        let member = key.strip_prefix("members/")?;
        Some((member, value.json.as_ref()?.get("version")?.as_str()?.parse().ok()?))
    });
    let of_answers = cluster.rest.iter().filter_map(|(member, answer)| match answer {
        RestAnswer::Answered { json, .. } => {
            Some((member.as_str(), json.as_ref()?.at(&["patroni", "version"])?.as_str()?.parse().ok()?))
        }
        RestAnswer::Unreachable { .. } => None,
    });
    let told: Vec<(&str, PatroniVersion)> = of_keys.chain(of_answers).collect();
    let own = told.iter().find(|(member, _)| Some(*member) == name).map(|(_, version)| *version);
    let all_the_same = || {
        let (_, first) = told.first()?;
        told.iter().all(|(_, version)| version == first).then_some(*first)
    };
    own.or_else(all_the_same)
}
