//! The cluster as Patroni loads it from the DCS, and the members as their REST APIs tell.

mod failover_key;
mod local;
mod member;
mod slot_name;
mod status;
mod sync_state;

pub use failover_key::{FailoverKey, ScheduledAt, ScheduledMoment};
pub use local::LocalState;
pub use member::{Member, Tags};
pub use slot_name::slot_name_from_member_name;
pub use status::{Limitation, MemberStatus, ReportedTimeline};
pub use sync_state::SyncState;

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::snapshot::DcsKey;
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Value};

use std::sync::Arc;

/// An exception that Patroni's code raises on malformed data instead of deciding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The exception's class, for example `AttributeError`.
    pub class: &'static str,
    /// Its text.
    pub text: String,
}

impl Raised {
    /// The exception `class` with `text`.
    pub fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, text: text.into() }
    }

    /// What Python raises on a time whose offset is a day or more.
    pub fn bad_offset() -> Self {
        let text = "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24).";
        Self::new("ValueError", text)
    }

    /// What Python raises on `value.name` when the type of `value` has no such attribute.
    pub fn no_attribute(value: &Value, name: &str) -> Self {
        Self::new("AttributeError", format!("'{}' object has no attribute '{name}'", python::type_name(value)))
    }
}

impl std::fmt::Display for Raised {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.class, self.text)
    }
}

/// One Patroni cluster as `AbstractDCS.get_cluster` returns it.
///
/// Source: patroni/dcs/etcd3.py, `Etcd3._cluster_from_nodes`, 4.1.5; the other stores' loaders do the same.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// `/initialize`: PostgreSQL's system identifier.
    pub initialize: Option<String>,
    /// The name in `/leader`; may be empty, which counts as no leader.
    pub leader: Option<String>,
    /// `optime` of `/status`, or `/optime/leader`: WAL position of the leader in bytes as last written; 0 if unknown.
    pub last_lsn: i128,
    /// The members in the order of their keys; shared, because the states of a cluster hardly differ in them.
    pub members: Arc<[Member]>,
    /// `/failover`
    pub failover: Option<FailoverKey>,
    /// `/sync`
    pub sync: SyncState,
    /// `Cluster.timeline`: the timeline that follows the last entry of `/history`; 1 if that is `[]`, 0 if unknown.
    pub timeline: i128,
    /// The lines of `/history` as Python prints them, when they tell no timeline: each look at it is logged.
    pub malformed_history: Option<String>,
    /// `/failsafe` when it is an object: member name → API URL, in order.
    pub failsafe: Option<Vec<(String, Option<String>)>>,
}

impl Cluster {
    /// Loads the cluster from its keys, in their order, as a release with `behaviours` does.
    ///
    /// # Errors
    ///
    /// The data is such that Patroni's own loader fails: its HA loop then logs `… is not responding properly`.
    pub fn load<'k, N: AsRef<str>>(
        keys: impl IntoIterator<Item = (N, &'k DcsKey)>,
        behaviours: Behaviours,
    ) -> Result<Self, Raised> {
        let mut members = Vec::new();
        let (mut initialize, mut leader, mut failover, mut sync) = (None, None, None, None);
        let (mut status, mut optime, mut history, mut failsafe) = (None, None, None, None);
        for (name, key) in keys {
            match name.as_ref() {
                "initialize" => initialize = Some(key),
                "leader" => leader = Some(key),
                "failover" => failover = Some(key),
                "sync" => sync = Some(key),
                "status" => status = Some(key),
                "optime/leader" => optime = Some(key),
                "history" => history = Some(key),
                "failsafe" => failsafe = Some(key),
                name => {
                    if let Some(member) = name.strip_prefix("members/").filter(|member| !member.contains('/')) {
                        members.push(Member::load(member, &key.value.0, key.json.as_ref(), behaviours));
                    }
                }
            }
        }
        let text = |key: Option<&DcsKey>| key.map(|key| key.value.0.clone());
        let history_json = history.and_then(|key| key.json.as_ref());
        let (timeline, malformed_history) = match timeline(history.map(|key| key.value.0.as_str()), history_json) {
            Some(timeline) => (timeline, None),
            None => (0, history_json.map(|lines| python::str(&lines.value))),
        };
        let is_leader = |member: &&Member| leader.is_some_and(|leader| leader.value.0 == member.name);
        let shapeless_leader = members.iter().find(is_leader).and_then(|leader| leader.shapeless.clone());
        let cluster = Self {
            initialize: text(initialize),
            leader: text(leader),
            last_lsn: last_lsn(status, optime, behaviours)?,
            members: members.into(),
            failover: failover.map(|key| FailoverKey::load(&key.value.0, key.json.as_ref())).transpose()?,
            sync: SyncState::load(sync.and_then(|key| key.json.as_ref()), behaviours)?,
            timeline,
            malformed_history,
            failsafe: failsafe.and_then(|key| key.json.as_ref()).and_then(Node::as_mapping).map(self::failsafe),
        };
        shapeless_leader.map_or(Ok(cluster), Err)
    }

