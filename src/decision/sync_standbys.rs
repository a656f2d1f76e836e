//! Who can be a synchronous standby, and who is chosen, as the leader sees it.

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::decision::standby_names::{FIRST_WITH_MULTIPLE_SYNC, FIRST_WITH_QUORUM_COMMIT, StandbyNames, SyncKind};
use crate::decision::sync_step::SyncStep;
use crate::decision::view::{View, nofailover};
use crate::model::behaviour::Behaviour;
use crate::model::cluster::{Member, Raised};

/// What the leader's PostgreSQL tells about replication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replication {
    /// `pg_stat_replication`
    pub rows: Vec<ReplicaRow>,
    /// `synchronous_standby_names`
    pub synchronous_standby_names: String,
    /// `synchronous_commit`; decides which position counts.
    pub synchronous_commit: String,
    /// `server_version_num`, for example 160001.
    pub postgres_version: u32,
    /// `synchronous_standby_names` of Patroni's own configuration, which comes into force once synchronous mode is off.
    pub configured_standby_names: Option<String>,
}

/// A row of `pg_stat_replication`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaRow {
    /// `application_name`
    pub application_name: String,
    /// `state`, for example `streaming` or `catchup`.
    pub state: String,
    /// `sync_state`: `async`, `potential`, `quorum` or `sync`.
    pub sync_state: String,
    /// `write_lsn` in bytes; `None`: null.
    pub write_lsn: Option<i128>,
    /// `flush_lsn` in bytes; `None`: null.
    pub flush_lsn: Option<i128>,
    /// `replay_lsn` in bytes; `None`: null.
    pub replay_lsn: Option<i128>,
}

/// The state of synchronous replication, and the standbys that it ought to have.
///
/// Source: patroni/postgresql/sync.py, `_SyncState`, 4.1.5.
#[derive(Clone, Debug)]
pub struct CurrentState<'a> {
    /// What kind of list `synchronous_standby_names` is.
    pub kind: SyncKind,
    /// How many standbys a commit waits for by `synchronous_standby_names`.
    pub numsync: i128,
    /// Who is in `synchronous_standby_names`; none if it holds `*`.
    pub sync: CaseInsensitiveSet,
    /// Who is synchronous and known to have all that was committed, in the order of preference.
    pub confirmed: Vec<String>,
    /// Who is to be synchronous, in the order of preference.
    pub active: Vec<String>,
    /// Every row of `pg_stat_replication` with what comes of it, in the order of the rows.
    pub replicas: Vec<Replica<'a>>,
}

/// A standby that replicates from the leader, and what comes of it.
#[derive(Clone, Debug)]
pub struct Replica<'a> {
    /// Its row in `pg_stat_replication`.
    pub row: &'a ReplicaRow,
    /// The member of this name, if there is one.
    pub member: Option<&'a Member>,
    /// Whether it is to be synchronous.
    pub choice: Choice<'a>,
}

