//! The next step of synchronous replication: what the leader does with `/sync` and `synchronous_standby_names` in a loop.

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::decision::quorum_state::{QuorumState, TransitionKind};
use crate::decision::standby_names::{FIRST_WITH_MULTIPLE_SYNC, is_star, value_of};
use crate::decision::sync_standbys::{CurrentState, Replica, Replication, SyncHandler};
use crate::decision::sync_step::{SyncKey, SyncStep};
use crate::decision::view::View;
use crate::model::behaviour::Behaviour;
use crate::model::cluster::{Raised, SyncState};

/// The most looks at the standbys within one loop in quorum mode; with the usual `loop_wait` there are ten at most.
pub const MAXIMUM_LOOKS: usize = 64;

/// What the leader does in one HA loop.
#[derive(Clone, Debug)]
pub struct SyncReplicationDecision<'a> {
    /// What it writes and logs, in order.
    pub steps: Vec<SyncStep>,
    /// An exception ends its HA loop after these steps.
    pub outcome: Result<(), Raised>,
    /// The standbys that replicate from it, as it saw them first; none when it did not look.
    pub replicas: Vec<Replica<'a>>,
}

impl SyncReplicationDecision<'_> {
    /// What it writes to `/sync`, in order; `None` removes the key.
    pub fn keys(&self) -> impl Iterator<Item = Option<&SyncKey>> {
        self.steps.iter().filter_map(|step| match step {
            SyncStep::WritesKey(key) => Some(Some(key)),
            SyncStep::RemovesKey => Some(None),
            _ => None,
        })
    }

    /// What it sets `synchronous_standby_names` to, in order; `None`: nothing.
    pub fn standby_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.steps.iter().filter_map(|step| match step {
            SyncStep::SetsNames(value) => Some(value.as_deref()),
            _ => None,
        })
    }
}

/// Looks after synchronous replication: one loop of a leader whose PostgreSQL is up, and whose process has not looked
/// before. The rows of `pg_stat_replication` stay as they are while it waits, so what it does later in the same loop holds
/// as long as no standby changes its state.
///
/// Source: patroni/ha.py, `Ha.process_sync_replication`, 2.0.0 to 4.1.5.
pub fn process_sync_replication<'a>(view: &View<'a>, replication: &'a Replication) -> SyncReplicationDecision<'a> {
    let mut leader = Leader {
        view: *view,
        replication,
        handler: SyncHandler::default(),
        setting: replication.synchronous_standby_names.clone(),
        clock: view.now,
        steps: Vec::new(),
        replicas: None,
    };
    let has_multiple_sync = FIRST_WITH_MULTIPLE_SYNC <= replication.postgres_version;
    let outcome = if view.config.quorum_commit_mode && has_multiple_sync {
        if view.local.primary { leader.process_quorum_replication() } else { Ok(()) }
    } else if view.config.synchronous_mode {
        match view.has(Behaviour::SyncNamesIgnoreCase) {
            true => leader.process_multisync_replication(),
            false => leader.process_listed_replication(),
        }
    } else {
        leader.disable_synchronous_replication();
        Ok(())
    };
    SyncReplicationDecision { steps: leader.steps, outcome, replicas: leader.replicas.unwrap_or_default() }
}

/// The leader's process in its loop.
struct Leader<'a> {
    view: View<'a>,
    replication: &'a Replication,
    handler: SyncHandler,
    /// `synchronous_standby_names` now.
    setting: String,
    /// The time, in seconds since 1970.
    clock: f64,
    steps: Vec<SyncStep>,
    replicas: Option<Vec<Replica<'a>>>,
}

impl<'a> Leader<'a> {
    /// Synchronous standbys by priority.
    ///
    /// Source: patroni/ha.py, `Ha._process_multisync_replication`, 4.0.0 to 4.1.5; `Ha.process_sync_replication`, 3.0.3 to
    /// 3.3.11.
    fn process_multisync_replication(&mut self) -> Result<(), Raised> {
        let mut sync = match self.view.has(Behaviour::SyncIsEnabledFirst) {
            true => self.maybe_enable_synchronous_mode(),
            false => self.view.cluster.sync.clone(),
        };
        let state = self.current_state()?;
        let picked: CaseInsensitiveSet = state.active.iter().collect();
        let mut confirmed = self.confirmed(&state);
        let mut voters: CaseInsensitiveSet = sync.voters().collect();
        let leader = sync.leader().unwrap_or_default();
        if self.view.has(Behaviour::SyncLeaderIsCompared) && leader != self.view.name {
            let (named, leader) = (leader.to_owned(), self.view.name.to_owned());
            self.steps.push(SyncStep::LeaderInconsistent { named, leader });
            self.write(&[], 0);
            voters = CaseInsensitiveSet::default();
        }
        if self.view.has(Behaviour::SyncStandbysAreCompared) && picked == voters && voters != confirmed {
            self.steps.push(SyncStep::StandbysInconsistent { confirmed: list(&confirmed), listed: list(&voters) });
            sync = self.write(&list(&confirmed), 0);
            voters = sync.voters().collect();
        }
        let is_set = !self.view.has(Behaviour::StandbyNamesAreCompared)
            || picked == state.sync && state.numsync == picked.len() as i128;
        if picked == voters && is_set {
            return Ok(());
        }
        let in_both = voters.intersection(&confirmed);
        if in_both != voters {
            self.steps.push(SyncStep::Narrows { from: list(&voters), to: list(&in_both) });
            self.write(&list(&in_both), 0);
        }
        let assigned: CaseInsensitiveSet = self.assign(list(&picked)).iter().collect();
        let is_star = assigned.len() == 1 && assigned.contains("*");
        if !assigned.is_empty() && !is_star && confirmed != assigned {
            self.wait(2);
            let state = self.current_state()?;
            confirmed = self.confirmed(&state);
        }
        if !confirmed.is_empty() && confirmed != in_both {
            self.write(&list(&confirmed), 0);
            self.steps.push(SyncStep::Assigned(list(&confirmed)));
        }
        Ok(())
    }

