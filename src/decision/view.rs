//! What one Patroni process sees when it decides.

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::{Cluster, FailoverKey, LocalState, Member, MemberStatus, Raised};
use crate::model::config::global::GlobalConfig;

/// One process's view: its own facts, the cluster as it loaded it, and the answers that it would get.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Name of the node.
    pub name: &'a str,
    /// What its release does.
    pub behaviours: Behaviours,
    /// The cluster as read from the DCS.
    pub cluster: &'a Cluster,
    /// The dynamic configuration.
    pub config: &'a GlobalConfig,
    /// The last state of the cluster in which it had a leader (`Ha.old_cluster`).
    pub old_cluster: &'a Cluster,
    /// What it knows of its own PostgreSQL.
    pub local: &'a LocalState,
    /// What the members' REST APIs would answer.
    pub answers: &'a Answers,
    /// The time, in seconds since 1970.
    pub now: f64,
}

/// What the members' REST APIs would answer, by member name.
#[derive(Clone, Debug, Default)]
pub struct Answers(Vec<(String, MemberStatus)>);

/// An answer of a member that nothing is known about.
static NO_ANSWER: std::sync::LazyLock<MemberStatus> =
    std::sync::LazyLock::new(|| MemberStatus::Unreachable { reason: "its REST API does not answer".to_owned() });

impl Answers {
    /// Sets the answer of a member.
    pub fn set(&mut self, name: &str, status: MemberStatus) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = status,
            None => self.0.push((name.to_owned(), status)),
        }
    }

    /// The answer of a member; one without an entry does not answer.
    pub fn of(&self, name: &str) -> &MemberStatus {
        self.0.iter().find(|(known, _)| known == name).map_or(&NO_ANSWER, |(_, status)| status)
    }
}

impl<'a> View<'a> {
    /// Whether this node's release has `behaviour`.
    pub fn has(&self, behaviour: Behaviour) -> bool {
        self.behaviours.has(behaviour)
    }

    /// `Ha.sync_mode_is_active`: requested, and the primary has put its name into `/sync`.
    pub fn sync_mode_is_active(&self) -> bool {
        self.config.synchronous_mode && !self.cluster.sync.is_empty()
    }

    /// `Ha.quorum_commit_mode_is_active`
    pub fn quorum_commit_mode_is_active(&self) -> bool {
        self.config.quorum_commit_mode && !self.cluster.sync.is_empty()
    }

    /// `Ha.is_lagging`: by how many bytes `lsn` is behind, if that exceeds `maximum_lag_on_failover`.
    pub fn excessive_lag(&self, lsn: i128) -> Option<i128> {
        let lag_bytes = self.cluster.last_lsn.saturating_sub(lsn);
        (self.config.maximum_lag_on_failover < lag_bytes).then_some(lag_bytes)
    }

    /// `/failover`, unless it is empty.
    pub fn failover(&self) -> Option<&'a FailoverKey> {
        self.cluster.failover.as_ref().filter(|failover| failover.is_requested())
    }

    /// `Ha._get_failover_action_name`
    pub fn action(&self) -> Action {
        match self.failover() {
            None => Action::Failover,
            Some(_) if !self.has(Behaviour::SwitchoversAreNamed) => Action::Unnamed,
            Some(failover) if failover.leader().is_some() => Action::Switchover,
            Some(_) => Action::ManualFailover,
        }
    }
}

/// `member.nofailover`
pub fn nofailover(member: &Member) -> Result<bool, Raised> {
    Ok(member.tags.as_ref().map_err(Clone::clone)?.nofailover())
}

/// What Patroni calls the change of leader that it is working on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing was asked for.
    Failover,
    /// `/failover` names a candidate only.
    ManualFailover,
    /// `/failover` names the leader.
    Switchover,
    /// Either of the two, in releases that do not tell them apart (before 3.2.0).
    Unnamed,
}

impl Action {
    /// As in log lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::ManualFailover | Self::Unnamed => "manual failover",
            Self::Switchover => "switchover",
        }
    }

    /// Without `manual`.
    pub fn bare_name(self) -> &'static str {
        match self {
            Self::Failover | Self::ManualFailover | Self::Unnamed => "failover",
            Self::Switchover => "switchover",
        }
    }

    /// As Python's `str.title()` makes it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Failover | Self::Unnamed => "Failover",
            Self::ManualFailover => "Manual Failover",
            Self::Switchover => "Switchover",
        }
    }
}
