//! Who can be a synchronous standby, and who is chosen, as the leader sees it.

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::decision::replica_list::{Candidate, replica_list};
use crate::decision::standby_names::{FIRST_WITH_MULTIPLE_SYNC, FIRST_WITH_QUORUM_COMMIT, StandbyNames, SyncKind};
use crate::decision::sync_step::SyncStep;
use crate::decision::view::View;
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
            Self::EnoughOthers { wanted } => format!("not needed: others come first, {wanted} wanted"),
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

impl SyncHandler {
    /// Who is synchronous and who is to be. `setting`: `synchronous_standby_names` now.
    ///
    /// # Errors
    ///
    /// The tags of a member or the names in `/sync` are such that Patroni raises, and in every loop.
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
        // Without synchronous mode it does not ask PostgreSQL; in a standby cluster quorum mode looks all the same.
        let (setting, rows) = match view.config.synchronous_mode {
            true => (setting, &replication.rows[..]),
            false => ("", &[][..]),
        };
        self.handle_change(view, setting, steps);
        let (mut replicas, mut candidates) = replica_list(view, rows, &replication.synchronous_commit)?;
        for candidate in &candidates {
            self.mark_ready(view, replication.postgres_version, candidate)?;
        }
        if view.has(Behaviour::NofailoverComesLast) {
            candidates.sort_by_key(Candidate::nofailover);
        }
        let mut selection = Selection::new(view, replication.postgres_version, &candidates)?;
        for candidate in &candidates {
            let is_ready = !view.has(Behaviour::SyncStandbysAreConfirmed) || self.ready.contains(candidate.name);
            replicas[candidate.index].choice = selection.consider(candidate, is_ready)?;
        }
        Ok(CurrentState {
            kind: self.names.kind,
            numsync: self.names.num,
            sync: self.names.listed(),
            confirmed: selection.confirmed,
            active: selection.active,
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
    fn mark_ready(&mut self, view: &View<'_>, postgres_version: u32, candidate: &Candidate<'_>) -> Result<(), Raised> {
        if self.ready.contains(candidate.name) || !self.names.members.contains(candidate.name) {
            return Ok(());
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
            view.cluster.sync.try_is_standby(candidate.name)? || candidate.sync_state == "sync" && has_caught_up
        };
        if is_ready {
            self.ready = self.ready.with(candidate.name);
        }
        Ok(())
    }
}

/// Who is chosen while the candidates are gone through, the best first.
struct Selection<'a> {
    view: View<'a>,
    wanted: i128,
    lag_limit: LagLimit,
    active: Vec<String>,
    confirmed: Vec<String>,
    /// Whether nobody else is looked at.
    is_complete: bool,
}

impl<'a> Selection<'a> {
    fn new(view: &View<'a>, postgres_version: u32, candidates: &[Candidate<'a>]) -> Result<Self, Raised> {
        let has_multiple_sync = FIRST_WITH_MULTIPLE_SYNC <= postgres_version;
        Ok(Self {
            view: *view,
            wanted: if has_multiple_sync { view.config.synchronous_node_count } else { 1 },
            lag_limit: LagLimit::of(view, candidates)?,
            active: Vec::new(),
            confirmed: Vec::new(),
            is_complete: false,
        })
    }

    /// What comes of a candidate. `is_ready`: it is known to have all that was committed before it was to be synchronous.
    fn consider(&mut self, candidate: &Candidate<'a>, is_ready: bool) -> Result<Choice<'a>, Raised> {
        let wanted = self.wanted;
        if self.is_complete {
            return Ok(Choice::EnoughOthers { wanted });
        }
        let tags = candidate.tags.as_ref().map_err(Clone::clone)?;
        let is_quorum = self.view.config.quorum_commit_mode;
        let choice = match self.lag_limit.exceeded_by(candidate.lsn)? {
            Some(lagging) => lagging,
            None if is_quorum && tags.nofailover() && wanted <= self.active.len() as i128 => Choice::NoFailover,
            None => self.choose(candidate, is_ready && (is_quorum || candidate.sync_state == "sync")),
        };
        // Before 4.0.0 a lagging standby, too, ends the search if none is wanted.
        let may_end = !matches!(choice, Choice::Lagging { .. }) || !self.view.has(Behaviour::QuorumCommit);
        self.is_complete = may_end && !is_quorum && wanted <= self.active.len() as i128;
        Ok(choice)
    }

    fn choose(&mut self, candidate: &Candidate<'a>, confirmed: bool) -> Choice<'a> {
        add(&self.view, &mut self.active, candidate.name);
        match (confirmed, self.view.config.quorum_commit_mode) {
            // In quorum mode connections are counted, not names.
            (true, true) => self.confirmed.push(candidate.name.to_owned()),
            (true, false) => add(&self.view, &mut self.confirmed, candidate.name),
            (false, _) => {}
        }
        Choice::Chosen { confirmed }
    }
}

/// How far a standby may be behind.
struct LagLimit {
    /// `maximum_lag_on_syncnode`; 0 or less: any distance.
    allowed_bytes: i128,
    /// The position of the best standby, or the leader's if there is one standby only.
    max_lsn: i128,
}

impl LagLimit {
    /// # Errors
    ///
    /// A position is null, in releases that do not leave such a standby out.
    fn of(view: &View<'_>, candidates: &[Candidate<'_>]) -> Result<Self, Raised> {
        if !view.has(Behaviour::SyncLagIsLimited) {
            return Ok(Self { allowed_bytes: 0, max_lsn: 0 });
        }
        let allowed_bytes = view.config.maximum_lag_on_syncnode;
        let mut positions = candidates.iter().map(|candidate| candidate.lsn);
        let mut best = positions.next().flatten();
        if candidates.len() <= 1 {
            best = Some(view.local.lsn);
        }
        for lsn in positions {
            let (Some(one), Some(two)) = (lsn, best) else {
                let (one, two) = (type_name(lsn), type_name(best));
                let text = format!("'>' not supported between instances of '{one}' and '{two}'");
                return Err(Raised::new("TypeError", text));
            };
            best = Some(one.max(two));
        }
        Ok(Self { allowed_bytes, max_lsn: best.unwrap_or(view.local.lsn) })
    }

    fn exceeded_by(&self, lsn: Option<i128>) -> Result<Option<Choice<'static>>, Raised> {
        let allowed_bytes = self.allowed_bytes;
        if allowed_bytes <= 0 {
            return Ok(None);
        }
        let Some(lsn) = lsn else {
            return Err(Raised::new("TypeError", "unsupported operand type(s) for -: 'int' and 'NoneType'"));
        };
        let lag_bytes = self.max_lsn.saturating_sub(lsn);
        Ok((allowed_bytes < lag_bytes).then_some(Choice::Lagging { lag_bytes, allowed_bytes }))
    }
}

/// Python's name for the type of a position.
fn type_name(lsn: Option<i128>) -> &'static str {
    if lsn.is_some() { "int" } else { "NoneType" }
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
