//! The quorums for programs; `schemas/quorum.schema.json` describes it.

use std::io::{self, Write};

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::decision::quorum::contest::Nodes;
use crate::decision::quorum::margins::{MAXIMUM_MEMBERS, MAXIMUM_MEMBERS_WITH_REQUEST, Margins, Property, Writes};
use crate::decision::quorum::outlook::SyncPair;
use crate::decision::quorum::overlap::Overlap;
use crate::decision::quorum::seats::{Seat, Standing};
use crate::decision::quorum::{QuorumReport, Tolerance};

/// Version of the form; it grows when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// With more members than this not every set of losses is listed.
const MAXIMUM_MEMBERS_LISTED: usize = 16;

/// Writes the report as one JSON object.
///
/// # Errors
///
/// The writer fails.
pub fn write(report: &QuorumReport<'_>, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(report))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    cluster: &'a str,
    leader: Option<&'a str>,
    patroni_version: String,
    paused: bool,
    standby_cluster: bool,
    synchronous_mode: &'static str,
    synchronous_mode_active: bool,
    synchronous_mode_strict: bool,
    synchronous_node_count: i128,
    failsafe_mode: bool,
    loop_wait_seconds: i128,
    ttl_seconds: i128,
    commit: CommitDocument<'a>,
    election: ElectionDocument,
    dcs: DcsDocument<'a>,
    members: Vec<MemberDocument<'a>>,
    overlap: OverlapDocument<'a>,
    steady_state: SteadyDocument<'a>,
    margins: MarginsDocument<'a>,
    advice: Vec<AdviceDocument>,
    missing: Vec<MissingDocument<'a>>,
    assumptions: Vec<AssumptionDocument<'a>>,
    seen: &'a [String],
}

#[derive(Serialize)]
struct CommitDocument<'a> {
    acknowledgements: Option<i128>,
    of: &'a [String],
    any_standby: bool,
    synchronous_standby_names: String,
    from: String,
    contradictions: &'a [String],
}

#[derive(Serialize)]
struct ElectionDocument {
    votes_needed: Option<i128>,
    from: String,
}

#[derive(Serialize)]
struct DcsDocument<'a> {
    servers: Vec<&'a str>,
    survives_any_loss_of: Option<usize>,
}

#[derive(Serialize)]
struct MemberDocument<'a> {
    name: &'a str,
    role: &'a str,
    commit: StandingDocument<'a>,
    election: StandingDocument<'a>,
    dcs: StandingDocument<'a>,
    has_seat: bool,
    votes: bool,
    may_win: bool,
    lag_bytes: Option<i128>,
}

#[derive(Serialize)]
struct StandingDocument<'a> {
    counts: bool,
    because: String,
    reasons: Vec<ReasonDocument<'a>>,
}

#[derive(Serialize)]
struct ReasonDocument<'a> {
    text: &'a str,
    from: &'a str,
}

#[derive(Serialize)]
struct OverlapDocument<'a> {
    holds: Option<bool>,
    because: Option<&'a str>,
    acknowledging: Option<&'a [String]>,
    electing: Option<&'a [String]>,
}

#[derive(Serialize)]
struct SteadyDocument<'a> {
    reached: Option<bool>,
    stuck: Option<&'a str>,
    now: Option<PairDocument>,
    writes: Vec<WriteDocument<'a>>,
    then: Option<PairDocument>,
    survives_any_loss_of: Option<ToleranceDocument>,
}

#[derive(Serialize)]
struct PairDocument {
    acknowledgements: i128,
    synchronous_standby_names: Vec<String>,
    quorum: i128,
    voters: Vec<String>,
}

#[derive(Serialize)]
struct WriteDocument<'a> {
    in_loop: usize,
    what: &'a str,
    after: PairDocument,
    weaker: Option<&'a str>,
}

#[derive(Serialize)]
struct ToleranceDocument {
    failover: Option<usize>,
    commits: Option<usize>,
    writes: Option<usize>,
}

#[derive(Serialize)]
struct MarginsDocument<'a> {
    tried: bool,
    not_tried_because: Option<String>,
    failover_survives_any_loss_of: Option<usize>,
    commits_survive_any_loss_of: Option<usize>,
    writes_survive_any_loss_of: Option<usize>,
    fatal_for_failover: Vec<Vec<&'a str>>,
    fatal_for_commits: Vec<Vec<&'a str>>,
    fatal_for_writes: Vec<Vec<&'a str>>,
    hurts_most: Vec<&'a str>,
    losses: Option<Losses<'a>>,
}

