//! Members and their tags.

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::Raised;
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Value};

/// A member as its key `/members/<name>` tells.
///
/// Source: patroni/dcs/__init__.py, `Member.from_node`, 4.1.5.
#[derive(Clone, Debug)]
pub struct Member {
    /// The last part of the key.
    pub name: String,
    /// `api_url`, as Python prints it; `None` when it is missing or empty, and then nobody asks the member.
    pub api_url: Option<String>,
    /// `tags`, or the exception that looking at a tag raises.
    pub tags: Result<Tags, Raised>,
    /// `version`, when it is a release number.
    pub version: Option<PatroniVersion>,
    /// `role`, as written.
    pub role: Option<String>,
    /// `state`, as written.
    pub state: Option<String>,
    /// `xlog_location`: WAL position in bytes (received or replayed, whichever is ahead, on a replica).
    pub lsn: Option<i128>,
    /// `timeline`
    pub timeline: Option<i128>,
    /// `replication_state`, as written (`streaming`, `in archive recovery`).
    pub replication_state: Option<String>,
    /// What every look at the key raises in releases before 2.1.0, when its value is JSON but no object.
    pub shapeless: Option<Raised>,
}

impl Member {
    /// Reads the key's value as a release with `behaviours` does; what is not JSON or no object counts as an empty object.
    pub fn load(name: &str, text: &str, json: Option<&Node>, behaviours: Behaviours) -> Self {
        let empty = Mapping::default();
        let data = json.and_then(Node::as_mapping).unwrap_or(&empty);
        let string = |name: &str| data.get(name).and_then(Node::as_str).map(str::to_owned);
        let int = |name: &str| data.get(name).and_then(|node| python::parse_int(&node.value, None));
        let shapeless = json
            .filter(|json| !behaviours.has(Behaviour::ShapelessMemberIsEmpty) && json.as_mapping().is_none())
            .map(|json| Raised::no_attribute(&json.value, "get"));
        let own_url = || data.get("api_url").map(|node| &node.value).filter(|url| python::truthy(url)).map(python::str);
        let api_url = if text.starts_with("postgres") { url_in_connection_string(text) } else { own_url() };
        Self {
            name: name.to_owned(),
            api_url: api_url.filter(|url| !url.is_empty()),
            tags: shapeless.clone().map_or_else(|| Tags::read(data.get("tags"), behaviours), Err),
            version: data.get("version").and_then(Node::as_str).and_then(|text| text.parse().ok()),
            role: string("role"),
            state: string("state"),
            lsn: int("xlog_location"),
            timeline: int("timeline"),
            replication_state: string("replication_state"),
            shapeless,
        }
    }
}

/// `application_name` of a legacy member value `postgres://…?application_name=<api_url>`.
///
/// Source: patroni/dcs/__init__.py, `parse_connection_string`, 4.1.5.
fn url_in_connection_string(text: &str) -> Option<String> {
    let (_, query) = text.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("application_name=")).map(str::to_owned)
}

/// The tags that decisions read.
///
/// Source: patroni/tags.py, `Tags`, 4.1.5 (since 3.2.0; before, `nofailover` alone counted).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// The truth of `nofailover`, when that is neither missing nor null.
    nofailover: Option<bool>,
    /// `failover_priority`, when it is a number.
    failover_priority: Option<i128>,
    /// The truth of `nosync`, when that is neither missing nor null.
    nosync: Option<bool>,
    /// `sync_priority`, when it is a number.
    sync_priority: Option<i128>,
    /// `replicatefrom`, when it is a string.
    pub replicatefrom: Option<String>,
    /// What looking for that member raises, when `replicatefrom` is something else.
    unusable_replicatefrom: Option<Raised>,
    /// `nostream`
    pub nostream: bool,
    /// Whether the keys `failover_priority` and `sync_priority` are there, whatever their values.
    has_priority: (bool, bool),
}

