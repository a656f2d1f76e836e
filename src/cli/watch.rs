//! Asking again and again.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use patrolint::input::online::clock::{Stopwatch, now};

use crate::cli::input_options::InputOptions;
use crate::cli::output_options::{Answer, VerdictOutput};
use crate::cli::{Exit, Failure};

/// Options of the commands that can go on looking.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Live cluster")]
pub struct WatchOption {
    /// Look again every so many seconds, 5 by default, and print when the verdict changes; ends with Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "5",
          value_parser = crate::cli::online_options::seconds)]
    pub watch: Option<Duration>,
}

impl WatchOption {
    /// Answers once, or with --watch until nobody listens any more.
    ///
    /// # Errors
    ///
    /// What the first answer fails with; with --watch a failure is told and may pass.
    pub fn run(
        self,
        input: &InputOptions,
        output: &VerdictOutput,
        mut answer: impl FnMut() -> Result<Answer, Failure>,
    ) -> Result<Exit, Failure> {
        let Some(interval) = self.watch else {
            return output.deliver_answer(&answer()?);
        };
        input.need_online("--watch")?;
        let mut before = None;
        loop {
            let (told, essence) = match answer() {
                Ok(answer) => (Ok(answer.out), answer.essence),
                Err(failure) => (Err(failure.to_string()), failure.to_string()),
            };
            if before.as_ref() != Some(&essence) {
                let is_heard = match told {
                    Ok(out) => print_change(before.is_some(), output, &out)?,
                    Err(message) => writeln!(io::stderr(), "{} error: {message}", time()).is_ok(),
                };
                if !is_heard {
                    return Ok(Exit::Clean);
                }
                before = Some(essence);
            }
            std::thread::sleep(interval);
        }
    }
}

/// Asks until `is_so` of the answer or the time is over, and delivers the last one.
///
/// # Errors
///
/// Only failures until the end: the last of them.
pub fn wait(
    limit: Duration,
    output: &VerdictOutput,
    is_so: impl Fn(&Answer) -> bool,
    mut answer: impl FnMut() -> Result<Answer, Failure>,
) -> Result<Exit, Failure> {
    const INTERVAL: Duration = Duration::from_secs(1);
    let watch = Stopwatch::start();
    loop {
        let last = answer();
        let is_over = limit.as_millis() <= u128::from(watch.milliseconds());
        match last {
            Ok(answer) if is_so(&answer) => {
                output.deliver(&answer.out)?;
                return Ok(Exit::Clean);
            }
            Ok(answer) if is_over => {
                output.deliver(&answer.out)?;
                return Ok(Exit::Findings);
            }
            Err(failure) if is_over => return Err(failure),
            Ok(_) | Err(_) => std::thread::sleep(INTERVAL.min(limit)),
        }
    }
}

/// Prints an answer, and tells whether anybody is there to read it.
fn print_change(is_change: bool, output: &VerdictOutput, out: &[u8]) -> Result<bool, Failure> {
    if output.has_file() {
        output.deliver(out)?;
        return Ok(true);
    }
    let head = if is_change { format!("\n== {}: changed\n\n", time()) } else { String::new() };
    let head = if output.is_text() { head } else { String::new() };
    let mut stdout = io::stdout().lock();
    Ok(stdout.write_all(head.as_bytes()).and_then(|()| stdout.write_all(out)).and_then(|()| stdout.flush()).is_ok())
}

fn time() -> String {
    patrolint::model::time::format_time(now())
}
