//! Predictions: all gates together, the questions that the input leaves open, and the ways through.

pub mod evaluation;
mod explanation;
pub mod facts;
mod open;
pub mod releases;
pub mod shutdown;
mod ways;

use crate::decision::api::{Kind, Request};
use crate::decision::prediction::evaluation::{Evaluation, evaluate};
use crate::decision::prediction::facts::{Facts, Origin};
use crate::model::cluster::Raised;
use crate::model::snapshot::ClusterSnapshot;
use crate::model::version::PatroniVersion;

pub use explanation::{describe, explain, seen, wal_position};
pub use open::{Assumption, Dependency};
pub use open::{examine, supposed_key};
pub use ways::Way;
pub(in crate::decision) use ways::change_config;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Would this switchover or failover go through?
    Change {
        /// Which of the two.
        kind: Kind,
        /// Leader, candidate, time.
        request: Request,
        /// How it is asked for.
        via: Via,
    },
    /// Who would win if these nodes died now? None: the leader.
    Crash {
        /// The nodes.
        nodes: Vec<String>,
    },
}

/// How a switchover or failover is asked for, which decides the gates that it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `patronictl`: all gates.
    Ctl,
    /// A request to the REST API: not the gate `ctl`.
    Api,
    /// The key `/failover` written directly: neither `ctl` nor `api`.
    Dcs,
}

/// The gates in the order in which a request passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// Where patronictl runs.
    Ctl,
    /// The member that gets the request.
    Api,
    /// The leader, in its next HA loop.
    Leader,
    /// Every other member, once the lock is free.
    Race,
}

impl Gate {
    /// The gate's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ctl => "ctl",
            Self::Api => "api",
            Self::Leader => "leader",
            Self::Race => "race",
        }
    }
}

/// What one gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateVerdict {
    /// It lets the request through.
    Passes,
    /// It refuses.
    Refuses,
    /// The request cannot be sent there; patronictl goes round it.
    Bypassed,
    /// It has no say here.
    NotApplicable,
}

/// One gate's verdict and how it comes about.
#[derive(Clone, Debug, PartialEq)]
pub struct GateReport {
    /// Which gate.
    pub gate: Gate,
    /// The node that it runs on; `None` for patronictl and for the race, which runs on many.
    pub node: Option<String>,
    /// The release that it was judged with.
    pub version: PatroniVersion,
    /// What it says, also when an earlier gate refuses.
    pub verdict: GateVerdict,
    /// Whether the request gets here.
    pub reached: bool,
    /// Why, in a few words.
    pub because: String,
    /// Patroni's own message to the caller, if it gives one.
    pub message: Option<String>,
    /// Why, one reason a line.
    pub reasons: Vec<String>,
    /// How votes are counted, a line per item, with the running total.
    pub counting: Vec<Count>,
    /// What Patroni writes to its log.
    pub log_lines: Vec<LogLine>,
    /// The nodes in the race.
    pub racers: Vec<Racer>,
}

/// One line of a vote count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What is counted.
    pub what: String,
    /// What it adds, if anything.
    pub adds: Option<i128>,
    /// The total after it; of the last line, what is needed.
    pub total: Option<i128>,
}

/// One node in the race.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Racer {
    /// Its name.
    pub node: String,
    /// Its release.
    pub version: PatroniVersion,
    /// Whether it tries to take the lock.
    pub takes_lock: bool,
    /// Why.
    pub reasons: Vec<String>,
}

/// A line in a node's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The node.
    pub node: String,
    /// `INFO`, `WARNING` or `ERROR`.
    pub level: String,
    /// The text behind the level.
    pub text: String,
}

impl GateReport {
    fn new(gate: Gate, node: Option<&str>, version: PatroniVersion) -> Self {
        Self {
            gate,
            node: node.map(str::to_owned),
            version,
            verdict: GateVerdict::Passes,
            reached: true,
            because: String::new(),
            message: None,
            reasons: Vec::new(),
            counting: Vec::new(),
            log_lines: Vec::new(),
            racers: Vec::new(),
        }
    }