impl Tags {
    /// Reads the `tags` of a member key or a REST answer as a release with `behaviours` does.
    ///
    /// # Errors
    ///
    /// It is there and no object: every look at a tag raises.
    pub fn read(tags: Option<&Node>, behaviours: Behaviours) -> Result<Self, Raised> {
        let Some(tags) = tags else { return Ok(Self::default()) };
        let Value::Mapping(tags) = &tags.value else {
            return Err(Raised::no_attribute(&tags.value, "get"));
        };
        let value = |name: &str| tags.get(name).map(|node| &node.value);
        let truth = |name: &str| value(name).filter(|value| **value != Value::Null).map(python::truthy);
        let has_priority = behaviours.has(Behaviour::FailoverPriority);
        let int = |name: &str| value(name).filter(|_| has_priority).and_then(|value| python::parse_int(value, None));
        Ok(Self {
            nofailover: truth("nofailover"),
            failover_priority: int("failover_priority"),
            nosync: truth("nosync"),
            sync_priority: int("sync_priority"),
            replicatefrom: tags.get("replicatefrom").and_then(Node::as_str).map(str::to_owned),
            unusable_replicatefrom: value("replicatefrom")
                .filter(|value| python::truthy(value) && !matches!(value, Value::String(_)))
                .map(|value| Raised::no_attribute(value, "lower")),
            nostream: value("nostream").and_then(python::parse_bool).unwrap_or(false),
            has_priority: (value("failover_priority").is_some(), value("sync_priority").is_some()),
        })
    }

    /// The tags as the node's own process keeps them: a false `nofailover` or `nosync` is dropped unless the priority
    /// of the same kind is set.
    ///
    /// Source: patroni/tags.py, `Tags._filter_tags`.
    pub fn of_own_process(mut self, behaviours: Behaviours) -> Self {
        let keeps_nofailover = self.has_priority.0 && behaviours.has(Behaviour::FalseNofailoverIsKept);
        let keeps_nosync = self.has_priority.1 && behaviours.has(Behaviour::SyncPriority);
        self.failover_priority = self.failover_priority.filter(|_| behaviours.has(Behaviour::FailoverPriority));
        self.nofailover = self.nofailover.filter(|set| *set || keeps_nofailover);
        self.nosync = self.nosync.filter(|set| *set || keeps_nosync);
        self
    }

    /// `Tags.nofailover`
    pub fn nofailover(&self) -> bool {
        self.nofailover.unwrap_or_else(|| self.failover_priority.is_some_and(|priority| priority <= 0))
    }

    /// `Tags.failover_priority`
    pub fn failover_priority(&self) -> i128 {
        if self.nofailover == Some(true) { 0 } else { self.failover_priority.unwrap_or(1) }
    }

    /// `Tags.nosync` as a process with `behaviours` reads it.
    pub fn nosync(&self, behaviours: Behaviours) -> bool {
        let by_priority = || behaviours.has(Behaviour::SyncPriority) && self.sync_priority.is_some_and(|it| it <= 0);
        self.nosync.unwrap_or_else(by_priority)
    }

    /// The member to replicate from, as the leader looks for it; an empty name is none.
    ///
    /// # Errors
    ///
    /// `replicatefrom` is set, and no string.
    pub fn upstream(&self) -> Result<Option<&str>, Raised> {
        match &self.unusable_replicatefrom {
            Some(raised) => Err(raised.clone()),
            None => Ok(self.replicatefrom.as_deref().filter(|name| !name.is_empty())),
        }
    }

    /// `Tags.sync_priority`
    pub fn sync_priority(&self) -> i128 {
        if self.nosync == Some(true) { 0 } else { self.sync_priority.unwrap_or(1) }
    }

    /// These tags with `nofailover` set to `value`, for what-if questions.
    pub fn with_nofailover(mut self, value: bool) -> Self {
        self.nofailover = Some(value);
        self
    }
}
