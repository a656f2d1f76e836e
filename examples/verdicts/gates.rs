//! The decisions, in the oracle's words.

use patrolint::decision::api::{self, ApiOutcome, Kind, Request, do_post_failover};
use patrolint::decision::ctl::{CtlOutcome, do_failover_or_switchover};
use patrolint::decision::leader::{LeaderOutcome, process_manual_failover_from_leader};
use patrolint::decision::race::is_healthiest_node;
use patrolint::decision::shutdown::{ShutdownOutcome, demote};
use patrolint::decision::step::{Level, Step};
use patrolint::decision::view::{Answers, View};
use patrolint::model::behaviour::Behaviour;
use patrolint::model::cluster::{Cluster, LocalState, Raised};
use patrolint::model::config::global::GlobalConfig;
use patrolint::model::time::{ParsedTime, parse_time_at};
use patrolint::model::version::PatroniVersion;

use super::json::{Json, quote};
use super::scenario::{Phase, Scenario, World, netloc};

/// What the loader of the keys raises. Releases before 2.1.0 load a leader whose key is no object, and fail at the first
/// look at it.
pub fn load_error(version: PatroniVersion, raised: &Raised, out: &mut Json) {
    if raised.class == "AttributeError" {
        out.text_field("load_error", &raised.to_string());
        out.field("load_logs", |out| out.strings([]));
        return;
    }
    // Before 3.0.3 the text of the exception is its repr.
    let quote = if version < PatroniVersion::new(3, 0, 3) { "'" } else { "" };
    out.text_field("load_error", &format!("Etcd3Error: {quote}Etcd is not responding properly{quote}"));
    out.field("load_logs", |out| out.strings([format!("ERROR: get_cluster [{raised}]").as_str()]));
}

/// What `AbstractDCS.manual_failover` writes.
pub fn written_key(request: &Request, now: f64) -> String {
    let scheduled_at = request.scheduled_at().and_then(|text| match parse_time_at(text, now) {
        ParsedTime::Zoned { iso, .. } | ParsedTime::Naive(iso) => Some(iso),
        ParsedTime::BadOffset | ParsedTime::Invalid => None,
    });
    let fields =
        [("leader", request.leader()), ("member", request.candidate()), ("scheduled_at", scheduled_at.as_deref())];
    let mut json = Json::default();
    json.begin('{');
    for (name, value) in fields {
        if let Some(value) = value {
            json.text_field(name, value);
        }
    }
    json.end('}');
    json.text
}

/// `api`
pub fn api(
    scenario: &Scenario<'_>,
    (observer, local): (&str, &LocalState),
    answers: &Answers,
    kind: Kind,
    (request, body): (&Request, Option<&Request>),
    out: &mut Json,
) {
    let Ok(cluster) = &scenario.world.cluster else { return };
    let is_own_body = body.is_some();
    let request = body.unwrap_or(request);
    let view = view(scenario, observer, cluster, cluster, &scenario.world.config, local, answers);
    let decision = do_post_failover(&view, kind, request);
    let accepted = matches!(decision.outcome, ApiOutcome::Accepts | ApiOutcome::Schedules);
    let answer = match &decision.outcome {
        ApiOutcome::Accepts => Some((Some(200), "ORACLE: accepted, failover key written")),
        ApiOutcome::Schedules if kind == Kind::Failover && !decision.became_switchover => {
            Some((Some(202), "Failover scheduled"))
        }
        ApiOutcome::Schedules => Some((Some(202), "Switchover scheduled")),
        ApiOutcome::Refuses { status, body } => Some((Some(*status), body.as_str())),
        ApiOutcome::BadRequest => Some((Some(400), "")),
        // Patroni has a body to write then, and no status.
        ApiOutcome::Raises(raised) if raised.text.starts_with("%d format") => {
            Some((None, "Switchover target and source are the same"))
        }
        ApiOutcome::Raises(_) => None,
    };
    out.begin('{');
    out.bool_field("accepted", accepted);
    if let Some((_, body)) = answer {
        out.text_field("body", body);
    }
    if let (ApiOutcome::Raises(raised), None) = (&decision.outcome, answer) {
        out.text_field("exception", &raised.to_string());
    }
    if accepted && !is_own_body {
        out.text_field("failover_key", &written_key(request, scenario.now));
    }
    if !is_own_body {
        out.field("logs", |out| logs(&api::log_lines(scenario.behaviours, kind, request, &decision.outcome), out));
    }
    out.field("status", |out| match answer {
        Some((Some(status), _)) => out.int(status.into()),
        _ => out.null(),
    });
    out.end('}');
}

