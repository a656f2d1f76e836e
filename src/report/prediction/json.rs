//! A prediction for programs; `schemas/predict.schema.json` describes it.

use std::io::{self, Write};

use serde::Serialize;

use crate::decision::api::Kind;
use crate::decision::prediction::{GateReport, GateVerdict, LogLine, Prediction, Question, Verdict, Via};

/// Version of the form; it grows when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// Writes a prediction as one JSON object. `bug_code`: the code of the rule that describes the known bug.
///
/// # Errors
///
/// The writer fails.
pub fn write(prediction: &Prediction, bug_code: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(prediction, bug_code))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    question: Asked<'a>,
    cluster: &'a str,
    leader: Option<&'a str>,
    verdict: &'static str,
    gate: Option<&'static str>,
    http_status: Option<u16>,
    http_body: Option<&'a str>,
    winners: &'a [String],
    gates: Vec<GateDocument<'a>>,
    shutdown: Option<ShutdownDocument<'a>>,
    depends_on: Vec<DependencyDocument<'a>>,
    assumptions: Vec<AssumptionDocument<'a>>,
    known_bug: Option<KnownBugDocument<'a>>,
    ways: Vec<WayDocument<'a>>,
    remarks: &'a [String],
    seen: &'a [String],
}

#[derive(Serialize)]
struct Asked<'a> {
    action: &'static str,
    leader: Option<&'a str>,
    candidate: Option<&'a str>,
    scheduled_at: Option<&'a str>,
    via: Option<&'static str>,
    nodes: &'a [String],
}

#[derive(Serialize)]
struct GateDocument<'a> {
    gate: &'static str,
    node: Option<&'a str>,
    patroni_version: Option<String>,
    verdict: &'static str,
    reached: bool,
    because: &'a str,
    message: Option<&'a str>,
    reasons: &'a [String],
    counting: Vec<CountDocument<'a>>,
    log_lines: Vec<LogLineDocument<'a>>,
    racers: Vec<RacerDocument<'a>>,
}

#[derive(Serialize)]
struct CountDocument<'a> {
    what: &'a str,
    adds: Option<i128>,
    total: Option<i128>,
}

#[derive(Serialize)]
struct LogLineDocument<'a> {
    node: &'a str,
    level: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct RacerDocument<'a> {
    node: &'a str,
    patroni_version: String,
    takes_lock: bool,
    reasons: &'a [String],
}

#[derive(Serialize)]
struct ShutdownDocument<'a> {
    node: &'a str,
    patroni_version: String,
    gives_lock_away_early: Option<bool>,
    because: &'a str,
    log_lines: Vec<LogLineDocument<'a>>,
}

#[derive(Serialize)]
struct DependencyDocument<'a> {
    fact: &'a str,
    how_to_tell: &'a str,
    outcomes: Vec<OutcomeDocument<'a>>,
}

#[derive(Serialize)]
struct OutcomeDocument<'a> {
    value: &'a str,
    outcome: &'a str,
}

#[derive(Serialize)]
struct AssumptionDocument<'a> {
    assumed: &'a str,
    otherwise: Option<&'a str>,
}

#[derive(Serialize)]
struct KnownBugDocument<'a> {
    code: Option<&'a str>,
    slug: &'a str,
    releases: &'a str,
    fixed_in: String,
    reference: &'a str,
}

#[derive(Serialize)]
struct WayDocument<'a> {
    what: &'a str,
    command: Option<&'a str>,
    outcome: &'a str,
    winners: &'a [String],
}