    /// A gate that fails with an exception, which refuses without an answer.
    fn raised(gate: Gate, node: &str, version: PatroniVersion, raised: &Raised) -> Self {
        let mut report = Self::new(gate, Some(node).filter(|node| !node.is_empty()), version);
        report.verdict = GateVerdict::Refuses;
        report.because = format!("Patroni's code fails on malformed data: {raised}");
        report
    }

    fn winners(&self) -> Vec<String> {
        self.racers.iter().filter(|racer| racer.takes_lock).map(|racer| racer.node.clone()).collect()
    }

    fn add_racer(
        &mut self,
        node: &str,
        version: PatroniVersion,
        takes_lock: bool,
        reasons: Vec<String>,
        log_lines: Vec<LogLine>,
    ) {
        self.racers.push(Racer { node: node.to_owned(), version, takes_lock, reasons });
        self.log_lines.extend(log_lines);
    }
}

/// The three answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every gate lets it through.
    Accepted,
    /// A gate refuses.
    Refused,
    /// The input lacks what decides.
    Depends,
}

/// The answer to a question.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// What was asked.
    pub question: Question,
    /// `scope` of the cluster.
    pub scope: String,
    /// The present leader.
    pub leader: Option<String>,
    /// `ttl`, seconds, as the leader reads it.
    pub ttl_seconds: i128,
    /// The answer.
    pub verdict: Verdict,
    /// What happens in the most likely world: the input as it is, with the assumptions.
    pub evaluation: Evaluation,
    /// What decides, when the answer is `Depends`.
    pub depends_on: Vec<Dependency>,
    /// What was assumed for want of evidence, and what happens otherwise.
    pub assumptions: Vec<Assumption>,
    /// Ways through, each predicted.
    pub ways: Vec<Way>,
    /// The bug of Patroni that makes it refuse, if one does.
    pub known_bug: Option<KnownBug>,
    /// Remarks on the releases and on the request.
    pub remarks: Vec<String>,
    /// What was looked at.
    pub seen: Vec<String>,
}

/// A bug of Patroni that decides the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBug {
    /// Slug of the rule that describes it.
    pub slug: &'static str,
    /// The releases that have it.
    pub releases: &'static str,
    /// The release that fixes it.
    pub fixed_in: PatroniVersion,
    /// Where it was reported and fixed.
    pub reference: &'static str,
}

/// Settings of a prediction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Judge every node and patronictl with this release.
    pub version: Option<PatroniVersion>,
    /// The time of the question in seconds since 1970; default: when the snapshot was taken.
    pub now: Option<f64>,
}

/// Answers `question` about a cluster.
pub fn predict(snapshot: &ClusterSnapshot, question: &Question, options: Options) -> Prediction {
    let facts = Facts::collect(snapshot, options.version, options.now);
    let evaluation = evaluate(&facts, question);
    let (depends_on, assumptions) = open::examine(snapshot, &facts, question, &evaluation, options);
    let verdict = match (depends_on.is_empty(), evaluation.accepted) {
        (false, _) => Verdict::Depends,
        (true, true) => Verdict::Accepted,
        (true, false) => Verdict::Refused,
    };
    let ways = if verdict == Verdict::Accepted { Vec::new() } else { ways::find(&facts, question, &evaluation) };
    Prediction {
        question: question.clone(),
        scope: facts.scope.clone(),
        leader: facts.leader().map(str::to_owned),
        ttl_seconds: facts.config(facts.leader_version()).ttl_seconds,
        verdict,
        depends_on,
        assumptions,
        ways,
        known_bug: ways::known_bug(&facts, question, &evaluation),
        remarks: explanation::remarks(&facts, question, &evaluation),
        seen: explanation::seen(snapshot),
        evaluation,
    }
}

/// Whether any part of a node's version is a guess.
fn version_is_assumed(facts: &Facts) -> bool {
    facts.nodes.values().any(|node| node.version.1 == Origin::Assumed)
}