/// What patronictl prints for `failover --leader`.
const LEADER_IS_DEPRECATED: &str = "\u{1b}[31mSupplying a leader name using this command is deprecated and will be removed \
     in a future version of Patroni, change your scripts to use `switchover` instead.\nExecuting switchover!\u{1b}[0m";

/// `ctl`. The oracle leaves out an option that a release of patronictl does not have, and notes it.
pub fn ctl(scenario: &Scenario<'_>, kind: Kind, request: &Request, out: &mut Json) {
    let Ok(cluster) = &scenario.world.cluster else { return };
    let takes_leader = kind == Kind::Switchover || scenario.behaviours.has(Behaviour::CtlFailoverTakesLeader);
    let mut offered = request.clone();
    let mut note = None;
    if !takes_leader && offered.leader.take().is_some() {
        note = Some("this patronictl has no --leader option for failover");
    }
    if kind == Kind::Failover && offered.scheduled_at.take().is_some() {
        note = Some("no --scheduled option for failover");
    }
    let outcome = do_failover_or_switchover(
        scenario.behaviours,
        cluster,
        &scenario.world.config,
        "oracle",
        kind,
        &offered,
        scenario.now,
    );
    let mut output = Vec::new();
    if kind == Kind::Failover
        && offered.leader().is_some()
        && scenario.behaviours.has(Behaviour::CtlTellsFailoverFromSwitchover)
    {
        output.push(LEADER_IS_DEPRECATED);
    }
    out.begin('{');
    match outcome {
        CtlOutcome::Sends { kind, request, to } => {
            let api_url = to.and_then(|to| cluster.member(&to)?.api_url.as_deref());
            let address = api_url.and_then(|url| Some((url.split_once("://")?.0, netloc(url)?)));
            out.field("exit", |out| out.int(0));
            write_note(note, out);
            let fallback = format!("TS Could not {} using Patroni api, falling back to DCS", kind.name());
            output.push(if address.is_some() { "TS oracle" } else { &fallback });
            out.field("output", |out| out.strings(output));
            match address {
                Some((scheme, netloc)) => {
                    let nulls = !scenario.behaviours.has(Behaviour::CtlTellsFailoverFromSwitchover);
                    out.key("post");
                    out.begin('{');
                    out.text_field("body", &post_body(kind, &request, nulls));
                    out.text_field("url", &format!("{scheme}://{netloc}/{}", kind.name()));
                    out.end('}');
                }
                None => out.field("writes", |out| writes(Some(&written_key(&request, scenario.now)), out)),
            }
        }
        CtlOutcome::Refuses { message } => {
            out.text_field("error", &message);
            out.field("exit", |out| out.int(1));
            write_note(note, out);
            out.field("output", |out| out.strings(output));
        }
        CtlOutcome::NoSuchOption { option } => {
            out.text_field("error", &format!("No such option: {option}"));
            out.field("exit", |out| out.int(2));
            write_note(note, out);
            out.field("output", |out| out.strings(output));
        }
        CtlOutcome::Raises(raised) => {
            out.text_field("exception", &raised.to_string());
            out.field("exit", Json::null);
            write_note(note, out);
            out.field("output", |out| out.strings(output));
        }
    }
    out.end('}');
}

