//! The steady state that the leader moves `/sync` and `synchronous_standby_names` to, and the way there.

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::decision::prediction::supposed_key;
use crate::decision::quorum::commits::CommitQuorum;
use crate::decision::quorum::situation::{Mode, Situation};
use crate::decision::quorum_state::{QuorumState, TransitionKind};
use crate::decision::standby_names::StandbyNames;
use crate::decision::sync_replication::process_sync_replication;
use crate::decision::sync_step::SyncStep;
use crate::decision::view::View;
use crate::model::behaviour::Behaviours;
use crate::model::cluster::SyncState;
use crate::model::snapshot::DcsKey;

/// The most loops of the leader that are looked ahead in plain synchronous mode.
const MAXIMUM_LOOPS: usize = 8;

/// What the leader will write, if no standby comes or goes.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// The state now; `None` when there is nothing to keep: no leader, or asynchronous replication.
    pub now: Option<SyncPair>,
    /// The writes in their order.
    pub writes: Vec<Write>,
    /// Why it does not come to a steady state, if it does not.
    pub stuck: Option<String>,
    /// The leader of `/sync` in the end.
    leader: String,
}

/// What the two places hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncPair {
    /// `sync_standby` of `/sync`.
    pub voters: CaseInsensitiveSet,
    /// `quorum` of `/sync`.
    pub quorum: i128,
    /// The names in `synchronous_standby_names`.
    pub names: CaseInsensitiveSet,
    /// How many of them a commit waits for.
    pub needed: i128,
}

/// One write of the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// In which of its loops, from 1 on.
    pub in_loop: usize,
    /// Where to, and what.
    pub what: String,
    /// Whether it goes to `/sync`; otherwise to `synchronous_standby_names`.
    pub is_key: bool,
    /// What the two places hold after it.
    pub after: SyncPair,
    /// Why this is weaker than both the present and the steady state.
    pub weaker: Option<String>,
}

impl SyncPair {
    /// How many standbys that are there may be lost until commits wait.
    fn reserve_of_commits(&self, present: &CaseInsensitiveSet) -> i128 {
        self.names.intersection(present).len() as i128 - self.needed
    }

    /// How many voters that are there may be lost with the leader until nobody is elected.
    fn reserve_of_elections(&self, present: &CaseInsensitiveSet) -> i128 {
        self.voters.intersection(present).len() as i128 - 1 - self.quorum
    }
}

impl Outlook {
    /// Looks ahead.
    pub fn of(situation: &Situation<'_>, commits: &CommitQuorum) -> Self {
        let (Some(view), false) = (situation.view(), situation.mode == Mode::Asynchronous) else {
            return Self::default();
        };
        let sync = &situation.cluster.sync;
        let now = SyncPair {
            voters: sync.voters().collect(),
            quorum: sync.quorum,
            names: commits.names.iter().map(String::as_str).collect(),
            needed: if commits.any_standby { 0 } else { commits.needed },
        };
        let active: CaseInsensitiveSet = match situation.current_state() {
            Some(Ok(state)) => state.active.iter().map(String::as_str).collect(),
            Some(Err(raised)) => {
                let stuck = Some(format!("the leader's HA loop fails with {raised}"));
                return Self { now: Some(now), stuck, ..Self::default() };
            }
            None => return Self::default(),
        };
        let mut outlook = match situation.mode {
            Mode::Quorum => by_quorum(situation, &view, now, &active),
            Mode::Synchronous | Mode::Asynchronous => by_priority(situation, &view, now),
        };
        let present: CaseInsensitiveSet = situation.streaming().collect();
        outlook.mark_weaker(&present);
        outlook
    }

    /// The steady state; `None` when it is the present one, or there is none.
    pub fn steady(&self) -> Option<&SyncPair> {
        self.writes.last().map(|write| &write.after).filter(|_| self.stuck.is_none())
    }

    /// `/sync` in the steady state.
    pub fn steady_key(&self) -> Option<DcsKey> {
        let steady = self.steady()?;
        let names = steady.voters.sorted().join(",");
        let value = serde_json::json!({"leader": self.leader, "sync_standby": names, "quorum": steady.quorum});
        Some(supposed_key(&value.to_string()))
    }

    fn mark_weaker(&mut self, present: &CaseInsensitiveSet) {
        let (Some(now), Some(steady)) = (self.now.clone(), self.steady().cloned()) else { return };
        let least = |of: fn(&SyncPair, &CaseInsensitiveSet) -> i128| of(&now, present).min(of(&steady, present));
        let (commits, elections) = (least(SyncPair::reserve_of_commits), least(SyncPair::reserve_of_elections));
        for write in &mut self.writes {
            let here = (write.after.reserve_of_commits(present), write.after.reserve_of_elections(present));
            write.weaker = match (here.0 < commits, here.1 < elections) {
                (_, true) => {
                    Some("until the next write an election survives fewer losses than before and after".to_owned())
                }
                (true, false) => {
                    Some("until the next write commits survive fewer losses than before and after".to_owned())
                }
                (false, false) => None,
            };
        }
    }
}