/// Every set of losses, small ones first.
struct Losses<'a>(&'a QuorumReport<'a>, &'a Margins<'a>);

impl Serialize for Losses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(report, margins) = self;
        let mut sets: Vec<Nodes> = (0..=margins.contest.all()).collect();
        if report.situation.leader.is_some() {
            sets.remove(0);
        }
        sets.sort_by_key(|lost| lost.count_ones());
        let mut sequence = serializer.serialize_seq(Some(sets.len()))?;
        for lost in sets {
            let outcome = margins.outcome(lost);
            sequence.serialize_element(&LossDocument {
                lost: margins.contest.names_of(lost),
                winners: outcome.is_race.then(|| margins.contest.names_of(outcome.winners)),
                may_lack_commit: margins.contest.names_of(outcome.may_lack_commit),
                writes: match outcome.writes {
                    Writes::GoOn => "go_on",
                    Writes::Elsewhere => "elsewhere",
                    Writes::AfterFailover(_) => "after_failover",
                    Writes::AfterLoops(_) => "after_next_loop",
                    Writes::Stop => "stop",
                },
                writes_wait_seconds: report.seconds(outcome.writes),
            })?;
        }
        sequence.end()
    }
}

#[derive(Serialize)]
struct LossDocument<'a> {
    lost: Vec<&'a str>,
    winners: Option<Vec<&'a str>>,
    may_lack_commit: Vec<&'a str>,
    writes: &'static str,
    writes_wait_seconds: Option<i128>,
}

#[derive(Serialize)]
struct AdviceDocument {
    what: String,
    command: Option<String>,
}

#[derive(Serialize)]
struct MissingDocument<'a> {
    fact: &'a str,
    how_to_tell: &'a str,
}

#[derive(Serialize)]
struct AssumptionDocument<'a> {
    text: &'a str,
    otherwise: Option<&'a str>,
}

fn document<'a>(report: &'a QuorumReport<'a>) -> Document<'a> {
    let situation = &report.situation;
    let config = &situation.config;
    let commits = &report.commits;
    Document {
        schema_version: SCHEMA_VERSION,
        cluster: &situation.facts.scope,
        leader: situation.leader,
        patroni_version: situation.version.to_string(),
        paused: config.paused,
        standby_cluster: config.standby_cluster,
        synchronous_mode: situation.mode.name(),
        synchronous_mode_active: situation.is_active,
        synchronous_mode_strict: config.synchronous_mode_strict,
        synchronous_node_count: config.synchronous_node_count,
        failsafe_mode: config.failsafe_mode,
        loop_wait_seconds: config.loop_wait_seconds,
        ttl_seconds: config.ttl_seconds,
        commit: CommitDocument {
            acknowledgements: (situation.is_active || 0 < commits.needed).then_some(commits.needed),
            of: &commits.names,
            any_standby: commits.any_standby,
            synchronous_standby_names: commits.setting(situation),
            from: situation.key(if situation.is_active { "sync" } else { "config" }),
            contradictions: &commits.contradictions,
        },
        election: ElectionDocument {
            votes_needed: report.votes_needed,
            from: situation.key(if situation.is_active { "sync" } else { "config" }),
        },
        dcs: DcsDocument {
            servers: report.servers.iter().map(|server| server.endpoint.as_str()).collect(),
            survives_any_loss_of: report.servers.len().checked_sub(1).map(|others| others / 2),
        },
        members: report.seats.iter().map(|seat| member(report, seat)).collect(),
        overlap: overlap(&report.overlap),
        steady_state: steady(report),
        margins: margins(report),
        advice: report.advice().into_iter().map(|(what, command)| AdviceDocument { what, command }).collect(),
        missing: report
            .missing
            .iter()
            .map(|missing| MissingDocument { fact: &missing.fact, how_to_tell: &missing.how_to_tell })
            .collect(),
        assumptions: report
            .assumptions
            .iter()
            .map(|it| AssumptionDocument { text: &it.text, otherwise: it.otherwise.as_deref() })
            .collect(),
        seen: &report.seen,
    }
}

