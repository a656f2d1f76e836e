//! What a member's REST API tells about itself.

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::{Raised, Tags};
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Value};

/// A member's answer to `GET /patroni`, distilled as Patroni does during checks and the leader race.
///
/// Source: patroni/ha.py, `_MemberStatus`, 4.1.5.
#[derive(Clone, Debug)]
pub enum MemberStatus {
    /// No answer, or one that Patroni cannot use: counts as unreachable.
    Unreachable {
        /// Why, in words.
        reason: String,
    },
    /// An answer with a WAL position.
    Reachable {
        /// `False` if it runs as a primary.
        in_recovery: bool,
        /// The greater of the received and the replayed location, in bytes; 0 on a primary.
        wal_position: i128,
        /// `timeline`
        timeline: ReportedTimeline,
        /// `tags`
        tags: Result<Tags, Raised>,
        /// `watchdog_failed`
        watchdog_failed: bool,
    },
}

/// The `timeline` of a REST answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportedTimeline {
    /// A number other than 0.
    Known(i128),
    /// A number of another type, which compares as this one; and as Python prints it.
    Odd(i128, String),
    /// Missing, null, 0 or otherwise false to Python; as Python prints it.
    Unknown(String),
    /// Of a type that cannot be compared.
    Invalid(Raised),
}

/// Why a member must not be promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limitation {
    /// Its REST API does not answer as it should.
    NotReachable,
    /// It has the tag `nofailover`, or a `failover_priority` of 0 or less.
    NotAllowedToPromote,
    /// Its watchdog is required and failed.
    NotWatchdogCapable,
}

impl Limitation {
    /// Patroni's own words for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotReachable => "not reachable",
            Self::NotAllowedToPromote => "not allowed to promote",
            Self::NotWatchdogCapable => "not watchdog capable",
        }
    }
}

impl MemberStatus {
    /// Reads the body of an answer as a release with `behaviours` does; `None`: it was not JSON.
    ///
    /// Source: patroni/ha.py, `_MemberStatus.from_api_response`: until 2.1.5 the role decides whether it is a primary, then
    /// the WAL location, from 3.1.0 on either; 3.0.3 and 3.0.4 take a primary that says so for a replica.
    pub fn read(json: Option<&Node>, behaviours: Behaviours) -> Self {
        let unusable = |reason: &str| Self::Unreachable { reason: reason.to_owned() };
        let Some(json) = json else { return unusable("its REST API answered something that is not JSON") };
        let Value::Mapping(data) = &json.value else {
            return unusable("its REST API answered JSON that is no object");
        };
        let by_role = !behaviours.has(Behaviour::PrimaryByLocation);
        let by_either = behaviours.has(Behaviour::PrimaryByRoleOrLocation);
        let misreads_role = behaviours.has(Behaviour::PrimaryRoleIsReplica);
        let role = data.get("role");
        if by_role && role.is_none() {
            return unusable("its REST API answered without a role");
        }
        let role = role.and_then(Node::as_str);
        let role_is_primary = matches!(role, Some("master" | "primary"));
        let no_position = || unusable("its REST API answered without a WAL position (PostgreSQL is not running)");
        let wal = match data.get("wal") {
            _ if by_role => data.get("xlog"),
            Some(wal) if python::truthy(&wal.value) || !behaviours.has(Behaviour::EmptyWalIsPassedOver) => Some(wal),
            _ => data.get("xlog"),
        };
        let wal = match wal.map(|node| &node.value) {
            Some(Value::Mapping(wal)) => Some(wal),
            _ if by_role && role == Some("master") => None,
            _ => return no_position(),
        };
        let has_location = wal.and_then(|wal| wal.get("location")).is_some_and(|node| python::truthy(&node.value));
        let in_recovery = match (by_role, misreads_role) {
            (true, _) => role != Some("master"),
            (false, true) => !has_location || role_is_primary,
            (false, false) => !(has_location || by_either && role_is_primary),
        };
        let wal_position = match wal.filter(|_| in_recovery) {
            Some(wal) => match received_or_replayed(wal) {
                Some(lsn) => lsn,
                None => return unusable("its REST API answered with a WAL position that is no number"),
            },
            None => 0,
        };
        Self::Reachable {
            in_recovery,
            wal_position,
            timeline: timeline(data),
            tags: Tags::read(data.get("tags"), behaviours),
            watchdog_failed: data.get("watchdog_failed").is_some_and(|node| python::truthy(&node.value)),
        }
    }

    /// `failover_limitation()`
    ///
    /// # Errors
    ///
    /// The answer's `tags` are of a type that raises.
    pub fn limitation(&self) -> Result<Option<Limitation>, Raised> {
        match self {
            Self::Unreachable { .. } => Ok(Some(Limitation::NotReachable)),
            Self::Reachable { tags, watchdog_failed, .. } => {
                let tags = tags.as_ref().map_err(Clone::clone)?;
                Ok(if tags.nofailover() {
                    Some(Limitation::NotAllowedToPromote)
                } else if *watchdog_failed {
                    Some(Limitation::NotWatchdogCapable)
                } else {
                    None
                })
            }
        }
    }

    /// The WAL position; 0 of an unreachable member and of a primary.
    pub fn wal_position(&self) -> i128 {
        match self {
            Self::Unreachable { .. } => 0,
            Self::Reachable { wal_position, .. } => *wal_position,
        }
    }
}

/// `int(max(wal.get('received_location', 0), wal.get('replayed_location', 0)))`; `None` where Python raises.
fn received_or_replayed(wal: &Mapping) -> Option<i128> {
    let zero = Value::Int(0);
    let location = |name: &str| wal.get(name).map_or(&zero, |node| &node.value);
    let (received, replayed) = (location("received_location"), location("replayed_location"));
    python::int(if python::less(received, replayed)? { replayed } else { received })
}

impl std::fmt::Display for ReportedTimeline {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(timeline) => timeline.fmt(formatter),
            Self::Odd(_, text) | Self::Unknown(text) => text.fmt(formatter),
            Self::Invalid(raised) => raised.fmt(formatter),
        }
    }
}

fn timeline(data: &Mapping) -> ReportedTimeline {
    let unknown = |value: &Value| ReportedTimeline::Unknown(python::str(value));
    match data.get("timeline").map(|node| &node.value) {
        Some(Value::Int(timeline)) if *timeline != 0 => ReportedTimeline::Known(*timeline),
        // Rust's conversion saturates; what is no number is behind nothing.
        Some(value @ Value::Float(float)) if python::truthy(value) => {
            let compared = if float.is_nan() { i128::MAX } else { float.floor() as i128 };
            ReportedTimeline::Odd(compared, python::str(value))
        }
        Some(value @ Value::Bool(true)) => ReportedTimeline::Odd(1, python::str(value)),
        Some(value) if python::truthy(value) => ReportedTimeline::Invalid(Raised::new(
            "TypeError",
            format!("'<' not supported between instances of '{}' and 'int'", python::type_name(value)),
        )),
        Some(value) => unknown(value),
        None => unknown(&Value::Int(0)),
    }
}
