//! Who counts: for acknowledging commits, for electing a leader, and what losses the cluster survives.

use std::collections::BTreeSet;

use crate::decision::prediction::Question;
use crate::decision::prediction::evaluation::evaluate;
use crate::decision::prediction::facts::Facts;
use crate::model::behaviour::Behaviours;
use crate::model::cluster::{Cluster, MemberStatus, Raised};
use crate::model::config::global::GlobalConfig;
use crate::model::version::PatroniVersion;

/// With more members than this the sets of losses are not tried.
pub const MAXIMUM_MEMBERS_FOR_LOSSES: usize = 12;

/// The vote table of a cluster.
#[derive(Clone, Debug)]
pub struct QuorumTable {
    /// `scope`
    pub scope: String,
    /// The present leader.
    pub leader: Option<String>,
    /// The leader's release, which the table is made for.
    pub version: PatroniVersion,
    /// How replication is configured.
    pub mode: Mode,
    /// Whether `/sync` has a leader; without one synchronous mode is requested but not active yet.
    pub active: bool,
    /// `synchronous_mode_strict`
    pub strict: bool,
    /// `synchronous_node_count`
    pub node_count: i128,
    /// `failsafe_mode`
    pub failsafe_mode: bool,
    /// How many standbys acknowledge a commit, of those that may; `None` when a commit does not wait.
    pub acknowledgements: Option<i128>,
    /// `quorum` of `/sync`: the votes that a candidate needs besides its own; `None` outside quorum mode.
    pub votes_needed: Option<i128>,
    /// `loop_wait`, seconds.
    pub loop_wait_seconds: i128,
    /// One row a member.
    pub members: Vec<MemberRow>,
    /// What each set of losses leads to; empty when there are too many members.
    pub losses: Vec<Loss>,
}

/// How replication is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `synchronous_mode` is off, or ignored.
    Asynchronous,
    /// `synchronous_mode: on`: a list of standbys by priority.
    Synchronous,
    /// `synchronous_mode: quorum`
    Quorum,
}

impl Mode {
    /// As in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asynchronous => "off",
            Self::Synchronous => "on",
            Self::Quorum => "quorum",
        }
    }
}

/// One member in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Its name.
    pub name: String,
    /// `leader` or `replica`, or `unknown to the DCS`.
    pub role: &'static str,
    /// Whether it counts for commits, and why or why not.
    pub commit: Counted,
    /// Whether it counts for elections, and why or why not.
    pub election: Counted,
    /// How far it is behind the leader's position in `/status`, in bytes; `None` when that is unknown or it leads.
    pub lag_bytes: Option<i128>,
}

/// Whether a member counts, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Whether.
    pub counts: bool,
    /// In a few words.
    pub because: String,
}

impl Counted {
    fn yes(because: impl Into<String>) -> Self {
        Self { counts: true, because: because.into() }
    }

    fn no(because: impl Into<String>) -> Self {
        Self { counts: false, because: because.into() }
    }
}

/// What comes of losing some members at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The members lost.
    pub lost: Vec<String>,
    /// Who may take over; `None` when the leader is not among the lost.
    pub winners: Option<Vec<String>>,
    /// Whether clients can go on writing.
    pub writes: Writes,
}

/// Whether clients can go on writing after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// At once.
    GoOn,
    /// Once another member has taken over.
    AfterFailover,
    /// Commits wait until the leader takes the lost standbys out of `synchronous_standby_names`.
    AfterNextLoop,
    /// Until a member comes back.
    Stop,
}

