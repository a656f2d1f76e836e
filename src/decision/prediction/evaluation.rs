//! One world, all gates: what happens if the facts are exactly these.

use crate::decision::api::{self, ApiOutcome, Kind, Request};
use crate::decision::ctl::{self, CtlOutcome};
use crate::decision::leader::{LeaderOutcome, process_manual_failover_from_leader};
use crate::decision::prediction::facts::{Facts, NodeFacts};
use crate::decision::prediction::shutdown::{self, ShutdownReport};
use crate::decision::prediction::{Gate, GateReport, GateVerdict, LogLine, Question, Via, explanation};
use crate::decision::race::is_healthiest_node;
use crate::decision::step::Step;
use crate::decision::view::{Answers, View};
use crate::model::behaviour::Behaviours;
use crate::model::cluster::{Cluster, FailoverKey, LocalState, MemberStatus, ScheduledAt};
use crate::model::config::global::GlobalConfig;
use crate::model::time::parse_time_at;
use crate::model::version::PatroniVersion;

/// What comes of a question in one world.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Whether it goes through.
    pub accepted: bool,
    /// The first gate on the way that refuses.
    pub gate: Option<Gate>,
    /// HTTP status that the client of the REST API gets; `None` when no request gets there or nothing is answered.
    pub http_status: Option<u16>,
    /// Body of that answer; `None` when it depends on who wins.
    pub http_body: Option<String>,
    /// Who may take the lock; more than one when they are equally good.
    pub winners: Vec<String>,
    /// Every gate, judged on its own.
    pub gates: Vec<GateReport>,
    /// When the leader gives the lock away, if it steps down for a request.
    pub shutdown: Option<ShutdownReport>,
}

impl Evaluation {
    /// Whether nothing is decided at all: the leader is not among the nodes that crash.
    pub fn keeps_leader(&self) -> bool {
        self.gates.iter().all(|report| report.verdict == GateVerdict::NotApplicable)
    }
}

/// Judges every gate for `question`.
pub fn evaluate(facts: &Facts, question: &Question) -> Evaluation {
    match question {
        Question::Change { kind, request, via } => evaluate_change(facts, *kind, request, *via),
        Question::Crash { nodes } => evaluate_crash(facts, nodes),
    }
}

/// The cluster and the configuration as one node reads them.
pub(super) struct Seen<'a> {
    name: &'a str,
    behaviours: Behaviours,
    pub(super) cluster: Cluster,
    config: GlobalConfig,
}

impl<'a> Seen<'a> {
    pub(super) fn by(facts: &'a Facts, name: &'a str, node: &'a NodeFacts) -> Result<Self, Box<GateReport>> {
        let version = node.version.0;
        match facts.cluster(version) {
            Ok(cluster) => {
                Ok(Self { name, behaviours: facts.behaviours(version), cluster, config: facts.config(version) })
            }
            Err(raised) => Err(Box::new(GateReport::raised(Gate::Leader, name, version, &raised))),
        }
    }

    pub(super) fn view<'b>(
        &'b self,
        old: &'b Cluster,
        local: &'b LocalState,
        answers: &'b Answers,
        now: f64,
    ) -> View<'b> {
        View {
            name: self.name,
            behaviours: self.behaviours,
            cluster: &self.cluster,
            config: &self.config,
            old_cluster: old,
            local,
            answers,
            now,
        }
    }
}

