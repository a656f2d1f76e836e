//! `patrolint predict`

use clap::{Args, Subcommand, ValueEnum};
use patrolint::decision::api::{Kind, Request};
use patrolint::decision::prediction::releases::across_releases;
use patrolint::decision::prediction::{Options, Prediction, Question, Verdict, Via, predict};
use patrolint::model::snapshot::ClusterSnapshot;
use patrolint::model::time::{ParsedTime, parse_time};
use patrolint::model::version::PatroniVersion;
use patrolint::report::monitoring;
use patrolint::report::prediction::{json, releases, text};
use patrolint::rules::registry::Registry;

use crate::cli::input_options::{InputOptions, Release};
use crate::cli::output_options::{Answer, VerdictFormat, VerdictOutput};
#[cfg(feature = "online")]
use crate::cli::watch::{self, WatchOption};
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  accepted: every gate lets it through; after a crash somebody takes over
  1  refused; after a crash nobody takes over
  2  wrong usage, or an input that cannot be read or understood
  3  it depends on facts that the input does not tell; the report names them
With --patroni-version all: 0 if every release accepts, 1 if one does not.

Examples:
  patrolint predict switchover --candidate pg2 dump.json
  patrolint predict failover --candidate pg3 --via api capture/
  patrolint predict crash dump.json
  patrolint predict switchover --candidate pg2 --patroni-version all dump.json";

#[derive(Debug, Subcommand)]
enum Action {
    Switchover(SwitchoverArguments),
    Failover(FailoverArguments),
    Crash(CrashArguments),
}

/// A planned change of leader, as by patronictl switchover
#[derive(Debug, Args)]
struct SwitchoverArguments {
    /// The leader to be named in the request; default: the present one, but none with --via api
    #[arg(long, value_name = "NODE", help_heading = "Request")]
    leader: Option<String>,

    /// The member that is to become the leader; default: anyone
    #[arg(long, value_name = "NODE", help_heading = "Request")]
    candidate: Option<String>,

    /// When it is to happen, in ISO 8601 with a time zone; default: now
    #[arg(long = "at", value_name = "TIME", help_heading = "Request")]
    scheduled_at: Option<String>,

    #[command(flatten)]
    via: ViaOption,

    #[command(flatten)]
    common: CommonOptions,
}

/// A forced change of leader, as by patronictl failover
#[derive(Debug, Args)]
struct FailoverArguments {
    /// The leader to be named in the request, which makes it a switchover (before 4.0)
    #[arg(long, value_name = "NODE", help_heading = "Request")]
    leader: Option<String>,

    /// The member that is to become the leader
    #[arg(long, value_name = "NODE", help_heading = "Request")]
    candidate: Option<String>,

    #[command(flatten)]
    via: ViaOption,

    #[command(flatten)]
    common: CommonOptions,
}

/// The race for the leader lock after nodes died
#[derive(Debug, Args)]
struct CrashArguments {
    /// A node that died; may be repeated. Default: the leader
    #[arg(long = "node", value_name = "NODE", help_heading = "Request")]
    nodes: Vec<String>,

    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Debug, Args)]
struct ViaOption {
    /// How it is asked for
    #[arg(long, value_enum, value_name = "WAY", default_value_t = Way::Ctl, help_heading = "Request")]
    via: Way,
}

/// How a change of leader is asked for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    /// By patronictl
    Ctl,
    /// By a request to the REST API of the leader
    Api,
    /// By writing the key /failover
    Dcs,
}

#[derive(Debug, Args)]
struct CommonOptions {
    #[command(flatten)]
    input: InputOptions,

    /// The time of the question, in ISO 8601 with a time zone; default: when the snapshot was taken
    #[arg(long, value_name = "TIME", help_heading = "Input")]
    now: Option<String>,

    #[command(flatten)]
    output: VerdictOutput,

    #[cfg(feature = "online")]
    #[command(flatten)]
    watch: WatchOption,

