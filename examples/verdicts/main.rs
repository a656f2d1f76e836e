//! Reads the oracle's scenarios (JSON lines) on standard input and writes patrolint's verdicts, in the bytes that
//! `tests/oracle/run_oracle.py` writes when Patroni decides the same.
//!
//! `cargo run --release --example verdicts -- --patroni-version 4.0.6 < scenarios.jsonl > verdicts.jsonl`

mod gates;
pub mod json;
pub mod scenario;
mod status;
mod sync;

use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

use patrolint::model::behaviour::Behaviours;
use patrolint::model::cluster::FailoverKey;
use patrolint::model::version::PatroniVersion;
use patrolint::parse::json::parse;

pub use json::Json;
use scenario::{NOWHERE, Scenario};

/// Scenarios are thousands of small trees: glibc's own allocator takes a third of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The parts of a verdict, as `--only` names them.
pub const PARTS: &[&str] = &["status", "api", "leader", "shutdown", "race", "ctl", "sync"];

fn main() -> ExitCode {
    let mut version = None;
    let mut parts = PARTS.to_vec();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for pair in arguments.chunks(2) {
        let known = match pair {
            [option, value] if option == "--patroni-version" => {
                version = value.parse::<PatroniVersion>().ok();
                version.is_some()
            }
            [option, value] if option == "--only" => {
                parts = PARTS.iter().copied().filter(|part| value.split(',').any(|name| name == *part)).collect();
                value.split(',').all(|name| PARTS.contains(&name))
            }
            _ => false,
        };
        if !known {
            version = None;
            break;
        }
    }
    let Some(version) = version else {
        eprintln!("usage: verdicts --patroni-version VERSION [--only {}] < scenarios.jsonl", PARTS.join(","));
        return ExitCode::from(2);
    };
    match run(version, &parts, io::stdin().lock(), BufWriter::new(io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(version: PatroniVersion, parts: &[&str], mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut line = String::new();
    let mut out = Json::default();
    let mut number = 0;
    while 0 < input.read_line(&mut line)? {
        number += 1;
        if !line.trim().is_empty() {
            out.text.clear();
            write_verdict(version, Behaviours::of(version), parts, &line, &mut out)
                .map_err(|error| io::Error::other(format!("line {number}: {error}")))?;
            out.text.push('\n');
            output.write_all(out.text.as_bytes())?;
        }
        line.clear();
    }
    output.flush()
}

/// Writes the verdict on the scenario in `line`, for a release whose behaviours may have been changed.
///
/// # Errors
///
/// The line is no JSON.
pub fn write_verdict(
    version: PatroniVersion,
    behaviours: Behaviours,
    parts: &[&str],
    line: &str,
    out: &mut Json,
) -> io::Result<()> {
    let line = parse(NOWHERE, line.trim()).map_err(|error| io::Error::other(error.message))?;
    let scenario = Scenario::read(version, behaviours, &line);
    out.begin('{');
    match &scenario.world.cluster {
        Err(raised) => {
            write_id(&scenario, out);
            gates::load_error(version, raised, out);
        }
        Ok(_) => write_parts(&scenario, parts, out),
    }
    out.text_field("version", &version.to_string());
    out.end('}');
    Ok(())
}

/// The parts in the order of their names.
fn write_parts(scenario: &Scenario<'_>, parts: &[&str], out: &mut Json) {
    let asks = |part: &str| parts.contains(&part);
    let pending = scenario.keys.get("failover").map(|key| key.value.0.clone());
    let is_pending = scenario.world.cluster.as_ref().is_ok_and(|cluster| {
        // An empty request, such as the `{}` that Patroni leaves behind, counts as none.
        cluster.failover.as_ref().is_some_and(FailoverKey::is_requested)
    });
    let overwrites = scenario.line.get("overwrite").is_some_and(|flag| patrolint::parse::python::truthy(&flag.value));
    let failover = match &scenario.action {
        Some((_, request)) if overwrites || !is_pending => Some(gates::written_key(request, scenario.now)),
        _ => pending,
    };
    let answers = scenario.answers(None);
    let (observer, local) = scenario.observer();
    let observer = (observer, &local);
    if let Some((kind, request)) = &scenario.action {
        if asks("api") {
            let body = scenario.request_body();
            out.field("api", |out| gates::api(scenario, observer, &answers, *kind, (request, body.as_ref()), out));
        }
        if asks("ctl") {
            out.field("ctl", |out| gates::ctl(scenario, *kind, request, out));
        }
    }
    write_id(scenario, out);
    let requested = failover.as_deref().map(|failover| scenario.world.with_failover(failover));
    if asks("leader") {
        out.field("leader", |out| gates::leader(scenario, requested.as_ref(), &answers, out));
    }
    out.field("load_logs", |out| out.strings([]));
    if asks("race") {
        out.field("race", |out| gates::race(scenario, requested.as_ref(), out));
    }
    if let (true, Some(requested)) = (asks("shutdown"), &requested) {
        gates::shutdown(scenario, requested, out);
    }
    if asks("status") {
        out.field("status", |out| status::write(scenario, observer, &answers, out));
    }
    if asks("sync") {
        sync::write(scenario, out);
    }
}

fn write_id(scenario: &Scenario<'_>, out: &mut Json) {
    out.key("id");
    match scenario.line.get("id") {
        Some(id) => out.node(id),
        None => out.null(),
    }
}
