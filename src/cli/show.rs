//! `patrolint show`

use clap::{Args, Subcommand, ValueEnum};
use patrolint::model::config::effective::{DynamicUse, NodeConfiguration, nodes};
use patrolint::model::snapshot::Snapshot;
use patrolint::model::version::PatroniVersion;
use patrolint::report::configuration::{Shown, json, yaml};
use patrolint::report::terminal::Look;

use crate::cli::input_options::InputOptions;
use crate::cli::output_options::Destination;
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Config(ConfigArguments),
}

/// Show the configuration that a node's Patroni uses, and where each value comes from
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
struct ConfigArguments {
    #[command(flatten)]
    input: InputOptions,

    /// The node to show, when the input holds several
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    node: Option<String>,

    /// Show this setting alone, and all that is written for it, for example postgresql.parameters.max_connections
    #[arg(long, value_name = "KEY", help_heading = "Output")]
    key: Option<String>,

    /// Form of the report
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    format: Format,

    #[command(flatten)]
    destination: Destination,
}

/// The forms of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// The same without colours, a document for each node
    Yaml,
    /// For programs; a versioned contract
    Json,
}

const AFTER_HELP: &str = "\
Directories:
  What -c names is read as Patroni reads its argument: all *.yml and *.yaml files of a directory,
  in the order of their names, make the configuration of one node.
  A directory among the PATHs holds files of any kind: each patroni.yml in it is a node of its own.
  But several *.yml files beside each other are parts of one configuration, as with -c, when they
  hold settings of Patroni alone, at most one of them a name, and at most one a scope.

Dynamic configuration:
  It is taken from a dump of the DCS or an answer of GET /config among the PATHs. Without one,
  bootstrap.dcs stands in for it.

Environment files:
  Lines of KEY=value; export is allowed; quotes and backslashes as in EnvironmentFile= of systemd.

Exit codes:
  0  the configuration is printed
  1  Patroni does not start with it, or rejects the dynamic configuration
  2  wrong usage, or an input that cannot be read or understood
  3  the input holds no configuration file

Examples:
  patrolint show config /etc/patroni.yml
  patrolint show config -c /etc/patroni.d --env-file /etc/default/patroni dump.json
  patrolint show config --node pg2 --key postgresql.parameters.max_connections capture/";

/// Shows it.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.what {
        What::Config(arguments) => show_config(arguments),
    }
}

fn show_config(arguments: &ConfigArguments) -> Result<Exit, Failure> {
    let version = arguments.input.one_release()?;
    let snapshot = arguments.input.load_whole_of(arguments.node.as_deref())?;
    let nodes = arguments.nodes(&snapshot, version)?;
    if nodes.is_empty() {
        Failure::new("the input holds no configuration file of Patroni").print();
        return Ok(Exit::Unjudged);
    }
    let shown: Vec<Shown<'_>> = nodes.iter().map(|node| Shown { node, effective: node.effective() }).collect();
    let mut out = Vec::new();
    let (key, sources) = (arguments.key.as_deref(), &snapshot.sources);
    let look = match arguments.format {
        Format::Text => arguments.destination.look(),
        Format::Yaml | Format::Json => Look::new(false, None),
    };
    let written = match (arguments.format, key) {
        (Format::Json, _) => json::write(&shown, key, sources, &mut out),
        (_, Some(key)) => yaml::write_key(&shown, key, sources, look, &mut out),
        (_, None) => yaml::write(&shown, sources, look, &mut out),
    };
    written.expect("writing to memory does not fail");
    arguments.destination.deliver(&out)?;
    let is_sound = |shown: &Shown<'_>| {
        shown.effective.as_ref().is_ok_and(|effective| !matches!(effective.dynamic, DynamicUse::Rejected(_)))
    };
    Ok(if shown.iter().all(is_sound) { Exit::Clean } else { Exit::Findings })
}

impl ConfigArguments {
    fn nodes<'a>(
        &self,
        snapshot: &'a Snapshot,
        version: Option<PatroniVersion>,
    ) -> Result<Vec<NodeConfiguration<'a>>, Failure> {
        let mut found = nodes(snapshot, version);
        if self.input.configuration.names_one() {
            found = found.pop().into_iter().collect();
        }
        if let Some(name) = &self.node {
            let known: Vec<String> = found.iter().filter_map(|node| node.name.clone()).collect();
            found.retain(|node| node.name.as_ref() == Some(name));
            if found.is_empty() {
                return Err(Failure::new(format!("no node {name} among the configuration files"))
                    .with_help(format!("they are of {}", known.join(", "))));
            }
        }
        Ok(found)
    }
}
