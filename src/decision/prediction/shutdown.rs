//! Between the gates `leader` and `race`: when the leader gives the lock away.

use crate::decision::prediction::evaluation::{Seen, after_demotion, log_lines};
use crate::decision::prediction::facts::Facts;
use crate::decision::prediction::{LogLine, explanation};
use crate::decision::shutdown::{ShutdownOutcome, demote};
use crate::decision::step::Step;
use crate::model::cluster::FailoverKey;
use crate::model::version::PatroniVersion;

/// When the leader that steps down gives the lock away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownReport {
    /// The leader.
    pub node: String,
    /// Its release.
    pub version: PatroniVersion,
    /// While PostgreSQL is still shutting down, rather than once it has stopped; `None` if the input does not tell.
    pub gives_lock_away_early: Option<bool>,
    /// Why.
    pub because: String,
    /// What it writes to its log meanwhile.
    pub log_lines: Vec<LogLine>,
}

/// Judges the shutdown that follows when the leader steps down for the request `key`; `None` without a leader.
///
/// The shutdown checkpoint is taken to stand where every streaming standby arrives.
pub(super) fn report(facts: &Facts, key: &FailoverKey, now: f64) -> Option<ShutdownReport> {
    let (name, node) = facts.leader().and_then(|name| facts.nodes.get_key_value(name))?;
    let (after, checkpoint_lsn) = after_demotion(facts);
    let mut seen = Seen::by(&after, name, node).ok()?;
    seen.cluster.failover = Some(key.clone());
    let answers = after.answers(node.version.0);
    let view = seen.view(&seen.cluster, &node.local, &answers, now);
    let decision = demote(&view, checkpoint_lsn);
    let may_yet_catch_up = |step: &Step<'_>| match step {
        Step::CheckpointMissing { member, .. } => {
            facts.nodes.get(*member).is_some_and(|member| member.streaming.is_none())
        }
        _ => false,
    };
    let healthy = explanation::healthy(&decision.steps);
    let (gives_lock_away_early, because) = match &decision.outcome {
        ShutdownOutcome::GivesLockAway => (Some(true), format!("{healthy} will have received the shutdown checkpoint")),
        ShutdownOutcome::HoldsLock if decision.steps.iter().any(may_yet_catch_up) => {
            (None, "nothing tells who receives the shutdown checkpoint by streaming".to_owned())
        }
        ShutdownOutcome::HoldsLock => {
            (Some(false), explanation::reasons(decision.steps.get(1..).unwrap_or_default(), &answers).join("; "))
        }
        ShutdownOutcome::DoesNotAsk => (Some(false), format!("{} does not ask earlier", node.version.0)),
        ShutdownOutcome::Raises(raised) => (Some(false), format!("its question fails with {raised}")),
    };
    Some(ShutdownReport {
        node: name.clone(),
        version: node.version.0,
        gives_lock_away_early,
        because,
        log_lines: log_lines(name, &decision.steps),
    })
}
