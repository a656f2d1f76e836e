//! Who counts: for acknowledging commits, for electing a leader, and what losses the cluster survives.

pub mod advice;
pub mod choices;
pub mod commits;
pub mod contest;
pub mod margins;
pub mod outlook;
pub mod overlap;
pub mod seats;
pub mod situation;

use crate::decision::prediction::evaluation::evaluate;
use crate::decision::prediction::facts::Facts;
use crate::decision::prediction::{Assumption, Dependency, Options, Question, examine, seen};
use crate::decision::quorum::choices::{Choice, choices};
use crate::decision::quorum::commits::CommitQuorum;
use crate::decision::quorum::margins::{Margins, Property};
use crate::decision::quorum::outlook::Outlook;
use crate::decision::quorum::overlap::Overlap;
use crate::decision::quorum::seats::Seat;
use crate::decision::quorum::situation::{Mode, Situation};
use crate::model::cluster::Raised;
use crate::model::snapshot::{ClusterSnapshot, DcsServer};

/// Everything that `patrolint quorum` tells.
#[derive(Debug)]
pub struct QuorumReport<'a> {
    /// What is known.
    pub situation: Situation<'a>,
    /// What a commit waits for.
    pub commits: CommitQuorum,
    /// `quorum` of `/sync`: the votes that a candidate needs besides its own; `None` when it needs none.
    pub votes_needed: Option<i128>,
    /// One entry a member, and one for every name in `/sync` that is none.
    pub seats: Vec<Seat>,
    /// The servers of the DCS that the input shows.
    pub servers: &'a [DcsServer],
    /// What is survived; `None`: there are too many members to try all sets.
    pub margins: Option<Margins<'a>>,
    /// Whether every set that can acknowledge a commit overlaps with every set that can elect.
    pub overlap: Overlap,
    /// What the leader will do to `/sync` and `synchronous_standby_names` next.
    pub outlook: Outlook,
    /// What would be survived in the steady state, if that is another one than the present.
    pub steady: Option<Tolerance>,
    /// Other values of `synchronous_node_count` with what would be survived.
    pub choices: Vec<Choice>,
    /// Facts that are missing and without which the rest is a guess.
    pub missing: Vec<Dependency>,
    /// What was taken for granted.
    pub assumptions: Vec<Assumption>,
    /// What was looked at.
    pub seen: Vec<String>,
}

/// The largest number of members whose loss, whichever they are, leaves each property; `None`: it does not even hold now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Somebody leads or takes over.
    pub failover: Option<usize>,
    /// No acknowledged commit is lost by a failover.
    pub commits: Option<usize>,
    /// Clients can write.
    pub writes: Option<usize>,
}

impl Tolerance {
    pub(in crate::decision) fn of(margins: &Margins<'_>) -> Self {
        Self {
            failover: margins.tolerated(Property::Failover),
            commits: margins.tolerated(Property::Commits),
            writes: margins.tolerated(Property::Writes),
        }
    }

    /// The number for one property.
    pub fn of_property(self, property: Property) -> Option<usize> {
        match property {
            Property::Failover => self.failover,
            Property::Commits => self.commits,
            Property::Writes => self.writes,
        }
    }
}

/// Makes the report.
///
/// # Errors
///
/// The data in the DCS is such that Patroni's own loader fails.
pub fn report<'a>(
    snapshot: &'a ClusterSnapshot,
    facts: &'a Facts,
    options: Options,
) -> Result<QuorumReport<'a>, Raised> {
    let situation = Situation::of(facts)?;
    let commits = CommitQuorum::of(&situation);
    let margins = Margins::of(&situation, &commits);
    let outlook = Outlook::of(&situation, &commits);
    let crash = Question::Crash { nodes: Vec::new() };
    let (missing, mut assumptions) = examine(snapshot, facts, &crash, &evaluate(facts, &crash), options);
    assumptions.extend(assumed(&situation, &commits));
    Ok(QuorumReport {
        votes_needed: (situation.mode == Mode::Quorum && situation.is_active).then_some(situation.cluster.sync.quorum),
        seats: seats::seats(&situation, &commits),
        servers: snapshot.dcs.as_ref().map(|dcs| dcs.servers.as_slice()).unwrap_or_default(),
        overlap: Overlap::of(&situation, &commits),
        steady: steady(facts, &outlook),
        choices: margins.as_ref().map_or_else(Vec::new, |it| choices(facts, &situation, it.contest.names.len())),
        margins,
        outlook,
        missing,
        assumptions,
        seen: seen(snapshot),
        commits,
        situation,
    })
}

/// What would be survived once `/sync` is as it is going to be.
fn steady(facts: &Facts, outlook: &Outlook) -> Option<Tolerance> {
    let key = outlook.steady_key()?;
    let mut settled = facts.clone();
    settled.keys.insert("sync".to_owned(), key);
    // The leader's list of standbys is that of the present.
    for node in settled.nodes.values_mut() {
        node.answer = None;
    }
    let situation = Situation::of(&settled).ok()?;
    let margins = Margins::of(&situation, &CommitQuorum::of(&situation))?;
    Some(Tolerance::of(&margins))
}

impl QuorumReport<'_> {
    /// What is survived now; `None` when the sets of losses were not tried.
    pub fn tolerance(&self) -> Option<Tolerance> {
        self.margins.as_ref().map(Tolerance::of)
    }
}

/// What this report takes for granted beyond what the race does.
fn assumed(situation: &Situation<'_>, commits: &CommitQuorum) -> Vec<Assumption> {
    let assumption = |text: String| Assumption { text, otherwise: None };
    let mut assumptions = Vec::new();
    let Some(leader) = situation.leader else { return assumptions };
    if situation.mode != Mode::Asynchronous {
        let agrees = match situation.rows_are_seen {
            true => "its list of standbys was looked at",
            false => "no REST answer of it was seen, either",
        };
        if situation.is_active && !commits.names.is_empty() {
            assumptions.push(assumption(format!(
                "synchronous_standby_names on {leader} is {} (the setting itself is in no input; {agrees})",
                commits.setting(situation)
            )));
        }
        if !situation.rows_are_seen {
            let streaming: Vec<&str> = situation.streaming().collect();
            assumptions.push(assumption(match streaming.as_slice() {
                [] => format!("nobody replicates from {leader}"),
                names => format!("{} replicate from {leader}, by their own keys and answers", names.join(", ")),
            }));
        }
    }
    assumptions
}