    /// Who may go into `/sync` in priority mode. With `synchronous_mode: quorum` and a PostgreSQL that cannot do it,
    /// releases up to 4.0.5 take all of `synchronous_standby_names`.
    fn confirmed(&self, state: &CurrentState<'a>) -> CaseInsensitiveSet {
        match self.view.config.quorum_commit_mode && !self.view.has(Behaviour::StandbyNamesAreCompared) {
            true => state.sync.clone(),
            false => state.confirmed.iter().collect(),
        }
    }

    /// Synchronous standbys by priority, their names being lists in which letters count.
    ///
    /// Source: patroni/ha.py, `Ha.process_sync_replication`, 2.0.0 to 3.0.2.
    fn process_listed_replication(&mut self) -> Result<(), Raised> {
        let sync = &self.view.cluster.sync;
        let listed: Vec<String> = match sync.is_empty() {
            true => Vec::new(),
            false => sync.listed().to_vec(),
        };
        let state = self.current_state()?;
        let mut confirmed = state.confirmed;
        if is_same(&state.active, &listed) {
            return Ok(());
        }
        let mut in_both: Vec<String> = listed.iter().filter(|name| confirmed.contains(name)).cloned().collect();
        in_both.sort_unstable();
        in_both.dedup();
        let mut written_by = sync.leader();
        if !is_same(&in_both, &listed) {
            self.steps.push(SyncStep::Narrows { from: listed, to: in_both.clone() });
            self.write(&in_both, 0);
            written_by = Some(self.view.name);
        }
        let names = self.assign(state.active);
        if names.first().is_some_and(|first| first != "*") && confirmed.is_empty() {
            self.wait(2);
            confirmed = self.current_state()?.confirmed;
        }
        if confirmed.is_empty() || is_same(&confirmed, &in_both) {
            return Ok(());
        }
        let is_empty = written_by.is_none() && sync.is_empty();
        if !is_empty && written_by != Some(self.view.name) {
            self.steps.push(SyncStep::UpdatedBySomeoneElse);
            return Ok(());
        }
        self.write(&confirmed, 0);
        self.steps.push(SyncStep::Assigned(confirmed));
        Ok(())
    }

    /// Any of the synchronous standbys may acknowledge a commit.
    ///
    /// Source: patroni/ha.py, `Ha._process_quorum_replication`, 4.0.0 to 4.1.5.
    fn process_quorum_replication(&mut self) -> Result<(), Raised> {
        let start = self.clock;
        let loop_wait = self.view.config.loop_wait_seconds as f64;
        let minimum = i128::from(self.view.config.synchronous_mode_strict);
        let mut sync = self.maybe_enable_synchronous_mode();
        let mut leader = sync.leader().unwrap_or_default().to_owned();
        for _ in 0..MAXIMUM_LOOKS {
            let state = self.current_state()?;
            let resolution = QuorumState {
                leader: leader.clone(),
                quorum: sync.quorum,
                voters: sync.voters().collect(),
                numsync: state.numsync,
                numsync_confirmed: state.confirmed.len() as i128,
                sync: state.sync,
                active: state.active.into_iter().collect(),
                sync_wanted: self.view.config.synchronous_node_count,
                leader_wanted: self.view.name.to_owned(),
            }
            .resolve(self.view.behaviours);
            if let Some(warning) = &resolution.warning {
                self.steps.push(SyncStep::QuorumBroken(warning.to_string()));
            }
            let transitions = resolution.transitions.map_err(|error| Raised::new(error.class(), error.to_string()))?;
            let writes = transitions.iter().any(|transition| transition.kind != TransitionKind::Restart);
            let restarts = transitions.last().is_some_and(|transition| transition.kind == TransitionKind::Restart);
            for transition in transitions {
                if loop_wait <= self.clock - start {
                    return Ok(());
                }
                let names: Vec<String> = transition.names.sorted().into_iter().map(str::to_owned).collect();
                leader = transition.leader;
                match transition.kind {
                    TransitionKind::Restart => {}
                    TransitionKind::Quorum => {
                        let (quorum, voters) = (transition.num, names.clone());
                        self.steps.push(SyncStep::SetsQuorum { leader: leader.clone(), quorum, voters });
                        sync = self.write_as(&leader, &names, quorum);
                    }
                    TransitionKind::Sync => {
                        let available = transition.num;
                        self.steps.push(SyncStep::SetsReplication { num: available, names: names.clone() });
                        if available < minimum {
                            self.steps.push(SyncStep::CommitsDelayed { available, minimum });
                        }
                        self.set_names(&names, Some(available.max(minimum)));
                    }
                }
            }
            // As long as the standbys stay as they are, looking again finds the same.
            if !restarts || !writes || loop_wait <= self.clock - start + 1.0 {
                return Ok(());
            }
            self.wait(1);
        }
        Ok(())
    }

