//! Decisions in words: why a gate decides as it does, and what it means.

use crate::decision::api::{ApiDecision, ApiOutcome, Request};
use crate::decision::leader::{LeaderDecision, LeaderOutcome};
use crate::decision::prediction::evaluation::Evaluation;
use crate::decision::prediction::facts::{Facts, NodeFacts, Origin};
use crate::decision::prediction::{Count, Gate, GateReport, Question, Via};
use crate::decision::race::explain_limitation;
use crate::decision::step::Step;
use crate::decision::view::Answers;
use crate::model::behaviour::Behaviours;
use crate::model::cluster::{Limitation, MemberStatus, ReportedTimeline};
use crate::model::snapshot::{ClusterSnapshot, DcsKind, RestAnswer};
use crate::model::time::{ParsedTime, parse_time};
use crate::model::version::PatroniVersion;

/// The outcome of a world in one line: `accepted; pg2 wins`, `refused by the leader with 503`.
pub fn describe(question: &Question, evaluation: &Evaluation) -> String {
    if let Question::Crash { .. } = question {
        return match evaluation.winners.as_slice() {
            [] => "nobody takes over".to_owned(),
            [leader] if evaluation.keeps_leader() => format!("{leader} stays leader"),
            winners => format!("{} takes over", winners.join(" or ")),
        };
    }
    let status = evaluation.http_status.map(|status| format!(" with {status}")).unwrap_or_default();
    match evaluation.gate {
        None if evaluation.http_status == Some(202) => "accepted: scheduled (202)".to_owned(),
        None => format!("accepted; {}", wins(&evaluation.winners)),
        Some(Gate::Ctl) => "refused by patronictl".to_owned(),
        Some(Gate::Api) if evaluation.http_status.is_none() => "refused: no HTTP answer".to_owned(),
        Some(Gate::Api) => format!("refused by the REST API{status}"),
        Some(Gate::Leader) => format!("refused by the leader{status}"),
        Some(Gate::Race) => format!("nobody takes over{}", status.replace(" with", ", HTTP")),
    }
}

/// `pg2 wins`, `pg2 or pg3 wins`.
pub(super) fn wins(winners: &[String]) -> String {
    match winners {
        [] => "nobody wins".to_owned(),
        winners => format!("{} wins", winners.join(" or ")),
    }
}

pub(super) fn ctl_passes(request: &Request, to: Option<&str>) -> String {
    let candidate = match request.candidate() {
        Some(candidate) => format!("{candidate} is a member, not the leader, not nofailover"),
        None => "no candidate is named, and there are some".to_owned(),
    };
    match to {
        Some(to) => format!("{candidate}; sends the request to {to}"),
        None => format!("{candidate}; knows nobody to send the request to"),
    }
}

pub(super) fn api(decision: &ApiDecision<'_>, answers: &Answers) -> String {
    let why = |name: &str, limitation: Limitation| match (limitation, answers.of(name)) {
        (Limitation::NotReachable, MemberStatus::Unreachable { reason }) => format!("{name}: {reason}"),
        _ => format!("{name}: {}", explain_limitation(limitation)),
    };
    match &decision.outcome {
        ApiOutcome::Accepts => match decision.asked.iter().find(|(_, limitation)| limitation.is_none()) {
            Some((name, _)) => format!("{name} answers its REST API and nothing limits it"),
            None => "nothing to check".to_owned(),
        },
        ApiOutcome::Schedules => "the time is accepted; candidates are checked when it comes".to_owned(),
        ApiOutcome::BadRequest => "the request is empty: 400".to_owned(),
        ApiOutcome::Refuses { status, body } => {
            let limits: Vec<String> = decision
                .asked
                .iter()
                .filter_map(|(name, limitation)| limitation.map(|limitation| why(name, limitation)))
                .collect();
            match limits.is_empty() {
                true => format!("{status} \"{body}\""),
                false => format!("{status} \"{body}\" ({})", limits.join("; ")),
            }
        }
        ApiOutcome::Raises(raised) => format!("closes the connection without an answer ({raised})"),
    }
}

