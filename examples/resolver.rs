//! Reads states (JSON lines) on standard input and writes what patrolint says that Patroni's resolver yields, in the form
//! of `tests/oracle/record_resolver.py`.
//!
//! `cargo run --release --example resolver -- --patroni-version 4.1.5 < states.jsonl > answers.jsonl`

use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

use patrolint::decision::case_insensitive_set::CaseInsensitiveSet;
use patrolint::decision::quorum_state::{QuorumState, Transition};
use patrolint::model::behaviour::Behaviours;
use patrolint::model::version::PatroniVersion;
use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let version = match arguments.as_slice() {
        [option, version] if option == "--patroni-version" => version.parse::<PatroniVersion>(),
        _ => {
            eprintln!("usage: resolver --patroni-version VERSION < states.jsonl");
            return ExitCode::from(2);
        }
    };
    let result = match version {
        Ok(version) => run(version, io::stdin().lock(), BufWriter::new(io::stdout().lock())),
        Err(error) => Err(io::Error::other(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(version: PatroniVersion, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.lines() {
        let state: Value = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut output, &answer(version, &state))?;
        output.write_all(b"\n")?;
    }
    output.flush()
}

/// The answer for one state; a field that is missing or of another type counts as empty or 0.
pub fn answer(version: PatroniVersion, state: &Value) -> Value {
    let resolution = self::state(state).resolve(Behaviours::of(version));
    let mut answer = match &resolution.transitions {
        Ok(transitions) => json!({"transitions": transitions.iter().map(shown).collect::<Vec<_>>()}),
        Err(error) => json!({"exception": format!("{}: {error}", error.class())}),
    };
    if let Some(warning) = &resolution.warning {
        answer["warning"] = json!(warning.to_string());
    }
    answer
}

fn state(state: &Value) -> QuorumState {
    let text = |field: &str| state[field].as_str().unwrap_or_default().to_owned();
    let number = |field: &str| i128::from(state[field].as_i64().unwrap_or_default());
    let names = |field: &str| -> CaseInsensitiveSet {
        state[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    QuorumState {
        leader: text("leader"),
        quorum: number("quorum"),
        voters: names("voters"),
        numsync: number("numsync"),
        sync: names("sync"),
        numsync_confirmed: number("numsync_confirmed"),
        active: names("active"),
        sync_wanted: number("sync_wanted"),
        leader_wanted: text("leader_wanted"),
    }
}

fn shown(transition: &Transition) -> Value {
    // Numbers as wide as these are not in the states of the records; JSON as serde_json has it ends at 64 bits.
    let num = i64::try_from(transition.num).ok();
    json!([transition.kind.name(), transition.leader, num, transition.names.sorted()])
}
