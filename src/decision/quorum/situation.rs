//! What is known about replication in a cluster now, as its leader sees it.

use crate::decision::prediction::facts::Facts;
use crate::decision::quorum::contest::{MAXIMUM_NODES, Nodes};
use crate::decision::sync_standbys::{CurrentState, ReplicaRow, Replication, current_state};
use crate::decision::view::{Answers, View};
use crate::model::behaviour::Behaviours;
use crate::model::cluster::{Cluster, Raised};
use crate::model::config::global::GlobalConfig;
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::Node;

/// PostgreSQL's version where no input tells it, as `server_version_num`.
const ASSUMED_POSTGRES: u32 = 16_00_00;

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

/// The facts as the leader reads them; without a leader, as patronictl does.
#[derive(Debug)]
pub struct Situation<'a> {
    /// Everything that is known.
    pub facts: &'a Facts,
    /// The present leader.
    pub leader: Option<&'a str>,
    /// The leader's release.
    pub version: PatroniVersion,
    /// What it does.
    pub behaviours: Behaviours,
    /// The cluster.
    pub cluster: Cluster,
    /// The dynamic configuration.
    pub config: GlobalConfig,
    /// How replication is configured.
    pub mode: Mode,
    /// Whether `/sync` has a leader; without one synchronous mode is requested but not active yet.
    pub is_active: bool,
    /// What the leader's PostgreSQL tells, or would tell.
    pub replication: Replication,
    /// Whether the leader's REST API lists who replicates from it; else it is told by the members themselves.
    pub rows_are_seen: bool,
    answers: Answers,
}

impl<'a> Situation<'a> {
    /// Puts it together.
    ///
    /// # Errors
    ///
    /// The data in the DCS is such that Patroni's own loader fails.
    pub fn of(facts: &'a Facts) -> Result<Self, Raised> {
        let leader = facts.leader();
        let version =
            leader.and_then(|leader| facts.nodes.get(leader)).map_or(facts.patronictl.0, |node| node.version.0);
        let cluster = facts.cluster(version)?;
        let config = facts.config(version);
        let mode = match (config.synchronous_mode, config.quorum_commit_mode) {
            (false, _) => Mode::Asynchronous,
            (true, false) => Mode::Synchronous,
            (true, true) => Mode::Quorum,
        };
        let is_active = mode != Mode::Asynchronous && !cluster.sync.is_empty();
        let mut situation = Self {
            facts,
            leader,
            version,
            behaviours: Behaviours::of(version),
            cluster,
            config,
            mode,
            is_active,
            replication: Replication::default(),
            rows_are_seen: false,
            answers: facts.answers(version),
        };
        situation.read_replication();
        Ok(situation)
    }

    /// Who replicates from the leader and could acknowledge a commit.
    pub fn streaming(&self) -> impl Iterator<Item = &str> {
        let rows = self.replication.rows.iter().filter(|row| row.state == "streaming");
        rows.map(|row| row.application_name.as_str())
    }