/// The members found fit to take over, by name.
pub(super) fn healthy(steps: &[Step<'_>]) -> String {
    let names = steps.iter().filter_map(|step| match step {
        Step::Healthy { member, .. } => Some(*member),
        _ => None,
    });
    names.collect::<Vec<_>>().join(", ")
}

pub(super) fn leader(decision: &LeaderDecision<'_>) -> String {
    let votes = decision.steps.iter().find_map(|step| match step {
        Step::Votes { votes, quorum, applies: true, .. } => Some((*votes, *quorum)),
        _ => None,
    });
    match &decision.outcome {
        LeaderOutcome::Demotes => {
            let healthy = healthy(&decision.steps);
            match votes {
                Some((votes, quorum)) => {
                    format!("{votes} votes, /sync asks for {quorum} (healthy: {})", healthy)
                }
                None => format!("healthy: {healthy}"),
            }
        }
        LeaderOutcome::Refuses => {
            let reason = decision.steps.iter().rev().find(|step| {
                !matches!(
                    step,
                    Step::CleaningUp | Step::NoHealthyMembers(_) | Step::NotAsked { .. } | Step::Healthy { .. }
                ) && !matches!(step, Step::Votes { applies: false, .. })
            });
            match (votes, reason) {
                (Some((votes, quorum)), _) if votes < quorum => {
                    format!("{votes} {} where /sync asks for {quorum}", if votes == 1 { "vote" } else { "votes" })
                }
                (_, Some(step)) => explain(step),
                (_, None) => "no healthy member to take over".to_owned(),
            }
        }
        LeaderOutcome::Waits => match decision.steps.last() {
            Some(step) => explain(step),
            None => "the request stays where it is: a paused leader that is no primary ignores it".to_owned(),
        },
        LeaderOutcome::Raises(raised) => format!("its HA loop fails with {raised}"),
    }
}

/// The steps that are reasons, one a line.
pub(super) fn reasons(steps: &[Step<'_>], answers: &Answers) -> Vec<String> {
    steps
        .iter()
        .filter(|step| !matches!(step, Step::CleaningUp | Step::Votes { .. } | Step::QuorumUnreachable(_)))
        .map(|step| match step {
            Step::Limited { member, limitation: Limitation::NotReachable } => match answers.of(member) {
                MemberStatus::Unreachable { reason } => format!("{member} counts as not reachable: {reason}"),
                MemberStatus::Reachable { .. } => explain(step),
            },
            step => explain(step),
        })
        .collect()
}

/// How the leader counts votes; empty when the quorum is not looked at.
pub(super) fn counting(
    steps: &[Step<'_>],
    version: PatroniVersion,
    candidate: Option<&str>,
    last_lsn: i128,
) -> Vec<Count> {
    let Some(Step::Votes { start, quorum, .. }) =
        steps.iter().find(|step| matches!(step, Step::Votes { applies: true, .. }))
    else {
        return Vec::new();
    };
    let count = |what: String, adds: Option<i128>, total: Option<i128>| Count { what, adds, total };
    let mut lines = vec![count("start".to_owned(), None, Some(*start))];
    for step in steps {
        match step {
            Step::Healthy { member, votes, wal_position } => {
                let lag_bytes = last_lsn.saturating_sub(*wal_position).max(0);
                let role = if candidate == Some(member) { "candidate, healthy" } else { "healthy" };
                lines.push(count(format!("{member}: {role}, {lag_bytes} bytes behind"), Some(1), Some(*votes)));
            }
            Step::Limited { .. } | Step::Lagging { .. } | Step::MemberTimelineBehind { .. } => {
                lines.push(count(explain(step), None, None));
            }
            Step::NotAsked { member } => {
                let what =
                    format!("{member}: healthy too, but not looked at: {version} checks the named candidate alone");
                lines.push(count(what, None, None));
            }
            _ => {}
        }
    }
    lines.push(count("needed: quorum in /sync".to_owned(), None, Some(*quorum)));
    lines
}

/// Why a node takes the lock or not.
pub(super) fn race(steps: &[Step<'_>], node: &NodeFacts) -> Vec<String> {
    let mut reasons: Vec<String> =
        steps.iter().filter(|step| !matches!(step, Step::Votes { applies: false, .. })).map(explain).collect();
    if reasons.is_empty() {
        reasons.push(format!("nobody in sight is ahead of its WAL position {}", wal_position(node.local.lsn)));
    }
    reasons
}

pub(super) fn race_summary(report: &GateReport) -> String {
    let winners = report.winners();
    match winners.len() {
        0 => "nobody may take the lock".to_owned(),
        1 => format!("{} takes the lock", winners[0]),
        _ => format!("{} may take the lock, the first one has it", winners.join(" or ")),
    }
}

/// A step as a sentence.
pub fn explain(step: &Step<'_>) -> String {
    match step {
        Step::Demoting => "it shuts PostgreSQL down".to_owned(),
        Step::HistoryUnreadable(_) => "/history tells no timeline".to_owned(),
        Step::CheckpointMissing { member, bytes } => {
            format!("{member} lacks the last {bytes} bytes before the shutdown")
        }
        Step::NoCandidates(_) => "no member is left that could be asked".to_owned(),
        Step::CandidateNotSync { candidate, sync_standby, .. } => format!(
            "{candidate} cannot be asked: it is no sync standby (/sync: {}), has nofailover or no api_url",
            sync_standby.filter(|names| !names.is_empty()).unwrap_or("none")
        ),
        Step::Limited { member, limitation } => format!("{member}: {}", explain_limitation(*limitation)),
        Step::NoVote { member, limitation } => {
            format!("no vote of {member}: {}", explain_limitation(*limitation))
        }
        Step::Lagging { member, lag_bytes, allowed_bytes } => format!(
            "{member} is {lag_bytes} bytes behind the position in /status; maximum_lag_on_failover allows \
             {allowed_bytes}"
        ),
        Step::MemberTimelineBehind { member, timeline: ReportedTimeline::Unknown(_), .. } => {
            format!("{member} does not tell its timeline")
        }
        Step::MemberTimelineBehind { member, timeline, cluster_timeline } => {
            format!("{member} is on timeline {timeline}, the cluster on {cluster_timeline} by /history")
        }
        Step::Healthy { member, .. } => format!("{member} is healthy and not too far behind"),
        Step::NotAsked { member } => format!("{member} is not asked: only the named candidate is"),
        Step::Votes { votes, quorum, .. } => format!("{votes} of {quorum} votes needed by /sync"),
        Step::QuorumUnreachable(quorum) => format!("the quorum of {quorum} in /sync cannot be reached"),
        Step::NoHealthyMembers(_) => "no healthy member to take over".to_owned(),
        Step::PausedWithoutCandidate(_) => "the cluster is paused, and no candidate is named".to_owned(),
        Step::AlreadyLeader(_) => "the candidate is the leader itself".to_owned(),
        Step::LeaderNameMismatch { named, leader, .. } => {
            format!("the request names {named} as the leader, but {leader} is")
        }
        Step::CleaningUp => "the request is removed from the DCS".to_owned(),
        Step::Awaiting { scheduled_at, seconds, .. } => format!("it waits for {scheduled_at}, in {seconds} s"),
        Step::Stale { scheduled_at, .. } => format!("{scheduled_at} is long past: the request is removed"),
        Step::Due { scheduled_at, .. } => format!("{scheduled_at} has come"),
        Step::IncorrectSchedule(text) => format!("{text} has no time zone: the request is removed"),
        Step::IAmLagging { lag_bytes, allowed_bytes } => format!(
            "it is {lag_bytes} bytes behind the position in /status; maximum_lag_on_failover allows {allowed_bytes}"
        ),
        Step::MyTimelineUnknown => "its timeline is unknown".to_owned(),
        Step::MyTimelineBehind { timeline, cluster_timeline }
        | Step::PrimaryTimelineBehind { timeline, cluster_timeline } => {
            format!("it is on timeline {timeline}, the cluster on {cluster_timeline} by /history")
        }
        Step::PrimaryAlive { member, .. } => format!("{member} still runs as a primary"),
        Step::Ahead { member, bytes } => format!("{member} is {bytes} bytes ahead"),
        Step::FormerLeaderAheadIgnored => "the former leader's lead is ignored".to_owned(),
        Step::HigherPriority { member, theirs, mine } => {
            format!("{member} is equally good and has failover_priority {theirs}, it has {mine}")
        }
        Step::FormerLeaderPriorityIgnored { member, theirs, .. } => {
            format!("the former leader {member} has failover_priority {theirs}, which is ignored")
        }
        Step::Vote { member, .. } => format!("has the vote of {member}"),
        Step::FormerLeaderNeedsNoVotes => "the former leader needs no votes".to_owned(),
        Step::WatchdogUnusable(_) => "its watchdog is required and does not work".to_owned(),
        Step::NoFailover => "its tags forbid a promotion (nofailover, or failover_priority 0)".to_owned(),
        Step::Starting => "its PostgreSQL is still starting".to_owned(),
        Step::NotRunning => "its PostgreSQL does not run, or it does not answer".to_owned(),
        Step::Paused => "the cluster is paused: nobody races".to_owned(),
        Step::PausedForeignSystem => "paused, and its system identifier is not the cluster's".to_owned(),
        Step::IsPrimary => "it runs as a primary already".to_owned(),
        Step::NotSync => "it is not in /sync, and only sync standbys and the former leader may race".to_owned(),
        Step::NotInFailsafe => "it is not in /failsafe".to_owned(),
        Step::IAmCandidate => "it is the named candidate".to_owned(),
        Step::LeftToCandidate { candidate, .. } => format!("leaves the lock to the candidate {candidate}"),
        Step::CandidateUnfit { candidate, limitation, .. } => {
            format!("the candidate {candidate} is {}, so everybody may race", limitation.text())
        }
        Step::CandidateGone(_) => "the candidate is no member: the request is removed".to_owned(),
        Step::LeftToOthers => "it was the leader and leaves the lock to others".to_owned(),
        Step::OnlyMeLeft => "it was the leader, and nobody else can take over".to_owned(),
    }
}

/// A WAL position as PostgreSQL writes it.
pub fn wal_position(position: i128) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xFFFF_FFFF)
}

/// Remarks on what the answer does not show by itself.
pub(super) fn remarks(facts: &Facts, question: &Question, evaluation: &Evaluation) -> Vec<String> {
    let mut remarks = Vec::new();
    let version = facts.leader_version();
    let pending = facts.cluster(version).ok().and_then(|cluster| cluster.failover).filter(|key| key.is_requested());
    if let (Some(pending), Question::Change { .. }, None) = (&pending, question, evaluation.gate) {
        let what = if pending.scheduled_at.is_some() { "scheduled " } else { "" };
        remarks.push(format!("A {what}request is pending in /failover; this one replaces it."));
    }
    if facts.config(version).paused {
        remarks.push("The cluster is paused (pause in /config): no automatic failover.".to_owned());
    }
    if evaluation.gate == Some(Gate::Race) && matches!(question, Question::Change { .. }) {
        remarks.push("The leader steps down before anybody notices: expect an outage.".to_owned());
    }
    if let Question::Change { request, via: Via::Ctl, .. } = question
        && matches!(request.scheduled_at().map(parse_time), Some(ParsedTime::Naive(_)))
    {
        remarks
            .push("The time has no zone: patronictl takes that of its own machine; UTC is supposed here.".to_owned());
    }
    let distinct: std::collections::BTreeSet<PatroniVersion> =
        facts.nodes.values().filter(|node| node.version.1 != Origin::Assumed).map(|node| node.version.0).collect();
    if distinct.len() > 1 {
        let list: Vec<String> = facts.nodes.iter().map(|(name, node)| format!("{name} {}", node.version.0)).collect();
        let differ = distinct.iter().map(|version| Behaviours::of(*version)).collect::<std::collections::HashSet<_>>();
        let effect = if differ.len() > 1 { "and they decide differently" } else { "which decide alike" };
        remarks.push(format!("Mixed releases of Patroni ({}), {effect}.", list.join(", ")));
    }
    remarks
}

/// What the input held.
pub fn seen(snapshot: &ClusterSnapshot) -> Vec<String> {
    let mut seen = Vec::new();
    match &snapshot.dcs {
        Some(dcs) => {
            let kind = match dcs.kind {
                DcsKind::Etcd3 => "etcd v3",
                DcsKind::Etcd2 => "etcd v2",
                DcsKind::ZooKeeper => "ZooKeeper",
                DcsKind::Consul => "Consul",
                DcsKind::Kubernetes => "Kubernetes",
                DcsKind::Unknown => "unknown kind",
            };
            let revision = dcs.revision.map(|revision| format!(", revision {revision}")).unwrap_or_default();
            let time = snapshot.taken_at.map(|at| format!(" of {}", crate::model::time::format_time(at)));
            seen.push(format!("DCS dump ({kind}{revision}){}", time.unwrap_or_default()));
            seen.extend(dcs.doubts.iter().map(|doubt| format!("the dump may not be so: {doubt}")));
        }
        None => seen.push("no DCS dump".to_owned()),
    }
    let names = |wanted: bool| -> Vec<&str> {
        let is_wanted = |answer: &RestAnswer| matches!(answer, RestAnswer::Answered { .. }) == wanted;
        snapshot.rest.iter().filter(|(_, answer)| is_wanted(answer)).map(|(name, _)| name.as_str()).collect()
    };
    match names(true).as_slice() {
        [] => seen.push("no REST answers".to_owned()),
        answered => seen.push(format!("REST answers of {}", answered.join(", "))),
    }
    match names(false).as_slice() {
        [] => {}
        silent => seen.push(format!("{} did not answer", silent.join(", "))),
    }
    seen
}
