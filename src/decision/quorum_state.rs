//! How the leader moves `/sync` and `synchronous_standby_names` in quorum mode: one after the other, in an order in which
//! no commit that clients were told of can be lost at any step.
//!
//! In goes what both hold now and who is replicating; out come the writes that Patroni makes next
//! ([`QuorumState::resolve`]), or all of them until nothing is left to do ([`QuorumState::settle`]).
//!
//! What [`crate::model::behaviour::Behaviour::QuorumCommit`] says is the caller's business: releases without it have no
//! such states. Neither is the minimum that `synchronous_mode_strict` adds to `synchronous_standby_names` here; `Ha` adds
//! it while writing.
//!
//! Source: patroni/quorum.py, 4.1.5.

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::model::behaviour::{Behaviour, Behaviours};

/// The most runs in [`QuorumState::settle`]. Consistent states need four at most; whatever the state, the last one changes
/// nothing.
pub const MAXIMUM_RUNS: usize = 16;

/// One run makes fewer transitions than this, those that are merged later included: it has no loop, and each of its steps
/// makes six at most.
pub const MAXIMUM_TRANSITIONS: usize = 32;

/// Numbers beyond this, which no cluster has, are taken for it, so that sums of them stay exact.
const LARGEST_NUMBER: i128 = 1 << 120;

/// What `/sync` and PostgreSQL hold, and what they ought to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumState {
    /// `leader` of `/sync`.
    pub leader: String,
    /// `quorum` of `/sync`: how many of the voters a candidate that is a voter must hear from besides itself.
    pub quorum: i128,
    /// `sync_standby` of `/sync`.
    pub voters: CaseInsensitiveSet,
    /// How many standbys a commit waits for: the number in `synchronous_standby_names`.
    pub numsync: i128,
    /// The names in `synchronous_standby_names`; none if it holds `*`.
    pub sync: CaseInsensitiveSet,
    /// How many of the active nodes are known to have all that was committed before they got into
    /// `synchronous_standby_names`.
    pub numsync_confirmed: i128,
    /// Who replicates from the leader and may be a synchronous standby.
    pub active: CaseInsensitiveSet,
    /// `synchronous_node_count`
    pub sync_wanted: i128,
    /// The node that leads now; not `leader` right after a failover.
    pub leader_wanted: String,
}

/// One write to the DCS or to PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What is written.
    pub kind: TransitionKind,
    /// `leader` of `/sync` at this time.
    pub leader: String,
    /// The new `quorum` or the new number in `synchronous_standby_names`; for a restart the present `quorum`.
    pub num: i128,
    /// The new `sync_standby` or the new names in `synchronous_standby_names`; for a restart the present `sync_standby`.
    pub names: CaseInsensitiveSet,
}

/// What a transition writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransitionKind {
    /// `/sync`
    Quorum,
    /// `synchronous_standby_names`
    Sync,
    /// Nothing: the new standbys have to catch up first, and the leader looks again after a second.
    Restart,
}

impl TransitionKind {
    /// As Patroni names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::Sync => "sync",
            Self::Restart => "restart",
        }
    }
}

/// What comes of one run of the resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The writes in their order, never two of one kind in a row and nothing after a restart. If Patroni raises, it
    /// writes nothing, and tries again in its next loop.
    pub transitions: Result<Vec<Transition>, QuorumError>,
    /// What Patroni warns of in its log: the state was broken to begin with, and the quorum is set anew.
    pub warning: Option<QuorumError>,
    /// The state after the writes. A run that takes longer than `loop_wait` stops after any of them.
    pub end: QuorumState,
}

/// What comes of running until nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Every run that wrote something or failed, in order.
    pub runs: Vec<Resolution>,
    /// The state after the last one.
    pub end: QuorumState,
    /// Whether nothing is left to do. If not, either the last run failed, and so would each after it, or there were
    /// [`MAXIMUM_RUNS`].
    pub is_settled: bool,
}