/// Whether a standby is to be synchronous, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// It is.
    Chosen {
        /// It is synchronous already, and known to have all that was committed.
        confirmed: bool,
    },
    /// Enough others are preferred: `synchronous_node_count`.
    EnoughOthers {
        /// How many are wanted.
        wanted: i128,
    },
    /// In quorum mode it would only be taken if there were too few that may be promoted.
    NoFailover,
    /// It is too far behind.
    Lagging {
        /// How far, in bytes.
        lag_bytes: i128,
        /// `maximum_lag_on_syncnode`
        allowed_bytes: i128,
    },
    /// It still has to catch up, or is taking a backup.
    NotStreaming(&'a str),
    /// It reports no position.
    NoPosition,
    /// No member has this name.
    NotAMember,
    /// The member of this name is the leader.
    IsLeader,
    /// Its PostgreSQL is not running, by its member key.
    NotRunning(Option<&'a str>),
    /// The tag `nosync`, or a `sync_priority` of 0 or less, forbids it.
    NoSync,
    /// It ought to replicate from another standby, by the tag `replicatefrom`, and that one is connected.
    Cascades(&'a str),
    /// Another connection by the same name counts.
    Superseded,
}

impl Choice<'_> {
    /// Whether it can be a synchronous standby, though others may be preferred.
    pub fn is_eligible(&self) -> bool {
        matches!(self, Self::Chosen { .. } | Self::EnoughOthers { .. } | Self::NoFailover)
    }

    /// In words.
    pub fn text(&self) -> String {
        match self {
            Self::Chosen { confirmed: true } => "synchronous".to_owned(),
            Self::Chosen { confirmed: false } => "chosen, not synchronous yet".to_owned(),
            Self::EnoughOthers { wanted } => format!("not needed: others come first, and {wanted} are wanted"),
            Self::NoFailover => "not needed: it must not be promoted (nofailover)".to_owned(),
            Self::Lagging { lag_bytes, allowed_bytes } => {
                format!("{lag_bytes} bytes behind; maximum_lag_on_syncnode allows {allowed_bytes}")
            }
            Self::NotStreaming(state) => format!("not streaming: its state is {state}"),
            Self::NoPosition => "it reports no position".to_owned(),
            Self::NotAMember => "no member has this name".to_owned(),
            Self::IsLeader => "it has the leader's name".to_owned(),
            Self::NotRunning(Some(state)) => format!("its state in the DCS is {state}, not running"),
            Self::NotRunning(None) => "its key in the DCS has no state".to_owned(),
            Self::NoSync => "nosync, or sync_priority 0".to_owned(),
            Self::Cascades(from) => format!("it has to replicate from {from} (replicatefrom)"),
            Self::Superseded => "another connection has the same name".to_owned(),
        }
    }
}

/// Who is synchronous and who is to be, as a process sees it that looks for the first time.
///
/// # Errors
///
/// The tags of a member are such that Patroni raises, and in every loop.
pub fn current_state<'a>(view: &View<'a>, replication: &'a Replication) -> Result<CurrentState<'a>, Raised> {
    let mut handler = SyncHandler::default();
    handler.current_state(view, replication, &replication.synchronous_standby_names, &mut Vec::new())
}

/// What the leader's process keeps in mind between two looks.
///
/// Source: patroni/postgresql/sync.py, `SyncHandler`, 3.0.0 to 4.1.5; before, it kept nothing.
#[derive(Clone, Debug, Default)]
pub struct SyncHandler {
    /// `synchronous_standby_names` when it last looked.
    text: String,
    names: StandbyNames,
    /// The leader's position when it first saw these names: who has not come that far may lack commits.
    primary_flush_lsn: i128,
    /// Who has come that far.
    ready: CaseInsensitiveSet,
}

/// A standby that can be chosen.
struct Candidate<'a> {
    /// Its place in `CurrentState::replicas`.
    index: usize,
    /// As the release names it.
    name: &'a str,
    sync_state: &'a str,
    lsn: Option<i128>,
    nofailover: bool,
    priority: i128,
}

