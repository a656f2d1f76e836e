//! `patrolint schema`

use clap::{Args, ValueEnum};
use patrolint::model::config::schema::Document;
use patrolint::model::version::PatroniVersion;
use patrolint::report::json_schema::json_schema;
use patrolint::report::key_table::key_table;

use crate::cli::output_options::print;
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Which configuration to describe
    #[arg(value_enum, default_value = "local")]
    what: What,

    /// The Patroni release that reads it [default: the newest that patrolint knows]
    #[arg(long, value_name = "VERSION")]
    patroni_version: Option<PatroniVersion>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The node's own: patroni.yml
    Local,
    /// The cluster's: /config in the DCS, patronictl edit-config
    Dynamic,
    /// Every key of every release, as a table in Markdown
    Table,
}

/// Prints the schema.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let version = arguments.patroni_version.unwrap_or_else(PatroniVersion::newest);
    let text = match arguments.what {
        What::Local => format!("{:#}\n", json_schema(Document::Local, version)),
        What::Dynamic => format!("{:#}\n", json_schema(Document::Dynamic, version)),
        What::Table => key_table(),
    };
    print(text.as_bytes())?;
    Ok(Exit::Clean)
}
