//! The cluster as Patroni loads it from the DCS, and the members as their REST APIs tell.

mod failover_key;
mod local;
mod member;
mod status;
mod sync_state;

pub use failover_key::{FailoverKey, ScheduledAt, ScheduledMoment};
pub use local::LocalState;
pub use member::{Member, Tags};
pub use status::{Limitation, MemberStatus, ReportedTimeline};
pub use sync_state::SyncState;

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::snapshot::DcsKey;
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Value};

use std::collections::BTreeMap;

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
    /// `/config`; `None` when the key is absent or no object, then Patroni keeps what it knew.
    pub config: Option<Mapping>,
    /// The name in `/leader`; may be empty, which counts as no leader.
    pub leader: Option<String>,
    /// `optime` of `/status`, or `/optime/leader`: WAL position of the leader in bytes as last written; 0 if unknown.
    pub last_lsn: i128,
    /// The members in the order of their keys.
    pub members: Vec<Member>,
    /// `/failover`
    pub failover: Option<FailoverKey>,
    /// `/sync`
    pub sync: SyncState,
    /// `Cluster.timeline`: the timeline that follows the last entry of `/history`; 1 if that is `[]`, 0 if unknown.
    pub timeline: i128,
    /// `/failsafe` when it is an object: member name → API URL, in order.
    pub failsafe: Option<Vec<(String, Option<String>)>>,
}

impl Cluster {
    /// Loads the cluster from its keys as a release with `behaviours` does.
    ///
    /// # Errors
    ///
    /// The data is such that Patroni's own loader fails: its HA loop then logs `… is not responding properly`.
    pub fn load(keys: &BTreeMap<String, DcsKey>, behaviours: Behaviours) -> Result<Self, Raised> {
        let text = |name: &str| keys.get(name).map(|key| key.value.0.as_str());
        let json = |name: &str| keys.get(name).and_then(|key| key.json.as_ref());
        let members: Vec<Member> = keys
            .range("members/".to_owned()..)
            .take_while(|(name, _)| name.starts_with("members/"))
            .filter(|(name, _)| name.matches('/').count() == 1)
            .map(|(name, key)| Member::load(&name["members/".len()..], &key.value.0, key.json.as_ref(), behaviours))
            .collect();
        let leader = members.iter().find(|member| Some(member.name.as_str()) == text("leader"));
        if let Some(raised) = leader.and_then(|leader| leader.shapeless.clone()) {
            return Err(raised);
        }
        Ok(Self {
            initialize: text("initialize").map(str::to_owned),
            config: json("config").and_then(Node::as_mapping).cloned(),
            leader: text("leader").map(str::to_owned),
            last_lsn: last_lsn(keys, behaviours)?,
            members,
            failover: match text("failover") {
                Some(value) => Some(FailoverKey::load(value, json("failover"))?),
                None => None,
            },
            sync: SyncState::load(json("sync"), behaviours)?,
            timeline: timeline(text("history"), json("history")),
            failsafe: json("failsafe").and_then(Node::as_mapping).map(failsafe),
        })
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
fn last_lsn(keys: &BTreeMap<String, DcsKey>, behaviours: Behaviours) -> Result<i128, Raised> {
    let text = |name: &str| keys.get(name).map(|key| &key.value.0);
    let int = |text: &String| python::int(&Value::String(text.clone()));
    if !behaviours.has(Behaviour::StatusHoldsPosition) {
        let not_a_number =
            |text: &String| Raised::new("ValueError", format!("invalid literal for int() with base 10: '{text}'"));
        return text("optime/leader").map_or(Ok(0), |text| int(text).ok_or_else(|| not_a_number(text)));
    }
    let key = keys.get("status").or_else(|| keys.get("optime/leader"));
    let status = key.and_then(|key| key.json.as_ref()).map(|node| &node.value);
    let optime = match status {
        Some(Value::Mapping(status)) => status.get("optime").and_then(|node| python::int(&node.value)),
        _ => None,
    };
    if !behaviours.has(Behaviour::StatusMayBeNumber) {
        return Ok(match keys.contains_key("status") {
            true => optime.unwrap_or(0),
            false => text("optime/leader").and_then(int).unwrap_or(0),
        });
    }
    Ok(match status {
        Some(Value::Int(lsn)) => *lsn,
        Some(Value::Bool(lsn)) => i128::from(*lsn),
        _ => optime.unwrap_or(0),
    })
}

/// `Cluster.timeline`
fn timeline(text: Option<&str>, history: Option<&Node>) -> i128 {
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
            first.map_or(0, |timeline| timeline.saturating_add(1))
        }
        None if text == Some("[]") => 1,
        None => 0,
    }
}

/// Names and URLs of `/failsafe`; a URL that is no string is unusable.
fn failsafe(object: &Mapping) -> Vec<(String, Option<String>)> {
    object.effective().map(|entry| (python::str(&entry.key.value), entry.value.as_str().map(str::to_owned))).collect()
}