fn document<'a>(prediction: &'a Prediction, bug_code: Option<&'a str>) -> Document<'a> {
    let evaluation = &prediction.evaluation;
    // What depends has no gate, status or winners of its own: those of the likely world stand in `gates`.
    let is_decided = prediction.verdict != Verdict::Depends;
    Document {
        schema_version: SCHEMA_VERSION,
        question: asked(&prediction.question),
        cluster: &prediction.scope,
        leader: prediction.leader.as_deref(),
        verdict: match prediction.verdict {
            Verdict::Accepted => "accepted",
            Verdict::Refused => "refused",
            Verdict::Depends => "depends",
        },
        gate: evaluation.gate.filter(|_| is_decided).map(|gate| gate.name()),
        http_status: evaluation.http_status.filter(|_| is_decided),
        http_body: evaluation.http_body.as_deref().filter(|_| is_decided),
        winners: if is_decided { &evaluation.winners } else { &[] },
        gates: evaluation.gates.iter().map(gate).collect(),
        shutdown: evaluation.shutdown.as_ref().map(|shutdown| ShutdownDocument {
            node: &shutdown.node,
            patroni_version: shutdown.version.to_string(),
            gives_lock_away_early: shutdown.gives_lock_away_early,
            because: &shutdown.because,
            log_lines: log_lines(&shutdown.log_lines),
        }),
        depends_on: prediction
            .depends_on
            .iter()
            .map(|dependency| DependencyDocument {
                fact: &dependency.fact,
                how_to_tell: &dependency.how_to_tell,
                outcomes: dependency
                    .outcomes
                    .iter()
                    .map(|(value, outcome)| OutcomeDocument { value, outcome })
                    .collect(),
            })
            .collect(),
        assumptions: prediction
            .assumptions
            .iter()
            .map(|assumption| AssumptionDocument {
                assumed: &assumption.text,
                otherwise: assumption.otherwise.as_deref(),
            })
            .collect(),
        known_bug: prediction.known_bug.as_ref().map(|bug| KnownBugDocument {
            code: bug_code,
            slug: bug.slug,
            releases: bug.releases,
            fixed_in: bug.fixed_in.to_string(),
            reference: bug.reference,
        }),
        ways: prediction
            .ways
            .iter()
            .map(|way| WayDocument {
                what: &way.what,
                command: way.command.as_deref(),
                outcome: &way.outcome,
                winners: &way.winners,
            })
            .collect(),
        remarks: &prediction.remarks,
        seen: &prediction.seen,
    }
}

fn asked(question: &Question) -> Asked<'_> {
    match question {
        Question::Change { kind, request, via } => Asked {
            action: match kind {
                Kind::Switchover => "switchover",
                Kind::Failover => "failover",
            },
            leader: request.leader(),
            candidate: request.candidate(),
            scheduled_at: request.scheduled_at(),
            via: Some(match via {
                Via::Ctl => "ctl",
                Via::Api => "api",
                Via::Dcs => "dcs",
            }),
            nodes: &[],
        },
        Question::Crash { nodes } => {
            Asked { action: "crash", leader: None, candidate: None, scheduled_at: None, via: None, nodes }
        }
    }
}

fn gate(report: &GateReport) -> GateDocument<'_> {
    let is_judged = report.verdict != GateVerdict::NotApplicable && report.racers.is_empty();
    GateDocument {
        gate: report.gate.name(),
        node: report.node.as_deref(),
        patroni_version: is_judged.then(|| report.version.to_string()),
        verdict: match report.verdict {
            GateVerdict::Passes => "passes",
            GateVerdict::Refuses => "refuses",
            GateVerdict::Bypassed => "bypassed",
            GateVerdict::NotApplicable => "not_applicable",
        },
        reached: report.reached,
        because: &report.because,
        message: report.message.as_deref(),
        reasons: &report.reasons,
        counting: report
            .counting
            .iter()
            .map(|count| CountDocument { what: &count.what, adds: count.adds, total: count.total })
            .collect(),
        log_lines: log_lines(&report.log_lines),
        racers: report
            .racers
            .iter()
            .map(|racer| RacerDocument {
                node: &racer.node,
                patroni_version: racer.version.to_string(),
                takes_lock: racer.takes_lock,
                reasons: &racer.reasons,
            })
            .collect(),
    }
}

fn log_lines(lines: &[LogLine]) -> Vec<LogLineDocument<'_>> {
    lines.iter().map(|line| LogLineDocument { node: &line.node, level: &line.level, text: &line.text }).collect()
}