/// What Patroni raises on a state, with Patroni's text but for the order of names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// The quorum would be negative.
    #[error("Quorum {quorum} < 0 of ({voters})")]
    NegativeQuorum {
        /// The quorum.
        quorum: i128,
        /// Of whom.
        voters: CaseInsensitiveSet,
    },
    /// The quorum could not be reached by the voters besides a candidate.
    #[error("Quorum {quorum} >= N of ({voters})")]
    QuorumOfTooFew {
        /// The quorum.
        quorum: i128,
        /// Of whom.
        voters: CaseInsensitiveSet,
    },
    /// The number in `synchronous_standby_names` would be negative.
    #[error("Sync {numsync} < 0 of ({sync})")]
    NegativeSync {
        /// The number.
        numsync: i128,
        /// Of whom.
        sync: CaseInsensitiveSet,
    },
    /// Commits would wait for more standbys than there are.
    #[error("Sync {numsync} > N of ({sync})")]
    SyncOfTooFew {
        /// The number.
        numsync: i128,
        /// Of whom.
        sync: CaseInsensitiveSet,
    },
    /// A commit could be acknowledged by nodes of which a new leader need not hear.
    #[error("Quorum and sync not guaranteed to overlap: nodes {nodes} >= quorum {quorum} + sync {sync} + 1")]
    NoOverlap {
        /// How many nodes take part in either, leaders included.
        nodes: usize,
        /// `quorum` of `/sync`.
        quorum: i128,
        /// The names in `synchronous_standby_names`; Patroni prints them where the sum has their number.
        sync: CaseInsensitiveSet,
    },
    /// Both places were changed at once: each names nodes that the other does not.
    #[error("Mismatched sets: voter only={voters_only} sync only={sync_only}")]
    MismatchedSets {
        /// Only in `/sync`.
        voters_only: CaseInsensitiveSet,
        /// Only in `synchronous_standby_names`.
        sync_only: CaseInsensitiveSet,
    },
    /// What Patroni takes for granted at some place does not hold.
    #[error("")]
    Assertion(Assertion),
}

/// What Patroni's code asserts; a failure has no text there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assertion {
    /// `self.leader == self.leader_wanted`
    LeaderIsWanted,
    /// `self.voters == self.sync`
    VotersAreSync,
    /// `self.quorum == 0`
    QuorumIsZero,
}

impl QuorumError {
    /// The class of the exception.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Assertion(_) => "AssertionError",
            _ => "QuorumError",
        }
    }
}

impl QuorumState {
    /// What Patroni writes next: one pass over the state, as the leader makes in every loop.
    ///
    /// Source: patroni/quorum.py, `QuorumStateResolver.__iter__`, 4.1.5.
    pub fn resolve(&self, behaviours: Behaviours) -> Resolution {
        let start = self.as_resolver_reads_it();
        let mut resolver = Resolver { state: start.clone(), behaviours, transitions: Vec::new(), warning: None };
        let transitions = resolver.generate_transitions().map(|()| merged(resolver.transitions));
        let mut end = start;
        for transition in transitions.iter().flatten() {
            end.apply(transition);
            debug_assert!(
                transition.kind == TransitionKind::Restart || end.check_invariants().is_ok(),
                "{transition:?} leads to {end:?}"
            );
        }
        Resolution { transitions, warning: resolver.warning, end }
    }

    /// The steady state that Patroni is moving to, and the way there, if the nodes in `active` stay.
    ///
    /// The first run sees the state as it is. Before later ones every active node in `synchronous_standby_names` has
    /// caught up, and so counts for `numsync_confirmed`. A run that fails is tried again while that changes something.
    ///
    /// Source: patroni/ha.py, `Ha._process_quorum_replication`, 4.1.5, loop by loop.
    pub fn settle(&self, behaviours: Behaviours) -> Settlement {
        let mut settlement = Settlement { runs: Vec::new(), end: self.as_resolver_reads_it(), is_settled: false };
        for _ in 0..MAXIMUM_RUNS {
            let before = settlement.end;
            let resolution = before.resolve(behaviours);
            settlement.end = QuorumState { numsync_confirmed: resolution.end.caught_up(), ..resolution.end.clone() };
            settlement.is_settled = resolution.transitions.as_ref().is_ok_and(Vec::is_empty);
            if !settlement.is_settled {
                settlement.runs.push(resolution);
            }
            if settlement.end == before {
                return settlement;
            }
        }
        settlement.is_settled = false;
        settlement
    }