fn evaluate_change(facts: &Facts, kind: Kind, request: &Request, via: Via) -> Evaluation {
    let mut gates = Vec::new();
    let (ctl_report, sent) = ctl_gate(facts, kind, request);
    gates.push(ctl_report);
    // Past patronictl the request is what it sends; a caller of the API sends what was asked for.
    let (kind, request, api_node) = match (via, sent) {
        (Via::Ctl, Some((kind, request, to))) => (kind, request, to),
        _ => (kind, request.clone(), None),
    };
    let request = match (via, kind, &request.leader) {
        // Whoever writes the key for a switchover names the leader, as patronictl does.
        (Via::Dcs, Kind::Switchover, None) => Request { leader: facts.leader().map(str::to_owned), ..request },
        _ => request,
    };
    let api_node = api_node
        .or_else(|| facts.leader().map(str::to_owned))
        .or_else(|| request.candidate().map(str::to_owned).filter(|name| facts.nodes.contains_key(name)));
    let (api_report, answer, falls_back) = api_gate(facts, api_node.as_deref(), kind, &request, via);
    gates.push(api_report);
    let key = failover_key(&request, facts.now);
    let due = key.scheduled_at.as_ref().and_then(ScheduledAt::seconds).unwrap_or(facts.now);
    let now = facts.now.max(due);
    let leader_report = leader_gate(facts, &key, now);
    let steps_down = leader_report.verdict == GateVerdict::Passes;
    let shutdown = if steps_down { shutdown::report(facts, &key, now) } else { None };
    let race = race_gate(facts, &key, now);
    gates.push(leader_report);
    gates.push(race.report);

    let on_the_way = |gate: Gate| match gate {
        Gate::Ctl => via == Via::Ctl,
        Gate::Api => via != Via::Dcs && !falls_back,
        Gate::Leader | Gate::Race => true,
    };
    let refusing = gates.iter().find(|report| on_the_way(report.gate) && report.verdict == GateVerdict::Refuses);
    let gate = refusing.map(|report| report.gate);
    let title = if answer.became_switchover { Kind::Switchover.title() } else { kind.title() };
    let (http_status, http_body) = match gate {
        Some(Gate::Ctl) => (None, None),
        _ if !on_the_way(Gate::Api) => (None, None),
        Some(Gate::Api) => (answer.status, answer.body),
        _ if answer.status == Some(202) => (answer.status, answer.body),
        Some(Gate::Leader) if facts.leader().is_some() && race.leader_waits_for_ever => {
            (Some(503), Some(format!("{title} status unknown")))
        }
        Some(Gate::Leader) => (Some(503), Some(format!("{title} failed"))),
        Some(Gate::Race) if race.former_leader_returns => (Some(503), Some(format!("{title} failed"))),
        Some(Gate::Race) => (Some(503), Some(format!("{title} status unknown"))),
        None => (Some(200), success_body(title, &race.winners, request.candidate())),
    };
    let winners = if gate.is_none() || gate == Some(Gate::Race) { race.winners } else { Vec::new() };
    for report in &mut gates {
        let is_before = gate.is_none_or(|gate| report.gate <= gate);
        report.reached = is_before && on_the_way(report.gate);
    }
    Evaluation { accepted: gate.is_none(), gate, http_status, http_body, winners, gates, shutdown }
}

/// `Successfully switched over to "pg2"`; `None` when several nodes may win.
///
/// Source: patroni/api.py, `RestApiHandler.poll_failover_result`, 4.1.5.
fn success_body(title: &str, winners: &[String], candidate: Option<&str>) -> Option<String> {
    let [winner] = winners else { return None };
    let stem = title[..title.len() - "over".len()].to_owned();
    Some(match candidate {
        Some(candidate) if candidate != winner => format!("{stem}ed over to \"{winner}\" instead of \"{candidate}\""),
        _ => format!("Successfully {}ed over to \"{winner}\"", stem.to_lowercase()),
    })
}

fn ctl_gate(facts: &Facts, kind: Kind, request: &Request) -> (GateReport, Option<(Kind, Request, Option<String>)>) {
    let version = facts.patronictl.0;
    let mut report = GateReport::new(Gate::Ctl, None, version);
    let cluster = match facts.cluster(version) {
        Ok(cluster) => cluster,
        Err(raised) => return (GateReport::raised(Gate::Ctl, "", version, &raised), None),
    };
    let config = facts.config(version);
    let outcome = ctl::do_failover_or_switchover(
        facts.behaviours(version),
        &cluster,
        &config,
        &facts.scope,
        kind,
        request,
        facts.now,
    );
    let mut sent = None;
    match outcome {
        CtlOutcome::Sends { kind, request, to } => {
            report.because = explanation::ctl_passes(&request, to.as_deref());
            sent = Some((kind, request, to));
        }
        CtlOutcome::Refuses { message } => {
            report.verdict = GateVerdict::Refuses;
            report.because = format!("prints \"Error: {message}\" and exits with 1");
            report.message = Some(message);
        }
        CtlOutcome::NoSuchOption { option } => {
            report.verdict = GateVerdict::Refuses;
            report.because = format!("patronictl {} of {version} has no option {option} and exits with 2", kind.name());
            report.message = Some(format!("No such option: {option}"));
        }
        CtlOutcome::Raises(raised) => report = GateReport::raised(Gate::Ctl, "", version, &raised),
    }
    (report, sent)
}

