//! What a change of the configuration makes of the margins, and the states of synchronous replication on the way.

use crate::decision::prediction::facts::Facts;
use crate::decision::prediction::supposed_key;
use crate::decision::quorum::Tolerance;
use crate::decision::quorum::commits::CommitQuorum;
use crate::decision::quorum::margins::{Margins, Property};
use crate::decision::quorum::outlook::{Outlook, SyncPair, Write};
use crate::decision::quorum::situation::{Mode, Situation};
use crate::decision::sync_replication::process_sync_replication;
use crate::decision::sync_step::SyncStep;
use crate::model::cluster::Raised;

/// Margins before and after, and every state between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// As it is now.
    pub before: Posture,
    /// As it is going to be, once the leader has nothing left to do.
    pub after: Posture,
    /// The states on the way; the last one is the end. The first is that right after the change, which nobody has acted on.
    pub states: Vec<State>,
    /// Why it does not come to a steady state, if it does not.
    pub stuck: Option<String>,
    /// The value of `/sync` in the end; `None`: there is no such key.
    pub sync: Option<String>,
    /// Whether the leader writes other things than it would without the change.
    moves: bool,
    /// The number of members.
    pub members: usize,
    /// The new `loop_wait`, seconds.
    pub loop_wait_seconds: i128,
}

/// How replication is configured, and what is survived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    /// `synchronous_mode`
    pub mode: Mode,
    /// `synchronous_mode_strict`
    pub is_strict: bool,
    /// `synchronous_node_count`
    pub node_count: i128,
    /// What is survived; `None`: there are too many members to try.
    pub tolerance: Option<Tolerance>,
}

/// A state on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The leader's loop that brings it about, from 1 on; 0: the change itself.
    pub in_loop: usize,
    /// What is written.
    pub what: String,
    /// What is survived in it.
    pub tolerance: Option<Tolerance>,
    /// What survives fewer losses than both before and after.
    pub weaker: Vec<Property>,
}

impl Transition {
    /// Follows the leader from the facts as they are to the facts as they are changed.
    ///
    /// # Errors
    ///
    /// The data in the DCS is such that Patroni's own loader fails.
    pub fn of(before: &Facts, after: &Facts) -> Result<Self, Raised> {
        let now = Situation::of(before)?;
        let commits = CommitQuorum::of(&now);
        let mut next = Situation::of(after)?;
        // The change reaches PostgreSQL with the leader's writes, not before.
        next.replication.clone_from(&now.replication);
        let mut walk = Walk { facts: after.clone(), states: Vec::new() };
        walk.enter(0, "the change is in force".to_owned(), &commits);
        let outlook = Outlook::of(&next, &commits);
        let is_enabled_first = next.mode == Mode::Quorum && next.cluster.sync.is_empty();
        if let (true, Some(leader)) = (is_enabled_first && !outlook.writes.is_empty(), next.leader) {
            walk.write_key(leader, &SyncPair::default());
            walk.enter(1, format!("/sync: leader {leader}, nobody"), &commits);
        }
        for write in &outlook.writes {
            walk.follow(write, next.leader.unwrap_or_default());
        }
        if next.mode == Mode::Asynchronous {
            walk.disable(&next, &commits);
        }
        let sync = walk.facts.keys.get("sync").map(|key| key.value.0.clone());
        let mut states = walk.states;
        let tolerance = tolerance(&now, &commits);
        let end = states.last().and_then(|state| state.tolerance);
        for state in &mut states {
            state.weaker = weaker(state.tolerance, tolerance, end);
        }
        let posture = |situation: &Situation<'_>, tolerance| Posture {
            mode: situation.mode,
            is_strict: situation.config.synchronous_mode_strict,
            node_count: situation.config.synchronous_node_count,
            tolerance,
        };
        Ok(Self {
            before: posture(&now, tolerance),
            after: posture(&next, end),
            states,
            stuck: outlook.stuck,
            sync,
            moves: outlook.writes != Outlook::of(&now, &commits).writes || next.mode != now.mode,
            members: before.nodes.len(),
            loop_wait_seconds: next.config.loop_wait_seconds,
        })
    }

    /// Whether the change makes a difference to synchronous replication or to the margins.
    pub fn is_any(&self) -> bool {
        let asked = |posture: &Posture| (posture.mode, posture.is_strict, posture.node_count);
        let at_once = self.states.first().and_then(|state| state.tolerance);
        self.moves || asked(&self.before) != asked(&self.after) || at_once != self.before.tolerance
    }
}

/// The world while the leader writes.
struct Walk {
    facts: Facts,
    states: Vec<State>,
}

impl Walk {
    fn enter(&mut self, in_loop: usize, what: String, commits: &CommitQuorum) {
        let tolerance = Situation::of(&self.facts).ok().and_then(|situation| tolerance(&situation, commits));
        self.states.push(State { in_loop, what, tolerance, weaker: Vec::new() });
    }

    fn write_key(&mut self, leader: &str, pair: &SyncPair) {
        let names = Some(pair.voters.sorted().join(",")).filter(|names| !names.is_empty());
        let value = serde_json::json!({"leader": leader, "sync_standby": names, "quorum": pair.quorum});
        self.facts.keys.insert("sync".to_owned(), supposed_key(&value.to_string()));
    }

    fn follow(&mut self, write: &Write, leader: &str) {
        if write.is_key {
            self.write_key(leader, &write.after);
        }
        self.enter(write.in_loop, write.what.clone(), &waiting_for(&write.after));
    }

    /// The leader ends synchronous replication.
    fn disable(&mut self, situation: &Situation<'_>, commits: &CommitQuorum) {
        let Some(view) = situation.view() else { return };
        let mut commits = commits.clone();
        for step in process_sync_replication(&view, &situation.replication).steps {
            let what = match step {
                SyncStep::RemovesKey => {
                    self.facts.keys.remove("sync");
                    "/sync is removed"
                }
                SyncStep::SetsNames(None) if commits.needed != 0 => {
                    commits = waiting_for(&SyncPair::default());
                    "synchronous_standby_names: nobody"
                }
                _ => continue,
            };
            self.enter(1, what.to_owned(), &commits);
        }
    }
}

/// What a commit waits for when the two places hold this.
fn waiting_for(pair: &SyncPair) -> CommitQuorum {
    let any_standby = pair.names.contains("*");
    let names = if any_standby { Vec::new() } else { pair.names.sorted().into_iter().map(str::to_owned).collect() };
    CommitQuorum { needed: pair.needed, least: pair.needed, names, any_standby, contradictions: Vec::new() }
}

fn tolerance(situation: &Situation<'_>, commits: &CommitQuorum) -> Option<Tolerance> {
    Margins::of(situation, commits).map(|margins| Tolerance::of(&margins))
}

/// The properties that a state leaves weaker than both ends.
fn weaker(state: Option<Tolerance>, before: Option<Tolerance>, after: Option<Tolerance>) -> Vec<Property> {
    let (Some(state), Some(before), Some(after)) = (state, before, after) else { return Vec::new() };
    let is_weaker = |property: &Property| {
        // What does not even hold with nobody lost is `None`, which is less than any number.
        let of = |tolerance: Tolerance| tolerance.of_property(*property);
        of(state) < of(before).min(of(after))
    };
    [Property::Failover, Property::Commits, Property::Writes].into_iter().filter(is_weaker).collect()
}