    /// Whether every set of nodes that can acknowledge a commit has a node in common with every set that can elect a
    /// leader, and at most one of `/sync` and `synchronous_standby_names` is ahead of the other.
    ///
    /// # Errors
    ///
    /// The state is broken: by hand, by a bug of Patroni, or because the two were not read at the same time.
    ///
    /// Source: patroni/quorum.py, `QuorumStateResolver.check_invariants`, 4.1.5.
    pub fn check_invariants(&self) -> Result<(), QuorumError> {
        let voters = self.voters.with(&self.leader);
        let sync = self.sync.with(&self.leader_wanted);
        let nodes = voters.union(&sync).len();
        // The leaders are counted, and they take part in every commit and every election: hence 1.
        let is_overlapping = int(nodes) <= self.quorum.saturating_add(self.numsync).saturating_add(1);
        if !self.voters.is_empty() && !is_overlapping {
            return Err(QuorumError::NoOverlap { nodes, quorum: self.quorum, sync: self.sync.clone() });
        }
        if !voters.is_subset(&sync) && !sync.is_subset(&voters) {
            return Err(QuorumError::MismatchedSets {
                voters_only: voters.difference(&sync),
                sync_only: sync.difference(&voters),
            });
        }
        Ok(())
    }

    /// Changes the state as a transition does.
    pub fn apply(&mut self, transition: &Transition) {
        match transition.kind {
            TransitionKind::Quorum => {
                self.leader.clone_from(&transition.leader);
                self.quorum = transition.num;
                self.voters = transition.names.clone();
            }
            TransitionKind::Sync => {
                self.numsync = transition.num;
                self.sync = transition.names.clone();
            }
            TransitionKind::Restart => {}
        }
    }

    /// `numsync_confirmed` once every active node in `synchronous_standby_names` has caught up.
    fn caught_up(&self) -> i128 {
        int(self.sync.intersection(&self.active).len())
    }

    /// What `QuorumStateResolver.__init__` makes of it: a commit cannot wait for more standbys than are named.
    fn as_resolver_reads_it(&self) -> Self {
        let bounded = |number: i128| number.clamp(-LARGEST_NUMBER, LARGEST_NUMBER);
        Self {
            quorum: bounded(self.quorum),
            numsync: bounded(self.numsync).min(int(self.sync.len())),
            numsync_confirmed: bounded(self.numsync_confirmed),
            sync_wanted: bounded(self.sync_wanted),
            ..self.clone()
        }
    }
}

/// A run: the state as it changes, and the transitions so far.
struct Resolver {
    state: QuorumState,
    behaviours: Behaviours,
    transitions: Vec<Transition>,
    warning: Option<QuorumError>,
}

/// How an update of `/sync` departs from the quorum that it was given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Adjustment {
    /// Not at all, and it makes the wanted leader the leader.
    NewLeader,
    /// The quorum is raised by the number of standbys that a commit waits for but that are not confirmed.
    Unconfirmed,
    /// Not at all.
    None,
}

impl Adjustment {
    fn unconfirmed_if(condition: bool) -> Self {
        if condition { Self::Unconfirmed } else { Self::None }
    }
}

