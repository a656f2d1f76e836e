//! Other values of `synchronous_node_count`, and what they would make of the margins.

use crate::decision::prediction::change_config;
use crate::decision::prediction::facts::Facts;
use crate::decision::quorum::Tolerance;
use crate::decision::quorum::commits::CommitQuorum;
use crate::decision::quorum::outlook::Outlook;
use crate::decision::quorum::situation::{Mode, Situation};
use crate::decision::quorum::steady;
use crate::parse::tree::Value;

/// At most so many other values are tried.
const MAXIMUM_CHOICES: usize = 4;

/// Another value of `synchronous_node_count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub node_count: i128,
    /// What is survived once the leader has brought it about.
    pub tolerance: Tolerance,
}

/// Tries other values; none in asynchronous mode.
pub fn choices(facts: &Facts, situation: &Situation<'_>, members: usize) -> Vec<Choice> {
    if situation.mode == Mode::Asynchronous || !situation.is_active || situation.leader.is_none() {
        return Vec::new();
    }
    let present = situation.config.synchronous_node_count;
    let others = (1..members as i128).filter(|node_count| *node_count != present).take(MAXIMUM_CHOICES);
    others
        .filter_map(|node_count| {
            let mut changed = facts.clone();
            change_config(&mut changed, &[("synchronous_node_count", Value::Int(node_count))]);
            let situation = Situation::of(&changed).ok()?;
            let outlook = Outlook::of(&situation, &CommitQuorum::of(&situation));
            Some(Choice { node_count, tolerance: steady(&changed, &outlook)? })
        })
        .collect()
}