fn write_note(note: Option<&str>, out: &mut Json) {
    if let Some(note) = note {
        out.text_field("note", note);
    }
}

/// The body that patronictl sends; `nulls`: with all three fields.
fn post_body(kind: Kind, request: &Request, nulls: bool) -> String {
    let (leader, candidate) = (("leader", &request.leader), ("candidate", &request.candidate));
    let scheduled_at = ("scheduled_at", &request.scheduled_at);
    let fields = if nulls { [leader, candidate, scheduled_at] } else { [candidate, leader, scheduled_at] };
    let mut body = String::from("{");
    for (name, value) in fields {
        let is_sent = match name {
            "candidate" => true,
            "leader" => nulls || kind == Kind::Switchover,
            _ => nulls || value.is_some(),
        };
        if is_sent {
            body.push_str(if body.len() == 1 { "" } else { ", " });
            quote(name, &mut body);
            body.push_str(": ");
            match value {
                Some(value) => quote(value, &mut body),
                None => body.push_str("null"),
            }
        }
    }
    body.push('}');
    body
}

/// `leader`
pub fn leader(scenario: &Scenario<'_>, requested: Option<&World>, answers: &Answers, out: &mut Json) {
    out.begin('{');
    let leader = scenario.leader();
    match (requested, leader, leader.and_then(|leader| scenario.nodes.get(leader))) {
        (None, ..) => out.text_field("skipped", "no /failover key and no action"),
        (_, None, _) => out.text_field("skipped", "no leader key"),
        (_, _, None) => out.text_field("skipped", "no local facts for the leader"),
        (Some(world), Some(leader), Some(local)) => match &world.cluster {
            Err(raised) => out.text_field("exception", &raised.to_string()),
            Ok(cluster) => {
                let view = view(scenario, leader, cluster, cluster, &world.config, local, answers);
                leader_decision(&view, out);
            }
        },
    }
    out.end('}');
}

fn leader_decision(view: &View<'_>, out: &mut Json) {
    let decision = process_manual_failover_from_leader(view);
    let cleans = decision
        .steps
        .iter()
        .any(|step| matches!(step, Step::CleaningUp | Step::Stale { .. } | Step::IncorrectSchedule(_)));
    let action = view.action().name();
    let demotes = decision.outcome == LeaderOutcome::Demotes;
    let raised = match &decision.outcome {
        LeaderOutcome::Raises(raised) => Some(raised),
        _ => None,
    };
    if raised.is_none() {
        let call = format!("{action}: demote demote['graceful']");
        out.field("async", |out| out.strings(demotes.then_some(call.as_str())));
    }
    out.field("demote", |out| if raised.is_some() { out.null() } else { out.bool(demotes) });
    if let Some(raised) = raised {
        out.text_field("exception", &raised.to_string());
    }
    out.field("logs", |out| step_logs(&decision.steps, out));
    if raised.is_none() {
        let message = format!("{action}: demoting myself");
        out.field("message", |out| out.optional(demotes.then_some(message.as_str())));
    }
    out.field("writes", |out| writes(cleans.then_some("{}"), out));
}

/// `shutdown`
pub fn shutdown(scenario: &Scenario<'_>, requested: &World, out: &mut Json) {
    let Some((leader, local)) = scenario.leader().and_then(|leader| scenario.nodes.get_key_value(leader)) else {
        return;
    };
    out.key("shutdown");
    out.begin('{');
    match &requested.cluster {
        Err(raised) => out.text_field("exception", &raised.to_string()),
        Ok(cluster) => {
            let phase = scenario.phase("manual");
            let answers = scenario.answers(Some(phase));
            let checkpoint_lsn = scenario.nodes_after(phase).get(leader).map_or(local.lsn, |node| node.lsn);
            let view = view(scenario, leader, cluster, cluster, &requested.config, local, &answers);
            let decision = demote(&view, checkpoint_lsn);
            if let ShutdownOutcome::Raises(raised) = &decision.outcome {
                out.text_field("exception", &raised.to_string());
            }
            out.field("logs", |out| step_logs(&decision.steps, out));
            match decision.outcome {
                ShutdownOutcome::GivesLockAway => out.bool_field("released", true),
                ShutdownOutcome::HoldsLock => out.bool_field("released", false),
                ShutdownOutcome::DoesNotAsk => {
                    out.text_field("skipped", "this release does not ask while it shuts down");
                }
                ShutdownOutcome::Raises(_) => {}
            }
        }
    }
    out.end('}');
}

