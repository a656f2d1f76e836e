//! The law that keeps acknowledged commits: who acknowledges one and who elects a leader have a member in common.

use crate::decision::quorum::commits::CommitQuorum;
use crate::decision::quorum::situation::{Mode, Situation};

/// More names than this are only counted.
const MAXIMUM_NAMES: usize = 8;

/// Whether every set of nodes that can acknowledge a commit has a node in common with every set that can elect a leader,
/// the leader itself left out of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// There is no such law, and why.
    NotAsked(&'static str),
    /// It holds, because.
    Holds(String),
    /// It does not: the two sets that have no node in common.
    Broken {
        /// These alone can acknowledge a commit; nobody: the leader needs no standby for it.
        acknowledging: Vec<String>,
        /// These alone can elect one of them.
        electing: Vec<String>,
    },
}

impl Overlap {
    /// Looks for two sets without a node in common.
    pub fn of(situation: &Situation<'_>, commits: &CommitQuorum) -> Self {
        if situation.mode == Mode::Asynchronous {
            return Self::NotAsked(match situation.config.standby_cluster {
                true => "a standby cluster makes no commits",
                false => "commits wait for nobody, so whoever takes over may lack some",
            });
        }
        if !situation.is_active {
            return Self::NotAsked(
                "synchronous mode is not active yet: /sync has no leader, and anybody may take over",
            );
        }
        // The leader has every commit itself, so a set with it has the commit; the leader of /sync votes, too.
        let sync = &situation.cluster.sync;
        let is_leader =
            |name: &&str| situation.leader.is_some_and(|leader| leader.to_lowercase() == name.to_lowercase());
        let former = sync.leader().filter(|_| situation.leader.is_some_and(|leader| !sync.leader_matches(leader)));
        let voters: Vec<&str> = sync.voters().chain(former).filter(|name| !is_leader(name)).collect();
        let is_in =
            |names: &[String], name: &str| names.iter().any(|known| known.to_lowercase() == name.to_lowercase());
        let (quorum, what) = match situation.mode {
            // The candidate is one of the voters that elect.
            Mode::Quorum => (situation.cluster.sync.quorum.max(0), "elect"),
            Mode::Synchronous | Mode::Asynchronous => (0, "take over"),
        };
        let size = usize::try_from(quorum).unwrap_or(usize::MAX).saturating_add(1);
        if voters.len() < size {
            let leader = situation.cluster.sync.leader().unwrap_or_default();
            return Self::Holds(format!(
                "/sync names too few for an election, so nobody but {leader} can take the lock"
            ));
        }
        let mut electing = voters.clone();
        electing.sort_by_key(|name| is_in(&commits.names, name));
        electing.truncate(size);
        let electing: Vec<String> = electing.into_iter().map(str::to_owned).collect();
        let others: Vec<String> = commits.names.iter().filter(|name| !is_in(&electing, name)).cloned().collect();
        let needed = usize::try_from(commits.least.max(0)).unwrap_or(usize::MAX);
        if needed <= others.len() {
            return Self::Broken { acknowledging: others.into_iter().take(needed).collect(), electing };
        }
        let stranger = |name: &&str| !voters.iter().any(|known| known.to_lowercase() == name.to_lowercase());
        let all: Vec<&str> =
            voters.iter().copied().chain(commits.names.iter().map(String::as_str).filter(stranger)).collect();
        if situation.mode != Mode::Quorum {
            return Self::Holds(format!(
                "every commit is on all of {}, and only they may take over",
                voters.join(", ")
            ));
        }
        Self::Holds(format!(
            "{} of {} acknowledge a commit, {size} of them {what}; {} + {size} > {}: at least one is in both",
            commits.least,
            if all.len() <= MAXIMUM_NAMES { all.join(", ") } else { format!("{} names in /sync", all.len()) },
            commits.least,
            all.len()
        ))
    }
}
