//! Reads the oracle's scenarios (JSON lines) on standard input and writes patrolint's verdicts in the oracle's format.
//!
//! `cargo run --release --example verdicts -- --patroni-version 4.0.6 < scenarios.jsonl > verdicts.jsonl`

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

use patrolint::decision::api::{ApiOutcome, Kind, Request, do_post_failover};
use patrolint::decision::ctl::{CtlOutcome, do_failover_or_switchover};
use patrolint::decision::leader::{LeaderOutcome, process_manual_failover_from_leader};
use patrolint::decision::race::is_healthiest_node;
use patrolint::decision::step::Step;
use patrolint::decision::view::{Answers, View};
use patrolint::input::source_map::SourceId;
use patrolint::model::behaviour::{Behaviour, Behaviours};
use patrolint::model::cluster::{Cluster, FailoverKey, LocalState, MemberStatus, Tags};
use patrolint::model::config::global::GlobalConfig;
use patrolint::model::snapshot::{DcsKey, RawValue};
use patrolint::model::time::{ParsedTime, parse_time};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::{json, python, tree};
use serde_json::{Map, Value, json};

/// What a scenario's place in a text would be; nothing points there.
const NOWHERE: SourceId = SourceId(u32::MAX);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let version = match arguments.as_slice() {
        [option, version] if option == "--patroni-version" => version.parse::<PatroniVersion>(),
        _ => {
            eprintln!("usage: verdicts --patroni-version VERSION < scenarios.jsonl");
            return ExitCode::from(2);
        }
    };
    let version = match version {
        Ok(version) => version,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(version, io::stdin().lock(), BufWriter::new(io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(version: PatroniVersion, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let scenario: Value = serde_json::from_str(&line)?;
        serde_json::to_writer(&mut output, &verdict(version, &scenario))?;
        output.write_all(b"\n")?;
    }
    output.flush()
}

/// One state of the DCS with what it means.
struct World {
    keys: BTreeMap<String, DcsKey>,
    cluster: Result<Cluster, String>,
    config: GlobalConfig,
}

impl World {
    fn new(keys: BTreeMap<String, DcsKey>, version: PatroniVersion) -> Self {
        let cluster = Cluster::load(&keys, Behaviours::of(version)).map_err(|raised| raised.to_string());
        let object = keys.get("config").and_then(|key| key.json.as_ref()).and_then(tree::Node::as_mapping);
        let config = GlobalConfig::read(object, Behaviours::of(version));
        Self { keys, cluster, config }
    }
}

/// The verdict on one scenario.
pub fn verdict(version: PatroniVersion, scenario: &Value) -> Value {
    let mut out = Map::new();
    out.insert("id".to_owned(), scenario["id"].clone());
    out.insert("version".to_owned(), json!(version.to_string()));
    let now = scenario["now"].as_f64().unwrap_or(1.7e9);
    let raw: BTreeMap<String, String> =
        object(&scenario["dcs"]).filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    let world = World::new(raw.iter().map(|(name, text)| (name.clone(), key(text))).collect(), version);
    let cluster = match &world.cluster {
        Ok(cluster) => cluster,
        Err(raised) => {
            out.insert("load_error".to_owned(), json!(raised));
            return Value::Object(out);
        }
    };
    let answers = answers(&scenario["rest"], &raw, version);
    let locals = &scenario["local"];
    let leader = raw.get("leader").map(String::as_str).filter(|leader| !leader.is_empty());
    let observer = scenario["node"].as_str().or(leader).or_else(|| cluster.members.first().map(|m| m.name.as_str()));
    let observer = observer.unwrap_or("nobody");
    let behaviours = Behaviours::of(version);
    let action = scenario["action"].as_object();
    let request = action.map(|action| {
        let text = |field: &str| action.get(field).and_then(Value::as_str).map(str::to_owned);
        let kind = if action["kind"] == "switchover" { Kind::Switchover } else { Kind::Failover };
        (kind, Request { leader: text("leader"), candidate: text("candidate"), scheduled_at: text("scheduled_at") })
    });
    let replaces = request.is_some() && (scenario["overwrite"] == true || !is_pending_named(cluster));
    if let Some((kind, request)) = &request {
        let local = local(locals, observer, leader, &raw, version);
        let view = View {
            name: observer,
            behaviours,
            cluster,
            config: &world.config,
            old_cluster: cluster,
            local: &local,
            answers: &answers,
            now,
        };
        let body =
            scenario["request_body"].as_str().map(|text| Request::read(json::parse(NOWHERE, text).ok().as_ref()));
        let asked = body.map_or_else(|| request.clone(), Option::unwrap_or_default);
        out.insert("api".to_owned(), api(&view, *kind, &asked));
        // The oracle leaves out an option that a release of patronictl does not have.
        let takes_leader = *kind == Kind::Switchover || behaviours.has(Behaviour::CtlFailoverTakesLeader);
        let offered = Request {
            leader: request.leader.clone().filter(|_| takes_leader),
            scheduled_at: request.scheduled_at.clone().filter(|_| *kind == Kind::Switchover),
            ..request.clone()
        };
        out.insert("ctl".to_owned(), ctl(&view, *kind, &offered));
    }
    let failover = match (&request, replaces) {
        (Some((_, request)), true) => Some(written_key(request)),
        _ => raw.get("failover").cloned(),
    };
    let Some(failover) = failover else {
        out.insert("leader".to_owned(), json!({"skipped": "no /failover key and no action"}));
        out.insert("race".to_owned(), race(scenario, &world, None, &raw, version, now));
        return Value::Object(out);
    };
    let mut keys = world.keys.clone();
    keys.insert("failover".to_owned(), key(&failover));
    let requested = World::new(keys, version);
    out.insert("leader".to_owned(), leader_gate(&requested, locals, leader, &raw, &answers, version, now));
    out.insert("race".to_owned(), race(scenario, &world, Some(&failover), &raw, version, now));
    Value::Object(out)
}

/// Whether the oracle takes the key for a pending request: any value but an empty one.
fn is_pending_named(cluster: &Cluster) -> bool {
    cluster.failover.as_ref().is_some_and(FailoverKey::is_requested)
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn key(text: &str) -> DcsKey {
    DcsKey {
        source: NOWHERE,
        value: RawValue(text.to_owned()),
        json: json::parse(NOWHERE, text).ok(),
        revision: None,
        lease: None,
        ttl_seconds: None,
    }
}

/// What `AbstractDCS.manual_failover` writes.
fn written_key(request: &Request) -> String {
    let mut value = Map::new();
    if let Some(leader) = request.leader() {
        value.insert("leader".to_owned(), json!(leader));
    }
    if let Some(candidate) = request.candidate() {
        value.insert("member".to_owned(), json!(candidate));
    }
    let written = request.scheduled_at().and_then(|at| match parse_time(at) {
        ParsedTime::Zoned { iso, .. } | ParsedTime::Naive(iso) => Some(iso),
        ParsedTime::BadOffset | ParsedTime::Invalid => None,
    });
    if let Some(at) = written {
        value.insert("scheduled_at".to_owned(), json!(at));
    }
    Value::Object(value).to_string()
}

fn tree_of(value: &Value) -> tree::Node {
    json::parse(NOWHERE, &value.to_string()).expect("serialised JSON parses")
}

/// host:port of a URL
fn netloc(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|netloc| !netloc.is_empty())
}

/// The REST answers by member name: the oracle finds them by host and port.
fn answers(rest: &Value, raw: &BTreeMap<String, String>, version: PatroniVersion) -> Answers {
    let mut urls: BTreeMap<String, String> = BTreeMap::new();
    let mut asked: Vec<(String, String)> = Vec::new();
    for (name, text) in raw {
        let Some(name) = name.strip_prefix("members/") else { continue };
        let member = patrolint::model::cluster::Member::load(
            name,
            text,
            json::parse(NOWHERE, text).ok().as_ref(),
            Behaviours::of(version),
        );
        if let Some(netloc) = member.api_url.as_deref().and_then(netloc) {
            urls.insert(netloc.to_owned(), name.to_owned());
            asked.push((name.to_owned(), netloc.to_owned()));
        }
    }
    if let Some(Ok(Value::Object(failsafe))) = raw.get("failsafe").map(|text| serde_json::from_str(text)) {
        for (name, url) in failsafe {
            if let Some(netloc) = url.as_str().and_then(netloc) {
                urls.entry(netloc.to_owned()).or_insert_with(|| name.clone());
                if !raw.contains_key(&format!("members/{name}")) {
                    asked.push((name, netloc.to_owned()));
                }
            }
        }
    }
    let mut answers = Answers::default();
    for (name, netloc) in asked {
        let owner = &urls[&netloc];
        let status = match &rest[owner] {
            Value::Object(object) if object.len() == 1 && object.contains_key("raw") => {
                let text = object["raw"].as_str().unwrap_or_default();
                MemberStatus::read(json::parse(NOWHERE, text).ok().as_ref(), Behaviours::of(version))
            }
            value @ Value::Object(_) => MemberStatus::read(Some(&tree_of(value)), Behaviours::of(version)),
            _ => MemberStatus::Unreachable { reason: "unreachable".to_owned() },
        };
        answers.set(&name, status);
    }
    answers
}

fn local(
    locals: &Value,
    name: &str,
    leader: Option<&str>,
    raw: &BTreeMap<String, String>,
    version: PatroniVersion,
) -> LocalState {
    let default = json!({"running": true, "primary": Some(name) == leader});
    let facts = locals.get(name).unwrap_or(&default);
    local_of(facts, name, raw, version)
}

fn local_of(facts: &Value, name: &str, raw: &BTreeMap<String, String>, version: PatroniVersion) -> LocalState {
    let flag =
        |field: &str, default: bool| facts.get(field).map_or(default, |value| python::truthy(&tree_of(value).value));
    let published = || {
        let text = raw.get(&format!("members/{name}"))?;
        let node = json::parse(NOWHERE, text).ok()?;
        node.get("tags").filter(|tags| tags.as_mapping().is_some()).cloned()
    };
    let tags = match facts.get("tags") {
        Some(tags @ Value::Object(_)) => Some(tree_of(tags)),
        _ => published(),
    };
    LocalState {
        running: flag("running", true),
        starting: flag("starting", false),
        primary: flag("primary", false),
        timeline: facts["timeline"].as_i64().map(i128::from),
        lsn: facts["lsn"].as_i64().map_or(0, i128::from),
        watchdog_healthy: flag("watchdog_healthy", true),
        system_identifier: facts["sysid"].as_str().unwrap_or_default().to_owned(),
        tags: Tags::read(tags.as_ref(), Behaviours::of(version))
            .unwrap_or_default()
            .of_own_process(Behaviours::of(version)),
    }
}

fn api(view: &View<'_>, kind: Kind, request: &Request) -> Value {
    match do_post_failover(view, kind, request).outcome {
        ApiOutcome::Accepts => json!({"status": 200, "accepted": true}),
        ApiOutcome::Schedules => json!({"status": 202, "body": "Switchover scheduled", "accepted": true}),
        ApiOutcome::Refuses { status, body } => json!({"status": status, "body": body, "accepted": false}),
        ApiOutcome::BadRequest => json!({"status": 400, "body": "", "accepted": false}),
        ApiOutcome::Raises(raised) => json!({"exception": raised.to_string(), "status": null, "accepted": false}),
    }
}

fn ctl(view: &View<'_>, kind: Kind, request: &Request) -> Value {
    match do_failover_or_switchover(view.behaviours, view.cluster, view.config, "oracle", kind, request) {
        CtlOutcome::Sends { kind, request, to } => {
            let mut body = Map::new();
            body.insert("candidate".to_owned(), json!(request.candidate));
            if kind == Kind::Switchover || request.leader.is_some() {
                body.insert("leader".to_owned(), json!(request.leader));
            }
            if let Some(at) = &request.scheduled_at {
                body.insert("scheduled_at".to_owned(), json!(at));
            }
            let has_api =
                to.as_deref().and_then(|to| view.cluster.member(to)).and_then(|member| member.api_url.as_deref());
            match has_api.and_then(netloc) {
                Some(_) => json!({"exit": 0, "post": {"kind": kind.name(), "body": body, "to": to}}),
                None => json!({"exit": 0, "writes": [["failover", written_key(&request)]]}),
            }
        }
        CtlOutcome::Refuses { message } => json!({"exit": 1, "error": message}),
        CtlOutcome::NoSuchOption { option } => json!({"exit": 2, "error": option}),
        CtlOutcome::Raises(raised) => json!({"exit": null, "exception": raised.to_string()}),
    }
}

fn logs(steps: &[Step<'_>]) -> Vec<String> {
    steps.iter().filter_map(Step::log).map(|(level, text)| format!("{}: {text}", level.name())).collect()
}

fn leader_gate(
    world: &World,
    locals: &Value,
    leader: Option<&str>,
    raw: &BTreeMap<String, String>,
    answers: &Answers,
    version: PatroniVersion,
    now: f64,
) -> Value {
    let Some(leader) = leader else { return json!({"skipped": "no leader key"}) };
    if locals.get(leader).is_none() {
        return json!({"skipped": "no local facts for the leader"});
    }
    let cluster = match &world.cluster {
        Ok(cluster) => cluster,
        Err(raised) => return json!({"exception": raised}),
    };
    let local = local(locals, leader, Some(leader), raw, version);
    let view = View {
        name: leader,
        behaviours: Behaviours::of(version),
        cluster,
        config: &world.config,
        old_cluster: cluster,
        local: &local,
        answers,
        now,
    };
    let decision = process_manual_failover_from_leader(&view);
    let cleans = decision
        .steps
        .iter()
        .any(|step| matches!(step, Step::CleaningUp | Step::Stale { .. } | Step::IncorrectSchedule(_)));
    let writes = if cleans { json!([["failover", "{}"]]) } else { json!([]) };
    let logs = logs(&decision.steps);
    match decision.outcome {
        LeaderOutcome::Demotes => {
            let message = format!("{}: demoting myself", view.action().name());
            json!({"demote": true, "message": message, "writes": writes, "logs": logs})
        }
        LeaderOutcome::Refuses | LeaderOutcome::Waits => {
            json!({"demote": false, "message": null, "writes": writes, "logs": logs})
        }
        LeaderOutcome::Raises(raised) => {
            json!({"demote": null, "exception": raised.to_string(), "writes": writes, "logs": logs})
        }
    }
}

fn race(
    scenario: &Value,
    world: &World,
    failover: Option<&str>,
    raw: &BTreeMap<String, String>,
    version: PatroniVersion,
    now: f64,
) -> Value {
    let manual = failover.map(|failover| phase("manual", scenario, world, Some(failover), raw, version, now));
    let crash = phase("crash", scenario, world, None, raw, version, now);
    json!({"manual": manual, "crash": crash})
}

fn phase(
    name: &str,
    scenario: &Value,
    world: &World,
    failover: Option<&str>,
    raw: &BTreeMap<String, String>,
    version: PatroniVersion,
    now: f64,
) -> Value {
    let over = &scenario["after"][name];
    if over["skip"] == true {
        return Value::Null;
    }
    let leader = raw.get("leader").map(String::as_str).filter(|leader| !leader.is_empty());
    let mut before_keys = world.keys.clone();
    match failover {
        Some(failover) => before_keys.insert("failover".to_owned(), key(failover)),
        None => before_keys.remove("failover"),
    };
    let mut now_keys = before_keys.clone();
    now_keys.remove("leader");
    for (name, value) in object(&over["dcs"]) {
        match value.as_str() {
            Some(text) => now_keys.insert(name.clone(), key(text)),
            None => now_keys.remove(name),
        };
    }
    let mut rest = scenario["rest"].as_object().cloned().unwrap_or_default();
    let mut locals = scenario["local"].as_object().cloned().unwrap_or_default();
    if let (Some(leader), "crash") = (leader, name) {
        rest.insert(leader.to_owned(), json!("unreachable"));
    }
    rest.extend(object(&over["rest"]).map(|(name, value)| (name.clone(), value.clone())));
    for (name, value) in object(&over["local"]) {
        match value.as_object() {
            Some(changes) => {
                let entry = locals.entry(name.clone()).or_insert_with(|| json!({}));
                if let Some(facts) = entry.as_object_mut() {
                    facts.extend(changes.clone());
                }
            }
            None => {
                locals.remove(name);
            }
        }
    }
    if let Some(leader) = leader.filter(|leader| over["local"].get(leader).is_none()) {
        locals.remove(leader);
    }
    let answers = answers(&Value::Object(rest), raw, version);
    let before = World::new(before_keys, version);
    let after = World::new(now_keys, version);
    let racers = locals
        .iter()
        .map(|(name, facts)| (name.clone(), racer(name, facts, &before, &after, &answers, raw, version, now)));
    Value::Object(racers.collect())
}

#[allow(clippy::too_many_arguments)]
fn racer(
    name: &str,
    facts: &Value,
    before: &World,
    after: &World,
    answers: &Answers,
    raw: &BTreeMap<String, String>,
    version: PatroniVersion,
    now: f64,
) -> Value {
    let local = local_of(facts, name, raw, version);
    if !local.running {
        return json!({"skipped": "postgres is not running"});
    }
    let (old, cluster) = match (&before.cluster, &after.cluster) {
        (Ok(old), Ok(cluster)) => (old, cluster),
        (Err(raised), _) | (_, Err(raised)) => return json!({"exception": raised, "healthiest": null}),
    };
    if cluster.leader_name().is_some() {
        return json!({"skipped": "cluster is not unlocked"});
    }
    let view = View {
        name,
        behaviours: Behaviours::of(version),
        cluster,
        config: &after.config,
        old_cluster: old,
        local: &local,
        answers,
        now,
    };
    let decision = is_healthiest_node(&view);
    let logs = logs(&decision.steps);
    match decision.takes_lock {
        Ok(takes_lock) => json!({"healthiest": takes_lock, "logs": logs}),
        Err(raised) => json!({"exception": raised.to_string(), "healthiest": null, "logs": logs}),
    }
}