/// `race`
pub fn race(scenario: &Scenario<'_>, requested: Option<&World>, out: &mut Json) {
    out.begin('{');
    let quiet = match scenario.keys.contains_key("failover") {
        true => &scenario.world.without_failover(),
        false => &scenario.world,
    };
    for (name, before) in [("crash", Some(quiet)), ("manual", requested)] {
        let phase = scenario.phase(name);
        out.key(name);
        match before.filter(|_| !phase.is_skipped()) {
            Some(before) => race_phase(scenario, before, phase, out),
            None => out.null(),
        }
    }
    out.end('}');
}

fn race_phase(scenario: &Scenario<'_>, before: &World, phase: Phase<'_>, out: &mut Json) {
    out.begin('{');
    let after = scenario.world_after(before, phase);
    let answers = scenario.answers(Some(phase));
    for (name, local) in &scenario.nodes_after(phase) {
        out.key(name);
        out.begin('{');
        match (&before.cluster, &after.cluster) {
            _ if !local.running => out.text_field("skipped", "postgres is not running"),
            (Err(raised), _) | (_, Err(raised)) => {
                out.text_field("exception", &format!("setup: {raised}"));
                out.field("healthiest", Json::null);
            }
            (_, Ok(cluster)) if cluster.leader_name().is_some() => {
                out.text_field("skipped", "cluster is not unlocked");
            }
            (Ok(old), Ok(cluster)) => {
                let view = view(scenario, name, cluster, old, &after.config, local, &answers);
                racer(&view, out);
            }
        }
        out.end('}');
    }
    out.end('}');
}

fn racer(view: &View<'_>, out: &mut Json) {
    let decision = is_healthiest_node(view);
    if let Err(raised) = &decision.takes_lock {
        out.text_field("exception", &raised.to_string());
    }
    out.field("healthiest", |out| match &decision.takes_lock {
        Ok(takes_lock) => out.bool(*takes_lock),
        Err(_) => out.null(),
    });
    out.field("logs", |out| step_logs(&decision.steps, out));
    if decision.steps.iter().any(|step| matches!(step, Step::CandidateGone(_))) {
        out.field("writes", |out| writes(Some("{}"), out));
    }
}

/// The writes to the DCS: none, or one to `/failover`.
fn writes(failover: Option<&str>, out: &mut Json) {
    out.begin('[');
    if let Some(value) = failover {
        out.strings(["failover", value]);
    }
    out.end(']');
}

fn step_logs(steps: &[Step<'_>], out: &mut Json) {
    let lines: Vec<(Level, String)> = steps.iter().filter_map(Step::log).collect();
    logs(&lines, out);
}

fn logs(lines: &[(Level, String)], out: &mut Json) {
    out.begin('[');
    for (level, text) in lines {
        out.string(&format!("{}: {text}", level.name()));
    }
    out.end(']');
}

fn view<'v>(
    scenario: &Scenario<'_>,
    name: &'v str,
    cluster: &'v Cluster,
    old_cluster: &'v Cluster,
    config: &'v GlobalConfig,
    local: &'v LocalState,
    answers: &'v Answers,
) -> View<'v> {
    View { name, behaviours: scenario.behaviours, cluster, config, old_cluster, local, answers, now: scenario.now }
}