impl Resolver {
    /// `QuorumStateResolver._generate_transitions`
    fn generate_transitions(&mut self) -> Result<(), QuorumError> {
        match self.take_over() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                self.warning = Some(error);
                let quorum = int(self.state.sync.len()) - self.state.numsync;
                self.quorum_update(quorum, self.state.sync.clone(), Adjustment::Unconfirmed)?;
            }
        }
        assertion(Assertion::LeaderIsWanted, self.state.leader == self.state.leader_wanted)?;

        // After a restart or a failover nobody is confirmed yet: as many as the quorum lets us conclude are.
        let caught_up = self.state.caught_up();
        if self.state.numsync_confirmed == 0 && 0 < caught_up {
            self.state.numsync_confirmed = caught_up.min(int(self.state.voters.len()) - self.state.quorum);
        }

        self.handle_non_steady_cases()?;
        self.remove_gone_nodes()?;
        self.add_new_nodes()?;
        self.handle_replication_factor_change()
    }

    /// The first part of `_generate_transitions`, whose errors are but logged: makes the wanted leader the leader, or
    /// checks the state. True: the run ends here, to give the standbys time to connect to the new leader.
    fn take_over(&mut self) -> Result<bool, QuorumError> {
        let state = &self.state;
        if state.leader_wanted == state.leader {
            return state.check_invariants().map(|()| false);
        }
        let wanted = [state.leader_wanted.as_str()].into_iter().collect();
        // The old leader may have acknowledged commits, so it becomes a voter.
        let voters = state.voters.difference(&wanted).with(&state.leader);
        if state.sync.is_empty() {
            self.sync_update(int(voters.len()) - state.quorum, voters.clone())?;
        }
        self.quorum_update(self.state.quorum, voters, Adjustment::NewLeader)?;
        Ok(self.state.sync.intersection(&self.state.active).is_empty())
    }

    /// `QuorumStateResolver.__handle_non_steady_cases`: a former run was interrupted, or its change is not confirmed.
    fn handle_non_steady_cases(&mut self) -> Result<(), QuorumError> {
        if self.state.sync.is_proper_subset(&self.state.voters) {
            self.bring_sync_up_to_voters()?;
        } else if self.state.voters.is_proper_subset(&self.state.sync) {
            self.bring_voters_up_to_sync()?;
        }
        assertion(Assertion::VotersAreSync, self.state.voters == self.state.sync)?;

        let state = &self.state;
        let nodes = int(state.voters.union(&state.sync).len());
        let lowest_quorum = int(state.sync.len()) - state.numsync;
        if nodes < state.quorum + state.numsync.min(state.numsync_confirmed) {
            if state.sync_wanted < state.numsync {
                // Case 3 of Patroni: the number of synchronous standbys has been lowered in `/sync` only.
                let numsync = state.sync_wanted.max(int(state.voters.len()) - state.quorum);
                self.sync_update(numsync, state.sync.clone())?;
            } else {
                // Case 4: it has been raised in `synchronous_standby_names` only.
                self.quorum_update(lowest_quorum, state.voters.clone(), Adjustment::Unconfirmed)?;
            }
        } else if state.numsync == state.sync_wanted && nodes < state.quorum + state.numsync {
            // Patroni also asks whether some are not confirmed; if all were, it would have come to the first case.
            self.quorum_update(lowest_quorum, state.voters.clone(), Adjustment::Unconfirmed)?;
        }
        Ok(())
    }

    /// Case 1 of `__handle_non_steady_cases`: `/sync` has more nodes.
    fn bring_sync_up_to_voters(&mut self) -> Result<(), QuorumError> {
        let state = &self.state;
        let gone = state.voters.difference(&state.sync.union(&state.active));
        if !gone.is_empty() {
            let quorum = int(state.voters.len()) - int(gone.len()) - state.numsync;
            let adjustment = Adjustment::unconfirmed_if(state.sync.is_subset(&state.active));
            self.quorum_update(quorum, state.voters.difference(&gone), adjustment)?;
        }
        let state = &self.state;
        let added = state.voters.intersection(&state.active).difference(&state.sync);
        if !added.is_empty() {
            self.sync_update(state.numsync, state.sync.union(&added))?;
        }
        Ok(())
    }

    /// Case 2 of `__handle_non_steady_cases`: `synchronous_standby_names` has more nodes.
    fn bring_voters_up_to_sync(&mut self) -> Result<(), QuorumError> {
        let state = &self.state;
        let gone = state.sync.difference(&state.active);
        let sync = state.sync.difference(&gone);
        let in_common = state.voters.is_empty() || !sync.intersection(&state.voters).is_empty();
        let is_handled = self.behaviours.has(Behaviour::QuorumQuickLeaveHandled);
        if is_handled && !gone.is_empty() && !sync.is_empty() && in_common {
            self.sync_update(state.numsync.min(int(sync.len())), sync)?;
        }
        let state = &self.state;
        let added = state.sync.difference(&state.voters).intersection(&state.active);
        if !added.is_empty() {
            let voters = state.voters.union(&added);
            self.quorum_update(int(voters.len()) - state.numsync, voters, Adjustment::Unconfirmed)?;
        }
        let state = &self.state;
        let gone = state.sync.difference(&state.voters);
        if !gone.is_empty() {
            let sync = state.sync.difference(&gone);
            self.sync_update(state.numsync.min(int(sync.len())), sync)?;
        }
        Ok(())
    }

    /// `QuorumStateResolver.__remove_gone_nodes`
    fn remove_gone_nodes(&mut self) -> Result<(), QuorumError> {
        let mut gone = self.state.sync.difference(&self.state.active);
        if gone.is_empty() {
            return Ok(());
        }
        if gone == self.state.sync {
            self.quorum_update(0, CaseInsensitiveSet::default(), Adjustment::None)?;
            return self.sync_update(0, CaseInsensitiveSet::default());
        }
        if self.state.quorum != 0 {
            let state = &self.state;
            // As many as the quorum allows for, the last by name first. Python counts a negative number from the end.
            let allowed = if state.quorum < 0 { int(gone.len()) + state.quorum } else { state.quorum };
            let removed = gone.sorted().into_iter().rev().take(count(allowed)).collect();
            let sync = state.sync.difference(&removed);
            let is_raised = state.numsync < state.sync_wanted;
            let numsync = if is_raised { state.sync_wanted } else { state.numsync };
            let is_bounded = is_raised || self.behaviours.has(Behaviour::QuorumQuickLeaveHandled);
            let numsync = if is_bounded { numsync.min(int(sync.len())) } else { numsync };
            self.sync_update(numsync, sync)?;
            gone = self.state.sync.intersection(&gone);
            let voters = self.state.voters.difference(&removed);
            let adjustment = Adjustment::unconfirmed_if(gone.is_empty());
            self.quorum_update(int(voters.len()) - self.state.numsync, voters, adjustment)?;
        }
        if gone.is_empty() {
            return Ok(());
        }
        assertion(Assertion::QuorumIsZero, self.state.quorum == 0)?;
        let state = &self.state;
        let numsync = state.numsync - int(gone.len());
        let sync = state.sync.difference(&gone);
        let voters = state.voters.difference(&gone);
        let decrease = numsync - state.sync_wanted.min(int(sync.len()));
        let quorum = if decrease == 0 { 0 } else { decrease.min(int(voters.len()) - 1) };
        self.quorum_update(quorum, voters, Adjustment::None)?;
        self.sync_update(numsync, sync)
    }

    /// `QuorumStateResolver.__add_new_nodes`
    fn add_new_nodes(&mut self) -> Result<(), QuorumError> {
        let state = &self.state;
        let mut new = state.active.difference(&state.sync);
        if new.is_empty() {
            return Ok(());
        }
        let sync_wanted = state.sync_wanted.min(int(state.sync.union(&new).len()));
        let increase = sync_wanted - state.numsync;
        if 0 < increase {
            // First as many as commits are to wait for; all at once as long as there is only the leader.
            let added: CaseInsensitiveSet = if state.sync.is_empty() {
                new.clone()
            } else {
                new.sorted().into_iter().take(count(increase)).collect()
            };
            let increase = if state.sync.is_empty() { increase } else { int(added.len()) };
            self.sync_update(state.numsync + increase, state.sync.union(&added))?;
            let voters = self.state.voters.union(&added);
            self.quorum_update(int(voters.len()) - sync_wanted, voters, Adjustment::Unconfirmed)?;
            new = new.difference(&self.state.sync);
        }
        if new.is_empty() {
            return Ok(());
        }
        let voters = self.state.voters.union(&new);
        let adjustment = Adjustment::unconfirmed_if(self.state.numsync_confirmed < sync_wanted);
        self.quorum_update(int(voters.len()) - sync_wanted, voters, adjustment)?;
        self.sync_update(sync_wanted, self.state.sync.union(&new))
    }

    /// `QuorumStateResolver.__handle_replication_factor_change`
    fn handle_replication_factor_change(&mut self) -> Result<(), QuorumError> {
        let state = &self.state;
        let numsync = state.sync_wanted.min(int(state.sync.len()));
        let voters = state.voters.clone();
        let quorum = int(voters.len()) - numsync;
        if state.numsync < numsync {
            self.sync_update(numsync, state.sync.clone())?;
            self.quorum_update(quorum, voters, Adjustment::Unconfirmed)?;
        } else if numsync < state.numsync {
            if state.quorum + state.numsync - numsync < int(voters.len()) {
                let adjustment = Adjustment::unconfirmed_if(state.numsync_confirmed < state.sync_wanted);
                self.quorum_update(quorum, voters, adjustment)?;
            }
            self.sync_update(numsync, self.state.sync.clone())?;
        }
        Ok(())
    }

    /// `QuorumStateResolver.quorum_update`: writes `/sync`.
    fn quorum_update(
        &mut self,
        mut quorum: i128,
        mut voters: CaseInsensitiveSet,
        adjustment: Adjustment,
    ) -> Result<(), QuorumError> {
        if quorum < 0 {
            return Err(QuorumError::NegativeQuorum { quorum, voters });
        }
        if 0 < quorum && int(voters.len()) <= quorum {
            return Err(QuorumError::QuorumOfTooFew { quorum, voters });
        }
        let state = &mut self.state;
        let mut is_changed = false;
        // Once there are voters, a standby that is not confirmed is no reason to drop them all.
        let keeps_voters = self.behaviours.has(Behaviour::QuorumQuickLeaveHandled) && !state.voters.is_empty();
        if adjustment == Adjustment::NewLeader {
            is_changed = state.leader != state.leader_wanted;
            state.leader.clone_from(&state.leader_wanted);
        } else if state.numsync_confirmed == 0 && !keeps_voters {
            (quorum, voters) = (0, CaseInsensitiveSet::default());
        } else if adjustment == Adjustment::Unconfirmed {
            quorum += (state.numsync - state.numsync_confirmed).max(0);
        }
        if !is_changed && quorum == state.quorum && voters == state.voters {
            if !state.voters.is_empty() {
                return Ok(());
            }
            self.push(TransitionKind::Restart);
        }
        self.state.quorum = quorum;
        self.state.voters = voters;
        self.state.check_invariants()?;
        self.push(TransitionKind::Quorum);
        Ok(())
    }

    /// `QuorumStateResolver.sync_update`: writes `synchronous_standby_names`.
    fn sync_update(&mut self, numsync: i128, sync: CaseInsensitiveSet) -> Result<(), QuorumError> {
        if numsync < 0 {
            return Err(QuorumError::NegativeSync { numsync, sync });
        }
        if int(sync.len()) < numsync {
            return Err(QuorumError::SyncOfTooFew { numsync, sync });
        }
        self.state.numsync = numsync;
        self.state.sync = sync;
        self.state.check_invariants()?;
        self.push(TransitionKind::Sync);
        Ok(())
    }

    fn push(&mut self, kind: TransitionKind) {
        let state = &self.state;
        let (num, names) = match kind {
            TransitionKind::Sync => (state.numsync, state.sync.clone()),
            TransitionKind::Quorum | TransitionKind::Restart => (state.quorum, state.voters.clone()),
        };
        self.transitions.push(Transition { kind, leader: state.leader.clone(), num, names });
        debug_assert!(self.transitions.len() < MAXIMUM_TRANSITIONS, "{:?}", self.transitions);
    }
}