impl SyncHandler {
    /// Who is synchronous and who is to be. `setting`: `synchronous_standby_names` now.
    ///
    /// # Errors
    ///
    /// The tags of a member are such that Patroni raises, and in every loop.
    ///
    /// Source: patroni/postgresql/sync.py, `SyncHandler.current_state`, 3.0.0 to 4.1.5; before, patroni/postgresql/
    /// __init__.py, `Postgresql.pick_synchronous_standby`.
    pub fn current_state<'a>(
        &mut self,
        view: &View<'a>,
        replication: &'a Replication,
        setting: &str,
        steps: &mut Vec<SyncStep>,
    ) -> Result<CurrentState<'a>, Raised> {
        let is_queried = view.config.synchronous_mode || !view.has(Behaviour::SyncStandbysAreConfirmed);
        self.handle_change(view, if is_queried { setting } else { "" }, steps);
        let rows = if is_queried { &replication.rows[..] } else { &[] };
        let (mut replicas, mut candidates) = replica_list(view, rows, &replication.synchronous_commit)?;
        let maximum_lag = match view.has(Behaviour::SyncLagIsLimited) {
            true => view.config.maximum_lag_on_syncnode,
            false => 0,
        };
        let max_lsn = match view.has(Behaviour::SyncLagIsLimited) {
            true => max_lsn(view, &candidates)?,
            false => 0,
        };
        for candidate in &candidates {
            self.mark_ready(view, replication.postgres_version, candidate);
        }
        let has_multiple_sync = FIRST_WITH_MULTIPLE_SYNC <= replication.postgres_version;
        let wanted = if has_multiple_sync { view.config.synchronous_node_count } else { 1 };
        if view.has(Behaviour::NofailoverComesLast) {
            candidates.sort_by_key(|candidate| candidate.nofailover);
        }
        let is_quorum = view.config.quorum_commit_mode;
        let (mut active, mut confirmed) = (Vec::new(), Vec::new());
        let mut is_complete = false;
        for candidate in &candidates {
            let choice = &mut replicas[candidate.index].choice;
            if is_complete {
                *choice = Choice::EnoughOthers { wanted };
                continue;
            }
            let lag_bytes = match (maximum_lag <= 0, candidate.lsn) {
                (true, _) => 0,
                (false, Some(lsn)) => max_lsn.saturating_sub(lsn),
                (false, None) => return Err(null_in("-")),
            };
            let is_lagging = 0 < maximum_lag && maximum_lag < lag_bytes;
            if is_lagging {
                *choice = Choice::Lagging { lag_bytes, allowed_bytes: maximum_lag };
            } else if is_quorum {
                if candidate.nofailover && wanted <= active.len() as i128 {
                    *choice = Choice::NoFailover;
                    continue;
                }
                let is_confirmed = self.ready.contains(candidate.name);
                if is_confirmed {
                    confirmed.push(candidate.name.to_owned());
                }
                add(view, &mut active, candidate.name);
                *choice = Choice::Chosen { confirmed: is_confirmed };
            } else {
                let is_ready = !view.has(Behaviour::SyncStandbysAreConfirmed) || self.ready.contains(candidate.name);
                let is_confirmed = candidate.sync_state == "sync" && is_ready;
                if is_confirmed {
                    add(view, &mut confirmed, candidate.name);
                }
                add(view, &mut active, candidate.name);
                *choice = Choice::Chosen { confirmed: is_confirmed };
            }
            // Before 4.0.0 a lagging standby, too, ends the search if none is wanted.
            let ends = !is_quorum && !(is_lagging && view.has(Behaviour::QuorumCommit));
            is_complete = ends && wanted <= active.len() as i128;
        }
        Ok(CurrentState {
            kind: self.names.kind,
            numsync: self.names.num,
            sync: self.names.listed(),
            confirmed,
            active,
            replicas,
        })
    }

    /// `SyncHandler._handle_synchronous_standby_names_change`
    pub(super) fn handle_change(&mut self, view: &View<'_>, setting: &str, steps: &mut Vec<SyncStep>) {
        if !view.has(Behaviour::SyncStandbysAreConfirmed) || self.text == setting {
            return;
        }
        setting.clone_into(&mut self.text);
        self.names = StandbyNames::parse(setting).unwrap_or_else(|error| {
            steps.push(SyncStep::Unparsable(error.text(view.behaviours)));
            StandbyNames::default()
        });
        self.ready = self.names.members.intersection(&self.ready);
        self.primary_flush_lsn = view.local.lsn;
    }

    /// `SyncHandler._process_replica_readiness`
    fn mark_ready(&mut self, view: &View<'_>, postgres_version: u32, candidate: &Candidate<'_>) {
        if self.ready.contains(candidate.name) || !self.names.members.contains(candidate.name) {
            return;
        }
        let has_caught_up = candidate.lsn.is_some_and(|lsn| self.primary_flush_lsn <= lsn);
        let is_ready = if view.config.quorum_commit_mode {
            let is_sync = match candidate.sync_state {
                "quorum" => true,
                "sync" | "potential" => postgres_version < FIRST_WITH_QUORUM_COMMIT,
                _ => false,
            };
            has_caught_up && is_sync
        } else {
            view.cluster.sync.is_standby(candidate.name) || candidate.sync_state == "sync" && has_caught_up
        };
        if is_ready {
            self.ready = self.ready.with(candidate.name);
        }
    }
}