    /// Ask again until the verdict is this one, at most for --timeout: exit code 0 if it comes to that, else 1
    #[cfg(feature = "online")]
    #[arg(long, value_enum, value_name = "VERDICT", conflicts_with = "watch", help_heading = "Live cluster")]
    wait_for: Option<Awaited>,

    /// How long --wait-for waits
    #[cfg(feature = "online")]
    #[arg(long, value_name = "SECONDS", default_value = "300", requires = "wait_for", help_heading = "Live cluster",
          value_parser = crate::cli::online_options::seconds)]
    timeout: std::time::Duration,

    /// Also show the race and the vote count when nothing is refused
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
}

/// Predicts and prints the prediction.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.action {
        Action::Switchover(switchover) => {
            let request = Request {
                leader: switchover.leader.clone(),
                candidate: switchover.candidate.clone(),
                scheduled_at: switchover.scheduled_at.clone(),
            };
            answer(change(Kind::Switchover, request, switchover.via.via), &switchover.common, &switchover.common.input)
        }
        Action::Failover(failover) => {
            let request =
                Request { leader: failover.leader.clone(), candidate: failover.candidate.clone(), scheduled_at: None };
            answer(change(Kind::Failover, request, failover.via.via), &failover.common, &failover.common.input)
        }
        Action::Crash(crash) => {
            let (nodes, input) = nodes_and_paths(&crash.nodes, &crash.common.input);
            answer(Question::Crash { nodes }, &crash.common, &input)
        }
    }
}

fn change(kind: Kind, request: Request, way: Way) -> Question {
    let via = match way {
        Way::Ctl => Via::Ctl,
        Way::Api => Via::Api,
        Way::Dcs => Via::Dcs,
    };
    Question::Change { kind, request, via }
}

/// `predict crash pg1 dump.json`: what is no file is the name of a node.
fn nodes_and_paths(nodes: &[String], input: &InputOptions) -> (Vec<String>, InputOptions) {
    let is_path = |text: &String| text == "-" || text.contains(['/', '.']) || std::path::Path::new(text).exists();
    let (paths, named): (Vec<String>, Vec<String>) = input.paths.iter().cloned().partition(is_path);
    let nodes = nodes.iter().cloned().chain(named).collect();
    (nodes, InputOptions { paths, ..input.clone() })
}

/// A verdict to wait for.
#[cfg(feature = "online")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Awaited {
    /// Every gate lets it through
    Accepted,
    /// A gate refuses
    Refused,
}

impl Arguments {
    /// Where and how it is printed.
    pub fn output(&self) -> &VerdictOutput {
        match &self.action {
            Action::Switchover(arguments) => &arguments.common.output,
            Action::Failover(arguments) => &arguments.common.output,
            Action::Crash(arguments) => &arguments.common.output,
        }
    }
}

#[cfg(feature = "online")]
fn answer(question: Question, common: &CommonOptions, input: &InputOptions) -> Result<Exit, Failure> {
    let once = || answer_once(&question, common, input);
    let Some(awaited) = common.wait_for else { return common.watch.run(input, &common.output, once) };
    input.need_online("--wait-for")?;
    let exit = match awaited {
        Awaited::Accepted => Exit::Clean,
        Awaited::Refused => Exit::Findings,
    };
    watch::wait(common.timeout, &common.output, |answer| answer.verdict == exit, once)
}

#[cfg(not(feature = "online"))]
fn answer(question: Question, common: &CommonOptions, input: &InputOptions) -> Result<Exit, Failure> {
    common.output.deliver_answer(&answer_once(&question, common, input)?)
}

