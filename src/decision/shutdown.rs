//! Between the gates `leader` and `race`: whether the leader gives the lock away while PostgreSQL shuts down.

use crate::decision::candidates::{Occasion, is_failover_possible};
use crate::decision::step::Step;
use crate::decision::view::View;
use crate::model::behaviour::Behaviour;
use crate::model::cluster::Raised;

/// What the leader does with the lock while it shuts PostgreSQL down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownDecision<'a> {
    /// The outcome.
    pub outcome: ShutdownOutcome,
    /// How it came about.
    pub steps: Vec<Step<'a>>,
}

/// When the leader gives the lock away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShutdownOutcome {
    /// As soon as the shutdown checkpoint is written, while PostgreSQL still waits for its standbys.
    GivesLockAway,
    /// Once PostgreSQL has stopped: nobody healthy has received the shutdown checkpoint.
    HoldsLock,
    /// Once PostgreSQL has stopped: this release does not ask.
    DoesNotAsk,
    /// The question fails with an exception.
    Raises(Raised),
}

/// Decides about the lock while the leader, who has agreed to step down, shuts PostgreSQL down.
///
/// `checkpoint_lsn`: position of the shutdown checkpoint in bytes.
///
/// Source: patroni/ha.py, `Ha.demote` (`on_shutdown`), 2.0.0 to 4.1.5.
pub fn demote<'a>(view: &View<'a>, checkpoint_lsn: i128) -> ShutdownDecision<'a> {
    let mut steps = Vec::with_capacity(view.cluster.members.len() + 2);
    if !view.has(Behaviour::ShutdownAsksMembers) {
        return ShutdownDecision { outcome: ShutdownOutcome::DoesNotAsk, steps };
    }
    steps.push(Step::Demoting);
    let outcome = match is_failover_possible(view, Occasion::Shutdown { checkpoint_lsn }, &mut steps) {
        Ok(true) => ShutdownOutcome::GivesLockAway,
        Ok(false) => ShutdownOutcome::HoldsLock,
        Err(raised) => ShutdownOutcome::Raises(raised),
    };
    ShutdownDecision { outcome, steps }
}