/// The rows with what keeps them from being chosen, and those that nothing does, best first.
///
/// Source: patroni/postgresql/sync.py, `_ReplicaList`, 3.1.0 to 4.1.5.
fn replica_list<'a>(
    view: &View<'a>,
    rows: &'a [ReplicaRow],
    synchronous_commit: &str,
) -> Result<(Vec<Replica<'a>>, Vec<Candidate<'a>>), Raised> {
    let position = |row: &ReplicaRow| match synchronous_commit {
        "remote_apply" => row.replay_lsn,
        "remote_write" => row.write_lsn,
        _ => row.flush_lsn,
    };
    let members = Members::of(view)?;
    let mut replicas = Vec::with_capacity(rows.len());
    for row in rows {
        let (member, choice) = members.judge(view, row, position(row))?;
        replicas.push(Replica { row, member, choice });
    }
    if members.has_cascades {
        supersede(&mut replicas);
        let connected: CaseInsensitiveSet = replicas
            .iter()
            .filter(|replica| is_open(replica))
            .filter_map(|replica| Some(&replica.member?.name))
            .collect();
        for replica in replicas.iter_mut().filter(|replica| is_open(replica)) {
            let Some(member) = replica.member else { continue };
            if let Some(from) = members.cascades_from(member, &connected)? {
                replica.choice = Choice::Cascades(from);
            }
        }
    }
    let mut candidates = Vec::new();
    for (index, replica) in replicas.iter().enumerate().filter(|(_, replica)| is_open(replica)) {
        let Some(member) = replica.member else { continue };
        let by_application = view.has(Behaviour::StandbysAreNamedByApplication);
        let priority = member.tags.as_ref().map_err(Clone::clone)?.sync_priority();
        candidates.push(Candidate {
            index,
            name: if by_application { &replica.row.application_name } else { &member.name },
            sync_state: &replica.row.sync_state,
            lsn: position(replica.row),
            nofailover: nofailover(member)?,
            priority: if view.has(Behaviour::SyncPriority) { priority } else { 1 },
        });
    }
    let rank =
        |candidate: &Candidate<'a>| (candidate.priority, candidate.sync_state, candidate.lsn.is_none(), candidate.lsn);
    candidates.sort_by(|one, two| rank(two).cmp(&rank(one)));
    Ok((replicas, candidates))
}

/// Whether nothing was found yet that keeps it from being chosen.
fn is_open(replica: &Replica<'_>) -> bool {
    matches!(replica.choice, Choice::Chosen { .. })
}