    /// What the leader makes of the standbys; `None` without a leader.
    pub fn current_state(&self) -> Option<Result<CurrentState<'_>, Raised>> {
        Some(current_state(&self.view()?, &self.replication))
    }

    /// Who can be a synchronous standby, and is wanted or could step in. Without a leader: who may be one by its tags.
    pub fn eligible(&self) -> Vec<&str> {
        let state = match self.current_state() {
            Some(Ok(state)) => state,
            Some(Err(_)) => return Vec::new(),
            None => {
                let tags = |name: &&str| self.facts.nodes.get(*name).map(|node| &node.local.tags);
                let is_barred =
                    |name: &&str| tags(name).is_none_or(|tags| tags.nosync(self.behaviours) || tags.nofailover());
                return self.streaming().filter(|name| !is_barred(name)).collect();
            }
        };
        let eligible = state.replicas.iter().filter(|replica| replica.choice.is_eligible());
        eligible.map(|replica| replica.row.application_name.as_str()).collect()
    }

    /// The leader's view; `None` without a leader.
    pub fn view(&self) -> Option<View<'_>> {
        let leader = self.leader?;
        Some(View {
            name: leader,
            behaviours: self.behaviours,
            cluster: &self.cluster,
            config: &self.config,
            old_cluster: &self.cluster,
            local: &self.facts.nodes.get(leader)?.local,
            answers: &self.answers,
            now: self.facts.now,
        })
    }

    /// The name of a node by its number.
    pub fn name(&self, index: usize) -> &'a str {
        self.facts.nodes.keys().nth(index).map_or("", String::as_str)
    }

    /// A node as a set; empty for a name that is none.
    pub fn bit(&self, name: &str) -> Nodes {
        let lower = name.to_lowercase();
        self.facts
            .nodes
            .keys()
            .take(MAXIMUM_NODES)
            .position(|known| known.to_lowercase() == lower)
            .map_or(0, |index| 1 << index)
    }

    /// The key of the DCS as reports name it.
    pub fn key(&self, key: &str) -> String {
        format!("dcs:/{}/{}/{key}", self.facts.namespace, self.facts.scope)
    }

    /// Rebuilds what the leader's PostgreSQL tells.
    fn read_replication(&mut self) {
        let rest = self.leader.and_then(|leader| self.facts.nodes.get(leader)?.answer.as_ref());
        let version = rest.and_then(|rest| python::int(&rest.get("server_version")?.value));
        let version = version.and_then(|version| u32::try_from(version).ok()).unwrap_or(ASSUMED_POSTGRES);
        let seen = rest.and_then(|rest| rest.get("replication")).and_then(Node::as_sequence);
        // A leader without standbys leaves the list out.
        self.rows_are_seen = rest.is_some();
        let mut rows: Vec<ReplicaRow> = match (seen, self.rows_are_seen) {
            (Some(rows), _) => rows.iter().map(seen_row).collect(),
            (None, true) => Vec::new(),
            (None, false) => self.supposed_rows(),
        };
        for row in &mut rows {
            let position = self.lsn_of(&row.application_name);
            (row.write_lsn, row.flush_lsn, row.replay_lsn) = (position, position, position);
        }
        let names: Vec<String> = self.cluster.sync.voters().map(|name| format!("\"{name}\"")).collect();
        let number = match self.mode {
            Mode::Quorum => names.len() as i128 - self.cluster.sync.quorum,
            Mode::Synchronous | Mode::Asynchronous => names.len() as i128,
        };
        let any = if self.mode == Mode::Quorum { "ANY " } else { "" };
        let setting = match (self.is_active, names.is_empty()) {
            (true, false) => format!("{any}{} ({})", number.max(0), names.join(",")),
            _ => String::new(),
        };
        self.replication = Replication {
            rows,
            synchronous_standby_names: setting,
            synchronous_commit: "on".to_owned(),
            postgres_version: version,
            configured_standby_names: None,
        };
    }

    /// The rows that the members' own keys and answers let expect.
    fn supposed_rows(&self) -> Vec<ReplicaRow> {
        let streams = |name: &str| {
            let node = &self.facts.nodes[name];
            let upstream = node.local.tags.replicatefrom.as_deref();
            let cascades = upstream.is_some_and(|upstream| self.facts.nodes.contains_key(upstream) && upstream != name);
            // Without a leader nobody streams now, and all will once there is one.
            let is_cut_off = match self.leader {
                Some(_) => node.streaming == Some(false),
                None => node.local.primary,
            };
            node.local.running && !node.local.tags.nostream && !is_cut_off && !cascades
        };
        let names = self.facts.nodes.keys().map(String::as_str);
        let names = names.filter(|name| Some(*name) != self.leader && streams(name));
        let sync_state = |name: &str| match (self.cluster.sync.matches(name), self.mode) {
            (true, Mode::Quorum) => "quorum",
            (true, Mode::Synchronous) => "sync",
            _ => "async",
        };
        let row = |name: &str| ReplicaRow {
            application_name: name.to_owned(),
            state: "streaming".to_owned(),
            sync_state: sync_state(name).to_owned(),
            ..ReplicaRow::default()
        };
        names.map(row).collect()
    }

    fn lsn_of(&self, name: &str) -> Option<i128> {
        let found = self.facts.nodes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, node)| node.local.lsn)
    }
}

/// A row of `replication` in the leader's answer.
fn seen_row(row: &Node) -> ReplicaRow {
    let text = |field: &str| row.get(field).and_then(Node::as_str).unwrap_or_default().to_owned();
    ReplicaRow {
        application_name: text("application_name"),
        state: text("state"),
        sync_state: text("sync_state"),
        ..ReplicaRow::default()
    }
}