/// What the client of the REST API gets from the gate `api` alone.
#[derive(Default)]
struct ApiAnswer {
    status: Option<u16>,
    body: Option<String>,
    became_switchover: bool,
}

/// Judges the gate `api`. The flag tells whether the request cannot be sent there, so that patronictl writes the key.
fn api_gate(
    facts: &Facts,
    node: Option<&str>,
    kind: Kind,
    request: &Request,
    via: Via,
) -> (GateReport, ApiAnswer, bool) {
    let falls_back = |report: &mut GateReport, why: String| {
        report.verdict = if via == Via::Ctl { GateVerdict::Bypassed } else { GateVerdict::Refuses };
        report.because = match via {
            Via::Ctl => format!("{why}: patronictl writes /failover itself"),
            Via::Api | Via::Dcs => why,
        };
    };
    let Some((name, node)) = node.and_then(|name| facts.nodes.get_key_value(name)) else {
        let mut report = GateReport::new(Gate::Api, None, facts.patronictl.0);
        falls_back(&mut report, "there is no member to send the request to".to_owned());
        return (report, ApiAnswer::default(), via == Via::Ctl);
    };
    let version = node.version.0;
    let mut report = GateReport::new(Gate::Api, Some(name), version);
    let seen = match Seen::by(facts, name, node) {
        Ok(seen) => seen,
        Err(report) => return (GateReport { gate: Gate::Api, ..*report }, ApiAnswer::default(), false),
    };
    let api_url = seen.cluster.member(name).and_then(|member| member.api_url.as_ref());
    if api_url.is_none() {
        falls_back(&mut report, format!("no api_url of {name} is known from the DCS"));
        return (report, ApiAnswer::default(), via == Via::Ctl);
    }
    if let (MemberStatus::Unreachable { reason }, false) = (&node.status, node.local.running) {
        falls_back(&mut report, format!("{name} does not serve its REST API ({reason})"));
        return (report, ApiAnswer::default(), via == Via::Ctl);
    }
    let answers = facts.answers(version);
    let decision = api::do_post_failover(&seen.view(&seen.cluster, &node.local, &answers, facts.now), kind, request);
    let mut answer = ApiAnswer { became_switchover: decision.became_switchover, ..ApiAnswer::default() };
    report.because = explanation::api(&decision, &answers);
    match decision.outcome {
        ApiOutcome::Accepts => {}
        ApiOutcome::Schedules => {
            answer.status = Some(202);
            answer.body = Some("Switchover scheduled".to_owned());
        }
        ApiOutcome::Refuses { status, body } => {
            report.verdict = GateVerdict::Refuses;
            report.message = Some(body.clone());
            answer.status = Some(status);
            answer.body = Some(body);
        }
        ApiOutcome::BadRequest => {
            report.verdict = GateVerdict::Refuses;
            answer.status = Some(400);
        }
        ApiOutcome::Raises(raised) => report = GateReport::raised(Gate::Api, name, version, &raised),
    }
    (report, answer, false)
}

/// The value of `/failover` that the request leads to.
///
/// Source: patroni/dcs/__init__.py, `AbstractDCS.manual_failover`, 4.1.5.
fn failover_key(request: &Request, now: f64) -> FailoverKey {
    let scheduled_at = request.scheduled_at().filter(|text| *text != "now");
    let scheduled_at = scheduled_at.map(|text| ScheduledAt::new(text.to_owned(), parse_time_at(text, now)));
    let name = |name: Option<&str>| name.map(str::to_owned);
    FailoverKey {
        leader: name(request.leader()),
        candidate: name(request.candidate()),
        scheduled_at,
        odd_candidate: None,
    }
}