fn member<'a>(report: &'a QuorumReport<'_>, seat: &'a Seat) -> MemberDocument<'a> {
    let servers = report.servers_of(&seat.name);
    MemberDocument {
        name: &seat.name,
        role: seat.role,
        commit: standing(&seat.commit),
        election: standing(&seat.election),
        dcs: StandingDocument {
            counts: !servers.is_empty(),
            because: match servers.as_slice() {
                [] => "the DCS has servers of its own, and none is known to run on this host".to_owned(),
                servers => format!("its host runs {}", servers.join(", ")),
            },
            reasons: Vec::new(),
        },
        has_seat: seat.has_seat,
        votes: seat.votes,
        may_win: seat.may_win,
        lag_bytes: seat.lag_bytes,
    }
}

fn standing(standing: &Standing) -> StandingDocument<'_> {
    let reasons = standing.reasons.iter().map(|reason| ReasonDocument { text: &reason.text, from: &reason.from });
    StandingDocument { counts: standing.counts, because: standing.because.clone(), reasons: reasons.collect() }
}

fn overlap(overlap: &Overlap) -> OverlapDocument<'_> {
    match overlap {
        Overlap::NotAsked(why) => {
            OverlapDocument { holds: None, because: Some(why), acknowledging: None, electing: None }
        }
        Overlap::Holds(why) => {
            OverlapDocument { holds: Some(true), because: Some(why), acknowledging: None, electing: None }
        }
        Overlap::Broken { acknowledging, electing } => OverlapDocument {
            holds: Some(false),
            because: None,
            acknowledging: Some(acknowledging),
            electing: Some(electing),
        },
    }
}

fn pair(pair: &SyncPair) -> PairDocument {
    let list = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    PairDocument {
        acknowledgements: pair.needed,
        synchronous_standby_names: list(pair.names.sorted()),
        quorum: pair.quorum,
        voters: list(pair.voters.sorted()),
    }
}

fn steady<'a>(report: &'a QuorumReport<'_>) -> SteadyDocument<'a> {
    let outlook = &report.outlook;
    let write = |write: &'a crate::decision::quorum::outlook::Write| WriteDocument {
        in_loop: write.in_loop,
        what: &write.what,
        after: pair(&write.after),
        weaker: write.weaker.as_deref(),
    };
    SteadyDocument {
        reached: outlook.now.as_ref().map(|_| outlook.writes.is_empty() && outlook.stuck.is_none()),
        stuck: outlook.stuck.as_deref(),
        now: outlook.now.as_ref().map(pair),
        writes: outlook.writes.iter().map(write).collect(),
        then: outlook.steady().map(pair),
        survives_any_loss_of: report.steady.map(tolerance),
    }
}

fn tolerance(tolerance: Tolerance) -> ToleranceDocument {
    ToleranceDocument { failover: tolerance.failover, commits: tolerance.commits, writes: tolerance.writes }
}

fn margins<'a>(report: &'a QuorumReport<'a>) -> MarginsDocument<'a> {
    let Some(margins) = &report.margins else {
        let reason = format!(
            "more than {MAXIMUM_MEMBERS} members, or more than {MAXIMUM_MEMBERS_WITH_REQUEST} and a request in /failover"
        );
        return MarginsDocument {
            tried: false,
            not_tried_because: Some(reason),
            failover_survives_any_loss_of: None,
            commits_survive_any_loss_of: None,
            writes_survive_any_loss_of: None,
            fatal_for_failover: Vec::new(),
            fatal_for_commits: Vec::new(),
            fatal_for_writes: Vec::new(),
            hurts_most: Vec::new(),
            losses: None,
        };
    };
    let fatal =
        |property| margins.minimal_breaking(property).into_iter().map(|set| margins.contest.names_of(set)).collect();
    let worst = margins.worst_alone().into_iter().next().unwrap_or_default();
    MarginsDocument {
        tried: true,
        not_tried_because: None,
        failover_survives_any_loss_of: margins.tolerated(Property::Failover),
        commits_survive_any_loss_of: margins.tolerated(Property::Commits),
        writes_survive_any_loss_of: margins.tolerated(Property::Writes),
        fatal_for_failover: fatal(Property::Failover),
        fatal_for_commits: fatal(Property::Commits),
        fatal_for_writes: fatal(Property::Writes),
        hurts_most: worst.into_iter().map(|index| margins.contest.names[index]).collect(),
        losses: (margins.contest.names.len() <= MAXIMUM_MEMBERS_LISTED).then_some(Losses(report, margins)),
    }
}
