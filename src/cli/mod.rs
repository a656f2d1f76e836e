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

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand};
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
    let result = arguments.command.run();
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

/// The subcommands. Their options are described to clap when they are the ones that were asked for: to describe all takes a
/// good part of a cold start.
macro_rules! commands {
    ($(#[doc = $about:literal] $(#[cfg($condition:meta)])? $name:literal $variant:ident($module:ident),)*) => {
        #[derive(Debug)]
        enum Command {
            $(#[doc = $about] $(#[cfg($condition)])? $variant($module::Arguments),)*
        }

        impl Command {
            fn run(&self) -> Result<Exit, Failure> {
                match self {
                    $($(#[cfg($condition)])? Self::$variant(arguments) => $module::run(arguments),)*
                }
            }
        }

        impl FromArgMatches for Command {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                match matches.subcommand() {
                    $($(#[cfg($condition)])? Some(($name, matches)) => {
                        $module::Arguments::from_arg_matches(matches).map(Self::$variant)
                    })*
                    _ => Err(clap::Error::new(ErrorKind::MissingSubcommand)),
                }
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                Self::from_arg_matches(matches).map(|command| *self = command)
            }
        }

        impl Subcommand for Command {
            fn augment_subcommands(parent: clap::Command) -> clap::Command {
                $($(#[cfg($condition)])?
                let parent = {
                    let command = clap::Command::new($name).about($about.trim_start());
                    // The doc comments of groups of options are not what the command is about.
                    parent.subcommand(command.defer(|command| {
                        $module::Arguments::augment_args(command).about($about.trim_start())
                    }))
                };)*
                parent
            }

            fn augment_subcommands_for_update(parent: clap::Command) -> clap::Command {
                Self::augment_subcommands(parent)
            }

            fn has_subcommand(name: &str) -> bool {
                Self::augment_subcommands(clap::Command::default()).find_subcommand(name).is_some()
            }
        }
    };
}

commands! {
    /// Say what is wrong with configuration and cluster state, and where
    "check" Check(check),
    /// Say what Patroni would do: refuse or not, at which gate, why, and who would win
    "predict" Predict(predict),
    /// Say what a configuration change does: live, with a reload, with a restart, or nothing, and on which nodes
    "diff" Diff(diff),
    /// Show which members count for commits and for elections, and what losses the cluster survives
    "quorum" Quorum(quorum),
    /// Show what patrolint understands of the input
    "show" Show(show),
    /// Keep what a live cluster tells in one file, without its secrets, for every other command to read
    #[cfg(feature = "online")]
    "capture" Capture(capture),
    /// Show a rule's page: what it finds, why it matters, how to fix it
    "explain" Explain(explain),
    /// List all rules: code, name, severity, what each finds
    "rules" Rules(rules),
    /// Print a JSON Schema of Patroni's configuration, for editors
    "schema" Schema(schema),
    /// Print a completion script for a shell
    "completions" Completions(completions),
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
