//! Where the report goes and how it looks.

use std::fs;
use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use patrolint::report::monitoring::{Service, State, write_nagios, write_prometheus};
use patrolint::report::terminal::Look;

use crate::cli::{Exit, Failure};

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

/// Options of the commands whose answer is a verdict, which monitoring systems take, too.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct VerdictOutput {
    /// Form of the report
    #[arg(long, value_enum, default_value_t = VerdictFormat::Text)]
    pub format: VerdictFormat,

    #[command(flatten)]
    pub destination: Destination,
}

/// The forms of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerdictFormat {
    /// For people
    Text,
    /// For programs; a versioned contract
    Json,
    /// The output and the exit code of a Nagios plugin
    Nagios,
    /// Metrics for the textfile collector of Prometheus' node exporter
    Prometheus,
}

/// What a command has to say.
pub struct Answer {
    /// The report.
    pub out: Vec<u8>,
    /// The exit code.
    pub exit: Exit,
    /// The exit code that a report for people would have.
    #[cfg_attr(not(feature = "online"), expect(dead_code, reason = "a live cluster alone needs it"))]
    pub verdict: Exit,
    /// The verdict without what changes all the time, such as positions.
    #[cfg_attr(not(feature = "online"), expect(dead_code, reason = "a live cluster alone needs it"))]
    pub essence: String,
}

impl VerdictOutput {
    /// How text is laid out where it goes.
    pub fn look(&self) -> Look {
        self.destination.look()
    }

    /// Whether people read it.
    #[cfg_attr(not(feature = "online"), expect(dead_code, reason = "a live cluster alone needs it"))]
    pub fn is_text(&self) -> bool {
        self.format == VerdictFormat::Text
    }

    /// Whether a file is written.
    #[cfg_attr(not(feature = "online"), expect(dead_code, reason = "a live cluster alone needs it"))]
    pub fn has_file(&self) -> bool {
        self.destination.output.is_some()
    }

    /// The report of a service for monitoring, and the exit code that goes with it; `None`: another form is asked for.
    pub fn monitored(&self, service: impl FnOnce() -> Service, exit: Exit) -> Option<(Vec<u8>, Exit)> {
        let mut out = Vec::new();
        let (written, exit) = match self.format {
            VerdictFormat::Text | VerdictFormat::Json => return None,
            VerdictFormat::Nagios => {
                let service = service();
                (write_nagios(&service, &mut out), Exit::of_state(service.state))
            }
            VerdictFormat::Prometheus => (write_prometheus(&service(), &mut out), exit),
        };
        written.expect("writing to memory does not fail");
        Some((out, exit))
    }

    /// Writes the whole report.
    ///
    /// # Errors
    ///
    /// As [`Destination::deliver`].
    pub fn deliver(&self, report: &[u8]) -> Result<(), Failure> {
        self.destination.deliver(report)
    }

    /// Writes the report and gives the exit code.
    ///
    /// # Errors
    ///
    /// As [`Destination::deliver`].
    pub fn deliver_answer(&self, answer: &Answer) -> Result<Exit, Failure> {
        self.deliver(&answer.out)?;
        Ok(answer.exit)
    }

    /// Tells of a failure in the form that was asked for, and gives the exit code.
    pub fn fail(&self, failure: &Failure) -> Exit {
        failure.print();
        if self.format != VerdictFormat::Nagios {
            return Exit::Failed;
        }
        let service = Service {
            scope: String::new(),
            state: State::Unknown,
            summary: failure.to_string(),
            details: Vec::new(),
            metrics: Vec::new(),
        };
        let mut out = Vec::new();
        write_nagios(&service, &mut out).expect("writing to memory does not fail");
        // Nobody is left to be told when standard output cannot be written either.
        let _ = self.deliver(&out);
        Exit::Unjudged
    }
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
            Some(name) => replace(name, report).map_err(|error| Failure::new(format!("cannot write {name}: {error}"))),
            None => print(report),
        }
    }
}

/// Writes a file so that whoever reads it sees the old content or the new one, and nothing between.
fn replace(name: &str, content: &[u8]) -> io::Result<()> {
    let is_special = fs::symlink_metadata(name).is_ok_and(|metadata| !metadata.is_file());
    if is_special {
        return fs::write(name, content);
    }
    let beside = format!("{name}.{}.tmp", std::process::id());
    let written = fs::write(&beside, content).and_then(|()| match fs::metadata(name) {
        Ok(metadata) => fs::set_permissions(&beside, metadata.permissions()),
        Err(_) => Ok(()),
    });
    written.and_then(|()| fs::rename(&beside, name)).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
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
