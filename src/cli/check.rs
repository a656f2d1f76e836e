//! `patrolint check`

use clap::Args;
use patrolint::report::check::text::Detail;
use patrolint::report::check::{Report, json, text};
use patrolint::report::monitoring;
use patrolint::rules::Options;

use crate::cli::input_options::{InputOptions, PostgresOption};
use crate::cli::output_options::{Answer, VerdictFormat, VerdictOutput};
use crate::cli::rule_options::{FailOn, RuleOptions};
#[cfg(feature = "online")]
use crate::cli::watch::WatchOption;
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    input: InputOptions,

    #[command(flatten)]
    postgres: PostgresOption,

    #[command(flatten)]
    output: VerdictOutput,

    #[cfg(feature = "online")]
    #[command(flatten)]
    watch: WatchOption,

    /// Exit with 1 when a finding is at least this bad
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Error, help_heading = "Judgement")]
    fail_on: FailOn,

    #[command(flatten)]
    rules: RuleOptions,

    /// Print findings only, no summary
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,

    /// Also tell what was read, and what was not used and why
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  no finding at or above --fail-on
  1  a finding at or above --fail-on
  2  wrong usage, or an input that cannot be read or understood; what could be judged is still reported
  3  not a single rule could be judged on this input

Directories:
  What -c names is read as Patroni reads its argument: all *.yml and *.yaml files of a directory,
  in the order of their names, make the configuration of one node. A directory among the PATHs
  holds files of any kind, as \"patrolint show config --help\" tells.

Rules that miss a part of the input, such as REST answers, are named in the report and change no exit code.

Examples:
  patrolint check patroni.yml
  patrolint check --fail-on warning --format json /etc/patroni/
  patrolint check -c /etc/patroni.d --env-file /etc/default/patroni
  etcdctl get --prefix /service/demo/ -w json | patrolint check - patroni.yml";

/// Runs all rules on all inputs and prints the report.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    #[cfg(feature = "online")]
    return arguments.watch.run(&arguments.input, &arguments.output, || answer(arguments));
    #[cfg(not(feature = "online"))]
    return arguments.output.deliver_answer(&answer(arguments)?);
}

fn answer(arguments: &Arguments) -> Result<Answer, Failure> {
    let snapshot = arguments.input.load()?;
    let registry = arguments.rules.registry()?;
    let options = Options {
        patroni_version: arguments.input.one_release()?.map(|version| version.to_string()),
        postgres_version: arguments.postgres.postgres_version,
    };
    let (judgements, suppressed) = patrolint::rules::check_and_count(&registry, &snapshot, &options);
    let report = Report::new(&snapshot, judgements, suppressed);
    for problem in &snapshot.problems {
        Failure::from(problem.clone()).print();
    }
    let verdict = if !snapshot.problems.is_empty() {
        Exit::Failed
    } else if arguments.fail_on.threshold().is_some_and(|severity| report.reaches(severity)) {
        Exit::Findings
    } else if report.is_unjudged() {
        Exit::Unjudged
    } else {
        Exit::Clean
    };
    let findings = report.findings.iter().map(|finding| format!("{} {}\n", finding.code, finding.message));
    let essence = findings.collect();
    if let Some((out, exit)) = arguments.output.monitored(|| monitoring::check::service(&report), verdict) {
        return Ok(Answer { out, exit, verdict, essence });
    }
    let mut out = Vec::new();
    let written = match arguments.output.format {
        VerdictFormat::Json => json::write(&report, &mut out),
        _ => text::write(&report, arguments.output.look(), arguments.detail(), &mut out),
    };
    written.expect("writing to memory does not fail");
    Ok(Answer { out, exit: verdict, verdict, essence })
}

impl Arguments {
    /// Where and how it is printed.
    pub fn output(&self) -> &VerdictOutput {
        &self.output
    }

    fn detail(&self) -> Detail {
        match (self.quiet, self.verbose) {
            (true, _) => Detail::Findings,
            (false, false) => Detail::Summary,
            (false, true) => Detail::Everything,
        }
    }
}