/// Makes the table.
///
/// # Errors
///
/// The data in the DCS is such that Patroni's own loader fails.
pub fn table(facts: &Facts) -> Result<QuorumTable, Raised> {
    let leader = facts.leader().map(str::to_owned);
    let version =
        leader.as_deref().and_then(|leader| facts.nodes.get(leader)).map_or(facts.patronictl.0, |node| node.version.0);
    let cluster = facts.cluster(version)?;
    let config = facts.config(version);
    let mode = match (config.synchronous_mode, config.quorum_commit_mode) {
        (false, _) => Mode::Asynchronous,
        (true, false) => Mode::Synchronous,
        (true, true) => Mode::Quorum,
    };
    let active = mode != Mode::Asynchronous && !cluster.sync.is_empty();
    let voters = cluster.sync.voters().count() as i128;
    let acknowledgements = match mode {
        Mode::Synchronous if active => Some(voters),
        // What Patroni maintains: quorum + acknowledgements = number of voters.
        Mode::Quorum if active => Some((voters - cluster.sync.quorum).max(0)),
        _ => None,
    };
    let mut table = QuorumTable {
        scope: facts.scope.clone(),
        leader,
        version,
        mode,
        active,
        strict: config.synchronous_mode_strict,
        node_count: config.synchronous_node_count,
        failsafe_mode: config.failsafe_mode,
        acknowledgements,
        votes_needed: (mode == Mode::Quorum && active).then_some(cluster.sync.quorum),
        loop_wait_seconds: config.loop_wait_seconds,
        members: rows(facts, &cluster, &config, version),
        losses: Vec::new(),
    };
    table.losses = losses(facts, &cluster, &table);
    Ok(table)
}

fn rows(facts: &Facts, cluster: &Cluster, config: &GlobalConfig, version: PatroniVersion) -> Vec<MemberRow> {
    let mut rows: Vec<MemberRow> = facts.nodes.keys().map(|name| row(name, facts, cluster, config, version)).collect();
    let known = |name: &str| facts.nodes.keys().any(|known| known.eq_ignore_ascii_case(name));
    let unknown = cluster.sync.voters().chain(cluster.sync.leader()).filter(|name| !known(name));
    rows.extend(unknown.map(|name| MemberRow {
        name: name.to_owned(),
        role: "unknown to the DCS",
        commit: Counted::no("in /sync, but not a member: never acknowledges"),
        election: Counted::no("holds a seat in /sync, but is not a member: never votes"),
        lag_bytes: None,
    }));
    rows
}

fn row(name: &str, facts: &Facts, cluster: &Cluster, config: &GlobalConfig, version: PatroniVersion) -> MemberRow {
    let is_leader = cluster.leader_name() == Some(name);
    let node = &facts.nodes[name];
    let has_key = cluster.member(name).is_some();
    let lag_known = !is_leader && cluster.last_lsn != 0 && matches!(node.status, MemberStatus::Reachable { .. });
    MemberRow {
        name: name.to_owned(),
        role: match (is_leader, has_key) {
            (true, _) => "leader",
            (false, true) => "replica",
            (false, false) => "no member key",
        },
        commit: commit(name, facts, cluster, config, version),
        election: election(name, facts, cluster, config),
        lag_bytes: lag_known.then(|| (cluster.last_lsn - node.local.lsn).max(0)),
    }
}

fn commit(name: &str, facts: &Facts, cluster: &Cluster, config: &GlobalConfig, version: PatroniVersion) -> Counted {
    let node = &facts.nodes[name];
    if cluster.leader_name() == Some(name) {
        return Counted::no("–");
    }
    if !config.synchronous_mode {
        return Counted::no("commits wait for nobody");
    }
    if cluster.sync.matches(name) {
        return match node.status {
            MemberStatus::Unreachable { .. } if !node.local.running => Counted::no("in /sync, but not running"),
            _ => Counted::yes("acknowledges"),
        };
    }
    let tags = &node.local.tags;
    Counted::no(if tags.nosync(Behaviours::of(version)) {
        "nosync, or sync_priority 0"
    } else if tags.nostream {
        "nostream"
    } else if tags.replicatefrom.is_some() {
        "replicates from another standby"
    } else if !node.local.running {
        "not running"
    } else if node.streaming == Some(false) {
        "not streaming"
    } else {
        "not in /sync"
    })
}

fn election(name: &str, facts: &Facts, cluster: &Cluster, config: &GlobalConfig) -> Counted {
    let node = &facts.nodes[name];
    let tags = &node.local.tags;
    if cluster.leader_name() == Some(name) {
        return Counted::no("leads; if it comes back as the former leader it needs no votes");
    }
    if !node.local.running {
        return Counted::no("not running, or its REST API does not answer");
    }
    let by_quorum = config.quorum_commit_mode && !cluster.sync.is_empty();
    let by_list = config.synchronous_mode && !config.quorum_commit_mode && !cluster.sync.is_empty();
    match (cluster.sync.matches(name), tags.nofailover()) {
        (true, true) if by_quorum => Counted::no("holds a seat, never votes, never wins (nofailover)"),
        (_, true) => Counted::no("never wins (nofailover)"),
        (true, false) if by_quorum => Counted::yes("votes, may win"),
        (false, false) if by_quorum => Counted::no("does not vote; may win with the votes of voters"),
        (true, false) if by_list => Counted::yes("may win"),
        (false, false) if by_list => Counted::no("not in /sync: may not win"),
        (_, false) => Counted::yes("may win unless it lags behind others"),
    }
}