fn leader_gate(facts: &Facts, key: &FailoverKey, now: f64) -> GateReport {
    let Some((name, node)) = facts.leader().and_then(|name| facts.nodes.get_key_value(name)) else {
        let mut report = GateReport::new(Gate::Leader, None, PatroniVersion::newest());
        report.verdict = GateVerdict::NotApplicable;
        report.because = "there is no leader: the lock is free already".to_owned();
        return report;
    };
    let version = node.version.0;
    let mut seen = match Seen::by(facts, name, node) {
        Ok(seen) => seen,
        Err(report) => return *report,
    };
    seen.cluster.failover = Some(key.clone());
    let answers = facts.answers(version);
    let view = seen.view(&seen.cluster, &node.local, &answers, now);
    let decision = process_manual_failover_from_leader(&view);
    let mut report = GateReport::new(Gate::Leader, Some(name), version);
    report.log_lines = log_lines(name, &decision.steps);
    report.because = explanation::leader(&decision);
    report.counting = explanation::counting(&decision.steps, version, key.candidate(), seen.cluster.last_lsn);
    report.reasons = explanation::reasons(&decision.steps, &answers);
    match decision.outcome {
        LeaderOutcome::Demotes => report.log_lines.push(LogLine {
            node: name.clone(),
            level: "INFO".to_owned(),
            text: format!("{}: demoting myself", view.action().name()),
        }),
        LeaderOutcome::Refuses | LeaderOutcome::Waits => report.verdict = GateVerdict::Refuses,
        LeaderOutcome::Raises(raised) => report = GateReport::raised(Gate::Leader, name, version, &raised),
    }
    report
}

