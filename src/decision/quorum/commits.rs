//! What a commit waits for now.

use crate::decision::quorum::situation::{Mode, Situation};

/// The standbys that acknowledge commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitQuorum {
    /// How many of them a commit waits for; 0: for none.
    pub needed: i128,
    /// How many it waits for at least, whatever `synchronous_standby_names` holds by now.
    pub least: i128,
    /// Who they are.
    pub names: Vec<String>,
    /// `*`: any standby that replicates from the leader will do.
    pub any_standby: bool,
    /// What `/sync` and the leader's list of standbys tell differently.
    pub contradictions: Vec<String>,
}

impl CommitQuorum {
    /// What `/sync` asks for, corrected by what the leader tells of its standbys.
    pub fn of(situation: &Situation<'_>) -> Self {
        let sync = &situation.cluster.sync;
        let mut names: Vec<String> = sync.voters().map(str::to_owned).collect();
        let minimum = i128::from(situation.config.synchronous_mode_strict && situation.mode != Mode::Asynchronous);
        if !situation.is_active {
            let contradictions = Vec::new();
            return Self { needed: minimum, least: minimum, names, any_standby: 0 < minimum, contradictions };
        }
        let mut contradictions = Vec::new();
        let mut needed = match situation.mode {
            // What Patroni maintains: quorum + acknowledgements = number of voters.
            Mode::Quorum => (names.len() as i128 - sync.quorum).max(0),
            Mode::Synchronous | Mode::Asynchronous => names.len() as i128,
        };
        if let Some(leader) = situation.leader.filter(|leader| !sync.leader_matches(leader)) {
            // Right after a failover `/sync` is still that of the former leader, whom the new one puts into
            // synchronous_standby_names with the other voters (Ha.process_sync_replication_prepromote, 4.1.5).
            let former = sync.leader().unwrap_or_default();
            contradictions.push(format!("/sync is still that of the leader {former}, and {leader} leads"));
            let is_voter = sync.matches(leader);
            names.retain(|name| name.to_lowercase() != leader.to_lowercase());
            names.push(former.to_owned());
            match situation.mode {
                Mode::Quorum => needed += i128::from(!is_voter),
                Mode::Synchronous | Mode::Asynchronous => (needed, names) = (0, Vec::new()),
            }
        } else if situation.rows_are_seen {
            compare(situation, &mut names, &mut contradictions);
            if situation.mode == Mode::Synchronous {
                needed = names.len() as i128;
            }
        }
        let any_standby = names.is_empty() && 0 < minimum;
        let needed = needed.max(minimum);
        let wanted = situation.config.synchronous_node_count.max(minimum);
        if situation.mode == Mode::Quorum && wanted < needed {
            contradictions.push(format!(
                "quorum {} in /sync fits {} acknowledgements, and synchronous_node_count is {wanted}: the leader is about to \
                 change them, or /sync was edited by hand (SHOW synchronous_standby_names tells)",
                sync.quorum, needed
            ));
        }
        let least = if situation.mode == Mode::Quorum { needed.min(wanted.max(0)) } else { needed };
        Self { needed, least, names, any_standby, contradictions }
    }
}

/// Takes out whom the leader calls asynchronous, and adds whom it calls synchronous though `/sync` does not.
fn compare(situation: &Situation<'_>, names: &mut Vec<String>, contradictions: &mut Vec<String>) {
    for row in &situation.replication.rows {
        let name = &row.application_name;
        let is_named = |known: &String| known.to_lowercase() == name.to_lowercase();
        let is_listed = names.iter().any(is_named);
        match row.sync_state.as_str() {
            "async" if is_listed => {
                contradictions.push(format!("/sync names {name}, but to the leader's PostgreSQL it is asynchronous"));
                names.retain(|known| !is_named(known));
            }
            "sync" | "quorum" if !is_listed && situation.bit(name) != 0 && !names.is_empty() => {
                contradictions.push(format!("to the leader's PostgreSQL {name} is synchronous, but /sync lacks it"));
                names.push(name.clone());
            }
            _ => {}
        }
    }
}

impl CommitQuorum {
    /// `synchronous_standby_names` as it has to be for this.
    pub fn setting(&self, situation: &Situation<'_>) -> String {
        if self.any_standby {
            return "*".to_owned();
        }
        let names = self.names.join(",");
        match (situation.mode, self.names.len()) {
            (_, 0) => "empty".to_owned(),
            (Mode::Quorum, _) => format!("ANY {} ({names})", self.needed),
            (_, 1) => names,
            _ => format!("{} ({names})", self.needed),
        }
    }
}