/// Tries every set of lost members.
fn losses(facts: &Facts, cluster: &Cluster, table: &QuorumTable) -> Vec<Loss> {
    let names: Vec<&String> = facts.nodes.keys().collect();
    if names.is_empty() || MAXIMUM_MEMBERS_FOR_LOSSES < names.len() || table.leader.is_none() {
        return Vec::new();
    }
    let mut losses: Vec<Loss> = (1u32..1 << names.len())
        .map(|bits| {
            let lost = (0..names.len()).filter(|index| bits & (1 << index) != 0).map(|index| names[index].clone());
            loss(facts, cluster, table, lost.collect())
        })
        .collect();
    losses.sort_by_key(|loss| loss.lost.len());
    losses
}

fn loss(facts: &Facts, cluster: &Cluster, table: &QuorumTable, lost: Vec<String>) -> Loss {
    let loses_leader = table.leader.as_ref().is_some_and(|leader| lost.contains(leader));
    if loses_leader {
        let winners = evaluate(facts, &Question::Crash { nodes: lost.clone() }).winners;
        let writes = if winners.is_empty() { Writes::Stop } else { Writes::AfterFailover };
        return Loss { lost, winners: Some(winners), writes };
    }
    let alive: BTreeSet<&String> = table
        .members
        .iter()
        .filter(|row| row.commit.counts && cluster.sync.matches(&row.name) && !lost.contains(&row.name))
        .map(|row| &row.name)
        .collect();
    let writes = match table.acknowledgements {
        None => Writes::GoOn,
        Some(needed) if needed <= alive.len() as i128 => Writes::GoOn,
        Some(_) if table.strict && alive.is_empty() && !any_eligible(facts, table, &lost) => Writes::Stop,
        Some(_) => Writes::AfterNextLoop,
    };
    Loss { lost, winners: None, writes }
}

/// Whether a member outside `/sync` could become a sync standby once the lost ones are taken out.
fn any_eligible(facts: &Facts, table: &QuorumTable, lost: &[String]) -> bool {
    facts.nodes.iter().any(|(name, node)| {
        table.leader.as_ref() != Some(name)
            && !lost.contains(name)
            && node.local.running
            && node.streaming != Some(false)
            && !node.local.tags.nosync(Behaviours::of(table.version))
            && !node.local.tags.nostream
    })
}

impl QuorumTable {
    /// The largest number of members whose loss, whichever they are, leaves a leader or a failover; `None` when the
    /// losses were not tried.
    pub fn tolerated_for_failover(&self) -> Option<usize> {
        self.tolerated(|loss| loss.winners.as_ref().is_none_or(|winners| !winners.is_empty()))
    }

    /// The same for writes: they go on, at once, after a failover or after the leader's next loop.
    pub fn tolerated_for_writes(&self) -> Option<usize> {
        self.tolerated(|loss| loss.writes != Writes::Stop)
    }

    fn tolerated(&self, survives: impl Fn(&Loss) -> bool) -> Option<usize> {
        let first_fatal = self.losses.iter().filter(|loss| !survives(loss)).map(|loss| loss.lost.len()).min();
        (!self.losses.is_empty()).then(|| first_fatal.map_or(self.members.len(), |size| size - 1))
    }

    /// The smallest sets of lost members after which there is no automatic failover.
    pub fn fatal_sets(&self) -> Vec<&Loss> {
        let is_fatal = |loss: &&Loss| loss.winners.as_ref().is_some_and(Vec::is_empty);
        let fatal: Vec<&Loss> = self.losses.iter().filter(is_fatal).collect();
        fatal
            .iter()
            .filter(|loss| {
                !fatal.iter().any(|smaller| {
                    smaller.lost.len() < loss.lost.len() && smaller.lost.iter().all(|name| loss.lost.contains(name))
                })
            })
            .copied()
            .collect()
    }
}
