//! `patrolint completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::output_options::print;
use crate::cli::{CommandLine, Exit, Failure};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut out = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "patrolint", &mut out);
    print(&out)?;
    Ok(Exit::Clean)
}
