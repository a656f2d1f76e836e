//! Everything that the inputs hold, put together by cluster; not yet interpreted.

mod assemble;
mod node_files;
mod overlay;

use std::collections::BTreeMap;

use crate::input::source_map::{SourceId, SourceMap};
use crate::model::config::effective::Environment;
use crate::parse::document::{DocumentError, ViewKind};
use crate::parse::tree::Node;

pub use crate::model::snapshot::assemble::SnapshotError;
pub use crate::model::snapshot::overlay::{Overlaid, OverlayError};
pub use crate::parse::dump::{DcsKind, DcsServer};

/// All inputs of a run.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The texts that every span points into.
    pub sources: SourceMap,
    /// The clusters found, by scope; REST answers and configuration belong to the cluster that they name.
    pub clusters: Vec<ClusterSnapshot>,
    /// Local configurations (`patroni.yml`), one for each node, in the order in which they were read.
    pub configurations: Vec<LocalConfiguration>,
    /// Patroni log excerpts and other files that were recognised but hold no facts for this release of patrolint, and
    /// files found in directories that were not recognised: their names, each with the reason.
    pub skipped: Vec<Skipped>,
    /// Files that look like something that ought to be used but are broken, incomplete or without a place: whatever is
    /// told without them may be wrong.
    pub problems: Vec<DocumentError>,
}

/// A file that was found in a directory and holds nothing that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What is known about one Patroni cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterSnapshot {
    /// `namespace` without slashes at the ends, `service` by default.
    pub namespace: String,
    /// `scope`, the cluster's name.
    pub scope: String,
    /// Citus group, when the keys lie below `<scope>/<group>/`.
    pub group: Option<u32>,
    /// The DCS part; `None` when no input holds DCS keys of this cluster.
    pub dcs: Option<Dcs>,
    /// Answers of the members' REST APIs by member name; a member without an entry was not asked as far as is known.
    pub rest: BTreeMap<String, RestAnswer>,
    /// Why the DCS did not answer when the rest was read, if the input tells.
    pub dcs_unreachable: Option<String>,
    /// What else tells of the cluster as a whole, filled when `dcs` is `None`.
    pub views: BTreeMap<ViewKind, View>,
    /// When it was read, in seconds since 1970, if the input tells.
    pub taken_at: Option<f64>,
    /// Version of the `patronictl` that would be used, if the input tells.
    pub patronictl_version: Option<String>,
}

/// The keys of one cluster in a DCS.
#[derive(Clone, Debug)]
pub struct Dcs {
    /// Which store and which form of dump.
    pub kind: DcsKind,
    /// The store's revision at which the keys were read, when the dump tells.
    pub revision: Option<u64>,
    /// Keys relative to `/<namespace>/<scope>/`, for example `members/pg1`.
    pub keys: BTreeMap<String, DcsKey>,
    /// What `etcdctl endpoint status` or the like tells of the store's own servers.
    pub servers: Vec<DcsServer>,
    /// What the dump itself says is missing in it, in words: then a key that is not there may yet exist.
    pub incomplete: Option<String>,
    /// Why what it holds may not be so, in words: it was read without the consent of a majority, say.
    pub doubts: Vec<String>,
}

/// One key of the DCS.
#[derive(Clone, Debug)]
pub struct DcsKey {
    /// The value's text is this source, named `dcs:/<namespace>/<scope>/<key>`.
    pub source: SourceId,
    /// The value as stored (not masked); never printed as a whole.
    pub value: RawValue,
    /// The value parsed as `json.loads` does; `None` when it is not JSON.
    pub json: Option<Node>,
    /// Revision of the last change (`mod_revision`, `modifiedIndex`, `mzxid`), when the dump tells.
    pub revision: Option<u64>,
    /// Lease or session that keeps the key alive, when it has one.
    pub lease: Option<String>,
    /// Seconds until the key expires, when the dump tells.
    pub ttl_seconds: Option<i64>,
}

/// A stored text that may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct RawValue(pub String);

impl std::fmt::Debug for RawValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RawValue({} bytes)", self.0.len())
    }
}

/// What `GET /patroni` of a member brought.
#[derive(Clone, Debug)]
pub enum RestAnswer {
    /// The body, whatever the HTTP status (Patroni does not look at it).
    Answered {
        /// The body's text.
        source: SourceId,
        /// The body parsed as `json.loads` does; `None` when it is not JSON.
        json: Option<Node>,
    },
    /// It was asked and did not answer.
    Unreachable {
        /// Why, as the input tells.
        reason: String,
    },
}

/// The body of `GET /cluster`, `/config` or `/history`, or what patronictl makes of them.
#[derive(Clone, Debug)]
pub struct View {
    /// The body's text.
    pub source: SourceId,
    /// The body as a tree.
    pub tree: Node,
}

/// One node's own configuration: a file, or what Patroni merges of several files and the environment.
#[derive(Clone, Debug)]
pub struct LocalConfiguration {
    /// The file's text; of a directory that of its first file, and of an environment alone that of its variables.
    pub source: SourceId,
    /// `name` in it, or the name of the directory it was found in, if any.
    pub node: Option<String>,
    /// `scope` in it, if any.
    pub scope: Option<String>,
    /// The document, each part with its place in the text that counts; `None` when PyYAML would refuse a file.
    pub document: Option<Node>,
    /// Why PyYAML would refuse it.
    pub error: Option<crate::parse::yaml::YamlError>,
    /// The files that it is made of.
    pub made_of: MadeOf,
    /// The environment of the daemon, if it is known.
    pub environment: Option<Environment>,
}

/// The files of a node's configuration.
#[derive(Clone, Debug)]
pub enum MadeOf {
    /// One, which is the document as it stands.
    OneFile,
    /// One, with an environment over it.
    FileAndEnvironment(Box<LocalConfiguration>),
    /// Those of a directory, in the order in which Patroni reads them.
    Files(Vec<LocalConfiguration>),
    /// None: Patroni is started with its environment alone.
    NoFile,
}

/// What Patroni is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A configuration file as its argument.
    File,
    /// A directory as its argument.
    Directory,
    /// No argument: the environment alone.
    Environment,
}
