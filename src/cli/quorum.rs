//! `patrolint quorum`

use clap::Args;
use patrolint::decision::prediction::facts::Facts;
use patrolint::decision::quorum::table;
use patrolint::report::quorum::{json, text};

use crate::cli::input_options::InputOptions;
use crate::cli::output_options::{Format, OutputOptions};
use crate::cli::{Exit, Failure};

/// Show which members count for commits and for elections, and what losses the cluster survives
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    input: InputOptions,

    #[command(flatten)]
    output: OutputOptions,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  the table is printed
  2  wrong usage, or an input that cannot be read or understood
  3  the input holds no DCS contents, so nothing can be said";

/// Makes the table and prints it.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let snapshot = arguments.input.load_whole()?;
    let cluster = arguments.input.only_cluster(&snapshot)?;
    let Some(dcs) = cluster.dcs.as_ref().filter(|dcs| dcs.keys.keys().any(|key| key.starts_with("members/"))) else {
        Failure::new(format!(
            "cluster {}: who counts is written in the DCS, and the input holds no keys of it",
            cluster.scope
        ))
        .with_help(format!("etcdctl get --prefix /{}/{}/ -w json", cluster.namespace, cluster.scope))
        .print();
        return Ok(Exit::Unjudged);
    };
    let facts = Facts::collect(cluster, arguments.input.one_release()?, None);
    let table = table(&facts).map_err(|raised| {
        Failure::new(format!("cluster {}: Patroni itself cannot load these keys: {raised}", cluster.scope))
    })?;
    let mut out = Vec::new();
    let written = match arguments.output.format {
        Format::Text => text::write(&table, &dcs.servers, arguments.output.look().palette, &mut out),
        Format::Json => json::write(&table, &dcs.servers, &mut out),
    };
    written.expect("writing to memory does not fail");
    arguments.output.deliver(&out)?;
    Ok(Exit::Clean)
}
