//! The command line: arguments in, exit code out, one file per subcommand. No analysis here.

#[cfg(feature = "online")]
mod capture;
mod check;
mod completions;
mod configuration_options;
mod diff;
mod explain;
mod input_options;
#[cfg(feature = "online")]
mod online_options;
mod output_options;
mod predict;
mod quorum;
mod rule_options;
mod rules;
mod schema;
mod show;
#[cfg(feature = "online")]
mod watch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use patrolint::report::monitoring::State;
use patrolint::report::terminal::printable;

use crate::cli::output_options::VerdictOutput;

/// Runs the command line and tells how it went. Errors are printed to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match CommandLine::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_answer = !error.use_stderr();
            // Nobody is left to be told when help or a usage error cannot be printed.
            let _ = error.print();
            return if is_answer { Exit::Clean } else { Exit::Failed };
        }
    };
    let result = match &arguments.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Predict(arguments) => predict::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Quorum(arguments) => quorum::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        #[cfg(feature = "online")]
        Command::Capture(arguments) => capture::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Rules(arguments) => rules::run(arguments),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
    };
    result.unwrap_or_else(|failure| match arguments.command.verdict_output() {
        Some(output) => output.fail(&failure),
        None => {
            failure.print();
            Exit::Failed
        }
    })
}

/// Ask what Patroni would do, before asking Patroni to do it.
///
/// patrolint reads Patroni configuration and what a cluster keeps in its DCS, from files or with --online from the live
/// cluster, and says what is wrong with it. It changes nothing, opens no connection unasked, and shows no password.
#[derive(Debug, Parser)]
#[command(name = "patrolint", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = EXIT_CODES)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Predict(predict::Arguments),
    Diff(diff::Arguments),
    Quorum(quorum::Arguments),
    Show(show::Arguments),
    #[cfg(feature = "online")]
    Capture(capture::Arguments),
    Explain(explain::Arguments),
    Rules(rules::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
}

impl Command {
    /// The output options of a command whose answer is a verdict.
    fn verdict_output(&self) -> Option<&VerdictOutput> {
        match self {
            Self::Check(arguments) => Some(arguments.output()),
            Self::Predict(arguments) => Some(arguments.output()),
            Self::Quorum(arguments) => Some(arguments.output()),
            _ => None,
        }
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 nothing wrong, 1 something is, 2 the command could not do its work, 3 the input does not tell.";

/// How a run went; the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing at or above the threshold.
    Clean = 0,
    /// Findings.
    Findings = 1,
    /// Wrong usage, or an input or output that does not work.
    Failed = 2,
    /// What was asked could not be judged.
    Unjudged = 3,
}

impl Exit {
    /// The exit code of a Nagios plugin: 0 ok, 1 warning, 2 critical, 3 unknown.
    fn of_state(state: State) -> Self {
        match state {
            State::Ok => Self::Clean,
            State::Warning => Self::Findings,
            State::Critical => Self::Failed,
            State::Unknown => Self::Unjudged,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command cannot do its work: wrong usage, or an input or output that does not work.
#[derive(Debug)]
pub struct Failure {
    message: String,
    help: Option<String>,
}

impl Failure {
    /// A message in lower case without a final period, which names the thing that does not work.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// Adds what to do.
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Prints `error: …` and, if there is one, `help: …` to standard error.
    pub fn print(&self) {
        self.print_as("error");
    }

    /// Prints `warning: …` for what does not stop the work.
    #[cfg_attr(not(feature = "online"), expect(dead_code, reason = "a live cluster alone needs it"))]
    pub fn warn(&self) {
        self.print_as("warning");
    }

    fn print_as(&self, kind: &str) {
        let mut text = format!("{kind}: {}\n", printable(&self.message));
        if let Some(help) = &self.help {
            text.push_str(&format!("help: {}\n", printable(help)));
        }
        // Nobody is left to be told when standard error cannot be written.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl<E: miette::Diagnostic> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { message: error.to_string(), help: error.help().map(|help| help.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_and_option_is_documented() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} says nothing of itself", command.get_name());
            for argument in command.get_arguments() {
                let name = format!("{} {}", command.get_name(), argument.get_id());
                let help = argument.get_help().unwrap_or_else(|| panic!("{name} has no help")).to_string();
                assert!(help.chars().next().is_some_and(char::is_uppercase), "{name}: {help}");
                assert!(!help.ends_with('.'), "{name}: {help}");
            }
            command.get_subcommands().for_each(check);
        }
        let mut command = CommandLine::command();
        command.build();
        command.clone().debug_assert();
        check(&command);
    }
}