    /// Source: patroni/ha.py, `Ha.disable_synchronous_replication`, 4.0.0 to 4.1.5; `Ha.process_sync_replication` before.
    fn disable_synchronous_replication(&mut self) {
        let was_enabled = !self.view.cluster.sync.is_empty();
        if was_enabled {
            self.steps.push(SyncStep::RemovesKey);
            self.steps.push(SyncStep::Disabled);
        }
        let restores = self.view.has(Behaviour::ConfiguredNamesAreRestored);
        if was_enabled || !restores {
            self.set_names(&[], None);
        }
        if restores {
            self.set_value(self.replication.configured_standby_names.clone());
        }
    }

    /// Source: patroni/ha.py, `Ha._maybe_enable_synchronous_mode`, 4.0.0 to 4.1.5.
    fn maybe_enable_synchronous_mode(&mut self) -> SyncState {
        if !self.view.cluster.sync.is_empty() {
            return self.view.cluster.sync.clone();
        }
        let sync = self.write(&[], 0);
        self.steps.push(SyncStep::Enabled);
        sync
    }

    fn current_state(&mut self) -> Result<CurrentState<'a>, Raised> {
        let state = self.handler.current_state(&self.view, self.replication, &self.setting, &mut self.steps)?;
        self.replicas.get_or_insert_with(|| state.replicas.clone());
        Ok(state)
    }

    /// Puts the picked ones into `synchronous_standby_names`, or `*` if there is none and the mode is strict.
    fn assign(&mut self, mut picked: Vec<String>) -> Vec<String> {
        if picked.is_empty() && self.view.config.synchronous_mode_strict {
            picked = vec!["*".to_owned()];
            self.steps.push(SyncStep::NoStandbys);
        }
        self.steps.push(SyncStep::Assigns(picked.clone()));
        self.set_names(&picked, None);
        picked
    }

    /// Source: patroni/postgresql/sync.py, `SyncHandler.set_synchronous_standby_names`, 4.1.5.
    fn set_names(&mut self, names: &[String], num: Option<i128>) {
        let (behaviours, is_quorum) = (self.view.behaviours, self.view.config.quorum_commit_mode);
        let value = value_of(behaviours, self.replication.postgres_version, is_quorum, names, num);
        let is_changed = self.set_value(value);
        if is_changed && self.view.local.primary && !is_star(behaviours, names, num) {
            self.clock += 0.1;
            if 0 < self.view.local.timeline.unwrap_or(0) {
                self.handler.handle_change(&self.view, &self.setting, &mut self.steps);
            }
        }
    }

    /// Whether the setting changes.
    fn set_value(&mut self, value: Option<String>) -> bool {
        let setting = value.clone().unwrap_or_default();
        if setting == self.setting {
            return false;
        }
        self.steps.push(SyncStep::SetsNames(value));
        self.setting = setting;
        true
    }

    fn wait(&mut self, seconds: u32) {
        self.clock += f64::from(seconds);
        self.steps.push(SyncStep::Waits { seconds });
    }

    fn write(&mut self, standbys: &[String], quorum: i128) -> SyncState {
        self.write_as(self.view.name, standbys, quorum)
    }

    /// Source: patroni/dcs/__init__.py, `AbstractDCS.write_sync_state`, 2.0.0 to 4.1.5.
    fn write_as(&mut self, leader: &str, standbys: &[String], quorum: i128) -> SyncState {
        let mut sorted = standbys.to_vec();
        sorted.sort_unstable();
        let sync_standby = (!sorted.is_empty()).then(|| sorted.join(","));
        let sync = SyncState::written(leader, sync_standby.as_deref(), quorum);
        let quorum = self.view.has(Behaviour::QuorumCommit).then_some(quorum);
        self.steps.push(SyncStep::WritesKey(SyncKey { leader: leader.to_owned(), sync_standby, quorum }));
        sync
    }
}

fn list(names: &CaseInsensitiveSet) -> Vec<String> {
    names.iter().map(str::to_owned).collect()
}

/// Whether two lists hold the same names, letter by letter.
fn is_same(one: &[String], two: &[String]) -> bool {
    one.iter().all(|name| two.contains(name)) && two.iter().all(|name| one.contains(name))
}