fn answer_once(question: &Question, common: &CommonOptions, input: &InputOptions) -> Result<Answer, Failure> {
    let now = match &common.now {
        None => None,
        Some(text) => match parse_time(text) {
            ParsedTime::Zoned { seconds, .. } => Some(seconds),
            ParsedTime::Naive(_) => return Err(Failure::new(format!("--now {text}: a time zone is missing"))),
            ParsedTime::Invalid | ParsedTime::BadOffset => {
                return Err(Failure::new(format!("--now {text}: not a time in ISO 8601")));
            }
        },
    };
    let snapshot = input.load_whole()?;
    let cluster = input.only_cluster(&snapshot)?;
    if let Question::Crash { nodes } = question {
        let is_known = |node: &str| {
            cluster.rest.contains_key(node)
                || cluster.dcs.as_ref().is_some_and(|dcs| dcs.keys.contains_key(&format!("members/{node}")))
        };
        if let Some(unknown) = nodes.iter().find(|node| !is_known(node)) {
            return Err(Failure::new(format!("no node {unknown} in cluster {} of the input", cluster.scope)));
        }
    }
    if input.choice.patroni_version == Some(Release::All) {
        return answer_for_all(cluster, question, now, common);
    }
    let prediction = predict(cluster, question, Options { version: input.one_release()?, now });
    let registry = Registry::builtin();
    let bug = prediction.known_bug.as_ref().and_then(|bug| registry.find(bug.slug));
    let code = bug.map(|rule| rule.code());
    let verdict = exit(&prediction);
    let evaluation = &prediction.evaluation;
    let because: Vec<_> = evaluation.gates.iter().map(|gate| (gate.verdict, gate.reached)).collect();
    let essence = format!("{verdict:?} {:?} {because:?}", evaluation.winners);
    if let Some((out, exit)) = common.output.monitored(|| monitoring::prediction::service(&prediction), verdict) {
        return Ok(Answer { out, exit, verdict, essence });
    }
    let mut out = Vec::new();
    let written = match common.output.format {
        VerdictFormat::Json => json::write(&prediction, code, &mut out),
        _ => text::write(&prediction, code, common.verbose, common.output.look(), &mut out),
    };
    written.expect("writing to memory does not fail");
    Ok(Answer { out, exit: verdict, verdict, essence })
}

/// One row per group of releases that answer alike.
fn answer_for_all(
    cluster: &ClusterSnapshot,
    question: &Question,
    now: Option<f64>,
    common: &CommonOptions,
) -> Result<Answer, Failure> {
    let newest = Options { version: Some(PatroniVersion::newest()), now };
    let missing = predict(cluster, question, newest).depends_on;
    if let Some(dependency) = missing.first() {
        Failure::new(format!("it depends on what the input lacks: {}", dependency.fact))
            .with_help(dependency.how_to_tell.clone())
            .print();
        let (exit, essence) = (Exit::Unjudged, dependency.fact.clone());
        return Ok(Answer { out: Vec::new(), exit, verdict: exit, essence });
    }
    let (groups, changes) = across_releases(cluster, question, newest);
    let mut out = Vec::new();
    let written = match common.output.format {
        VerdictFormat::Text => releases::write_text(&cluster.scope, &groups, &changes, common.output.look(), &mut out),
        VerdictFormat::Json => releases::write_json(&cluster.scope, &groups, &changes, &mut out),
        VerdictFormat::Nagios | VerdictFormat::Prometheus => {
            return Err(Failure::new("--patroni-version all is no verdict for a monitoring system"));
        }
    };
    written.expect("writing to memory does not fail");
    let accepted: Vec<bool> = groups.iter().map(|group| group.evaluation.accepted).collect();
    let exit = if accepted.iter().all(|accepted| *accepted) { Exit::Clean } else { Exit::Findings };
    Ok(Answer { out, exit, verdict: exit, essence: format!("{accepted:?}") })
}

fn exit(prediction: &Prediction) -> Exit {
    match prediction.verdict {
        Verdict::Accepted => Exit::Clean,
        Verdict::Refused => Exit::Findings,
        Verdict::Depends => Exit::Unjudged,
    }
}
