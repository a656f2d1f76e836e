//! Where the report goes and how it looks.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use patrolint::report::terminal::Look;

use crate::cli::Failure;

/// Options of every command that prints a report.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Form of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    #[command(flatten)]
    pub destination: Destination,
}

/// Where a report goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Destination {
    /// Write the report to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,

    #[command(flatten)]
    color: ColorOption,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct ColorOption {
    /// Use colours: auto does on a terminal, unless NO_COLOR is set
    #[arg(long = "color", value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub when: Color,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs; a versioned contract
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Also in files and pipes
    Always,
    /// Nowhere
    Never,
}

impl OutputOptions {
    /// How text is laid out where it goes.
    pub fn look(&self) -> Look {
        self.destination.look()
    }

    /// Writes the whole report.
    ///
    /// # Errors
    ///
    /// The environment's: the file or standard output cannot be written. A reader that went away is none.
    pub fn deliver(&self, report: &[u8]) -> Result<(), Failure> {
        self.destination.deliver(report)
    }
}

impl Destination {
    /// How text is laid out where it goes.
    pub fn look(&self) -> Look {
        self.color.look(self.output.is_none() && io::stdout().is_terminal())
    }

    /// Writes the whole report.
    ///
    /// # Errors
    ///
    /// The environment's: the file or standard output cannot be written. A reader that went away is none.
    pub fn deliver(&self, report: &[u8]) -> Result<(), Failure> {
        match &self.output {
            Some(name) => {
                std::fs::write(name, report).map_err(|error| Failure::new(format!("cannot write {name}: {error}")))
            }
            None => print(report),
        }
    }
}

impl ColorOption {
    /// How text is laid out on standard output.
    pub fn look_of_stdout(self) -> Look {
        self.look(io::stdout().is_terminal())
    }

    fn look(self, is_terminal: bool) -> Look {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = match self.when {
            Color::Auto => is_terminal && !is_set("NO_COLOR") && !is_dumb,
            Color::Always => true,
            Color::Never => false,
        };
        let width = is_terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| usize::from(width.0));
        Look::new(color, width)
    }
}

/// Writes to standard output. A reader that went away, as `head` does, has read what it wanted.
///
/// # Errors
///
/// The environment's: standard output cannot be written.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
