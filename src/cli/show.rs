//! `patrolint show`

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use patrolint::input::offline;
use patrolint::input::source_map::SourceId;
use patrolint::model::config::effective::{DynamicUse, Environment, NodeConfiguration, nodes};
use patrolint::model::snapshot::{LocalConfiguration, Snapshot};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::document::is_local_key;
use patrolint::parse::tree::Node;
use patrolint::report::configuration::{Shown, json, yaml};
use patrolint::report::terminal::Look;

use crate::cli::input_options::InputOptions;
use crate::cli::output_options::Destination;
use crate::cli::{Exit, Failure};

/// Show what patrolint understands of the input
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
    let mut snapshot = arguments.snapshot()?;
    let environment = match &arguments.input.way.env_file {
        Some(name) => Some(read_environment(&mut snapshot, name)?),
        None => None,
    };
    let given = match &arguments.input.way.config {
        Some(path) => Some(read_directory(&mut snapshot, path)?),
        None => None,
    };
    let folders = if given.is_none() { read_folders_of_parts(&mut snapshot)? } else { Vec::new() };
    let version = arguments.input.one_release()?;
    let nodes = arguments.nodes(&snapshot, given.as_deref(), &folders, version)?;
    if nodes.is_empty() {
        Failure::new("the input holds no configuration file of Patroni").print();
        return Ok(Exit::Unjudged);
    }
    if 1 < nodes.len() && environment.is_some() {
        let names: Vec<_> = nodes.iter().filter_map(|node| node.name.clone()).collect();
        return Err(Failure::new("--env-file is that of one node, and the input holds several")
            .with_help(format!("choose with --node: {}", names.join(", "))));
    }
    let shown: Vec<Shown<'_>> = nodes
        .iter()
        .map(|node| Shown {
            node,
            environment: arguments.input.way.env_file.as_deref(),
            effective: node.effective(environment.as_ref()),
        })
        .collect();
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
    /// What the paths hold; with -c or --env-file there need not be any.
    fn snapshot(&self) -> Result<Snapshot, Failure> {
        let is_told = self.input.way.config.is_some() || self.input.way.env_file.is_some();
        if self.input.paths.is_empty() && is_told { Ok(Snapshot::default()) } else { self.input.load_whole() }
    }

    fn nodes<'a>(
        &self,
        snapshot: &'a Snapshot,
        given: Option<&'a [LocalConfiguration]>,
        folders: &'a [(String, Vec<LocalConfiguration>)],
        version: Option<PatroniVersion>,
    ) -> Result<Vec<NodeConfiguration<'a>>, Failure> {
        let of_parts =
            |parts: &'a [LocalConfiguration]| NodeConfiguration::new(snapshot, Some(parts.iter().collect()), version);
        let mut found = match given {
            Some(parts) => vec![of_parts(parts)],
            None if self.input.paths.is_empty() => vec![NodeConfiguration::new(snapshot, None, version)],
            None => {
                let is_whole = |node: &NodeConfiguration<'_>| {
                    let mut files = node.files.iter().flatten().map(|file| &snapshot.sources.get(file.source).name);
                    !files.any(|name| folders.iter().any(|(of_parts, _)| folder(name) == of_parts))
                };
                let whole = nodes(snapshot, version).into_iter().filter(is_whole);
                whole.chain(folders.iter().map(|(_, parts)| of_parts(parts))).collect()
            }
        };
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

/// Reads a file, or the files of a directory that Patroni would read, in its order.
fn read_directory(snapshot: &mut Snapshot, path: &str) -> Result<Vec<LocalConfiguration>, Failure> {
    let files = offline::read_configuration(path)?;
    Ok(files.into_iter().map(|file| snapshot.read_configuration(file)).collect())
}

/// Reads a file of environment variables.
fn read_environment(snapshot: &mut Snapshot, name: &str) -> Result<Environment, Failure> {
    let mut text = String::new();
    for file in offline::read(std::slice::from_ref(&name.to_owned()))? {
        text =
            String::from_utf8(file.bytes).map_err(|_| Failure::new(format!("cannot read {name}: it is not UTF-8")))?;
    }
    Ok(Environment::read(&mut snapshot.sources, name, &text))
}

/// Reads the folders whose files are parts of one configuration: several *.yml files beside each other with settings of
/// Patroni alone, at most one of which has a name and at most one a scope.
fn read_folders_of_parts(snapshot: &mut Snapshot) -> Result<Vec<(String, Vec<LocalConfiguration>)>, Failure> {
    let is_part = |name: &&str| name.ends_with(".yml") || name.ends_with(".yaml");
    let configurations =
        snapshot.configurations.iter().map(|configuration| &snapshot.sources.get(configuration.source).name);
    let candidates: BTreeSet<String> = configurations.map(|name| folder(name).to_owned()).collect();
    let others = snapshot.skipped.iter().map(|skipped| skipped.name.as_str());
    let files = snapshot.sources.iter().map(|(_, source)| source.name.as_str()).chain(others);
    let files: BTreeSet<&str> = files.filter(is_part).collect();
    let is_several = |candidate: &&String| 1 < files.iter().filter(|name| folder(name) == candidate.as_str()).count();
    let candidates: Vec<String> = candidates.iter().filter(is_several).cloned().collect();
    let is_known =
        |source: SourceId| snapshot.configurations.iter().any(|configuration| configuration.source == source);
    let known: BTreeSet<String> = snapshot
        .sources
        .iter()
        .filter(|(source, _)| is_known(*source))
        .map(|(_, source)| source.name.clone())
        .collect();
    let mut found = Vec::new();
    for folder in candidates {
        let parts = read_directory(snapshot, if folder.is_empty() { "." } else { &folder })?;
        let is_known = |file: &LocalConfiguration| known.contains(&snapshot.sources.get(file.source).name);
        if are_parts(&parts, is_known) {
            found.push((folder, parts));
        }
    }
    Ok(found)
}

/// Whether files make one configuration; what is not known to be one must hold settings of Patroni alone.
fn are_parts(files: &[LocalConfiguration], is_known: impl Fn(&LocalConfiguration) -> bool) -> bool {
    let count =
        |key| files.iter().filter(|file| file.document.as_ref().is_some_and(|it| it.get(key).is_some())).count();
    let is_patronis = |file: &LocalConfiguration| {
        let mapping = file.document.as_ref().and_then(Node::as_mapping);
        mapping.is_some_and(|mapping| mapping.effective().all(|entry| entry.key.as_str().is_some_and(is_local_key)))
    };
    1 < files.len()
        && count("name") <= 1
        && count("scope") <= 1
        && files.iter().all(|file| is_known(file) || is_patronis(file))
}

/// The part of a path before the last slash.
fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}