/// `QuorumStateResolver.__iter__`: of several writes in a row to one place only the last is made; a restart ends the run.
fn merged(transitions: Vec<Transition>) -> Vec<Transition> {
    let mut merged: Vec<Transition> = Vec::with_capacity(transitions.len());
    for transition in transitions {
        match merged.last_mut() {
            Some(last) if last.kind == transition.kind => *last = transition,
            Some(last) if last.kind == TransitionKind::Restart => break,
            _ => merged.push(transition),
        }
    }
    merged
}

fn assertion(assertion: Assertion, holds: bool) -> Result<(), QuorumError> {
    if holds { Ok(()) } else { Err(QuorumError::Assertion(assertion)) }
}

/// A number of nodes in a sum that may be negative.
fn int(count: usize) -> i128 {
    count as i128
}

/// How many to take: none for a negative number.
fn count(number: i128) -> usize {
    usize::try_from(number.max(0)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::version::PatroniVersion;

    const OLD: PatroniVersion = PatroniVersion::new(4, 0, 4);
    const NEW: PatroniVersion = PatroniVersion::new(4, 1, 5);

    /// The state of `leader quorum [voters] numsync [sync] confirmed [active] wanted leader_wanted`.
    fn state(text: &str) -> QuorumState {
        let mut parts = text.split(['[', ']']).map(str::split_whitespace);
        let mut part = || -> Vec<&str> { parts.next().expect("a state has nine fields").collect() };
        let number = |text: &str| text.parse().expect("a number");
        let (head, voters, numsync, sync, confirmed, active, tail) =
            (part(), part(), part(), part(), part(), part(), part());
        QuorumState {
            leader: head[0].to_owned(),
            quorum: number(head[1]),
            voters: voters.into_iter().collect(),
            numsync: number(numsync[0]),
            sync: sync.into_iter().collect(),
            numsync_confirmed: number(confirmed[0]),
            active: active.into_iter().collect(),
            sync_wanted: number(tail[0]),
            leader_wanted: tail[1].to_owned(),
        }
    }

    fn shown(resolution: &Resolution) -> String {
        match &resolution.transitions {
            Ok(transitions) => {
                let show = |transition: &Transition| {
                    let Transition { kind, leader, num, names } = transition;
                    format!("{} {leader} {num} {}", kind.name(), names.sorted().join(" ")).trim_end().to_owned()
                };
                transitions.iter().map(show).collect::<Vec<_>>().join(", ")
            }
            Err(error) => format!("{}: {error}", error.class()),
        }
    }

    /// Asserts what a release does with a state; recorded from its code.
    fn check(version: PatroniVersion, text: &str, expected: &str) {
        let resolution = state(text).resolve(Behaviours::of(version));
        assert_eq!(shown(&resolution), expected, "{version}: {text}");
    }

    #[test]
    fn every_change_keeps_its_order() {
        for version in [OLD, NEW] {
            // Nothing to do, in any case of letters.
            check(version, "a 0 [b c] 2 [b c] 2 [b c] 2 a", "");
            check(version, "a 1 [B c] 1 [b C] 1 [b c] 1 a", "");
            // The first standbys become voters once they have caught up.
            check(version, "a 0 [] 0 [] 0 [b c] 2 a", "sync a 2 b c, restart a 0");
            check(version, "a 0 [] 2 [b c] 2 [b c] 2 a", "quorum a 0 b c");
            // A node joins; a node leaves, with a quorum and without one; all leave.
            check(version, "a 1 [b c] 1 [b c] 1 [b c d] 1 a", "quorum a 2 b c d, sync a 1 b c d");
            check(version, "a 1 [b c] 1 [b c] 1 [b] 1 a", "sync a 1 b, quorum a 0 b");
            check(version, "a 0 [b c] 2 [b c] 2 [b] 2 a", "quorum a 0 b, sync a 1 b");
            check(version, "a 1 [b c] 1 [b c] 1 [] 1 a", "quorum a 0, sync a 0");
            // synchronous_node_count goes up and down.
            check(version, "a 1 [b c] 1 [b c] 1 [b c] 2 a", "sync a 2 b c");
            check(version, "a 0 [b c] 2 [b c] 2 [b c] 1 a", "quorum a 1 b c, sync a 1 b c");
            // A failover: the standbys get time to connect.
            check(version, "a 1 [b c] 1 [c] 0 [] 1 b", "quorum b 1 a c");
        }
    }

    #[test]
    fn quick_leave_is_handled_since_4_0_5() {
        let left = "a 2 [b c d] 2 [b c d] 1 [b] 2 a";
        check(OLD, left, "QuorumError: Sync 2 > N of ({'b'})");
        check(NEW, left, "sync a 1 b, quorum a 0 b");
        let unconfirmed = "a 1 [b] 1 [b c] 0 [c] 1 a";
        check(OLD, unconfirmed, "quorum a 0, sync a 1 c, restart a 0");
        check(NEW, unconfirmed, "quorum a 2 b c, sync a 1 c, quorum a 1 c");
        let gone = "a 1 [b c d] 2 [b c] 0 [] 2 a";
        check(OLD, gone, "AssertionError: ");
        check(NEW, gone, "quorum a 0, sync a 0");
    }

    #[test]
    fn a_broken_state_is_warned_of_and_repaired_or_raises() {
        let broken = "a 0 [b c] 1 [b c] 1 [b c] 1 a";
        check(NEW, broken, "quorum a 1 b c");
        let warning = state(broken).resolve(Behaviours::of(NEW)).warning.map(|warning| warning.to_string());
        let text = "Quorum and sync not guaranteed to overlap: nodes 3 >= quorum 0 + sync {'b', 'c'} + 1";
        assert_eq!(warning.as_deref(), Some(text));
        let hopeless = "a 9 [b] 0 [] 0 [b] 1 b";
        check(NEW, hopeless, "QuorumError: Mismatched sets: voter only={'a'} sync only={'b'}");
        assert_eq!(state(hopeless).resolve(Behaviours::of(NEW)).end, state(hopeless));
    }

    #[test]
    fn settles_or_is_stuck() {
        let settled = |text: &str| {
            let settlement = state(text).settle(Behaviours::of(NEW));
            let runs: Vec<String> = settlement.runs.iter().map(shown).collect();
            (runs.join("; "), settlement.is_settled, settlement.end)
        };
        let steady = state("a 1 [b c] 1 [b c] 2 [b c] 1 a");
        let runs = "sync a 1 b c, restart a 0; quorum a 1 b c";
        assert_eq!(settled("a 0 [] 0 [] 0 [b c] 1 a"), (runs.to_owned(), true, steady));
        let failed = state("b 0 [c] 1 [c] 1 [c] 1 b");
        let runs = "quorum b 1 a c, sync b 1 c, quorum b 0 c";
        assert_eq!(settled("a 1 [b c] 1 [a c] 0 [c] 1 b"), (runs.to_owned(), true, failed));

        // A standby joins while synchronous_node_count goes up by more than one: every release raises in each loop.
        let stuck = "a 1 [b c] 1 [b c] 2 [b c d] 3 a";
        let error =
            "QuorumError: Quorum and sync not guaranteed to overlap: nodes 4 >= quorum 0 + sync {'b', 'c', 'd'} + 1";
        assert_eq!(settled(stuck), (error.to_owned(), false, state(stuck)));
        check(OLD, stuck, error);
        // A run that adds a standby is cut short, and that standby goes together with a voter.
        let stuck = "a 1 [b c] 2 [b c d] 1 [b] 2 a";
        assert_eq!(settled(stuck), ("AssertionError: ".to_owned(), false, state(stuck)));
        check(OLD, stuck, "QuorumError: Sync 2 > N of ({'b'})");
    }

    #[test]
    fn numbers_of_any_size_are_taken() {
        let extremes = [i128::MIN, -1, 0, 1, i128::MAX];
        let all = extremes.iter().flat_map(|quorum| extremes.iter().map(move |numsync| (*quorum, *numsync)));
        for (quorum, numsync) in all {
            for other in extremes {
                let mut state = state("a 0 [b c] 0 [c d] 0 [b d] 0 a");
                (state.quorum, state.numsync) = (quorum, numsync);
                (state.numsync_confirmed, state.sync_wanted) = (other, other);
                let _ = state.check_invariants();
                let _ = state.settle(Behaviours::of(NEW));
                state.voters = state.sync.clone();
                let _ = state.settle(Behaviours::of(OLD));
            }
        }
    }
}