pub(super) fn log_lines(node: &str, steps: &[Step<'_>]) -> Vec<LogLine> {
    let lines = steps.iter().filter_map(Step::log);
    lines.map(|(level, text)| LogLine { node: node.to_owned(), level: level.name().to_owned(), text }).collect()
}

/// What the gate `race` leads to.
struct Race {
    report: GateReport,
    winners: Vec<String>,
    former_leader_returns: bool,
    leader_waits_for_ever: bool,
}

fn race_gate(facts: &Facts, key: &FailoverKey, now: f64) -> Race {
    let leader = facts.leader().map(str::to_owned);
    let (after, _) = after_demotion(facts);
    let report = race_of_nodes(&after, facts, Some(key), &[], now, leader.as_deref());
    let mut race =
        Race { winners: report.winners(), report, former_leader_returns: false, leader_waits_for_ever: false };
    let Some(leader) = leader else { return race };
    race.leader_waits_for_ever = facts.nodes.get(&leader).is_some_and(|node| !node.local.primary);
    if race.winners.is_empty() {
        // Nobody takes the lock: the former leader comes back as a replica and races, too.
        let mut returned = after;
        if let Some(node) = returned.nodes.get_mut(&leader) {
            node.local = LocalState { running: true, primary: false, ..node.local.clone() };
            node.suppose(returning_status(facts, &leader));
        }
        let again = race_of_nodes(&returned, facts, Some(key), &[], now, None);
        if again.winners() == [leader.clone()] {
            race.former_leader_returns = true;
            race.report.because = format!("nobody else may take the lock, so {leader} takes it back");
        } else {
            race.winners = again.winners().into_iter().filter(|winner| *winner != leader).collect();
            race.report = again;
        }
    }
    if race.winners.is_empty() {
        race.report.verdict = GateVerdict::Refuses;
    }
    race
}

/// The former leader's REST answer once it is back as a replica.
fn returning_status(facts: &Facts, leader: &str) -> MemberStatus {
    match facts.nodes.get(leader).map(|node| &node.status) {
        Some(MemberStatus::Reachable { timeline, tags, watchdog_failed, .. }) => MemberStatus::Reachable {
            in_recovery: true,
            wal_position: facts.nodes.get(leader).map_or(0, |node| node.local.lsn),
            timeline: timeline.clone(),
            tags: tags.clone(),
            watchdog_failed: *watchdog_failed,
        },
        Some(unreachable @ MemberStatus::Unreachable { .. }) => unreachable.clone(),
        None => MemberStatus::Unreachable { reason: "it does not answer".to_owned() },
    }
}

/// A standby that is farther behind than this, and than `maximum_lag_on_failover`, is not expected to catch up while
/// the leader shuts down, although it says that it streams.
const CATCHES_UP_WITHIN_BYTES: i128 = 1 << 20;

/// The world once the leader has shut PostgreSQL down: every standby that streams has received all of its WAL, up to
/// this position in bytes.
pub(super) fn after_demotion(facts: &Facts) -> (Facts, i128) {
    let mut after = facts.clone();
    let Some(leader) = facts.leader() else { return (after, 0) };
    let version = facts.nodes.get(leader).map_or(facts.patronictl.0, |node| node.version.0);
    let reach_bytes = facts.config(version).maximum_lag_on_failover.max(CATCHES_UP_WITHIN_BYTES);
    let shutdown_lsn = facts
        .nodes
        .values()
        .filter(|node| node.streaming == Some(true))
        .map(|node| node.local.lsn)
        .chain(facts.nodes.get(leader).map(|node| node.local.lsn))
        .max()
        .unwrap_or(0);
    for (name, node) in &mut after.nodes {
        if name == leader {
            node.local.running = false;
            node.suppose_silent("its PostgreSQL has been shut down");
        } else if node.streaming == Some(true) && shutdown_lsn - node.local.lsn <= reach_bytes {
            node.local.lsn = node.local.lsn.max(shutdown_lsn);
            if let MemberStatus::Reachable { in_recovery: true, wal_position, .. } = &mut node.status
                && *wal_position < shutdown_lsn
            {
                *wal_position = shutdown_lsn;
                node.answer = None;
            }
        }
    }
    (after, shutdown_lsn)
}

fn evaluate_crash(facts: &Facts, nodes: &[String]) -> Evaluation {
    let leader = facts.leader().map(str::to_owned);
    let down: Vec<String> = if nodes.is_empty() { leader.iter().cloned().collect() } else { nodes.to_vec() };
    if let Some(leader) = leader.filter(|leader| !down.contains(leader)) {
        let mut report = GateReport::new(Gate::Race, None, PatroniVersion::newest());
        report.verdict = GateVerdict::NotApplicable;
        report.because = format!("{leader} keeps the leader lock: there is no race");
        return Evaluation {
            accepted: true,
            gate: None,
            http_status: None,
            http_body: None,
            winners: vec![leader],
            gates: vec![report],
            shutdown: None,
        };
    }
    let mut after = facts.clone();
    for (name, node) in &mut after.nodes {
        if down.contains(name) {
            node.local.running = false;
            node.suppose_silent("it is down in this question");
        }
    }
    let mut report = race_of_nodes(&after, facts, None, &down, facts.now, None);
    let winners = report.winners();
    if winners.is_empty() {
        report.verdict = GateVerdict::Refuses;
    }
    let gate = winners.is_empty().then_some(Gate::Race);
    Evaluation {
        accepted: gate.is_none(),
        gate,
        http_status: None,
        http_body: None,
        winners,
        gates: vec![report],
        shutdown: None,
    }
}

/// Runs the race on every node. `key`: the request in `/failover`; `None`: what the snapshot holds.
fn race_of_nodes(
    after: &Facts,
    before: &Facts,
    key: Option<&FailoverKey>,
    down: &[String],
    now: f64,
    excluded: Option<&str>,
) -> GateReport {
    let mut report = GateReport::new(Gate::Race, None, PatroniVersion::newest());
    for (name, node) in &after.nodes {
        let answers = after.answers(node.version.0);
        if excluded == Some(name) || down.contains(name) {
            continue;
        }
        let (old, mut seen) = match (before.cluster(node.version.0), Seen::by(after, name, node)) {
            (Ok(old), Ok(seen)) => (old, seen),
            (_, Err(raised)) => {
                report.add_racer(name, node.version.0, false, vec![raised.because], Vec::new());
                continue;
            }
            (Err(raised), _) => {
                report.add_racer(name, node.version.0, false, vec![raised.to_string()], Vec::new());
                continue;
            }
        };
        seen.cluster.leader = None;
        if let Some(key) = key {
            seen.cluster.failover = Some(key.clone());
        }
        let decision = is_healthiest_node(&seen.view(&old, &node.local, &answers, now));
        let logs = log_lines(name, &decision.steps);
        let mut reasons = explanation::race(&decision.steps, node);
        let takes_lock = match decision.takes_lock {
            Ok(takes_lock) => takes_lock,
            Err(raised) => {
                reasons.push(format!("its HA loop fails with {raised}"));
                false
            }
        };
        report.add_racer(name, node.version.0, takes_lock, reasons, logs);
    }
    report.because = explanation::race_summary(&report);
    report
}