/// Of several connections by the same name the last one counts, in the place of the first.
fn supersede(replicas: &mut [Replica<'_>]) {
    for index in 0..replicas.len() {
        let name = replicas[index].row.application_name.to_lowercase();
        let is_same = |other: &Replica<'_>| is_open(other) && other.row.application_name.to_lowercase() == name;
        if is_open(&replicas[index]) && replicas[index + 1..].iter().any(is_same) {
            replicas[index].choice = Choice::Superseded;
        }
    }
}

/// The members that a row can belong to.
struct Members<'a> {
    /// The last one of several that differ by the case of letters counts.
    by_name: Vec<(String, &'a Member)>,
    has_cascades: bool,
}

impl<'a> Members<'a> {
    fn of(view: &View<'a>) -> Result<Self, Raised> {
        let has_cascades = view.has(Behaviour::CascadingStandbysAreNotSync);
        let mut by_name: Vec<(String, &'a Member)> = Vec::new();
        for member in view.cluster.members.iter() {
            if has_cascades && !(is_running(member) && !nosync(view, member)?) {
                continue;
            }
            let name = member.name.to_lowercase();
            if view.has(Behaviour::LeaderIsNoStandby) && name == view.name.to_lowercase() {
                continue;
            }
            match by_name.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = member,
                None => by_name.push((name, member)),
            }
        }
        Ok(Self { by_name, has_cascades })
    }

    fn get(&self, name: &str) -> Option<&'a Member> {
        let name = name.to_lowercase();
        self.by_name.iter().find(|(known, _)| *known == name).map(|(_, member)| *member)
    }

    /// What a row says by itself.
    fn judge(
        &self,
        view: &View<'a>,
        row: &'a ReplicaRow,
        lsn: Option<i128>,
    ) -> Result<(Option<&'a Member>, Choice<'a>), Raised> {
        let Some(member) = self.get(&row.application_name) else { return self.explain_missing(view, row) };
        let choice = if row.state != "streaming" {
            Choice::NotStreaming(&row.state)
        } else if lsn.is_none() && view.has(Behaviour::SyncNeedsPosition) {
            Choice::NoPosition
        } else if view.has(Behaviour::SyncStandbysAreConfirmed) && !is_running(member) {
            Choice::NotRunning(member.state.as_deref())
        } else if nosync(view, member)? {
            Choice::NoSync
        } else {
            Choice::Chosen { confirmed: false }
        };
        Ok((Some(member), choice))
    }

    /// Why no member belongs to a row.
    fn explain_missing(
        &self,
        view: &View<'a>,
        row: &'a ReplicaRow,
    ) -> Result<(Option<&'a Member>, Choice<'a>), Raised> {
        let name = row.application_name.to_lowercase();
        let member = view.cluster.members.iter().rev().find(|member| member.name.to_lowercase() == name);
        let choice = match member {
            None => Choice::NotAMember,
            Some(_) if name == view.name.to_lowercase() => Choice::IsLeader,
            Some(member) if !is_running(member) => Choice::NotRunning(member.state.as_deref()),
            Some(_) => Choice::NoSync,
        };
        Ok((member, choice))
    }

    /// The standby that a member has to replicate from instead of the leader.
    ///
    /// # Errors
    ///
    /// The tags `replicatefrom` go round in a circle: Patroni recurses until Python stops it.
    ///
    /// Source: patroni/postgresql/sync.py, `_ReplicaList._should_cascade`, 3.3.7 to 3.3.11, 4.0.6 to 4.1.5.
    fn cascades_from(&self, member: &'a Member, connected: &CaseInsensitiveSet) -> Result<Option<&'a str>, Raised> {
        let mut current = member;
        // A chain without a circle ends after as many steps as there are members.
        for _ in 0..=self.by_name.len() {
            let Some(from) = replicatefrom(current)? else {
                let cascades = current.name != member.name && connected.contains(&current.name);
                return Ok(cascades.then(|| replicatefrom(member).ok().flatten()).flatten());
            };
            match self.get(from) {
                Some(upstream) => current = upstream,
                None => return Ok(None),
            }
        }
        Err(Raised::new("RecursionError", "maximum recursion depth exceeded"))
    }
}

fn replicatefrom(member: &Member) -> Result<Option<&str>, Raised> {
    let tags = member.tags.as_ref().map_err(Clone::clone)?;
    Ok(tags.replicatefrom.as_deref().filter(|from| !from.is_empty()))
}

fn nosync(view: &View<'_>, member: &Member) -> Result<bool, Raised> {
    Ok(member.tags.as_ref().map_err(Clone::clone)?.nosync(view.behaviours))
}

/// `Member.is_running`
fn is_running(member: &Member) -> bool {
    member.state.as_deref() == Some("running")
}

/// The position that lag is measured against: that of the best standby, or the leader's if there is one standby only.
fn max_lsn(view: &View<'_>, candidates: &[Candidate<'_>]) -> Result<i128, Raised> {
    if candidates.len() <= 1 {
        return Ok(view.local.lsn);
    }
    let known = candidates.iter().map(|candidate| candidate.lsn.ok_or_else(|| null_in(">")));
    known.reduce(|one, two| Ok(one?.max(two?))).unwrap_or(Ok(view.local.lsn))
}

/// What Python raises on a position that is null.
fn null_in(operator: &str) -> Raised {
    let text = match operator {
        ">" => "'>' not supported between instances of 'NoneType' and 'int'",
        _ => "unsupported operand type(s) for -: 'int' and 'NoneType'",
    };
    Raised::new("TypeError", text)
}

/// Adds a name as the release does: to a list, or since 3.0.3 to a set that ignores the case of letters.
fn add(view: &View<'_>, names: &mut Vec<String>, name: &str) {
    let is_set = view.has(Behaviour::SyncNamesIgnoreCase);
    let lower = name.to_lowercase();
    match names.iter_mut().find(|known| is_set && known.to_lowercase() == lower) {
        Some(known) => name.clone_into(known),
        None => names.push(name.to_owned()),
    }
}
