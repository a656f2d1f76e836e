//! The next step of synchronous replication: what the leader does with `/sync` and `synchronous_standby_names` in a loop.

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::decision::quorum_state::{QuorumState, Transition, TransitionKind};
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
        if !self.view.has(Behaviour::QuorumCommit) {
            // Names of an odd type raise before the standbys are looked at.
            let _names = sync.try_voters()?;
        }
        let state = self.current_state()?;
        let picked: CaseInsensitiveSet = state.active.iter().collect();
        let mut confirmed = self.confirmed(&state);
        let mut voters: CaseInsensitiveSet = sync.try_voters()?.collect();
        let leader = sync.leader().unwrap_or_default();
        if self.view.has(Behaviour::SyncLeaderIsCompared) && leader != self.view.name {
            let (named, leader) = (leader.to_owned(), self.view.name.to_owned());
            self.steps.push(SyncStep::LeaderInconsistent { named, leader });
            self.write(&[]);
            voters = CaseInsensitiveSet::default();
        }
        if self.view.has(Behaviour::SyncStandbysAreCompared) && picked == voters && voters != confirmed {
            self.steps.push(SyncStep::StandbysInconsistent { confirmed: list(&confirmed), listed: list(&voters) });
            sync = self.write(&list(&confirmed));
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
            self.write(&list(&in_both));
        }
        let assigned: CaseInsensitiveSet = self.assign(list(&picked)).iter().collect();
        let is_star = assigned.len() == 1 && assigned.contains("*");
        if !assigned.is_empty() && !is_star && confirmed != assigned {
            self.wait(2);
            let state = self.current_state()?;
            confirmed = self.confirmed(&state);
        }
        if !confirmed.is_empty() && confirmed != in_both {
            self.write(&list(&confirmed));
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
            false => sync.try_voters()?.map(str::to_owned).collect(),
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
            self.write(&in_both);
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
        self.write(&confirmed);
        self.steps.push(SyncStep::Assigned(confirmed));
        Ok(())
    }

    /// Any of the synchronous standbys may acknowledge a commit.
    ///
    /// Source: patroni/ha.py, `Ha._process_quorum_replication`, 4.0.0 to 4.1.5.
    fn process_quorum_replication(&mut self) -> Result<(), Raised> {
        let start = self.clock;
        let loop_wait = self.view.config.loop_wait_seconds as f64;
        let mut sync = self.maybe_enable_synchronous_mode();
        let mut leader = sync.leader().unwrap_or_default().to_owned();
        for _ in 0..MAXIMUM_LOOKS {
            let state = self.current_state()?;
            let voters = sync.try_voters()?.collect();
            // A leader of an odd type is not this one, and raises as it becomes a voter.
            sync.try_leader_matches(self.view.name)?;
            let resolution = QuorumState {
                leader: leader.clone(),
                quorum: sync.quorum,
                voters,
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
                if let Some(written) = self.carry_out(&transition) {
                    sync = written;
                }
                leader = transition.leader;
            }
            // As long as the standbys stay as they are, looking again finds the same.
            if !restarts || !writes || loop_wait <= self.clock - start + 1.0 {
                return Ok(());
            }
            self.wait(1);
        }
        Ok(())
    }

    /// Makes a transition; what is in `/sync` after it, if it changes that.
    fn carry_out(&mut self, transition: &Transition) -> Option<SyncState> {
        let names: Vec<String> = transition.names.sorted().into_iter().map(str::to_owned).collect();
        match transition.kind {
            TransitionKind::Restart => None,
            TransitionKind::Quorum => {
                let Transition { leader, num: quorum, .. } = transition.clone();
                self.steps.push(SyncStep::SetsQuorum { leader, quorum, voters: names.clone() });
                Some(self.write_as(&transition.leader, &names, quorum))
            }
            TransitionKind::Sync => {
                let available = transition.num;
                let minimum = i128::from(self.view.config.synchronous_mode_strict);
                self.steps.push(SyncStep::SetsReplication { num: available, names: names.clone() });
                if available < minimum {
                    self.steps.push(SyncStep::CommitsDelayed { available, minimum });
                }
                self.set_names(&names, Some(available.max(minimum)));
                None
            }
        }
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
        let sync = self.write(&[]);
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

    fn write(&mut self, standbys: &[String]) -> SyncState {
        self.write_as(self.view.name, standbys, 0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::decision::sync_standbys::{ReplicaRow, current_state};
    use crate::decision::view::Answers;
    use crate::input::source_map::SourceId;
    use crate::model::behaviour::Behaviours;
    use crate::model::cluster::{Cluster, LocalState, Tags};
    use crate::model::config::global::GlobalConfig;
    use crate::model::snapshot::{DcsKey, RawValue};
    use crate::model::version::PatroniVersion;
    use crate::parse::json;
    use crate::parse::tree::Node;

    /// What pg1, the leader, looks at.
    struct World {
        /// The keys, one a line; a member without a value of its own is running.
        dcs: &'static str,
        /// `synchronous_standby_names`
        names: &'static str,
        /// `application_name`, `sync_state` and position of each row; `-` for null, then the state unless it streams.
        rows: &'static str,
        postgres: u32,
    }

    const POSTGRES: u32 = 16_00_01;

    /// Calls `look` with the leader's view in a release; its position is 100.
    fn with_view<T>(version: &str, world: &World, look: impl FnOnce(&View<'_>, &Replication) -> T) -> T {
        let version: PatroniVersion = version.parse().expect("a release");
        let behaviours = Behaviours::of(version);
        let mut keys = BTreeMap::new();
        for line in world.dcs.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(' ').unwrap_or((line, r#"{"state": "running"}"#));
            let json = json::parse(SourceId(0), value).ok();
            let value = RawValue(value.to_owned());
            let source = SourceId(0);
            keys.insert(
                name.to_owned(),
                DcsKey { source, value, json, revision: None, lease: None, ttl_seconds: None },
            );
        }
        let cluster = Cluster::load(&keys, behaviours).expect("the cluster loads");
        let config = keys.get("config").and_then(|key| key.json.as_ref()).and_then(Node::as_mapping);
        let config = GlobalConfig::read(config, behaviours);
        let local = LocalState {
            running: true,
            starting: false,
            primary: true,
            timeline: Some(1),
            lsn: 100,
            watchdog_healthy: true,
            system_identifier: String::new(),
            tags: Tags::default(),
        };
        let rows = world.rows.split(',').filter(|row| !row.trim().is_empty()).map(|row| {
            let fields: Vec<&str> = row.split_whitespace().collect();
            let lsn = fields[2].parse().ok();
            ReplicaRow {
                application_name: fields[0].to_owned(),
                state: fields.get(3).copied().unwrap_or("streaming").to_owned(),
                sync_state: fields[1].to_owned(),
                write_lsn: lsn.map(|lsn: i128| lsn + 2),
                flush_lsn: lsn,
                replay_lsn: lsn.map(|lsn| lsn - 2),
            }
        });
        let replication = Replication {
            rows: rows.collect(),
            synchronous_standby_names: world.names.to_owned(),
            synchronous_commit: "on".to_owned(),
            postgres_version: world.postgres,
            configured_standby_names: None,
        };
        let answers = Answers::default();
        let view = View {
            name: "pg1",
            behaviours,
            cluster: &cluster,
            config: &config,
            old_cluster: &cluster,
            local: &local,
            answers: &answers,
            now: 1.7e9,
        };
        look(&view, &replication)
    }

    /// What a release writes, and how it ends: `/sync` as leader and standbys, the setting as it is.
    fn written(version: &str, world: &World) -> String {
        with_view(version, world, |view, replication| {
            let decision = process_sync_replication(view, replication);
            let mut shown: Vec<String> = decision
                .steps
                .iter()
                .filter_map(|step| match step {
                    SyncStep::WritesKey(SyncKey { leader, sync_standby, quorum }) => {
                        let quorum = quorum.filter(|quorum| *quorum != 0);
                        let quorum = quorum.map(|quorum| format!(" quorum {quorum}")).unwrap_or_default();
                        Some(format!("/sync {leader}: {}{quorum}", sync_standby.as_deref().unwrap_or("nobody")))
                    }
                    SyncStep::RemovesKey => Some("no /sync".to_owned()),
                    SyncStep::SetsNames(value) => Some(format!("names {}", value.as_deref().unwrap_or("nobody"))),
                    SyncStep::Waits { seconds } => Some(format!("{seconds} s")),
                    _ => None,
                })
                .collect();
            if let Err(raised) = decision.outcome {
                shown.push(raised.class.to_owned());
            }
            shown.join("; ")
        })
    }

    /// What a release logs, without the levels.
    fn logged(version: &str, world: &World) -> Vec<String> {
        with_view(version, world, |view, replication| {
            let decision = process_sync_replication(view, replication);
            decision.steps.iter().filter_map(SyncStep::log).map(|(_, text)| text).collect()
        })
    }

    /// Asserts what two releases, one right after the other, do with the same state.
    fn check_change(releases: (&str, &str), world: &World, before: &str, after: &str) {
        assert_eq!(written(releases.0, world), before, "{}: {}", releases.0, world.dcs);
        assert_eq!(written(releases.1, world), after, "{}: {}", releases.1, world.dcs);
    }

    const ON: &str = "config {\"synchronous_mode\": true}
        leader pg1
        members/pg1
        members/pg2
        members/pg3
        sync {\"leader\": \"pg1\"}";

    #[test]
    fn a_standby_becomes_synchronous_in_the_right_order() {
        let world = World { dcs: ON, names: "", rows: "pg2 async 100, pg3 async 100", postgres: POSTGRES };
        assert_eq!(written("4.1.5", &world), "names pg2; 2 s");
        assert_eq!(logged("4.1.5", &world), ["Assigning synchronous standby status to ['pg2']"]);
        let world = World { names: "pg2", rows: "pg2 sync 100, pg3 async 100", ..world };
        assert_eq!(written("4.1.5", &world), "/sync pg1: pg2");
        // It has gone: first out of /sync, then out of the setting.
        let dcs = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg1
            members/pg2
            members/pg3
            sync {\"leader\": \"pg1\", \"sync_standby\": \"pg2\"}";
        let world = World { dcs, rows: "pg3 async 100", ..world };
        assert_eq!(written("4.1.5", &world), "/sync pg1: nobody; names pg3; 2 s");
        assert_eq!(written("2.0.0", &world), "/sync pg1: nobody; names pg3; 2 s");
        let world = World { rows: "", ..world };
        assert_eq!(written("4.1.5", &world), "/sync pg1: nobody; names nobody");
    }

    #[test]
    fn strict_mode_without_standbys_waits_for_anybody() {
        let dcs = "config {\"synchronous_mode\": true, \"synchronous_mode_strict\": true}
            leader pg1
            sync {\"leader\": \"pg1\", \"sync_standby\": \"pg2\"}";
        let world = World { dcs, names: "pg2", rows: "", postgres: POSTGRES };
        for version in ["2.0.0", "3.0.2", "3.0.3", "4.1.5"] {
            assert_eq!(written(version, &world), "/sync pg1: nobody; names *", "{version}");
        }
        let lines = [
            "Updating synchronous privilege temporarily from ['pg2'] to []",
            "No standbys available!",
            "Assigning synchronous standby status to ['*']",
        ];
        assert_eq!(logged("4.1.5", &world), lines);
    }

    #[test]
    fn releases_choose_differently() {
        let dcs = "config {\"synchronous_mode\": true, \"maximum_lag_on_syncnode\": 10}
            leader pg1
            members/pg2
            members/pg3
            sync {\"leader\": \"pg1\"}";
        let lagging = World { dcs, names: "", rows: "pg2 sync 50, pg3 async 100", postgres: POSTGRES };
        check_change(("2.0.1", "2.0.2"), &lagging, "names pg2; /sync pg1: pg2", "names pg3; 2 s");
        let unknown = World { rows: "pg2 sync -, pg3 async 100", ..lagging };
        check_change(("2.1.0", "2.1.1"), &unknown, "TypeError", "names pg3; 2 s");
        let alone = World { rows: "pg2 sync -", ..lagging };
        check_change(("2.1.0", "2.1.1"), &alone, "TypeError", "");

        let dcs = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2 {\"state\": \"running\", \"tags\": {\"nofailover\": true}}
            members/PG3
            sync {\"leader\": \"pg1\"}";
        let nofailover = World { dcs, names: "pg2", rows: "pg2 sync 100, pg3 async 100", ..lagging };
        check_change(("2.1.1", "2.1.2"), &nofailover, "/sync pg1: pg2", "names PG3; 2 s");
        check_change(("3.0.4", "3.1.0"), &nofailover, "names PG3; 2 s", "names pg3; 2 s");

        let unconfirmed = World { dcs: ON, names: "pg2", rows: "pg2 sync 99", ..lagging };
        check_change(("2.1.7", "3.0.0"), &unconfirmed, "/sync pg1: pg2", "2 s");
        let stopped = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2 {\"state\": \"stopped\"}
            sync {\"leader\": \"pg1\"}";
        let stopped = World { dcs: stopped, names: "", ..unconfirmed };
        check_change(("2.1.7", "3.0.0"), &stopped, "names pg2; /sync pg1: pg2", "");

        let own = World { dcs: ON, names: "", rows: "pg1 async 100", ..lagging };
        check_change(("3.3.2", "3.3.3"), &own, "names pg1; 2 s", "");
        let none_wanted =
            "config {\"synchronous_mode\": true, \"synchronous_node_count\": 0, \"maximum_lag_on_syncnode\": 1}
            leader pg1
            members/pg2
            members/pg3
            sync {\"leader\": \"pg1\"}";
        let none_wanted = World { dcs: none_wanted, names: "", rows: "pg2 sync 50, pg3 async 100", ..lagging };
        check_change(("3.3.11", "4.0.0"), &none_wanted, "", "names pg3; 2 s");

        let cascade = "config {\"synchronous_mode\": true, \"synchronous_node_count\": 2}
            leader pg1
            members/pg2
            members/pg3 {\"state\": \"running\", \"tags\": {\"replicatefrom\": \"PG2\"}}
            sync {\"leader\": \"pg1\"}";
        let cascade = World { dcs: cascade, rows: "pg2 async 100, pg3 async 100", ..own };
        check_change(("3.3.6", "3.3.7"), &cascade, "names 2 (pg2,pg3); 2 s", "names pg2; 2 s");
        let circle = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2 {\"state\": \"running\", \"tags\": {\"replicatefrom\": \"pg3\"}}
            members/pg3 {\"state\": \"running\", \"tags\": {\"replicatefrom\": \"pg2\"}}
            sync {\"leader\": \"pg1\"}";
        let circle = World { dcs: circle, ..cascade };
        check_change(("4.0.5", "4.0.6"), &circle, "names pg2; 2 s", "RecursionError");

        let priority = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2
            members/pg3 {\"state\": \"running\", \"tags\": {\"sync_priority\": 2}}
            sync {\"leader\": \"pg1\", \"sync_standby\": \"pg2\"}";
        let priority = World { dcs: priority, names: "pg2", rows: "pg2 sync 100, pg3 async 100", ..own };
        check_change(("4.0.11", "4.1.0"), &priority, "", "/sync pg1: nobody; names pg3; 2 s");
    }

    #[test]
    fn releases_write_differently() {
        let mode = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2";
        let new = World { dcs: mode, names: "", rows: "", postgres: POSTGRES };
        check_change(("3.1.0", "3.1.1"), &new, "", "/sync pg1: nobody");
        let case = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2
            sync {\"leader\": \"pg1\", \"sync_standby\": \"PG2\"}";
        let case = World { dcs: case, names: "pg2", rows: "pg2 sync 100", ..new };
        check_change(("3.0.2", "3.0.3"), &case, "/sync pg1: nobody; /sync pg1: pg2", "");

        let listed = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2
            sync {\"leader\": \"pg1\", \"sync_standby\": \"pg2\"}";
        let listed = World { dcs: listed, names: "pg2", rows: "pg2 async 100", ..new };
        check_change(("3.1.1", "3.1.2"), &listed, "", "/sync pg1: nobody; 2 s");
        let stale = World { names: "2 (pg2,pg3)", rows: "pg2 sync 100", ..listed };
        check_change(("4.0.5", "4.0.6"), &stale, "", "names pg2");
        check_change(("3.3.6", "3.3.7"), &stale, "", "names pg2");

        let other = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2
            sync {\"leader\": \"pg9\", \"sync_standby\": \"pg2\"}";
        let other = World { dcs: other, names: "pg2", rows: "pg2 sync 100", ..new };
        for releases in [("3.3.8", "3.3.9"), ("4.0.7", "4.0.8"), ("4.1.0", "4.1.1")] {
            check_change(releases, &other, "", "/sync pg1: nobody; /sync pg1: pg2");
        }
        let taken = World {
            names: "",
            rows: "pg2 sync 100",
            dcs: "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2
            sync {\"leader\": \"pg9\"}",
            ..new
        };
        check_change(("2.1.7", "3.0.3"), &taken, "names pg2", "names pg2; 2 s; /sync pg1: pg2");

        let odd = "config {\"synchronous_mode\": true}
            leader pg1
            members/pg2
            sync {\"leader\": \"pg1\", \"sync_standby\": 5}";
        let odd = World { dcs: odd, names: "2", rows: "pg2 sync 100", ..new };
        assert_eq!(logged("3.3.11", &odd), [""; 0], "the key is read before the setting");
        assert_eq!(logged("4.1.5", &odd).len(), 1, "the setting is read before the key");

        let off = "leader pg1
            sync {\"leader\": \"pg1\"}";
        let off = World { dcs: off, names: "pg2", rows: "", ..new };
        check_change(("3.3.1", "3.3.2"), &off, "no /sync; names nobody", "no /sync; names nobody");
        let configured = |version: &str| {
            with_view(version, &off, |view, replication| {
                let configured_standby_names = Some("pg3".to_owned());
                let replication = Replication { configured_standby_names, ..replication.clone() };
                let decision = process_sync_replication(view, &replication);
                decision
                    .standby_names()
                    .map(|names| names.unwrap_or("nobody").to_owned())
                    .collect::<Vec<_>>()
                    .join("; ")
            })
        };
        assert_eq!((configured("3.3.1").as_str(), configured("3.3.2").as_str()), ("nobody", "nobody; pg3"));
    }

    #[test]
    fn in_quorum_mode_voters_follow_what_they_have() {
        let quorum = "config {\"synchronous_mode\": \"quorum\"}
            leader pg1
            members/pg2
            members/pg3
            sync {\"leader\": \"pg1\"}";
        let new = World { dcs: quorum, names: "", rows: "pg2 async 100, pg3 async 100", postgres: POSTGRES };
        assert_eq!(written("4.1.5", &new), "names ANY 1 (pg2,pg3); 1 s");
        let ready = World { names: "ANY 1 (pg2,pg3)", rows: "pg2 quorum 100, pg3 quorum 100", ..new };
        assert_eq!(written("4.1.5", &ready), "/sync pg1: pg2,pg3 quorum 1");
        assert_eq!(logged("4.1.5", &ready), ["Setting leader to pg1, quorum to 1 of 2 (pg2, pg3)"]);
        // Not one that is behind; with PostgreSQL 9.6 potential ones are ready as well.
        let behind = World { rows: "pg2 quorum 99, pg3 quorum 99", ..ready };
        assert_eq!(written("4.1.5", &behind), "");
        let old = World { names: "1 (pg2,pg3)", rows: "pg2 sync 100, pg3 potential 100", postgres: 9_06_00, ..new };
        assert_eq!(written("4.1.5", &old), "/sync pg1: pg2,pg3 quorum 1");
        let first_with_quorum = World { names: "ANY 1 (pg2,pg3)", postgres: 10_00_00, ..old };
        assert_eq!(written("4.1.5", &first_with_quorum), "");
        // A PostgreSQL without lists has no quorum either.
        let older = World { names: "", rows: "pg3 async 100", postgres: 9_05_20, ..new };
        check_change(("4.0.4", "4.0.5"), &older, "names None (pg3); 2 s", "names pg3; 2 s; /sync pg1: pg3");

        let strict = "config {\"synchronous_mode\": \"quorum\", \"synchronous_mode_strict\": true}
            leader pg1
            sync {\"leader\": \"pg1\", \"sync_standby\": \"pg2\"}";
        let strict = World { dcs: strict, names: "ANY 1 (pg2)", rows: "", ..new };
        assert_eq!(written("4.1.5", &strict), "/sync pg1: nobody; names ANY 1 (*)");
        let line = "Replication factor 2 requested, but 0 synchronous standbys available. Commits will be delayed.";
        assert_eq!(logged("4.1.5", &strict).last().map(String::as_str), Some(line));
    }

    #[test]
    fn a_name_that_patroni_cannot_read_back_is_never_confirmed() {
        let dcs = "config {\"synchronous_mode\": true}
            leader pg1
            members/anyhost
            sync {\"leader\": \"pg1\"}";
        let world = World { dcs, names: "", rows: "anyhost async 100", postgres: POSTGRES };
        let warning =
            "Unparsable synchronous_standby_names value 'anyhost': Unexpected token ident 'host' at 3".to_owned();
        let lines = vec!["Assigning synchronous standby status to ['anyhost']".to_owned(), warning.clone()];
        assert_eq!(logged("4.1.5", &world), lines);
        let world = World { names: "anyhost", rows: "anyhost sync 100", ..world };
        assert_eq!(logged("4.1.5", &world), [warning, lines[0].clone()]);
        assert_eq!(written("4.1.5", &world), "2 s");
    }

    #[test]
    fn every_standby_has_a_reason() {
        let dcs = "config {\"synchronous_mode\": true, \"synchronous_node_count\": 2, \"maximum_lag_on_syncnode\": 10}
            leader pg1
            members/pg1
            members/a
            members/b
            members/c
            members/d {\"state\": \"running\", \"tags\": {\"nosync\": true}}
            members/e {\"state\": \"starting\"}
            members/f {\"state\": \"running\", \"tags\": {\"replicatefrom\": \"a\"}}
            members/g
            members/h
            members/i
            sync {\"leader\": \"pg1\", \"sync_standby\": \"a\"}";
        let rows = "c sync 80, a sync 100, b async 99, b async 98, d async 100, e async 100, f async 100, g async -, \
                    h async 100 catchup, i async 97, pg1 async 100, x async 100";
        let reasons = |version: &str| {
            with_view(version, &World { dcs, names: "a", rows, postgres: POSTGRES }, |view, replication| {
                let state = current_state(view, replication).expect("the tags are fine");
                let show = |it: &Replica<'_>| format!("{}: {}", it.row.application_name, it.choice.text());
                state.replicas.iter().map(show).collect::<Vec<_>>()
            })
        };
        assert_eq!(
            reasons("4.1.5"),
            [
                "c: 20 bytes behind; maximum_lag_on_syncnode allows 10",
                "a: synchronous",
                "b: another connection has the same name",
                "b: chosen, not synchronous yet",
                "d: nosync, or sync_priority 0",
                "e: its state in the DCS is starting, not running",
                "f: it has to replicate from a (replicatefrom)",
                "g: it reports no position",
                "h: not streaming: its state is catchup",
                "i: not needed: others come first, 2 wanted",
                "pg1: it has the leader's name",
                "x: no member has this name",
            ]
        );
        let old = reasons("2.1.7");
        assert_eq!(old[2], "b: not needed: others come first, 2 wanted");
        assert_eq!(old[5], "e: chosen, not synchronous yet");
    }

    #[test]
    fn a_lag_up_to_the_limit_is_allowed() {
        let dcs = |limit: i32| {
            let config = format!("config {{\"synchronous_mode\": true, \"maximum_lag_on_syncnode\": {limit}}}\n");
            let members = "leader pg1
                members/pg2
                members/pg3
                sync {\"leader\": \"pg1\"}";
            Box::leak((config + members).into_boxed_str())
        };
        // Measured against the best standby; a single one, against the leader, whose position is 100.
        for (limit, rows, expected) in [
            (10, "pg2 sync 80, pg3 async 90", "/sync pg1: pg2"),
            (10, "pg2 sync 79, pg3 async 90", "names pg3; 2 s"),
            (10, "pg2 sync 90", "/sync pg1: pg2"),
            (10, "pg2 sync 89", ""),
            (0, "pg2 sync 1, pg3 async 90", "/sync pg1: pg2"),
            (-1, "pg2 sync 1, pg3 async 90", "/sync pg1: pg2"),
        ] {
            let world = World { dcs: dcs(limit), names: "pg2", rows, postgres: POSTGRES };
            // Whether it has caught up does not matter to 2.1.
            assert_eq!(written("2.1.7", &world), expected, "{limit}: {rows}");
        }
    }

    #[test]
    fn synchronous_commit_says_which_position_counts() {
        let dcs = "config {\"synchronous_mode\": \"quorum\"}
            leader pg1
            members/pg2
            sync {\"leader\": \"pg1\"}";
        let written = |synchronous_commit: &str, rows: &'static str| {
            with_view("4.1.5", &World { dcs, names: "ANY 1 (pg2)", rows, postgres: POSTGRES }, |view, replication| {
                let synchronous_commit = synchronous_commit.to_owned();
                let replication = Replication { synchronous_commit, ..replication.clone() };
                let decision = process_sync_replication(view, &replication);
                decision.keys().flatten().filter_map(|key| key.sync_standby.clone()).collect::<String>()
            })
        };
        // The position is flushed; two more are written, two less replayed.
        for (setting, behind, ready) in [("on", 99, 100), ("remote_write", 97, 98), ("remote_apply", 101, 102)] {
            let row = |lsn: i32| Box::leak(format!("pg2 quorum {lsn}").into_boxed_str());
            assert_eq!(written(setting, row(behind)), "", "{setting}");
            assert_eq!(written(setting, row(ready)), "pg2", "{setting}");
        }
        assert_eq!(written("on", "pg2 sync 100"), "");
        assert_eq!(written("on", "pg2 potential 100"), "");
    }

    #[test]
    fn in_quorum_mode_the_leader_waits_within_loop_wait() {
        let dcs = "config {\"synchronous_mode\": \"quorum\", \"loop_wait\": 1}
            leader pg1
            members/pg2
            sync {\"leader\": \"pg1\"}";
        let world = World { dcs, names: "", rows: "pg2 async 100", postgres: POSTGRES };
        assert_eq!(written("4.1.5", &world), "names ANY 1 (pg2)");
        let gone = World { names: "ANY 1 (pg2)", rows: "", ..world };
        assert_eq!(written("4.1.5", &gone), "names nobody");
        // A setting that stays as it is takes no time, and the second ends with loop_wait.
        let dcs = "config {\"synchronous_mode\": \"quorum\", \"loop_wait\": 1}
            leader pg1
            members/anyhost
            sync {\"leader\": \"pg1\"}";
        let unreadable = World { dcs, names: "ANY 1 (anyhost)", rows: "anyhost async 100", ..world };
        assert_eq!(written("4.1.5", &unreadable), "");
    }

    #[test]
    fn a_primary_reads_a_new_setting_back_at_once() {
        let warnings = |mode: &str, names: &'static str, primary: bool, timeline: Option<i128>| {
            let config = format!("config {{\"synchronous_mode\": {mode}, \"loop_wait\": 1}}\n");
            let keys = "leader pg1
                members/anyhost
                sync {\"leader\": \"pg1\"}";
            let dcs = Box::leak((config + keys).into_boxed_str());
            let world = World { dcs, names, rows: "anyhost sync 100", postgres: POSTGRES };
            with_view("4.1.5", &world, |view, replication| {
                let local = LocalState { primary, timeline, ..view.local.clone() };
                let decision = process_sync_replication(&View { local: &local, ..*view }, replication);
                decision.steps.iter().filter(|step| matches!(step, SyncStep::Unparsable(_))).count()
            })
        };
        assert_eq!([Some(1), Some(0), None].map(|timeline| warnings("\"quorum\"", "", true, timeline)), [1, 0, 0]);
        assert_eq!([true, false].map(|primary| warnings("true", "\"anyhost\"", primary, Some(1))), [1, 0]);
    }

    #[test]
    fn of_connections_by_one_name_the_last_spelling_counts() {
        let world = World { dcs: ON, names: "", rows: "pg2 async 90, PG2 async 80, pg2 async 100", postgres: POSTGRES };
        assert_eq!(written("4.1.5", &world), "names PG2; 2 s");
        let world = World { rows: "pg2 async 90, pg3 async 100, pg2 async 100", ..world };
        assert_eq!(written("4.1.5", &world), "names pg2; 2 s", "in the place of the first");
        let world = World { rows: "pg2 async 90, pg3 async 95, pg2 async 100", ..world };
        assert_eq!(written("4.1.5", &world), "names pg2; 2 s");
        assert_eq!(written("3.0.2", &world), "names pg2; 2 s");
    }

    #[test]
    fn a_nofailover_standby_counts_in_quorum_mode_only_if_there_are_too_few_others() {
        let dcs = |count: u32| {
            let config = format!("config {{\"synchronous_mode\": \"quorum\", \"synchronous_node_count\": {count}}}\n");
            let members = "leader pg1
                members/pg2 {\"state\": \"running\", \"tags\": {\"nofailover\": true}}
                members/pg3
                sync {\"leader\": \"pg1\"}";
            Box::leak((config + members).into_boxed_str())
        };
        for (count, expected) in [(1, "names ANY 1 (pg3); 1 s"), (2, "names ANY 2 (pg2,pg3); 1 s")] {
            let rows = "pg2 async 100, pg3 async 100";
            let world = World { dcs: dcs(count), names: "", rows, postgres: POSTGRES };
            assert_eq!(written("4.1.5", &world), expected);
        }
    }
}
