//! The steps of synchronous replication: what the leader writes, in order, and the log lines that go with it.

use crate::decision::step::Level;
use crate::parse::python;

/// One thing that the leader does or says while it looks after synchronous replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncStep {
    /// It writes `/sync`.
    WritesKey(SyncKey),
    /// It removes `/sync`.
    RemovesKey,
    /// It sets `synchronous_standby_names`; `None`: to nothing.
    SetsNames(Option<String>),
    /// It waits so that standbys can become synchronous, and looks again.
    Waits {
        /// How long.
        seconds: u32,
    },
    /// `synchronous_standby_names` holds something that Patroni cannot read, in Patroni's words.
    Unparsable(String),
    /// There was no `/sync` yet.
    Enabled,
    /// Synchronous mode is off, and `/sync` is gone.
    Disabled,
    /// `/sync` names another leader.
    LeaderInconsistent {
        /// The one in `/sync`.
        named: String,
        /// This one.
        leader: String,
    },
    /// `/sync` names those that are to be synchronous, though not all of them are.
    StandbysInconsistent {
        /// Those that are.
        confirmed: Vec<String>,
        /// Those in `/sync`.
        listed: Vec<String>,
    },
    /// Those that are no longer synchronous leave `/sync` before they leave `synchronous_standby_names`.
    Narrows {
        /// Those in `/sync`.
        from: Vec<String>,
        /// Those that stay.
        to: Vec<String>,
    },
    /// The mode is strict and there is no standby: commits wait.
    NoStandbys,
    /// These are to become synchronous.
    Assigns(Vec<String>),
    /// These are synchronous and go into `/sync`.
    Assigned(Vec<String>),
    /// `/sync` names another leader now, so this one writes nothing.
    UpdatedBySomeoneElse,
    /// The quorum is about to change.
    SetsQuorum {
        /// The leader.
        leader: String,
        /// How many voters a candidate must hear from besides itself.
        quorum: i128,
        /// The voters.
        voters: Vec<String>,
    },
    /// The number of standbys that a commit waits for is about to change, or who they are.
    SetsReplication {
        /// How many.
        num: i128,
        /// Of whom.
        names: Vec<String>,
    },
    /// There are fewer standbys than strict mode wants.
    CommitsDelayed {
        /// How many there are.
        available: i128,
        /// The least number that strict mode wants.
        minimum: i128,
    },
    /// `/sync` and `synchronous_standby_names` contradict each other, in Patroni's words.
    QuorumBroken(String),
}

/// A value for `/sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncKey {
    /// `leader`
    pub leader: String,
    /// `sync_standby`: the names, sorted, with commas; `None`: null.
    pub sync_standby: Option<String>,
    /// `quorum`, in releases that write it.
    pub quorum: Option<i128>,
}

impl SyncStep {
    /// The line that Patroni writes at this step, without time and prefix; `None` if it is silent.
    ///
    /// The names in a line are in the order of the names here, where Patroni's own differs from run to run.
    pub fn log(&self) -> Option<(Level, String)> {
        use Level::{Info, Warning};
        Some(match self {
            Self::WritesKey(_) | Self::RemovesKey | Self::SetsNames(_) | Self::Waits { .. } => return None,
            Self::Unparsable(text) | Self::QuorumBroken(text) => (Warning, text.clone()),
            Self::Enabled => (Info, "Enabled synchronous replication".to_owned()),
            Self::Disabled => (Info, "Disabled synchronous replication".to_owned()),
            Self::LeaderInconsistent { named, leader } => (
                Warning,
                format!(
                    "Inconsistent state of /sync key detected, leader = {named} doesn't match {leader}, updating \
                     synchronous replication key"
                ),
            ),
            Self::StandbysInconsistent { confirmed, listed } => (
                Warning,
                format!(
                    "Inconsistent state between synchronous_standby_names = {} and /sync = {} key detected, updating \
                     synchronous replication key...",
                    list(confirmed),
                    list(listed)
                ),
            ),
            Self::Narrows { from, to } => {
                (Info, format!("Updating synchronous privilege temporarily from {} to {}", list(from), list(to)))
            }
            Self::NoStandbys => (Warning, "No standbys available!".to_owned()),
            Self::Assigns(names) => (Info, format!("Assigning synchronous standby status to {}", list(names))),
            Self::Assigned(names) => (Info, format!("Synchronous standby status assigned to {}", list(names))),
            Self::UpdatedBySomeoneElse => (Info, "Synchronous replication key updated by someone else".to_owned()),
            Self::SetsQuorum { leader, quorum, voters } => (
                Info,
                format!("Setting leader to {leader}, quorum to {quorum} of {} ({})", voters.len(), voters.join(", ")),
            ),
            Self::SetsReplication { num, names } => {
                (Info, format!("Setting synchronous replication to {num} of {} ({})", names.len(), names.join(", ")))
            }
            Self::CommitsDelayed { available, minimum } => (
                Warning,
                format!(
                    "Replication factor {} requested, but {available} synchronous standbys available. Commits will be \
                     delayed.",
                    minimum + 1
                ),
            ),
        })
    }
}

/// As Python prints a list.
fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| python::quoted(name)).collect();
    format!("[{}]", names.join(", "))
}
