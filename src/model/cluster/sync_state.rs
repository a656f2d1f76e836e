//! `/sync`: who may take over in synchronous mode.

use crate::model::cluster::Raised;
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Value};

/// The key `/sync` as Patroni reads it.
///
/// Source: patroni/dcs/__init__.py, `SyncState`, 4.1.5.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncState {
    /// `leader`; empty or missing: synchronous mode is not active yet.
    leader: Option<String>,
    /// `sync_standby`, as written.
    sync_standby: Option<String>,
    /// `quorum`: how many of the voters, the leader included, a candidate must hear from besides itself.
    pub quorum: i128,
    /// The names in `sync_standby`, in lower case.
    standbys: Vec<String>,
    /// `leader` in lower case.
    leader_lower: String,
}

impl SyncState {
    /// Reads the key's value as the release `version` does; what is no object is an empty state.
    ///
    /// # Errors
    ///
    /// `leader` or `sync_standby` is of a type that Patroni's code raises on later.
    pub fn load(json: Option<&Node>, version: PatroniVersion) -> Result<Self, Raised> {
        let Some(Value::Mapping(data)) = json.map(|node| &node.value) else { return Ok(Self::default()) };
        let leader = name_list(data, "leader")?;
        let sync_standby = name_list(data, "sync_standby")?;
        let has_quorum = PatroniVersion::new(4, 0, 0) <= version;
        let quorum = data.get("quorum").map(|node| &node.value).filter(|value| python::truthy(value));
        let quorum = match quorum {
            Some(value) if has_quorum && leader.as_deref().is_some_and(|leader| !leader.is_empty()) => {
                match python::int(value) {
                    Some(quorum) => quorum,
                    None => return Ok(Self::default()),
                }
            }
            _ => 0,
        };
        Ok(Self::new(leader, sync_standby, quorum))
    }

    /// The state with these fields.
    pub fn new(leader: Option<String>, sync_standby: Option<String>, quorum: i128) -> Self {
        let standbys = split(sync_standby.as_deref().unwrap_or_default()).map(str::to_lowercase).collect();
        let leader_lower = leader.as_deref().unwrap_or_default().to_lowercase();
        Self { leader, sync_standby, quorum, standbys, leader_lower }
    }

    /// `leader`, when the state is not empty.
    pub fn leader(&self) -> Option<&str> {
        self.leader.as_deref().filter(|leader| !leader.is_empty())
    }

    /// `sync_standby` as written, `None` when the key does not hold it.
    pub fn sync_standby(&self) -> Option<&str> {
        self.sync_standby.as_deref()
    }

    /// `is_empty`: no leader, so synchronous mode is not active.
    pub fn is_empty(&self) -> bool {
        self.leader().is_none()
    }

    /// `voters`: the names in `sync_standby`, as written; none when the state is empty.
    pub fn voters(&self) -> impl Iterator<Item = &str> {
        let list = if self.is_empty() { "" } else { self.sync_standby.as_deref().unwrap_or_default() };
        split(list)
    }

    /// `matches(name)`: whether `name` is a sync standby, in any case of letters.
    pub fn matches(&self, name: &str) -> bool {
        !name.is_empty() && !self.is_empty() && contains(&self.standbys, name)
    }

    /// `matches(name, True)`: whether `name` is a sync standby or the leader of `/sync`.
    pub fn matches_or_leads(&self, name: &str) -> bool {
        self.matches(name) || self.leader_matches(name)
    }

    /// `leader_matches(name)`
    pub fn leader_matches(&self, name: &str) -> bool {
        !name.is_empty() && !self.is_empty() && eq_lower(&self.leader_lower, name)
    }
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(python::strip).filter(|name| !name.is_empty())
}

fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|known| eq_lower(known, name))
}

/// Whether `lower` equals `name.lower()`.
fn eq_lower(lower: &str, name: &str) -> bool {
    if name.is_ascii() { lower.eq_ignore_ascii_case(name) } else { lower == name.to_lowercase() }
}

/// A string field; null and a missing key are `None`.
fn name_list(data: &Mapping, field: &str) -> Result<Option<String>, Raised> {
    match data.get(field).map(|node| &node.value) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) if !python::truthy(other) => Ok(None),
        Some(other) => Err(Raised::new(
            "TypeError",
            format!("/sync {field} is of type {}, a string was expected", python::type_name(other)),
        )),
    }
}