fn by_quorum(situation: &Situation<'_>, view: &View<'_>, now: SyncPair, active: &CaseInsensitiveSet) -> Outlook {
    let sync = &situation.cluster.sync;
    let leader = sync.leader().unwrap_or(view.name).to_owned();
    let state = QuorumState {
        leader,
        quorum: now.quorum,
        voters: now.voters.clone(),
        numsync: now.needed,
        numsync_confirmed: now.names.intersection(active).len() as i128,
        sync: now.names.clone(),
        active: active.clone(),
        sync_wanted: situation.config.synchronous_node_count,
        leader_wanted: view.name.to_owned(),
    };
    let settlement = state.settle(Behaviours::of(situation.version));
    let mut writes = Vec::new();
    let mut pair = now.clone();
    let mut stuck = None;
    for (index, run) in settlement.runs.iter().enumerate() {
        match &run.transitions {
            Ok(transitions) => {
                for transition in transitions {
                    let names = transition.names.sorted().join(", ");
                    let what = match transition.kind {
                        TransitionKind::Quorum => {
                            (pair.voters, pair.quorum) = (transition.names.clone(), transition.num);
                            format!(
                                "/sync: leader {}, quorum {} of {}",
                                transition.leader,
                                transition.num,
                                listed(&names)
                            )
                        }
                        TransitionKind::Sync => {
                            (pair.names, pair.needed) = (transition.names.clone(), transition.num);
                            match transition.names.is_empty() {
                                true => "synchronous_standby_names: nobody".to_owned(),
                                false => format!("synchronous_standby_names: ANY {} of {names}", transition.num),
                            }
                        }
                        TransitionKind::Restart => continue,
                    };
                    let is_key = transition.kind == TransitionKind::Quorum;
                    writes.push(Write { in_loop: index + 1, what, is_key, after: pair.clone(), weaker: None });
                }
            }
            Err(error) => {
                let error = format!("{}: {error}", error.class());
                let error = error.trim_end_matches([':', ' ']);
                stuck = Some(format!("in each of its loops the leader fails with {error}, and changes nothing"));
            }
        }
    }
    if settlement.is_settled {
        stuck = None;
    }
    Outlook { now: Some(now), writes, stuck, leader: settlement.end.leader }
}

fn by_priority(situation: &Situation<'_>, view: &View<'_>, now: SyncPair) -> Outlook {
    let mut outlook = Outlook { now: Some(now.clone()), leader: view.name.to_owned(), ..Outlook::default() };
    let mut pair = now;
    let mut cluster = situation.cluster.clone();
    let mut replication = situation.replication.clone();
    for in_loop in 1..=MAXIMUM_LOOPS {
        let decision = process_sync_replication(&View { cluster: &cluster, ..*view }, &replication);
        let before = outlook.writes.len();
        let mut next = (cluster.sync.clone(), replication.synchronous_standby_names.clone());
        for step in &decision.steps {
            let what = match step {
                SyncStep::WritesKey(key) => {
                    pair.voters = key
                        .sync_standby
                        .as_deref()
                        .unwrap_or_default()
                        .split(',')
                        .filter(|it| !it.is_empty())
                        .collect();
                    next.0 = SyncState::written(&key.leader, key.sync_standby.as_deref(), key.quorum.unwrap_or(0));
                    format!(
                        "/sync: leader {}, sync_standby {}",
                        key.leader,
                        listed(key.sync_standby.as_deref().unwrap_or_default())
                    )
                }
                SyncStep::SetsNames(value) => {
                    next.1 = value.clone().unwrap_or_default();
                    let names = StandbyNames::parse(&next.1).unwrap_or_default();
                    (pair.names, pair.needed) = (names.listed(), names.num);
                    format!("synchronous_standby_names: {}", listed(&next.1))
                }
                _ => continue,
            };
            let is_key = matches!(step, SyncStep::WritesKey(_));
            outlook.writes.push(Write { in_loop, what, is_key, after: pair.clone(), weaker: None });
        }
        if let Err(raised) = &decision.outcome {
            outlook.stuck = Some(format!("in each of its loops the leader fails with {raised}"));
            return outlook;
        }
        if before == outlook.writes.len() {
            return outlook;
        }
        drop(decision);
        (cluster.sync, replication.synchronous_standby_names) = next;
        // PostgreSQL makes those that it waits for synchronous.
        for row in &mut replication.rows {
            let is_synchronous = pair.names.contains(&row.application_name);
            row.sync_state = if is_synchronous { "sync" } else { "async" }.to_owned();
        }
    }
    outlook.stuck = Some(format!("it has not come to rest after {MAXIMUM_LOOPS} loops"));
    outlook
}

fn listed(names: &str) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.to_owned() }
}
