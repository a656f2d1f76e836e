//! patrolint: ask what Patroni would do, before asking Patroni to do it.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os()).into()
}