    /// The name of the leader; an empty one is none.
    pub fn leader_name(&self) -> Option<&str> {
        self.leader.as_deref().filter(|name| !name.is_empty())
    }

    /// The member of exactly this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// The position of the leader: `Status.from_node(…).last_lsn` since 3.2.0; before, the loaders read it themselves, and
/// those of 2.0 knew `/optime/leader` alone.
///
/// # Errors
///
/// Releases 2.0: `/optime/leader` is no number.
fn last_lsn(status: Option<&DcsKey>, optime_leader: Option<&DcsKey>, behaviours: Behaviours) -> Result<i128, Raised> {
    let int = |key: &DcsKey| match key.json.as_ref().map(|node| &node.value) {
        Some(Value::Int(lsn)) => Some(*lsn),
        _ => python::int(&Value::String(key.value.0.clone())),
    };
    if !behaviours.has(Behaviour::StatusHoldsPosition) {
        let not_a_number = |key: &DcsKey| {
            let text = python::quoted(&key.value.0);
            Raised::new("ValueError", format!("invalid literal for int() with base 10: {text}"))
        };
        return optime_leader.map_or(Ok(0), |key| int(key).ok_or_else(|| not_a_number(key)));
    }
    let value = status.or(optime_leader).and_then(|key| key.json.as_ref()).map(|node| &node.value);
    let optime = match value {
        Some(Value::Mapping(status)) => status.get("optime").and_then(|node| python::int(&node.value)),
        _ => None,
    };
    if !behaviours.has(Behaviour::StatusMayBeNumber) {
        return Ok(match status {
            Some(_) => optime.unwrap_or(0),
            None => optime_leader.and_then(int).unwrap_or(0),
        });
    }
    Ok(match value {
        Some(Value::Int(lsn)) => *lsn,
        Some(Value::Bool(lsn)) => i128::from(*lsn),
        _ => optime.unwrap_or(0),
    })
}

/// `Cluster.timeline`; `None` when the last line of `/history` tells none.
fn timeline(text: Option<&str>, history: Option<&Node>) -> Option<i128> {
    let lines = history.and_then(Node::as_sequence).unwrap_or_default();
    match lines.last() {
        Some(line) => {
            let first = match &line.value {
                Value::Sequence(fields) => fields.first().and_then(|field| python::int(&field.value)),
                Value::String(text) => {
                    text.chars().next().and_then(|first| python::int(&Value::String(first.to_string())))
                }
                _ => None,
            };
            first.map(|timeline| timeline.saturating_add(1))
        }
        None if text == Some("[]") => Some(1),
        None => Some(0),
    }
}

/// Names and URLs of `/failsafe`; a URL that is no string is unusable.
fn failsafe(object: &Mapping) -> Vec<(String, Option<String>)> {
    object.effective().map(|entry| (python::str(&entry.key.value), entry.value.as_str().map(str::to_owned))).collect()
}
