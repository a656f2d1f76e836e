//! Whether anybody can take over, as the leader (or the former leader) judges.

use crate::decision::step::Step;
use crate::decision::view::{Action, View, nofailover};
use crate::model::behaviour::Behaviour;
use crate::model::cluster::{Member, MemberStatus, Raised, ReportedTimeline};

/// On which occasion a node asks whether anybody can take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The leader looks at a request.
    Request,
    /// The leader shuts PostgreSQL down.
    Shutdown {
        /// Position of the shutdown checkpoint in bytes; 0 if unknown.
        checkpoint_lsn: i128,
    },
    /// The former leader could take the lock back.
    Return {
        /// Whether the candidate of `/failover` is left out, because it was found unfit.
        excludes_candidate: bool,
    },
}

/// Checks whether any other member is allowed to promote and healthy enough.
///
/// Source: patroni/ha.py, `Ha.is_failover_possible`, 2.0.0 to 4.1.5.
pub fn is_failover_possible<'a>(
    view: &View<'a>,
    occasion: Occasion,
    steps: &mut Vec<Step<'a>>,
) -> Result<bool, Raised> {
    let exclude_failover_candidate = occasion == Occasion::Return { excludes_candidate: true };
    let tells_apart = view.has(Behaviour::SwitchoversAreNamed);
    let candidates = if tells_apart {
        failover_candidates(view, exclude_failover_candidate)?
    } else {
        let members = earlier_members(view, occasion, steps)?;
        steps.extend(history_unreadable(view));
        earlier_candidates(view, members)?
    };
    let named = view.failover().and_then(|failover| failover.candidate());
    if candidates.is_empty() {
        steps.push(match named {
            Some(candidate) if view.config.synchronous_mode && tells_apart => {
                let sync_standby = view.cluster.sync.sync_standby();
                Step::CandidateNotSync { action: view.action(), candidate, sync_standby }
            }
            _ => Step::NoCandidates(if tells_apart { view.action() } else { Action::Unnamed }),
        });
    }
    if tells_apart {
        steps.extend(history_unreadable(view));
    }
    let cluster_lsn = match occasion {
        Occasion::Shutdown { checkpoint_lsn } => checkpoint_lsn,
        Occasion::Request | Occasion::Return { .. } => 0,
    };
    let mut votes = -1;
    for candidate in candidates {
        if is_fit(view, candidate, cluster_lsn, steps)? {
            votes += 1;
            let wal_position = view.answers.of(&candidate.name).wal_position();
            steps.push(Step::Healthy { member: &candidate.name, wal_position, votes });
        }
    }
    if named.is_some() && occasion == Occasion::Request {
        steps.extend(not_asked(view, named));
    }
    let skips_quorum = view.has(Behaviour::NamedCandidateSkipsQuorum) && named.is_some() && !exclude_failover_candidate;
    let applies = view.has(Behaviour::LeaderCountsVotes) && view.quorum_commit_mode_is_active() && !skips_quorum;
    let quorum = if applies { view.cluster.sync.quorum } else { 0 };
    steps.push(Step::Votes { start: -1, votes, quorum, applies });
    if votes < quorum && applies && view.has(Behaviour::NamedCandidateSkipsQuorum) {
        steps.push(Step::QuorumUnreachable(quorum));
        return Ok(false);
    }
    // 4.0.5 compares with the quorum alone; a negative one in /sync lets nobody's vote suffice. From 4.0.6 on one
    // healthy member is needed in any case.
    let needed = if view.has(Behaviour::NamedCandidateSkipsQuorum) { 0 } else { quorum };
    Ok(needed <= votes)
}

/// What a look at the cluster's timeline logs.
///
/// Source: patroni/dcs/__init__.py, `Cluster.timeline`, 2.0.0 to 4.1.5.
pub fn history_unreadable<'a>(view: &View<'a>) -> Option<Step<'a>> {
    view.cluster.malformed_history.as_deref().map(Step::HistoryUnreadable)
}

/// The members to be asked.
///
/// Source: patroni/ha.py, `Ha.get_failover_candidates`, 3.2.0 to 4.1.5.
fn failover_candidates<'a>(view: &View<'a>, exclude_failover_candidate: bool) -> Result<Vec<&'a Member>, Raised> {
    let failover = view.failover();
    let named = failover.and_then(|failover| failover.candidate());
    let only_named = !(exclude_failover_candidate && view.has(Behaviour::ExcludedCandidateLeavesOthers));
    let is_manual_failover = failover.is_some_and(|failover| failover.leader().is_none());
    let sync_restricts = view.sync_mode_is_active()
        && !(view.has(Behaviour::QuorumCandidatesUnrestricted) && view.config.quorum_commit_mode);
    let mut candidates = Vec::new();
    for member in view.cluster.members.iter() {
        let excluded = member.name == view.name || exclude_failover_candidate && named == Some(&member.name);
        if sync_restricts && !view.cluster.sync.try_matches(&member.name)? && !is_manual_failover || excluded {
            continue;
        }
        if nofailover(member)? || member.api_url.is_none() {
            continue;
        }
        if !only_named || named.is_none_or(|named| named == member.name) {
            candidates.push(member);
        }
    }
    Ok(candidates)
}

