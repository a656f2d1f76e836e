//! `patrolint quorum`

use clap::Args;
use patrolint::decision::prediction::Options;
use patrolint::decision::prediction::facts::Facts;
use patrolint::decision::quorum::report;
use patrolint::report::monitoring;
use patrolint::report::quorum::{json, text};

use crate::cli::input_options::InputOptions;
use crate::cli::output_options::{Answer, VerdictFormat, VerdictOutput};
#[cfg(feature = "online")]
use crate::cli::watch::WatchOption;
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    input: InputOptions,

    #[command(flatten)]
    output: VerdictOutput,

    #[cfg(feature = "online")]
    #[command(flatten)]
    watch: WatchOption,
}

impl Arguments {
    /// Where and how it is printed.
    pub fn output(&self) -> &VerdictOutput {
        &self.output
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  it is printed, and the input holds all that it hangs on
  2  wrong usage, or an input that cannot be read or understood
  3  the input lacks what decides: the report names it, or the DCS contents are missing altogether";

/// Makes the table and prints it.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    #[cfg(feature = "online")]
    return arguments.watch.run(&arguments.input, &arguments.output, || answer(arguments));
    #[cfg(not(feature = "online"))]
    return arguments.output.deliver_answer(&answer(arguments)?);
}

fn answer(arguments: &Arguments) -> Result<Answer, Failure> {
    let snapshot = arguments.input.load_whole()?;
    let cluster = arguments.input.only_cluster(&snapshot)?;
    let Some(_) = cluster.dcs.as_ref().filter(|dcs| dcs.keys.keys().any(|key| key.starts_with("members/"))) else {
        Failure::new(format!(
            "cluster {}: who counts is written in the DCS, and the input holds no keys of it",
            cluster.scope
        ))
        .with_help(format!("etcdctl get --prefix /{}/{}/ -w json", cluster.namespace, cluster.scope))
        .print();
        return Ok(Answer {
            out: Vec::new(),
            exit: Exit::Unjudged,
            verdict: Exit::Unjudged,
            essence: "no keys".to_owned(),
        });
    };
    let options = Options { version: arguments.input.one_release()?, now: None };
    let facts = Facts::collect(cluster, options.version, options.now);
    let report = report(cluster, &facts, options).map_err(|raised| {
        Failure::new(format!("cluster {}: Patroni itself cannot load these keys: {raised}", cluster.scope))
    })?;
    let verdict = if report.missing.is_empty() { Exit::Clean } else { Exit::Unjudged };
    let service = monitoring::quorum::service(&report);
    let essence = format!("{:?} {} {:?}", report.situation.leader, service.summary, service.details);
    if let Some((out, exit)) = arguments.output.monitored(|| service, verdict) {
        return Ok(Answer { out, exit, verdict, essence });
    }
    let mut out = Vec::new();
    let written = match arguments.output.format {
        VerdictFormat::Json => json::write(&report, &mut out),
        _ => text::write(&report, arguments.output.look(), &mut out),
    };
    written.expect("writing to memory does not fail");
    Ok(Answer { out, exit: verdict, verdict, essence })
}
