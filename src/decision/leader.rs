//! Gate `leader`: what the leader does with a request in its next HA loop.

use crate::decision::candidates::{Occasion, is_failover_possible};
use crate::decision::step::Step;
use crate::decision::view::View;
use crate::model::cluster::{Raised, ScheduledAt, ScheduledMoment};

/// What the leader does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderDecision<'a> {
    /// The outcome.
    pub outcome: LeaderOutcome,
    /// How it came about.
    pub steps: Vec<Step<'a>>,
}

/// The outcome of the gate `leader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaderOutcome {
    /// It shuts PostgreSQL down and gives the lock up.
    Demotes,
    /// It removes the request and stays.
    Refuses,
    /// It leaves the request alone: nothing was asked for, its time has not come, or a paused leader is no primary.
    Waits,
    /// Its HA loop fails with an exception, in every round.
    Raises(Raised),
}

/// Decides about `/failover` on the leader.
///
/// Source: patroni/ha.py, `Ha.process_manual_failover_from_leader`, 2.0.0 to 4.1.5.
pub fn process_manual_failover_from_leader<'a>(view: &View<'a>) -> LeaderDecision<'a> {
    let mut steps = Vec::with_capacity(view.cluster.members.len() + 2);
    let outcome = decide(view, &mut steps).unwrap_or_else(LeaderOutcome::Raises);
    if outcome == LeaderOutcome::Refuses {
        steps.push(Step::CleaningUp);
    }
    LeaderDecision { outcome, steps }
}

fn decide<'a>(view: &View<'a>, steps: &mut Vec<Step<'a>>) -> Result<LeaderOutcome, Raised> {
    let Some(failover) = view.failover() else { return Ok(LeaderOutcome::Waits) };
    if view.config.paused && !view.local.primary {
        return Ok(LeaderOutcome::Waits);
    }
    let action = view.action();
    if let Some(scheduled_at) = &failover.scheduled_at
        && !is_due(view, scheduled_at, steps)?
    {
        return Ok(LeaderOutcome::Waits);
    }
    if let Some(named) = failover.leader().filter(|named| *named != view.name) {
        steps.push(Step::LeaderNameMismatch { action, named, leader: view.name });
        return Ok(LeaderOutcome::Refuses);
    }
    match failover.candidate() {
        Some(candidate) if candidate == view.name => steps.push(Step::AlreadyLeader(action)),
        None if view.config.paused => steps.push(Step::PausedWithoutCandidate(action)),
        _ if is_failover_possible(view, Occasion::Request, steps)? => return Ok(LeaderOutcome::Demotes),
        _ => steps.push(Step::NoHealthyMembers(action)),
    }
    Ok(LeaderOutcome::Refuses)
}

/// Whether a scheduled action is to be done now. A stale or unusable time is removed from the DCS.
///
/// Source: patroni/ha.py, `Ha.should_run_scheduled_action`, 4.1.5.
fn is_due<'a>(view: &View<'a>, scheduled_at: &'a ScheduledAt, steps: &mut Vec<Step<'a>>) -> Result<bool, Raised> {
    if view.config.paused {
        return Ok(false);
    }
    let action = view.action();
    let text = scheduled_at.text.as_str();
    let at = match scheduled_at.at {
        ScheduledMoment::At(at) => at,
        ScheduledMoment::Naive => {
            steps.push(Step::IncorrectSchedule(text));
            return Ok(false);
        }
        ScheduledMoment::BadOffset => return Err(Raised::bad_offset()),
    };
    let delta = at - view.now;
    let loop_wait = view.config.loop_wait_seconds;
    if (loop_wait as f64) < delta {
        steps.push(Step::Awaiting { action, scheduled_at: text, seconds: delta.round_ties_even() as i128 });
        return Ok(false);
    }
    let stale_after = (loop_wait as f64 * 1.5).trunc();
    if delta < -stale_after {
        steps.push(Step::Stale { action, scheduled_at: text });
        return Ok(false);
    }
    steps.push(Step::Due { action, scheduled_at: text });
    Ok(true)
}