/// The members that came into question before 3.2.0: the leader chose by itself, later it asked all others.
///
/// Source: patroni/ha.py, `Ha.process_manual_failover_from_leader`, `Ha.demote`, `Ha.manual_failover_process_no_leader` and
/// `Ha.is_failover_possible`, 2.0.0 to 3.1.2.
fn earlier_members<'a>(
    view: &View<'a>,
    occasion: Occasion,
    steps: &mut Vec<Step<'a>>,
) -> Result<Vec<&'a Member>, Raised> {
    let failover = view.failover();
    let named = failover.and_then(|failover| failover.candidate());
    let sync = &view.cluster.sync;
    let alone = view.has(Behaviour::NamedCandidateAlone);
    let is_named = |member: &Member| named.is_none_or(|named| named == member.name);
    let mut members = Vec::new();
    for member in view.cluster.members.iter() {
        let is_eligible = match occasion {
            Occasion::Request if view.config.synchronous_mode => {
                sync.try_matches(&member.name)? && (!alone || is_named(member))
            }
            Occasion::Request => is_named(member),
            Occasion::Shutdown { .. } => !alone || is_named(member),
            Occasion::Return { .. } => {
                named != Some(&member.name)
                    && failover.and_then(|failover| failover.leader.as_deref()) != Some(&member.name)
            }
        };
        if is_eligible {
            members.push(member);
        }
    }
    if let (Some(candidate), Occasion::Request, true) = (named, occasion, view.config.synchronous_mode) {
        let ignores_case = view.has(Behaviour::SyncNamesIgnoreCase);
        let odd = failover.and_then(|failover| failover.odd_candidate.clone());
        if let Some(raised) = odd.filter(|_| !alone && ignores_case && !sync.is_empty()) {
            return Err(raised);
        }
        let is_refused = if alone { members.is_empty() } else { !sync.try_matches(candidate)? };
        if is_refused {
            members.clear();
            let sync_standby = sync.sync_standby();
            steps.push(Step::CandidateNotSync { action: view.action(), candidate, sync_standby });
        }
    }
    Ok(members)
}

/// Those of `members` that a process before 3.2.0 asks.
fn earlier_candidates<'a>(view: &View<'a>, members: Vec<&'a Member>) -> Result<Vec<&'a Member>, Raised> {
    let sync = &view.cluster.sync;
    let restricts = view.has(Behaviour::FormerLeaderLooksAtSync)
        && view.config.synchronous_mode
        && !(view.has(Behaviour::EmptySyncRestrictsNobody) && sync.is_empty());
    let mut candidates = Vec::new();
    for member in members {
        if member.name != view.name && !nofailover(member)? && member.api_url.is_some() {
            candidates.push(member);
        }
    }
    if restricts {
        for candidate in std::mem::take(&mut candidates) {
            if sync.try_matches(&candidate.name)? {
                candidates.push(candidate);
            }
        }
    }
    Ok(candidates)
}

/// Whether a candidate is healthy; says why if not.
fn is_fit<'a>(
    view: &View<'a>,
    candidate: &'a Member,
    cluster_lsn: i128,
    steps: &mut Vec<Step<'a>>,
) -> Result<bool, Raised> {
    let member = candidate.name.as_str();
    let status = view.answers.of(member);
    if let Some(limitation) = status.limitation()? {
        steps.push(Step::Limited { member, limitation });
        return Ok(false);
    }
    let wal_position = status.wal_position();
    if cluster_lsn != 0 && wal_position < cluster_lsn {
        steps.push(Step::CheckpointMissing { member, bytes: cluster_lsn.saturating_sub(wal_position) });
        return Ok(false);
    }
    if let Some(lag_bytes) = view.excessive_lag(wal_position).filter(|_| cluster_lsn == 0) {
        steps.push(Step::Lagging { member, lag_bytes, allowed_bytes: view.config.maximum_lag_on_failover });
        return Ok(false);
    }
    if view.config.check_timeline {
        let cluster_timeline = view.cluster.timeline;
        let MemberStatus::Reachable { timeline, .. } = status else { return Ok(false) };
        let is_behind = match timeline {
            ReportedTimeline::Known(timeline) | ReportedTimeline::Odd(timeline, _) => *timeline < cluster_timeline,
            ReportedTimeline::Unknown(_) => true,
            ReportedTimeline::Invalid(raised) => return Err(raised.clone()),
        };
        if is_behind {
            steps.push(Step::MemberTimelineBehind { member, timeline, cluster_timeline });
            return Ok(false);
        }
    }
    Ok(true)
}

/// The members that would count if the candidate were not named: what the explanation of a refusal needs.
fn not_asked<'a>(view: &View<'a>, named: Option<&str>) -> Vec<Step<'a>> {
    let others = view.cluster.members.iter().filter(|member| {
        member.name != view.name
            && named != Some(&member.name)
            && member.api_url.is_some()
            && nofailover(member) == Ok(false)
            && view.answers.of(&member.name).limitation() == Ok(None)
            && (!view.sync_mode_is_active() || view.cluster.sync.matches(&member.name))
    });
    others.map(|member| Step::NotAsked { member: &member.name }).collect()
}
